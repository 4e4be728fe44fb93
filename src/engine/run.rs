//! Runs a plan node by node.

use std::collections::{HashMap, HashSet};

use tch::Tensor;

use super::plan::{Keep, Plan, Planned};
use super::program::{Call, Step};
use super::substitute::{NodeCall, Substitute};
use super::{Cancel, Engine, EngineError, sizes};
use crate::aten::{self, Feed, Value};
use crate::model::graph::{Argument, Node, NodeId, Output, ValueId};

/// What a run does besides computing.
pub(super) struct RunOptions<'a> {
    /// Values at which gradients will be asked for: the run records what leads away from them.
    pub(super) gradients_at: &'a [ValueId],
    /// Looked at between nodes.
    pub(super) cancel: &'a Cancel,
    /// Called after every node with the node's index and what it made.
    pub(super) observer: &'a mut dyn FnMut(usize, &[Value]),
    /// Asked at the nodes that the plan has marked.
    pub(super) substitute: Option<&'a mut (dyn Substitute + 'a)>,
}

/// Taps of a run, by value.
#[derive(Debug, Default)]
pub struct Taps(HashMap<ValueId, Tensor>);

impl Taps {
    /// The tensor tapped at `value`.
    ///
    /// # Errors
    /// When the value was not tapped or is no tensor.
    pub fn get(&self, value: ValueId) -> Result<&Tensor, EngineError> {
        self.0.get(&value).ok_or(EngineError::NoTensor)
    }
}

impl Engine {
    pub(super) fn execute(
        &self,
        plan: &Plan,
        given: &[(ValueId, Tensor)],
        options: &mut RunOptions<'_>,
    ) -> Result<Taps, EngineError> {
        let mut state = State {
            slots: HashMap::with_capacity(plan.steps.len()),
            taps: Taps::default(),
            plan,
            gradients_at: options.gradients_at,
            unfinished: plan.steps.iter().flat_map(|step| step.complete.iter().copied()).collect(),
        };
        for &weight in &plan.weights {
            if let Some(tensor) = self.weights.get(&weight) {
                state.set(weight, Value::Tensor(tensor.shallow_clone()));
            }
        }
        for (value, tensor) in given {
            state.set(*value, Value::Tensor(tensor.shallow_clone()));
        }
        for planned in &plan.steps {
            if options.cancel.is_raised() {
                return Err(EngineError::Cancelled);
            }
            let node = &self.graph.nodes[planned.node];
            let results = match &mut options.substitute {
                Some(substitute) if planned.substituted => self.substituted(planned, *substitute, &state.slots)?,
                _ => self.call(node, &self.program[planned.node], planned.functional, &state.slots)?,
            };
            (options.observer)(planned.node, &results);
            for (output, result) in node.outputs.iter().zip(results) {
                match (output, result) {
                    (Output::Value(value), result) => state.set(*value, result),
                    (Output::List(values), Value::List(items)) => {
                        values.iter().zip(items).for_each(|(value, item)| state.set(*value, item));
                    }
                    (Output::List(_), _) => {
                        return Err(EngineError::node(
                            node,
                            "gave one value where the graph expects a list".to_owned(),
                        ));
                    }
                    (Output::Ignored, _) => {}
                }
            }
            for value in &planned.complete {
                if let Some(made) = state.slots.remove(value) {
                    state.keep(*value, made);
                }
            }
            for value in &planned.forget {
                state.slots.remove(value);
            }
        }
        Ok(state.taps)
    }

    /// Lets a method give what the node would. Where others see what the node writes to, they see the same.
    fn substituted(
        &self,
        planned: &Planned,
        substitute: &mut dyn Substitute,
        slots: &HashMap<ValueId, Value>,
    ) -> Result<Vec<Value>, EngineError> {
        let (node, step) = (&self.graph.nodes[planned.node], &self.program[planned.node]);
        let written = if planned.functional { &[] } else { step.writes.as_slice() };
        let tensor = |value: &ValueId| slots.get(value).and_then(Value::tensor);
        let mut copies = HashMap::new();
        for value in written {
            if let Some(tensor) = tensor(value) {
                copies.insert(*value, tensor.copy());
            }
        }
        let call = NodeCall { engine: self, node, step, slots, functional: planned.functional, copies };
        let mut results = substitute.call(NodeId(planned.node), &call)?;
        for (value, result) in written.iter().zip(&mut results) {
            if let (Some(place), Value::Tensor(made)) = (tensor(value), &result) {
                let mut place = place.shallow_clone();
                place.f_copy_(made)?;
                *result = Value::Tensor(place);
            }
        }
        Ok(results)
    }

