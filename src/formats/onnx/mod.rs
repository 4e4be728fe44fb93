//! ONNX files: `torch.onnx.export`, tf2onnx and many others write them.
//!
//! Such a file is one protobuf message with a graph of standard operators and the weights between them; large weights may lie in
//! files beside it. Every operator is lowered to ATen's; shapes that the file computes are computed at load where they are
//! known, and by the graph where they depend on the input's size.

mod call;
mod emit;
mod error;
mod fold;
mod input;
mod lower;
mod names;
mod operators;
mod proto;
mod reader;
mod sizes;
mod tensor;
mod values;
mod wire;

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

pub use error::OnnxError;
pub use input::OnnxInput;

use crate::model::Graph;
use crate::model::graph::{Argument, DType, Operator};
use error::Result;
use lower::Lowering;
use proto::Dimension;
use values::{Dim, Known, Tensor};

/// A network of an ONNX file.
#[derive(Debug)]
pub struct OnnxModel {
    /// The graph with its weights.
    pub graph: Graph,
    /// Who wrote the file: `pytorch`.
    pub producer: String,
    /// Version of the standard's operators.
    pub opset: i64,
    /// Texts that the file says about itself.
    pub metadata: Vec<(String, String)>,
    /// Names of the inputs, in the graph's order.
    pub inputs: Vec<String>,
    /// Names of the outputs, in the graph's order.
    pub outputs: Vec<String>,
}

/// Whether a file begins as an ONNX file does: fields of a model, among them a version of the format and a graph.
pub fn is_onnx(file: &mut (impl Read + Seek)) -> bool {
    let told = look(file).unwrap_or(false);
    file.seek(SeekFrom::Start(0)).is_ok() && told
}

fn look(file: &mut (impl Read + Seek)) -> std::io::Result<bool> {
    let (mut version, mut graph) = (false, false);
    while let Some(key) = varint(file)? {
        let (number, kind) = (key >> 3, key & 7);
        match (number, kind) {
            (1 | 5, 0) => {
                let told = varint(file)?;
                version |= number == 1 && told.is_some_and(|told| (1..=1000).contains(&told));
            }
            (2..=4 | 6 | 7 | 8 | 14 | 20 | 25 | 26, 2) => {
                let Some(length) = varint(file)?.and_then(|length| i64::try_from(length).ok()) else {
                    return Ok(false);
                };
                graph |= number == 7;
                if version && graph {
                    return Ok(true);
                }
                file.seek(SeekFrom::Current(length))?;
            }
            _ => return Ok(false),
        }
    }
    Ok(version && graph)
}

fn varint(file: &mut impl Read) -> std::io::Result<Option<u64>> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        if file.read(&mut byte)? == 0 {
            return Ok(None);
        }
        number |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// Opens a file as a network that takes one picture. Its graph takes N×C×H×W of any N, whatever the file was made with.
///
/// # Errors
/// One line that says what is wrong or what cannot be run; the caller names the file.
pub fn open(path: &Path) -> Result<(OnnxModel, OnnxInput)> {
    let unreadable = |error: std::io::Error| OnnxError::Unreadable(format!("it cannot be read ({error})"));
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
    let (model, store) = parse(std::fs::read(path).map_err(unreadable)?, Some(folder))?;
    let input = input::picture(&model.graph)?;
    let mut lowering = Lowering::new(&model, store);
    bind_picture(&mut lowering, &model, &input);
    Ok((finish(lowering, &model, vec![input.name.clone()])?, input))
}

