//! Functions of two operands, either of which may be a number or an array.

use serde_json::Value as Json;

use super::super::KerasError;
use super::super::arguments::Given;
use super::super::layers::Call;
use super::super::tensor::{Tensor, shape_text};
use super::function::Function;
use crate::model::graph::Argument;

/// Lowers the function if it is one of these.
pub(super) fn lower(call: &mut Call, function: &Function) -> Result<Option<Tensor>, KerasError> {
    let (word, operator, swapped) = match &*function.name {
        "add" | "addv2" => ("add", ("add", "Tensor"), false),
        "radd" => ("add", ("add", "Tensor"), true),
        "subtract" | "sub" => ("sub", ("sub", "Tensor"), false),
        "rsub" => ("sub", ("sub", "Tensor"), true),
        "multiply" | "mul" => ("mul", ("mul", "Tensor"), false),
        "rmul" => ("mul", ("mul", "Tensor"), true),
        "truediv" | "truedivide" | "divide" | "div" | "realdiv" | "divnonan" => ("div", ("div", "Tensor"), false),
        "rtruediv" | "rdiv" => ("div", ("div", "Tensor"), true),
        "pow" | "power" => ("pow", ("pow", "Tensor_Tensor"), false),
        "maximum" => ("maximum", ("maximum", ""), false),
        "minimum" => ("minimum", ("minimum", ""), false),
        "squareddifference" => {
            let Some((first, second)) = operands(function) else { return Ok(None) };
            let difference = apply(call, ("sub", ("sub", "Tensor")), &first, &second)?;
            return call.unary("square", ("square", ""), &difference, []).map(Some);
        }
        _ => return Ok(None),
    };
    let Some((first, second)) = operands(function) else {
        return Err(call.options.wrong("it is called without two operands"));
    };
    let (first, second) = if swapped { (second, first) } else { (first, second) };
    apply(call, (word, operator), &first, &second).map(Some)
}

fn operands(function: &Function) -> Option<(Given<Tensor>, Given<Tensor>)> {
    let first = function.given.get(0, &["x", "x1", "a", "input"])?.clone();
    let second = match function.given.get(1, &["y", "x2", "b", "other"]) {
        Some(second) => second.clone(),
        None => Given::Plain(["y", "x2"].iter().find_map(|name| function.options.get(name))?.clone()),
    };
    Some((first, second))
}

fn apply(
    call: &mut Call,
    (word, (name, overload)): (&str, (&str, &str)),
    first: &Given<Tensor>,
    second: &Given<Tensor>,
) -> Result<Tensor, KerasError> {
    match (first, second) {
        (Given::Tensor(first), Given::Tensor(second)) => {
            let (first, second) = same_rank(call, first, second)?;
            call.binary(word, (name, overload), &first, &second)
        }
        (Given::Tensor(like), Given::Plain(json)) => {
            if let (Some(exponent), "pow") = (json.as_f64(), name) {
                let arguments = [("exponent", Argument::Float(exponent))];
                return call.unary(word, ("pow", "Tensor_Scalar"), like, arguments);
            }
            let (other, sizes) = constant(call, json, like, matches!(name, "maximum" | "minimum"))?;
            let parameter = if name == "pow" { "exponent" } else { "other" };
            let value = call.node(word, (name, overload), [("self", like.value.into()), (parameter, other)])?;
            Ok(Tensor { value, sizes, moved: like.moved })
        }
        (Given::Plain(json), Given::Tensor(like)) => {
            let (other, sizes) = constant(call, json, like, true)?;
            let parameter = if name == "pow" { "exponent" } else { "other" };
            let value = call.node(word, (name, overload), [("self", other), (parameter, like.value.into())])?;
            Ok(Tensor { value, sizes, moved: like.moved })
        }
        _ => Err(call.options.unsupported("an operand that is neither a tensor nor a number")),
    }
}

/// Two tensors, one of which may lack the dimensions that the other has: all but the batch's at the end count.
fn same_rank(call: &mut Call, first: &Tensor, second: &Tensor) -> Result<(Tensor, Tensor), KerasError> {
    if first.rank() == second.rank() {
        return Ok((first.clone(), second.clone()));
    }
    Err(call.options.unsupported(format!(
        "a number of dimensions that differs between its inputs of {} and {}",
        shape_text(&first.sizes),
        shape_text(&second.sizes)
    )))
}

/// A number or an array that goes together with `like`, as the graph has it, and the sizes of what comes out.
fn constant(
    call: &mut Call,
    json: &Json,
    like: &Tensor,
    as_tensor: bool,
) -> Result<(Argument, Vec<Option<i64>>), KerasError> {
    fn array(json: &Json, shape: &mut Vec<usize>, depth: usize, into: &mut Vec<f64>) -> Option<()> {
        match json {
            Json::Array(items) => {
                match shape.get(depth) {
                    Some(&size) if size != items.len() => return None,
                    Some(_) => {}
                    None => shape.push(items.len()),
                }
                items.iter().try_for_each(|item| array(item, shape, depth + 1, into))
            }
            _ => json
                .as_f64()
                .filter(|number| number.is_finite() && shape.len() == depth)
                .map(|number| into.push(number)),
        }
    }
    // Keras 3 wraps an array: `{"class_name": "__tensor__", "config": {"value": …}}`.
    let json = json.get("config").and_then(|config| config.get("value")).unwrap_or(json);
    if let (Some(number), false) = (json.as_f64(), as_tensor) {
        return Ok((Argument::Float(number), like.sizes.clone()));
    }
    let (mut shape, mut numbers) = (Vec::new(), Vec::new());
    let read = array(json, &mut shape, 0, &mut numbers);
    let fits = shape.len() <= like.rank() && shape.iter().product::<usize>() == numbers.len();
    if read.is_none() || !fits {
        return Err(call.options.unsupported("an operand that is neither a tensor nor an array of numbers"));
    }
    while shape.len() < like.sizes.len() {
        shape.insert(0, 1);
    }
    if shape.len() == like.rank() && shape.first() == Some(&1) {
        shape.remove(0);
    }
    if shape.len() != like.sizes.len() {
        return Err(call.options.unsupported("an array with a batch of its own"));
    }
    let mut sizes = like.sizes.clone();
    for (size, &own) in sizes.iter_mut().zip(&shape) {
        match *size {
            _ if own == 1 => {}
            Some(size) if size == own as i64 => {}
            Some(1) => *size = Some(own as i64),
            _ => return Err(call.options.wrong("its operands do not go together")),
        }
    }
    // In the graph's order of dimensions.
    let (channels, moved) = (shape.last().copied().unwrap_or(1), like.moved);
    if moved && channels > 0 {
        let places = numbers.len() / channels;
        numbers = (0..channels)
            .flat_map(|channel| (0..places).map(move |place| place * channels + channel))
            .map(|at| numbers.get(at).copied().unwrap_or_default())
            .collect();
    }
    let shape = like.graph_shape(shape);
    Ok((call.constant("operand", &numbers, shape).into(), sizes))
}
