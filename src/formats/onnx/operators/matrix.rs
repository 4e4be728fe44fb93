//! Products of matrices: `Gemm`, `MatMul`, `Einsum`.

use super::super::call::Call;
use super::super::emit::broadcast;
use super::super::error::Result;
use super::super::tensor::Constant;
use super::super::values::{Dim, Known, Tensor};
use super::elementwise::is_one;
use crate::model::graph::{Argument, WeightRole};

/// The file's matrix as libtorch's linear layer has it: a row for each output. `turned` if the file has a column for each.
fn linear_weight(call: &mut Call, constant: &Constant, turned: bool) -> Tensor {
    let (mut shape, mut steps) = (constant.shape.clone(), constant.steps());
    if turned {
        shape.reverse();
        steps.reverse();
    }
    let role = if constant.initializer { WeightRole::Parameter } else { WeightRole::Constant };
    let view = constant.view(shape, Some(steps));
    call.lowering.weight(&view, role)
}

pub(super) fn gemm(call: &mut Call) -> Result<Vec<Known>> {
    let (turn_a, turn_b) = (call.flag("transA")?, call.flag("transB")?);
    let (alpha, beta) = (call.float("alpha", 1.0)?, call.float("beta", 1.0)?);
    let mut a = call.tensor(0)?;
    if a.rank() != 2 {
        return Err(call.fail(format!("its first matrix has {} dimensions", a.rank())));
    }
    if turn_a {
        a = call.permute(&a, &[1, 0]);
    }
    let bias = call.maybe_tensor(2)?;
    if let Known::Constant(constant) = call.known(1)?
        && constant.shape.len() == 2
        && is_one(alpha)
        && (is_one(beta) || bias.is_none())
        && bias.as_ref().is_none_or(|bias| bias.sizes == [Dim::Fixed(constant.shape[usize::from(!turn_b)] as i64)])
    {
        let weight = linear_weight(call, &constant, !turn_b);
        let bias = bias.map_or(Argument::None, |bias| bias.value.into());
        return Ok(vec![Known::Tensor(linear(call, &a, &weight, bias))]);
    }
    let mut b = call.tensor(1)?;
    if b.rank() != 2 {
        return Err(call.fail(format!("its second matrix has {} dimensions", b.rank())));
    }
    if turn_b {
        b = call.permute(&b, &[1, 0]);
    }
    let mut made = product(call, &a, &b);
    if !is_one(alpha) {
        made = call.binary(("mul", "Tensor"), &made, alpha);
    }
    if let Some(bias) = bias {
        let bias = if is_one(beta) { bias } else { call.binary(("mul", "Tensor"), &bias, beta) };
        made = call.binary(("add", "Tensor"), &made, &bias);
    }
    Ok(vec![Known::Tensor(made)])
}

fn linear(call: &mut Call, input: &Tensor, weight: &Tensor, bias: Argument) -> Tensor {
    let mut sizes = input.sizes.clone();
    if let Some(last) = sizes.last_mut() {
        *last = weight.sizes[0];
    }
    let arguments = vec![("input", input.value.into()), ("weight", weight.value.into()), ("bias", bias)];
    Tensor { value: call.aten(("linear", ""), arguments), dtype: input.dtype, sizes }
}

/// The matrix product, of several matrices at once where there are more than two dimensions.
pub(super) fn product(call: &mut Call, a: &Tensor, b: &Tensor) -> Tensor {
    let rows = |tensor: &Tensor| tensor.rank().saturating_sub(2);
    let mut sizes = broadcast(&a.sizes[..rows(a)], &b.sizes[..rows(b)]);
    if a.rank() > 1 {
        sizes.push(a.sizes[a.rank() - 2]);
    }
    if b.rank() > 1 {
        sizes.push(b.sizes[b.rank() - 1]);
    }
    call.shaped(("matmul", ""), a, vec![("other", b.value.into())], sizes)
}

