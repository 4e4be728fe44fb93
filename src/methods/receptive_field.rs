//! The receptive field: the part of the input that a position of a layer can see.
//!
//! Araujo, Norris and Sim, *Computing Receptive Fields of Convolutional Neural Networks* (Distill, 2019). Going forward from
//! the input (size 1, stride 1, start 0), a window of kernel k, stride s, padding p and dilation d makes of a field of size r,
//! stride j and start a one of size `r + (k − 1)·d·j`, stride `s·j` and start `a − p·j`. Where several paths meet, the field
//! is the hull of theirs; their strides must be equal.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Forward, Network, node};
use crate::model::graph::{Argument, Graph, Node, ValueId};

/// The part of the input that a position of a layer can see, in pixels of the picture that the network sees: position (row,
/// column) sees `size` pixels from `start + (row, column) × stride` on, which may reach past the border into the padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceptiveField {
    /// Rows and columns.
    pub size: (u64, u64),
    /// Rows and columns from one position's field to the next one's.
    pub stride: (u64, u64),
    /// Top and left of the first position's field.
    pub start: (i64, i64),
}

impl Network {
    /// The receptive fields of the values of a run: see [`ReceptiveField`]. A value is left out where its positions see the whole
    /// input (global pooling, attention, normalisation over space), where it has no rows and columns any more, and where what
    /// it sees is no such window: behind transposed convolutions, enlargements and attention windows.
    pub fn receptive_fields(&self, forward: &Forward) -> HashMap<ValueId, ReceptiveField> {
        of_graph(self.engine.graph(), forward.shapes())
    }
}

/// The fields of a graph's values for one size of the input: `shapes` has the shape of every value.
pub(super) fn of_graph(graph: &Graph, shapes: &HashMap<ValueId, Vec<i64>>) -> HashMap<ValueId, ReceptiveField> {
    let mut walk = Walk { shapes, sights: HashMap::new(), made: HashMap::new(), bases: HashMap::new() };
    for &input in &graph.inputs {
        let start = Axis { size: 1, stride: 1, start: 0 };
        walk.sights.insert(input, Sight::Window(Window { dimensions: [2, 3], axes: [start; 2] }));
    }
    walk.sights.extend(graph.weights.iter().map(|weight| (weight.value, Sight::Nothing)));
    graph.nodes.iter().for_each(|node| walk.follow(node));
    let field = |(value, sight): (ValueId, Sight)| match sight {
        Sight::Window(window) => Some((value, window.field())),
        Sight::Nothing | Sight::Everything => None,
    };
    walk.made.into_iter().filter_map(field).collect()
}

/// What a value depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    /// Nothing of the input.
    Nothing,
    /// Each position on a window.
    Window(Window),
    /// The whole input, or what is no window.
    Everything,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    /// Which dimensions of the value are rows and columns.
    dimensions: [usize; 2],
    axes: [Axis; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Axis {
    size: i64,
    stride: i64,
    start: i64,
}

impl Axis {
    fn through(self, kernel: i64, stride: i64, padding: i64, dilation: i64) -> Option<Self> {
        let reach = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_mul(self.stride)?;
        Some(Self {
            size: self.size.checked_add(reach)?,
            stride: self.stride.checked_mul(stride)?,
            start: self.start.checked_sub(padding.checked_mul(self.stride)?)?,
        })
    }

    fn hull(self, other: Self) -> Option<Self> {
        let start = self.start.min(other.start);
        let end = self.start.checked_add(self.size)?.max(other.start.checked_add(other.size)?);
        (self.stride == other.stride).then_some(Self { size: end.checked_sub(start)?, stride: self.stride, start })
    }
}

impl Window {
    fn field(self) -> ReceptiveField {
        let both = |of: fn(Axis) -> i64| (of(self.axes[0]), of(self.axes[1]));
        let count = |(rows, columns): (i64, i64)| (rows.unsigned_abs(), columns.unsigned_abs());
        ReceptiveField {
            size: count(both(|axis| axis.size)),
            stride: count(both(|axis| axis.stride)),
            start: both(|axis| axis.start),
        }
    }

    /// Rows and columns, each through a step of its own.
    fn map(self, step: impl Fn(usize, Axis) -> Option<Axis>) -> Option<Self> {
        let axes = [step(0, self.axes[0])?, step(1, self.axes[1])?];
        Some(Self { axes, ..self })
    }

    fn hull(self, other: Self) -> Option<Self> {
        let same = self.dimensions == other.dimensions;
        if same { self.map(|side, axis| axis.hull(other.axes[side])) } else { None }
    }
}

struct Walk<'a> {
    shapes: &'a HashMap<ValueId, Vec<i64>>,
    sights: HashMap<ValueId, Sight>,
    /// What the values saw before something wrote to them in place: a layer's own output.
    made: HashMap<ValueId, Sight>,
    /// For a view, the value whose memory it shows.
    bases: HashMap<ValueId, ValueId>,
}

