//! The terminal.
/// Protocol.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Graphics {
    /// a
    Auto,
}
