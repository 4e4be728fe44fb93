//! Attributions to the input's numbers agree with Captum and zennit, for classes, differences, probabilities, channels and units;
//! `layerscope attribute` writes them in the input's layout, draws them, and says how they were made.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Output};

use common::{Array, Fixture, arrays, difference, fixtures, npy};
use layerscope::engine::Cancel;
use layerscope::methods::attribution::{self, Attribution, AttributionInput};
use layerscope::methods::job::Job;
use layerscope::methods::registry::{self, Kind, Run, Settings};
use layerscope::methods::target::{ClassId, Measure, Region, Target};
use layerscope::methods::{MethodError, Network};
use layerscope::model::Preprocessing;
use layerscope::picture::attribution::{AttributionPicture, Sign};
use serde_json::Value;
use tch::{Device, Kind as Element, Tensor};

/// As far as ours may be from the reference, relative to the largest number.
const NEAR: f32 = 1e-4;

/// A network with the reference's numbers.
struct Case {
    network: Network,
    golden: HashMap<String, Array>,
    input: Tensor,
    class: usize,
}

impl Case {
    fn open(name: &str) -> Self {
        let own = fixtures().join(format!("attributions/{name}.pt2"));
        let file = if own.exists() { own } else { fixtures().join(name).join("model.pt2") };
        let mut model = layerscope::formats::open(&file, None).unwrap();
        // The bounds and the noise that the references were given.
        if model.input.channels == 3 {
            model.input.preprocessing = Preprocessing::imagenet();
        }
        let network = Network::load(model, Device::Cpu).unwrap();
        let golden = arrays(&fixtures().join(format!("attributions/{name}.npz")));
        let input = tensor(&golden["input"]);
        let class = golden["target"].data[0] as usize;
        Self { network, golden, input, class }
    }

    fn golden(&self, key: &str) -> &Array {
        self.golden.get(key).unwrap_or_else(|| panic!("no golden array {key}"))
    }

    fn class(&self) -> Target {
        Target::from(ClassId { index: self.class, negative: false })
    }

    fn attribution(&self, method: &str, set: &[&str]) -> Attribution {
        made(&self.network, &self.input, &self.class(), method, set, |_| {}).unwrap()
    }

    /// Compares a method's numbers with the reference's.
    fn agrees(&self, method: &str, set: &[&str], key: &str) -> Attribution {
        let ours = self.attribution(method, set);
        let far = difference(&ours.values, &self.golden(key).data);
        assert!(far <= NEAR, "{}: {method} {set:?} against {key}: {far}", self.network.name);
        ours
    }
}

fn tensor(array: &Array) -> Tensor {
    Tensor::from_slice(&array.data).reshape(array.shape.as_slice())
}

fn made<'a>(
    network: &'a Network,
    input: &'a Tensor,
    target: &'a Target,
    method: &str,
    set: &[&str],
    change: impl FnOnce(&mut AttributionInput<'a>),
) -> Result<Attribution, MethodError> {
    let method = registry::find(Kind::Attribution, method).unwrap();
    let Run::Attribution { make, .. } = method.run else { unreachable!() };
    let mut settings = Settings::of(method);
    for text in set {
        settings.set(text).unwrap();
    }
    let cancel: &'static Cancel = Box::leak(Box::new(Cancel::new()));
    let mut wanted = AttributionInput::new(network, input, target, Job::quiet(cancel, 0));
    change(&mut wanted);
    make(&wanted, &settings)
}

