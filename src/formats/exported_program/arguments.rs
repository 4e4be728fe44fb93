//! Arguments and outputs of nodes as the program's JSON writes them: an object with one key that says the kind.

use std::collections::HashMap;

use serde_json::Value as Json;

use crate::model::graph::{Argument, DType, Output, ValueId};

/// Values by the name that the program gives them.
pub(super) type Names = HashMap<String, ValueId>;

/// Number of an element type in the file, which is not libtorch's own.
pub(super) fn dtype(number: &Json) -> Option<DType> {
    Some(match number.as_u64()? {
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

/// Number of a memory format in the file, into libtorch's own.
fn memory_format(number: &Json) -> Option<i8> {
    Some(match number.as_u64()? {
        1 => 0,
        2 => 2,
        3 => 3,
        4 => 1,
        _ => return None,
    })
}

/// The one key of an object and what it holds.
pub(super) fn tagged(json: &Json) -> Option<(&str, &Json)> {
    json.as_object()?.iter().next().map(|(key, value)| (key.as_str(), value))
}

fn float(json: &Json) -> Option<f64> {
    match json.as_str() {
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some("NaN") => Some(f64::NAN),
        Some(_) => None,
        None => json.as_f64(),
    }
}

fn value(json: &Json, names: &Names) -> Option<Argument> {
    let name = json.get("name").or_else(|| json.get("as_name"))?.as_str()?;
    names.get(name).copied().map(Argument::Value)
}

/// A name or a number: `{"as_name": "sym_size_int"}`, `{"as_int": 3}`.
fn symbolic(json: &Json, names: &Names) -> Option<Argument> {
    match tagged(json)? {
        ("as_name", _) => value(json, names),
        ("as_int", number) => number.as_i64().map(Argument::Int),
        ("as_float", number) => float(number).map(Argument::Float),
        ("as_bool", truth) => truth.as_bool().map(Argument::Bool),
        _ => None,
    }
}

fn list(json: &Json, item: impl Fn(&Json) -> Option<Argument>) -> Option<Argument> {
    json.as_array()?.iter().map(item).collect::<Option<_>>().map(Argument::List)
}

fn int(json: &Json) -> Option<Argument> {
    json.as_i64().map(Argument::Int)
}

/// An argument; the error is the kind that cannot be read.
pub(super) fn argument(json: &Json, names: &Names) -> Result<Argument, String> {
    let (kind, inner) = tagged(json).ok_or_else(|| "an empty argument".to_owned())?;
    let read = match kind {
        // Only strided tensors on the run's own device occur here: the layout goes without saying.
        "as_none" | "as_layout" => Some(Argument::None),
        "as_tensor" => value(inner, names),
        "as_tensors" => list(inner, |item| value(item, names)),
        "as_optional_tensor" => optional(inner, names),
        "as_optional_tensors" => list(inner, |item| optional(item, names)),
        "as_nested_tensors" => list(inner, |items| list(items, |item| value(item, names))),
        "as_int" => int(inner),
        "as_ints" => list(inner, int),
        "as_int_lists" => list(inner, |items| list(items, int)),
        "as_float" => float(inner).map(Argument::Float),
        "as_floats" => list(inner, |item| float(item).map(Argument::Float)),
        "as_bool" => inner.as_bool().map(Argument::Bool),
        "as_bools" => list(inner, |item| item.as_bool().map(Argument::Bool)),
        "as_string" => inner.as_str().map(|text| Argument::String(text.to_owned())),
        "as_strings" => list(inner, |item| item.as_str().map(|text| Argument::String(text.to_owned()))),
        "as_sym_int" | "as_sym_float" | "as_sym_bool" => symbolic(inner, names),
        "as_sym_ints" | "as_sym_floats" | "as_sym_bools" => list(inner, |item| symbolic(item, names)),
        "as_scalar_type" => dtype(inner).map(Argument::DType),
        "as_memory_format" => memory_format(inner).map(Argument::MemoryFormat),
        "as_device" => Some(Argument::Device),
        _ => None,
    };
    read.ok_or_else(|| format!("{kind} = {}", shortened(inner)))
}

fn optional(json: &Json, names: &Names) -> Option<Argument> {
    match tagged(json)? {
        ("as_none", _) => Some(Argument::None),
        ("as_tensor", inner) => value(inner, names),
        _ => None,
    }
}

fn shortened(json: &Json) -> String {
    let text = json.to_string();
    if text.chars().count() > 60 { text.chars().take(60).chain("…".chars()).collect() } else { text }
}

/// What an output is bound to; `define` makes a value of a name.
pub(super) fn output(json: &Json, define: &mut impl FnMut(&str) -> ValueId) -> Result<Output, String> {
    let (kind, inner) = tagged(json).ok_or_else(|| "an empty output".to_owned())?;
    let name = |json: &Json| json.get("name").or_else(|| json.get("as_name")).and_then(Json::as_str).map(str::to_owned);
    let read = match kind {
        "as_none" => Some(Output::Ignored),
        "as_tensor" | "as_sym_int" | "as_sym_float" | "as_sym_bool" => {
            name(inner).map(|name| Output::Value(define(&name)))
        }
        "as_optional_tensor" => match tagged(inner) {
            Some(("as_tensor", tensor)) => name(tensor).map(|name| Output::Value(define(&name))),
            _ => Some(Output::Ignored),
        },
        "as_tensors" => inner
            .as_array()
            .and_then(|items| items.iter().map(|item| name(item).map(|name| define(&name))).collect::<Option<_>>())
            .map(Output::List),
        _ => None,
    };
    read.ok_or_else(|| format!("an output of the kind {kind}"))
}
