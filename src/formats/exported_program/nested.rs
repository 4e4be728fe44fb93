//! Operators that take graphs: the graph is put in their place, where it is known which one runs.

use super::ExportedProgramError;
use super::arguments::argument;
use super::lower::{Lowering, bind};
use super::schema::{Argument as Given, Graph, Node};
use crate::model::graph::Argument;

impl<'a> Lowering<'a> {
    /// Puts the graph of a higher-order operator in its place.
    pub(super) fn higher_order(
        &mut self,
        kind: &str,
        node: &'a Node<'_>,
        name: &str,
    ) -> Result<(), ExportedProgramError> {
        let fail = |reason: String| ExportedProgramError::Node { node: name.to_owned(), reason };
        let inputs: Vec<&'a Given<'_>> = node.inputs.iter().map(|input| &input.arg).collect();
        let (graph, operands) = match (kind, inputs.as_slice()) {
            // Whether gradients are wanted is for the run to say: who exports for inference means nothing by it.
            ("wrap_with_set_grad_enabled", [_, Given::Graph(graph), operands @ ..]) => (graph, operands.to_vec()),
            // Device, element type, whether it is on, whether casts are kept.
            ("wrap_with_autocast", [_, _, enabled, _, Given::Graph(graph), operands @ ..]) => {
                self.note_autocast(enabled);
                (graph, operands.to_vec())
            }
            ("cond", [predicate, Given::Graph(yes), Given::Graph(no), Given::List(operands)]) => {
                let graph = match argument(predicate, &self.names) {
                    Ok(Argument::Bool(true)) => yes,
                    Ok(Argument::Bool(false)) => no,
                    _ => {
                        return Err(fail(
                            "which branch of torch.cond runs depends on the input; export the network with the branch \
                             that is to be shown"
                                .to_owned(),
                        ));
                    }
                };
                (graph, operands.iter().collect())
            }
            _ => {
                return Err(fail(format!(
                    "{kind} decides at run time what it runs, which cannot be shown as a graph; export the network without it"
                )));
            }
        };
        let operands = operands.into_iter().map(|operand| argument(operand, &self.names).map_err(&fail));
        let operands = operands.collect::<Result<Vec<_>, _>>()?;
        self.inline(node, name, &graph.graph, operands)
    }

    fn inline(
        &mut self,
        node: &'a Node<'_>,
        name: &str,
        graph: &'a Graph<'_>,
        operands: Vec<Argument>,
    ) -> Result<(), ExportedProgramError> {
        let prefix = std::mem::replace(&mut self.prefix, format!("{name}/"));
        let names = graph.inputs.iter().zip(operands).filter_map(|(input, operand)| Some((input.name()?, operand)));
        let outer = std::mem::replace(&mut self.names, names.collect());
        self.nodes(&graph.nodes)?;
        let inner = std::mem::replace(&mut self.names, outer);
        self.prefix = prefix;
        let results = graph.outputs.iter().map(|output| argument(output, &inner).ok()).collect();
        bind(&mut self.names, &node.outputs, results);
        Ok(())
    }

    fn note_autocast(&mut self, enabled: &Given<'_>) {
        let note = "it was exported under autocast, whose lower precision is left out: it runs in that of its weights";
        if matches!(enabled, Given::Bool(true)) && !self.notes.iter().any(|known| known == note) {
            self.notes.push(note.to_owned());
        }
    }
}
