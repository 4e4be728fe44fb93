//! Fuzzy matching of what was typed against names.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// A name that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Match {
    /// Which of the names.
    pub index: usize,
    /// Characters of the name that were typed, in order.
    pub positions: Vec<u32>,
    score: u32,
}

/// The names that match, the best first; equally good ones in their own order. Nothing typed matches everything.
pub(super) fn matches<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<Match> {
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(typed.trim(), CaseMatching::Smart, Normalization::Smart);
    let mut buffer = Vec::new();
    let mut found: Vec<Match> = names
        .into_iter()
        .enumerate()
        .filter_map(|(index, name)| {
            let mut positions = Vec::new();
            let score = pattern.indices(Utf32Str::new(name, &mut buffer), &mut matcher, &mut positions)?;
            positions.sort_unstable();
            positions.dedup();
            Some(Match { index, positions, score })
        })
        .collect();
    found.sort_by_key(|found| std::cmp::Reverse(found.score));
    found
}

#[cfg(test)]
mod tests {
    use super::matches;

    fn found(typed: &str, names: &[&str]) -> Vec<usize> {
        matches(typed, names.iter().copied()).into_iter().map(|found| found.index).collect()
    }

    #[test]
    fn the_better_match_comes_first_and_nothing_typed_keeps_the_order() {
        assert_eq!(found("", &["b", "a"]), [0, 1]);
        assert_eq!(found("conv2", &["features.conv12", "conv2", "relu"]), [1, 0]);
        assert_eq!(found("tcat", &["tabby", "tiger cat"]), [1]);
        assert!(found("zzz", &["tabby"]).is_empty());
    }

    #[test]
    fn the_typed_characters_are_named() {
        assert_eq!(matches("cv", ["conv"])[0].positions, [0, 3]);
    }
}
