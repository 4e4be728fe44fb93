//! A pattern as it was left.

/// Everything that a pattern needs to go on, on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// Steps that it has taken.
    pub step: usize,
    /// The objective before the last of them.
    pub value: f32,
    /// What it is made of: see [`super::Ascent::from_parameters`].
    pub parameters: Vec<f32>,
    /// Running means of the gradient and of its square, where the recipe has them.
    pub moments: Vec<Vec<f32>>,
}

impl Saved {
    /// Whether it is of a pattern whose parameters have these sizes.
    pub(super) fn fits(&self, shape: &[i64]) -> bool {
        let count = shape.iter().product::<i64>() as usize;
        let alike = self.moments.iter().all(|moment| moment.len() == count);
        self.parameters.len() == count && alike && matches!(self.moments.len(), 0 | 2)
    }
}
