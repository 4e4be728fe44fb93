//! Statistics of a layer and of each of its channels.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

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

/// Statistics of maps K×H×W, computed on their device; only the results are copied.
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