#[test]
fn the_hand_checkable_networks_numbers_are_those_on_paper() {
    let fixture = Fixture::open("hand_checkable");
    let network = common::network(&fixture);
    let input = common::input(&network, &fixture);
    let target = Target::from(ClassId { index: 0, negative: false });
    let of = |method| made(&network, &input, &target, method, &[], |_| {}).unwrap().values;
    let place = network.place("relu1").unwrap();
    assert_eq!(of("guided-backprop"), [0., 1., 1., 1., 1., 3., 3., 2., 1., 3., 3., 2., 1., 2., 2., 1.]);
    assert_eq!(of("deconvnet"), [2., 3., 3., 1., 3., 5., 5., 2., 3., 5., 5., 2., 1., 2., 2., 1.]);
    let at_relu1 =
        made(&network, &input, &target, "guided-grad-cam", &[], |wanted| wanted.place = Some(&place)).unwrap();
    let paper = [0., 0., 4., 4., 0., 0., 12., 8., 28., 84., 97.5, 65., 28., 56., 65., 32.5];
    assert_eq!(at_relu1.values, paper);
    assert_eq!(of("guided-grad-cam"), paper, "relu1 is the usual layer");
    let last = network.layers.layers.iter().rfind(|layer| layer.tap().is_some()).unwrap();
    let last = network.place(&last.path.clone()).unwrap();
    let refused = made(&network, &input, &target, "guided-grad-cam", &[], |wanted| wanted.place = Some(&last));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.ends_with(", such as relu1"), "{refused}");
    let relevance = of("lrp-epsilon");
    let captum = [0., 1., 2., 3., 0., 5., 6., 7., 0., 9., 10., 11., 0., 0., 0., 0.];
    assert!(difference(&relevance, &captum) <= 1e-6, "{relevance:?}");
}

#[test]
fn the_examples_of_captums_own_tests_come_out() {
    let simple = Case::open("simple_lrp");
    assert!(difference(&simple.attribution("lrp-epsilon", &[]).values, &[18.0, 36.0, 54.0]) <= 1e-6);
    simple.agrees("lrp-epsilon", &[], "lrp-epsilon");
    let crooked = Case::open("crooked_lrp");
    let gamma = crooked.attribution("lrp-gamma", &["gamma=1", "linear=same", "signs=as-one"]).values;
    assert!(difference(&gamma, &[28.0 / 3.0, 104.0 / 3.0, 52.0]) <= 1e-6, "{gamma:?}");
    crooked.agrees("lrp-gamma", &["gamma=1", "linear=same", "signs=as-one"], "lrp-gamma");
    let alpha = crooked.attribution("lrp-alpha-beta", &["linear=same"]).values;
    assert!(difference(&alpha, &[12.0, 33.6, 50.4]) <= 1e-6, "{alpha:?}");
    crooked.agrees("lrp-alpha-beta", &["linear=same"], "lrp-alpha-beta");
    let multilayer = Case::open("multilayer");
    assert_eq!(multilayer.attribution("occlusion", &["window=1", "baseline=zero"]).values, [80.0, 200.0, 120.0]);
    multilayer.agrees("occlusion", &["window=1", "baseline=zero"], "occlusion");
    let toy = Case::open("toy");
    let readme = [[-0.5922, -1.5497, -1.0067], [0.0, -0.2219, -5.1991]];
    for (index, paper) in readme.iter().enumerate() {
        let input = tensor(toy.golden(&format!("input/{index}")));
        let target = toy.class();
        for method in ["integrated-gradients", "deep-lift"] {
            let ours = made(&toy.network, &input, &target, method, &["baseline=zero"], |_| {}).unwrap();
            let golden = toy.golden(&format!("{method}/{index}"));
            assert!(difference(&ours.values, &golden.data) <= NEAR, "{method} {index}: {:?}", ours.values);
            if method == "integrated-gradients" {
                assert!(ours.values.iter().zip(paper).all(|(a, b)| (a - b).abs() < 1e-4), "{:?}", ours.values);
            }
        }
    }
}

#[test]
fn every_deterministic_method_agrees_with_captum_on_convnets_and_a_transformer() {
    for name in ["plain", "convnet", "vit"] {
        let case = Case::open(name);
        case.agrees("gradient", &[], "gradient");
        case.agrees("gradient-x-input", &[], "gradient-x-input");
        for baseline in ["zero", "black", "white", "mean", "blur"] {
            let key = format!("integrated-gradients/{baseline}");
            let set = format!("baseline={baseline}");
            let delta = case.agrees("integrated-gradients", &[&set], &key).convergence_delta.unwrap();
            let captum = case.golden(&format!("{key}/delta")).data[0];
            assert!((delta as f32 - captum).abs() < 1e-4, "{name} {baseline}: {delta} against {captum}");
        }
        case.agrees("integrated-gradients", &["baseline=zero", "steps=7"], "integrated-gradients/7-steps");
        for (window, stride) in [(4, 3), (5, 5)] {
            let set = [format!("window={window}"), format!("stride={stride}"), "baseline=zero".to_owned()];
            let set: Vec<&str> = set.iter().map(String::as_str).collect();
            case.agrees("occlusion", &set, &format!("occlusion/{window}-{stride}"));
        }
    }
}

