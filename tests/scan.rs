//! A scan finds, over a folder of pictures, what excites each channel of some layers: the same as PyTorch finds by looking at one
//! picture after the other, however the pictures are cut into batches, shards and interrupted runs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/scans.rs"]
mod scans;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::fixtures;
use layerscope::engine::Cancel;
use layerscope::methods::Network;
use layerscope::methods::excitation::{Channel, Distribution, ExactSum, Excitation, Keep, Patch, Said, Seen};
use layerscope::scan::{self, ExcitationFile, Filter, Glob, Header, Scan, ScanError, Shard};
use layerscope::service::open::{ModelChoice, Opening};
use proptest::prelude::*;
use scans::{convnet, everything, golden, open, pictures, preprocess, run};

const LAYERS: [&str; 5] = ["layer1.conv1", "layer1", "maxpool", "layer2", "fc"];

/// The network that takes any number of pictures at once.
fn dynamic() -> Network {
    open("convnet_dynamic", "resize=16,crop=12,interpolation=nearest,mean=127.5,std=127.5")
}

fn plan(layers: &[&str], out: &Path) -> Scan {
    scans::plan(&pictures(), layers, out)
}

#[test]
fn the_top_pictures_of_every_channel_are_those_that_pytorch_finds_one_by_one() {
    let (golden, folder) = (golden(), tempfile::tempdir().unwrap());
    let out = folder.path().join("scan.parquet");
    run(&convnet(), &plan(&LAYERS, &out)).unwrap();
    let file = ExcitationFile::open(&out).unwrap();
    let near = |ours: f64, theirs: &serde_json::Value, scale: f64| {
        (ours - theirs.as_f64().unwrap()).abs() <= 1e-5 * scale.max(1.0)
    };
    for (index, layer) in LAYERS.iter().enumerate() {
        let channels = golden["layers"][layer].as_array().unwrap();
        assert_eq!(file.header().layers[index].channels, channels.len(), "{layer}");
        for (number, expected) in channels.iter().enumerate() {
            let place = format!("{layer}, channel {number}");
            let found = file.channel(index, number, &Filter::default(), 4).unwrap();
            let maxima: Vec<f64> =
                expected["maxima"].as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect();
            let scale = maxima[maxima.len() - 1].abs();
            assert_eq!(found.kept.len(), 4, "{place}");
            for (ours, theirs) in found.kept.iter().zip(expected["top"].as_array().unwrap()) {
                let ours = &ours.excitation;
                assert_eq!(ours.picture.path, theirs["picture"].as_str().unwrap(), "{place}");
                assert!(near(ours.value.into(), &theirs["value"], scale), "{place}: {} {theirs}", ours.value);
                assert_eq!(
                    [ours.row, ours.column].map(u64::from),
                    [&theirs["row"], &theirs["column"]].map(|n| n.as_u64().unwrap()),
                    "{place}"
                );
                let patch = [ours.patch.x, ours.patch.y, ours.patch.width, ours.patch.height];
                let wanted: Vec<u64> =
                    theirs["patch"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
                assert_eq!(patch.map(u64::from).as_slice(), wanted, "{place}");
            }
            let of = &found.distribution;
            assert_eq!((of.pictures, of.undefined), (25, 0), "{place}");
            assert!(
                near(of.mean().unwrap(), &expected["mean"], scale),
                "{place}: mean {:?} {}",
                of.mean(),
                expected["mean"]
            );
            assert!(near(of.active().unwrap(), &expected["active"], 1.0), "{place}: active");
            let (least, most) = of.range().unwrap();
            assert!(
                near(least.into(), &expected["minimum"], scale) && near(most.into(), &expected["maxima"][24], scale)
            );
            // A bin is at most a sixteenth wide, and the quantile is the value that so many pictures stay below.
            let median = f64::from(of.quantile(0.5).unwrap());
            assert!(
                (median - maxima[12]).abs() <= maxima[12].abs() / 8.0 + 1e-6 * scale,
                "{place}: {median} {}",
                maxima[12]
            );
        }
    }
    let said = &golden["pictures"];
    let kept = everything(&file, 1, 0).kept;
    for one in &kept {
        let (seen, expected) = (&one.excitation.picture, &said[&one.excitation.picture.path]);
        let answer = seen.said.as_ref().unwrap();
        assert_eq!(*answer.class, *expected["class"].to_string());
        assert!(near(answer.probability.into(), &expected["probability"], 1.0));
        assert_eq!(seen.right, expected["right"].as_bool());
        assert_eq!(seen.truth.as_deref(), seen.path.split('/').next());
    }
}

#[test]
fn equal_values_stand_in_the_order_of_the_paths() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("scan.parquet");
    run(&convnet(), &Scan { keep: Keep { top: 25, per_class: 0 }, ..plan(&["layer1"], &out) }).unwrap();
    let file = ExcitationFile::open(&out).unwrap();
    for channel in 0..8 {
        let kept = everything(&file, 0, channel).kept;
        let place = |path| kept.iter().position(|kept| kept.excitation.picture.path == path).unwrap();
        let (twin, other) = (place("1/twin of 08.png"), place("3/08.png"));
        assert!(twin < other);
        assert_eq!(kept[twin].excitation.value.to_bits(), kept[other].excitation.value.to_bits());
        for pair in kept.windows(2) {
            let [one, two] = [0, 1].map(|index| &pair[index].excitation);
            let order = two.value.total_cmp(&one.value).then_with(|| one.picture.path.cmp(&two.picture.path));
            assert!(order.is_lt());
        }
    }
}

