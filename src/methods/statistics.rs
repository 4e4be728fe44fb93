//! Statistics of a layer and of each of its channels.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::MethodError;
use crate::engine::numbers;

/// Statistics of a layer's or a channel's values.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Statistics {
    /// Least finite value.
    pub min: f32,
    /// Greatest finite value.
    pub max: f32,
    /// Mean of the finite values.
    pub mean: f32,
    /// Population standard deviation of the finite values.
    pub std: f32,
    /// Share of exact zeros.
    pub sparsity: f32,
    /// Number of NaNs.
    pub nan: u64,
    /// Number of infinities.
    pub inf: u64,
}

/// Statistics of every channel, and of all of them together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LayerStatistics {
    /// All values.
    pub layer: Statistics,
    /// One for each channel.
    pub channels: Vec<Statistics>,
}

/// Statistics of maps K×H×W, computed where they are.
///
/// # Errors
/// When the device is out of memory.
pub fn of_channels(maps: &Tensor) -> Result<LayerStatistics, MethodError> {
    let count = maps.size().first().copied().unwrap_or(0);
    if maps.numel() == 0 {
        return Ok(LayerStatistics {
            layer: Statistics::default(),
            channels: vec![Statistics::default(); count as usize],
        });
    }
    if maps.device() == Device::Cpu {
        return Ok(on_host(&numbers(maps)?, count as usize));
    }
    on_device(maps, count)
}

/// Two passes over each channel while it is in the processor's cache: libtorch needs five over the whole layer, one of
/// them slow, which was ten times a forward run.
fn on_host(values: &[f32], count: usize) -> LayerStatistics {
    let length = values.len() / count;
    let (table, counts): (Vec<[f32; 5]>, Vec<[u64; 3]>) = values.chunks_exact(length).map(row_on_host).unzip();
    collect(table.as_flattened(), &counts, length as u64)
}

/// Min, max, mean, variance, zeros, and the counts of finite, NaN, infinite values.
fn row_on_host(row: &[f32]) -> ([f32; 5], [u64; 3]) {
    let zeros = row.iter().filter(|&&value| value == 0.0).count() as f32;
    if row.iter().all(|value| value.is_finite()) {
        return (finite_row_on_host(row, zeros), [row.len() as u64, 0, 0]);
    }
    let finite: Vec<f32> = row.iter().copied().filter(|value| value.is_finite()).collect();
    let nan = row.iter().filter(|value| value.is_nan()).count();
    let counts = [finite.len(), nan, row.len() - finite.len() - nan].map(|count| count as u64);
    (finite_row_on_host(&finite, zeros), counts)
}

fn finite_row_on_host(row: &[f32], zeros: f32) -> [f32; 5] {
    // Several sums side by side, so that the processor need not wait for the one before.
    let (chunks, rest) = row.as_chunks::<LANES>();
    let (mut least, mut greatest, mut sums) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES], [0.0_f64; LANES]);
    for chunk in chunks {
        for lane in 0..LANES {
            let value = chunk[lane];
            least[lane] = if value < least[lane] { value } else { least[lane] };
            greatest[lane] = if value > greatest[lane] { value } else { greatest[lane] };
            sums[lane] += f64::from(value);
        }
    }
    let least = least.iter().chain(rest).copied().fold(f32::INFINITY, f32::min);
    let greatest = greatest.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max);
    let rest_sum: f64 = rest.iter().copied().map(f64::from).sum();
    let length = row.len().max(1) as f64;
    let mean = (sums.iter().sum::<f64>() + rest_sum) / length;
    let square = |value: f32| (f64::from(value) - mean).powi(2);
    let mut squares = [0.0_f64; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            squares[lane] += square(chunk[lane]);
        }
    }
    let variance = (squares.iter().sum::<f64>() + rest.iter().copied().map(square).sum::<f64>()) / length;
    [least, greatest, mean as f32, variance as f32, zeros]
}

const LANES: usize = 8;

/// The same on the maps' own device; only the results are copied.
fn on_device(maps: &Tensor, count: i64) -> Result<LayerStatistics, MethodError> {
    tch::no_grad(|| {
        let rows = maps.f_to_kind(Kind::Float)?.f_reshape([count, -1])?;
        let (least, greatest) = rows.f_aminmax(1, false)?;
        // Whatever is not finite shows in the extremes, so that the usual case needs no masks.
        let bounds = Tensor::f_stack(&[&least, &greatest], 0)?;
        let finite = bounds.f_isfinite()?.f_all()?.f_int64_value(&[])? != 0;
        if finite { finite_rows(&rows, &least, &greatest) } else { masked_rows(&rows) }
    })
}

fn finite_rows(rows: &Tensor, least: &Tensor, greatest: &Tensor) -> Result<LayerStatistics, MethodError> {
    let length = rows.size()[1];
    let mean = rows.f_mean_dim(1, false, Kind::Float)?;
    let variance = rows.f_var_correction(1, 0, false)?;
    let zeros = rows.f_eq(0.0)?.f_sum_dim_intlist(1, false, Kind::Float)?;
    let table = numbers(&Tensor::f_stack(&[least, greatest, &mean, &variance, &zeros], 1)?)?;
    let counts = vec![[length as u64, 0, 0]; table.len() / 5];
    Ok(collect(&table, &counts, length as u64))
}

