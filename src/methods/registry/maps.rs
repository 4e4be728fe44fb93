//! The methods that make class activation maps.

use super::{Method, Parameter, Range, Run};
use crate::methods::cam::{self, EIGEN_SMOOTH, FORM, GAMMA, KERNEL, SAMPLES, SIGMAS, STD};

/// Which number the book's variant is of.
const OF: Parameter = Parameter {
    name: "of",
    meaning: "the class's number whose gradient is taken: after softmax or sigmoid, as in the book, or before",
    range: Range::Choice(&["probability", "score"]),
};

/// In the order in which they are listed.
pub(super) const MAPS: &[Method] = &[
    Method {
        name: "grad-cam",
        summary: "gradients averaged over space weigh the channels",
        formula: "Σ_k mean(g_k) A_k",
        source: "Selvaraju et al. 2017, equations 1 and 2",
        parameters: &[EIGEN_SMOOTH],
        run: Run::Map(cam::grad_cam),
    },
    Method {
        name: "grad-cam-book",
        summary: "grad-cam of the probability, averaged over the channels",
        formula: "mean_k mean(g_k) A_k",
        source: "Chollet, Deep Learning with Python, section 5.4",
        parameters: &[OF],
        run: Run::Map(cam::grad_cam_book),
    },
    Method {
        name: "grad-cam++",
        summary: "positive gradients weigh the channels, each position by its own share",
        formula: "Σ_k (Σ α relu(g_k)) A_k, α = g² / (2g² + g³ ΣA_k + 1e-6)",
        source: "Chattopadhyay et al. 2018, equations 7 and 19",
        parameters: &[EIGEN_SMOOTH],
        run: Run::Map(cam::grad_cam_plus_plus),
    },
    Method {
        name: "smooth-grad-cam++",
        summary: "grad-cam++ with gradients averaged over noisy copies of the input",
        formula: "Σ_k (Σ α relu(ḡ_k)) A_k, α = D₂ / (2D₂ + Σ(D₃ A_k) + 1e-8), D_n the mean of gⁿ",
        source: "Omeiza et al. 2019",
        parameters: &[SAMPLES, STD, FORM, EIGEN_SMOOTH],
        run: Run::Map(cam::smooth_grad_cam_plus_plus),
    },
    Method {
        name: "xgrad-cam",
        summary: "gradients averaged by how active each position is weigh the channels",
        formula: "Σ_k (Σ g_k A_k / (ΣA_k + 1e-7)) A_k",
        source: "Fu et al. 2020",
        parameters: &[EIGEN_SMOOTH],
        run: Run::Map(cam::xgrad_cam),
    },
    Method {
        name: "hires-cam",
        summary: "gradient × activation, summed over the channels",
        formula: "Σ_k g_k A_k",
        source: "Draelos and Carin 2020",
        parameters: &[EIGEN_SMOOTH],
        run: Run::Map(cam::hires_cam),
    },
    Method {
        name: "element-wise",
        summary: "the positive part of gradient × activation, summed over the channels",
        formula: "Σ_k relu(g_k A_k)",
        source: "pytorch-grad-cam, GradCAMElementWise",
        parameters: &[EIGEN_SMOOTH],
        run: Run::Map(cam::element_wise),
    },
    Method {
        name: "layer-cam",
        summary: "positive gradient × activation, summed over the channels; sharp at early layers",
        formula: "Σ_k relu(g_k) A_k",
        source: "Jiang et al. 2021",
        parameters: &[EIGEN_SMOOTH],
        run: Run::Map(cam::layer_cam),
    },
    Method {
        name: "eigen-cam",
        summary: "the first principal component of the activations; of no class",
        formula: "(A − mean(A)) v₁",
        source: "Muhammad and Yeasin 2020",
        parameters: &[],
        run: Run::Map(cam::eigen_cam),
    },
    Method {
        name: "eigen-grad-cam",
        summary: "the first principal component of gradient × activation, positive where it speaks for the class",
        formula: "(gA − mean(gA)) v₁",
        source: "pytorch-grad-cam, EigenGradCAM",
        parameters: &[],
        run: Run::Map(cam::eigen_grad_cam),
    },
    Method {
        name: "score-cam",
        summary: "each channel weighs as much as the picture scores through it; no gradients, a run for each channel",
        formula: "Σ_k softmax_k(y(x · mask_k)) A_k",
        source: "Wang et al. 2020",
        parameters: &[EIGEN_SMOOTH],
        run: Run::Map(cam::score_cam),
    },
    Method {
        name: "ablation-cam",
        summary: "each channel weighs what the score loses without it; no gradients, a run from the layer on for each channel",
        formula: "Σ_k ((y − y_k) / |y|) A_k",
        source: "Desai and Ramaswamy 2020",
        parameters: &[EIGEN_SMOOTH],
        run: Run::Map(cam::ablation_cam),
    },
    Method {
        name: "shapley-cam",
        summary: "grad-cam with the score's curvature taken into account",
        formula: "Σ_k mean(g − ½ H·A) A_k",
        source: "Cai 2025",
        parameters: &[EIGEN_SMOOTH],
        run: Run::Map(cam::shapley_cam),
    },
    Method {
        name: "full-grad",
        summary: "input × gradient and bias × gradient of all convolutions and batch norms; whatever the layer",
        formula: "ψ(x ∂y/∂x) + Σ ψ(b ∂y/∂z)",
        source: "Srinivas and Fleuret 2019",
        parameters: &[],
        run: Run::Map(cam::full_grad),
    },
    Method {
        name: "kpca-cam",
        summary: "the first kernel principal component of the activations; of no class",
        formula: "√λ₁ u₁ of the centred kernel matrix",
        source: "Karmani et al. 2024",
        parameters: &[KERNEL, GAMMA],
        run: Run::Map(cam::kpca_cam),
    },
    Method {
        name: "fem",
        summary: "each channel weighs as much as it is rarely strong; of no class",
        formula: "Σ_k share(A_k > mean + 2σ) A_k",
        source: "Fuad et al. 2020",
        parameters: &[SIGMAS],
        run: Run::Map(cam::fem),
    },
];
