//! Attention over tokens: `MultiHeadAttention`, `GroupQueryAttention`, `Attention`.

use serde_json::Value as Json;

use super::KerasError;
use super::arguments::{Arguments, Given};
use super::layers::Call;
use super::tensor::{Tensor, elements};
use super::weights::{self, View};
use crate::model::graph::{Argument, ValueId, WeightRole};

/// Query, value and key, of any number of dimensions, as N×T×C.
fn inputs(call: &mut Call, given: &Arguments<Tensor>) -> Result<[Tensor; 3], KerasError> {
    let tensor = |position: usize, name: &str| match given.get(position, &[name]) {
        Some(Given::Tensor(tensor)) => Some(tensor.clone()),
        _ => None,
    };
    let mut listed = given.positional.first().map(Given::tensors).unwrap_or_default();
    let (query, value, key) = if listed.len() > 1 {
        let key = if listed.len() > 2 { Some(listed.swap_remove(2)) } else { None };
        (listed.first().cloned(), listed.get(1).cloned(), key)
    } else {
        (tensor(0, "query"), tensor(1, "value"), tensor(2, "key"))
    };
    let (Some(query), Some(value)) = (query, value) else {
        return Err(call.options.wrong("it is called without a query and a value"));
    };
    let key = key.unwrap_or_else(|| value.clone());
    if given.masked() {
        return Err(call.options.unsupported("a mask"));
    }
    Ok([tokens(call, &query)?, tokens(call, &value)?, tokens(call, &key)?])
}

/// N×…×C as N×T×C.
fn tokens(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let value = call.keras_order(input)?;
    match input.sizes.as_slice() {
        [] | [_] => Err(call.options.wrong("it takes sequences of vectors")),
        [_, _] => Ok(Tensor::plain(value, input.sizes.clone())),
        [space @ .., channels] => {
            let end = Argument::Int(space.len() as i64);
            let arguments = [("self", value.into()), ("start_dim", Argument::Int(1)), ("end_dim", end)];
            let value = call.node("tokens", ("flatten", "using_ints"), arguments)?;
            Ok(Tensor::plain(value, vec![elements(space), *channels]))
        }
    }
}

/// How heads are made and joined again.
struct Heads {
    queries: i64,
    keys: i64,
    key_size: i64,
    value_size: i64,
}

/// `MultiHeadAttention` and `GroupQueryAttention`.
pub(super) fn multi_head(call: &mut Call, given: &Arguments<Tensor>) -> Result<Vec<Tensor>, KerasError> {
    for option in ["use_gate", "sliding_window"] {
        if call.options.get(option).is_some_and(|value| *value != Json::Bool(false)) {
            return Err(call.options.unsupported(option));
        }
    }
    let original = given.inputs().into_iter().next();
    let original = original.ok_or_else(|| call.options.wrong("it is called with nothing"))?;
    let all_axes = |axes: &[f64]| axes.iter().map(|&axis| axis as usize).eq(1..original.rank() - 1);
    if call.options.numbers("attention_axes")?.is_some_and(|axes| !all_axes(&axes)) {
        return Err(call.options.unsupported("attention along some dimensions only"));
    }
    let [query, value, key] = inputs(call, given)?;
    let size = |name: &str| call.options.size(name)?.ok_or_else(|| call.options.wrong(format!("it has no {name}")));
    let heads = if call.options.class == "MultiHeadAttention" {
        let (heads, key_size) = (size("num_heads")?, size("key_dim")?);
        let value_size = call.options.size("value_dim")?.unwrap_or(key_size);
        Heads { queries: heads, keys: heads, key_size, value_size }
    } else {
        let head = size("head_dim")?;
        Heads {
            queries: size("num_query_heads")?,
            keys: size("num_key_value_heads")?,
            key_size: head,
            value_size: head,
        }
    };
    let width = original.sizes.last().copied().flatten();
    let width = width.ok_or_else(|| call.options.wrong("the size of its input is not known"))?;
    let output = match call.options.numbers("output_shape")?.as_deref() {
        None => width,
        Some([one]) => *one as i64,
        Some(_) => return Err(call.options.unsupported("an output_shape of several dimensions")),
    };
    let queries = project(call, &query, ["query", "query_dense"], heads.queries, heads.key_size)?;
    let keys = project(call, &key, ["key", "key_dense"], heads.keys, heads.key_size)?;
    let values = project(call, &value, ["value", "value_dense"], heads.keys, heads.value_size)?;
    let causal = matches!(given.get(usize::MAX, &["use_causal_mask"]), Some(Given::Plain(Json::Bool(true))));
    let wanted = matches!(given.get(usize::MAX, &["return_attention_scores"]), Some(Given::Plain(Json::Bool(true))));
    let scale = 1.0 / (heads.key_size as f64).sqrt();
    let (mixed, scores) = if wanted {
        if causal || heads.queries != heads.keys {
            return Err(call.options.unsupported("return_attention_scores of a causal or grouped attention"));
        }
        let (mixed, scores) = explicit(call, [queries, keys, values], Some(Argument::Float(scale)))?;
        let sizes = vec![Some(heads.queries), query.sizes[0], key.sizes[0]];
        (mixed, Some(Tensor::plain(scores, sizes)))
    } else {
        let arguments = [
            ("query", queries.into()),
            ("key", keys.into()),
            ("value", values.into()),
            ("is_causal", Argument::Bool(causal)),
            ("enable_gqa", Argument::Bool(heads.queries != heads.keys)),
        ];
        (call.node("attention", ("scaled_dot_product_attention", ""), arguments)?, None)
    };
    let mixed = call.transpose(mixed, [1, 2])?;
    let arguments = [("self", mixed.into()), ("start_dim", Argument::Int(2)), ("end_dim", Argument::Int(-1))];
    let joined = call.node("heads", ("flatten", "using_ints"), arguments)?;
    let value = call.inside(["attention_output", "output_dense"], |call| {
        let (shape, rows) = ([heads.queries, heads.value_size, output], heads.queries.saturating_mul(heads.value_size));
        linear(call, joined, shape, [rows, output], &[output])
    })?;
    let space = &original.sizes[..original.sizes.len() - 1];
    let result = if space.len() == 1 {
        Tensor::plain(value, vec![space[0], Some(output)])
    } else {
        let sides: Option<Vec<i64>> = space.iter().copied().collect();
        let sides = sides.ok_or_else(|| call.options.unsupported("maps of open size"))?;
        let arguments = [("self", value.into()), ("dim", Argument::Int(1)), ("sizes", Argument::ints(sides))];
        let value = call.node("maps", ("unflatten", "int"), arguments)?;
        call.place(value, space.iter().copied().chain([Some(output)]).collect())?
    };
    Ok(std::iter::once(result).chain(scores).collect())
}