#[test]
fn crops_show_the_part_of_the_picture_that_the_position_sees() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("scan.parquet");
    run(&convnet(), &plan(&["layer1"], &out)).unwrap();
    let file = ExcitationFile::open(&out).unwrap();
    for channel in 0..8 {
        for kept in everything(&file, 0, channel).kept {
            let Excitation { patch, picture, .. } = &kept.excitation;
            let whole = image::open(pictures().join(&picture.path)).unwrap().to_rgb8();
            let cut = image::imageops::crop_imm(&whole, patch.x, patch.y, patch.width, patch.height).to_image();
            assert_eq!(kept.picture().unwrap(), cut, "small crops lose nothing");
        }
    }
}

#[test]
fn a_patch_that_is_limited_is_the_middle_of_what_the_position_sees() {
    const MOST: i64 = 4;
    let (network, folder) = (convnet(), tempfile::tempdir().unwrap());
    let (whole, limited) = (folder.path().join("whole"), folder.path().join("limited"));
    run(&network, &plan(&["maxpool", "fc"], &whole)).unwrap();
    run(&network, &Scan { patch: Some(MOST as u32), ..plan(&["maxpool", "fc"], &limited) }).unwrap();
    let (whole, limited) = (ExcitationFile::open(&whole).unwrap(), ExcitationFile::open(&limited).unwrap());
    let field = receptive_field(&network, "maxpool");
    assert!(field.size.0 as i64 > MOST);
    for channel in 0..8 {
        for (all, part) in everything(&whole, 0, channel).kept.iter().zip(everything(&limited, 0, channel).kept) {
            let (all, part) = (&all.excitation, &part.excitation);
            assert_eq!(
                (all.value, all.row, all.column, &all.picture),
                (part.value, part.row, part.column, &part.picture)
            );
            let picture = image::image_dimensions(pictures().join(&all.picture.path)).unwrap();
            let geometry = network.input.preprocessing.geometry(picture.0, picture.1).unwrap();
            let along =
                |original: u32, resized: u32, offset: i64, (start, stride, size): (i64, u64, u64), place: u32| {
                    let first = start + stride as i64 * i64::from(place) + (size as i64 - MOST) / 2;
                    let (from, to) = (first.clamp(0, 19) + offset, (first + MOST).clamp(1, 20) + offset);
                    let (original, resized) = (i64::from(original), i64::from(resized));
                    let (start, end) = (from * original / resized, (to * original + resized - 1) / resized);
                    (start as u32, (end - start) as u32)
                };
            let (resized, offset) = (geometry.resized, geometry.offset);
            let (across, down) =
                ((field.start.1, field.stride.1, field.size.1), (field.start.0, field.stride.0, field.size.0));
            let (x, width) = along(picture.0, resized.0, offset.0, across, part.column);
            let (y, height) = along(picture.1, resized.1, offset.1, down, part.row);
            assert_eq!(part.patch, Patch { x, y, width, height }, "{}", all.picture.path);
        }
    }
    for channel in 0..4 {
        let patches = |file: &ExcitationFile| -> Vec<Patch> {
            everything(file, 1, channel).kept.iter().map(|kept| kept.excitation.patch).collect()
        };
        assert_eq!(patches(&limited), patches(&whole), "a layer of one position sees everything");
    }
}

fn receptive_field(network: &Network, layer: &str) -> layerscope::methods::receptive_field::ReceptiveField {
    let input = network.engine.tensor(&vec![0.0; 3 * 20 * 20], &[1, 3, 20, 20]).unwrap();
    let forward = network.forward(&input, &Cancel::new()).unwrap();
    network.receptive_fields(&forward).get(&network.place(layer).unwrap().tap.value).copied().unwrap()
}

#[test]
fn folders_and_pictures_are_left_out() {
    let (network, folder) = (convnet(), tempfile::tempdir().unwrap());
    let counted = |name: &str, globs: &[&str]| {
        let exclude = globs.iter().map(|glob| glob.parse().unwrap()).collect();
        let outcome = run(&network, &Scan { exclude, ..plan(&["layer1"], &folder.path().join(name)) }).unwrap();
        (outcome.tally().pictures, outcome.tally().unreadable)
    };
    assert_eq!(counted("folder", &["2"]), (20, 0), "with all that is in it");
    assert_eq!(counted("names", &["twin*", "broken.png"]), (24, 0));
    assert_eq!(counted("path", &["3/*3.png", "./0/"]), (17, 1));
    assert_eq!(counted("deep", &["**/0?.png"]), (15, 1));
    let exclude = vec!["*.png".parse().unwrap()];
    let nothing = run(&network, &Scan { exclude, ..plan(&["layer1"], &folder.path().join("none")) });
    assert!(nothing.unwrap_err().to_string().contains("no pictures"));
    let file = |name: &str| folder.path().join(name);
    let line = scan::merge(&[file("folder"), file("names")], &file("out")).unwrap_err().to_string();
    assert!(line.ends_with("they differ in --exclude: 2 and broken.png, twin*"), "{line}");
}

