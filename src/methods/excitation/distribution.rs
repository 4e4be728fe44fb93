//! How a channel answers over many pictures: how its maxima are distributed, its mean, how much of it is active.

use super::sum::ExactSum;

/// Bits of a float32 that tell the bins apart: the sign, the exponent, and four of the mantissa. A bin is as wide as a
/// sixteenth of the power of two that it begins at, so that quantiles are right to about 6 %.
const SHIFT: u32 = 32 - 1 - 8 - 4;

/// What is known of a channel's answers to pictures. Merging is exact, associative and commutative: parts of a scan, merged in
/// any grouping and order, make what one scan of everything makes.
///
/// The distribution of the maxima is a histogram with bins that follow the numbers' size, as `HdrHistogram` has them, so that
/// no range need be known beforehand.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Distribution {
    /// Pictures whose maps hold only finite numbers.
    pub pictures: u64,
    /// Pictures whose maps hold NaN or infinity: they count nowhere else.
    pub undefined: u64,
    /// Positions of the maps of all pictures.
    pub positions: u64,
    /// Positions with a value above 0.
    pub positive: u64,
    /// The sum over the pictures of the mean over the map.
    pub sum: ExactSum,
    /// The least and the greatest maximum.
    range: Option<(f32, f32)>,
    /// Bin and count, bins ascending.
    bins: Vec<(u16, u64)>,
}

/// Maxima within a bin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Where the bin begins.
    pub from: f32,
    /// Where it ends.
    pub to: f32,
    /// Pictures whose maximum lies in it.
    pub pictures: u64,
}

impl Distribution {
    /// Takes in a picture: the greatest value of its map, the mean, and how many of its positions are above 0.
    pub fn add(&mut self, maximum: f32, mean: f32, positive: u64, positions: u64) {
        if !maximum.is_finite() || !mean.is_finite() {
            self.undefined += 1;
            return;
        }
        self.pictures += 1;
        self.positions += positions;
        self.positive += positive;
        self.sum.add(mean);
        self.range =
            Some(self.range.map_or((maximum, maximum), |(least, most)| (least.min(maximum), most.max(maximum))));
        self.count(bin_of(maximum), 1);
    }

    fn count(&mut self, bin: u16, pictures: u64) {
        match self.bins.binary_search_by_key(&bin, |(known, _)| *known) {
            Ok(place) => self.bins[place].1 = self.bins[place].1.saturating_add(pictures),
            Err(place) => self.bins.insert(place, (bin, pictures)),
        }
    }

