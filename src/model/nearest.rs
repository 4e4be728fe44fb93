//! Names like the one that was typed: for layers, classes, methods and options that do not exist.

/// How alike two names must be to be offered; 1 is equal.
const ALIKE: f64 = 0.5;

/// The names most like `typed`, best first, at most three; upper and lower case are the same.
///
/// A name that contains what was typed comes before one that is merely spelled alike (Damerau–Levenshtein distance over
/// the longer length).
pub fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let typed = typed.trim().to_lowercase();
    let mut alike: Vec<(f64, &str)> = Vec::new();
    for name in names {
        let lower = name.to_lowercase();
        let distance = strsim::normalized_damerau_levenshtein(&typed, &lower);
        let contains = typed.chars().count() >= 3 && lower.contains(&typed);
        if (contains || distance >= ALIKE) && !alike.iter().any(|(_, known)| *known == name) {
            alike.push((distance + if contains { 1.0 } else { 0.0 }, name));
        }
    }
    alike.sort_by(|left, right| right.0.total_cmp(&left.0));
    alike.into_iter().take(3).map(|(_, name)| name).collect()
}

/// The end of a message about an unknown name: `; did you mean a, b or c?`, or nothing when no name is like it.
pub fn suggestion<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(typed, names).as_slice() {
        [] => String::new(),
        [only] => format!("; did you mean {only}?"),
        [first @ .., last] => format!("; did you mean {} or {last}?", first.join(", ")),
    }
}
