//! Every method in one table: its name, what it computes, where that is written, and its parameters with their ranges. The
//! command line, the inspector's pickers, help and documentation come from it.

mod attention;
mod attributions;
mod chosen;
mod faithfulness;
mod maps;
mod recipes;
mod settings;

use super::attribution::{AttributionMethod, Reading};
use super::cam::MapMethod;
use super::faithfulness::Metric;
use super::patterns::Recipe;
use crate::methods::target::Measure;
use crate::model::suggestion;

pub use chosen::Chosen;
pub use settings::{Parameter, Range, SettingError, Settings};

/// A method.
#[derive(Debug)]
pub struct Method {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub summary: &'static str,
    /// What it computes. A: the layer's activations, g: the target's gradient with respect to them, y: the target.
    pub formula: &'static str,
    /// The paper or program that it comes from.
    pub source: &'static str,
    /// What can be set.
    pub parameters: &'static [Parameter],
    /// What it makes, and how.
    pub run: Run,
}

/// What a method makes, and the function that does.
#[derive(Debug, Clone, Copy)]
pub enum Run {
    /// A class activation map, H×W at a layer's resolution.
    Map(MapMethod),
    /// An attribution to the input's numbers.
    Attribution {
        /// The function.
        make: AttributionMethod,
        /// What its numbers tell.
        reading: Reading,
    },
    /// A recipe by which filter patterns grow.
    Pattern(fn(&Settings) -> Recipe),
    /// How far a map or an attribution is to be trusted.
    Faithfulness(Metric),
}

/// What a method makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A class activation map.
    Map,
    /// An attribution to the input's numbers.
    Attribution,
    /// A filter pattern.
    Pattern,
    /// How far a map or an attribution is to be trusted.
    Faithfulness,
}

/// Every kind.
const KINDS: [Kind; 4] = [Kind::Map, Kind::Attribution, Kind::Pattern, Kind::Faithfulness];

impl Run {
    /// What is made.
    pub fn kind(self) -> Kind {
        match self {
            Self::Map(_) => Kind::Map,
            Self::Attribution { .. } => Kind::Attribution,
            Self::Pattern(_) => Kind::Pattern,
            Self::Faithfulness(_) => Kind::Faithfulness,
        }
    }
}

impl Method {
    /// Which of a class's numbers an attribution is of where nobody says which: RISE weighs its masks by the probability.
    pub fn usual_measure(&self) -> Measure {
        if self.name == "rise" { Measure::Probability } else { Measure::Score }
    }

    /// Whether it makes an attribution for which a map at a layer is made.
    pub fn maps_at_layer(&self) -> bool {
        self.run.kind() == Kind::Map || self.name == "guided-grad-cam"
    }
}

/// No method has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no method '{name}'{suggestion}; there are {known}")]
pub struct UnknownMethod {
    /// The name that was asked for.
    pub name: String,
    /// Names that are near.
    pub suggestion: String,
    /// All names of the kind.
    pub known: String,
}

/// All methods of a kind, in the order in which they are listed.
pub fn all(kind: Kind) -> impl Iterator<Item = &'static Method> {
    let tables =
        [maps::MAPS, attention::ATTENTION, attributions::ATTRIBUTIONS, recipes::RECIPES, faithfulness::METRICS];
    tables.into_iter().flatten().filter(move |method| method.run.kind() == kind)
}

/// The method of a name.
///
/// # Errors
/// When there is none; the message names the nearest.
pub fn find(kind: Kind, name: &str) -> Result<&'static Method, UnknownMethod> {
    let names = || all(kind).map(|method| method.name);
    all(kind).find(|method| method.name == name).ok_or_else(|| UnknownMethod {
        name: name.to_owned(),
        suggestion: suggestion(name, names()),
        known: names().collect::<Vec<_>>().join(", "),
    })
}
