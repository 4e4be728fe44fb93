//! Choices of what was found elsewhere: by a check, and over the pictures of a scan.

use std::path::PathBuf;

use super::super::fuzzy;
use super::{Choice, Does};
use crate::model::printable;
use crate::service::protocol::LayerFinding;
use crate::tui::state::{State, mark};
use crate::tui::update::Which;

/// What was found, by layer and name; choosing one goes to its layer.
pub(super) fn findings(state: &State, typed: &str) -> Vec<Choice> {
    let (Some(model), Some(findings)) = (&state.model, &state.findings) else { return Vec::new() };
    let place = |finding: &LayerFinding| {
        let layer = finding.layer.and_then(|layer| model.layers.get(layer.0));
        layer.map_or_else(|| "the network".to_owned(), |layer| printable(&layer.path).into_owned())
    };
    let choice = |finding: &LayerFinding, positions: Vec<u32>| Choice {
        text: place(finding),
        note: format!("{} {}: {}", mark(finding.severity), finding.name, printable(&finding.numbers)),
        positions,
        takes_argument: false,
        details: vec![format!("{}: {}", finding.name, printable(&finding.numbers)), finding.hint.clone()],
        does: Does::Layer(finding.layer.unwrap_or(state.layer)),
    };
    let texts: Vec<String> =
        findings.all.iter().map(|finding| format!("{} {}", place(finding), finding.name)).collect();
    let found = fuzzy::matches(typed, texts.iter().map(String::as_str));
    found.into_iter().filter_map(|found| Some(choice(findings.all.get(found.index)?, found.positions))).collect()
}

/// All, right and wrong ones, classes, and what was typed where it is another label.
pub(super) fn excited_by(state: &State, typed: &str) -> Vec<Choice> {
    let typed = typed.trim();
    let row = |text: &str, note: &str, positions: Vec<u32>, which: Which| Choice {
        text: text.to_owned(),
        note: note.to_owned(),
        positions,
        takes_argument: false,
        details: Vec::new(),
        does: Does::Excited(which),
    };
    let judged = [
        ("all", "whatever they show", Which::All),
        ("right", "the network says what they show", Which::Judged(true)),
        ("wrong", "the network says something else", Which::Judged(false)),
    ];
    let classes = state.model.iter().flat_map(|model| &model.classes);
    let labels: Vec<&str> = classes.map(|class| class.label.as_str()).collect();
    let mut found: Vec<Choice> = fuzzy::matches(typed, judged.iter().map(|(name, ..)| *name))
        .into_iter()
        .filter_map(|found| judged.get(found.index).map(|(name, note, which)| (name, note, which, found.positions)))
        .map(|(name, note, which, positions)| row(name, note, positions, which.clone()))
        .collect();
    found.extend(fuzzy::matches(typed, labels.iter().copied()).into_iter().filter_map(|found| {
        let (label, class) = (labels.get(found.index)?, state.model.as_ref()?.classes.get(found.index)?);
        // As a scan tells classes of one label apart.
        let shared = !class.id.negative && labels.iter().filter(|other| *other == label).count() > 1;
        let unique = if shared { format!("{label} ({})", class.id.index) } else { (*label).to_owned() };
        Some(row(&printable(&unique), "", found.positions, Which::Class(unique.clone())))
    }));
    if !typed.is_empty() && !found.iter().any(|choice| choice.text.eq_ignore_ascii_case(typed)) {
        found.push(row(typed, "this label", Vec::new(), Which::Class(typed.to_owned())));
    }
    found
}

/// The file that was typed, or else the one that is open.
pub(super) fn scan(state: &State, typed: &str) -> Vec<Choice> {
    let typed = typed.trim();
    let open = state.excitations.path.as_ref().filter(|_| typed.is_empty());
    let path = open.cloned().or_else(|| (!typed.is_empty()).then(|| PathBuf::from(typed)));
    let row = |path: PathBuf| Choice {
        text: printable(&path.to_string_lossy()).into_owned(),
        note: if open.is_some() { "open; read it again" } else { "open this file" }.to_owned(),
        positions: Vec::new(),
        takes_argument: false,
        details: Vec::new(),
        does: Does::Scan(path),
    };
    path.map(row).into_iter().collect()
}
