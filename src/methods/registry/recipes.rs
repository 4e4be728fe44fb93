//! The recipes of filter patterns.

use super::{Method, Parameter, Range, Run};
use crate::methods::patterns;

const fn steps(default: i64) -> Parameter {
    Parameter {
        name: "steps",
        meaning: "steps of gradient ascent",
        range: Range::Whole { default, least: 0, most: 1_000_000 },
    }
}

/// In the order in which they are listed.
pub(super) const RECIPES: &[Method] = &[
    Method {
        name: "book",
        summary: "from noise by steps of one grey level",
        formula: "x ← x + s · g / (√mean(g²) + ε), g = ∂y/∂x, from 128 + 20·U(0,1)",
        source: "Chollet 2017, Deep Learning with Python, section 5.4",
        parameters: &[
            steps(40),
            Parameter {
                name: "step",
                meaning: "length of a step in grey levels",
                range: Range::Real { default: 1.0, least: 0.0, most: 1e3 },
            },
            Parameter {
                name: "epsilon",
                meaning: "added to the gradient's root mean square",
                range: Range::Real { default: 1e-5, least: 0.0, most: 1.0 },
            },
        ],
        run: Run::Pattern(patterns::book),
    },
    Method {
        name: "lucid",
        summary: "Fourier coefficients, independent colours, random transforms, Adam",
        formula: "max E_t[y(t(σ(M · irfft2(s·√(wh)·z / max(f, 1/max(w,h))) / 4)))] over z ~ N(0, 0.01²)",
        source: "Olah, Mordvintsev and Schubert 2017, Feature Visualization; github.com/tensorflow/lucid",
        parameters: &[
            steps(512),
            Parameter {
                name: "learning-rate",
                meaning: "Adam's",
                range: Range::Real { default: 0.05, least: 0.0, most: 10.0 },
            },
            Parameter {
                name: "deviation",
                meaning: "standard deviation of the coefficients at the start",
                range: Range::Real { default: 0.01, least: 0.0, most: 10.0 },
            },
            Parameter {
                name: "transforms",
                meaning: "what the network sees the picture under",
                range: Range::Choice(&["standard", "none"]),
            },
            Parameter {
                name: "redirected-until",
                meaning: "last step, from 0, at which dead ReLUs are woken",
                range: Range::Whole { default: 16, least: 0, most: 1_000_000 },
            },
        ],
        run: Run::Pattern(patterns::lucid),
    },
    Method {
        name: "maco",
        summary: "natural amplitudes fixed, phases moved, in crops and noise: for transformers",
        formula: "max E_c[y(c(σ(M · standardised irfft2(1/f · e^{iφ}))))] over φ ~ N(0, 1)",
        source: "Fel et al. 2023, Unlocking Feature Visualization with Magnitude Constrained Optimization; Horama",
        parameters: &[
            steps(1000),
            Parameter {
                name: "learning-rate",
                meaning: "NAdam's",
                range: Range::Real { default: 1.0, least: 0.0, most: 100.0 },
            },
            Parameter {
                name: "crops",
                meaning: "crops at a step",
                range: Range::Whole { default: 6, least: 1, most: 64 },
            },
            Parameter {
                name: "smallest",
                meaning: "smallest crop as a share of the side",
                range: Range::Real { default: 0.20, least: 0.01, most: 1.0 },
            },
            Parameter {
                name: "largest",
                meaning: "largest crop as a share of the side",
                range: Range::Real { default: 0.25, least: 0.01, most: 1.0 },
            },
            Parameter {
                name: "noise",
                meaning: "deviation of the noise in the network's input space",
                range: Range::Real { default: 0.05, least: 0.0, most: 10.0 },
            },
        ],
        run: Run::Pattern(patterns::maco_recipe),
    },
];
