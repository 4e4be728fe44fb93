//! How far maps and attributions are to be trusted.

use super::{Method, Parameter, Range, Run};
use crate::methods::faithfulness::{self, DELETED, FORM, INSERTED, OF, RANDOM, STEPS};

/// As [`OF`], for what is said of the target itself.
const OF_TARGET: Parameter = Parameter { range: Range::Choice(&["target", "probability"]), ..OF };

/// In the order in which they are listed.
pub(super) const METRICS: &[Method] = &[
    Method {
        name: "deletion",
        summary: "area under the class's probability while the most relevant pixels go; lower is better",
        formula: "∫ p(x with the share s of the most relevant pixels deleted) ds",
        source: "Petsiuk et al. 2018, RISE, section 4.2; torch-cam",
        parameters: &[STEPS, DELETED, OF, RANDOM],
        run: Run::Faithfulness(faithfulness::deletion),
    },
    Method {
        name: "insertion",
        summary: "area under the class's probability while the most relevant pixels come; higher is better",
        formula: "∫ p(baseline with the share s of the most relevant pixels inserted) ds",
        source: "Petsiuk et al. 2018, RISE, section 4.2; torch-cam",
        parameters: &[STEPS, INSERTED, OF, RANDOM],
        run: Run::Faithfulness(faithfulness::insertion),
    },
    Method {
        name: "road",
        summary: "least relevant pixels imputed against most relevant ones; higher is better",
        formula: "(mean_q p(x, LeRF_q) − mean_q p(x, MoRF_q)) / 2",
        source: "Rong et al. 2022; pytorch-grad-cam, ROADCombined",
        parameters: &[
            Parameter {
                name: "step",
                meaning: "percentiles from one to the next: 10 for 10, 20, …, 90",
                range: Range::Whole { default: 10, least: 1, most: 50 },
            },
            Parameter {
                name: "noise",
                meaning: "standard deviation of the noise on imputed pixels, in the network's input space",
                range: Range::Real { default: 0.01, least: 0.0, most: 100.0 },
            },
            OF,
        ],
        run: Run::Faithfulness(faithfulness::road),
    },
    Method {
        name: "average-drop",
        summary: "share of the class's probability that is lost through the map; lower is better",
        formula: "max(0, p(x) − p(x · map)) / p(x)",
        source: "Chattopadhyay et al. 2018, section 4.1; torch-cam",
        parameters: &[FORM, OF],
        run: Run::Faithfulness(faithfulness::average_drop),
    },
    Method {
        name: "average-increase",
        summary: "whether the class's probability grows through the map; higher is better",
        formula: "1 if p(x · map) > p(x), else 0",
        source: "Chattopadhyay et al. 2018, section 4.1; torch-cam",
        parameters: &[OF],
        run: Run::Faithfulness(faithfulness::average_increase),
    },
    Method {
        name: "sensitivity",
        summary: "greatest relative change of the map when the picture hardly changes; lower is better",
        formula: "max_u ‖φ(x + u) − φ(x)‖ / ‖φ(x)‖, u uniform in (−r, r)",
        source: "Yeh et al. 2019, definition 3; Captum, sensitivity_max",
        parameters: &[
            Parameter {
                name: "radius",
                meaning: "greatest change of a number, in the network's input space",
                range: Range::Real { default: 0.02, least: 0.0, most: 100.0 },
            },
            Parameter {
                name: "samples",
                meaning: "changed pictures",
                range: Range::Whole { default: 10, least: 1, most: 10_000 },
            },
        ],
        run: Run::Faithfulness(faithfulness::sensitivity),
    },
    Method {
        name: "infidelity",
        summary: "how far the map is from saying what small changes do to the target; lower is better",
        formula: "mean_u (β Σ u φ(x) − (y(x) − y(x − u)))², u ~ N(0, σ²)",
        source: "Yeh et al. 2019, definition 1; Captum, infidelity",
        parameters: &[
            Parameter {
                name: "noise",
                meaning: "standard deviation of the changes, in the network's input space",
                range: Range::Real { default: 0.003, least: 0.0, most: 100.0 },
            },
            Parameter {
                name: "samples",
                meaning: "changed pictures",
                range: Range::Whole { default: 50, least: 1, most: 100_000 },
            },
            Parameter {
                name: "normalize",
                meaning: "whether the map is first scaled by the factor β that suits it best; if not, β is 1",
                range: Range::Choice(&["yes", "no"]),
            },
            OF_TARGET,
        ],
        run: Run::Faithfulness(faithfulness::infidelity),
    },
    Method {
        name: "randomization",
        summary: "likeness to the map after the layers lost their weights, from the last to the first; near 0 is right",
        formula: "rank correlation and SSIM of map(x) and map(x; W_l.. ~ N(mean W, std² W))",
        source: "Adebayo et al. 2018, cascading randomization",
        parameters: &[Parameter {
            name: "maps",
            meaning: "the most maps that are made on the way, evenly over the layers",
            range: Range::Whole { default: 20, least: 1, most: 10_000 },
        }],
        run: Run::Faithfulness(faithfulness::randomization),
    },
];
