//! The small scan that several tests make.

use std::path::Path;
use std::time::Duration;

use layerscope::methods::excitation::Keep;
use layerscope::scan::{Scan, Shard};

/// A scan of some layers over a folder that keeps four pictures of each channel.
pub(crate) fn plan(folder: &Path, layers: &[&str], out: &Path) -> Scan {
    Scan {
        folder: folder.to_path_buf(),
        layers: layers.iter().map(|&layer| layer.to_owned()).collect(),
        keep: Keep { top: 4, per_class: 0 },
        predictions: true,
        truth: None,
        shard: Shard::WHOLE,
        batch: 8,
        workers: 2,
        crop: 224,
        patch: None,
        exclude: Vec::new(),
        out: out.to_path_buf(),
        save_every: Duration::from_mins(1),
    }
}
