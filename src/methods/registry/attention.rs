//! The methods that make maps of a transformer's attention.

use super::{Method, Parameter, Range, Run};
use crate::methods::attention;

const BLOCKS: Parameter = Parameter {
    name: "blocks",
    meaning: "how many of the last blocks take part; 0: all",
    range: Range::Whole { default: 0, least: 0, most: 1000 },
};

/// In the order in which they are listed.
pub(super) const ATTENTION: &[Method] = &[
    Method {
        name: "attention-rollout",
        summary: "attention of all blocks in turn, from the class token to the patches, whatever the class",
        formula: "row of Π_l (½ A_l + ½ I), A_l: weights of block l over all heads",
        source: "Abnar and Zuidema 2020, section 3",
        parameters: &[
            Parameter {
                name: "heads",
                meaning: "how the heads of a block become one",
                range: Range::Choice(&["mean", "max", "min"]),
            },
            Parameter {
                name: "discard",
                meaning: "share of each block's smallest weights that is set to nothing",
                range: Range::Real { default: 0.0, least: 0.0, most: 0.99 },
            },
            BLOCKS,
        ],
        run: Run::Map(attention::rollout),
    },
    Method {
        name: "legrad",
        summary: "positive gradients of the target with respect to the attention of each block",
        formula: "mean_l mean_heads,queries relu(∂s_l/∂A_l), s_l: the target of the mean of block l's tokens",
        source: "Bousselham et al. 2024 (ICCV 2025)",
        parameters: &[BLOCKS],
        run: Run::Map(attention::legrad),
    },
];
