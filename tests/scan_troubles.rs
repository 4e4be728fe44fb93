//! A scan in the face of what happens to it: pictures that the network cannot take, names that are no text, files of other scans, and
//! shards that were cut in several ways.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/onnx.rs"]
mod onnx;
#[path = "common/scans.rs"]
mod scans;

use std::path::{Path, PathBuf};

use layerscope::engine::Cancel;
use layerscope::methods::Network;
use layerscope::methods::excitation::Keep;
use layerscope::scan::{self, ExcitationFile, Scan, ScanError, Shard};
use layerscope::service::open::{ModelChoice, Opening};
use onnx::{Onnx, scattered};
use scans::{convnet, everything, pictures, preprocess, run};

fn plan(layers: &[&str], out: &Path) -> Scan {
    scans::plan(&pictures(), layers, out)
}

#[test]
fn a_file_of_another_folder_or_list_of_truths_is_refused_though_it_is_done() {
    let (network, folder) = (convnet(), tempfile::tempdir().unwrap());
    let (out, list) = (folder.path().join("out"), folder.path().join("truth.csv"));
    let inside = |name: &str| Scan { folder: pictures().join(name), ..plan(&["layer1"], &out) };
    run(&network, &inside("1")).unwrap();
    let line = run(&network, &inside("2")).unwrap_err().to_string();
    assert!(line.contains("out holds another scan: they differ in the folder: ") && line.contains("/2 and "), "{line}");
    std::fs::remove_file(&out).unwrap();
    let by_list = Scan { truth: Some(list.clone()), ..plan(&["layer1"], &out) };
    std::fs::write(&list, "0/00.png,2\n1/06.png,3\n").unwrap();
    run(&network, &by_list).unwrap();
    assert!(run(&network, &by_list).unwrap().was_done, "the same list");
    std::fs::write(&list, "0/00.png,2\n1/06.png,4\n").unwrap();
    let line = run(&network, &by_list).unwrap_err().to_string();
    assert!(line.contains("out holds another scan: they differ in the list of --truth"), "{line}");
}

#[test]
fn shards_with_other_lists_of_truths_are_not_parts_of_one_scan() {
    let (network, folder) = (convnet(), tempfile::tempdir().unwrap());
    let file = |name: &str| folder.path().join(name);
    for (shard, class) in [("1/2", 2), ("2/2", 3)] {
        let list = file(&format!("{class}.csv"));
        std::fs::write(&list, format!("0/00.png,{class}\n")).unwrap();
        let out = file(&class.to_string());
        let part = Scan { truth: Some(list), shard: shard.parse().unwrap(), ..plan(&["layer1"], &out) };
        run(&network, &part).unwrap();
    }
    let line = scan::merge(&["2", "3"].map(file), &file("out")).unwrap_err().to_string();
    assert!(line.contains("they differ in the list of --truth"), "{line}");
}

/// A network that takes pictures of any size that its pooling of 8×8 fits in, and gives what it pools times zero: 0 for
/// bright pictures, -0 for dark ones.
fn pooling(folder: &Path) -> Network {
    let model = folder.join("pooling.onnx");
    Onnx::of([0, 3, 0, 0])
        .then("pool", "MaxPool", &[], &[("kernel_shape", &[8, 8]), ("strides", &[8, 8])])
        .then("zero", "Mul", &[(&[1], &[0.0])], &[])
        .then("mean", "GlobalAveragePool", &[], &[])
        .then("flat", "Flatten", &[], &[("axis=", &[1])])
        .then("fc", "Gemm", &[(&[4, 3], &scattered(12)), (&[4], &[0.0; 4])], &[("transB=", &[1])])
        .write(&model, &[0, 4]);
    let preprocess = Some("mean=127.5,std=127.5".to_owned());
    let opening = Opening { model: ModelChoice::File(model), preprocess, ..Opening::default() };
    layerscope::service::open::network(&opening).unwrap()
}

fn uniform(path: &Path, side: u32, level: u8) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::from_pixel(side, side, image::Rgb([level; 3])).save(path).unwrap();
}

