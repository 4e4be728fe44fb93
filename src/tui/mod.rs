//! The inspector: layer tree, channel pager and heatmap, by keyboard.
//!
//! The loop waits for keys, the engine's events and encoded pictures, hands each to the [`State`], and draws. Nothing in it
//! waits for the engine, and nothing is written while nothing changes.

pub mod action;
pub mod drawing;
mod exciting;
mod fuzzy;
mod heat;
mod incoming;
pub mod keymap;
pub mod layout;
pub mod page;
pub mod panes;
pub mod pictures;
pub mod prompt;
mod save;
pub mod search;
pub mod stamped;
pub mod state;
pub mod targets;
pub mod theme;
mod thumbnails;
pub mod update;

use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, at, bounded, never, select};
use crossterm::event::Event as TerminalEvent;
use signal_hook::consts::{SIGTSTP, SIGWINCH};

use crate::config::ThemeChoice;
use crate::picture::{ColorMap, Scale};
use crate::service::protocol::{Event, Pane, Request};
use crate::terminal::clipboard::copy_sequence;
use crate::terminal::messages::note;
use crate::terminal::probe::{self, Background, Decision, Environment, Grid, Wish};
use crate::terminal::session::Session;
use keymap::Keymap;
use panes::Drawn;
use pictures::Pictures;
use stamped::Stamped;
use state::{Notice, State};
use theme::Theme;
use thumbnails::Thumbnails;
use update::Effect;

/// What the user said on the command line.
#[derive(Debug)]
pub struct Options {
    /// Pictures to go through; `None` is the demo's.
    pub inputs: Vec<Option<PathBuf>>,
    /// All themes; never empty.
    pub themes: Vec<Theme>,
    /// The theme to begin with.
    pub theme: ThemeChoice,
    /// What keys do.
    pub keymap: Keymap,
    /// How pictures are to be drawn.
    pub graphics: Wish,
    /// Colour map to begin with.
    pub colormap: ColorMap,
    /// Scale to begin with.
    pub scale: Scale,
    /// Share of the heatmap in the overlay, 0 to 1.
    pub overlay_strength: f32,
    /// Whether channels are drawn with hard edges.
    pub crisp: bool,
    /// Whether the mouse is used.
    pub mouse: bool,
    /// The file of a scan, for what excites each channel.
    pub scan: Option<PathBuf>,
    /// What is to be said at the start.
    pub notices: Vec<String>,
}

/// Why the inspector cannot run.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// There is no terminal.
    #[error(
        "the inspector needs a terminal; the commands summary, predict, activations, patterns and cam do not ({0})"
    )]
    NoTerminal(io::Error),
    /// The terminal went away.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] io::Error),
    /// A thread that works for the inspector ended although it is still needed.
    #[error("the inspector's {0} stopped unexpectedly")]
    Stopped(&'static str),
}

/// Runs the inspector until the user leaves.
///
/// # Errors
/// No terminal, or a terminal that went away.
pub fn run(options: Options, requests: &Sender<Request>, events: &Receiver<Event>) -> Result<u8, TuiError> {
    let signals = incoming::signals()?;
    let (columns, rows) = crossterm::terminal::size().map_err(TuiError::NoTerminal)?;
    let environment = Environment::read();
    let (answers, keyboard) = probe::ask(&environment, probe::PATIENCE);
    let decision = probe::decide(&options.graphics, &environment, &answers);
    note(&decision.to_string());
    // Placeholders and half blocks are made of colours: NO_COLOR is for the words, whose theme has none then.
    crossterm::style::force_color_output(true);
    let theme = first_theme(&options.theme, &options.themes, decision.background);
    let session = Session::enter(options.mouse).map_err(TuiError::NoTerminal)?;
    let themes = options.themes.into_iter().map(|theme| theme.for_depth(decision.colors)).collect();
    let mut state = State::new(themes, options.inputs, (columns, rows), None);
    state.theme = theme;
    state.colormap = options.colormap;
    state.scale = options.scale;
    state.strength = (options.overlay_strength.clamp(0.0, 1.0) * 100.0).round() as u8;
    state.crisp = options.crisp;
    state.keymap = options.keymap;
    state.excitations.path = options.scan;
    state.notice = notice(&options.notices).map(Notice::Amiss);
    state.cell = decision.canvas.map(|canvas| (canvas.cell.width, canvas.cell.height));
    let keys = incoming::keys(keyboard);
    let pictures = Pictures::new(decision.canvas, line_rate());
    let (requests, drawn, grid) = (requests.clone(), Drawn::default(), answers.grid);
    let thumbnails = Thumbnails::new();
    Inspector { session, state, requests, pictures, thumbnails, drawn, decision, rests_at: None, grid }
        .run(&keys, events, &signals)
}

