//! Why it cannot be measured how far a map is to be trusted.

use super::super::shape;

/// Why it cannot be measured how far a map is to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaithfulnessError {
    /// A method of another kind.
    #[error("{0} is no metric")]
    NoMetric(&'static str),
    /// A batch of inputs.
    #[error("maps are measured for one picture at a time, not for {0}")]
    SeveralPictures(i64),
    /// All pixels matter equally, so that none are more relevant than others.
    #[error("the map is the same everywhere: {0} has no pixels to choose")]
    Flat(&'static str),
    /// A map of another size than the picture.
    #[error("the map has {}×{} numbers, but the picture {}×{} pixels", map.0, map.1, picture.0, picture.1)]
    Size {
        /// Rows and columns of the map.
        map: (usize, usize),
        /// Rows and columns of the picture.
        picture: (usize, usize),
    },
    /// Numbers given in place of drawn ones that are of another shape.
    #[error("the given numbers have shape {}, but {} is needed", shape(given), shape(wanted))]
    Drawn {
        /// Their shape.
        given: Vec<i64>,
        /// The shape that would be right.
        wanted: Vec<i64>,
    },
    /// Nothing was learned on the way to the target.
    #[error("no layer on the way to the target has weights to randomise")]
    NoWeights,
    /// The pixels that are left do not say what the missing ones are.
    #[error("the linear system of the missing pixels was not solved: is a number of the picture not finite?")]
    Unsolved,
}
