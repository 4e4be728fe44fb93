//! Runs a graph: taps, gradients, partial runs, cancellation, devices.
//!
//! Weights never ask for gradients, and nothing is recorded below the layer that a gradient is asked at.

mod cancel;
mod device;
mod memory;
mod plan;
mod program;
mod reweighted;
mod run;
mod sizes;
mod substitute;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use crate::aten::{self, TensorError, Value};
use crate::model::graph::{DType, Graph, Node, NodeId, Tap, ValueId};

pub use cancel::Cancel;
pub use device::DeviceChoice;
pub use memory::{Memory, MemoryLimit, amount};
pub use plan::Plan;
use run::RunOptions;
pub use run::Taps;
pub use substitute::{NodeCall, Substitute};

/// Why a graph could not be loaded or run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// An operator failed.
    #[error("{operator} (node {node}, layer {layer}): {reason}")]
    Node {
        /// The operator: `aten::conv2d`.
        operator: String,
        /// The node's name.
        node: String,
        /// Path of the layer that it belongs to.
        layer: String,
        /// What libtorch said.
        reason: String,
    },
    /// A weight does not fit its bytes.
    #[error("weight {name}: {source}")]
    Weight {
        /// The weight's name.
        name: String,
        /// What does not fit.
        source: TensorError,
    },
    /// The device that was asked for is not there.
    #[error("--device {device}: {reason}")]
    Device {
        /// The device as it was asked for.
        device: String,
        /// What is missing.
        reason: String,
    },
    /// More memory was asked for than there is.
    #[error(
        "out of memory in {operator} (node {node}): --memory-limit can be lowered so that less is run at once, or the picture made smaller"
    )]
    OutOfMemory {
        /// The operator: `aten::conv2d`.
        operator: String,
        /// The node's name.
        node: String,
    },
    /// The run was stopped between two nodes.
    #[error("stopped")]
    Cancelled,
    /// A value that is no tensor was asked for.
    #[error("the value is not a tensor of this run")]
    NoTensor,
    /// libtorch failed outside a node.
    #[error("{0}")]
    Torch(String),
}

impl EngineError {
    fn node(node: &Node, reason: String) -> Self {
        // What libtorch says on a GPU and on the host.
        if reason.contains("out of memory") || reason.contains("can't allocate memory") {
            return Self::OutOfMemory { operator: node.operator.to_string(), node: node.name.clone() };
        }
        Self::Node {
            operator: node.operator.to_string(),
            node: node.name.clone(),
            layer: node.scope.last().map_or_else(|| "the model itself".to_owned(), |scope| scope.path.to_string()),
            reason,
        }
    }
}

impl From<tch::TchError> for EngineError {
    fn from(error: tch::TchError) -> Self {
        Self::Torch(error.to_string().lines().next().unwrap_or_default().to_owned())
    }
}

/// A graph on a device, ready to run. Not shared between threads: one thread owns libtorch.
#[derive(Debug)]
pub struct Engine {
    graph: Arc<Graph>,
    program: Vec<program::Step>,
    flow: plan::Flow,
    weights: HashMap<ValueId, Tensor>,
    device: Device,
    device_name: String,
    memory: Memory,
    input_kind: Kind,
}

/// Where a graph runs, and how much memory it may take there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resources {
    /// The device.
    pub device: Device,
    /// The ceiling.
    pub limit: MemoryLimit,
}

impl From<Device> for Resources {
    fn from(device: Device) -> Self {
        Self { device, limit: MemoryLimit::Auto }
    }
}

impl Engine {
    /// Looks up the graph's operators and brings its weights to `device`. The weights' bytes are taken out of the graph.
    ///
    /// # Errors
    /// An operator that libtorch does not have, or a weight that does not fit its bytes.
    pub fn load(mut graph: Graph, resources: impl Into<Resources>) -> Result<Self, EngineError> {
        let Resources { device, limit } = resources.into();
        let program = program::resolve(&graph)?;
        let flow = plan::Flow::of(&graph, &program);
        let mut weights = HashMap::with_capacity(graph.weights.len());
        for weight in &mut graph.weights {
            let data = std::mem::take(&mut weight.data);
            let tensor = aten::tensor_over(data, weight.dtype, &weight.shape, weight.strides.as_deref());
            let tensor = tensor.map_err(|source| EngineError::Weight { name: weight.name.clone(), source })?;
            let tensor = match graph.run_types.get(&weight.value) {
                Some(&dtype) => tensor.f_to_kind(aten::kind(dtype))?,
                None => tensor,
            };
            weights.insert(weight.value, tensor.f_contiguous()?.f_to_device(device)?);
        }
        let device_name = match device {
            Device::Cuda(index) => format!("cuda:{index}"),
            _ => "cpu".to_owned(),
        };
        let memory = Memory::of(limit, device, weights.values().map(tensor_bytes).sum());
        // A type that was asked for is that of all weights but those that half precision is too short for.
        let double = graph.run_types.values().any(|dtype| *dtype == DType::Float64);
        let input_kind = if double { Kind::Double } else { Kind::Float };
        Ok(Self { graph: Arc::new(graph), program, flow, weights, device, device_name, memory, input_kind })
    }

    /// The graph, without the bytes of its weights.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// Where the graph runs.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Name of the device: `cpu`, `cuda:0`.
    pub fn device_name(&self) -> &str {
        &self.device_name
    }

    /// The tensor of a weight.
    pub fn weight(&self, value: ValueId) -> Option<&Tensor> {
        self.weights.get(&value)
    }

    /// The nodes that lead from `given` to `taps`.
    pub fn plan(&self, given: &[ValueId], taps: &[Tap]) -> Plan {
        let given: HashSet<ValueId> = given.iter().copied().collect();
        Plan::new(&self.graph, &self.program, &self.flow, &given, taps, &|_| false)
    }