#[test]
fn patterns_of_paths_match_as_a_shells_do() {
    let matches = |glob: &str, path: &str| glob.parse::<Glob>().unwrap().matches(path);
    for (glob, path) in [
        ("thumbs", "a/b/thumbs"),
        ("*.gif", "a/b.gif"),
        ("?.gif", "b.gif"),
        ("a/*", "a/b"),
        ("a/**", "a/b/c"),
        ("a/**/d", "a/d"),
        ("a/**/d", "a/b/c/d"),
        ("**/c/*.jpg", "a/b/c/x.jpg"),
        ("*a*b*", "xxaxxbxx"),
    ] {
        assert!(matches(glob, path), "{glob} {path}");
    }
    for (glob, path) in [
        ("thumbs", "thumbs.png"),
        ("*.gif", "a.gift"),
        ("a/*", "a/b/c"),
        ("a/*", "b/a/c"),
        ("?", "ab"),
        ("a/**/d", "a/b/c"),
        ("*a*b", "xxbxxa"),
    ] {
        assert!(!matches(glob, path), "{glob} {path}");
    }
    for wrong in ["", "/", "/data/x", "a//b"] {
        assert!(wrong.parse::<Glob>().is_err(), "{wrong}");
    }
}

#[test]
fn neither_threads_nor_shards_nor_the_rest_of_the_batch_change_a_byte_of_the_file() {
    let (network, folder) = (dynamic(), tempfile::tempdir().unwrap());
    let file = |name: &str| folder.path().join(name);
    let made = |name: &str, shard: &str, workers: usize| {
        let plan = plan(&["conv1", "mixed", "fc"], &file(name));
        run(&network, &Scan { workers, shard: shard.parse().unwrap(), ..plan }).unwrap();
    };
    made("one", "1/1", 1);
    made("four", "1/1", 4);
    for shard in ["1/3", "2/3", "3/3"] {
        made(&shard.replace('/', "of"), shard, 2);
    }
    scan::merge(&["1of3", "3of3", "2of3"].map(file), &file("merged")).unwrap();
    let first = std::fs::read(file("one")).unwrap();
    assert!(std::fs::read(file("four")).unwrap() == first, "threads");
    assert!(std::fs::read(file("merged")).unwrap() == first, "shards of other numbers of pictures than a batch");
}

#[test]
fn batches_of_any_size_find_the_same() {
    let (network, folder) = (dynamic(), tempfile::tempdir().unwrap());
    let made = |batch: usize| {
        let out = folder.path().join(format!("{batch}.parquet"));
        run(&network, &Scan { batch, ..plan(&["conv1", "mixed", "fc"], &out) }).unwrap();
        ExcitationFile::open(&out).unwrap()
    };
    let first = made(1);
    for batch in [3, 64] {
        let other = made(batch);
        for (layer, channels) in [8, 12, 5].into_iter().enumerate() {
            for channel in 0..channels {
                let (one, two) = (everything(&first, layer, channel), everything(&other, layer, channel));
                assert_eq!(one.kept.len(), two.kept.len());
                for (one, two) in one.kept.iter().zip(&two.kept) {
                    let (one, two) = (&one.excitation, &two.excitation);
                    assert_eq!((&one.picture.path, one.patch), (&two.picture.path, two.patch), "{layer} {channel}");
                    assert!((one.value - two.value).abs() <= 1e-5 * one.value.abs().max(1.0));
                }
            }
        }
    }
}

#[test]
fn a_picture_that_cannot_be_read_is_named_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("scan.parquet");
    let outcome = run(&convnet(), &plan(&["layer1"], &out)).unwrap();
    let tally = outcome.tally();
    assert_eq!((tally.pictures, tally.unreadable, tally.right, tally.wrong), (25, 1, 5, 20));
    let (path, reason) = tally.named.first_key_value().unwrap();
    assert_eq!(path, "2/broken.png");
    assert!(reason.starts_with("a damaged picture"), "{reason}");
}

