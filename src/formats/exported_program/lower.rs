//! The program's nodes as nodes of the graph.

use std::collections::HashMap;
use std::sync::Arc;

use super::ExportedProgramError;
use super::arguments::{Names, argument, output};
use super::operators::{higher_order, is_assertion, operator, replaced};
use super::schema;
use crate::model::Graph;
use crate::model::graph::{Argument, Node, Operator, Scope, ValueId};

/// A graph in the making.
#[derive(Default)]
pub(super) struct Lowering<'a> {
    pub(super) graph: Graph,
    /// Names of the graph that is being read: each nested graph has its own.
    pub(super) names: Names<'a>,
    /// What the user should know of how the program is run.
    pub(super) notes: Vec<String>,
    /// Names of the calls around a nested graph, which make its names unique.
    pub(super) prefix: String,
    scopes: HashMap<&'a str, Vec<Scope>>,
}

impl<'a> Lowering<'a> {
    /// Makes a value of a name.
    pub(super) fn define(&mut self, name: &'a str) -> ValueId {
        let value = self.graph.value(format!("{}{name}", self.prefix));
        self.names.insert(name, value.into());
        value
    }

    /// Adds all nodes of a graph.
    pub(super) fn nodes(&mut self, nodes: &'a [schema::Node<'_>]) -> Result<(), ExportedProgramError> {
        nodes.iter().try_for_each(|node| self.node(node))
    }

    fn node(&mut self, node: &'a schema::Node<'_>) -> Result<(), ExportedProgramError> {
        let target = &*node.target;
        if is_assertion(target) {
            return Ok(());
        }
        let name = node.name.as_deref().or_else(|| first_name(&node.outputs)).unwrap_or(target);
        let name = format!("{}{name}", self.prefix);
        if let Some(kind) = higher_order(target) {
            return self.higher_order(kind, node, &name);
        }
        let fail = |reason: String| ExportedProgramError::Node { node: name.clone(), reason };
        let mut operator =
            operator(target).ok_or_else(|| fail(format!("{target} is not an ATen operator and cannot be run here")))?;
        let mut arguments: Vec<(Arc<str>, Argument)> = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            let read = argument(&input.arg, &self.names)
                .map_err(|what| fail(format!("argument '{}' cannot be read: {what}", &*input.name)))?;
            arguments.push(((&*input.name).into(), read));
        }
        let mut outputs = Vec::with_capacity(node.outputs.len());
        for made in &node.outputs {
            outputs.push(output(made, &mut |name| self.define(name)).map_err(&fail)?);
        }
        if replaced(&mut operator, &mut arguments) {
            outputs.truncate(1);
        }
        let scope = self.scope(node.metadata.nn_module_stack.as_deref().unwrap_or_default());
        if let (Operator::Aten { name: called, .. }, [(_, target), (_, source), ..]) = (&operator, arguments.as_slice())
            && &**called == "aten::copy"
        {
            // A decomposed program's copy, which libtorch has no derivative of: the source in the target's type and shape.
            let cast = [("self", source.clone()), ("other", target.clone())];
            let cast = self.graph.call(&scope, &format!("{name}_cast"), Operator::aten("to", "other"), cast);
            let target = target.clone();
            operator = Operator::aten("expand_as", "");
            arguments = vec![("self".into(), cast.into()), ("other".into(), target)];
        }
        self.graph.nodes.push(Node { name, operator, arguments, outputs, scope });
        Ok(())
    }

    /// Modules around a node: see [`scope`]. Most nodes have those of the one before.
    fn scope(&mut self, stack: &'a str) -> Vec<Scope> {
        self.scopes.entry(stack).or_insert_with(|| scope(stack)).clone()
    }

    /// The tensors that the user gets, in order.
    pub(super) fn outputs(&mut self, specs: &[schema::OutputSpec<'_>]) -> Result<(), ExportedProgramError> {
        for spec in specs {
            let schema::OutputSpec::UserOutput(schema::Bound { arg }) = spec else { continue };
            let Some(name) = arg.name() else { continue };
            match self.names.get(name) {
                Some(Argument::Value(value)) => self.graph.outputs.push(*value),
                Some(_) => {}
                None => {
                    return Err(ExportedProgramError::Damaged(format!("nothing makes its output {name}")));
                }
            }
        }
        if self.graph.outputs.is_empty() {
            return Err(ExportedProgramError::OtherKind(
                "a program without a tensor as output: layerscope shows networks".to_owned(),
            ));
        }
        Ok(())
    }
}

fn first_name<'n>(outputs: &'n [schema::Argument<'_>]) -> Option<&'n str> {
    match outputs.first()? {
        schema::Argument::List(items) => items.first()?.name(),
        one => one.name(),
    }
}

/// Binds the names of a higher-order call's outputs to what its graph made.
pub(super) fn bind<'a>(names: &mut Names<'a>, outputs: &'a [schema::Argument<'_>], results: Vec<Option<Argument>>) {
    let made = outputs.iter().flat_map(|output| match output {
        schema::Argument::List(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    });
    for (output, result) in made.zip(results) {
        if let (Some(name), Some(result)) = (output.name(), result) {
            names.insert(name, result);
        }
    }
}

/// What the exporter writes for a node outside of every module: sizes of the input, as a rule.
const NO_MODULE: &str = "_empty_nn_module_stack_from_metadata_hook";

/// `L__self__,,networks.Net;L__self__relu@1,relu,torch.nn.modules.activation.ReLU` is `relu@1`: the second call of a module
/// is a layer of its own, as in the program.
fn scope(stack: &str) -> Vec<Scope> {
    let entry = |entry: &str| {
        let mut parts = entry.splitn(3, ',');
        let (key, path, kind) = (parts.next()?, parts.next()?, parts.next()?);
        if path.is_empty() || path == NO_MODULE {
            return None;
        }
        let call =
            key.rsplit_once('@').map(|(_, call)| call).filter(|call| call.chars().all(|digit| digit.is_ascii_digit()));
        let path = call.map_or_else(|| path.to_owned(), |call| format!("{path}@{call}"));
        Some(Scope { path: path.into(), kind: kind.rsplit('.').next().unwrap_or(kind).into() })
    };
    stack.split(';').filter_map(entry).collect()
}
