//! Tokens back on the grid of the picture that they are of.
//!
//! A transformer works on N×T×C: T tokens, of which most are patches of the picture, row by row. The graph says how many rows and
//! columns they make: somewhere a map of H×W positions (what the patch embedding's convolution gives) becomes H·W tokens, or
//! tokens become a map again. Class, register and distillation tokens are concatenated to those. Where a graph does neither, as
//! one that cuts the picture into patches by itself, the tokens are taken for a grid of the picture's own proportions.

use std::collections::HashMap;

use crate::methods::node;
use crate::model::Layout;
use crate::model::graph::{Argument, Graph, Node, ValueId};

/// Class, register and distillation tokens that a guess may set aside; more would be a coincidence.
const MOST_EXTRA: i64 = 5;

/// Which of a value's tokens are patches of the picture, and how they lie in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Class, register and distillation tokens before the patches.
    pub extra: i64,
    /// Rows of patches.
    pub height: i64,
    /// Columns of patches.
    pub width: i64,
}

impl Grid {
    /// Number of patches.
    pub fn patches(self) -> i64 {
        self.height * self.width
    }
}

/// The grids of a graph's tokens, in a run of certain shapes.
#[derive(Debug, Clone, Default)]
pub struct Grids {
    /// By the number of tokens.
    found: HashMap<i64, Grid>,
    /// Pictures in the run's batch, their rows and columns.
    pictures: Option<(i64, i64, i64)>,
}

impl Grids {
    /// Reads the grids off a graph. `layout` says of four-dimensional values where their channels are, as far as that is known.
    pub(in crate::methods) fn of(
        graph: &Graph,
        layouts: &HashMap<ValueId, Layout>,
        shape_of: &dyn Fn(ValueId) -> Option<Vec<i64>>,
    ) -> Self {
        let pictures = graph.inputs.first().and_then(|&input| shape_of(input)).and_then(|shape| match *shape {
            [batch, _, height, width] => Some((batch, height, width)),
            _ => None,
        });
        let mut grids = Self { found: HashMap::new(), pictures };
        for node in &graph.nodes {
            match node::operator(node) {
                "flatten" | "reshape" | "view" | "_unsafe_view" | "unflatten" => {
                    grids.learn_change_of_shape(node, layouts, shape_of);
                }
                "cat" => grids.learn_concatenation(node, shape_of),
                _ => {}
            }
        }
        grids
    }

    /// The grid of as many tokens; of tokens that the graph says nothing of, a guess.
    pub fn find(&self, tokens: i64) -> Option<Grid> {
        self.found.get(&tokens).copied().or_else(|| self.guess(tokens))
    }

    /// The grid of a value of this shape, where it is the tokens of the run's pictures, N×T×C, and no windows or heads of them.
    /// Of tokens that the graph says nothing of there is one only where it speaks of none.
    pub fn of_pictures(&self, sizes: &[i64]) -> Option<Grid> {
        match *sizes {
            [batch, tokens, _] if self.pictures.is_none_or(|(pictures, ..)| pictures == batch) => self.known(tokens),
            _ => None,
        }
    }

    /// As [`Grids::find`], and guesses only where the graph says nothing of any tokens.
    pub(in crate::methods) fn known(&self, tokens: i64) -> Option<Grid> {
        if self.found.is_empty() { self.guess(tokens) } else { self.found.get(&tokens).copied() }
    }

    /// Whether so many rows and columns are the picture's, made smaller.
    fn has_proportions(&self, height: i64, width: i64) -> bool {
        self.pictures.is_some_and(|(_, rows, columns)| height * columns == width * rows)
    }

    fn guess(&self, tokens: i64) -> Option<Grid> {
        let (_, rows, columns) = self.pictures.filter(|(_, rows, columns)| rows * columns > 0).unwrap_or((1, 1, 1));
        (0..=MOST_EXTRA).find_map(|extra| {
            let patches = tokens - extra;
            let height = ((patches.max(0) * rows) as f64 / columns as f64).sqrt().round() as i64;
            let width = patches.checked_div(height)?;
            let fits = height > 1 && width > 1 && height * width == patches && height * columns == width * rows;
            fits.then_some(Grid { extra, height, width })
        })
    }

    /// N×C×H×W to N×C×HW, N×H×W×C to N×HW×C, or the way back.
    fn learn_change_of_shape(
        &mut self,
        node: &Node,
        layouts: &HashMap<ValueId, Layout>,
        shape_of: &dyn Fn(ValueId) -> Option<Vec<i64>>,
    ) {
        let input = node::value(node, "self").or_else(|| node::value(node, "input"));
        let (Some(input), Some(output)) = (input, node.makes().next()) else { return };
        let (Some(before), Some(after)) = (shape_of(input), shape_of(output)) else { return };
        let (map, shape, flat) = match (before.len(), after.len()) {
            (4, 3) => (input, before, after),
            (3, 4) => (output, after, before),
            _ => return,
        };
        let (height, width, expected) = match (layouts.get(&map), shape.as_slice()) {
            (Some(Layout::ChannelsFirst), &[batch, channels, height, width]) => {
                (height, width, [batch, channels, height * width])
            }
            (Some(Layout::ChannelsLast), &[batch, height, width, channels]) => {
                (height, width, [batch, height * width, channels])
            }
            // Of heads N×T×heads×C nothing is known either; they have other proportions.
            (None, &[batch, height, width, channels]) if self.has_proportions(height, width) => {
                (height, width, [batch, height * width, channels])
            }
            _ => return,
        };
        if flat == expected && height * width > 1 && self.pictures.is_none_or(|(batch, ..)| batch == expected[0]) {
            self.found.entry(height * width).or_insert(Grid { extra: 0, height, width });
        }
    }

    /// Tokens beside those of a grid.
    fn learn_concatenation(&mut self, node: &Node, shape_of: &dyn Fn(ValueId) -> Option<Vec<i64>>) {
        let Some(Argument::List(items)) = node::argument(node, "tensors") else { return };
        if !matches!(node::int(node, "dim"), Some(1 | -2)) {
            return;
        }
        let tokens_of = |item: &Argument| match item {
            Argument::Value(value) => match *shape_of(*value)? {
                [_, tokens, _] => Some(tokens),
                _ => None,
            },
            _ => None,
        };
        let Some(counts) = items.iter().map(tokens_of).collect::<Option<Vec<i64>>>() else { return };
        let most = counts.iter().copied().enumerate().max_by_key(|(_, count)| *count);
        let Some((place, grid)) = most.and_then(|(place, count)| Some((place, *self.found.get(&count)?))) else {
            return;
        };
        let (before, all): (i64, i64) = (counts[..place].iter().sum(), counts.iter().sum());
        if all < 2 * grid.patches() {
            self.found.entry(all).or_insert(Grid { extra: grid.extra + before, ..grid });
        }
    }
}
