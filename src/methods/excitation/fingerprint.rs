//! Which network a scan was made with.

use tch::Tensor;

use crate::engine::numbers;
use crate::methods::{MethodError, Network};

/// A number that tells networks apart: made of the operators and of the names, shapes and some of the numbers of all
/// weights. The same file gives the same on every device.
///
/// # Errors
/// When a weight cannot be read back from the device.
pub fn fingerprint(network: &Network) -> Result<u64, MethodError> {
    const SAMPLES: usize = 64;
    let mut hash = Fnv::new();
    let graph = network.engine.graph();
    for node in &graph.nodes {
        hash.add(node.operator.to_string().as_bytes());
    }
    for weight in &graph.weights {
        hash.add(weight.name.as_bytes());
        for size in &weight.shape {
            hash.add(&(*size as u64).to_le_bytes());
        }
        let Some(tensor) = network.engine.weight(weight.value).filter(|tensor| tensor.numel() > 0) else { continue };
        let (count, step) = (tensor.numel(), tensor.numel().div_ceil(SAMPLES));
        let places: Vec<i64> = (0..count).step_by(step).map(|place| place as i64).collect();
        let places = Tensor::f_from_slice(&places)?.f_to_device(tensor.device())?;
        for number in numbers(&tensor.f_reshape([-1])?.f_index_select(0, &places)?)? {
            hash.add(&number.to_bits().to_le_bytes());
        }
    }
    Ok(hash.0)
}

/// FNV-1a, which stays the same between versions and machines.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
