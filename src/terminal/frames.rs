//! Frames as bytes: the characters that have changed and what follows them, in one synchronized piece.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::layout::Size;
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};

/// What is written of a frame, until it is whole.
#[derive(Debug, Clone, Default)]
struct Screen(Rc<RefCell<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Draws frames and knows what is on the screen.
pub struct Frames {
    terminal: Terminal<CrosstermBackend<Screen>>,
    viewport: Viewport,
    screen: Screen,
    /// What the backend writes when nothing has changed.
    idle: Vec<u8>,
}

impl Frames {
    /// Nothing is on the screen yet.
    ///
    /// # Errors
    /// When the size of a whole screen is asked of a terminal that is not there.
    pub fn new(viewport: Viewport) -> io::Result<Self> {
        let screen = Screen::default();
        let mut terminal = on(&screen, &viewport)?;
        terminal.backend_mut().draw(std::iter::empty())?;
        let idle = screen.0.take();
        Ok(Self { terminal, viewport, screen, idle })
    }

    /// The bytes of a frame, with what `draw` gives after its characters; none where it is like the one before it.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>) -> Vec<u8>) -> io::Result<Vec<u8>> {
        self.terminal.autoresize()?;
        let after = draw(&mut self.terminal.get_frame());
        self.terminal.flush()?;
        self.terminal.swap_buffers();
        let characters = self.screen.0.take();
        if after.is_empty() && (characters.is_empty() || characters == self.idle) {
            return Ok(Vec::new());
        }
        let mut frame = Vec::with_capacity(characters.len() + after.len() + 32);
        queue!(frame, BeginSynchronizedUpdate)?;
        frame.extend(characters);
        frame.extend(after);
        queue!(frame, EndSynchronizedUpdate)?;
        Ok(frame)
    }

    /// Forgets what is on the screen, so that the next frame has everything.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn forget(&mut self) -> io::Result<()> {
        // Terminal::clear asks the terminal for the cursor's position, whose answer the keyboard's thread would take.
        self.terminal = on(&self.screen, &self.viewport)?;
        Ok(())
    }

    /// Columns and rows.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }
}

fn on(screen: &Screen, viewport: &Viewport) -> io::Result<Terminal<CrosstermBackend<Screen>>> {
    Terminal::with_options(CrosstermBackend::new(screen.clone()), TerminalOptions { viewport: viewport.clone() })
}
