//! From numbers to pixels: pictures and arrays from files, scales, colour maps, channel grids, overlays, saving.
//!
//! Maps stay one byte per pixel with a palette for as long as possible ([`IndexedImage`]).

pub(crate) mod atomic;
pub mod attribution;
pub mod chart;
pub mod colormap;
pub mod grid;
pub mod histogram;
pub mod indexed;
pub mod load;
mod natural;
pub mod npy;
pub mod overlay;
pub mod raster;
pub mod save;
pub mod scale;
mod text;
pub mod trust;

pub use chart::Chart;
pub use colormap::ColorMap;
pub use grid::{Grid, channel_grid, picture_grid};
pub use histogram::Histogram;
pub use indexed::{IndexMap, IndexedImage};
pub use load::{Input, LoadError, Loaded};
pub use npy::NpyArray;
pub use overlay::{Blend, Overlay};
pub use raster::Raster;
pub use save::{SaveError, encode_indexed_png, save_indexed, save_picture};
pub use scale::{Range, Scale};
