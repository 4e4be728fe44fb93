//! How far a map is to be trusted: every metric gives the reference implementations' numbers (pytorch-grad-cam, torch-cam, Captum), for any map and any
//! attribution; `cam --trust` and `attribute --trust` say them beside the map.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::process::{Command, Output};

use common::{Array, Fixture, arrays, difference, input, network};
use layerscope::engine::{Cancel, EngineError, MemoryLimit, Resources, numbers};
use layerscope::methods::attribution::AttributionInput;
use layerscope::methods::cam::fusion::Fusion;
use layerscope::methods::cam::{Map, MapRequest};
use layerscope::methods::faithfulness::{self, Explanation, FaithfulnessError, FaithfulnessInput, Outcome};
use layerscope::methods::job::Job;
use layerscope::methods::registry::{self, Kind, Run, Settings};
use layerscope::methods::target::{ClassId, Target};
use layerscope::methods::{MethodError, Network};
use layerscope::model::graph::{Argument, DType, Graph, Operator, Weight, WeightRole};
use layerscope::model::{InputDescription, Layout, Model, Preprocessing, Source};
use tch::{Device, Tensor};

/// As far as ours may be from the reference, relative to the largest number.
const NEAR: f32 = 1e-4;

fn class(index: usize) -> Target {
    Target::from(ClassId { index, negative: false })
}

/// A network with a picture, and what the reference implementations say of maps of it.
struct Case {
    network: Network,
    picture: Tensor,
    golden: HashMap<String, Array>,
}

impl Case {
    fn convnet() -> Self {
        let fixture = Fixture::open("convnet");
        let network = network(&fixture);
        let picture = input(&network, &fixture);
        Self { network, picture, golden: arrays(&fixture.folder.join("faithfulness.npz")) }
    }

    fn golden(&self, key: &str) -> &[f32] {
        &self.golden.get(key).unwrap_or_else(|| panic!("no golden array {key}")).data
    }

    fn number(&self, key: &str) -> f32 {
        self.golden(key)[0]
    }

    fn class(&self) -> usize {
        self.number("class") as usize
    }

    /// The map that the references were given.
    fn given_map(&self, key: &str) -> Explanation {
        Explanation::of_whole(Map { height: 20, width: 20, values: self.golden(key).to_vec() })
    }

    fn drawn(&self, key: &str) -> Tensor {
        let array = &self.golden[key];
        Tensor::from_slice(&array.data).reshape(array.shape.as_slice())
    }

    /// Grad-CAM of a class at a layer, by a network with these weights.
    fn grad_cam(network: &Network, picture: &Tensor, (layer, of): (&str, usize), job: Job<'_>) -> Explanation {
        let method = registry::find(Kind::Map, "grad-cam").unwrap();
        let Run::Map(make) = method.run else { unreachable!() };
        let (settings, places, target) = (Settings::of(method), [network.place(layer).unwrap()], class(of));
        let request =
            MapRequest { make, settings: &settings, places: &places, target: &target, fusion: Fusion::default() };
        let forward = network.forward(picture, job.cancel).unwrap();
        Explanation::of_request(&request, false, network, &forward, job).unwrap()
    }

    fn attribution(network: &Network, picture: &Tensor, (name, of): (&str, usize), job: Job<'_>) -> Explanation {
        let method = registry::find(Kind::Attribution, name).unwrap();
        let Run::Attribution { make, reading } = method.run else { unreachable!() };
        let target = class(of);
        let made = make(&AttributionInput::new(network, picture, &target, job), &Settings::of(method)).unwrap();
        Explanation::of_attribution(&made, reading)
    }

    /// What a metric says of an explanation.
    fn measure(&self, metric: &str, set: &[&str], what: &What<'_>) -> Result<Outcome, MethodError> {
        let method = registry::find(Kind::Faithfulness, metric).unwrap();
        let Run::Faithfulness(run) = method.run else { unreachable!() };
        let mut settings = Settings::of(method);
        for text in set {
            settings.set(text).unwrap();
        }
        let (cancel, target) = (Cancel::new(), class(what.class));
        let job = Job { progress: what.progress, ..Job::quiet(what.cancel.unwrap_or(&cancel), what.seed) };
        let made = match &what.explanation {
            Some(made) => made.clone(),
            None => (what.explain)(&self.network, &self.picture, Job::quiet(&cancel, what.seed)),
        };
        let explain = |network: &Network, picture: &Tensor, job: Job<'_>| Ok((what.explain)(network, picture, job));
        let given: (_, &faithfulness::Explain<'_>, _) = (&made, &explain, what.grid);
        let mut input = FaithfulnessInput::new(&self.network, &self.picture, &target, given, job)?;
        input.drawn = what.drawn;
        run(&input, &settings)
    }
}

type Explain<'a> = dyn Fn(&Network, &Tensor, Job<'_>) -> Explanation + 'a;

