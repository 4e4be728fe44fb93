//! Choices of methods and of their parameters, from the registry.

use super::super::fuzzy;
use super::{Choice, Does};
use crate::methods::registry::{self, Chosen, Kind, Method, Parameter, Range};
use crate::tui::state::State;

/// Maps and attributions that match, by name or else by what they say of themselves; the best first, and where nothing is typed
/// maps before attributions.
pub(super) fn heatmaps(state: &State, typed: &str) -> Vec<Choice> {
    let all: Vec<&'static Method> = registry::all(Kind::Map).chain(registry::all(Kind::Attribution)).collect();
    matching(&all, &state.methods.heatmap, typed)
}

/// Recipes that match.
pub(super) fn recipes(state: &State, typed: &str) -> Vec<Choice> {
    let all: Vec<&'static Method> = registry::all(Kind::Pattern).collect();
    matching(&all, &state.methods.recipe, typed)
}

fn matching(all: &[&'static Method], current: &Chosen, typed: &str) -> Vec<Choice> {
    let choice = |method: &'static Method, positions: Vec<u32>| {
        let kind = match method.run.kind() {
            Kind::Map => "map · ",
            Kind::Attribution => "attribution · ",
            Kind::Pattern | Kind::Faithfulness => "",
        };
        let now = if current.method().name == method.name { "now · " } else { "" };
        Choice {
            text: method.name.to_owned(),
            note: format!("{kind}{now}{}", method.summary),
            positions,
            takes_argument: false,
            details: vec![method.summary.to_owned(), method.formula.to_owned(), source(method)],
            does: Does::Method(method),
        }
    };
    let mut by_name = fuzzy::matches(typed, all.iter().map(|method| method.name));
    // Of names that begin with others, the one that was typed.
    by_name.sort_by_key(|found| all.get(found.index).is_none_or(|method| method.name != typed.trim()));
    let by_summary = fuzzy::matches(typed, all.iter().map(|method| method.summary));
    let others = by_summary.iter().filter(|found| !by_name.iter().any(|named| named.index == found.index));
    let named = by_name.iter().map(|found| (found.index, found.positions.clone()));
    let found = named.chain(others.map(|found| (found.index, Vec::new())));
    found.filter_map(|(index, positions)| Some(choice(all.get(index)?, positions))).collect()
}

/// Where a method is written, and what can be set of it.
fn source(method: &Method) -> String {
    let names: Vec<&str> = method.parameters.iter().map(|parameter| parameter.name).collect();
    if names.is_empty() { method.source.to_owned() } else { format!("{}; takes {}", method.source, names.join(", ")) }
}

/// What can be set of a method: words at once, numbers when they are typed behind the name, and everything back to its default.
pub(super) fn settings(chosen: &Chosen, typed: &str) -> Vec<Choice> {
    let typed = typed.trim();
    let mut changed = chosen.clone();
    if typed.contains('=') && changed.set(typed).is_ok() {
        let (name, _) = typed.split_once('=').unwrap_or((typed, ""));
        let parameter = chosen.method().parameters.iter().find(|parameter| parameter.name == name.trim());
        return parameter
            .map(|parameter| row(chosen, parameter, typed, Does::Set(typed.to_owned())))
            .into_iter()
            .collect();
    }
    let mut all = Vec::new();
    for parameter in chosen.method().parameters {
        match parameter.range {
            Range::Choice(words) => all.extend(words.iter().map(|word| {
                let text = format!("{}={word}", parameter.name);
                row(chosen, parameter, &text, Does::Set(text.clone()))
            })),
            Range::Whole { .. } | Range::Real { .. } => {
                let text = format!("{}=", parameter.name);
                all.push(row(chosen, parameter, &text, Does::Type));
            }
        }
    }
    if !chosen.changed().is_empty() {
        all.push(Choice {
            text: DEFAULTS.to_owned(),
            note: format!("now {}", chosen.changed().join(" ")),
            positions: Vec::new(),
            takes_argument: false,
            details: vec![format!("everything that {} takes as it usually is", chosen.method().name)],
            does: Does::SetDefaults,
        });
    }
    let found = fuzzy::matches(typed, all.iter().map(|choice| choice.text.as_str()));
    let found = found
        .into_iter()
        .filter_map(|found| Some(Choice { positions: found.positions, ..all.get(found.index)?.clone() }));
    found.collect()
}

const DEFAULTS: &str = "defaults";

fn row(chosen: &Chosen, parameter: &Parameter, text: &str, does: Does) -> Choice {
    let now = chosen.settings().iter().find(|(name, _)| *name == parameter.name).map(|(_, value)| value);
    Choice {
        text: text.to_owned(),
        note: format!("now {}", now.unwrap_or_default()),
        positions: Vec::new(),
        takes_argument: false,
        details: vec![parameter.meaning.to_owned(), parameter.range.to_string()],
        does,
    }
}

/// Why nothing that can be set matches.
pub(super) fn why_not(chosen: &Chosen, typed: &str) -> String {
    let refused = chosen.clone().set(typed.trim()).err();
    refused.map_or_else(|| format!("{} takes nothing", chosen.method().name), |reason| reason.to_string())
}
