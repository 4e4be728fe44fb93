//! The one picture that a network of an ONNX file takes.

use super::error::{OnnxError, Result};
use super::proto::{self, AttributeValue, Dimension, ValueInfo};
use crate::model::printable;

/// The picture that the network takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnnxInput {
    /// Name of the input.
    pub name: String,
    /// Number of channels.
    pub channels: usize,
    /// Rows of pixels, where the network fixes them.
    pub height: Option<usize>,
    /// Columns of pixels, where the network fixes them.
    pub width: Option<usize>,
    /// Whether users of the model feed N×H×W×C. The graph itself takes N×C×H×W.
    pub channels_last: bool,
    /// Whether the file wants whole numbers from 0 to 255.
    pub bytes: bool,
}

/// The inputs that are no initializers, as files before version 4 of the format list those too.
pub(super) fn fed(graph: &proto::Graph) -> Vec<&ValueInfo> {
    let initialized: std::collections::HashSet<&str> =
        graph.initializers.iter().map(|initializer| initializer.name.as_str()).collect();
    graph.inputs.iter().filter(|input| !initialized.contains(input.name.as_str())).collect()
}

/// The input as a picture.
pub(super) fn picture(graph: &proto::Graph) -> Result<OnnxInput> {
    let inputs = fed(graph);
    let [input] = inputs.as_slice() else {
        let names: Vec<_> = inputs.iter().take(6).map(|input| printable(&input.name).into_owned()).collect();
        let more = if inputs.len() > 6 { ", …" } else { "" };
        return Err(OnnxError::OtherKind(format!(
            "a model of {} inputs ({}{more}); one picture is what can be shown here",
            inputs.len(),
            names.join(", ")
        )));
    };
    let kind = input.tensor.as_ref();
    let shape = kind.and_then(|tensor| tensor.shape.as_ref());
    let Some([_, rest @ ..]) = shape.map(Vec::as_slice).filter(|shape| shape.len() == 4) else {
        let shape = shape.map_or_else(|| "of open shape".to_owned(), |shape| format!("of shape {}", written(shape)));
        return Err(OnnxError::OtherKind(format!(
            "a model whose input {} is {shape}; a picture N×C×H×W or N×H×W×C is what can be shown here",
            printable(&input.name)
        )));
    };
    let size = |dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => usize::try_from(*size).ok().filter(|&size| size > 0),
        Dimension::Named(_) | Dimension::Open => None,
    };
    let [one, two, three] = [0, 1, 2].map(|at| rest.get(at).and_then(size));
    let colours = |size: Option<usize>| matches!(size, Some(1 | 3 | 4));
    let (convolved, turned) = first_reader(graph, &input.name);
    let channels_last = match (colours(one), colours(three)) {
        (true, false) => false,
        (false, true) => true,
        (true, true) => turned || convolved.is_none() && three != one && two == one,
        (false, false) => {
            turned
                || three.is_some()
                    && one.is_none_or(|one| three.is_some_and(|three| three < one))
                    && convolved.is_none()
        }
    };
    let (channels, height, width) = if channels_last { (three, one, two) } else { (one, two, three) };
    Ok(OnnxInput {
        name: input.name.clone(),
        channels: channels.or(convolved).unwrap_or(3),
        height,
        width,
        channels_last,
        bytes: kind.is_some_and(|tensor| matches!(tensor.data_type, 2 | 3)),
    })
}

fn written(shape: &[Dimension]) -> String {
    let size = |dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => size.to_string(),
        Dimension::Named(name) => printable(name).into_owned(),
        Dimension::Open => "?".to_owned(),
    };
    if shape.is_empty() { "()".to_owned() } else { shape.iter().map(size).collect::<Vec<_>>().join("×") }
}

/// The channels that the first convolution of the input wants, and whether the input is first turned to N×C×H×W.
fn first_reader(graph: &proto::Graph, input: &str) -> (Option<usize>, bool) {
    let mut name = input;
    let mut turned = false;
    for node in &graph.nodes {
        if node.inputs.first().is_none_or(|first| first != name) {
            continue;
        }
        let Some(output) = node.outputs.first() else { break };
        match node.operator.as_str() {
            "Transpose" => {
                let order =
                    node.attributes.iter().find(|attribute| attribute.name == "perm").map(|attribute| &attribute.value);
                turned |= matches!(order, Some(AttributeValue::Ints(order)) if *order == [0, 3, 1, 2]);
                name = output;
            }
            "Conv" => {
                let weight =
                    node.inputs.get(1).and_then(|name| graph.initializers.iter().find(|weight| weight.name == *name));
                let groups = node
                    .attributes
                    .iter()
                    .find(|attribute| attribute.name == "group")
                    .map(|attribute| &attribute.value);
                let groups = if let Some(AttributeValue::Int(groups)) = groups { *groups } else { 1 };
                let channels = weight.and_then(|weight| weight.dims.get(1)?.checked_mul(groups));
                return (channels.and_then(|channels| usize::try_from(channels).ok()), turned);
            }
            _ => name = output,
        }
    }
    (None, turned)
}