/// What is measured, and how.
struct What<'a> {
    class: usize,
    explanation: Option<Explanation>,
    explain: &'a Explain<'a>,
    grid: (usize, usize),
    drawn: Option<&'a Tensor>,
    seed: u64,
    cancel: Option<&'a Cancel>,
    progress: &'a dyn Fn(usize, usize),
}

impl<'a> What<'a> {
    /// An explanation that is there already and is never made again.
    fn given(class: usize, explanation: Explanation) -> Self {
        let explain = &|_: &Network, _: &Tensor, _: Job<'_>| -> Explanation { panic!("made again") };
        Self { explanation: Some(explanation), ..Self::made(class, explain) }
    }

    /// An explanation that can be made of other pictures and by other networks.
    fn made(class: usize, explain: &'a Explain<'a>) -> Self {
        let progress = &|_, _| {};
        Self { class, explanation: None, explain, grid: (5, 5), drawn: None, seed: 0, cancel: None, progress }
    }
}

fn near(ours: f64, golden: f32, what: &str) {
    let far = difference(&[ours as f32], &[golden]);
    assert!(far <= NEAR, "{what}: {ours} against {golden}");
}

/// The values of a curve.
fn values(outcome: &Outcome, name: &str) -> Vec<f32> {
    outcome.curve(name).unwrap().points.iter().map(|point| point.value.unwrap() as f32).collect()
}

fn shares(outcome: &Outcome, name: &str) -> Vec<f32> {
    outcome.curve(name).unwrap().points.iter().map(|point| point.at as f32).collect()
}

/// A network whose score is 0.7 of the first pixel and 0.3 of the second.
fn two_pixels() -> Case {
    let mut graph = Graph::default();
    let picture = graph.value("picture");
    graph.inputs.push(picture);
    let data = [0.7_f32, 0.3].iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>().into();
    let weight = graph.weight(|value| Weight {
        name: "weight".to_owned(),
        value,
        role: WeightRole::Parameter,
        dtype: DType::Float32,
        shape: vec![1, 1, 1, 2],
        strides: None,
        data,
    });
    let summed =
        graph.call(&[], "conv", Operator::aten("conv2d", ""), [("input", picture.into()), ("weight", weight.into())]);
    let score = graph.call(
        &[],
        "score",
        Operator::aten("flatten", "using_ints"),
        [("self", summed.into()), ("start_dim", Argument::Int(1)), ("end_dim", Argument::Int(-1))],
    );
    graph.outputs.push(score);
    let input = InputDescription {
        channels: 1,
        size: Some((1, 2)),
        layout: Layout::ChannelsFirst,
        preprocessing: Preprocessing::raw(),
        source: Source::File,
    };
    let network = Network::load(Model::new("two pixels".to_owned(), "test", graph, input), Device::Cpu).unwrap();
    Case { network, picture: Tensor::from_slice(&[1.0_f32, 1.0]).reshape([1, 1, 1, 2]), golden: HashMap::new() }
}

#[test]
fn the_numbers_of_torch_cams_own_tests_come_out_on_paper() {
    let case = two_pixels();
    let of = |metric: &str, set: &[&str], map: [f32; 2]| {
        let map = Map { height: 1, width: 2, values: map.to_vec() };
        let set = [set, &["of=target"]].concat();
        case.measure(metric, &set, &What::given(0, Explanation::of_whole(map))).unwrap()
    };
    let deletion = of("deletion", &["steps=2"], [1.0, 0.5]);
    assert!(difference(&values(&deletion, "map"), &[1.0, 0.3, 0.0]) <= 1e-6);
    near(deletion.get("auc").unwrap(), 0.4, "deletion");
    let insertion = of("insertion", &["steps=2", "baseline=zero"], [1.0, 0.5]);
    assert!(difference(&values(&insertion, "map"), &[0.0, 0.7, 1.0]) <= 1e-6);
    near(insertion.get("auc").unwrap(), 0.6, "insertion");
    near(of("average-drop", &[], [0.4, 0.4]).get("drop").unwrap(), 0.6, "average drop");
}