#[test]
fn a_picture_that_the_network_cannot_take_is_named_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (network, inside, out) = (pooling(folder.path()), folder.path().join("many"), folder.path().join("out"));
    for (name, side) in [("a.png", 4), ("b.png", 16), ("c.png", 5), ("d.png", 5), ("e.png", 16)] {
        uniform(&inside.join(name), side, 200);
    }
    let outcome = run(&network, &Scan { folder: inside.clone(), ..plan(&["mul_1"], &out) }).unwrap();
    let tally = outcome.tally();
    assert_eq!((tally.pictures, tally.unreadable), (2, 3));
    assert_eq!(tally.named.keys().collect::<Vec<_>>(), ["a.png", "c.png", "d.png"]);
    assert!(tally.named["c.png"].contains("max_pool2d"), "{:?}", tally.named);
}

#[test]
fn a_network_that_takes_none_of_the_pictures_is_an_error_that_names_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("many");
    pooling(folder.path());
    for name in ["a.png", "b.png"] {
        uniform(&inside.join(name), 16, 200);
    }
    let preprocess = Some("resize=4x4,mean=127.5,std=127.5".to_owned());
    let model = ModelChoice::File(folder.path().join("pooling.onnx"));
    let network = layerscope::service::open::network(&Opening { model, preprocess, ..Opening::default() }).unwrap();
    let out = folder.path().join("out");
    let line = run(&network, &Scan { folder: inside, ..plan(&["mul_1"], &out) }).unwrap_err().to_string();
    assert!(line.starts_with("a.png: ") && line.contains("max_pool2d"), "{line}");
    assert!(!scan::unfinished(&out).exists(), "nothing was found that would be in the way of another --preprocess");
}

#[test]
fn crops_that_cannot_be_written_lose_nothing_that_was_found() {
    let (network, folder) = (convnet(), tempfile::tempdir().unwrap());
    let out = folder.path().join("out");
    let cancel = Cancel::new();
    let plan = plan(&["layer1"], &out);
    scan::scan(&network, &plan, &cancel, &mut |progress| {
        if progress.cutting {
            assert!(!scan::unfinished(&out).exists());
            std::fs::create_dir(&out).unwrap();
        }
    })
    .unwrap_err();
    let saved = ExcitationFile::open(&scan::unfinished(&out)).unwrap();
    assert_eq!(saved.header().tally.pictures, 25);
    std::fs::remove_dir(&out).unwrap();
    assert_eq!(run(&network, &plan).unwrap().resumed, 26);
}