#[test]
fn shards_scanned_apart_merge_in_any_grouping_into_the_file_of_one_scan() {
    let (network, folder) = (convnet(), tempfile::tempdir().unwrap());
    let file = |name: &str| folder.path().join(name);
    let whole = Scan { keep: Keep { top: 4, per_class: 1 }, ..plan(&["layer1", "fc"], &file("whole")) };
    run(&network, &whole).unwrap();
    let mut counts = Vec::new();
    for shard in 1..=4 {
        let part =
            Scan { shard: format!("{shard}/4").parse().unwrap(), out: file(&shard.to_string()), ..whole.clone() };
        let tally = run(&network, &part).unwrap().header.tally;
        counts.push(tally.pictures + tally.unreadable);
    }
    assert_eq!(counts.iter().sum::<u64>(), 26);
    let merged = |parts: &[&str], out: &str| {
        let parts: Vec<PathBuf> = parts.iter().map(|part| file(part)).collect();
        scan::merge(&parts, &file(out)).unwrap()
    };
    merged(&["1", "2", "3", "4"], "flat");
    merged(&["4", "2"], "even");
    merged(&["3", "1"], "odd");
    let header = merged(&["even", "odd"], "tree");
    assert_eq!(header.shards, [Shard::WHOLE]);
    for out in ["flat", "tree"] {
        assert!(std::fs::read(file(out)).unwrap() == std::fs::read(file("whole")).unwrap(), "{out}");
    }
}

#[test]
fn a_scan_that_was_stopped_goes_on_where_it_was() {
    let (network, folder) = (convnet(), tempfile::tempdir().unwrap());
    let (whole, out) = (folder.path().join("whole"), folder.path().join("stopped"));
    run(&network, &plan(&["layer1"], &whole)).unwrap();
    let plan = Scan { batch: 4, ..plan(&["layer1"], &out) };
    for round in 1..=2 {
        let cancel = Cancel::new();
        let stopped = scan::scan(&network, &plan, &cancel, &mut |_| cancel.raise());
        assert!(matches!(stopped, Err(ScanError::Stopped)), "round {round}: {stopped:?}");
        let saved = ExcitationFile::open(&scan::unfinished(&out)).unwrap();
        let tally = &saved.header().tally;
        assert_eq!(tally.pictures, 4 * round);
        let line = scan::merge(&[scan::unfinished(&out)], &folder.path().join("merged")).unwrap_err().to_string();
        assert!(line.ends_with("this scan is not finished; the command that began it goes on with it"), "{line}");
    }
    let changed = Scan { layers: vec!["layer2".to_owned()], ..plan.clone() };
    let line = run(&network, &changed).unwrap_err().to_string();
    assert!(line.ends_with("they differ in the layers: layer2 and layer1; give another --out, or remove it"), "{line}");
    let outcome = run(&network, &plan).unwrap();
    assert_eq!(outcome.resumed, 8);
    assert!(std::fs::read(&out).unwrap() == std::fs::read(&whole).unwrap());
    assert!(!scan::unfinished(&out).exists());
    let again = run(&network, &plan).unwrap();
    assert!(again.was_done, "a file that is there already is not made again");
}

#[test]
fn pictures_that_came_while_it_was_stopped_are_noticed() {
    let (network, folder) = (convnet(), tempfile::tempdir().unwrap());
    let inside = folder.path().join("pictures");
    std::fs::create_dir(&inside).unwrap();
    for number in 10..20 {
        std::fs::copy(pictures().join("0/00.png"), inside.join(format!("{number}.png"))).unwrap();
    }
    let plan = Scan { folder: inside.clone(), batch: 4, ..plan(&["layer1"], &folder.path().join("out")) };
    let cancel = Cancel::new();
    scan::scan(&network, &plan, &cancel, &mut |_| cancel.raise()).unwrap_err();
    std::fs::copy(pictures().join("0/00.png"), inside.join("09.png")).unwrap();
    let line = run(&network, &plan).unwrap_err().to_string();
    assert!(
        line.contains("the pictures have changed since the scan began (4 were counted up to 13.png, now 5"),
        "{line}"
    );
}

#[test]
fn scans_that_are_not_parts_of_one_are_refused_in_one_line() {
    let (network, folder) = (convnet(), tempfile::tempdir().unwrap());
    let file = |name: &str| folder.path().join(name);
    let base = Scan { shard: "1/2".parse().unwrap(), ..plan(&["layer1"], &file("a")) };
    let second = Scan { shard: "2/2".parse().unwrap(), ..base.clone() };
    run(&network, &base).unwrap();
    let other = |name: &str, network: &Network, plan: Scan| {
        run(network, &Scan { out: file(name), ..plan }).unwrap();
        let line = scan::merge(&[file("a"), file(name)], &file("out")).unwrap_err().to_string();
        assert!(!line.contains('\n'), "{line}");
        line.replace(&format!("{}/", folder.path().display()), "")
    };
    assert_eq!(
        other("layers", &network, Scan { layers: vec!["layer2".into()], ..second.clone() }),
        "a and layers are not parts of one scan: they differ in the layers: layer1 and layer2"
    );
    assert_eq!(
        other("top", &network, Scan { keep: Keep { top: 5, per_class: 0 }, ..second.clone() }),
        "a and top are not parts of one scan: they differ in --top: 4 and 5"
    );
    let spec = preprocess().replace("interpolation=nearest", "interpolation=box");
    let line = other("fed", &open("convnet", &spec), second.clone());
    assert!(line.starts_with("a and fed are not parts of one scan: they differ in the preprocessing: "), "{line}");
    let copy = fixtures().join("inspector/other.pt2");
    let opening = Opening { model: ModelChoice::File(copy), preprocess: Some(preprocess()), ..Opening::default() };
    let line = other("trained", &layerscope::service::open::network(&opening).unwrap(), second.clone());
    assert!(line.starts_with("a and trained are not parts of one scan: they differ in the models: "), "{line}");
    assert_eq!(other("same", &network, base.clone()), "a and same hold the same pictures: shard 1/2");
    let quarter = Scan { shard: "3/4".parse().unwrap(), ..base.clone() };
    assert_eq!(other("quarter", &network, quarter), "a and quarter hold the same pictures: shard 1/2 and 3/4");
    std::fs::write(file("text"), "no scan").unwrap();
    let line = scan::merge(&[file("a"), file("text")], &file("out")).unwrap_err().to_string();
    assert!(line.ends_with("text: not a scan of layerscope (not a Parquet file, or a damaged one)"), "{line}");
    assert!(!file("out").exists());
}

