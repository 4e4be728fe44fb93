//! Operators that a method puts its own in place of: other gradients, the same numbers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Fixture, difference, input, network};
use layerscope::aten::{Gate, Value, gate};
use layerscope::engine::{Cancel, EngineError, NodeCall, Substitute, numbers};
use layerscope::methods::Network;
use layerscope::methods::target::{ClassId, Target};
use layerscope::model::graph::{Node, NodeId};
use tch::{Kind, Tensor};

/// Every ReLU gets the gate.
struct Gated(Gate);

impl Substitute for Gated {
    fn takes(&self, _: NodeId, node: &Node) -> bool {
        node.operator.to_string().starts_with("aten::relu")
    }

    fn call(&mut self, _: NodeId, call: &NodeCall<'_>) -> Result<Vec<Value>, EngineError> {
        let input = call.tensor("self").unwrap();
        let output = input.detach().relu();
        Ok(vec![Value::Tensor(gate(&input, &output, self.0).unwrap())])
    }
}

/// Nothing changes: every operator is called as it stands.
struct Itself(usize);

impl Substitute for Itself {
    fn takes(&self, _: NodeId, _: &Node) -> bool {
        true
    }

    fn call(&mut self, _: NodeId, call: &NodeCall<'_>) -> Result<Vec<Value>, EngineError> {
        self.0 += 1;
        call.run(&[])
    }
}

/// Score and gradient at the input.
fn gradient(network: &Network, picture: &Tensor, class: usize, substitute: &mut dyn Substitute) -> (f64, Vec<f32>) {
    let source = network.source().unwrap();
    let given = [(source, picture.shallow_clone())];
    let scores = network.head.scores;
    let taps = [scores.into()];
    let run = network.engine.run_substituted(&given, &taps, &[source.into()], substitute, &Cancel::new()).unwrap();
    let target = Target::from(ClassId { index: class, negative: false });
    let score = tch::with_grad(|| target.of(network, run.get(scores).unwrap()).unwrap().sum(Kind::Float));
    let gradients = network.engine.gradients(&score, &[run.get(source).unwrap()], false).unwrap();
    (score.double_value(&[]), numbers(&gradients[0]).unwrap())
}

#[test]
fn the_hand_checkable_networks_guided_and_deconvolved_gradients_are_those_on_paper() {
    let fixture = Fixture::open("hand_checkable");
    let network = network(&fixture);
    let picture = input(&network, &fixture);
    let (score, guided) = gradient(&network, &picture, 0, &mut Gated(Gate::Guided));
    assert_eq!(score.round() as i64, 54, "the numbers forwards are the network's own");
    assert_eq!(guided, [0., 1., 1., 1., 1., 3., 3., 2., 1., 3., 3., 2., 1., 2., 2., 1.]);
    let (_, deconvolved) = gradient(&network, &picture, 0, &mut Gated(Gate::Deconvolution));
    assert_eq!(deconvolved, [2., 3., 3., 1., 3., 5., 5., 2., 3., 5., 5., 2., 1., 2., 2., 1.]);
}

#[test]
fn an_operator_that_is_called_as_it_stands_changes_nothing_even_where_it_writes_in_place() {
    for name in ["convnet", "vit", "hand_checkable"] {
        let fixture = Fixture::open(name);
        let network = network(&fixture);
        let picture = input(&network, &fixture);
        let mut itself = Itself(0);
        let (_, found) = gradient(&network, &picture, fixture.class(), &mut itself);
        assert!(itself.0 > 3, "{name}: {} nodes", itself.0);
        let golden = fixture.array("gradient/input");
        let far = difference(&found, &golden.data);
        assert!(far <= 1e-5, "{name}: {far}");
    }
}

#[test]
fn a_redirected_relu_lets_a_gradient_through_only_where_none_would_pass() {
    type Pair = [f32; 2];
    let cases: [(Gate, Pair, Pair, Pair); 5] = [
        (Gate::Redirected, [-1.0, -2.0], [1.0, -1.0], [1.0, 0.0]),
        (Gate::Redirected, [-1.0, 2.0], [1.0, 3.0], [0.0, 3.0]),
        (Gate::RedirectedSix, [7.0, -2.0], [1.0, -1.0], [0.0, 0.0]),
        (Gate::RedirectedSix, [7.0, 8.0], [-1.0, 1.0], [-1.0, 0.0]),
        (Gate::RedirectedSix, [7.0, 3.0], [-1.0, 2.0], [0.0, 2.0]),
    ];
    for (kind, values, pushed, expected) in cases {
        let input = Tensor::from_slice(&values).reshape([1, 2]).set_requires_grad(true);
        let made = gate(&input, &input.detach().clamp(0.0, 6.0), kind).unwrap();
        let objective = (&made * Tensor::from_slice(&pushed)).sum(Kind::Float);
        let found = Tensor::run_backward(&[&objective], &[&input], false, false);
        assert_eq!(numbers(&found[0]).unwrap(), expected, "{kind:?} of {values:?} under {pushed:?}");
    }
}