#[test]
fn deletion_and_insertion_are_torch_cams() {
    let case = Case::convnet();
    let map = || What::given(case.class(), case.given_map("relevance"));
    for (set, key) in [
        (["baseline=zero"].as_slice(), "curves"),
        (&["baseline=zero", "steps=7"], "curves/steps=7"),
        (&["baseline=mean"], "curves/baseline=mean"),
    ] {
        let golden = case.golden(key).chunks_exact(case.golden(key).len() / 3).collect::<Vec<_>>();
        for (metric, row) in [("deletion", 1), ("insertion", 2)] {
            let found = case.measure(metric, set, &map()).unwrap();
            assert!(difference(&shares(&found, "map"), golden[0]) <= 1e-6, "{key} {metric}");
            let far = difference(&values(&found, "map"), golden[row]);
            assert!(far <= NEAR, "{key} {metric}: {far}");
            near(found.get("auc").unwrap(), case.golden(&format!("{key}/auc"))[row - 1], metric);
        }
    }
}

#[test]
fn a_random_map_as_coarse_as_the_methods_stands_beside_the_curve() {
    let case = Case::convnet();
    let what = |seed: u64| What { seed, ..What::given(case.class(), case.given_map("relevance")) };
    let random = |set: &[&str], seed: u64| case.measure("deletion", set, &what(seed)).unwrap();
    let one = random(&[], 0);
    assert_eq!(one, random(&[], 0), "the same seed, the same map");
    assert_eq!(one.get("auc"), random(&[], 1).get("auc"));
    assert_ne!(one.get("random auc"), random(&[], 1).get("random auc"));
    assert_eq!(values(&one, "random").len(), values(&one, "map").len());
    assert_eq!(random(&["random=0"], 0).get("random auc"), None);
    // The mean of several is no one's.
    assert_ne!(random(&["random=3"], 0).get("random auc"), one.get("random auc"));
}

#[test]
fn the_drop_and_the_increase_are_torch_cams_and_the_absolute_ones_pytorch_grad_cams() {
    let case = Case::convnet();
    for of in 0..5 {
        let map = || What::given(of, case.given_map(&format!("relevance/{of}")));
        let drop = case.measure("average-drop", &[], &map()).unwrap().get("drop").unwrap();
        near(drop, case.number(&format!("average-drop/{of}")), "drop");
        let increase = case.measure("average-increase", &[], &map()).unwrap().get("increase").unwrap();
        near(increase, case.number(&format!("average-increase/{of}")), "increase");
    }
    for of in ["of=target", "of=probability"] {
        let map = || What::given(case.class(), case.given_map("relevance"));
        let drop = case.measure("average-drop", &["form=absolute", of], &map()).unwrap().get("drop").unwrap();
        near(drop, case.number(&format!("average-drop/form=absolute/{of}")), "absolute drop");
        let increase = case.measure("average-increase", &[of], &map()).unwrap().get("increase").unwrap();
        near(increase, case.number(&format!("average-increase/{of}")), "increase");
    }
}

#[test]
fn road_is_pytorch_grad_cams() {
    let case = Case::convnet();
    let noise = case.drawn("road/noise");
    for of in ["of=target", "of=probability"] {
        let map = || What::given(case.class(), case.given_map("relevance"));
        let found = case.measure("road", &[of], &What { drawn: Some(&noise), ..map() }).unwrap();
        let golden = case.golden(&format!("road/{of}/scores"));
        let (most, least) = golden.split_at(9);
        for (name, golden) in [("morf", most), ("lerf", least)] {
            // Ours goes from little removed to much, beginning with nothing.
            let ours: Vec<f32> = values(&found, name).into_iter().skip(1).rev().collect();
            let far = difference(&ours, golden);
            assert!(far <= NEAR, "{of} {name}: {far}");
        }
        assert!(difference(&shares(&found, "morf")[..3], &[0.0, 0.1, 0.2]) <= 1e-6);
        let plain = case.measure("road", &[of, "noise=0"], &map()).unwrap();
        near(plain.get("road").unwrap(), case.number(&format!("road/{of}/combined")), "ROADCombined");
    }
}