#[test]
fn layers_folders_and_lists_that_are_not_there_are_named() {
    let (network, folder) = (convnet(), tempfile::tempdir().unwrap());
    let out = folder.path().join("out");
    let line = |plan: Scan| run(&network, &plan).unwrap_err().to_string();
    assert!(line(plan(&["layer9"], &out)).starts_with("there is no layer 'layer9'"));
    assert!(line(Scan { folder: "/nowhere".into(), ..plan(&["fc"], &out) }).starts_with("/nowhere: "));
    let empty = Scan { folder: folder.path().to_path_buf(), ..plan(&["fc"], &out) };
    assert!(line(empty).ends_with("no pictures in this folder or in those inside it"));
    let list = folder.path().join("truth.csv");
    std::fs::write(&list, "path,class\n0/00.png,3\n0/05.png,7\n").unwrap();
    let refused = line(Scan { truth: Some(list), ..plan(&["fc"], &out) });
    assert!(
        refused.starts_with("--truth ")
            && refused.ends_with("line 3: class 7 does not exist: the network has 5 outputs, 0 to 4"),
        "{refused}"
    );
}

#[test]
fn pictures_are_filtered_by_class_and_by_right_and_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("scan.parquet");
    run(&convnet(), &Scan { keep: Keep { top: 4, per_class: 2 }, ..plan(&["layer1"], &out) }).unwrap();
    let file = ExcitationFile::open(&out).unwrap();
    let paths = |filter: Filter, most: usize| -> Vec<String> {
        let kept = file.channel(0, 0, &filter, most).unwrap().kept;
        kept.iter().map(|kept| kept.excitation.picture.path.clone()).collect()
    };
    // What PyTorch says of every picture, the most exciting first.
    let all = folder.path().join("all.parquet");
    run(&convnet(), &Scan { keep: Keep { top: 25, per_class: 0 }, ..plan(&["layer1"], &all) }).unwrap();
    let order: Vec<String> = everything(&ExcitationFile::open(&all).unwrap(), 0, 0)
        .kept
        .iter()
        .map(|kept| kept.excitation.picture.path.clone())
        .collect();
    let golden = golden();
    let first = |most: usize, of: &dyn Fn(&str) -> bool| -> Vec<String> {
        order.iter().filter(|path| of(path)).take(most).cloned().collect()
    };
    let right = |path: &str| golden["pictures"][path]["right"] == true;
    assert_eq!(paths(Filter { right: Some(true), ..Filter::default() }, 4), first(4, &right));
    assert_eq!(paths(Filter { right: Some(false), ..Filter::default() }, 4), first(4, &|path| !right(path)));
    for class in ["0", "1", "2", "3", "4"] {
        let of_class = first(2, &|path| path.starts_with(class));
        assert_eq!(paths(Filter { truth: Some(class.to_owned()), ..Filter::default() }, 2), of_class);
    }
    assert!(
        paths(Filter { class: Some("0".to_owned()), ..Filter::default() }, 4).is_empty(),
        "it takes all for class 2"
    );
}

