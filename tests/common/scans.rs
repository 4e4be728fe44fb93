//! The small scan that several tests make.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part of it; a test may panic")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use layerscope::engine::Cancel;
use layerscope::methods::Network;
use layerscope::methods::excitation::Keep;
use layerscope::scan::{self, ChannelRows, ExcitationFile, Filter, Outcome, Scan, ScanError, Shard};
use layerscope::service::open::{ModelChoice, Opening};

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

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

pub(crate) fn golden() -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(fixtures().join("scan/golden.json")).unwrap()).unwrap()
}

pub(crate) fn preprocess() -> String {
    golden()["preprocess"].as_str().unwrap().to_owned()
}

pub(crate) fn open(model: &str, preprocess: &str) -> Network {
    let model = ModelChoice::File(fixtures().join(model).join("model.pt2"));
    let opening = Opening { model, preprocess: Some(preprocess.to_owned()), ..Opening::default() };
    layerscope::service::open::network(&opening).unwrap()
}

pub(crate) fn convnet() -> Network {
    open("convnet", &preprocess())
}

pub(crate) fn pictures() -> PathBuf {
    fixtures().join("scan/pictures")
}

pub(crate) fn run(network: &Network, plan: &Scan) -> Result<Outcome, ScanError> {
    scan::scan(network, plan, &Cancel::new(), &mut |_| {})
}

pub(crate) fn everything(file: &ExcitationFile, layer: usize, channel: usize) -> ChannelRows {
    file.channel(layer, channel, &Filter::default(), usize::MAX).unwrap()
}
