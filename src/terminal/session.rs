//! Entering the terminal and leaving it as it was: on quit, error, panic, signals and suspension.

use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};

type Backend = CrosstermBackend<BufWriter<Stdout>>;

/// One write a frame: pictures are large.
const OUT: usize = 1 << 16;

static ACTIVE: AtomicBool = AtomicBool::new(false);

/// A terminal that is ours until this is dropped.
pub struct Session {
    terminal: Terminal<Backend>,
}

impl Session {
    /// Takes the terminal: raw mode, the other screen, no cursor. A panic gives it back before it reports.
    ///
    /// # Errors
    /// When the terminal refuses, as when there is none.
    pub fn enter() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let report = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                report(panic);
            }));
        });
        take()?;
        let out = BufWriter::with_capacity(OUT, io::stdout());
        let terminal = Terminal::new(CrosstermBackend::new(out)).inspect_err(|_| restore())?;
        Ok(Self { terminal })
    }

    /// Draws a frame in one synchronized write.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(draw)?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
    }

    /// Forgets what is on the screen, so that the next frame writes everything.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn forget_screen(&mut self) -> io::Result<()> {
        let out = BufWriter::with_capacity(OUT, io::stdout());
        execute!(io::stdout(), Clear(ClearType::All))?;
        // Terminal::clear asks the terminal for the cursor's position, whose answer the keyboard's thread would take.
        self.terminal = Terminal::new(CrosstermBackend::new(out))?;
        Ok(())
    }

    /// Columns and rows.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn size(&self) -> io::Result<ratatui::layout::Size> {
        self.terminal.size()
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

    /// Puts a text into the clipboard of the machine that the terminal runs on, by OSC 52.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn copy(&mut self, text: &str, in_tmux: bool) -> io::Result<()> {
        let out = self.terminal.backend_mut();
        out.write_all(super::clipboard::copy_sequence(text, in_tmux).as_bytes())?;
        Write::flush(out)
    }

    /// Takes pictures that were drawn by the kitty protocol out of the terminal's memory.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn delete_kitty_pictures(&mut self, ids: impl Iterator<Item = u32>, in_tmux: bool) -> io::Result<()> {
        let out = self.terminal.backend_mut();
        for id in ids {
            if in_tmux {
                write!(out, "\x1bPtmux;\x1b\x1b_Ga=d,d=I,i={id},q=2\x1b\x1b\\\x1b\\")?;
            } else {
                write!(out, "\x1b_Ga=d,d=I,i={id},q=2\x1b\\")?;
            }
        }
        Write::flush(out)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        restore();
    }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    ACTIVE.store(true, Ordering::SeqCst);
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, Hide)
        .inspect_err(|_| restore())
}

/// Gives the terminal back as it was; does nothing where that has happened.
pub fn restore() {
    if !ACTIVE.swap(false, Ordering::SeqCst) {
        return;
    }
    // The terminal may be gone: there is nobody to tell then. Keys go first: whoever sees the screen given back may type.
    let _ = disable_raw_mode();
    let _ = execute!(
        io::stdout(),
        EndSynchronizedUpdate,
        DisableFocusChange,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Show
    );
}