#[test]
fn the_command_lists_no_pictures_that_the_scan_cannot_vouch_for_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("scan.parquet");
    run(&convnet(), &Scan { keep: Keep { top: 4, per_class: 2 }, ..plan(&["layer1"], &out) }).unwrap();
    let listed = |more: &[&str]| {
        let mut show = layerscope(&["excitations".as_ref(), out.as_ref()]);
        let json = show.args(["--channels", "0", "--format", "json"]).args(more).output().unwrap();
        let mut show = layerscope(&["excitations".as_ref(), out.as_ref()]);
        let table = show.args(["--channels", "0"]).args(more).output().unwrap();
        let document: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        let warnings = String::from_utf8(table.stderr).unwrap();
        let count = document["channels"][0]["top"].as_array().unwrap().len();
        (count, document["complete"].clone(), document["note"].as_str().unwrap_or_default().to_owned(), warnings)
    };
    for arguments in [&[][..], &["--right"], &["-k", "3", "--wrong"], &["--truth", "1", "-k", "2"]] {
        let (_, _, note, warnings) = listed(arguments);
        assert!(note.is_empty() && warnings.is_empty(), "{arguments:?}: {note} {warnings}");
    }
    for (arguments, complete) in
        [(&["-k", "20"][..], 4), (&["-k", "9", "--wrong"], 4), (&["--truth", "1", "-k", "9"], 2)]
    {
        let (count, said, note, warnings) = listed(arguments);
        assert_eq!((count, said), (complete, complete.into()), "{arguments:?}");
        let words = format!("no more than the first {complete} pictures");
        assert!(note.contains(&words) && warnings.contains(&words), "{arguments:?}: {note} {warnings}");
    }
    for arguments in [&["--class", "2"][..], &["--truth", "1", "--wrong"]] {
        let (count, said, note, warnings) = listed(arguments);
        assert!(count > 0 && said == 0, "{arguments:?}: {count} {said}");
        let words = "may not be those that excite it most";
        assert!(note.contains(words) && warnings.contains(words), "{arguments:?}: {note} {warnings}");
    }
}

#[test]
fn a_list_says_what_the_pictures_show() {
    let folder = tempfile::tempdir().unwrap();
    let (out, list) = (folder.path().join("scan.parquet"), folder.path().join("truth.csv"));
    std::fs::write(&list, "picture,class\r\n0/00.png,2\r\n\"1/twin of 08.png\",\"0\"\r\n").unwrap();
    let outcome = run(&convnet(), &Scan { truth: Some(list), ..plan(&["layer1"], &out) }).unwrap();
    assert_eq!((outcome.tally().right, outcome.tally().wrong), (1, 1));
}

fn layerscope(arguments: &[&std::ffi::OsStr]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_layerscope"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn scan_command(folder: &Path, out: &Path, more: &[&str]) -> Command {
    let model = fixtures().join("convnet/model.pt2");
    let mut command = layerscope(&["scan".as_ref(), model.as_ref(), folder.as_ref()]);
    command.args(["--layer", "layer1", "--layer", "fc", "--top", "4", "--threads", "1", "--preprocess", &preprocess()]);
    command.arg("--out").arg(out).args(more);
    command
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn processes_that_scan_shards_at_the_same_time_make_together_what_one_makes() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let shards = ["1/3", "2/3", "3/3"];
    let running: Vec<_> = shards
        .iter()
        .enumerate()
        .map(|(index, shard)| {
            scan_command(&pictures(), &file(&index.to_string()), &["--shard", shard]).spawn().unwrap()
        })
        .collect();
    for process in running {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
    let output = scan_command(&pictures(), &file("whole"), &[]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("not read: 2/broken.png"), "{}", text(&output));
    assert!(text(&output).contains("25 pictures, the network is right about 20.0 %, 1 not read"), "{}", text(&output));
    let parts = ["2", "0", "1"].map(file);
    let mut merge = layerscope(&["scan".as_ref(), "--merge".as_ref()]);
    let output = merge.args(&parts).arg("--out").arg(file("merged")).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(std::fs::read(file("merged")).unwrap() == std::fs::read(file("whole")).unwrap());
    let sheet = file("sheet.png");
    let mut show = layerscope(&["excitations".as_ref(), file("merged").as_ref(), "--out".as_ref(), sheet.as_ref()]);
    let output = show.args(["--layer", "layer1", "--channels", "0-3", "--format", "json"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let top = &golden()["layers"]["layer1"][2]["top"][0];
    assert_eq!(shown["channels"][2]["top"][0]["picture"], top["picture"]);
    assert_eq!(shown["channels"][2]["top"][0]["row"], top["row"]);
    let sheet = image::open(sheet).unwrap();
    assert_eq!((sheet.width(), sheet.height()), (4 * 100 + 4, 4 * 100 + 4));
}

#[cfg(unix)]
#[test]
fn a_process_that_is_told_to_end_saves_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let many = folder.path().join("many");
    std::fs::create_dir(&many).unwrap();
    for number in 0..400 {
        let picture = pictures().join(format!("{}/{:02}.png", number % 24 % 5, number % 24));
        std::os::unix::fs::symlink(picture, many.join(format!("{number}.png"))).unwrap();
    }
    let (out, whole) = (folder.path().join("out"), folder.path().join("whole"));
    let options = ["--batch", "1", "--save-every", "0"];
    let process = scan_command(&many, &out, &options).spawn().unwrap();
    let began = Instant::now();
    while !scan::unfinished(&out).exists() {
        assert!(began.elapsed() < Duration::from_mins(1), "nothing was saved");
        std::thread::sleep(Duration::from_millis(2));
    }
    let pid = process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output));
    assert!(text(&output).contains("and the same command goes on"), "{}", text(&output));
    let again = scan_command(&many, &out, &options).args(["--format", "json"]).output().unwrap();
    assert!(again.status.success(), "{}", text(&again));
    let report: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    let resumed = report["resumed"].as_u64().unwrap();
    assert!(resumed > 0 && resumed < 400, "{resumed}");
    assert_eq!(report["pictures"], 400);
    run(&convnet(), &Scan { folder: many, batch: 1, ..plan(&["layer1", "fc"], &whole) }).unwrap();
    assert!(std::fs::read(&out).unwrap() == std::fs::read(&whole).unwrap());
}

