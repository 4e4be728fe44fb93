//! Entering the terminal and leaving it as it was: on quit, error, panic, signals and suspension.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use crossterm::cursor::{Hide, SetCursorStyle, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture,
};
use crossterm::queue;
use crossterm::terminal::{
    Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use ratatui::{Frame, Viewport};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::dup2_stdout;

use super::frames::Frames;
use super::guard::Guard;
use super::messages::ABOVE_STDIO;

static ACTIVE: AtomicBool = AtomicBool::new(false);
/// Whether the mouse is ours as well.
static MOUSE: AtomicBool = AtomicBool::new(false);
/// The screen, while stdout is elsewhere.
static SCREEN: Mutex<Option<OwnedFd>> = Mutex::new(None);

/// A terminal that is ours until this is dropped.
pub struct Session {
    frames: Frames,
    guard: Option<Guard>,
}

impl Session {
    /// Takes the terminal: raw mode, the other screen, no cursor, and the mouse if it is wanted. A panic gives it back before it reports.
    ///
    /// # Errors
    /// When the terminal refuses, as when there is none.
    pub fn enter(mouse: bool) -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let report = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                report(panic);
            }));
        });
        MOUSE.store(mouse, Ordering::SeqCst);
        take()?;
        let frames = Frames::new(Viewport::Fullscreen).inspect_err(|_| restore())?;
        let guard = Guard::start(screen()?, &giving_back()?);
        Ok(Self { frames, guard })
    }

    /// Draws a frame in one synchronized write, with what `draw` gives after its characters, and gives the number of bytes.
    /// A frame like the one before it writes nothing.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>) -> Vec<u8>) -> io::Result<usize> {
        let frame = self.frames.draw(draw)?;
        if !frame.is_empty() {
            self.write(&frame)?;
        }
        Ok(frame.len())
    }

    /// Writes something that is no part of a frame.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        screen()?.write_all(bytes)
    }

    /// Forgets what is on the screen, so that the next frame writes everything.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn forget_screen(&mut self) -> io::Result<()> {
        let mut clear = Vec::new();
        queue!(clear, Clear(ClearType::All))?;
        screen()?.write_all(&clear)?;
        self.frames.forget()
    }

    /// Columns and rows.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn size(&self) -> io::Result<ratatui::layout::Size> {
        self.frames.size()
    }

    /// Gives the terminal back, stops the whole job until it is continued, and takes the terminal again.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn suspend(&mut self) -> io::Result<()> {
        restore();
        // The shell waits for the process group; a raised TSTP would be dropped where the group is orphaned.
        rustix::process::kill_current_process_group(rustix::process::Signal::STOP)?;
        take()?;
        self.forget_screen()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        restore();
        if let Some(guard) = self.guard.take() {
            // A guard that is gone has nothing left to do either.
            let _ = guard.dismiss();
        }
    }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    ACTIVE.store(true, Ordering::SeqCst);
    enter_screen().inspect_err(|_| restore())
}

fn enter_screen() -> io::Result<()> {
    keep_screen_to_ourselves()?;
    let mut taking = Vec::new();
    queue!(taking, EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, Hide)?;
    if MOUSE.load(Ordering::SeqCst) {
        queue!(taking, EnableMouseCapture)?;
    }
    screen()?.write_all(&taking)
}

/// What libtorch's libraries print on stdout goes where its messages go, unless those are on the screen too.
fn keep_screen_to_ourselves() -> io::Result<()> {
    if io::stderr().is_terminal() {
        return Ok(());
    }
    let own = fcntl_dupfd_cloexec(io::stdout(), ABOVE_STDIO)?;
    dup2_stdout(io::stderr())?;
    *SCREEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(own);
    Ok(())
}

/// The screen, whatever stdout is.
fn screen() -> io::Result<File> {
    let own = SCREEN.lock().unwrap_or_else(PoisonError::into_inner);
    let screen = match own.as_ref() {
        Some(own) => own.try_clone()?,
        None => fcntl_dupfd_cloexec(io::stdout(), ABOVE_STDIO)?,
    };
    Ok(File::from(screen))
}

/// What gives the screen back.
fn giving_back() -> io::Result<Vec<u8>> {
    let mut giving = Vec::new();
    queue!(giving, EndSynchronizedUpdate)?;
    if MOUSE.load(Ordering::SeqCst) {
        queue!(giving, DisableMouseCapture)?;
    }
    queue!(giving, DisableFocusChange, DisableBracketedPaste, LeaveAlternateScreen)?;
    queue!(giving, SetCursorStyle::DefaultUserShape, Show)?;
    Ok(giving)
}

/// Gives the terminal back as it was; does nothing where that has happened.
pub fn restore() {
    if !ACTIVE.swap(false, Ordering::SeqCst) {
        return;
    }
    // The terminal may be gone: there is nobody to tell then. Keys go first: whoever sees the screen given back may type.
    let _ = disable_raw_mode();
    let _ = screen().and_then(|mut screen| screen.write_all(&giving_back()?));
    if let Some(own) = SCREEN.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _ = dup2_stdout(own);
    }
}