impl Walk<'_> {
    fn follow(&mut self, node: &Node) {
        let name = node::operator(node);
        let sight = if CONSTANTS.contains(&name) { Sight::Nothing } else { self.sight(node, name) };
        let first = node::value(node, "self").or_else(|| node::value(node, "input"));
        if VIEWS.contains(&name)
            && let Some(source) = first
        {
            let base = self.bases.get(&source).copied().unwrap_or(source);
            self.bases.extend(node.makes().map(|value| (value, base)));
        }
        self.sights.extend(node.makes().map(|value| (value, sight)));
        self.made.extend(node.makes().map(|value| (value, sight)));
        if node::is_in_place(node)
            && let Some(written) = first
        {
            self.written(written, sight);
        }
    }

    /// A value was written to. What shares its memory as a view of another shape is no longer known.
    fn written(&mut self, value: ValueId, sight: Sight) {
        self.sights.insert(value, sight);
        let base = self.bases.get(&value).copied().unwrap_or(value);
        let sharing = self.bases.iter().filter(|(view, of)| **of == base && **view != value).map(|(view, _)| *view);
        let others: Vec<ValueId> = sharing.chain((base != value).then_some(base)).collect();
        for other in others {
            let nothing_new = sight == Sight::Nothing && self.sights.get(&other) == Some(&Sight::Nothing);
            if !nothing_new {
                self.sights.insert(other, Sight::Everything);
            }
        }
    }

    fn sight(&self, node: &Node, name: &str) -> Sight {
        let seen: Vec<Sight> = node.reads().iter().filter_map(|value| self.sights.get(value)).copied().collect();
        if seen.iter().all(|sight| *sight == Sight::Nothing) {
            return Sight::Nothing;
        }
        let first = node::value(node, "self").or_else(|| node::value(node, "input"));
        let window = first.and_then(|value| self.sights.get(&value)).and_then(|sight| match sight {
            Sight::Window(window) => Some((*window, self.shapes.get(&first?)?.as_slice())),
            _ => None,
        });
        let found = if node::is_elementwise(node) || name == "cat" {
            self.meeting(node, name, &seen)
        } else {
            window.and_then(|(window, shape)| self.through(node, name, window, shape))
        };
        found.map_or(Sight::Everything, Sight::Window)
    }

    /// Several values, place by place.
    fn meeting(&self, node: &Node, name: &str, seen: &[Sight]) -> Option<Window> {
        let mut windows = seen.iter().filter(|sight| **sight != Sight::Nothing).map(|sight| match sight {
            Sight::Window(window) => Some(*window),
            _ => None,
        });
        let first = windows.next()??;
        let hull = windows.try_fold(first, |hull, window| hull.hull(window?))?;
        if name == "cat" {
            let rank = self.shapes.get(&node.makes().next()?)?.len();
            let along = wrapped(node::int(node, "dim").unwrap_or(0), rank)?;
            return (!hull.dimensions.contains(&along)).then_some(hull);
        }
        Some(hull)
    }

    /// One value through an operator that looks beyond the place.
    fn through(&self, node: &Node, name: &str, window: Window, shape: &[i64]) -> Option<Window> {
        let rank = shape.len();
        match name {
            "conv2d" | "convolution" | "_convolution" => self.convolution(node, window),
            "max_pool2d" | "max_pool2d_with_indices" | "avg_pool2d" => pooling(node, window),
            "adaptive_avg_pool2d" | "_adaptive_avg_pool2d" | "adaptive_max_pool2d" => adaptive(node, window, shape),
            "constant_pad_nd" | "pad" => padding(node, window, rank),
            "slice" => slice(node, window, shape),
            "linear" => (!window.dimensions.contains(&rank.checked_sub(1)?)).then_some(window),
            "softmax" | "_softmax" | "log_softmax" | "split" | "chunk" | "unbind_copy" => {
                let along = wrapped(node::int(node, "dim").unwrap_or(0), rank)?;
                (!window.dimensions.contains(&along)).then_some(window)
            }
            "layer_norm" | "native_layer_norm" => {
                let over = node::ints(node, "normalized_shape")?.len();
                window.dimensions.iter().all(|&dimension| dimension + over < rank).then_some(window)
            }
            "permute" => {
                let dims: Vec<usize> =
                    node::ints(node, "dims")?.into_iter().map(|dim| wrapped(dim, rank)).collect::<Option<_>>()?;
                moved(window, |dimension| dims.iter().position(|&from| from == dimension))
            }
            "transpose" => {
                let (one, two) = (wrapped(node::int(node, "dim0")?, rank)?, wrapped(node::int(node, "dim1")?, rank)?);
                let swap = |dimension| match dimension {
                    dimension if dimension == one => two,
                    dimension if dimension == two => one,
                    dimension => dimension,
                };
                moved(window, |dimension| Some(swap(dimension)))
            }
            "view" | "reshape" | "_unsafe_view" | "channel_shuffle" => self.reshaped(node, window, shape),
            _ => None,
        }
    }

    fn convolution(&self, node: &Node, window: Window) -> Option<Window> {
        if matches!(node::argument(node, "transposed"), Some(Argument::Bool(true))) || window.dimensions != [2, 3] {
            return None;
        }
        let kernel = self.shapes.get(&node::value(node, "weight")?)?.get(2..4)?.to_vec();
        let (strides, dilations) = (node::pair(node, "stride", 1)?, node::pair(node, "dilation", 1)?);
        let paddings = match node::argument(node, "padding") {
            Some(Argument::String(word)) if word == "same" => {
                [0, 1].map(|side| (kernel[side] - 1).saturating_mul(dilations[side]) / 2)
            }
            Some(Argument::String(_)) => [0, 0],
            _ => node::pair(node, "padding", 0)?,
        };
        window.map(|side, axis| axis.through(kernel[side], strides[side], paddings[side], dilations[side]))
    }

    /// A change of shape that leaves rows and columns last and as they are, as the shuffle of channels does.
    fn reshaped(&self, node: &Node, window: Window, shape: &[i64]) -> Option<Window> {
        let after = self.shapes.get(&node.makes().next()?)?;
        if after == shape {
            return Some(window);
        }
        let (rank, rank_after) = (shape.len(), after.len());
        let last = window.dimensions == [rank.checked_sub(2)?, rank - 1];
        let same = shape.get(rank - 2..)? == after.get(rank_after.checked_sub(2)?..)?;
        (last && same).then_some(Window { dimensions: [rank_after - 2, rank_after - 1], ..window })
    }
}