fn excitation(value: f32, number: u32, class: u32, right: Option<bool>) -> Excitation {
    let said = Said { class: format!("class {}", class % 3).into(), probability: 0.5 };
    Excitation {
        value,
        row: number,
        column: class,
        patch: Patch { x: 0, y: 0, width: 1, height: 1 },
        picture: Arc::new(Seen { path: format!("{number:04}.png"), said: Some(said), truth: None, right }),
    }
}

prop_compose! {
    fn excitations()(values in prop::collection::vec((-4_i8..4, any::<u8>(), any::<Option<bool>>(), -1e3_f32..1e3), 1..60))
        -> Vec<(Excitation, f32)> {
        // Few values, so that many tie.
        values.iter().enumerate().map(|(number, &(value, class, right, mean))| {
            (excitation(f32::from(value) / 2.0, number as u32, class.into(), right), mean)
        }).collect()
    }
}

fn channel(keep: Keep, of: &[(Excitation, f32)]) -> Channel {
    let mut channel = Channel::default();
    for (excitation, mean) in of {
        channel.distribution.add(excitation.value, *mean, 3, 7);
        channel.insert(keep, excitation);
    }
    channel
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_reduction_is_associative_and_commutative(
        all in excitations(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 6),
        top in 1_usize..6,
        per_class in 0_usize..3,
    ) {
        let keep = Keep { top, per_class };
        let whole = channel(keep, &all);
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(all.len() + 1)).collect();
        places.extend([0, all.len()]);
        places.sort_unstable();
        let mut parts: Vec<Channel> = places.windows(2).map(|ends| channel(keep, &all[ends[0]..ends[1]])).collect();
        // Any two, in any order, until one is left.
        for pick in picks.iter().cycle() {
            if parts.len() == 1 {
                break;
            }
            let one = parts.swap_remove(pick.index(parts.len()));
            let other = pick.index(parts.len());
            parts[other].merge(keep, &one);
        }
        prop_assert_eq!(&parts[0], &whole);
        let mut brute: Vec<&Excitation> = all.iter().map(|(excitation, _)| excitation).collect();
        brute.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| a.picture.path.cmp(&b.picture.path)));
        let kept = whole.kept();
        let first = |of: &dyn Fn(&Excitation) -> bool, most: usize, list: &[&Excitation]| -> Vec<String> {
            list.iter().filter(|one| of(one)).take(most).map(|one| one.picture.path.clone()).collect()
        };
        prop_assert_eq!(first(&|_| true, top, &kept), first(&|_| true, top, &brute));
        for right in [true, false] {
            let judged = |one: &Excitation| one.picture.right == Some(right);
            prop_assert_eq!(first(&judged, top, &kept), first(&judged, top, &brute));
        }
        for class in 0..3 {
            let filed = |one: &Excitation| one.picture.class().is_some_and(|label| **label == *format!("class {class}"));
            prop_assert_eq!(first(&filed, per_class, &kept), first(&filed, per_class, &brute));
        }
    }

    #[test]
    fn sums_do_not_depend_on_the_order(bits in prop::collection::vec(any::<u32>(), 0..50)) {
        let numbers: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|number| number.is_finite()).collect();
        let sum = |numbers: &mut dyn Iterator<Item = &f32>| {
            let mut sum = ExactSum::default();
            numbers.for_each(|number| sum.add(*number));
            sum
        };
        let forward = sum(&mut numbers.iter());
        prop_assert_eq!(forward, sum(&mut numbers.iter().rev()));
        prop_assert_eq!(ExactSum::from_bytes(&forward.to_bytes()), Some(forward));
        let largest = numbers.iter().fold(0.0_f64, |most, number| most.max(f64::from(*number).abs()));
        let plain: f64 = numbers.iter().map(|number| f64::from(*number)).sum();
        prop_assert!((forward.value() - plain).abs() <= largest * 1e-13, "{} {plain}", forward.value());
        let mut nothing = forward;
        for number in &numbers {
            nothing.add(-number);
        }
        prop_assert_eq!(nothing, ExactSum::default());
    }

    #[test]
    fn quantiles_are_right_to_a_sixteenth(mut maxima in prop::collection::vec(-1e4_f32..1e4, 1..80), share in 0.0_f64..1.0) {
        let mut distribution = Distribution::default();
        for maximum in &maxima {
            distribution.add(*maximum, 0.0, 0, 1);
        }
        maxima.sort_by(f32::total_cmp);
        let exact = maxima[((share * maxima.len() as f64).ceil() as usize).clamp(1, maxima.len()) - 1];
        let found = distribution.quantile(share).unwrap();
        prop_assert!((found - exact).abs() <= exact.abs() / 15.0 + 1e-30, "{found} {exact}");
        let even: f64 = distribution.even_bins(10).iter().sum();
        prop_assert!((even - maxima.len() as f64).abs() < 1e-6 * maxima.len() as f64, "{even}");
    }

    #[test]
    fn shards_part_the_pictures(paths in prop::collection::btree_set("[a-z]{1,3}/[0-9]{1,6}\\.png", 1..200), count in 1_u32..9) {
        let shards: Vec<Shard> = (1..=count).map(|number| format!("{number}/{count}").parse().unwrap()).collect();
        for path in &paths {
            prop_assert_eq!(shards.iter().filter(|shard| shard.holds(path)).count(), 1);
        }
    }
}