    /// Takes in what is known of other pictures.
    pub fn merge(&mut self, other: &Self) {
        self.pictures = self.pictures.saturating_add(other.pictures);
        self.undefined = self.undefined.saturating_add(other.undefined);
        self.positions = self.positions.saturating_add(other.positions);
        self.positive = self.positive.saturating_add(other.positive);
        self.sum.merge(&other.sum);
        self.range = match (self.range, other.range) {
            (Some(one), Some(two)) => Some((one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        };
        for &(bin, pictures) in &other.bins {
            self.count(bin, pictures);
        }
    }

    /// The least maximum of a picture, and the greatest.
    pub fn range(&self) -> Option<(f32, f32)> {
        self.range
    }

    /// The mean over the pictures of the mean over the map.
    pub fn mean(&self) -> Option<f64> {
        (self.pictures > 0).then(|| self.sum.value() / self.pictures as f64)
    }

    /// Share of the positions of all maps with a value above 0.
    pub fn active(&self) -> Option<f64> {
        (self.positions > 0).then(|| self.positive as f64 / self.positions as f64)
    }

    /// The bins that hold pictures, ascending.
    pub fn bins(&self) -> impl Iterator<Item = Bin> {
        self.bins.iter().map(|&(bin, pictures)| {
            let (from, to) = edges(bin);
            Bin { from, to, pictures }
        })
    }

    /// About the value that a share of the pictures stay below with their maximum: 0.5 is the median.
    pub fn quantile(&self, share: f64) -> Option<f32> {
        let (least, most) = self.range?;
        let wanted = share.clamp(0.0, 1.0) * self.pictures as f64;
        let mut below = 0.0;
        for bin in self.bins() {
            let count = bin.pictures as f64;
            if below + count >= wanted {
                let part = if count > 0.0 { (wanted - below) / count } else { 0.0 };
                let value = f64::from(bin.from) + part * (f64::from(bin.to) - f64::from(bin.from));
                return Some((value as f32).clamp(least, most));
            }
            below += count;
        }
        Some(most)
    }

    /// About the share of the pictures whose maximum is below a value.
    pub fn share_below(&self, value: f32) -> Option<f64> {
        let (least, most) = self.range?;
        if value <= least || value > most {
            return Some(if value > most { 1.0 } else { 0.0 });
        }
        let value = f64::from(value);
        let below = self.bins().map(|bin| {
            let (from, to) = (f64::from(bin.from.max(least)), f64::from(bin.to.min(most)));
            let part = if to > from { ((value - from) / (to - from)).clamp(0.0, 1.0) } else { f64::from(value > from) };
            part * bin.pictures as f64
        });
        Some(below.sum::<f64>() / self.pictures.max(1) as f64)
    }

    /// The distribution in bins of equal width over its range, for drawing: pictures of a bin that lies in several of them are
    /// shared out by width, so that the numbers need not be whole.
    pub fn even_bins(&self, count: usize) -> Vec<f64> {
        let mut even = vec![0.0; count];
        let Some((least, most)) = self.range.map(|(least, most)| (f64::from(least), f64::from(most))) else {
            return even;
        };
        let width = (most - least) / count.max(1) as f64;
        for bin in self.bins() {
            let (from, to) = (f64::from(bin.from).max(least), f64::from(bin.to).min(most));
            let pictures = bin.pictures as f64;
            let place_of =
                |value: f64| if width > 0.0 { ((value - least) / width).clamp(0.0, count as f64) } else { 0.0 };
            let (start, end) = (place_of(from), place_of(to));
            if end - start < 1e-9 {
                if let Some(one) = even.get_mut((start as usize).min(count.saturating_sub(1))) {
                    *one += pictures;
                }
                continue;
            }
            for (index, one) in even.iter_mut().enumerate() {
                let overlap = (end.min(index as f64 + 1.0) - start.max(index as f64)).max(0.0);
                *one += pictures * overlap / (end - start);
            }
        }
        even
    }

    /// The histogram for a file: where each bin begins, and its count.
    pub fn histogram(&self) -> impl Iterator<Item = (f32, u64)> {
        self.bins.iter().map(|&(bin, pictures)| (edges(bin).0, pictures))
    }

    /// What a file keeps: pictures, undefined, positions and positive; the sum; the histogram; the least and greatest maximum.
    pub fn restored(
        [pictures, undefined, positions, positive]: [u64; 4],
        sum: ExactSum,
        histogram: impl IntoIterator<Item = (f32, u64)>,
        range: Option<(f32, f32)>,
    ) -> Self {
        let mut restored = Self { pictures, undefined, positions, positive, sum, range, bins: Vec::new() };
        for (from, pictures) in histogram {
            restored.count(bin_of(from), pictures);
        }
        restored
    }
}

/// The bin of a finite number: its bits, so turned that they ascend with it, without the last ones.
fn bin_of(value: f32) -> u16 {
    // −0 and 0 are the same number.
    let bits = (value + 0.0).to_bits();
    let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    (ascending >> SHIFT) as u16
}

/// Where a bin begins and ends.
fn edges(bin: u16) -> (f32, f32) {
    let value = |ascending: u32| {
        let bits = if ascending >> 31 == 1 { ascending & !(1 << 31) } else { !ascending };
        f32::from_bits(bits)
    };
    let first = u32::from(bin) << SHIFT;
    let last = value(first | ((1 << SHIFT) - 1));
    (value(first), if last.is_finite() { last.next_up().min(f32::MAX) } else { f32::MAX })
}