#[test]
fn guided_gradients_agree_with_captum_and_stop_at_the_ceiling_of_relu6() {
    for (name, layer) in [("plain", "0.relu2"), ("convnet", "layer2")] {
        let case = Case::open(name);
        case.agrees("guided-backprop", &[], "guided-backprop");
        case.agrees("deconvnet", &[], "deconvnet");
        let layer = case.network.place(layer).unwrap();
        let target = case.class();
        let ours =
            made(&case.network, &case.input, &target, "guided-grad-cam", &[], |wanted| wanted.place = Some(&layer));
        let far = difference(&ours.unwrap().values, &case.golden("guided-grad-cam").data);
        assert!(far <= NEAR, "{name}: {far}");
    }
    let capped = Case::open("capped");
    capped.agrees("guided-backprop", &[], "guided-backprop");
    capped.agrees("deconvnet", &[], "deconvnet");
}

#[test]
fn a_network_without_relu_has_no_guided_gradients_and_says_so() {
    let vit = Case::open("vit");
    for method in ["guided-backprop", "deconvnet", "guided-grad-cam"] {
        let refused = made(&vit.network, &vit.input, &vit.class(), method, &[], |_| {}).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("{method} changes the gradient of ReLU, but no ReLU leads to this target")
        );
    }
}

#[test]
fn deep_lift_agrees_with_captum_and_its_numbers_add_up() {
    let plain = Case::open("plain");
    for baseline in ["zero", "black", "white", "mean", "blur"] {
        let set = format!("baseline={baseline}");
        let delta = plain.agrees("deep-lift", &[&set], &format!("deep-lift/{baseline}")).convergence_delta.unwrap();
        assert!(delta.abs() < 1e-4, "{baseline}: {delta}");
    }
    let convnet = Case::open("convnet");
    let delta = convnet.agrees("deep-lift", &["baseline=zero"], "deep-lift/zero").convergence_delta.unwrap();
    assert!(delta.abs() < 1e-4, "overlapping windows of max pooling: {delta}");
    Case::open("vit").agrees("deep-lift", &["baseline=zero"], "deep-lift/zero");
}

#[test]
fn deep_lift_of_a_probability_follows_the_softmax_rule() {
    let plain = Case::open("plain");
    let place = plain.network.place("1").unwrap();
    let target = Target::Channel { place, channel: plain.class, unit: None };
    let ours = made(&plain.network, &plain.input, &target, "deep-lift", &["baseline=zero"], |_| {}).unwrap();
    let far = difference(&ours.values, &plain.golden("deep-lift/softmax").data);
    assert!(far <= NEAR, "{far}");
}

#[test]
fn relevance_agrees_with_captum_and_zennit() {
    let plain = Case::open("plain");
    plain.agrees("lrp-epsilon", &[], "lrp-epsilon");
    plain.agrees("lrp-epsilon", &["epsilon=0.1", "batch-norm=separate"], "lrp-epsilon/large/separate");
    plain.agrees("lrp-epsilon", &["epsilon=0.1"], "lrp-epsilon/large/merged");
    plain.agrees("lrp-epsilon", &["first-layer=flat"], "lrp-epsilon/flat");
    plain.agrees("lrp-epsilon", &["first-layer=box"], "lrp-epsilon/box");
    plain.agrees(
        "lrp-gamma",
        &["gamma=0.5", "linear=same", "signs=as-one", "batch-norm=separate"],
        "lrp-gamma/same/separate",
    );
    plain.agrees("lrp-gamma", &["gamma=0.5", "linear=same", "signs=as-one"], "lrp-gamma/same/merged");
    plain.agrees("lrp-gamma", &["signs=as-one"], "lrp-gamma/epsilon/merged");
    plain.agrees("lrp-gamma", &[], "lrp-gamma/apart");
    plain.agrees("lrp-alpha-beta", &[], "lrp-alpha-beta/1");
    plain.agrees("lrp-alpha-beta", &["alpha=2"], "lrp-alpha-beta/2");
    let convnet = Case::open("convnet");
    convnet.agrees("lrp-epsilon", &[], "lrp-epsilon");
    convnet.agrees(
        "lrp-gamma",
        &["gamma=0.5", "linear=same", "signs=as-one", "batch-norm=separate"],
        "lrp-gamma/same/separate",
    );
    Case::open("vit").agrees("lrp-epsilon", &[], "lrp-epsilon");
}

