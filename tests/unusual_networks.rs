//! Methods on networks whose outputs or norms are not the usual ones: a single number for each picture, a segmentation, norms over
//! groups of channels.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Fixture, difference, input};
use layerscope::engine::Cancel;
use layerscope::methods::attribution::{Attribution, AttributionInput};
use layerscope::methods::job::Job;
use layerscope::methods::registry::{self, Kind, Run, Settings};
use layerscope::methods::target::{ClassId, Measure, Region, Target};
use layerscope::methods::{MethodError, Network};
use layerscope::model::graph::{Argument, DType, Graph, Operator, ValueId, Weight, WeightRole};
use layerscope::model::{InputDescription, Layout, Model, Preprocessing, Source};
use tch::{Device, Tensor};

fn class(index: usize) -> Target {
    Target::from(ClassId { index, negative: false })
}

fn made(network: &Network, picture: &Tensor, target: &Target, method: &str, set: &[&str]) -> Attribution {
    let method = registry::find(Kind::Attribution, method).unwrap();
    let Run::Attribution { make, .. } = method.run else { unreachable!() };
    let mut settings = Settings::of(method);
    for text in set {
        settings.set(text).unwrap();
    }
    let cancel = Cancel::new();
    make(&AttributionInput::new(network, picture, target, Job::quiet(&cancel, 3)), &settings).unwrap()
}

fn weight(graph: &mut Graph, name: &str, shape: &[usize], numbers: &[f32]) -> ValueId {
    graph.weight(|value| Weight {
        name: name.to_owned(),
        value,
        role: WeightRole::Parameter,
        dtype: DType::Float32,
        shape: shape.to_vec(),
        strides: None,
        data: numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>().into(),
    })
}

fn numbers(list: &[i64]) -> Argument {
    Argument::List(list.iter().map(|&number| Argument::Int(number)).collect())
}

/// A network of pictures of some channels and 4×4 pixels.
fn network(channels: usize, build: impl FnOnce(&mut Graph, ValueId) -> ValueId) -> Network {
    let mut graph = Graph::default();
    let picture = graph.value("picture");
    graph.inputs.push(picture);
    let output = build(&mut graph, picture);
    graph.outputs.push(output);
    let input = InputDescription {
        channels,
        size: Some((4, 4)),
        layout: Layout::ChannelsFirst,
        preprocessing: Preprocessing::raw(),
        source: Source::File,
    };
    Network::load(Model::new("unusual".to_owned(), "test", graph, input), Device::Cpu).unwrap()
}

#[test]
fn a_network_that_gives_one_number_for_each_picture_is_attributed_as_its_class_would_be() {
    // One that takes many pictures at once.
    let fixture = Fixture::open("convnet_dynamic");
    let open = || layerscope::formats::open(&fixture.model(), None).unwrap();
    let whole = Network::load(open(), Device::Cpu).unwrap();
    let picture = input(&whole, &fixture);
    let mut model = open();
    let scores = model.graph.outputs[0];
    let one = [("self", scores.into()), ("dim", Argument::Int(1)), ("index", Argument::Int(3))];
    let single = model.graph.call(&[], "single", Operator::aten("select", "int"), one);
    model.graph.outputs = vec![single];
    let single = Network::load(model, Device::Cpu).unwrap();
    for (method, set) in [
        ("gradient", ["", ""]),
        ("integrated-gradients", ["steps=8", ""]),
        ("smooth-grad", ["samples=5", ""]),
        ("occlusion", ["window=5", "stride=5"]),
        ("rise", ["masks=40", ""]),
    ] {
        let set: Vec<&str> = set.into_iter().filter(|text| !text.is_empty()).collect();
        let expected = made(&whole, &picture, &class(3), method, &set);
        let found = made(&single, &picture, &class(0), method, &set);
        let far = difference(&found.values, &expected.values);
        assert!(far <= 1e-5, "{method}: {far}");
    }
}

/// Scores of classes at positions, N×K×H×W.
fn segmentation(classes: &[&[f32]]) -> Tensor {
    let all: Vec<f32> = classes.concat();
    Tensor::from_slice(&all).reshape([1, classes.len() as i64, 1, -1])
}

fn where_predicted(class: ClassId, against: Option<usize>) -> Target {
    let against = against.map(|index| ClassId { index, negative: false });
    Target::Class { class, against, measure: Measure::Score, region: Region::Predicted, output: 0 }
}

