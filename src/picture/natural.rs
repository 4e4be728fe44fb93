//! Natural order: `2.png` before `10.png`.

use std::cmp::Ordering;

/// Compares names with runs of digits as numbers and letters without regard to case; equal ones byte by byte.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    let (mut a, mut b) = (left, right);
    loop {
        let order = match (a.chars().next(), b.chars().next()) {
            (None, None) => return left.cmp(right),
            (None, _) => return Ordering::Less,
            (_, None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (number, other) = (take_digits(&mut a), take_digits(&mut b));
                number.len().cmp(&other.len()).then_with(|| number.cmp(other))
            }
            (Some(x), Some(y)) => {
                a = &a[x.len_utf8()..];
                b = &b[y.len_utf8()..];
                x.to_lowercase().cmp(y.to_lowercase())
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// The digits that `text` begins with, without leading zeros; `text` goes on after them.
fn take_digits<'a>(text: &mut &'a str) -> &'a str {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    digits.trim_start_matches('0')
}
