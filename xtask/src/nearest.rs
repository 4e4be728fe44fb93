//! Which of some names somebody who mistyped one may have meant.

/// The names that are at most a third of the word's letters away (at least two), or begin with it, nearest first.
pub(crate) fn nearest<'a>(word: &str, names: &[&'a str]) -> Vec<&'a str> {
    let reach = (word.chars().count() / 3).max(2);
    let mut found: Vec<(usize, &str)> = names
        .iter()
        .map(|name| (distance(word, name), *name))
        .filter(|(distance, name)| *distance <= reach || (!word.is_empty() && name.starts_with(word)))
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, name)| name).collect()
}

/// The edit distance (Levenshtein) of two words.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (deleted, letter) in from.chars().enumerate() {
        let mut left = deleted + 1;
        let mut next = vec![left];
        for (wanted, above) in to.iter().zip(row.windows(2)) {
            if let [diagonal, above] = above {
                left = (diagonal + usize::from(letter != *wanted)).min(above + 1).min(left + 1);
                next.push(left);
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