#[test]
fn methods_with_random_numbers_agree_when_they_are_given_the_same() {
    for name in ["plain", "convnet", "vit"] {
        let case = Case::open(name);
        let noise = tensor(case.golden("noise"));
        for method in ["smooth-grad", "square-grad", "var-grad"] {
            let target = case.class();
            let with =
                |wanted: &mut AttributionInput<'_>| wanted.drawn = Some(Box::leak(Box::new(noise.shallow_clone())));
            let ours = made(&case.network, &case.input, &target, method, &["samples=6"], with).unwrap();
            let far = difference(&ours.values, &case.golden(method).data);
            assert!(far <= NEAR, "{name} {method}: {far}");
        }
        let masks = tensor(case.golden("masks"));
        let size = (masks.size()[2], masks.size()[3]);
        let own = attribution::masks(&tensor(case.golden("grids")), (2, 1), size).unwrap();
        assert!((own - &masks).abs().max().double_value(&[]) < 1e-6, "{name}: the masks of RISE");
        let target = Target::Class {
            class: ClassId { index: case.class, negative: false },
            against: None,
            measure: Measure::Probability,
            region: Region::Everywhere,
            output: 0,
        };
        let with = |wanted: &mut AttributionInput<'_>| wanted.drawn = Some(Box::leak(Box::new(masks.shallow_clone())));
        let ours = made(&case.network, &case.input, &target, "rise", &["masks=24"], with).unwrap();
        let far = difference(&ours.values, &case.golden("rise").data);
        assert!(far <= NEAR, "{name} rise: {far}");
    }
}

#[test]
fn a_unit_a_difference_and_a_probability_are_targets_too() {
    let case = Case::open("convnet");
    let place = case.network.place("layer1.bn2").unwrap();
    let unit = Target::Channel { place, channel: 3, unit: Some((2, 4)) };
    let class = |index| ClassId { index, negative: false };
    let against = Target::class(class(case.class), Some(class(0)));
    let probability = Target::Class {
        class: class(case.class),
        against: None,
        measure: Measure::Probability,
        region: Region::Everywhere,
        output: 0,
    };
    let checks = [
        (&unit, "gradient", "channel/gradient"),
        (&unit, "integrated-gradients", "channel/integrated-gradients"),
        (&against, "integrated-gradients", "against/integrated-gradients"),
        (&probability, "gradient", "probability/gradient"),
    ];
    for (target, method, key) in checks {
        let set: &[&str] = if method == "gradient" { &[] } else { &["baseline=zero"] };
        let ours = made(&case.network, &case.input, target, method, set, |_| {}).unwrap();
        let far = difference(&ours.values, &case.golden(key).data);
        assert!(far <= NEAR, "{key}: {far}");
    }
}

#[test]
fn the_same_seed_gives_the_same_numbers_and_another_gives_others() {
    let case = Case::open("plain");
    for (method, set) in
        [("smooth-grad", "samples=20"), ("rise", "masks=40"), ("integrated-gradients", "baseline=noise")]
    {
        let target = case.class();
        let with = |seed| {
            made(&case.network, &case.input, &target, method, &[set], |wanted| wanted.job.seed = seed).unwrap().values
        };
        assert_eq!(with(3), with(3), "{method}");
        assert_ne!(with(3), with(4), "{method}");
    }
}

