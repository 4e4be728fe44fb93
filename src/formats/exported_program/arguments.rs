//! Arguments and outputs of the program's nodes as those of the graph.

use std::collections::HashMap;

use super::schema;
use crate::model::graph::{Argument, DType, Output, ValueId};

/// What the names of a graph stand for: values, and numbers that were fixed at export.
pub(super) type Names<'a> = HashMap<&'a str, Argument>;

/// The element type that has this number in a file, which is not libtorch's own number.
pub(super) fn dtype(number: u64) -> Option<DType> {
    Some(match number {
        1 => DType::UInt8,
        2 => DType::Int8,
        3 => DType::Int16,
        4 => DType::Int32,
        5 => DType::Int64,
        6 => DType::Float16,
        7 => DType::Float32,
        8 => DType::Float64,
        12 => DType::Bool,
        13 => DType::BFloat16,
        _ => return None,
    })
}

/// libtorch's own number of the memory format that has this number in a file.
fn memory_format(number: u64) -> Option<i8> {
    Some(match number {
        1 => 0,
        2 => 2,
        3 => 3,
        4 => 1,
        _ => return None,
    })
}

const STRIDED: u64 = 7;

/// An argument; the error says what cannot be read.
pub(super) fn argument(argument: &schema::Argument<'_>, names: &Names<'_>) -> Result<Argument, String> {
    use schema::Argument as From;
    Ok(match argument {
        // Tensors are strided, and on the run's own device: that layout goes without saying.
        From::None | From::Layout(STRIDED) => Argument::None,
        From::Name(name) => {
            names.get(&**name).cloned().ok_or_else(|| format!("it names {}, which nothing makes", &**name))?
        }
        From::Int(number) => Argument::Int(*number),
        From::Float(number) => Argument::Float(*number),
        From::Bool(truth) => Argument::Bool(*truth),
        From::String(text) => Argument::String(text.to_string()),
        From::ScalarType(number) => dtype(*number).map(Argument::DType).ok_or_else(|| unknown_type(*number))?,
        From::MemoryFormat(number) => memory_format(*number)
            .map(Argument::MemoryFormat)
            .ok_or_else(|| format!("memory format {number} is not known"))?,
        From::Layout(number) => return Err(format!("layout {number} is none of plain strided tensors")),
        From::Device => Argument::Device,
        From::List(items) => {
            Argument::List(items.iter().map(|item| self::argument(item, names)).collect::<Result<_, _>>()?)
        }
        From::Graph(_) => return Err("it is a graph".to_owned()),
        From::Other(kind) => return Err(format!("it is of the kind {}", &**kind)),
    })
}

fn unknown_type(number: u64) -> String {
    let name = match number {
        9..=11 => "complex",
        28 => "uint16",
        29..=33 => "float8",
        34 => "uint32",
        35 => "uint64",
        _ => return format!("element type {number} is not known"),
    };
    format!("element type {name} is none of those that layerscope runs")
}

/// What an output is bound to; `define` makes a value of a name.
pub(super) fn output<'a>(
    output: &'a schema::Argument<'_>,
    define: &mut impl FnMut(&'a str) -> ValueId,
) -> Result<Output, String> {
    Ok(match output {
        schema::Argument::None => Output::Ignored,
        schema::Argument::Name(name) => Output::Value(define(name)),
        // A list of optional tensors has no value for those that are none; such lists only come from backward passes.
        schema::Argument::List(items) => Output::List(
            items
                .iter()
                .map(|item| item.name().map(&mut *define))
                .collect::<Option<_>>()
                .ok_or("an output list with something else than tensors")?,
        ),
        schema::Argument::Other(kind) => return Err(format!("an output of the kind {}", &**kind)),
        _ => return Err("an output that is no value".to_owned()),
    })
}