/// Place of the theme to begin with.
fn first_theme(choice: &ThemeChoice, themes: &[Theme], background: Option<Background>) -> usize {
    let name = match choice {
        ThemeChoice::Always(name) => name,
        ThemeChoice::ByBackground { light, dark } => {
            if background == Some(Background::Light) {
                light
            } else {
                dark
            }
        }
    };
    themes.iter().position(|theme| theme.name == *name).unwrap_or(0)
}

/// The first of what is to be said, and how much there is besides.
fn notice(notices: &[String]) -> Option<String> {
    match notices {
        [] => None,
        [only] => Some(only.clone()),
        [first, others @ ..] => Some(format!("{first} (and {} more, on stderr)", others.len())),
    }
}

/// A key that is pressed again within this time is held. Terminals repeat keys every 20 to 40 ms.
const REST: Duration = Duration::from_millis(120);

/// Bytes a second that pictures may take of an SSH line that is not known: a slow one of today.
const SSH_RATE: u32 = 1_000_000;

/// What the line to the terminal is trusted with; nothing where the terminal is on this machine.
fn line_rate() -> Option<u32> {
    std::env::var_os("SSH_CONNECTION").map(|_| SSH_RATE)
}

struct Inspector {
    session: Session,
    state: State,
    requests: Sender<Request>,
    pictures: Pictures,
    thumbnails: Thumbnails,
    /// What the last frame left to do, and what is where on it.
    drawn: Drawn,
    /// What the terminal can do.
    decision: Decision,
    /// When a key that walks channels counts as let go.
    rests_at: Option<Instant>,
    /// The terminal's size when it was asked.
    grid: Option<Grid>,
}

impl Inspector {
    fn run(
        mut self,
        keys: &Receiver<TerminalEvent>,
        events: &Receiver<Event>,
        signals: &Receiver<i32>,
    ) -> Result<u8, TuiError> {
        let (saving, saved) = bounded::<Result<PathBuf, String>>(16);
        let mut engine = events.clone();
        self.draw()?;
        loop {
            let mut effects = Vec::new();
            select! {
                recv(keys) -> event => match event {
                    Ok(event) => effects.extend(self.terminal_event(&event)),
                    // No keyboard any more: the terminal is gone.
                    Err(_) => effects.push(Effect::Quit(1)),
                },
                recv(engine) -> event => match event {
                    Ok(event) => effects.extend(self.state.event(event)),
                    // It has said why it cannot open the model, and that stays on the screen.
                    Err(_) if self.state.model.is_none() && self.state.failed.contains_key(&Pane::Input) => engine = never(),
                    Err(_) => return Err(TuiError::Stopped("engine")),
                },
                recv(self.pictures.encoded) -> encoded => match encoded {
                    Ok(encoded) => self.pictures.arrived(encoded),
                    Err(_) => return Err(TuiError::Stopped("encoder")),
                },
                // A picture has waited for the line.
                recv(self.pictures.due().map_or_else(never, at)) -> _ => {}
                // The key that was held is let go.
                recv(self.rests_at.map_or_else(never, at)) -> _ => {
                    self.rests_at = None;
                    self.state.resting = true;
                },
                recv(self.thumbnails.ready) -> thumbnail => if let Ok((place, picture)) = thumbnail {
                    self.state.thumbnails.insert(place, picture.map(Stamped::new));
                },
                recv(signals) -> signal => match signal {
                    Ok(SIGTSTP) => effects.push(Effect::Suspend),
                    // The frame that follows has the new size.
                    Ok(SIGWINCH) | Err(_) => {}
                    Ok(signal) => effects.push(Effect::Quit(128 + signal.clamp(0, 127) as u8)),
                },
                recv(saved) -> result => if let Ok(result) = result {
                    effects.extend(self.saved(result));
                },
            }
            // What has come in meanwhile is worked off before the next frame.
            while let Ok(event) = keys.try_recv() {
                effects.extend(self.terminal_event(&event));
            }
            while let Ok(event) = engine.try_recv() {
                effects.extend(self.state.event(event));
            }
            while let Ok((place, picture)) = self.thumbnails.ready.try_recv() {
                self.state.thumbnails.insert(place, picture.map(Stamped::new));
            }
            while let Ok(encoded) = self.pictures.encoded.try_recv() {
                self.pictures.arrived(encoded);
            }
            for effect in effects {
                if let Some(code) = self.perform(effect, &saving)? {
                    // What is being saved is saved before the end.
                    drop(saving);
                    saved.iter().for_each(drop);
                    return Ok(code);
                }
            }
            self.draw()?;
        }
    }

