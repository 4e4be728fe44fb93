//! Real networks, where their weights are at hand: EfficientNet-Lite0 as `cargo xtask fixtures` exports it, and what PyTorch
//! says of the same inputs.
//!
//! The exports are too large to be committed; without them these tests say so and pass.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn lite0() -> Option<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = root.join("target/fixtures/efficientnet_lite0.pt2");
    let data = root.join("../shared/data");
    let found = model.exists() && data.join("golden/efficientnet_lite0.json").exists();
    if !found {
        eprintln!("left out: run `cargo xtask fixtures`, and put the reference data beside the checkout");
    }
    found.then_some((model, data))
}

fn predictions(arguments: &[&str]) -> Vec<Value> {
    let done = Command::new(env!("CARGO_BIN_EXE_layerscope"))
        .args(arguments)
        .args(["--format", "json", "-k", "1000"])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    told["results"][0]["predictions"].as_array().unwrap().clone()
}

fn golden(data: &Path) -> Vec<Value> {
    let file = std::fs::File::open(data.join("golden/efficientnet_lite0.json")).unwrap();
    let golden: Value = serde_json::from_reader(file).unwrap();
    golden["results"].as_array().unwrap().clone()
}

#[test]
fn lite0_gives_pytorchs_scores_on_the_same_tensor() {
    let Some((model, data)) = lite0() else { return };
    for row in golden(&data) {
        let image = row["image"].as_str().unwrap();
        let stem = Path::new(image).file_stem().unwrap().to_str().unwrap();
        let tensor = data.join(format!("golden/lite0_{stem}_crop.npy"));
        if !tensor.exists() {
            continue;
        }
        let ours = predictions(&["predict", model.to_str().unwrap(), tensor.to_str().unwrap()]);
        for (place, wanted) in row["pre"]["crop"]["top10"].as_array().unwrap().iter().enumerate() {
            assert_eq!(ours[place]["index"], wanted["index"], "{image}");
            assert_eq!(ours[place]["label"], wanted["label"], "{image}: ImageNet's labels are built in");
            let (score, logit) = (ours[place]["score"].as_f64().unwrap(), wanted["logit"].as_f64().unwrap());
            assert!((score - logit).abs() <= 1e-4 * logit.abs().max(1.0), "{image}: {score} for {logit}");
        }
    }
}

#[test]
fn lite0_says_of_the_photographs_what_pytorch_says() {
    let Some((model, data)) = lite0() else { return };
    let spec = "resize=256,crop=224,interpolation=bicubic,order=rgb,mean=127:127:127,std=128:128:128";
    for row in golden(&data) {
        let image = data.join(row["image"].as_str().unwrap());
        let ours = predictions(&["predict", model.to_str().unwrap(), image.to_str().unwrap(), "--preprocess", spec]);
        for wanted in row["pre"]["crop"]["top10"].as_array().unwrap() {
            let found = ours.iter().find(|prediction| prediction["index"] == wanted["index"]).unwrap();
            let (ours, theirs) = (found["probability"].as_f64().unwrap(), wanted["prob"].as_f64().unwrap());
            assert!((ours - theirs).abs() <= 2e-2, "{}: {} {ours} for {theirs}", image.display(), wanted["label"]);
        }
    }
}
