//! Functions in place of layers: `TFOpLambda` nodes of Keras 2 (`tf.nn.relu`) and `keras.ops` nodes of Keras 3.

mod arithmetic;
mod elementwise;
mod function;
mod products;
mod rearranging;
mod reduction;

use serde_json::Value as Json;

use super::KerasError;
use super::arguments::Arguments;
use super::layers::Call;
use super::tensor::Tensor;
use crate::model::printable;
use function::Function;

/// Lowers a node that calls a function.
pub(super) fn lower(call: &mut Call, given: &Arguments<Tensor>) -> Result<Vec<Tensor>, KerasError> {
    let function = Function::of(call, given);
    let one = |tensor: Tensor| Ok(vec![tensor]);
    if let Some(result) = arithmetic::lower(call, &function)? {
        return one(result);
    }
    if let Some(result) = elementwise::lower(call, &function)? {
        return one(result);
    }
    if let Some(result) = reduction::lower(call, &function)? {
        return one(result);
    }
    if let Some(results) = rearranging::lower(call, &function)? {
        return Ok(results);
    }
    if let Some(result) = products::lower(call, &function)? {
        return one(result);
    }
    let class = match call.options.get("function").and_then(Json::as_str) {
        Some(name) => format!("{} ({})", call.options.class, printable(name)),
        None => call.options.class.clone(),
    };
    Err(KerasError::UnsupportedLayer { layer: call.path.clone(), class })
}
