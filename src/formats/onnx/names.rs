//! The layer tree's paths, from what exporters leave in the names and metadata of nodes.
//!
//! - `torch.onnx.export` by tracing: `/layer4/layer4.1/conv2/Conv`; a part that begins with the one before it goes on from there.
//! - the same by `torch.export`: the metadata `pkg.torch.onnx.name_scopes` and `pkg.torch.onnx.class_hierarchy`.
//! - tf2onnx: `StatefulPartitionedCall/model/conv1/Conv2D`; what is around the whole model is left out.
//! - anything else: the operators themselves, counted: `conv_1`.

use std::collections::{HashMap, HashSet};

use super::error::OnnxError;
use super::proto::Node;
use crate::model::graph::Scope;
use crate::model::printable;

/// Operators that only move numbers, compute shapes or name constants: without a layer of their own.
const PLUMBING: &[&str] = &[
    "Cast",
    "CastLike",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Dropout",
    "Expand",
    "Flatten",
    "Gather",
    "Identity",
    "If",
    "Loop",
    "Range",
    "Reshape",
    "Shape",
    "Size",
    "Slice",
    "Split",
    "Squeeze",
    "Tile",
    "Transpose",
    "Unsqueeze",
];

/// Operators that give a module its type where it has several.
const MAIN: &[&str] = &[
    "Conv",
    "ConvTranspose",
    "Gemm",
    "MatMul",
    "LayerNormalization",
    "BatchNormalization",
    "GroupNormalization",
    "InstanceNormalization",
    "ConvInteger",
    "QLinearConv",
    "QLinearMatMul",
    "MatMulInteger",
    "Attention",
];

/// How the nodes of a file are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `/layer4/layer4.1/conv2/Conv`.
    Slashed,
    /// `model/conv1/Conv2D`.
    TensorFlow,
    /// Nothing that leads to layers.
    Plain,
}

/// The layers of a file's nodes.
#[derive(Debug)]
pub(super) struct Names {
    style: Style,
    /// What stands before the layer in every name.
    prefix: Vec<String>,
    /// Operators by module path: the module's type is made of them.
    kinds: HashMap<String, String>,
    counts: HashMap<String, usize>,
    /// Paths that have modules below them.
    around: HashSet<String>,
    /// How often a module without modules below it was called so far, and the node before was it.
    calls: HashMap<String, usize>,
    last: String,
}

/// The error of a node, with the name that a user finds it by.
pub(super) fn fail(node: &Node, reason: String) -> OnnxError {
    let name = if node.name.is_empty() { node.outputs.first().map_or("", String::as_str) } else { &node.name };
    let domain = super::proto::own_domain(&node.domain);
    let operator = if domain.is_empty() { node.operator.clone() } else { format!("{domain}.{}", node.operator) };
    OnnxError::Node { node: printable(name).into_owned(), operator: printable(&operator).into_owned(), reason }
}

impl Names {
    pub(super) fn of(nodes: &[Node]) -> Self {
        let count = |test: &dyn Fn(&Node) -> bool| nodes.iter().filter(|node| test(node)).count();
        let slashed = count(&|node| node.name.starts_with('/'));
        let inside = count(&|node| !node.name.starts_with('/') && node.name.trim_matches('/').contains('/'));
        let style = if slashed > 0 && slashed >= inside {
            Style::Slashed
        } else if inside > 0 && inside * 4 >= nodes.len() {
            Style::TensorFlow
        } else {
            Style::Plain
        };
        let mut names = Self {
            style,
            prefix: Vec::new(),
            kinds: HashMap::new(),
            counts: HashMap::new(),
            around: HashSet::new(),
            calls: HashMap::new(),
            last: String::new(),
        };
        if style == Style::TensorFlow {
            names.prefix = common_prefix(nodes);
        }
        names.find_kinds(nodes);
        names
    }

    /// The modules around a node, outermost first. `counted` gives an operator without a module one of its own.
    pub(super) fn scope(&mut self, node: &Node, counted: bool) -> Vec<Scope> {
        if let Some(scope) = from_metadata(node) {
            if !scope.is_empty() {
                return self.called(scope);
            }
        } else {
            let paths = self.paths(node);
            if !paths.is_empty() {
                return paths.into_iter().map(|path| self.module(path)).collect();
            }
        }
        if !counted || PLUMBING.contains(&node.operator.as_str()) {
            return Vec::new();
        }
        let kind = printable(&node.operator).into_owned();
        let lower = snake_case(&kind);
        let count = self.counts.entry(lower.clone()).or_default();
        *count += 1;
        vec![Scope { path: format!("{lower}_{count}").into(), kind: kind.into() }]
    }

    /// The second call of a module is a layer of its own, as in an exported program: `relu@1`.
    fn called(&mut self, mut scope: Vec<Scope>) -> Vec<Scope> {
        let Some(innermost) = scope.last_mut() else { return scope };
        let path = innermost.path.to_string();
        if self.around.contains(&path) {
            self.last.clear();
            return scope;
        }
        let calls = self.calls.entry(path.clone()).or_default();
        if self.last != path {
            *calls += 1;
        }
        if *calls > 1 {
            innermost.path = format!("{path}@{}", *calls - 1).into();
        }
        self.last = path;
        scope
    }

    fn module(&self, path: String) -> Scope {
        let kind = self.kinds.get(&path).map_or("Module", String::as_str).into();
        Scope { path: path.into(), kind }
    }