#[test]
fn rise_finds_the_pixels_that_matter_and_grows_while_it_is_watched() {
    let case = Case::open("plain");
    let seen: RefCell<Vec<f64>> = RefCell::default();
    let last = Cell::new(None);
    let keep = |so_far: &Attribution| {
        seen.borrow_mut().push(so_far.sum());
        last.set(Some(so_far.clone()));
    };
    let target = case.class();
    let method = registry::find(Kind::Attribution, "rise").unwrap();
    let Run::Attribution { make, .. } = method.run else { unreachable!() };
    let mut settings = Settings::of(method);
    settings.set("masks=200").unwrap();
    let (cancel, steps) = (Cancel::new(), RefCell::new(Vec::new()));
    let progress = |done: usize, all: usize| steps.borrow_mut().push((done, all));
    let job = Job { cancel: &cancel, progress: &progress, seed: 0 };
    let mut wanted = AttributionInput::new(&case.network, &case.input, &target, job);
    wanted.partial = Some(&keep);
    let whole = make(&wanted, &settings).unwrap();
    assert!(seen.borrow().len() > 3, "partial results");
    assert_eq!(last.take(), Some(whole));
    assert_eq!(steps.borrow().last(), Some(&(200, 200)));
    cancel.raise();
    let stopped = make(&wanted, &settings).unwrap_err();
    assert_eq!(stopped.to_string(), "stopped");
}

#[test]
fn the_numbers_come_in_the_order_of_the_networks_own_input() {
    let made =
        Attribution { channels: 2, height: 1, width: 3, values: vec![1., 2., 3., 4., 5., 6.], convergence_delta: None };
    assert_eq!(made.in_layout(layerscope::model::Layout::ChannelsFirst).0, [2, 1, 3]);
    let (shape, values) = made.in_layout(layerscope::model::Layout::ChannelsLast);
    assert_eq!((shape, values), (vec![1, 3, 2], vec![1., 4., 2., 5., 3., 6.]));
}

#[test]
fn a_picture_of_an_attribution_clips_the_largest_and_keeps_zero_in_the_middle() {
    // 99 ones and a hundred: 98 % of the sum of magnitudes is reached at the hundred only, 40 % at one.
    let mut values = vec![1.0_f32; 99];
    values.push(-100.0);
    let levels = |outliers, sign| AttributionPicture { outliers, ..AttributionPicture::of(sign) }.levels(&values, 1);
    assert!((levels(2.0, Sign::Both)[99] + 1.0).abs() < 1e-6);
    assert!((levels(2.0, Sign::Both)[0] - 0.01).abs() < 1e-6);
    assert!((levels(60.0, Sign::Both)[0] - 1.0).abs() < 1e-6, "clipped");
    assert!((levels(60.0, Sign::Absolute)[99] - 1.0).abs() < 1e-6);
    assert!((levels(2.0, Sign::Positive)[99]).abs() < 1e-6);
    let none = AttributionPicture::of(Sign::Both).draw(&[0.0; 4], 1, 2, None);
    assert_eq!(none.get_pixel(0, 0).0, layerscope::picture::ColorMap::Coolwarm.lut()[128]);
}

