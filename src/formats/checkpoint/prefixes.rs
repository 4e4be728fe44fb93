//! Prefixes that wrappers put before every name.

use super::Tensor;

/// `DataParallel` and its like, compiled modules, Lightning modules, averaged models, and backbones saved alone.
const WRAPPERS: [&str; 12] = [
    "module.",
    "_orig_mod.",
    "model.",
    "_model.",
    "net.",
    "network.",
    "backbone.",
    "encoder.",
    "ema.",
    "ema_model.",
    "student.",
    "teacher.",
];

/// Removes the prefixes that all tensors share, as long as they are those of known wrappers.
pub(super) fn remove(tensors: &mut Vec<Tensor>) {
    // torch.optim.swa_utils.AveragedModel counts beside the model that it wraps.
    let counted = |tensor: &Tensor| tensor.name == "n_averaged";
    if tensors.len() > 1 && tensors.iter().all(|tensor| counted(tensor) || tensor.name.starts_with("module.")) {
        tensors.retain(|tensor| !counted(tensor));
    }
    while let Some(prefix) = shared(tensors) {
        for tensor in tensors.iter_mut() {
            tensor.name.drain(..prefix.len());
        }
    }
}

fn shared(tensors: &[Tensor]) -> Option<&'static str> {
    let first = tensors.first()?;
    let prefix = WRAPPERS.into_iter().find(|prefix| first.name.starts_with(prefix))?;
    tensors.iter().all(|tensor| tensor.name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty())).then_some(prefix)
}
