//! How the values of a channel are distributed.

/// Counts of finite values in bins of equal width, and of what is not finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Lower edge of the first bin.
    pub min: f32,
    /// Upper edge of the last bin.
    pub max: f32,
    /// Values in each bin; a value on an edge counts to the upper bin, the largest to the last.
    pub counts: Vec<usize>,
    /// Values that are NaN or infinite.
    pub not_finite: usize,
}

impl Histogram {
    /// Counts `values` in `bins` bins between the least and the largest finite one, as `numpy.histogram` does; equal values
    /// stand in the middle of a range of 1. At least one bin.
    pub fn of(values: &[f32], bins: usize) -> Self {
        let mut counts = vec![0; bins.max(1)];
        let range = super::Range::of(values);
        let (min, max) = match range {
            None => (0.0, 1.0),
            Some(range) if range.min >= range.max => (f64::from(range.min) - 0.5, f64::from(range.max) + 0.5),
            Some(range) => (f64::from(range.min), f64::from(range.max)),
        };
        let last = counts.len() - 1;
        let width = (max - min) / counts.len() as f64;
        let mut not_finite = 0;
        for value in values {
            if value.is_finite() {
                let value = f64::from(*value);
                let guess = (((value - min) / width) as usize).min(last);
                // The division may land a hair beside an edge that the multiplication puts exactly.
                let bin = match guess {
                    guess if guess > 0 && value < min + guess as f64 * width => guess - 1,
                    guess if guess < last && value >= min + (guess + 1) as f64 * width => guess + 1,
                    guess => guess,
                };
                counts[bin] += 1;
            } else {
                not_finite += 1;
            }
        }
        Self { min: min as f32, max: max as f32, counts, not_finite }
    }

    /// The largest count.
    pub fn peak(&self) -> usize {
        self.counts.iter().copied().max().unwrap_or(0)
    }
}
