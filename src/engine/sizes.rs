//! Arithmetic on sizes: the few functions of Python's that an exported program calls on whole numbers.

use crate::aten::Value;
use crate::model::graph::SizeOperator as Op;

/// A number that keeps Python's distinction between whole and real.
#[derive(Clone, Copy)]
enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    fn of(value: &Value) -> Result<Self, String> {
        match value {
            Value::Int(number) => Ok(Self::Int(*number)),
            Value::Bool(truth) => Ok(Self::Int((*truth).into())),
            Value::Float(number) => Ok(Self::Float(*number)),
            Value::Tensor(tensor) if tensor.numel() == 1 && !tensor.is_floating_point() => {
                Ok(Self::Int(tensor.int64_value(&[])))
            }
            Value::Tensor(tensor) if tensor.numel() == 1 => Ok(Self::Float(tensor.double_value(&[]))),
            _ => Err("arithmetic on something that is no number".to_owned()),
        }
    }

    fn real(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    fn value(self) -> Value {
        match self {
            Self::Int(number) => Value::Int(number),
            Self::Float(number) => Value::Float(number),
        }
    }
}

/// Evaluates `operator` as Python does.
///
/// # Errors
/// A missing argument, a division by zero, an overflow.
pub(super) fn evaluate(operator: Op, arguments: &[Value]) -> Result<Value, String> {
    if operator == Op::GetItem {
        return get_item(arguments);
    }
    if operator == Op::If {
        let [condition, yes, no] = arguments else {
            return Err("a choice wants a condition and two values".to_owned());
        };
        return Number::of(condition).map(|truth| if truth.real() == 0.0 { no } else { yes }.shallow_clone());
    }
    let number = |index: usize| arguments.get(index).ok_or("an argument is missing".to_owned()).and_then(Number::of);
    let first = number(0)?;
    let one = match (operator, first) {
        (Op::Neg, Number::Int(a)) => Some(a.checked_neg().map(Number::Int).ok_or("overflow")?),
        (Op::Neg, Number::Float(a)) => Some(Number::Float(-a)),
        (Op::Pos, a) => Some(a),
        (Op::Not, a) => return Ok(Value::Bool(a.real() == 0.0)),
        (Op::Round, a) => Some(Number::Int(a.real().round_ties_even() as i64)),
        (Op::Ceil, a) => Some(Number::Int(a.real().ceil() as i64)),
        (Op::Floor, a) => Some(Number::Int(a.real().floor() as i64)),
        (Op::ToInt, a) => Some(Number::Int(a.real().trunc() as i64)),
        (Op::ToFloat, a) => Some(Number::Float(a.real())),
        (Op::Sqrt, a) => Some(Number::Float(a.real().sqrt())),
        _ => None,
    };
    if let Some(result) = one {
        return Ok(result.value());
    }
    let second = number(1)?;
    let truths = matches!(arguments, [Value::Bool(_), Value::Bool(_)]);
    let (a, b) = (first.real(), second.real());
    Ok(match operator {
        Op::And if truths => Value::Bool(a != 0.0 && b != 0.0),
        Op::Or if truths => Value::Bool(a != 0.0 || b != 0.0),
        Op::Eq => Value::Bool(a.total_cmp(&b).is_eq()),
        Op::Ne => Value::Bool(a.total_cmp(&b).is_ne()),
        Op::Lt => Value::Bool(a < b),
        Op::Le => Value::Bool(a <= b),
        Op::Gt => Value::Bool(a > b),
        Op::Ge => Value::Bool(a >= b),
        Op::TrueDiv if b == 0.0 => return Err("division by zero".to_owned()),
        Op::TrueDiv => Value::Float(a / b),
        _ => match (first, second) {
            (Number::Int(a), Number::Int(b)) => Value::Int(whole(operator, a, b)?),
            _ => Value::Float(real(operator, a, b)),
        },
    })
}

fn get_item(arguments: &[Value]) -> Result<Value, String> {
    match arguments {
        [Value::List(items), Value::Int(index)] => {
            let index = if *index < 0 { *index + items.len() as i64 } else { *index };
            usize::try_from(index)
                .ok()
                .and_then(|index| items.get(index))
                .map(Value::shallow_clone)
                .ok_or_else(|| "index out of range".to_owned())
        }
        _ => Err("getitem wants a list and an index".to_owned()),
    }
}

fn whole(operator: Op, a: i64, b: i64) -> Result<i64, String> {
    let result = match operator {
        Op::Add => a.checked_add(b),
        Op::Sub => a.checked_sub(b),
        Op::Mul => a.checked_mul(b),
        Op::Max => Some(a.max(b)),
        Op::Min => Some(a.min(b)),
        Op::FloorDiv | Op::Mod if b == 0 => return Err("division by zero".to_owned()),
        // Python rounds towards minus infinity.
        Op::FloorDiv => {
            a.checked_div(b).map(|quotient| if (a % b != 0) && ((a < 0) != (b < 0)) { quotient - 1 } else { quotient })
        }
        Op::Mod => a.checked_rem(b).map(|rest| if rest != 0 && ((rest < 0) != (b < 0)) { rest + b } else { rest }),
        Op::And => Some(a & b),
        Op::Or => Some(a | b),
        Op::ShiftLeft => u32::try_from(b).ok().filter(|&b| b < 63).and_then(|b| a.checked_mul(1 << b)),
        Op::ShiftRight => u32::try_from(b).ok().map(|b| a >> b.min(63)),
        Op::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
        _ => None,
    };
    result.ok_or_else(|| format!("{operator:?} of {a} and {b} is no whole number of 64 bits"))
}

fn real(operator: Op, a: f64, b: f64) -> f64 {
    match operator {
        Op::Sub => a - b,
        Op::Mul => a * b,
        Op::Max => a.max(b),
        Op::Min => a.min(b),
        Op::FloorDiv => (a / b).floor(),
        Op::Mod => a - b * (a / b).floor(),
        Op::Pow => a.powf(b),
        _ => a + b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_towards_minus_infinity_as_in_python() {
        let of = |operator, a, b| match evaluate(operator, &[Value::Int(a), Value::Int(b)]) {
            Ok(Value::Int(number)) => number,
            other => panic!("{other:?}"),
        };
        assert_eq!(of(Op::FloorDiv, -7, 2), -4);
        assert_eq!(of(Op::Mod, -7, 2), 1);
        assert_eq!(of(Op::FloorDiv, 7, -2), -4);
        assert_eq!(of(Op::Mod, 7, -2), -1);
    }

    #[test]
    fn division_by_zero_is_an_error_and_no_panic() {
        assert!(evaluate(Op::FloorDiv, &[Value::Int(1), Value::Int(0)]).is_err());
        assert!(evaluate(Op::Mod, &[Value::Int(1), Value::Int(0)]).is_err());
        assert!(evaluate(Op::FloorDiv, &[Value::Int(i64::MIN), Value::Int(-1)]).is_err());
    }
}
