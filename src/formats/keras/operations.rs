//! Functions in place of layers: `TFOpLambda` nodes of Keras 2 (`tf.nn.relu`) and `keras.ops` nodes of Keras 3.

use serde_json::Value as Json;

use super::KerasError;
use super::arguments::{Arguments, Given};
use super::layers::Call;
use super::rearranging;
use super::tensor::{Tensor, shape_text};
use super::{activation, merge, resizing};
use crate::model::graph::Argument;
use crate::model::printable;

/// A call of a function: its arguments, and its options as Keras 3 keeps them.
pub(super) struct Function<'a> {
    pub(super) given: &'a Arguments<Tensor>,
    pub(super) options: &'a super::options::Options,
    /// `reducemean` for `math.reduce_mean`, `truedivide` for `TrueDivide`.
    pub(super) name: String,
}

impl Function<'_> {
    fn of<'a>(call: &Call<'a>, given: &'a Arguments<Tensor>) -> Function<'a> {
        let options = call.options;
        let named = options.get("function").and_then(Json::as_str);
        let name = named.map_or(&*options.class, |name| name.rsplit('.').next().unwrap_or(name));
        let name = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        Function { given, options, name }
    }

    /// A parameter that is no tensor: of this call, or kept with the function.
    pub(super) fn plain(&self, position: usize, names: &[&str]) -> Option<&Json> {
        match self.given.get(position, names) {
            Some(Given::Plain(json)) => Some(json),
            _ => names.iter().find_map(|name| self.options.get(name)),
        }
    }

    /// Whole numbers, however the file nests them.
    pub(super) fn ints(&self, position: usize, names: &[&str]) -> Option<Vec<i64>> {
        fn flat(json: &Json, into: &mut Vec<i64>) -> Option<()> {
            match json {
                Json::Array(items) => items.iter().try_for_each(|item| flat(item, into)),
                _ => json.as_i64().map(|number| into.push(number)),
            }
        }
        let mut numbers = Vec::new();
        flat(self.plain(position, names)?, &mut numbers)?;
        Some(numbers)
    }

    pub(super) fn number(&self, position: usize, names: &[&str]) -> Option<f64> {
        self.plain(position, names)?.as_f64()
    }

    pub(super) fn flag(&self, position: usize, names: &[&str], default: bool) -> bool {
        self.plain(position, names).and_then(Json::as_bool).unwrap_or(default)
    }

    /// The tensor that is worked on.
    pub(super) fn input(&self, call: &Call) -> Result<Tensor, KerasError> {
        let found = self.given.tensors().into_iter().next();
        found.ok_or_else(|| call.options.wrong("it is called without a tensor"))
    }

    /// Dimensions of Keras's own shape; `None` where the file names none, and an error for the batch or none that there is.
    pub(super) fn axes(
        &self,
        call: &Call,
        rank: usize,
        position: usize,
        names: &[&str],
    ) -> Result<Option<Vec<usize>>, KerasError> {
        let Some(numbers) = self.ints(position, names) else { return Ok(None) };
        let counted = |number: i64| {
            let number = if number < 0 { number.checked_add(rank as i64)? } else { number };
            usize::try_from(number).ok().filter(|number| (1..rank).contains(number))
        };
        let axes: Option<Vec<usize>> = numbers.into_iter().map(counted).collect();
        axes.map(Some).ok_or_else(|| call.options.unsupported("an axis that is the batch's or none"))
    }

    /// The one dimension of Keras's own shape that the parameter `axis` names.
    pub(super) fn axis(&self, call: &Call, rank: usize, position: usize) -> Result<usize, KerasError> {
        match self.axes(call, rank, position, &["axis"])?.as_deref() {
            Some(&[one]) => Ok(one),
            _ => Err(call.options.unsupported("an axis that is the batch's or none")),
        }
    }
}

/// Lowers a node that calls a function.
pub(super) fn lower(call: &mut Call, given: &Arguments<Tensor>) -> Result<Vec<Tensor>, KerasError> {
    let function = Function::of(call, given);
    let one = |tensor: Tensor| Ok(vec![tensor]);
    if let Some(result) = arithmetic(call, &function)? {
        return one(result);
    }
    if let Some(result) = elementwise(call, &function)? {
        return one(result);
    }
    if let Some(result) = reduction(call, &function)? {
        return one(result);
    }
    if let Some(results) = rearranging::lower(call, &function)? {
        return Ok(results);
    }
    if let Some(result) = products(call, &function)? {
        return one(result);
    }
    let class = match call.options.get("function").and_then(Json::as_str) {
        Some(name) => format!("{} ({})", call.options.class, printable(name)),
        None => call.options.class.clone(),
    };
    Err(KerasError::UnsupportedLayer { layer: call.path.clone(), class })
}