proptest! {
    #[test]
    fn parts_that_are_joined_hold_the_same_pictures(
        held in prop::collection::vec(any::<bool>(), 1..25),
        paths in prop::collection::vec("[a-z]{1,3}/[0-9]{1,6}\\.png", 60),
    ) {
        let numbered = (1..).zip(&held).filter(|(_, held)| **held);
        let parts: Vec<Shard> = numbered.map(|(number, _)| format!("{number}/{}", held.len()).parse().unwrap()).collect();
        let joined = Shard::normalised(parts.clone());
        for path in &paths {
            let holding = |parts: &[Shard]| parts.iter().filter(|part| part.holds(path)).count();
            prop_assert_eq!(holding(&joined), holding(&parts));
        }
        prop_assert!(joined.len() <= parts.len());
    }
}

#[test]
fn shards_are_of_about_the_same_size() {
    let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
    for picture in 0..64_000 {
        let path = format!("n{:08}/n{:08}_{picture}.JPEG", picture / 1300, picture / 1300);
        let shard = (1..=64).find(|number| format!("{number}/64").parse::<Shard>().unwrap().holds(&path)).unwrap();
        *counts.entry(shard).or_default() += 1;
    }
    assert_eq!(counts.len(), 64);
    // Five standard deviations.
    assert!(counts.values().all(|count| (840..=1160).contains(count)), "{counts:?}");
}

#[test]
fn a_damaged_file_is_an_error_or_a_scan_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let (out, damaged) = (folder.path().join("scan.parquet"), folder.path().join("damaged"));
    run(&convnet(), &plan(&["layer1"], &out)).unwrap();
    let bytes = std::fs::read(&out).unwrap();
    let look = |bytes: &[u8]| {
        std::fs::write(&damaged, bytes).unwrap();
        if let Ok(file) = ExcitationFile::open(&damaged) {
            for channel in 0..file.header().layers.first().map_or(0, |layer: &scan::LayerRows| layer.channels.min(8)) {
                let _ = file.channel(0, channel, &Filter::default(), 9);
            }
            let _: &Header = file.header();
            let _ = scan::merge(&[&damaged], &folder.path().join("merged"));
        }
    };
    for end in (0..bytes.len()).step_by(bytes.len() / 30) {
        look(&bytes[..end]);
    }
    let step = bytes.len() / 120;
    for (round, place) in
        (0..bytes.len()).step_by(step).chain((bytes.len() - 3000..bytes.len()).step_by(25)).enumerate()
    {
        let mut changed = bytes.clone();
        changed[place] ^= 1 << (round % 8);
        look(&changed);
    }
}

#[test]
fn the_demo_has_the_top_pictures_that_pytorch_finds() {
    let golden: serde_json::Value =
        serde_json::from_slice(&std::fs::read(fixtures().join("scan/lite0.json")).unwrap()).unwrap();
    let spec = golden["preprocess"].as_str().unwrap().to_owned();
    let network =
        layerscope::service::open::network(&Opening { preprocess: Some(spec), ..Opening::default() }).unwrap();
    let layers = golden["layers"].as_object().unwrap();
    let names: Vec<&str> = layers.keys().map(String::as_str).collect();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("scan.parquet");
    run(&network, &plan(&names, &out)).unwrap();
    let file = ExcitationFile::open(&out).unwrap();
    for (index, (layer, channels)) in layers.iter().enumerate() {
        for (channel, top) in channels.as_object().unwrap() {
            let found = file.channel(index, channel.parse().unwrap(), &Filter::default(), 3).unwrap().kept;
            let top = top.as_array().unwrap();
            let largest = top.iter().fold(0.0_f64, |most, one| most.max(one["value"].as_f64().unwrap().abs()));
            for (ours, theirs) in found.iter().zip(top) {
                let (ours, value) = (&ours.excitation, theirs["value"].as_f64().unwrap());
                assert!(
                    (f64::from(ours.value) - value).abs() <= 1e-4 * largest,
                    "{layer} {channel}: {} {value}",
                    ours.value
                );
                assert_eq!(ours.picture.path, theirs["picture"].as_str().unwrap(), "{layer} {channel}");
                let place = [&theirs["row"], &theirs["column"]].map(|number| number.as_u64().unwrap());
                assert_eq!([ours.row, ours.column].map(u64::from), place, "{layer} {channel}");
            }
            assert_eq!(found.len(), 3);
        }
    }
}
