//! Of a convolution whose channels are the subject, only the channel that each picture grows for.

use tch::{Kind, Tensor};

use super::objective::{Objective, Subject};
use super::random::Lane;
use crate::aten::Value;
use crate::engine::{EngineError, NodeCall};
use crate::methods::{Network, node};
use crate::model::graph::{Argument, Node, NodeId, ValueId};

/// The nodes from the last convolution to the layer, where what each of them gives for a channel depends on that channel alone.
///
/// The convolution is then a product of K×C weights with C×H·W values for the K = kh·kw places of a single kernel, whose rows
/// are added up where the places lie: as many times less work as the convolution has channels.
#[derive(Debug)]
pub(super) struct OwnChannel {
    convolution: NodeId,
    norms: Vec<NodeId>,
    /// Channels of the convolution.
    pub(super) channels: usize,
}

impl OwnChannel {
    /// `None` where a channel of the subject needs more than itself.
    pub(super) fn find(network: &Network, subject: &Subject) -> Option<Self> {
        let of_one = matches!(subject.objective, Objective::Channel | Objective::Neuron) && subject.diversity.is_none();
        let graph = network.engine.graph();
        let makers = node::makers(graph);
        let mut norms = Vec::new();
        let mut value = subject.place.tap.value;
        // What is made slice by slice has no channel that one operator makes.
        let whole = subject.place.tap.after.is_none_or(|after| makers.get(&value) == Some(&after));
        if !of_one || !whole {
            return None;
        }
        loop {
            let id = *makers.get(&value)?;
            let node = &graph.nodes[id.0];
            match node::operator(node) {
                "conv2d" | "convolution" => {
                    let weight = network.engine.weight(node::value(node, "weight")?)?;
                    let full = matches!(weight.kind(), Kind::Float | Kind::Double);
                    let channels = usize::try_from(*weight.size().first()?).ok()?;
                    let kernel = weight.size().get(2..).map(<[i64]>::to_vec)?;
                    let usable = full && border(node, &kernel).is_some();
                    return usable.then_some(Self { convolution: id, norms, channels });
                }
                "batch_norm" if !matches!(node::argument(node, "training"), Some(Argument::Bool(true))) => {
                    norms.push(id);
                    value = node::value(node, "input")?;
                }
                name if name != "expand" && node::is_elementwise(node) => value = only_value(node)?,
                _ => return None,
            }
        }
    }

    pub(super) fn takes(&self, id: NodeId) -> bool {
        id == self.convolution || self.norms.contains(&id)
    }

    /// What the node gives for the channel of each lane, N×1×H×W.
    pub(super) fn call(&self, id: NodeId, call: &NodeCall<'_>, lanes: &[Lane]) -> Result<Vec<Value>, EngineError> {
        let input = call.tensor("input").ok_or(EngineError::NoTensor)?;
        let channels: Vec<i64> = lanes.iter().map(|lane| lane.channel as i64).collect();
        let channels = Tensor::f_from_slice(&channels)?.f_to_device(input.device())?;
        let own = |parameter: &str| -> Result<Option<Tensor>, EngineError> {
            let chosen = call.tensor(parameter).map(|all| all.f_index_select(0, &channels)).transpose()?;
            Ok(chosen)
        };
        let column = |of: &Tensor| of.f_reshape([-1, 1, 1, 1]);
        if id == self.convolution {
            let weight = own("weight")?.ok_or(EngineError::NoTensor)?;
            let made = convolved(call.node(), &input, &weight)?;
            let made = match own("bias")? {
                Some(bias) => made.f_add(&column(&bias)?)?,
                None => made,
            };
            return Ok(vec![Value::Tensor(made)]);
        }
        let (Some(mean), Some(variance)) = (own("running_mean")?, own("running_var")?) else {
            return Err(EngineError::NoTensor);
        };
        let epsilon = node::float(call.node(), "eps").unwrap_or(1e-5);
        let scale = variance.f_add_scalar(epsilon)?.f_rsqrt()?;
        let scale = own("weight")?.map_or(Ok(scale.shallow_clone()), |weight| scale.f_mul(&weight))?;
        let made = input.f_sub(&column(&mean)?)?.f_mul(&column(&scale)?)?;
        let made = own("bias")?.map_or(Ok(made.shallow_clone()), |bias| made.f_add(&column(&bias)?))?;
        Ok(vec![Value::Tensor(made)])
    }
}

/// The value that an operator reads, where it reads no other.
fn only_value(node: &Node) -> Option<ValueId> {
    let mut read = Vec::new();
    node.arguments.iter().for_each(|(_, argument)| argument.for_each_value(&mut |value| read.push(value)));
    let &[value] = read.as_slice() else { return None };
    Some(value)
}

/// Rows and columns that a convolution adds on each side; `None` where it is not one of single steps over all channels.
fn border(node: &Node, kernel: &[i64]) -> Option<[i64; 2]> {
    let &[height, width] = kernel else { return None };
    let ones = |parameter: &str| node::pair(node, parameter, 1) == Some([1, 1]);
    let whole = node::argument(node, "groups").is_none() || node::int(node, "groups") == Some(1);
    let forward = !matches!(node::argument(node, "transposed"), Some(Argument::Bool(true)));
    if !(ones("stride") && ones("dilation") && whole && forward) {
        return None;
    }
    let border = match node::argument(node, "padding") {
        Some(Argument::String(word)) if word == "valid" => [0, 0],
        Some(Argument::String(word)) if word == "same" && height % 2 == 1 && width % 2 == 1 => [height / 2, width / 2],
        _ => node::pair(node, "padding", 0)?,
    };
    (border[0] < height && border[1] < width).then_some(border)
}

/// The convolution of picture n, C×H×W, with kernel n of `weight`, N×C×kh×kw: N×1×H'×W'.
fn convolved(node: &Node, input: &Tensor, weight: &Tensor) -> Result<Tensor, EngineError> {
    let (_, _, rows, columns) = input.size4()?;
    let (count, channels, height, width) = weight.size4()?;
    let border = border(node, &[height, width]).ok_or(EngineError::NoTensor)?;
    // What a kernel's place reads is added up where the mirrored place of a transposed convolution would put it.
    let places = weight.f_flip([2, 3])?.f_reshape([count, channels, height * width])?.f_transpose(1, 2)?;
    let each = places.f_bmm(&input.f_flatten(2, -1)?)?;
    let outside = [height - 1 - border[0], width - 1 - border[1]];
    let size = [rows + height - 1 - 2 * outside[0], columns + width - 1 - 2 * outside[1]];
    Ok(each.f_col2im(size, [height, width], [1, 1], outside, [1, 1])?)
}