#[test]
fn missing_pixels_become_what_the_references_sparse_solver_makes_of_them() {
    let case = Case::convnet();
    let known: Vec<bool> = case.golden("imputation/known").iter().map(|&known| known > 0.5).collect();
    let picture = case.golden("imputation/picture");
    let made = faithfulness::impute(picture, &known, 90, &Cancel::new()).unwrap();
    let far = difference(&made, case.golden("imputation"));
    assert!(far <= 1e-6, "{far}");
    // Of a plane, every pixel inside is the mean of its neighbours already.
    let plane: Vec<f32> = (0..30 * 30).map(|at| (at / 30) as f32 + 2.0 * (at % 30) as f32).collect();
    let inside = |at: usize| (10..20).contains(&(at / 30)) && (5..25).contains(&(at % 30));
    let known: Vec<bool> = (0..plane.len()).map(|at| !inside(at)).collect();
    let emptied: Vec<f32> = plane.iter().zip(&known).map(|(&value, &known)| if known { value } else { 7.0 }).collect();
    let made = faithfulness::impute(&emptied, &known, 30, &Cancel::new()).unwrap();
    assert!(difference(&made, &plane) <= 1e-6);
}

#[test]
fn sensitivity_is_captums_for_an_attribution_and_for_a_map() {
    let case = Case::convnet();
    let (noise, of) = (case.drawn("sensitivity/noise"), case.class());
    let gradient =
        |network: &Network, picture: &Tensor, job: Job<'_>| Case::attribution(network, picture, ("gradient", of), job);
    for radius in ["radius=0.02", "radius=0.2"] {
        let what = What { drawn: Some(&noise), ..What::made(of, &gradient) };
        let found = case.measure("sensitivity", &[radius, "samples=6"], &what).unwrap();
        near(found.get("sensitivity").unwrap(), case.number(&format!("sensitivity/gradient/{radius}")), radius);
    }
    let map = |network: &Network, picture: &Tensor, job: Job<'_>| Case::grad_cam(network, picture, ("layer1", of), job);
    let found =
        case.measure("sensitivity", &["samples=6"], &What { drawn: Some(&noise), ..What::made(of, &map) }).unwrap();
    near(found.get("sensitivity").unwrap(), case.number("sensitivity/grad-cam"), "grad-cam");
}

#[test]
fn infidelity_is_captums_for_an_attribution_and_for_a_map() {
    let case = Case::convnet();
    let (noise, of) = (case.drawn("infidelity/noise"), case.class());
    let cancel = Cancel::new();
    let gradient = Case::attribution(&case.network, &case.picture, ("gradient", of), Job::quiet(&cancel, 0));
    for (name, explanation) in [("gradient", gradient), ("grad-cam", case.given_map("relevance"))] {
        for normalize in ["normalize=no", "normalize=yes"] {
            // Captum is given the map once for each channel.
            let explanation = Explanation {
                values: if name == "gradient" { explanation.values.clone() } else { vec![] },
                ..explanation.clone()
            };
            let what = What { drawn: Some(&noise), ..What::given(of, explanation) };
            let found = case.measure("infidelity", &["noise=0.3", "samples=6", normalize], &what).unwrap();
            near(found.get("infidelity").unwrap(), case.number(&format!("infidelity/{name}/{normalize}")), name);
        }
    }
}

#[test]
fn rank_correlation_is_scipys_and_structural_similarity_scikit_images() {
    let case = Case::convnet();
    let (one, other) = (case.golden("similarity/one"), case.golden("similarity/other"));
    near(faithfulness::spearman(one, other).unwrap(), case.number("similarity/spearman"), "Spearman");
    near(faithfulness::ssim(one, other, 30).unwrap(), case.number("similarity/ssim"), "SSIM");
    let backwards: Vec<f32> = one.iter().map(|value| -value).collect();
    near(faithfulness::spearman(one, &backwards).unwrap(), -1.0, "turned round");
    assert_eq!(faithfulness::spearman(one, &vec![0.5; one.len()]), None, "nothing to rank");
    assert_eq!(faithfulness::ssim(&one[..100], &other[..100], 10), None, "smaller than the window");
}

