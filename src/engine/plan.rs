//! Which nodes a run needs, when a value may be forgotten, and how a tap is kept from in-place operators.

use std::collections::{HashMap, HashSet};

use super::program::{Call, Step};
use crate::model::graph::{Graph, NodeId, Tap, ValueId};

/// How a value that is kept is protected from a later in-place operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Nothing writes to it.
    AsIs,
    /// The run goes on with a copy, the tap stays the value itself: gradients still reach it.
    RunGoesOnWithCopy,
    /// The tap is a copy: the value is a view of memory that is written to through another name.
    TapIsCopy,
}

/// One node of a run.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) node: usize,
    /// Call the operator's variant that does not write in place.
    pub(super) functional: bool,
    /// A method gives what the node would.
    pub(super) substituted: bool,
    /// Taps that are whole only now.
    pub(super) complete: Vec<ValueId>,
    /// Values that nobody asks for afterwards.
    pub(super) forget: Vec<ValueId>,
}

/// The nodes that lead from the given values to the taps, in order.
#[derive(Debug)]
pub struct Plan {
    pub(super) steps: Vec<Planned>,
    /// The taps and whatever else must not be written to, with how it is kept.
    pub(super) keep: HashMap<ValueId, Keep>,
    /// Weights that the steps read.
    pub(super) weights: Vec<ValueId>,
}

impl Plan {
    /// Nodes that the run calls.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether the taps are given already.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(super) fn new(
        graph: &Graph,
        program: &[Step],
        flow: &Flow,
        given: &HashSet<ValueId>,
        wanted: &[Tap],
        substituted: &dyn Fn(NodeId) -> bool,
    ) -> Self {
        let taps: HashSet<ValueId> = wanted.iter().map(|tap| tap.value).collect();
        let (needed, whole_after) = flow.needed_nodes(program, given, wanted);
        let weights = &flow.weights;
        let mut last_read: HashMap<ValueId, usize> = HashMap::new();
        for &node in &needed {
            for &value in &program[node].reads {
                last_read.insert(value, node);
            }
        }
        for (&value, &node) in &whole_after {
            let last = last_read.entry(value).or_insert(node);
            *last = node.max(*last);
        }
        let protected = |value: &ValueId, node: usize| {
            let whole = whole_after.get(value).is_none_or(|&after| after < node);
            (taps.contains(value) && whole) || weights.contains(value) || given.contains(value)
        };
        let mut memory = Memory::default();
        let mut keep: HashMap<ValueId, Keep> = taps.iter().map(|&value| (value, Keep::AsIs)).collect();
        let mut functional = HashSet::new();
        for &node in &needed {
            let step = &program[node];
            let mut in_place = true;
            for &written in &step.writes {
                let members = memory.members(written);
                if !members.iter().any(|member| protected(member, node)) && !substituted(NodeId(node)) {
                    continue;
                }
                let read_later = |value: &ValueId| last_read.get(value).is_some_and(|&last| last > node);
                let replaceable = matches!(step.call, Call::Aten { functional: Some(_), .. });
                if replaceable && !members.iter().any(read_later) {
                    in_place = false;
                    continue;
                }
                for member in members.iter().filter(|member| protected(member, node)) {
                    let how = if memory.is_view(*member) { Keep::TapIsCopy } else { Keep::RunGoesOnWithCopy };
                    keep.insert(*member, how);
                }
            }
            if in_place {
                for &(value, source) in &step.shares {
                    memory.join(value, source, !step.writes.contains(&source));
                }
            } else {
                functional.insert(node);
            }
        }
        let mut forget_after: HashMap<usize, Vec<ValueId>> = HashMap::new();
        for (&value, &node) in &last_read {
            if !taps.contains(&value) && !weights.contains(&value) {
                forget_after.entry(node).or_default().push(value);
            }
        }
        for &node in &needed {
            let unread =
                graph.nodes[node].makes().filter(|value| !last_read.contains_key(value) && !taps.contains(value));
            forget_after.entry(node).or_default().extend(unread);
        }
        let mut complete: HashMap<usize, Vec<ValueId>> = HashMap::new();
        for (value, node) in whole_after {
            complete.entry(node).or_default().push(value);
        }
        let read: HashSet<ValueId> = last_read.keys().copied().chain(taps.iter().copied()).collect();
        Self {
            steps: needed
                .iter()
                .map(|&node| Planned {
                    node,
                    functional: functional.contains(&node),
                    substituted: substituted(NodeId(node)),
                    complete: complete.remove(&node).unwrap_or_default(),
                    forget: forget_after.remove(&node).unwrap_or_default(),
                })
                .collect(),
            keep,
            weights: weights.iter().copied().filter(|weight| read.contains(weight)).collect(),
        }
    }
}