fn masked_rows(rows: &Tensor) -> Result<LayerStatistics, MethodError> {
    let length = rows.size()[1];
    let finite = rows.f_isfinite()?;
    let count = finite.f_sum_dim_intlist(1, false, Kind::Float)?;
    let fill = |value: f64| rows.f_where_scalarother(&finite, value);
    let least = fill(f64::INFINITY)?.f_amin(1, false)?;
    let greatest = fill(f64::NEG_INFINITY)?.f_amax(1, false)?;
    let known = fill(0.0)?;
    let divisor = count.f_clamp_min(1.0)?;
    let mean = known.f_sum_dim_intlist(1, false, Kind::Float)?.f_div(&divisor)?;
    let centred = known.f_sub(&mean.f_unsqueeze(1)?)?.f_where_scalarother(&finite, 0.0)?;
    let variance = centred.f_square()?.f_sum_dim_intlist(1, false, Kind::Float)?.f_div(&divisor)?;
    let zeros = rows.f_eq(0.0)?.f_sum_dim_intlist(1, false, Kind::Float)?;
    let table = numbers(&Tensor::f_stack(&[&least, &greatest, &mean, &variance, &zeros], 1)?)?;
    let nan = rows.f_isnan()?.f_sum_dim_intlist(1, false, Kind::Float)?;
    let inf = rows.f_isinf()?.f_sum_dim_intlist(1, false, Kind::Float)?;
    let counts = numbers(&Tensor::f_stack(&[&count, &nan, &inf], 1)?)?;
    let counts: Vec<[u64; 3]> = counts.as_chunks::<3>().0.iter().map(|row| row.map(|number| number as u64)).collect();
    Ok(collect(&table, &counts, length as u64))
}

/// From rows of min, max, mean, variance, zeros and of finite, NaN, infinite counts.
fn collect(table: &[f32], counts: &[[u64; 3]], length: u64) -> LayerStatistics {
    let rows = table.as_chunks::<5>().0;
    let channels: Vec<Statistics> = rows
        .iter()
        .zip(counts)
        .map(|(&[min, max, mean, variance, zeros], &[finite, nan, inf])| {
            let known = |value: f32| if finite == 0 { f32::NAN } else { value };
            Statistics {
                min: known(min),
                max: known(max),
                mean: known(mean),
                std: known(variance.max(0.0).sqrt()),
                sparsity: zeros / length as f32,
                nan,
                inf,
            }
        })
        .collect();
    let total: u64 = counts.iter().map(|row| row[0]).sum();
    let weighted = |of: &dyn Fn(&Statistics) -> f64| -> f64 {
        let sum =
            channels.iter().zip(counts).filter(|(_, row)| row[0] > 0).map(|(channel, row)| of(channel) * row[0] as f64);
        sum.sum::<f64>() / total.max(1) as f64
    };
    let mean = weighted(&|channel| channel.mean.into());
    // Variance of the whole: the mean variance and the variance of the means.
    let variance = weighted(&|channel| f64::from(channel.std).powi(2) + (f64::from(channel.mean) - mean).powi(2));
    let known = |value: f64| if total == 0 { f32::NAN } else { value as f32 };
    let layer = Statistics {
        min: channels.iter().map(|channel| channel.min).fold(f32::NAN, f32::min),
        max: channels.iter().map(|channel| channel.max).fold(f32::NAN, f32::max),
        mean: known(mean),
        std: known(variance.sqrt()),
        sparsity: (channels.iter().map(|channel| f64::from(channel.sparsity)).sum::<f64>()
            / channels.len().max(1) as f64) as f32,
        nan: channels.iter().map(|channel| channel.nan).sum(),
        inf: channels.iter().map(|channel| channel.inf).sum(),
    };
    LayerStatistics { layer, channels }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What runs on a GPU is compared with what runs on the processor, where both can.
    #[test]
    #[allow(clippy::unwrap_used, reason = "a test may panic")]
    fn both_ways_give_the_same_statistics() {
        tch::manual_seed(3);
        let plain = Tensor::randn([5, 7, 9], (Kind::Float, Device::Cpu)).relu();
        let damaged = plain.copy();
        let _ = damaged.get(1).get(2).fill_(f64::NAN);
        let _ = damaged.get(1).get(3).fill_(f64::NEG_INFINITY);
        let _ = damaged.get(4).fill_(f64::INFINITY);
        for maps in [plain, damaged, Tensor::from_slice(&[3.0_f32, 0.0, -1.0]).reshape([3, 1, 1])] {
            let (host, device) = (of_channels(&maps).unwrap(), on_device(&maps, maps.size()[0]).unwrap());
            let both = host.channels.iter().zip(&device.channels).chain([(&host.layer, &device.layer)]);
            for (host, device) in both {
                let near = |a: f32, b: f32| (a - b).abs() <= 1e-6 || (a.is_nan() && b.is_nan());
                assert!(near(host.min, device.min) && near(host.max, device.max), "{host:?} {device:?}");
                assert!(near(host.mean, device.mean) && near(host.std, device.std), "{host:?} {device:?}");
                assert_eq!((host.sparsity, host.nan, host.inf), (device.sparsity, device.nan, device.inf));
            }
        }
    }
}
