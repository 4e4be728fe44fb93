//! The terminal: entering and leaving it, what it can draw, and drawing pictures on it.

pub mod encoder;
pub mod probe;
pub mod session;

use clap::ValueEnum;

/// How pictures are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Graphics {
    /// What the terminal answers that it can.
    #[default]
    Auto,
    /// The kitty graphics protocol, with Unicode placeholders.
    Kitty,
    /// Sixel.
    Sixel,
    /// Half blocks: two pixels a cell.
    Cells,
    /// No pictures.
    Off,
}
