//! The order in which channels are paged through.

use super::super::protocol::{Order, Statistics};

/// Channels in an order: greatest first, equal ones as the layer has them, NaN last. `contributions` is needed for
/// [`Order::Contribution`] alone.
pub(super) fn ranked(order: Order, statistics: &[Statistics], contributions: Option<&[f32]>) -> Vec<usize> {
    let by = |key: fn(&Statistics) -> f32| sorted(&statistics.iter().map(key).collect::<Vec<_>>());
    match order {
        Order::Index => (0..statistics.len()).collect(),
        Order::Mean => by(|channel| channel.mean),
        Order::Max => by(|channel| channel.max),
        Order::Variance => by(|channel| channel.std),
        Order::Sparsity => by(|channel| channel.sparsity),
        Order::Contribution => sorted(contributions.unwrap_or_default()),
    }
}

fn sorted(keys: &[f32]) -> Vec<usize> {
    let rank = |key: f32| if key.is_nan() { f32::NEG_INFINITY } else { key };
    let mut order: Vec<usize> = (0..keys.len()).collect();
    // NaN behind minus infinity itself.
    order.sort_by(|&a, &b| {
        rank(keys[b]).total_cmp(&rank(keys[a])).then_with(|| keys[a].is_nan().cmp(&keys[b].is_nan()))
    });
    order
}