#[test]
fn randomised_weights_destroy_a_map_from_the_last_layer_to_the_first_and_the_network_stays_as_it_was() {
    let case = Case::convnet();
    let of = case.class();
    let map = |network: &Network, picture: &Tensor, job: Job<'_>| Case::grad_cam(network, picture, ("layer1", of), job);
    let before =
        numbers(case.network.forward(&case.picture, &Cancel::new()).unwrap().get(case.network.head.output).unwrap())
            .unwrap();
    let found = case.measure("randomization", &[], &What::made(of, &map)).unwrap();
    let curve = found.curve("spearman").unwrap();
    let layers: Vec<&str> = curve.points.iter().filter_map(|point| point.label.as_deref()).collect();
    assert_eq!(layers.first(), Some(&"fc"));
    assert_eq!(layers.last(), Some(&"conv1"));
    let place = |name: &str| layers.iter().position(|layer| *layer == name).unwrap();
    assert!(place("layer2.conv2") < place("layer2.conv1") && place("layer2.conv1") < place("mixed.pointwise"));
    assert_eq!((curve.points[0].at, curve.points[0].value), (0.0, Some(1.0)));
    assert!((curve.points.last().unwrap().at - 1.0).abs() < 1e-12);
    assert!(found.get("spearman").is_none_or(|alike| alike < 0.9), "{found:?}");
    assert!(found.get("ssim").unwrap() < 0.9, "{found:?}");
    let after =
        numbers(case.network.forward(&case.picture, &Cancel::new()).unwrap().get(case.network.head.output).unwrap())
            .unwrap();
    assert_eq!(before, after, "weights are never written to");
    // Of many layers some are looked at, the first and the last among them.
    let some = case.measure("randomization", &["maps=3"], &What::made(of, &map)).unwrap();
    let some: Vec<_> = some.curve("spearman").unwrap().points.iter().map(|point| point.value).collect();
    assert_eq!(some.len(), 4);
    assert_eq!(some.last(), curve.points.last().map(|point| &point.value), "whatever was looked at before");
}

#[test]
fn a_map_that_sees_the_picture_alone_survives_the_randomisation() {
    let case = Case::convnet();
    let edges = |_: &Network, picture: &Tensor, _: Job<'_>| {
        let values = numbers(&picture.abs().sum_dim_intlist([1].as_slice(), false, None)).unwrap();
        Explanation::of_map(&Map { height: 20, width: 20, values }, (20, 20)).unwrap()
    };
    let found = case.measure("randomization", &[], &What::made(case.class(), &edges)).unwrap();
    near(found.get("spearman").unwrap(), 1.0, "rank correlation");
    near(found.get("ssim").unwrap(), 1.0, "structural similarity");
}

#[test]
fn a_channel_loses_the_weights_before_it_alone() {
    let fixture = Fixture::open("convnet");
    let network = network(&fixture);
    let (picture, cancel) = (input(&network, &fixture), Cancel::new());
    let place = network.place("layer1").unwrap();
    let target = Target::Channel { place, channel: 0, unit: None };
    let method = registry::find(Kind::Attribution, "gradient").unwrap();
    let Run::Attribution { make, reading } = method.run else { unreachable!() };
    let settings = Settings::of(method);
    let explain = |network: &Network, picture: &Tensor, job: Job<'_>| {
        Ok(Explanation::of_attribution(
            &make(&AttributionInput::new(network, picture, &target, job), &settings)?,
            reading,
        ))
    };
    let job = Job::quiet(&cancel, 0);
    let explanation = explain(&network, &picture, job).unwrap();
    let given: (_, &faithfulness::Explain<'_>, _) = (&explanation, &explain, (20, 20));
    let measured = FaithfulnessInput::new(&network, &picture, &target, given, job).unwrap();
    let metric = registry::find(Kind::Faithfulness, "randomization").unwrap();
    let Run::Faithfulness(run) = metric.run else { unreachable!() };
    let found = run(&measured, &Settings::of(metric)).unwrap();
    let layers: Vec<&str> = found.curves[0].points.iter().filter_map(|point| point.label.as_deref()).collect();
    assert_eq!(layers.first(), Some(&"layer1.bn2"));
    assert!(layers.iter().all(|layer| !layer.starts_with("layer2") && *layer != "fc"), "{layers:?}");
}

