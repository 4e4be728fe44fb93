//! Classes by name: built-in labels, labels from a file, finding a class.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use layerscope::model::{Labels, nearest, printable};

fn file(folder: &tempfile::TempDir, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn imagenets_thousand_classes_are_built_in() {
    let labels = Labels::named("imagenet").unwrap();
    assert_eq!(labels.len(), 1000);
    assert_eq!(
        (labels.get(0), labels.get(281), labels.get(386)),
        (Some("tench"), Some("tabby"), Some("African elephant"))
    );
    assert_eq!(labels.get(1000), None);
}

#[test]
fn a_class_is_found_by_index_or_by_label() {
    let labels = Labels::imagenet();
    assert_eq!(labels.find("386", 1000).unwrap(), 386);
    assert_eq!(labels.find("African elephant", 1000).unwrap(), 386);
    assert_eq!(labels.find("african ELEPHANT", 1000).unwrap(), 386);
}

#[test]
fn an_unknown_class_is_named_with_the_nearest_ones() {
    let labels = Labels::imagenet();
    let unknown = labels.find("african elefant", 1000).unwrap_err().to_string();
    assert!(unknown.contains("`african elefant`") && unknown.contains("African elephant"), "{unknown}");
    let beyond = labels.find("1000", 1000).unwrap_err().to_string();
    assert!(beyond.contains("1000 outputs, 0 to 999"), "{beyond}");
    let twice = Labels::from_list(["crane", "heron", "crane"]).find("crane", 3).unwrap_err().to_string();
    assert!(twice.contains("0, 2"), "{twice}");
    let unlabelled = Labels::default().find("dog", 2).unwrap_err().to_string();
    assert!(unlabelled.contains("--labels"), "{unlabelled}");
}

#[test]
fn labels_come_from_lines_a_list_or_an_object() {
    let folder = tempfile::tempdir().unwrap();
    let pets = Labels::from_list(["cat", "dog"]);
    assert_eq!(Labels::from_file(&file(&folder, "a.txt", "cat\r\ndog\n")).unwrap(), pets);
    assert_eq!(Labels::from_file(&file(&folder, "b.json", r#"["cat", "dog"]"#)).unwrap(), pets);
    assert_eq!(Labels::from_file(&file(&folder, "c.json", r#"{"1": "dog", "0": "cat"}"#)).unwrap(), pets);
    let keras = r#"{"0": ["n02123045", "cat"], "1": ["n02084071", "dog"]}"#;
    assert_eq!(Labels::from_file(&file(&folder, "d.json", keras)).unwrap(), pets);
}

#[test]
fn labels_cannot_steer_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let labels = Labels::from_file(&file(&folder, "evil.txt", "cat\x1b]0;owned\x07\nd\u{202e}og\u{9b}31m")).unwrap();
    assert_eq!((labels.get(0), labels.get(1)), (Some("cat]0;owned"), Some("dog31m")));
    assert_eq!(printable("two\nlines\ttab"), "two lines tab");
}

#[test]
fn a_file_without_labels_gets_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, part) in [
        ("empty.txt", b"  \n".as_slice(), "no labels in it"),
        ("binary", b"\xff\xfe\x00\x01", "not a text file"),
        ("half.json", b"[\"cat\", ", "not valid JSON"),
        ("names.json", b"{\"cat\": 0}", "`cat` is not a class index"),
        ("numbers.json", b"[1, 2]", "a label that is no text"),
    ] {
        let said = Labels::from_file(&file(&folder, name, bytes)).unwrap_err().to_string();
        assert!(said.contains(part) && said.contains(name) && !said.contains('\n'), "{said}");
    }
    let said = Labels::named("nowhere.txt").unwrap_err().to_string();
    assert!(said.contains("nowhere.txt") && said.contains("imagenet"), "{said}");
}

#[test]
fn names_like_the_typed_one_are_offered_best_first_and_at_most_three() {
    let layers = ["layer1.0.conv1", "layer1.0.conv2", "layer4.1.conv2", "layer4.1.bn2", "fc"];
    assert_eq!(nearest("layer4.1.con2", layers).first(), Some(&"layer4.1.conv2"));
    assert_eq!(nearest("grad-cma", ["eigen-cam", "grad-cam", "gradient"]).first(), Some(&"grad-cam"));
    assert_eq!(nearest("CONV", layers).len(), 3);
    assert!(nearest("zzzzzz", layers).is_empty());
}
