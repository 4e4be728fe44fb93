//! Names and roles of weights that a frozen program holds as constants: those of the node that reads them.

use crate::model::graph::{Argument, Node, Operator, ValueId, WeightRole};

/// What a value is to the first node that reads it: `conv2d_3.weight`, a parameter.
pub(super) fn first_use(nodes: &[Node], value: ValueId) -> Option<(String, WeightRole)> {
    nodes.iter().find_map(|node| {
        let (parameter, argument) = node.arguments.iter().find(|(_, argument)| mentions(argument, value))?;
        let Operator::Aten { name, .. } = &node.operator else { return None };
        let direct = *argument == Argument::Value(value);
        let part = match (&**name, &**parameter) {
            ("aten::addmm", "self") => "bias",
            ("aten::addmm", "mat2") | ("aten::matmul" | "aten::mm", "other" | "mat2") => "weight",
            (_, parameter) => parameter,
        };
        let role = match part {
            "weight" | "bias" if direct => WeightRole::Parameter,
            "running_mean" | "running_var" => WeightRole::Buffer,
            _ => WeightRole::Constant,
        };
        Some((format!("{}.{part}", node.name), role))
    })
}

fn mentions(argument: &Argument, value: ValueId) -> bool {
    let mut found = false;
    argument.for_each_value(&mut |mentioned| found = found || mentioned == value);
    found
}
