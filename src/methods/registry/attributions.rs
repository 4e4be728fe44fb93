//! The methods that make attributions to the input's numbers.

use super::{Method, Parameter, Range, Run};
use crate::methods::attribution::{self, BASELINES, Reading};

const SAMPLES: Parameter = Parameter {
    name: "samples",
    meaning: "how many noisy pictures",
    range: Range::Whole { default: 50, least: 2, most: 100_000 },
};

const NOISE: Parameter = Parameter {
    name: "noise",
    meaning: "standard deviation of the noise, as a share of the input's range from least to largest value",
    range: Range::Real { default: 0.15, least: 0.0, most: 10.0 },
};

const FIRST_LAYER: Parameter = Parameter {
    name: "first-layer",
    meaning: "rule of the layers that read the input: the same as everywhere, evenly over what a position sees, or that of values \
              between black and white",
    range: Range::Choice(&["same", "flat", "box"]),
};

const BATCH_NORM: Parameter = Parameter {
    name: "batch-norm",
    meaning: "merged into the convolution before it, or a layer of its own with the epsilon rule",
    range: Range::Choice(&["merged", "separate"]),
};

const LINEAR: Parameter = Parameter {
    name: "linear",
    meaning: "rule of the linear layers: epsilon, or the same as in convolutions",
    range: Range::Choice(&["epsilon", "same"]),
};

/// RISE fades to zero in the network's input space unless told otherwise.
const FADED: Parameter = Parameter {
    name: "baseline",
    meaning: "what the picture is faded to: zeros as the network is fed them, black, white, the picture's mean colour, the picture \
              blurred by a twentieth of its side, or noise between black and white",
    range: Range::Choice(&["zero", "black", "white", "mean", "blur", "noise"]),
};

