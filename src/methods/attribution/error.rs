//! Why an attribution cannot be made.

/// Why an attribution cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributionError {
    /// The method changes what ReLU does with gradients, and there is none on the way.
    #[error("{0} changes the gradient of ReLU, but no ReLU leads to this target")]
    NoRectifier(&'static str),
    /// Nothing leads from the input to the target.
    #[error("the target does not depend on the input")]
    Independent,
    /// A batch of inputs.
    #[error("an attribution is made for one picture at a time, not for {0}")]
    SeveralPictures(i64),
    /// Numbers given in place of drawn ones that are too few or of another shape.
    #[error(
        "the given numbers have shape {}, but {} is needed",
        super::super::shape(given),
        super::super::shape(wanted)
    )]
    Drawn {
        /// Their shape.
        given: Vec<i64>,
        /// The shape that would be right.
        wanted: Vec<i64>,
    },
    /// Gradients that half precision has no numbers for: relevance over a value that is nearly nothing.
    #[error("relevance goes beyond the greatest number of float16 here: give --precision bfloat16 or float32")]
    BeyondHalf,
    /// A rule for the first layer was asked for, and something else comes before it.
    #[error("first-layer={0} needs a convolution or linear layer that reads the input directly")]
    NoFirstLayer(&'static str),
}