pub(super) fn matmul(call: &mut Call) -> Result<Vec<Known>> {
    let a = call.tensor(0)?;
    if let Known::Constant(constant) = call.known(1)?
        && constant.shape.len() == 2
        && a.rank() >= 2
    {
        let weight = linear_weight(call, &constant, true);
        return Ok(vec![Known::Tensor(linear(call, &a, &weight, Argument::None))]);
    }
    let b = call.tensor(1)?;
    if a.rank() == 0 || b.rank() == 0 {
        return Err(call.fail("a product with a number, not a matrix"));
    }
    Ok(vec![Known::Tensor(product(call, &a, &b))])
}

pub(super) fn einsum(call: &mut Call) -> Result<Vec<Known>> {
    let equation: String = call.text("equation", "")?.chars().filter(|character| !character.is_whitespace()).collect();
    let mut tensors = Vec::with_capacity(call.input_count());
    for index in 0..call.input_count() {
        tensors.push(call.tensor(index)?);
    }
    let dtype = tensors.first().map(|tensor| tensor.dtype).ok_or_else(|| call.fail("it has no input"))?;
    let sizes = einsum_sizes(&equation, &tensors)
        .ok_or_else(|| call.fail(format!("its equation {equation:?} does not fit its inputs")))?;
    let list = Argument::List(tensors.iter().map(|tensor| tensor.value.into()).collect());
    let arguments = vec![("equation", Argument::String(equation)), ("tensors", list)];
    Ok(vec![Known::Tensor(Tensor { value: call.aten(("einsum", ""), arguments), dtype, sizes })])
}

/// The result's dimensions: of the letters after the arrow, or else of those that come once, in alphabetical order.
fn einsum_sizes(equation: &str, tensors: &[Tensor]) -> Option<Vec<Dim>> {
    let (inputs, output) =
        equation.split_once("->").map_or((equation, None), |(inputs, output)| (inputs, Some(output)));
    let terms: Vec<&str> = inputs.split(',').collect();
    if terms.len() != tensors.len() {
        return None;
    }
    let mut letters: Vec<(char, Dim, usize)> = Vec::new();
    let mut rest: Vec<Dim> = Vec::new();
    for (term, tensor) in terms.iter().zip(tensors) {
        let count = term.chars().filter(|letter| letter.is_alphabetic()).count();
        let hidden = tensor.rank().checked_sub(count)?;
        let mut axis = 0;
        let mut dots = false;
        for letter in term.chars() {
            if letter == '.' {
                if !dots {
                    rest = broadcast(&rest, &tensor.sizes[axis..axis + hidden]);
                    axis += hidden;
                    dots = true;
                }
                continue;
            }
            let size = *tensor.sizes.get(axis)?;
            axis += 1;
            match letters.iter_mut().find(|(known, ..)| *known == letter) {
                Some((_, known, times)) => {
                    *known = broadcast(&[*known], &[size])[0];
                    *times += 1;
                }
                None => letters.push((letter, size, 1)),
            }
        }
    }
    let size = |letter: char| letters.iter().find(|(known, ..)| *known == letter).map(|(_, size, _)| *size);
    let Some(output) = output else {
        let mut once: Vec<char> =
            letters.iter().filter(|(.., times)| *times == 1).map(|(letter, ..)| *letter).collect();
        once.sort_unstable();
        return Some(rest.iter().copied().chain(once.into_iter().filter_map(size)).collect());
    };
    let mut sizes = Vec::new();
    let mut dots = false;
    for letter in output.chars() {
        if letter == '.' {
            if !dots {
                sizes.extend(&rest);
                dots = true;
            }
        } else {
            sizes.push(size(letter)?);
        }
    }
    Some(sizes)
}

pub(super) fn det(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let sizes = input.sizes[..input.rank().saturating_sub(2)].to_vec();
    let arguments = vec![("A", input.value.into())];
    Ok(vec![Known::Tensor(Tensor { value: call.aten(("linalg_det", ""), arguments), dtype: input.dtype, sizes })])
}