/// Functions of two operands, either of which may be a number or an array.
fn arithmetic(call: &mut Call, function: &Function) -> Result<Option<Tensor>, KerasError> {
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

/// Functions of one tensor that keep its shape.
fn elementwise(call: &mut Call, function: &Function) -> Result<Option<Tensor>, KerasError> {
    let Some(input) = function.given.tensors().into_iter().next() else { return Ok(None) };
    let number = |position: usize, names: &[&str]| function.number(position, names);
    let word = match &*function.name {
        "relu" if function.options.operation => {
            let slope = number(1, &["negative_slope", "alpha"]).unwrap_or(0.0);
            let (most, least) = (number(2, &["max_value"]), number(3, &["threshold"]).unwrap_or(0.0));
            return activation::relu(call, &input, slope, least, most).map(Some);
        }
        "gelu" => {
            // `keras.ops.gelu` approximates unless told otherwise, `tf.nn.gelu` does not.
            let usual = call.options.class != "TFOpLambda";
            return activation::gelu(call, &input, function.flag(1, &["approximate"], usual)).map(Some);
        }
        "leakyrelu" => {
            let slope = number(1, &["alpha", "negative_slope"]).unwrap_or(0.2);
            return activation::leaky_relu(call, &input, slope).map(Some);
        }
        "softmax" | "logsoftmax" => {
            let there = function.plain(1, &["axis"]).is_some();
            let axis = if there { function.axis(call, input.rank(), 1)? } else { input.rank() - 1 };
            let operator = if function.name == "softmax" { "softmax" } else { "log_softmax" };
            return activation::softmax(call, &input, axis, operator).map(Some);
        }
        "clip" | "clipbyvalue" => {
            let least = number(1, &["x_min", "clip_value_min", "min_value"]);
            let most = number(2, &["x_max", "clip_value_max", "max_value"]);
            let (Some(least), Some(most)) = (least, most) else { return Ok(None) };
            return activation::clamp(call, &input, least, most).map(Some);
        }
        "l2normalize" | "normalize" => {
            let axes = function.axes(call, input.rank(), 1, &["axis"])?.unwrap_or_else(|| vec![input.rank() - 1]);
            if number(2, &["order"]).is_some_and(|order| (order - 2.0).abs() > 0.0) {
                return Ok(None);
            }
            let axes: Vec<i64> = axes.iter().map(|&axis| input.graph_axis(axis)).collect();
            return Ok(Some(input.with(call.unit_length(input.value, &axes)?)));
        }
        "identity" | "stopgradient" | "cast" | "converttotensor" => return identity(call, function, &input).map(Some),
        "hardsigmoid" => "hard_sigmoid",
        "hardsilu" | "hardswish" => "hard_silu",
        "swish" => "silu",
        "logsigmoid" => "log_sigmoid",
        "hardtanh" => "hard_tanh",
        "relu6" | "sigmoid" | "silu" | "tanh" | "softplus" | "softsign" | "elu" | "selu" | "celu" | "mish" => {
            &*function.name
        }
        other => {
            let operator = match other {
                "abs" | "absolute" => "abs",
                "negative" | "neg" => "neg",
                "exp" | "expm1" | "log" | "log1p" | "sqrt" | "rsqrt" | "square" | "erf" | "sin" | "cos" | "sign"
                | "reciprocal" | "sinh" | "cosh" | "atan" | "floor" | "ceil" | "round" => other,
                _ => return Ok(None),
            };
            return call.unary(operator, (operator, ""), &input, []).map(Some);
        }
    };
    activation::named(call, word, &input)
}

/// Casts between real types change nothing here: everything is float32.
fn identity(call: &mut Call, function: &Function, input: &Tensor) -> Result<Tensor, KerasError> {
    let kind = function.plain(1, &["dtype"]).and_then(Json::as_str).unwrap_or("float32");
    if !kind.contains("float") {
        return Err(call.options.unsupported(format!("a cast to {}", printable(kind))));
    }
    call.unary("identity", ("alias", ""), input, [])
}

/// Functions that make one number of many.
fn reduction(call: &mut Call, function: &Function) -> Result<Option<Tensor>, KerasError> {
    let name = function.name.strip_prefix("reduce").unwrap_or(&function.name);
    let (word, operator) = match name {
        "mean" => ("mean", ("mean", "dim")),
        "sum" => ("sum", ("sum", "dim_IntList")),
        "max" | "amax" => ("amax", ("amax", "")),
        "min" | "amin" => ("amin", ("amin", "")),
        "variance" | "var" => ("var", ("var", "correction")),
        "std" => ("std", ("std", "correction")),
        "logsumexp" => ("logsumexp", ("logsumexp", "")),
        _ => return Ok(None),
    };
    let input = function.input(call)?;
    let axes = function.axes(call, input.rank(), 1, &["axis"])?;
    let axes = axes.ok_or_else(|| call.options.unsupported("a reduction over the batch"))?;
    let keep = function.flag(2, &["keepdims", "keep_dims"], false);
    let graph_axes = Argument::ints(axes.iter().map(|&axis| input.graph_axis(axis)));
    let mut arguments = vec![("self", input.value.into()), ("dim", graph_axes), ("keepdim", Argument::Bool(keep))];
    if matches!(word, "var" | "std") {
        arguments.push(("correction", Argument::Int(0)));
    }
    let value = call.node(word, operator, arguments)?;
    if keep {
        let mut sizes = input.sizes.clone();
        for axis in axes {
            sizes[axis - 1] = Some(1);
        }
        return Ok(Some(Tensor { value, sizes, moved: input.moved }));
    }
    let left = |axis: &usize| !axes.contains(axis);
    let sizes: Vec<_> = (1..input.rank()).filter(left).map(|axis| input.sizes[axis - 1]).collect();
    // What is left of moved maps still has its channels first, if it has any.
    let channels_left = left(&(input.rank() - 1));
    if input.moved && channels_left && sizes.len() >= 2 {
        let rank = sizes.len() as i64 + 1;
        let value = call.permute(value, std::iter::once(0).chain(2..rank).chain([1]).collect())?;
        return call.place(value, sizes).map(Some);
    }
    call.place(value, sizes).map(Some)
}

/// Products of tensors, and pictures at another size.
fn products(call: &mut Call, function: &Function) -> Result<Option<Tensor>, KerasError> {
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
            let size = size.filter(|size| size.iter().all(|length| super::options::SIZES.contains(length)));
            let Some(size) = size else { return Ok(None) };
            let method = function.plain(2, &["method", "interpolation"]).and_then(Json::as_str).unwrap_or("bilinear");
            let antialias = function.flag(4, &["antialias"], false);
            resizing::resize(call, input, size, method, antialias).map(Some)
        }
        _ => Ok(None),
    }
}