    pub(super) fn call(
        &self,
        node: &Node,
        step: &Step,
        functional: bool,
        slots: &HashMap<ValueId, Value>,
    ) -> Result<Vec<Value>, EngineError> {
        match &step.call {
            Call::Size(operator) => {
                let arguments =
                    node.arguments.iter().map(|(_, argument)| value_of(argument, slots).ok_or_else(|| missing(node)));
                let result = sizes::evaluate(*operator, &arguments.collect::<Result<Vec<_>, _>>()?);
                result.map(|value| vec![value]).map_err(|reason| EngineError::node(node, reason))
            }
            Call::Aten { operator, positions, functional: plain } => {
                let mut feeds = Vec::with_capacity(positions.len());
                for (&position, (_, argument)) in positions.iter().zip(&node.arguments) {
                    feeds.push((position, feed(self, argument, slots).ok_or_else(|| missing(node))?));
                }
                let operator = plain.as_ref().filter(|_| functional).unwrap_or(operator);
                operator.call(&feeds).map_err(|error| EngineError::node(node, error.to_string()))
            }
        }
    }
}

/// What a call is fed for an argument; `None` where it is a value that there is not.
pub(super) fn feed<'a>(
    engine: &'a Engine,
    argument: &'a Argument,
    slots: &'a HashMap<ValueId, Value>,
) -> Option<Feed<'a>> {
    Some(match argument {
        Argument::None => Feed::None,
        Argument::Bool(truth) => Feed::Bool(*truth),
        Argument::Int(number) => Feed::Int(*number),
        Argument::Float(number) => Feed::Float(*number),
        Argument::String(text) => Feed::String(text),
        Argument::DType(dtype) => Feed::Int(aten::type_number(*dtype).into()),
        Argument::Device => Feed::String(&engine.device_name),
        Argument::MemoryFormat(number) => Feed::Int((*number).into()),
        Argument::Value(value) => feed_value(slots.get(value)?),
        Argument::List(items) => Feed::List(items.iter().map(|item| feed(engine, item, slots)).collect::<Option<_>>()?),
    })
}

fn missing(node: &Node) -> EngineError {
    EngineError::node(node, "reads a value that nothing before it makes".to_owned())
}

fn feed_value(value: &Value) -> Feed<'_> {
    match value {
        Value::None => Feed::None,
        Value::Tensor(tensor) => Feed::Tensor(tensor),
        Value::Int(number) => Feed::Int(*number),
        Value::Float(number) => Feed::Float(*number),
        Value::Bool(truth) => Feed::Bool(*truth),
        Value::List(items) => Feed::List(items.iter().map(feed_value).collect()),
    }
}

fn value_of(argument: &Argument, slots: &HashMap<ValueId, Value>) -> Option<Value> {
    match argument {
        Argument::Bool(truth) => Some(Value::Bool(*truth)),
        Argument::Int(number) => Some(Value::Int(*number)),
        Argument::Float(number) => Some(Value::Float(*number)),
        Argument::Value(value) => slots.get(value).map(Value::shallow_clone),
        Argument::List(items) => items.iter().map(|item| value_of(item, slots)).collect::<Option<_>>().map(Value::List),
        _ => None,
    }
}

struct State<'a> {
    slots: HashMap<ValueId, Value>,
    taps: Taps,
    plan: &'a Plan,
    gradients_at: &'a [ValueId],
    /// Taps that a node yet to come completes.
    unfinished: HashSet<ValueId>,
}

impl State<'_> {
    /// Takes a value into the run, and into the taps where it is one that is whole.
    fn set(&mut self, value: ValueId, made: Value) {
        if self.plan.keep.contains_key(&value) && !self.unfinished.contains(&value) {
            self.keep(value, made);
        } else {
            self.slots.insert(value, made);
        }
    }

    fn keep(&mut self, value: ValueId, made: Value) {
        let (Some(keep), Value::Tensor(tensor)) = (self.plan.keep.get(&value), &made) else {
            self.slots.insert(value, made);
            return;
        };
        let wants_gradient = self.gradients_at.contains(&value) && !tensor.requires_grad();
        let tensor = if wants_gradient { tensor.detach().set_requires_grad(true) } else { tensor.shallow_clone() };
        let (tap, goes_on) = match keep {
            Keep::AsIs => (tensor.shallow_clone(), tensor),
            Keep::RunGoesOnWithCopy => (tensor.shallow_clone(), tensor.copy()),
            Keep::TapIsCopy => (tensor.copy(), tensor),
        };
        self.taps.0.insert(value, tap);
        self.slots.insert(value, Value::Tensor(goes_on));
    }
}
