//! TorchScript archives: the files of `torch.jit.save`, traced or scripted.
//!
//! An archive holds a program with modules, functions and control flow. It is read by libtorch's own loader, put into
//! evaluation and run once on noise of the size that it wants; the operators that it calls on the way, each with the module
//! whose method calls it, are the graph. Numbers that come from the input's size are followed through the program, so that
//! other batch sizes work where the program allows them; control flow is decided by that one run.

mod check;
mod constants;
mod error;
mod lower;
mod recording;
mod storages;

use std::io::{Read, Seek};
use std::path::Path;

use serde::Deserialize;

use super::archive::Archive;
use crate::aten::torchscript::Script;
use crate::aten::{AtenError, dtype_of};
use crate::model::Graph;
use crate::model::graph::DType;
use crate::model::printable::printable;

pub use check::is_torchscript;
pub use error::TorchScriptError;

/// What a TorchScript archive holds.
#[derive(Debug)]
pub struct TorchScript {
    /// The graph with its weights.
    pub graph: Graph,
    /// Channels of the picture.
    pub channels: usize,
    /// Height and width where the program fixes them: a trace, or control flow that asks for the size.
    pub size: Option<(usize, usize)>,
    /// Height and width of the run that made the graph.
    pub recorded: (usize, usize),
    /// What a user should know of how the graph came about.
    pub note: Option<String>,
}

#[derive(Deserialize)]
struct Description {
    /// Shape of the first convolution kernel.
    stem: Option<Vec<i64>>,
    /// libtorch's number of the weights' element type.
    dtype: i32,
}

/// Sides that vision networks are made for, the commonest first. A scripted program does not say which is its own.
const SIDES: &[i64] = &[224, 299, 256, 384, 32, 28, 64, 128, 512, 96, 112, 160, 192, 240, 288, 320, 336, 448, 16];

/// Reads the TorchScript archive at `path`, which is that of `archive`.
///
/// # Errors
/// When the archive is damaged, of a kind that cannot be shown, or its program fails.
pub fn open<R: Read + Seek>(path: &Path, archive: &mut Archive<R>) -> Result<TorchScript, TorchScriptError> {
    let traced = check::before_loading(archive)?;
    let script = Script::load(path).map_err(|AtenError(reason)| TorchScriptError::Loader(shown(&reason)))?;
    let description: Description = serde_json::from_str(&script.description())
        .map_err(|error| TorchScriptError::Loader(format!("a description that cannot be read ({error})")))?;
    let weights = dtype_of(description.dtype).unwrap_or(DType::Float32);
    let dtype = traced.as_ref().map_or(weights, |traced| traced.dtype);
    if !dtype.is_float() {
        return Err(TorchScriptError::Refused(format!(
            "a program whose input is {}; layerscope shows networks that take one float picture of N×C×H×W",
            format!("{dtype:?}").to_lowercase()
        )));
    }
    let (shape, recorded) = record(&script, traced.as_ref(), description.stem.as_deref(), dtype)?;
    let lowered = lower::graph(&recorded, dtype)?;
    let sides = (shape[2] as usize, shape[3] as usize);
    let decided = traced.is_none() && lowered.decisions > 0;
    Ok(TorchScript {
        graph: lowered.graph,
        channels: shape[1] as usize,
        size: (traced.is_some() || decided).then_some(sides),
        recorded: sides,
        note: decided.then(|| {
            format!("its control flow asks for the picture's size and was followed at {}×{}", sides.0, sides.1)
        }),
    })
}

/// Runs the program on the input that it was traced with, or on the first of the usual sizes that it takes.
fn record(
    script: &Script,
    traced: Option<&storages::Example>,
    stem: Option<&[i64]>,
    dtype: DType,
) -> Result<([i64; 4], crate::aten::torchscript::Recorded), TorchScriptError> {
    let failed = |shape: &[i64], reason: AtenError| {
        let size: Vec<String> = shape.iter().map(ToString::to_string).collect();
        TorchScriptError::Run { size: size.join("×"), reason: shown(&reason.0) }
    };
    if let Some(storages::Example { shape: traced, .. }) = traced {
        let shape: [i64; 4] = traced.as_slice().try_into().map_err(|_| {
            let size: Vec<String> = traced.iter().map(ToString::to_string).collect();
            TorchScriptError::Refused(format!(
                "a program traced with an input of {}; layerscope shows networks that take one picture of N×C×H×W",
                size.join("×")
            ))
        })?;
        if shape.iter().any(|&size| !(1..=1 << 14).contains(&size)) {
            return Err(TorchScriptError::Refused("a program traced with an input that is no picture".to_owned()));
        }
        return script.record(&shape, dtype).map(|recorded| (shape, recorded)).map_err(|error| failed(&shape, error));
    }
    // The kernels of a stem of one group take as many channels as the picture has.
    let stem = stem.and_then(|shape| shape.get(1)).copied().filter(|&count| count <= 16);
    let others = [3, 1, 4].into_iter().filter(|&count| Some(count) != stem);
    let channels: Vec<i64> = stem.into_iter().chain(others).collect();
    let mut first = None;
    for &count in &channels {
        for &side in SIDES {
            let shape = [1, count, side, side];
            match script.record(&shape, dtype) {
                Ok(recorded) => return Ok((shape, recorded)),
                Err(error) => {
                    first.get_or_insert_with(|| failed(&shape, error));
                }
            }
        }
    }
    Err(first.unwrap_or(TorchScriptError::NoOutput))
}

/// Text of a file's, without control characters and not without end.
fn shown(text: &str) -> String {
    let text = printable(text);
    if text.chars().count() > 300 { text.chars().take(300).chain("…".chars()).collect() } else { text.into_owned() }
}