fn layerscope(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_layerscope")).args(arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_command_writes_the_numbers_and_the_picture_and_tells_how_they_were_made() {
    let case = Case::open("convnet");
    let fixture = Fixture::open("convnet");
    let (model, input) = (fixture.model(), fixture.input_path());
    let folder = tempfile::tempdir().unwrap();
    let (raw, out) = (folder.path().join("numbers.npy"), folder.path().join("picture.png"));
    let arguments = ["attribute", text(&model), text(&input), "--method", "integrated-gradients", "--set", "steps=50"];
    let more = ["--set", "baseline=zero", "--class", "2", "--raw", text(&raw), "--out", text(&out), "--over"];
    let done = layerscope(&[&arguments[..], &more, &["--format", "json"]].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    let ours = npy(&std::fs::read(&raw).unwrap());
    assert_eq!(ours.shape, [3, 20, 20]);
    assert!(difference(&ours.data, &case.golden("integrated-gradients/zero").data) <= NEAR);
    assert_eq!(image::open(&out).unwrap().width(), 20);
    assert_eq!(told["method"], "integrated-gradients");
    assert_eq!(told["settings"], serde_json::json!({ "steps": 50, "baseline": "zero" }));
    assert_eq!(told["target"]["class"]["index"], 2);
    assert_eq!(told["target"]["measure"], "score");
    let sum: f64 = ours.data.iter().map(|&value| f64::from(value)).sum();
    assert!((told["sum"].as_f64().unwrap() - sum).abs() < 1e-6);
    let captum = f64::from(case.golden("integrated-gradients/zero/delta").data[0]);
    assert!((told["convergence_delta"].as_f64().unwrap() - captum).abs() < 1e-4);
    assert!(told["min"].as_f64().unwrap() < 0.0 && told["max"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_command_takes_a_unit_of_a_layer_and_refuses_what_is_not_there_in_one_line() {
    let fixture = Fixture::open("convnet");
    let (model, input) = (fixture.model(), fixture.input_path());
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("numbers.npy");
    let start = ["attribute", text(&model), text(&input), "--method"];
    let unit = ["gradient", "--layer", "layer1.bn2", "--channel", "3", "--unit", "2,4", "--raw", text(&raw)];
    let done = layerscope(&[&start[..], &unit].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(String::from_utf8_lossy(&done.stdout).contains("channel 3 of layer1.bn2 at row 2, column 4"));
    let golden = arrays(&fixtures().join("attributions/convnet.npz"));
    assert!(difference(&npy(&std::fs::read(&raw).unwrap()).data, &golden["channel/gradient"].data) <= NEAR);
    let refusal = |rest: &[&str]| {
        let done = layerscope(&[&start[..], rest].concat());
        let line = String::from_utf8(done.stderr).unwrap();
        assert_eq!((done.status.code(), line.lines().count()), (Some(2), 1), "{rest:?}: {line}");
        assert!(done.stdout.is_empty());
        line.trim_start_matches("layerscope: ").trim_end().to_owned()
    };
    assert!(refusal(&["gradiant"]).contains("gradient"));
    assert_eq!(refusal(&["gradient", "--layer", "conv1"]), "--layer says where a channel is: give --channel too");
    assert_eq!(refusal(&["gradient", "--layer", "conv1", "--channel", "8"]), "layer conv1 has channels 0 to 7, not 8");
    assert!(refusal(&["gradient", "--channel", "1"]).contains("--layer"));
    assert!(refusal(&["gradient", "--class", "1", "--layer", "conv1", "--channel", "1"]).contains("--channel"));
    assert!(refusal(&["gradient", "--layer", "conv1", "--channel", "1", "--unit", "3"]).contains("ROW,COLUMN"));
    assert_eq!(refusal(&["rise", "--set", "keep=2"]), "--set: rise: keep is a number from 0.01 to 1, not '2'");
    assert!(refusal(&["rise", "--out", "map.txt"]).contains("map.txt"));
    let done = layerscope(&[
        "attribute",
        text(&fixtures().join("vit/model.pt2")),
        text(&fixtures().join("vit/input.npy")),
        "--method",
        "deconvnet",
    ]);
    assert_eq!(done.status.code(), Some(2));
}

#[test]
fn the_command_lists_every_attribution_with_what_can_be_set() {
    let listed = layerscope(&["attribute", "--list-methods"]);
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    insta::assert_snapshot!(String::from_utf8(listed.stdout).unwrap());
}

#[test]
fn every_attribution_has_its_formula_and_source_and_defaults_that_run() {
    let case = Case::open("plain");
    let names: Vec<&str> = registry::all(Kind::Attribution).map(|method| method.name).collect();
    assert_eq!(names.len(), 15, "{names:?}");
    for method in registry::all(Kind::Attribution) {
        assert!(!method.formula.is_empty() && !method.source.is_empty() && !method.summary.is_empty());
        let few: &[&str] = match method.name {
            "rise" => &["masks=8"],
            "occlusion" => &["window=6"],
            _ => &[],
        };
        let ours = case.attribution(method.name, few);
        assert_eq!((ours.channels, ours.height, ours.width, ours.values.len()), (3, 16, 16, 768), "{}", method.name);
        assert!(ours.values.iter().all(|value| value.is_finite()), "{}", method.name);
    }
    let constant = Tensor::zeros([2, 3, 16, 16], (Element::Float, Device::Cpu));
    let refused = made(&case.network, &constant, &case.class(), "gradient", &[], |_| {}).unwrap_err();
    assert_eq!(refused.to_string(), "an attribution is made for one picture at a time, not for 2");
}