    /// Runs from the given values to the taps, recording nothing for gradients.
    ///
    /// # Errors
    /// The node that failed, or [`EngineError::Cancelled`].
    pub fn run(&self, given: &[(ValueId, Tensor)], taps: &[Tap], cancel: &Cancel) -> Result<Taps, EngineError> {
        self.run_observed(given, taps, cancel, &mut |_, _| {})
    }

    /// As [`Engine::run`], and tells `observer` what every node made.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn run_observed(
        &self,
        given: &[(ValueId, Tensor)],
        taps: &[Tap],
        cancel: &Cancel,
        observer: &mut dyn FnMut(usize, &[Value]),
    ) -> Result<Taps, EngineError> {
        let plan = self.plan(&given.iter().map(|(value, _)| *value).collect::<Vec<_>>(), taps);
        let mut options = RunOptions { gradients_at: &[], cancel, observer, substitute: None };
        tch::no_grad(|| self.execute(&plan, given, &mut options))
    }

    /// Runs from the given values to the taps and records what leads away from `gradients_at`, which are tapped as well.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn run_recorded(
        &self,
        given: &[(ValueId, Tensor)],
        taps: &[Tap],
        gradients_at: &[Tap],
        cancel: &Cancel,
    ) -> Result<Taps, EngineError> {
        self.recorded(given, taps, gradients_at, None, cancel)
    }

    /// As [`Engine::run_recorded`], with some operators' work done by `substitute`.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn run_substituted(
        &self,
        given: &[(ValueId, Tensor)],
        taps: &[Tap],
        gradients_at: &[Tap],
        substitute: &mut dyn Substitute,
        cancel: &Cancel,
    ) -> Result<Taps, EngineError> {
        self.recorded(given, taps, gradients_at, Some(substitute), cancel)
    }

    fn recorded(
        &self,
        given: &[(ValueId, Tensor)],
        taps: &[Tap],
        gradients_at: &[Tap],
        substitute: Option<&mut dyn Substitute>,
        cancel: &Cancel,
    ) -> Result<Taps, EngineError> {
        let taps: Vec<Tap> = taps.iter().chain(gradients_at).copied().collect();
        let gradients_at: Vec<ValueId> = gradients_at.iter().map(|tap| tap.value).collect();
        let known: HashSet<ValueId> = given.iter().map(|(value, _)| *value).collect();
        let takes = |id: NodeId| substitute.as_ref().is_some_and(|given| given.takes(id, &self.graph.nodes[id.0]));
        let plan = Plan::new(&self.graph, &self.program, &self.flow, &known, &taps, &takes);
        // Shortens the lifetime to that of the taps.
        let substitute = substitute.map(|given| given as &mut dyn Substitute);
        let mut options = RunOptions { gradients_at: &gradients_at, cancel, observer: &mut |_, _| {}, substitute };
        tch::with_grad(|| self.execute(&plan, given, &mut options))
    }

    /// Gradients of the scalar `target` with respect to tensors that a recorded run tapped, each of its tap's shape.
    /// `keep` leaves the recording in place for another target.
    ///
    /// # Errors
    /// When the target does not depend on a tap.
    pub fn gradients(&self, target: &Tensor, taps: &[&Tensor], keep: bool) -> Result<Vec<Tensor>, EngineError> {
        Ok(Tensor::f_run_backward(&[target], taps, keep, false)?)
    }

    /// As [`Engine::gradients`], with a recording of how the gradients came about, so that they have gradients of their own. The
    /// run's recording stays in place.
    ///
    /// # Errors
    /// As [`Engine::gradients`].
    pub fn gradients_to_derive(&self, target: &Tensor, taps: &[&Tensor]) -> Result<Vec<Tensor>, EngineError> {
        Ok(tch::with_grad(|| Tensor::f_run_backward(&[target], taps, true, true))?)
    }

    /// What inputs can be given in without losing digits that the graph computes with: in double precision where it was asked for, for then
    /// every input is turned into what the graph takes, and else in single precision.
    pub fn input_kind(&self) -> Kind {
        self.input_kind
    }

    /// A tensor on the engine's device from row-major numbers.
    ///
    /// # Errors
    /// When the shape does not fit the numbers.
    pub fn tensor(&self, data: &[f32], shape: &[i64]) -> Result<Tensor, EngineError> {
        Ok(Tensor::f_from_slice(data)?.f_reshape(shape)?.f_to_device(self.device)?)
    }
}

/// Bytes that a tensor's numbers take.
pub fn tensor_bytes(tensor: &Tensor) -> u64 {
    tensor.numel() as u64 * tensor.kind().elt_size_in_bytes() as u64
}

/// What a tensor's numbers are added up in: double precision where they have it, else single, which half precision would not do for.
pub fn sum_kind(tensor: &Tensor) -> Kind {
    if tensor.kind() == Kind::Double { Kind::Double } else { Kind::Float }
}

/// The same values N×C×H×W with the channels next to each other in memory, where a processor's convolutions are quickest.
///
/// # Errors
/// When memory is short.
pub fn channels_last(pictures: &Tensor) -> Result<Tensor, EngineError> {
    Ok(pictures.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])?)
}

/// Row-major numbers of a tensor of any element type, on the host.
///
/// # Errors
/// When the copy fails, as when the device is out of memory.
pub fn numbers(tensor: &Tensor) -> Result<Vec<f32>, EngineError> {
    let host = tensor.detach().f_to_kind(Kind::Float)?.f_to_device(Device::Cpu)?.f_contiguous()?;
    let mut numbers = vec![0.0; host.numel()];
    let count = numbers.len();
    host.f_copy_data(&mut numbers, count)?;
    Ok(numbers)
}
