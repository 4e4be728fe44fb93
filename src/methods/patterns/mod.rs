//! Filter patterns: the input that maximises a channel, by gradient ascent from noise.
//!
//! [`Recipe`] says how, with its constants and sources; [`Subject`] says what is to become great, and where. An [`Ascent`] grows
//! several patterns together, step by step, so that they can be looked at while they grow, stopped, saved and continued. What a
//! pattern becomes depends on the seed, its channel and the step alone, not on the batch that it grows in.

mod ascent;
mod climb;
pub mod color;
pub mod fourier;
mod group;
mod growth;
pub mod maco;
mod objective;
mod optimiser;
mod own_channel;
mod random;
mod recipe;
mod saved;
mod space;
pub mod transform;

use super::Network;
use crate::model::Layout;

pub use ascent::Ascent;
pub use growth::Given;
pub use objective::{DIVERSITY_WEIGHT, Diversity, Objective, Subject};
pub use random::Lane;
pub use recipe::{Book, Lucid, Maco, Recipe};
pub(super) use recipe::{book, lucid, maco as maco_recipe};
pub use saved::Saved;
pub use space::deprocess;

/// Height and width at which a layer's patterns show their structure: what the recipe's authors give, or about sixteen of the
/// layer's positions, 64 to 160 pixels, or the size that the network was exported for where nothing smaller can be run.
pub fn size_for(network: &Network, layer_shape: &[i64], layout: Layout, recipe: &Recipe) -> (usize, usize) {
    if let Some(side) = recipe.side() {
        return (side, side);
    }
    let (height, width) = network.usual_size();
    let positions = match (layer_shape, layout) {
        (&[_, _, rows, _], Layout::ChannelsFirst) | (&[_, rows, _, _], Layout::ChannelsLast) if rows > 1 => {
            rows as usize
        }
        // Vectors and tokens look at the whole input.
        _ => return (height, width),
    };
    let side = (16 * (height / positions).max(1)).clamp(64, 160);
    (side.min(height), side.min(width))
}