/// In the order in which they are listed.
pub(super) const ATTRIBUTIONS: &[Method] = &[
    Method {
        name: "gradient",
        summary: "how the target changes with each number of the input",
        formula: "∂y/∂x",
        source: "Simonyan et al. 2013",
        parameters: &[],
        run: Run::Attribution { make: attribution::gradient, reading: Reading::Magnitude },
    },
    Method {
        name: "gradient-x-input",
        summary: "the gradient times the input",
        formula: "x · ∂y/∂x",
        source: "Shrikumar et al. 2016",
        parameters: &[],
        run: Run::Attribution { make: attribution::gradient_x_input, reading: Reading::Sign },
    },
    Method {
        name: "guided-backprop",
        summary: "gradients pass a ReLU only where they and its input are positive",
        formula: "∂y/∂x with g·[x > 0]·[g > 0] at every ReLU",
        source: "Springenberg et al. 2014",
        parameters: &[],
        run: Run::Attribution { make: attribution::guided_backprop, reading: Reading::Magnitude },
    },
    Method {
        name: "deconvnet",
        summary: "gradients pass a ReLU only where they are positive",
        formula: "∂y/∂x with g·[g > 0] at every ReLU",
        source: "Zeiler and Fergus 2013",
        parameters: &[],
        run: Run::Attribution { make: attribution::deconvnet, reading: Reading::Magnitude },
    },
    Method {
        name: "guided-grad-cam",
        summary: "guided backpropagation where Grad-CAM is positive",
        formula: "guided-backprop · nearest(relu(Σ_k mean(g_k) A_k))",
        source: "Selvaraju et al. 2017, section 3.4; Captum's GuidedGradCam",
        parameters: &[],
        run: Run::Attribution { make: attribution::guided_grad_cam, reading: Reading::Magnitude },
    },
    Method {
        name: "integrated-gradients",
        summary: "gradients on the way from a baseline to the picture",
        formula: "(x − b) · ∫₀¹ ∂y/∂x(b + α(x − b)) dα, by Gauss–Legendre",
        source: "Sundararajan et al. 2017",
        parameters: &[
            Parameter {
                name: "steps",
                meaning: "places on the way where the gradient is taken",
                range: Range::Whole { default: 50, least: 1, most: 10_000 },
            },
            BASELINES,
        ],
        run: Run::Attribution { make: attribution::integrated_gradients, reading: Reading::Sign },
    },
    Method {
        name: "smooth-grad",
        summary: "the mean gradient of noisy pictures",
        formula: "mean_i ∂y/∂x(x + n_i)",
        source: "Smilkov et al. 2017",
        parameters: &[SAMPLES, NOISE],
        run: Run::Attribution { make: attribution::smooth_grad, reading: Reading::Magnitude },
    },
    Method {
        name: "square-grad",
        summary: "the mean square of the gradient of noisy pictures",
        formula: "mean_i (∂y/∂x(x + n_i))²",
        source: "Hooker et al. 2019",
        parameters: &[SAMPLES, NOISE],
        run: Run::Attribution { make: attribution::square_grad, reading: Reading::Magnitude },
    },
    Method {
        name: "var-grad",
        summary: "the variance of the gradient of noisy pictures",
        formula: "mean_i (∂y/∂x(x + n_i))² − (mean_i ∂y/∂x(x + n_i))²",
        source: "Adebayo et al. 2018",
        parameters: &[SAMPLES, NOISE],
        run: Run::Attribution { make: attribution::var_grad, reading: Reading::Magnitude },
    },
    Method {
        name: "deep-lift",
        summary: "differences from a baseline, handed back through the layers (rescale rule)",
        formula: "(x − b) · ∂y/∂x with Δout ÷ Δin for the derivative of every pointwise function",
        source: "Shrikumar et al. 2017, section 3.5.1",
        parameters: &[BASELINES],
        run: Run::Attribution { make: attribution::deep_lift, reading: Reading::Sign },
    },
    Method {
        name: "lrp-epsilon",
        summary: "relevance shared by contribution, layer by layer",
        formula: "R_j = Σ_k a_j w_jk ÷ (z_k + ε·sign z_k) · R_k",
        source: "Bach et al. 2015, equation 58",
        parameters: &[
            Parameter {
                name: "epsilon",
                meaning: "what is added to the sums that are divided by, in their unit",
                range: Range::Real { default: 1e-9, least: 1e-9, most: 1e6 },
            },
            FIRST_LAYER,
            BATCH_NORM,
        ],
        run: Run::Attribution { make: attribution::lrp_epsilon, reading: Reading::Sign },
    },
    Method {
        name: "lrp-gamma",
        summary: "relevance shared with more for what has the sign of the output, in the convolutions",
        formula: "R_j = Σ_k (a_j w_jk + γ (a_j w_jk)^±) ÷ Σ_j (a_j w_jk + γ (a_j w_jk)^±) · R_k, ^± what has the sign of z_k; \
                  as-one: w_jk + γ w_jk⁺ for w_jk",
        source: "Montavon et al. 2019, section 10.2.1; Andéol et al. 2021",
        parameters: &[
            Parameter {
                name: "gamma",
                meaning: "how much more it counts",
                range: Range::Real { default: 0.25, least: 0.0, most: 1e6 },
            },
            Parameter {
                name: "signs",
                meaning: "what has the sign of the output counts more, or positive weights do, whatever the sign of their input is",
                range: Range::Choice(&["apart", "as-one"]),
            },
            LINEAR,
            FIRST_LAYER,
            BATCH_NORM,
        ],
        run: Run::Attribution { make: attribution::lrp_gamma, reading: Reading::Sign },
    },
    Method {
        name: "lrp-alpha-beta",
        summary: "relevance shared among what speaks for and what against, apart, in the convolutions",
        formula: "R_j = Σ_k (α (a_j w_jk)⁺ ÷ z_k⁺ − (α − 1) (a_j w_jk)⁻ ÷ z_k⁻) R_k",
        source: "Bach et al. 2015, equation 60",
        parameters: &[
            Parameter {
                name: "alpha",
                meaning: "weight of what speaks for; that of what speaks against is one less",
                range: Range::Real { default: 1.0, least: 1.0, most: 100.0 },
            },
            LINEAR,
            FIRST_LAYER,
            BATCH_NORM,
        ],
        run: Run::Attribution { make: attribution::lrp_alpha_beta, reading: Reading::Sign },
    },
    Method {
        name: "occlusion",
        summary: "what the target loses when a window is covered",
        formula: "y(x) − y(x with the window covered), the mean over the windows at a pixel",
        source: "Zeiler and Fergus 2013; Captum's Occlusion",
        parameters: &[
            Parameter {
                name: "window",
                meaning: "side of the window in pixels; 0 is a fifteenth of the shorter side",
                range: Range::Whole { default: 0, least: 0, most: 16_384 },
            },
            Parameter {
                name: "stride",
                meaning: "pixels from one window to the next; 0 is half a window",
                range: Range::Whole { default: 0, least: 0, most: 16_384 },
            },
            BASELINES,
        ],
        run: Run::Attribution { make: attribution::occlusion, reading: Reading::Sign },
    },
    Method {
        name: "rise",
        summary: "the target with random parts of the picture faded out, averaged over what was left",
        formula: "1/(N·p) Σ_i y(b + M_i (x − b)) · M_i",
        source: "Petsiuk et al. 2018, equation 6",
        parameters: &[
            Parameter {
                name: "masks",
                meaning: "how many masks",
                range: Range::Whole { default: 4000, least: 1, most: 1_000_000 },
            },
            Parameter {
                name: "grid",
                meaning: "cells of a mask along each side",
                range: Range::Whole { default: 7, least: 1, most: 256 },
            },
            Parameter {
                name: "keep",
                meaning: "probability that a cell is kept",
                range: Range::Real { default: 0.5, least: 0.01, most: 1.0 },
            },
            FADED,
        ],
        run: Run::Attribution { make: attribution::rise, reading: Reading::Order },
    },
];