#[test]
fn every_metric_takes_every_kind_of_explanation() {
    let case = Case::convnet();
    let of = case.class();
    let map = |network: &Network, picture: &Tensor, job: Job<'_>| Case::grad_cam(network, picture, ("layer2", of), job);
    let reading = |network: &Network, picture: &Tensor, job: Job<'_>| {
        Case::attribution(network, picture, ("gradient-x-input", of), job)
    };
    let unsigned = |network: &Network, picture: &Tensor, job: Job<'_>| {
        Case::attribution(network, picture, ("square-grad", of), job)
    };
    for explain in [&map as &Explain<'_>, &reading, &unsigned] {
        for metric in registry::all(Kind::Faithfulness) {
            // Enough to see that it works.
            let few: &[&str] = match metric.name {
                "sensitivity" => &["samples=2"],
                "randomization" => &["maps=2"],
                _ => &[],
            };
            let found = case.measure(metric.name, few, &What::made(of, explain)).unwrap();
            assert!(found.numbers[0].value.is_some(), "{}: {found:?}", metric.name);
        }
    }
}

#[test]
fn a_map_that_is_the_same_everywhere_is_refused_where_pixels_must_be_chosen() {
    let case = Case::convnet();
    let flat = Explanation::of_whole(Map { height: 20, width: 20, values: vec![0.0; 400] });
    let error = case.measure("road", &[], &What::given(case.class(), flat)).unwrap_err();
    assert_eq!(error.to_string(), "the map is the same everywhere: road has no pixels to choose");
    let small = Explanation::of_whole(Map { height: 2, width: 3, values: vec![0.0; 6] });
    let error = case.measure("deletion", &[], &What::given(case.class(), small)).unwrap_err();
    assert!(matches!(error, MethodError::Faithfulness(FaithfulnessError::Size { .. })), "{error}");
}

#[test]
fn every_metric_says_how_far_it_is_and_stops_when_it_is_told() {
    let case = Case::convnet();
    let of = case.class();
    // The metric itself stops, not only the map that it asks for.
    let map = |network: &Network, picture: &Tensor, job: Job<'_>| {
        Case::grad_cam(network, picture, ("layer2", of), Job::quiet(&Cancel::new(), job.seed))
    };
    for metric in registry::all(Kind::Faithfulness) {
        let last = Cell::new((0, 1));
        let progress = |done, all| last.set((done, all));
        case.measure(metric.name, &[], &What { progress: &progress, ..What::made(of, &map) }).unwrap();
        assert_eq!(last.get().0, last.get().1, "{}", metric.name);
        let cancel = Cancel::new();
        let stop = |_, _| cancel.raise();
        let what = What { progress: &stop, cancel: Some(&cancel), ..What::made(of, &map) };
        let error = case.measure(metric.name, &[], &what).unwrap_err();
        assert!(matches!(error, MethodError::Engine(EngineError::Cancelled)), "{}: {error}", metric.name);
    }
}

#[test]
fn the_memory_limit_is_kept() {
    let case = Case::convnet();
    let fixture = Fixture::open("convnet");
    let model = layerscope::formats::open(&fixture.model(), None).unwrap();
    let resources = Resources { device: Device::Cpu, limit: MemoryLimit::Bytes(1 << 20) };
    let tight = Case { network: Network::load(model, resources).unwrap(), ..case };
    let error = tight.measure("deletion", &[], &What::given(tight.class(), tight.given_map("relevance"))).unwrap_err();
    assert!(error.to_string().contains("--memory-limit"), "{error}");
}

fn layerscope(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_layerscope")).args(arguments).output().unwrap()
}

/// `COMMAND` with the convnet and its picture.
fn command(name: &str, arguments: &[&str]) -> Output {
    let fixture = Fixture::open("convnet");
    let (model, picture) = (fixture.model(), fixture.input_path());
    layerscope(&[&[name, model.to_str().unwrap(), picture.to_str().unwrap(), "--class", "2"], arguments].concat())
}

