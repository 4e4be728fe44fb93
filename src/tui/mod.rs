//! The inspector.
/// Options.
#[derive(Debug)]
pub struct Options {
    /// a
    pub inputs: Vec<Option<std::path::PathBuf>>,
    /// a
    pub theme: Option<String>,
    /// a
    pub graphics: crate::terminal::Graphics,
    /// a
    pub colormap: crate::picture::ColorMap,
}
/// Errors
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// a
    #[error("x")]
    X,
}
/// run
/// # Errors
/// x
pub fn run(
    _o: Options,
    _r: crossbeam_channel::Sender<crate::service::protocol::Request>,
    _e: crossbeam_channel::Receiver<crate::service::protocol::Event>,
) -> Result<std::process::ExitCode, TuiError> {
    Err(TuiError::X)
}
