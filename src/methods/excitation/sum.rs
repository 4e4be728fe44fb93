//! A sum that does not depend on the order of what is summed.

/// The exact sum of float32 numbers: a whole number of units of 2⁻¹⁴⁹, the smallest step between float32 numbers, in 320 bits.
/// Adding rounds nothing, so that sums of parts make the sum of everything to the last digit, however the parts were cut.
/// There is room for 2⁴¹ of the greatest float32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct ExactSum([u64; WORDS]);

const WORDS: usize = 5;

impl ExactSum {
    /// Bytes of [`ExactSum::to_bytes`].
    pub const BYTES: usize = 8 * WORDS;

    /// Adds a finite number; anything else is left out.
    pub fn add(&mut self, value: f32) {
        if !value.is_finite() {
            return;
        }
        let bits = value.to_bits();
        let exponent = bits >> 23 & 0xff;
        let mantissa = (bits & 0x7f_ffff) | (u32::from(exponent != 0) << 23);
        let shift = exponent.max(1) - 1;
        let wide = u128::from(mantissa) << (shift % 64);
        let mut term = [0; WORDS];
        let parts = [wide as u64, (wide >> 64) as u64];
        for (word, part) in term.iter_mut().skip(shift as usize / 64).zip(parts) {
            *word = part;
        }
        let term = Self(term);
        self.merge(&if value < 0.0 { term.negated() } else { term });
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        let mut carry = false;
        for (word, more) in self.0.iter_mut().zip(other.0) {
            let (sum, first) = word.overflowing_add(more);
            let (sum, second) = sum.overflowing_add(carry.into());
            *word = sum;
            carry = first || second;
        }
    }

    /// The sum as a float64, to about its precision.
    pub fn value(&self) -> f64 {
        let negative = self.0[WORDS - 1] >> 63 == 1;
        let size = if negative { self.negated() } else { *self };
        let words = size.0.iter().enumerate().rev();
        let sum: f64 = words.map(|(index, &word)| word as f64 * 2.0_f64.powi(64 * index as i32 - 149)).sum();
        if negative { -sum } else { sum }
    }

    /// For a file: two's complement, least byte first.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// What [`ExactSum::to_bytes`] gave; none where the length is another.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let mut words = [0; WORDS];
        for (word, chunk) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*chunk);
        }
        Some(Self(words))
    }

    fn negated(&self) -> Self {
        let mut negated = Self(self.0.map(|word| !word));
        let mut one = [0; WORDS];
        one[0] = 1;
        negated.merge(&Self(one));
        negated
    }
}
