//! What a method puts in place of an operator: another gradient, another forward pass, a count of what goes by.

use std::collections::HashMap;

use tch::Tensor;

use super::program::{Call, Step};
use super::run::feed;
use super::{Engine, EngineError};
use crate::aten::{Feed, Value};
use crate::model::graph::{Argument, Node, NodeId, ValueId};

/// Asked at every node of a run before its operator is called.
pub trait Substitute {
    /// Whether [`Substitute::call`] is to be asked at this node. Asked once, when the run is planned: an operator that writes
    /// in place is then called in its variant that does not, where there is one.
    fn takes(&self, id: NodeId, node: &Node) -> bool;

    /// What the node gives, one value for each return of its operator.
    ///
    /// # Errors
    /// What libtorch says.
    fn call(&mut self, id: NodeId, call: &NodeCall<'_>) -> Result<Vec<Value>, EngineError>;
}

/// A node with the values that it was about to be called with.
#[derive(Debug)]
pub struct NodeCall<'a> {
    pub(super) engine: &'a Engine,
    pub(super) node: &'a Node,
    pub(super) step: &'a Step,
    pub(super) slots: &'a HashMap<ValueId, Value>,
    /// Whether the operator's variant that does not write in place is to be called.
    pub(super) functional: bool,
    /// Copies of what the operator is about to write to.
    pub(super) copies: HashMap<ValueId, Tensor>,
}

impl NodeCall<'_> {
    /// The node.
    pub fn node(&self) -> &Node {
        self.node
    }

    /// The tensor that a parameter is given.
    pub fn tensor(&self, parameter: &str) -> Option<Tensor> {
        let value = self.value(parameter)?;
        if let Some(copy) = self.copies.get(&value) {
            return Some(copy.shallow_clone());
        }
        self.slots.get(&value)?.tensor().map(Tensor::shallow_clone)
    }

    /// The graph's value that a parameter is given, where it is a single one.
    pub fn value(&self, parameter: &str) -> Option<ValueId> {
        let argument = self.node.arguments.iter().find(|(name, _)| &**name == parameter);
        match argument.map(|(_, argument)| argument) {
            Some(Argument::Value(value)) => Some(*value),
            _ => None,
        }
    }

    /// Calls the node's own operator, with other tensors for some of its parameters. An operator that has no variant without
    /// writing writes to copies.
    ///
    /// # Errors
    /// What libtorch says.
    pub fn run(&self, instead: &[(&str, &Tensor)]) -> Result<Vec<Value>, EngineError> {
        let Call::Aten { operator, positions, functional } = &self.step.call else {
            return self.engine.call(self.node, self.step, false, self.slots);
        };
        let missing = || EngineError::node(self.node, "reads a value that nothing before it makes".to_owned());
        let mut feeds = Vec::with_capacity(positions.len());
        for (&position, (parameter, argument)) in positions.iter().zip(&self.node.arguments) {
            let other = instead.iter().find(|(name, _)| *name == &**parameter).map(|(_, tensor)| *tensor);
            let copy = match argument {
                Argument::Value(value) => self.copies.get(value),
                _ => None,
            };
            let fed = match other.or(copy) {
                Some(tensor) => Feed::Tensor(tensor),
                None => feed(self.engine, argument, self.slots).ok_or_else(missing)?,
            };
            feeds.push((position, fed));
        }
        let operator = functional.as_ref().filter(|_| self.functional).unwrap_or(operator);
        operator.call(&feeds).map_err(|error| EngineError::node(self.node, error.to_string()))
    }
}