#[test]
fn a_zero_below_and_one_above_are_the_same_value() {
    let folder = tempfile::tempdir().unwrap();
    let (network, inside) = (pooling(folder.path()), folder.path().join("many"));
    let file = |name: &str| folder.path().join(name);
    // In a folder `a` comes before `a-b`; as a path, with the slash, it comes after.
    for (name, level) in [("a/1.png", 255), ("a-b/1.png", 0), ("a-b/2.png", 255), ("a/2.png", 0)] {
        uniform(&inside.join(name), 16, level);
    }
    let keep = Keep { top: 1, per_class: 0 };
    let whole = Scan { folder: inside, keep, predictions: false, batch: 1, ..plan(&["mul_1"], &file("whole")) };
    run(&network, &whole).unwrap();
    let kept = everything(&ExcitationFile::open(&file("whole")).unwrap(), 0, 0).kept;
    assert_eq!(kept[0].excitation.picture.path, "a-b/1.png", "equal values stand in the order of the paths");
    let parts = 1..=8;
    for part in parts.clone() {
        let (shard, out) = (format!("{part}/8").parse().unwrap(), file(&part.to_string()));
        run(&network, &Scan { shard, out, ..whole.clone() }).unwrap();
    }
    let parts: Vec<PathBuf> = parts.rev().map(|part| file(&part.to_string())).collect();
    scan::merge(&parts, &file("merged")).unwrap();
    assert!(std::fs::read(file("merged")).unwrap() == std::fs::read(file("whole")).unwrap());
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf_8_have_crops_and_are_gone_on_from() {
    use std::os::unix::ffi::OsStrExt;
    let (network, folder) = (convnet(), tempfile::tempdir().unwrap());
    let inside = folder.path().join("pictures");
    std::fs::create_dir(&inside).unwrap();
    // The replacement character would stand between `\xee` and `\xf1`, and be the same for both.
    let names: [&[u8]; 5] = [b"\xee.png", b"\xf1.png", b"\xf0\x9f\x90\x88.png", b"z.png", b"\\xee.png"];
    for (number, name) in names.iter().enumerate() {
        let picture = pictures().join(format!("{number}/{number:02}.png"));
        std::fs::copy(picture, inside.join(std::ffi::OsStr::from_bytes(name))).unwrap();
    }
    let plan = Scan { folder: inside, batch: 1, ..plan(&["layer1"], &folder.path().join("out")) };
    for _ in 0..4 {
        let cancel = Cancel::new();
        let stopped = scan::scan(&network, &plan, &cancel, &mut |_| cancel.raise());
        assert!(matches!(stopped, Err(ScanError::Stopped)), "{stopped:?}");
    }
    assert_eq!(run(&network, &plan).unwrap().tally().pictures, 5);
    let file = ExcitationFile::open(&plan.out).unwrap();
    let mut paths = std::collections::BTreeSet::new();
    for channel in 0..8 {
        for kept in everything(&file, 0, channel).kept {
            assert!(kept.picture().is_some(), "{} has no crop", kept.excitation.picture.path);
            paths.insert(kept.excitation.picture.path.clone());
        }
    }
    assert_eq!(paths.len(), 5, "{paths:?}");
    assert!(paths.contains("🐈.png") && paths.contains("\\xee.png"), "{paths:?}");
}

#[test]
fn parts_that_hold_everything_become_the_whole_whatever_their_counts_are() {
    let (network, folder) = (convnet(), tempfile::tempdir().unwrap());
    let file = |name: &str| folder.path().join(name);
    let name = |shard: &str| shard.replace('/', "of");
    run(&network, &plan(&["layer1"], &file("whole"))).unwrap();
    for shard in ["1/2", "2/4", "4/4", "2/6", "4/6", "6/6"] {
        let part = Scan { shard: shard.parse().unwrap(), ..plan(&["layer1"], &file(&name(shard))) };
        run(&network, &part).unwrap();
    }
    let merged = |parts: &[&str], out: &str| {
        let parts: Vec<PathBuf> = parts.iter().map(|part| file(&name(part))).collect();
        scan::merge(&parts, &file(out)).unwrap().shards
    };
    for parts in [&["4/4", "1/2", "2/4"][..], &["2/6", "6/6", "1/2", "4/6"]] {
        assert_eq!(merged(parts, "merged"), [Shard::WHOLE], "{parts:?}");
        assert!(std::fs::read(file("merged")).unwrap() == std::fs::read(file("whole")).unwrap(), "{parts:?}");
    }
    let half: Shard = "2/2".parse().unwrap();
    assert_eq!(merged(&["2/4", "4/4"], "even"), [half], "parts of a part");
    assert_eq!(merged(&["6/6", "2/6", "4/6"], "odd"), [half]);
    assert!(std::fs::read(file("even")).unwrap() == std::fs::read(file("odd")).unwrap());
}

#[test]
fn shards_of_copies_of_a_model_merge_into_the_same_file_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    for (copy, shard) in [("b", "1/2"), ("a", "2/2")] {
        let model = file(&format!("{copy}.pt2"));
        std::fs::copy(scans::fixtures().join("convnet/model.pt2"), &model).unwrap();
        let opening = Opening { model: ModelChoice::File(model), preprocess: Some(preprocess()), ..Opening::default() };
        let network = layerscope::service::open::network(&opening).unwrap();
        run(&network, &Scan { shard: shard.parse().unwrap(), ..plan(&["layer1"], &file(copy)) }).unwrap();
    }
    scan::merge(&["a", "b"].map(file), &file("one")).unwrap();
    scan::merge(&["b", "a"].map(file), &file("other")).unwrap();
    assert!(std::fs::read(file("one")).unwrap() == std::fs::read(file("other")).unwrap());
}