fn pooling(node: &Node, window: Window) -> Option<Window> {
    if window.dimensions != [2, 3] {
        return None;
    }
    let kernel = node::pair(node, "kernel_size", 1)?;
    // Without a stride the windows lie side by side.
    let stated = node::ints(node, "stride").is_some_and(|strides| !strides.is_empty());
    let strides = if stated { node::pair(node, "stride", 1)? } else { kernel };
    let (paddings, dilations) = (node::pair(node, "padding", 0)?, node::pair(node, "dilation", 1)?);
    window.map(|side, axis| axis.through(kernel[side], strides[side], paddings[side], dilations[side]))
}

/// Pooling to a size: known where the windows are equal and more than one.
fn adaptive(node: &Node, window: Window, shape: &[i64]) -> Option<Window> {
    let sizes = node::pair(node, "output_size", 1)?;
    window.map(|side, axis| {
        let (before, after) = (*shape.get(window.dimensions[side])?, sizes[side]);
        let even = after > 0 && before % after == 0 && (after > 1 || before == 1);
        if even { axis.through(before / after, before / after, 0, 1) } else { None }
    })
}

fn padding(node: &Node, window: Window, rank: usize) -> Option<Window> {
    let pads = node::ints(node, "pad")?;
    window.map(|side, axis| {
        // The list begins with the last dimension: before, after, and so on.
        let before = pads.get(2 * (rank - 1 - window.dimensions[side])).copied().unwrap_or(0);
        axis.through(1, 1, before, 1)
    })
}

fn slice(node: &Node, window: Window, shape: &[i64]) -> Option<Window> {
    let along = wrapped(node::int(node, "dim").unwrap_or(0), shape.len())?;
    let start = match node::argument(node, "start") {
        None | Some(Argument::None) => 0,
        _ => node::int(node, "start")?,
    };
    let step = match node::argument(node, "step") {
        None | Some(Argument::None) => 1,
        _ => node::int(node, "step")?,
    };
    let size = *shape.get(along)?;
    let start = if start < 0 { start + size } else { start }.clamp(0, size);
    window.map(
        |side, axis| {
            if window.dimensions[side] == along { axis.through(1, step, -start, 1) } else { Some(axis) }
        },
    )
}

fn moved(window: Window, to: impl Fn(usize) -> Option<usize>) -> Option<Window> {
    let dimensions = [to(window.dimensions[0])?, to(window.dimensions[1])?];
    Some(Window { dimensions, ..window })
}

fn wrapped(dimension: i64, rank: usize) -> Option<usize> {
    let dimension = if dimension < 0 { dimension + rank as i64 } else { dimension };
    usize::try_from(dimension).ok().filter(|&dimension| dimension < rank)
}

/// Operators that make a tensor of their own, whatever they are given for its shape.
const CONSTANTS: &[&str] = &[
    "arange",
    "empty",
    "full",
    "full_like",
    "new_full",
    "new_ones",
    "new_zeros",
    "ones",
    "ones_like",
    "zeros",
    "zeros_like",
];

/// Operators whose result shows the memory of what they are given.
const VIEWS: &[&str] = &[
    "alias",
    "chunk",
    "detach",
    "expand",
    "flatten",
    "permute",
    "reshape",
    "select",
    "slice",
    "split",
    "squeeze",
    "transpose",
    "unbind",
    "unflatten",
    "unsqueeze",
    "view",
];
