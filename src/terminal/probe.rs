//! What the terminal can draw, asked once before anything else reads the keyboard.

use std::io::IsTerminal;
use std::time::Duration;

use ratatui_image::picker::cap_parser::QueryStdioOptions;
use ratatui_image::picker::{Picker, ProtocolType};

use super::{Canvas, CellSize, ColorDepth, Graphics, Protocol};

/// Longest wait for a terminal that does not answer.
const PATIENCE: Duration = Duration::from_millis(800);

/// The protocol that pictures are drawn by, and the size of a cell; `None` draws none.
fn picker(wanted: Graphics) -> Option<Picker> {
    if wanted == Graphics::Off || !std::io::stdout().is_terminal() {
        return None;
    }
    // Placeholders and half blocks are made of colours: NO_COLOR is for the words.
    crossterm::style::force_color_output(true);
    let options = QueryStdioOptions { timeout: PATIENCE, kitty_compression: true, ..QueryStdioOptions::default() };
    let mut picker = Picker::from_query_stdio_with_options(options).unwrap_or_else(|_| Picker::halfblocks());
    match wanted {
        Graphics::Kitty => picker.set_protocol_type(ProtocolType::Kitty),
        Graphics::Sixel => picker.set_protocol_type(ProtocolType::Sixel),
        Graphics::Iterm2 => picker.set_protocol_type(ProtocolType::Iterm2),
        Graphics::Cells => picker.set_protocol_type(ProtocolType::Halfblocks),
        Graphics::Auto if refuses_pictures() || lost_in_tmux(&picker) => {
            picker.set_protocol_type(ProtocolType::Halfblocks);
        }
        Graphics::Auto | Graphics::Off => {}
    }
    Some(picker)
}

/// What pictures are drawn on; `None` where none are.
pub fn canvas(wanted: Graphics) -> Option<Canvas> {
    let picker = picker(wanted)?;
    let protocol = match picker.protocol_type() {
        ProtocolType::Kitty => Protocol::Kitty,
        ProtocolType::Sixel => Protocol::Sixel,
        ProtocolType::Iterm2 => Protocol::Iterm2,
        ProtocolType::Halfblocks => Protocol::Cells,
    };
    let cell = CellSize { width: picker.font_size().width, height: picker.font_size().height };
    Some(Canvas { protocol, cell, through_tmux: picker.tmux_detected(), colors: ColorDepth::True })
}

/// Terminals that answer the question but do not draw what follows: zellij has no placeholders, VS Code's pictures are off
/// unless someone turned them on.
fn refuses_pictures() -> bool {
    std::env::var_os("ZELLIJ").is_some() || std::env::var("TERM_PROGRAM").is_ok_and(|name| name == "vscode")
}

/// A multiplexer clips and scrolls kitty's placeholders like any text; sixel and iTerm2 pictures that are passed through it land
/// where the outer terminal's cursor happens to be.
fn lost_in_tmux(picker: &Picker) -> bool {
    picker.tmux_detected() && picker.protocol_type() != ProtocolType::Kitty
}