#[test]
fn the_region_where_a_class_is_predicted_is_the_same_for_the_class_that_speaks_against_it() {
    let is = |expected: f64, class, negative, against, scores: &Tensor| {
        let network = network(1, |graph, picture| {
            let kernel = weight(graph, "kernel", &[2, 1, 1, 1], &[1.0, -1.0]);
            let at = [("input", picture.into()), ("weight", kernel.into())];
            graph.call(&[], "classes", Operator::aten("conv2d", ""), at)
        });
        let target = where_predicted(ClassId { index: class, negative }, against);
        let found = target.of(&network, scores).unwrap().double_value(&[0]);
        assert!((found - expected).abs() < 1e-6, "{target:?}: {found}");
    };
    let two = segmentation(&[&[3.0, 0.0, 4.0], &[1.0, 2.0, 1.5]]);
    is(7.0, 0, false, None, &two);
    is(4.5, 0, false, Some(1), &two);
    let one = segmentation(&[&[2.0, -1.0, 3.0]]);
    // Where the only class is likelier than not, and where it is not.
    is(5.0, 0, false, None, &one);
    is(1.0, 0, true, None, &one);
}

#[test]
fn a_class_that_is_predicted_nowhere_has_no_region() {
    let network = network(1, |graph, picture| {
        let kernel = weight(graph, "kernel", &[2, 1, 1, 1], &[1.0, -1.0]);
        let at = [("input", picture.into()), ("weight", kernel.into())];
        graph.call(&[], "classes", Operator::aten("conv2d", ""), at)
    });
    let bright = Tensor::from_slice(&[1.0_f32; 16]).reshape([1, 1, 4, 4]);
    let forward = network.forward(&bright, &Cancel::new()).unwrap();
    let asked = |class| -> Result<(), MethodError> {
        where_predicted(ClassId { index: class, negative: false }, None).must_be_predicted(
            &network,
            &forward,
            &Cancel::new(),
        )
    };
    asked(0).unwrap();
    let refused = asked(1).unwrap_err().to_string();
    assert!(refused.starts_with("1 is predicted nowhere in the picture"), "{refused}");
}

#[test]
fn a_rectangle_beyond_the_largest_number_is_refused() {
    let network = network(1, |_, picture| picture);
    let region = Region::Rectangle { top: usize::MAX, left: 0, height: 1, width: 1 };
    let class = ClassId { index: 0, negative: false };
    let target = Target::Class { class, against: None, measure: Measure::Score, region, output: 0 };
    let refused = target.of(&network, &segmentation(&[&[1.0, 2.0]])).unwrap_err();
    assert!(matches!(refused, MethodError::NoSuchRegion { rows: 1, columns: 2 }), "{refused}");
}

#[test]
fn relevance_passes_norms_over_groups_of_channels_and_adds_up_to_the_score() {
    let picture = Tensor::from_slice(&(0..32).map(|at| (at as f32 * 0.7).sin() + 0.2).collect::<Vec<f32>>());
    let picture = picture.reshape([1, 2, 4, 4]);
    let kernels: Vec<f32> = (0..72).map(|at| (at as f32 * 1.3).cos()).collect();
    let scores: Vec<f32> = (0..64).map(|at| (at as f32 * 0.9).sin()).collect();
    for norm in ["group_norm", "instance_norm"] {
        let network = network(2, |graph, picture| {
            let kernel = weight(graph, "kernel", &[4, 2, 3, 3], &kernels);
            let conv = [("input", picture.into()), ("weight", kernel.into()), ("padding", numbers(&[1, 1]))];
            let seen = graph.call(&[], "conv", Operator::aten("conv2d", ""), conv);
            let eps = ("eps", Argument::Float(1e-5));
            let normed = if norm == "group_norm" {
                let with = [("input", seen.into()), ("num_groups", Argument::Int(2)), eps];
                graph.call(&[], "norm", Operator::aten("group_norm", ""), with)
            } else {
                let absent = ["weight", "bias", "running_mean", "running_var"].map(|name| (name, Argument::None));
                let statistics = [
                    ("input", seen.into()),
                    ("use_input_stats", Argument::Bool(true)),
                    ("momentum", Argument::Float(0.1)),
                    eps,
                    ("cudnn_enabled", Argument::Bool(false)),
                ];
                let with = statistics.into_iter().chain(absent);
                graph.call(&[], "norm", Operator::aten("instance_norm", ""), with)
            };
            let rectified = graph.call(&[], "relu", Operator::aten("relu", ""), [("self", normed.into())]);
            let flat = [("self", rectified.into()), ("start_dim", Argument::Int(1)), ("end_dim", Argument::Int(-1))];
            let flat = graph.call(&[], "flat", Operator::aten("flatten", "using_ints"), flat);
            let last = weight(graph, "last", &[1, 64], &scores);
            graph.call(&[], "scores", Operator::aten("linear", ""), [("input", flat.into()), ("weight", last.into())])
        });
        let relevance = made(&network, &picture, &class(0), "lrp-epsilon", &[]);
        let (delta, sum) = (relevance.convergence_delta.unwrap(), relevance.sum());
        assert!(sum.abs() > 0.1 && delta.abs() <= 1e-4 * sum.abs(), "{norm}: {delta} of {sum}");
    }
}
