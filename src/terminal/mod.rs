//! The terminal: entering and leaving it, what it can draw, and drawing pictures on it.

pub mod clipboard;
pub mod depth;
pub mod encoder;
pub mod frames;
pub mod graphics;
mod guard;
pub mod messages;
mod passthrough;
pub mod probe;
pub mod session;

use clap::ValueEnum;

pub use passthrough::passthrough;

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
    /// iTerm2's inline images.
    Iterm2,
    /// Half blocks: two pixels a cell.
    Cells,
    /// No pictures.
    Off,
}

/// The protocol that pictures are drawn by, once that is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// The kitty graphics protocol, with Unicode placeholders.
    Kitty,
    /// Sixel.
    Sixel,
    /// iTerm2's inline images.
    Iterm2,
    /// Half blocks and quadrants: characters in colour.
    Cells,
}

impl Protocol {
    /// As `--graphics` calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kitty => "kitty",
            Self::Sixel => "sixel",
            Self::Iterm2 => "iterm2",
            Self::Cells => "cells",
        }
    }
}

/// Colours that characters can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ColorDepth {
    /// The terminal's sixteen.
    Ansi16,
    /// The 6×6×6 cube and the grey ramp.
    Indexed256,
    /// 24 bits.
    True,
}

impl ColorDepth {
    /// How many there are, in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ansi16 => "16 colours",
            Self::Indexed256 => "256 colours",
            Self::True => "24-bit colours",
        }
    }
}

/// Width and height of a character cell in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CellSize {
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
}

/// What pictures are drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Canvas {
    /// How they are drawn.
    pub protocol: Protocol,
    /// Size of a cell.
    pub cell: CellSize,
    /// Whether escape sequences for the outer terminal are wrapped for tmux.
    pub through_tmux: bool,
    /// Colours of characters.
    pub colors: ColorDepth,
}