/// Reads any graph, with as many inputs as it has and of the types that it declares. `folder` is where its external data is.
///
/// # Errors
/// As [`open`].
pub fn read(file: Vec<u8>, folder: Option<PathBuf>) -> Result<OnnxModel> {
    let (model, store) = parse(file, folder)?;
    let mut lowering = Lowering::new(&model, store);
    let mut names = Vec::new();
    for input in input::fed(&model.graph) {
        let kind = input.tensor.as_ref();
        let missing = |what: &str| {
            OnnxError::OtherKind(format!("its input {} has no {what}", crate::model::printable(&input.name)))
        };
        let kind = kind.ok_or_else(|| missing("tensor type"))?;
        let shape = kind.shape.as_ref().ok_or_else(|| missing("shape"))?;
        let dtype = tensor::dtype(kind.data_type).map_err(|reason| OnnxError::tensor(&input.name, reason))?;
        let sizes = shape.iter().map(|dimension| match dimension {
            Dimension::Fixed(size) => values::of_size(*size),
            Dimension::Named(_) | Dimension::Open => Dim::Open,
        });
        let sizes = sizes.collect();
        let value = lowering.graph.value(input.name.clone());
        lowering.graph.inputs.push(value);
        let fed = of_width(&mut lowering, Tensor { value, dtype, sizes }, Some(dtype));
        lowering.bind(&input.name, Known::Tensor(fed));
        names.push(input.name.clone());
    }
    finish(lowering, &model, names)
}

fn parse(file: Vec<u8>, folder: Option<PathBuf>) -> Result<(proto::Model, tensor::Store)> {
    let mut model = proto::Model::read(&file)?;
    let file = tensor::align(file, &mut model);
    Ok((model, tensor::Store::new(file, folder)))
}

/// The picture as the graph is fed with it, N×C×H×W of real numbers, and as the file has it.
fn bind_picture(lowering: &mut Lowering, model: &proto::Model, input: &OnnxInput) {
    let size = |size: Option<usize>| size.map_or(Dim::Open, |size| Dim::Fixed(size as i64));
    let value = lowering.graph.value(input.name.clone());
    lowering.graph.inputs.push(value);
    let sizes = vec![Dim::Batch(1), Dim::Fixed(input.channels as i64), size(input.height), size(input.width)];
    let told = input::fed(&model.graph).first().and_then(|input| tensor::dtype(input.tensor.as_ref()?.data_type).ok());
    let mut fed = of_width(lowering, Tensor { value, dtype: DType::Float32, sizes }, told);
    if input.channels_last {
        let order = [0, 2, 3, 1];
        let arguments = [("self", fed.value.into()), ("dims", Argument::ints(order))];
        let value = lowering.graph.call(&[], "input.permute", Operator::aten("permute", ""), arguments);
        let sizes = order.iter().map(|&axis| fed.sizes[axis as usize]).collect();
        lowering.permuted.insert(value, (fed.clone(), order.iter().map(|&axis| axis as usize).collect()));
        fed = Tensor { value, sizes, ..fed };
    }
    lowering.bind(&input.name, Known::Tensor(fed));
}

/// What is fed as real numbers, in the width that the file declares; whole numbers stay the real ones that they are fed as.
fn of_width(lowering: &mut Lowering, fed: Tensor, declared: Option<DType>) -> Tensor {
    let Some(dtype @ (DType::Float16 | DType::BFloat16 | DType::Float64)) = declared else { return fed };
    let arguments = [("self", fed.value.into()), ("dtype", Argument::DType(dtype))];
    let name = lowering.unique("input.to");
    let value = lowering.graph.call(&[], &name, Operator::aten("_to_copy", ""), arguments);
    Tensor { value, dtype, ..fed }
}

fn finish<'m>(mut lowering: Lowering<'m>, model: &'m proto::Model, inputs: Vec<String>) -> Result<OnnxModel> {
    lowering.body(&model.graph)?;
    let outputs = lowering.outputs_of(&model.graph)?;
    for output in &outputs {
        let tensor = lowering.tensor(output)?;
        lowering.graph.outputs.push(tensor.value);
    }
    let mut metadata: Vec<(String, String)> =
        model.metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    metadata.sort();
    Ok(OnnxModel {
        graph: lowering.graph,
        producer: model.producer.clone(),
        opset: model.opsets.version("").unwrap_or_default(),
        metadata,
        inputs,
        outputs: model.graph.outputs.iter().map(|output| output.name.clone()).collect(),
    })
}