/// What is true of a graph in every run: who makes a value, and who writes to its memory.
#[derive(Debug)]
pub(super) struct Flow {
    makers: HashMap<ValueId, usize>,
    memory: Memory,
    /// Nodes that write in place, by the root of the memory that they write to.
    writers: HashMap<ValueId, Vec<usize>>,
    weights: HashSet<ValueId>,
}

impl Flow {
    pub(super) fn of(graph: &Graph, program: &[Step]) -> Self {
        let mut makers: HashMap<ValueId, usize> = HashMap::new();
        let mut memory = Memory::default();
        for (node, step) in program.iter().enumerate() {
            makers.extend(graph.nodes[node].makes().map(|value| (value, node)));
            for &(value, source) in &step.shares {
                memory.join(value, source, true);
            }
        }
        let mut writers: HashMap<ValueId, Vec<usize>> = HashMap::new();
        for (node, step) in program.iter().enumerate() {
            for &written in &step.writes {
                writers.entry(memory.root(written)).or_default().push(node);
            }
        }
        let weights = graph.weights.iter().map(|weight| weight.value).collect();
        Self { makers, memory, writers, weights }
    }

    /// The value whose memory a value lies in.
    pub(super) fn root(&self, value: ValueId) -> ValueId {
        self.memory.root(value)
    }

    /// Nodes that write to the value's memory, through whatever name, in order.
    fn writers_of(&self, value: ValueId) -> &[usize] {
        self.writers.get(&self.memory.root(value)).map_or(&[], Vec::as_slice)
    }

    /// Walks back from the taps to what is given. Gives the nodes, and for each tap that is written to after it is made the
    /// node after which it is whole.
    fn needed_nodes(
        &self,
        program: &[Step],
        given: &HashSet<ValueId>,
        taps: &[Tap],
    ) -> (Vec<usize>, HashMap<ValueId, usize>) {
        let mut whole_after: HashMap<ValueId, usize> = HashMap::new();
        for tap in taps.iter().filter(|tap| !given.contains(&tap.value)) {
            let (Some(&maker), Some(after)) = (self.makers.get(&tap.value), tap.after) else { continue };
            if let Some(&node) = self.writers_of(tap.value).iter().rfind(|&&node| maker < node && node <= after.0) {
                whole_after.insert(tap.value, node);
            }
        }
        let mut needed = vec![false; program.len()];
        let end =
            |value: ValueId| whole_after.get(&value).or_else(|| self.makers.get(&value)).map_or(0, |&node| node + 1);
        let mut open: Vec<(ValueId, usize)> = taps.iter().map(|tap| (tap.value, end(tap.value))).collect();
        while let Some((value, before)) = open.pop() {
            if given.contains(&value) {
                continue;
            }
            // Who reads memory reads what was written to it before.
            let earlier = self.writers_of(value).iter().copied().filter(|&node| node < before);
            for node in self.makers.get(&value).copied().into_iter().chain(earlier) {
                if !std::mem::replace(&mut needed[node], true) {
                    open.extend(program[node].reads.iter().map(|&read| (read, node)));
                }
            }
        }
        ((0..program.len()).filter(|&node| needed[node]).collect(), whole_after)
    }
}

/// Which values lie in the same memory.
#[derive(Debug, Default)]
struct Memory {
    roots: HashMap<ValueId, ValueId>,
    members: HashMap<ValueId, Vec<ValueId>>,
    views: HashSet<ValueId>,
}

impl Memory {
    fn root(&self, value: ValueId) -> ValueId {
        self.roots.get(&value).copied().unwrap_or(value)
    }

    fn members(&self, value: ValueId) -> Vec<ValueId> {
        let root = self.root(value);
        self.members.get(&root).cloned().unwrap_or_else(|| vec![root])
    }

    fn is_view(&self, value: ValueId) -> bool {
        self.views.contains(&value)
    }

    fn join(&mut self, value: ValueId, source: ValueId, as_view: bool) {
        let (root, joining) = (self.root(source), self.root(value));
        if root == joining {
            return;
        }
        let moved = self.members.remove(&joining).unwrap_or_else(|| vec![joining]);
        for &member in &moved {
            self.roots.insert(member, root);
        }
        self.members.entry(root).or_insert_with(|| vec![root]).extend(moved);
        if as_view {
            self.views.insert(value);
        }
    }
}