    fn terminal_event(&mut self, event: &TerminalEvent) -> Vec<Effect> {
        match event {
            TerminalEvent::Key(key) => {
                let before = (self.state.layer, self.state.channel);
                let effects = self.state.key(*key);
                if self.state.zoomed && before != (self.state.layer, self.state.channel) {
                    self.state.resting = false;
                    self.rests_at = Some(Instant::now() + REST);
                }
                effects
            }
            TerminalEvent::Mouse(mouse) => self.state.mouse(*mouse, &self.drawn.targets),
            TerminalEvent::Paste(text) => self.state.paste(text),
            // Multiplexers lose pictures of hidden windows.
            TerminalEvent::FocusGained if self.pictures.through_tmux() => vec![Effect::Redraw],
            _ => Vec::new(),
        }
    }

    /// Another size of letters makes cells of another size.
    fn follow_font(&mut self) {
        let Some(mut canvas) = self.decision.canvas else { return };
        canvas.cell = self.decision.cell_at(self.grid, probe::grid());
        let cell = Some((canvas.cell.width, canvas.cell.height));
        if self.state.cell == cell {
            return;
        }
        self.state.cell = cell;
        // A terminal that is gone is noticed at the next frame.
        let _ = self.session.write(&self.pictures.deletion());
        self.pictures.change(canvas);
    }

    fn perform(&mut self, effect: Effect, saving: &Sender<Result<PathBuf, String>>) -> Result<Option<u8>, TuiError> {
        match effect {
            Effect::Ask(request) => self.ask(request),
            Effect::Save => self.save(save::pictures(&self.state), saving.clone()),
            Effect::SaveNumbers => self.save(save::numbers(&self.state), saving.clone()),
            Effect::Redraw => {
                self.pictures.forget();
                self.session.forget_screen()?;
            }
            Effect::Copy(text) => self.session.write(&copy_sequence(&text, self.decision.through_tmux))?,
            Effect::Suspend => {
                self.session.suspend()?;
                self.pictures.forget();
            }
            Effect::Quit(code) => {
                // A terminal that is gone keeps no pictures.
                let _ = self.session.write(&self.pictures.deletion());
                return Ok(Some(code));
            }
        }
        Ok(None)
    }

    fn ask(&self, request: Request) {
        // The engine's thread may have ended with an error that is on the screen already.
        let _ = self.requests.send(request);
    }

    fn save(&mut self, shown: Option<save::Saving>, saving: Sender<Result<PathBuf, String>>) {
        let Some(shown) = shown else {
            self.state.notice =
                Some(Notice::Amiss("nothing of that kind to save here: go to the channels or the heatmap".to_owned()));
            return;
        };
        self.state.notice = Some(Notice::Done("saving …".to_owned()));
        thread::spawn(move || {
            let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
            // The interface may be gone by now.
            let _ = saving.send(shown.write(&folder));
        });
    }

    /// Says where it was saved, and gives the path to the clipboard.
    fn saved(&mut self, result: Result<PathBuf, String>) -> Option<Effect> {
        match result {
            Ok(path) => {
                self.state.notice = Some(Notice::Done(format!("saved {} (path copied)", path.display())));
                Some(Effect::Copy(path.display().to_string()))
            }
            Err(reason) => {
                self.state.notice = Some(Notice::Amiss(reason));
                None
            }
        }
    }

    /// The size, also that of the letters, is looked up before each frame: in a burst of changes the event of the last one may be
    /// missing, and other letters can leave as many cells.
    fn follow_size(&mut self) -> Result<(), TuiError> {
        self.follow_font();
        let size = self.session.size()?;
        if (size.width, size.height) == self.state.screen {
            return Ok(());
        }
        // The screen is cleared, and multiplexers may have dropped what they did not show.
        self.pictures.forget();
        for effect in self.state.resize(size.width, size.height) {
            if let Effect::Ask(request) = effect {
                self.ask(request);
            }
        }
        Ok(())
    }

    fn draw(&mut self) -> Result<(), TuiError> {
        self.follow_size()?;
        let Self { session, state, pictures, drawn, .. } = self;
        let bytes = session.draw(|frame| {
            let mut written = Vec::new();
            *drawn = panes::draw(state, frame, |wanted, covered, buffer| {
                pictures.ask(wanted);
                written = pictures.place(wanted, covered, buffer);
            });
            written
        })?;
        let path = |place: &usize| Some((*place, state.inputs.get(*place)?.clone()?));
        self.thumbnails.want(drawn.thumbnails.iter().filter_map(path).collect());
        if bytes > 0 {
            let took = pictures.took.as_secs_f64() * 1e3;
            state.statistics = format!("last frame {bytes} bytes · last picture {took:.1} ms to encode");
        }
        Ok(())
    }
}
