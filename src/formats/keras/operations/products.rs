//! Products of tensors, and pictures at another size.

use serde_json::Value as Json;

use super::super::KerasError;
use super::super::layers::Call;
use super::super::options::SIZES;
use super::super::tensor::Tensor;
use super::super::{merge, resizing};
use super::function::Function;
use crate::model::graph::Argument;

/// Lowers the function if it is one of these.
pub(super) fn lower(call: &mut Call, function: &Function) -> Result<Option<Tensor>, KerasError> {
    let tensors = function.given.tensors();
    match (&*function.name, tensors.as_slice()) {
        ("matmul" | "batchdot", [first, second]) if first.rank() == second.rank() && first.rank() > 2 => {
            let (mut one, mut two) = (call.keras_order(first)?, call.keras_order(second)?);
            let (mut rows, mut columns) = (first.sizes.clone(), second.sizes.clone());
            let last = rows.len() - 1;
            if function.flag(2, &["transpose_a"], false) {
                one = call.transpose(one, [-2, -1])?;
                rows.swap(last - 1, last);
            }
            if function.flag(3, &["transpose_b"], false) {
                two = call.transpose(two, [-2, -1])?;
                columns.swap(last - 1, last);
            }
            let value = call.node("matmul", ("matmul", ""), [("self", one.into()), ("other", two.into())])?;
            rows[last] = columns[last];
            call.place(value, rows).map(Some)
        }
        ("einsum", tensors) => {
            let equation = function.plain(0, &["subscripts", "equation"]).and_then(Json::as_str);
            let equation = equation.unwrap_or_default().replace(' ', "");
            let halves = equation.split_once("->").map(|(left, right)| (left.to_owned(), right.to_owned()));
            let Some((left, right)) = halves.filter(|_| !equation.contains('.')) else { return Ok(None) };
            let letters: Vec<&str> = left.split(',').collect();
            let matching = |(letters, tensor): (&&str, &Tensor)| letters.len() == tensor.rank();
            if letters.len() != tensors.len() || !letters.iter().zip(tensors).all(matching) || right.is_empty() {
                return Ok(None);
            }
            let size = |letter: char| {
                letters.iter().zip(tensors).find_map(|(letters, tensor)| {
                    tensor.sizes.get(letters.find(letter)?.checked_sub(1)?).copied().flatten()
                })
            };
            let sizes: Vec<Option<i64>> = right.chars().skip(1).map(size).collect();
            let mut values = Vec::new();
            for tensor in tensors {
                values.push(Argument::Value(call.keras_order(tensor)?));
            }
            let arguments = [("equation", Argument::String(equation)), ("tensors", Argument::List(values))];
            let value = call.node("einsum", ("einsum", ""), arguments)?;
            call.place(value, sizes).map(Some)
        }
        ("concat" | "concatenate", [first, ..]) => {
            let axis = function.axis(call, first.rank(), 1)?;
            merge::concatenate(call, &tensors, axis).map(Some)
        }
        ("resize" | "resizeimages" | "resizebilinear", [input]) => {
            let size = function.ints(1, &["size"]).and_then(|size| <[i64; 2]>::try_from(size).ok());
            let size = size.filter(|size| size.iter().all(|length| SIZES.contains(length)));
            let Some(size) = size else { return Ok(None) };
            let method = function.plain(2, &["method", "interpolation"]).and_then(Json::as_str).unwrap_or("bilinear");
            let antialias = function.flag(4, &["antialias"], false);
            resizing::resize(call, input, size, method, antialias).map(Some)
        }
        _ => Ok(None),
    }
}