    /// Paths of the modules around a node, outermost first.
    fn paths(&self, node: &Node) -> Vec<String> {
        let name = printable(&node.name);
        let mut parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty()).collect();
        match self.style {
            Style::Slashed if name.starts_with('/') => {}
            Style::TensorFlow if parts.len() > 1 => {
                let known = parts.iter().zip(&self.prefix).take_while(|(part, prefix)| *part == prefix).count();
                parts.drain(..known.min(parts.len() - 1));
            }
            _ => return Vec::new(),
        }
        parts.pop();
        let mut path = String::new();
        let mut before = "";
        let mut paths: Vec<String> = Vec::new();
        for part in parts {
            let goes_on = part.strip_prefix(before).is_some_and(|rest| !before.is_empty() && rest.starts_with('.'));
            if goes_on {
                path.truncate(path.len() - before.len());
            } else if !path.is_empty() {
                path.push('.');
            }
            path.push_str(part);
            before = part;
            paths.push(path.clone());
        }
        paths
    }

    /// A module's type: its main operator, or the only one in it; nothing for a module around modules.
    fn find_kinds(&mut self, nodes: &[Node]) {
        let mut inside: HashMap<String, Vec<&str>> = HashMap::new();
        let mut around = HashSet::new();
        for node in nodes {
            if let Some(scope) = from_metadata(node) {
                around.extend(scope.iter().rev().skip(1).map(|module| module.path.to_string()));
            }
            let mut paths = self.paths(node);
            if let Some(innermost) = paths.pop() {
                inside.entry(innermost).or_default().push(&node.operator);
            }
            around.extend(paths);
        }
        for (path, operators) in inside {
            if around.contains(&path) {
                continue;
            }
            let main = operators.iter().find(|operator| MAIN.contains(operator));
            let visible = || operators.iter().find(|operator| !PLUMBING.contains(operator));
            if let Some(kind) = main.or_else(visible).or(operators.first()) {
                self.kinds.insert(path, printable(kind).into_owned());
            }
        }
        self.around = around;
    }
}

/// The parts that all names of a TensorFlow export begin with: the call and the model around the layers.
fn common_prefix(nodes: &[Node]) -> Vec<String> {
    let named = nodes.iter().filter(|node| node.name.contains('/'));
    let mut prefix: Option<Vec<String>> = None;
    for node in named {
        let mut parts: Vec<&str> = node.name.split('/').collect();
        parts.pop();
        let parts = parts.into_iter().map(str::to_owned);
        prefix = Some(match prefix {
            None => parts.collect(),
            Some(known) => {
                known.into_iter().zip(parts).take_while(|(one, two)| one == two).map(|(one, _)| one).collect()
            }
        });
    }
    prefix.unwrap_or_default()
}

/// The modules that `torch.onnx.export` wrote down; `None` where it wrote nothing.
fn from_metadata(node: &Node) -> Option<Vec<Scope>> {
    let paths = python_strings(node.metadata.get("pkg.torch.onnx.name_scopes")?);
    let kinds =
        node.metadata.get("pkg.torch.onnx.class_hierarchy").map(|text| python_strings(text)).unwrap_or_default();
    // The last entry is the node itself.
    let modules = paths.len().saturating_sub(1);
    let mut scope: Vec<Scope> = Vec::new();
    for (at, path) in paths.iter().take(modules).enumerate() {
        if path.is_empty() || scope.last().is_some_and(|last| *last.path == **path) {
            continue;
        }
        let kind = kinds.get(at).map_or("Module", |kind| kind.rsplit('.').next().unwrap_or(kind));
        scope.push(Scope { path: printable(path).as_ref().into(), kind: printable(kind).as_ref().into() });
    }
    if let Some(innermost) = scope.last_mut()
        && let Some(owner) = convolved(node, innermost)
    {
        *innermost = owner;
    }
    Some(scope)
}

/// A convolution that a batch norm was put into bears the batch norm's name; its weight still has its own.
fn convolved(node: &Node, told: &Scope) -> Option<Scope> {
    if node.operator != "Conv" || !told.kind.starts_with("BatchNorm") {
        return None;
    }
    let owner = node.inputs.get(1)?.strip_suffix(".weight")?;
    let parent = |path: &str| path.rsplit_once('.').map_or(String::new(), |(parent, _)| parent.to_owned());
    (parent(owner) == parent(&told.path)).then(|| {
        let dimensions = told.kind.strip_prefix("BatchNorm").unwrap_or("2d");
        Scope { path: printable(owner).as_ref().into(), kind: format!("Conv{dimensions}").into() }
    })
}

/// The texts of a list as Python prints it: `['', 'layer4']`.
fn python_strings(text: &str) -> Vec<String> {
    let mut strings = Vec::new();
    let mut characters = text.chars();
    while let Some(quote) = characters.find(|character| matches!(character, '\'' | '"')) {
        strings.push(characters.by_ref().take_while(|&character| character != quote).collect());
    }
    strings
}

/// `GlobalAveragePool` is `global_average_pool`, `LRN` is `lrn`.
fn snake_case(kind: &str) -> String {
    let mut snake = String::new();
    let mut before = false;
    for character in kind.chars() {
        if character.is_uppercase() && before {
            snake.push('_');
        }
        before = character.is_lowercase() || character.is_ascii_digit();
        snake.extend(character.to_lowercase());
    }
    snake
}