fn json(name: &str, arguments: &[&str]) -> serde_json::Value {
    let done = command(name, &[arguments, &["--format", "json"]].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

#[test]
fn the_commands_measure_all_or_the_metrics_that_are_named() {
    let names: Vec<&str> = registry::all(Kind::Faithfulness).map(|metric| metric.name).collect();
    for result in
        [json("cam", &["--layer", "layer2", "--trust"]), json("attribute", &["--method", "gradient", "--trust"])]
    {
        let trust = result["trust"].as_object().unwrap();
        assert_eq!(trust.keys().collect::<Vec<_>>(), names);
        let points = trust["deletion"]["curves"]["map"].as_array().unwrap();
        assert_eq!(points.len(), 21);
        assert_eq!(points[20]["share"], 1.0);
        assert!(trust["deletion"]["auc"].is_f64() && trust["deletion"]["random_auc"].is_f64());
        assert_eq!(trust["randomization"]["curves"]["ssim"][1]["layer"], "fc");
    }
    let set = ["--trust", "deletion,road", "--trust-set", "deletion.steps=4", "--trust-set", "road.noise=0"];
    let result = json("cam", &[&["--layer", "layer1"][..], &set].concat());
    assert_eq!(result["trust"].as_object().unwrap().len(), 2);
    assert_eq!(result["trust"]["deletion"]["settings"]["steps"], 4);
    assert_eq!(result["trust"]["deletion"]["curves"]["map"].as_array().unwrap().len(), 5);
    let golden = Case::convnet().number("road/of=probability/combined");
    near(result["trust"]["road"]["road"].as_f64().unwrap(), golden, "road by the command");
    assert!(json("cam", &["--layer", "layer2"]).get("trust").is_none(), "on request only");
}

#[test]
fn several_layers_and_a_smoothed_map_are_measured_as_they_are_shown() {
    for options in [["--layer", "layer2"].as_slice(), &["--smooth"]] {
        let result = json("cam", &[&["--layer", "layer1", "--trust", "deletion,sensitivity"], options].concat());
        assert!(result["trust"]["deletion"]["auc"].as_f64().unwrap() > 0.0, "{result}");
        assert!(result["trust"]["sensitivity"]["sensitivity"].as_f64().unwrap() > 0.0, "{result}");
    }
}

#[test]
fn a_table_says_the_numbers_and_draws_the_curves() {
    let done = command("cam", &["--layer", "layer1", "--trust"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8(done.stdout).unwrap();
    for name in registry::all(Kind::Faithfulness).map(|metric| metric.name) {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name} in\n{text}");
    }
    assert!(
        text.lines().any(|line| line.starts_with("deletion") && line.contains("random auc") && line.contains('█')),
        "{text}"
    );
    assert!(text.lines().any(|line| line.starts_with("conv1 ")), "{text}");
}

#[test]
fn what_is_wrong_with_a_metric_is_said_in_one_line() {
    for (arguments, reason) in [
        (["--trust", "deletoin"].as_slice(), "there is no method 'deletoin'; did you mean deletion?"),
        (&["--trust", "road", "--trust-set", "road.percentile=3"], "road has no parameter 'percentile'"),
        (&["--trust", "road", "--trust-set", "deletion.steps=3"], "deletion is not among the metrics of --trust"),
        (&["--trust", "road", "--trust-set", "steps"], "'steps' is no setting: write METRIC.NAME=VALUE"),
        (
            &["--trust", "deletion", "--trust-set", "deletion.steps=0"],
            "steps is a whole number from 1 to 100000, not '0'",
        ),
    ] {
        let done = command("cam", arguments);
        assert_eq!(done.status.code(), Some(2), "{arguments:?}");
        let text = String::from_utf8(done.stderr).unwrap();
        assert!(text.contains(reason), "{reason} in {text}");
    }
}

#[test]
fn the_command_lists_every_metric_with_what_can_be_set() {
    let done = layerscope(&["cam", "--list-metrics"]);
    assert!(done.status.success());
    insta::assert_snapshot!(String::from_utf8(done.stdout).unwrap());
}

#[test]
fn the_same_seed_gives_the_same_numbers_whatever_the_batch() {
    let case = Case::convnet();
    let of = case.class();
    let map = |network: &Network, picture: &Tensor, job: Job<'_>| Case::grad_cam(network, picture, ("layer2", of), job);
    let all = RefCell::new(HashMap::new());
    for _ in 0..2 {
        for metric in ["road", "sensitivity", "infidelity", "randomization"] {
            let found = case.measure(metric, &[], &What { seed: 4, ..What::made(of, &map) }).unwrap();
            let first = all.borrow_mut().entry(metric).or_insert_with(|| found.clone()).clone();
            assert_eq!(found, first, "{metric}");
            let other = case.measure(metric, &[], &What { seed: 5, ..What::made(of, &map) }).unwrap();
            assert_ne!(found, other, "{metric}");
        }
    }
}