/// A linear map from a kernel of `shape`, seen as `rows×columns`, and a bias of `bias`.
fn linear(
    call: &mut Call,
    input: ValueId,
    shape: [i64; 3],
    matrix: [i64; 2],
    bias: &[i64],
) -> Result<ValueId, KerasError> {
    let size = |size: &i64| *size as usize;
    let shape: Vec<usize> = shape.iter().map(size).collect();
    let view = weights::transposed(matrix.map(|size| size as usize));
    let kernel = call.weight(&["kernel"], &shape, WeightRole::Parameter, view)?;
    let bias = if call.options.flag("use_bias", true)? {
        let shape: Vec<usize> = bias.iter().map(size).collect();
        let view = View { shape: vec![matrix[1] as usize], strides: None };
        call.weight(&["bias"], &shape, WeightRole::Parameter, view)?.into()
    } else {
        Argument::None
    };
    let arguments = [("input", input.into()), ("weight", kernel.into()), ("bias", bias)];
    call.node("linear", ("linear", ""), arguments)
}

/// N×T×C as N×heads×T×size.
fn project(call: &mut Call, input: &Tensor, names: [&str; 2], heads: i64, size: i64) -> Result<ValueId, KerasError> {
    let channels = input.sizes.last().copied().flatten();
    let channels = channels.ok_or_else(|| call.options.wrong("the size of its input is not known"))?;
    let columns = heads.checked_mul(size).ok_or_else(|| call.options.wrong("its heads are too large"))?;
    let value = call.inside(names, |call| {
        linear(call, input.value, [channels, heads, size], [channels, columns], &[heads, size])
    })?;
    let arguments = [("self", value.into()), ("dim", Argument::Int(2)), ("sizes", Argument::ints([heads, size]))];
    let value = call.node("heads", ("unflatten", "int"), arguments)?;
    call.transpose(value, [1, 2])
}

/// Attention whose weights are wanted too.
fn explicit(
    call: &mut Call,
    [query, key, value]: [ValueId; 3],
    scale: Option<Argument>,
) -> Result<(ValueId, ValueId), KerasError> {
    let key = call.transpose(key, [-2, -1])?;
    let mut scores = call.node("scores", ("matmul", ""), [("self", query.into()), ("other", key.into())])?;
    if let Some(scale) = scale {
        scores = call.node("scores", ("mul", "Tensor"), [("self", scores.into()), ("other", scale)])?;
    }
    let scores = call.node("softmax", ("softmax", "int"), [("self", scores.into()), ("dim", Argument::Int(-1))])?;
    let mixed = call.node("mixed", ("matmul", ""), [("self", scores.into()), ("other", value.into())])?;
    Ok((mixed, scores))
}

/// `Attention`: dot products of query and key, without projections.
pub(super) fn single(call: &mut Call, given: &Arguments<Tensor>) -> Result<Vec<Tensor>, KerasError> {
    if call.options.text("score_mode", "dot")? != "dot" || call.options.flag("causal", false)? {
        return Err(call.options.unsupported("another score_mode than 'dot', or a causal mask"));
    }
    if matches!(given.get(usize::MAX, &["use_causal_mask"]), Some(Given::Plain(Json::Bool(true)))) {
        return Err(call.options.unsupported("a causal mask"));
    }
    let [query, value, key] = inputs(call, given)?;
    let scale = if call.options.flag("use_scale", false)? {
        Some(call.weight(&["scale"], &[], WeightRole::Parameter, weights::plain(&[]))?.into())
    } else {
        None
    };
    let (mixed, scores) = explicit(call, [query.value, key.value, value.value], scale)?;
    let result = Tensor::plain(mixed, vec![query.sizes[0], value.sizes[1]]);
    let wanted = matches!(given.get(usize::MAX, &["return_attention_scores"]), Some(Given::Plain(Json::Bool(true))));
    let scores = wanted.then(|| Tensor::plain(scores, vec![query.sizes[0], key.sizes[0]]));
    Ok(std::iter::once(result).chain(scores).collect())
}
