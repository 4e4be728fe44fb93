//! Activations whose gradient follows another rule than their derivative.

use tch::Tensor;

use super::{AtenError, ffi, tensor};

/// What passes from an activation's output to its input when gradients flow back; x is the input, g the gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// g where x > 0 and g > 0: guided backpropagation (Springenberg et al., *Striving for Simplicity*, 2014).
    Guided,
    /// g where g > 0: the deconvolutional network (Zeiler and Fergus, 2013).
    Deconvolution,
    /// ReLU's g, and in pictures where that is nothing at all, g except where it would push a negative x lower still (Lucid's
    /// redirected ReLU, for an objective that grows).
    Redirected,
    /// As [`Gate::Redirected`] for `relu6`: nor where it would push an x beyond 6 higher still.
    RedirectedSix,
}

/// A tensor with the numbers of `output`, whose gradient reaches `input` through `gate`.
///
/// # Errors
/// When the device is out of memory.
pub fn gate(input: &Tensor, output: &Tensor, gate: Gate) -> Result<Tensor, AtenError> {
    let rule = match gate {
        Gate::Guided => 0,
        Gate::Deconvolution => 1,
        Gate::Redirected => 2,
        Gate::RedirectedSix => 3,
    };
    // SAFETY: both tensors outlive the call, which makes handles of its own.
    let made = unsafe { ffi::ls_gate(input.as_ptr().cast(), output.as_ptr().cast(), rule) };
    if made.is_null() {
        return Err(AtenError::last());
    }
    // SAFETY: made is a fresh at::Tensor of ours.
    Ok(unsafe { tensor::adopt(made) })
}
