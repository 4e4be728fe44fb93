//! The inspector: layer tree, channel pager and heatmap, by keyboard.
//!
//! The loop waits for keys, the engine's events and encoded pictures, hands each to the [`State`], and draws. Nothing in it
//! waits for the engine, and nothing is written while nothing changes.

pub mod action;
pub mod drawing;
mod fuzzy;
pub mod keymap;
pub mod layout;
pub mod page;
pub mod panes;
pub mod prompt;
mod save;
pub mod search;
pub mod stamped;
pub mod state;
pub mod targets;
pub mod theme;
pub mod update;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, never, select, unbounded};
use crossterm::event::Event as TerminalEvent;
use ratatui_image::Image;
use ratatui_image::picker::{Picker, ProtocolType};
use ratatui_image::protocol::Protocol;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

use crate::model::suggestion;
use crate::picture::ColorMap;
use crate::service::protocol::{Event, Pane, Request};
use crate::terminal::encoder::{self, Encoded, Job, Outcome, Slot, kitty_ids};
use crate::terminal::session::Session;
use crate::terminal::{Graphics, probe};
use drawing::Wanted;
use panes::Drawn;
use state::State;
use theme::Theme;
use update::Effect;

/// What the user said on the command line.
#[derive(Debug)]
pub struct Options {
    /// Pictures to go through; `None` is the demo's.
    pub inputs: Vec<Option<PathBuf>>,
    /// Name of the theme.
    pub theme: Option<String>,
    /// How pictures are drawn.
    pub graphics: Graphics,
    /// Colour map to begin with.
    pub colormap: ColorMap,
}

/// Why the inspector cannot run.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// No theme has this name.
    #[error("there is no theme '{name}'{suggestion}")]
    UnknownTheme {
        /// The name that was asked for.
        name: String,
        /// Names that are near.
        suggestion: String,
    },
    /// A built-in theme is damaged.
    #[error(transparent)]
    Theme(#[from] theme::ThemeError),
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
/// An unknown theme, no terminal, or a terminal that went away.
pub fn run(options: Options, requests: &Sender<Request>, events: &Receiver<Event>) -> Result<u8, TuiError> {
    let themes = Theme::built_in()?;
    let theme = match &options.theme {
        None => 0,
        Some(name) => themes.iter().position(|theme| theme.name == *name).ok_or_else(|| TuiError::UnknownTheme {
            name: name.clone(),
            suggestion: suggestion(name, themes.iter().map(|theme| theme.name.as_str())),
        })?,
    };
    let signals = signals()?;
    let (columns, rows) = crossterm::terminal::size().map_err(TuiError::NoTerminal)?;
    let mut session = Session::enter().map_err(TuiError::NoTerminal)?;
    let mut state = State::new(themes, options.inputs, (columns, rows), None);
    state.theme = theme;
    state.colormap = options.colormap;
    // Something to look at while the terminal is asked what it can draw.
    session.draw(|frame| drop(panes::draw(&state, frame)))?;
    let picker = probe::picker(options.graphics);
    state.cell = picker.as_ref().map(|picker| (picker.font_size().width, picker.font_size().height));
    let keys = keys();
    let pictures = Pictures::new(picker);
    Inspector { session, state, requests: requests.clone(), pictures, drawn: Drawn::default() }
        .run(&keys, events, &signals)
}

/// Reads the keyboard on a thread of its own.
fn keys() -> Receiver<TerminalEvent> {
    let (sender, keys) = unbounded();
    thread::spawn(move || {
        while let Ok(event) = crossterm::event::read() {
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    keys
}

fn signals() -> Result<Receiver<i32>, io::Error> {
    let (sender, received) = unbounded();
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT, SIGTSTP])?;
    thread::spawn(move || {
        for signal in signals.forever() {
            if sender.send(signal).is_err() {
                return;
            }
        }
    });
    Ok(received)
}

struct Inspector {
    session: Session,
    state: State,
    requests: Sender<Request>,
    pictures: Pictures,
    /// What the last frame left to do, and what is where on it.
    drawn: Drawn,
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
                recv(signals) -> signal => match signal {
                    Ok(SIGTSTP) => effects.push(Effect::Suspend),
                    Ok(signal) => effects.push(Effect::Quit(128 + signal.clamp(0, 127) as u8)),
                    Err(_) => {}
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
            TerminalEvent::Key(key) => self.state.key(*key),
            TerminalEvent::Mouse(mouse) => self.state.mouse(*mouse, &self.drawn.targets),
            TerminalEvent::Paste(text) => self.state.paste(text),
            TerminalEvent::Resize(columns, rows) => self.state.resize(*columns, *rows),
            // Multiplexers lose pictures of hidden windows.
            TerminalEvent::FocusGained if self.pictures.in_tmux => vec![Effect::Redraw],
            _ => Vec::new(),
        }
    }

    fn perform(&mut self, effect: Effect, saving: &Sender<Result<PathBuf, String>>) -> Result<Option<u8>, TuiError> {
        match effect {
            // The engine's thread may have ended with an error that is on the screen already.
            Effect::Ask(request) => drop(self.requests.send(request)),
            Effect::Save => self.save(save::pictures(&self.state), saving.clone()),
            Effect::SaveNumbers => self.save(save::numbers(&self.state), saving.clone()),
            Effect::Redraw => {
                self.pictures.forget();
                self.session.forget_screen()?;
            }
            Effect::Copy(text) => self.session.copy(&text, self.pictures.in_tmux)?,
            Effect::Suspend => {
                self.session.suspend()?;
                self.pictures.forget();
                let size = self.session.size()?;
                let effects = self.state.resize(size.width, size.height);
                for effect in effects {
                    self.perform(effect, saving)?;
                }
            }
            Effect::Quit(code) => {
                if self.pictures.kitty {
                    let ids: Vec<u32> = self.pictures.sent.iter().flat_map(|slot| kitty_ids(*slot)).collect();
                    // A terminal that is gone keeps no pictures.
                    let _ = self.session.delete_kitty_pictures(ids.into_iter(), self.pictures.in_tmux);
                }
                return Ok(Some(code));
            }
        }
        Ok(None)
    }

    fn save(&mut self, shown: Option<save::Saving>, saving: Sender<Result<PathBuf, String>>) {
        let Some(shown) = shown else {
            self.state.notice = Some("nothing of that kind to save here: go to the channels or the heatmap".to_owned());
            return;
        };
        self.state.notice = Some("saving …".to_owned());
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
                self.state.notice = Some(format!("saved {} (path copied)", path.display()));
                Some(Effect::Copy(path.display().to_string()))
            }
            Err(reason) => {
                self.state.notice = Some(reason);
                None
            }
        }
    }

    fn draw(&mut self) -> Result<(), TuiError> {
        let Self { session, state, pictures, drawn, .. } = self;
        session.draw(|frame| {
            *drawn = panes::draw(state, frame);
            for picture in &drawn.wanted {
                if let Some(protocol) = pictures.for_area(picture) {
                    frame.render_widget(Image::new(protocol), picture.area);
                }
            }
        })?;
        self.pictures.ask(&self.drawn.wanted);
        Ok(())
    }
}

/// Pictures that are encoded, and those on their way.
struct Pictures {
    jobs: Option<Sender<Job>>,
    encoded: Receiver<Encoded>,
    shown: HashMap<Slot, Protocol>,
    asked: HashMap<Slot, u64>,
    /// Slots that the terminal has ever held a picture of.
    sent: HashSet<Slot>,
    kitty: bool,
    in_tmux: bool,
}

impl Pictures {
    fn new(picker: Option<Picker>) -> Self {
        let kitty = picker.as_ref().is_some_and(|picker| picker.protocol_type() == ProtocolType::Kitty);
        let in_tmux = picker.as_ref().is_some_and(Picker::tmux_detected);
        let (jobs, encoded) =
            picker.map(encoder::spawn).map_or_else(|| (None, never()), |(jobs, encoded)| (Some(jobs), encoded));
        Self { jobs, encoded, shown: HashMap::new(), asked: HashMap::new(), sent: HashSet::new(), kitty, in_tmux }
    }

    /// The newest picture that has the area's size; an older one stays until the wanted one is there.
    fn for_area(&self, wanted: &Wanted) -> Option<&Protocol> {
        let protocol = self.shown.get(&wanted.slot)?;
        let size = protocol.size();
        (size.width <= wanted.area.width && size.height <= wanted.area.height).then_some(protocol)
    }

    fn ask(&mut self, wanted: &[Wanted]) {
        let Some(jobs) = &self.jobs else { return };
        for picture in wanted {
            let key = picture.key();
            if self.asked.get(&picture.slot) == Some(&key) {
                continue;
            }
            let anew = !self.shown.contains_key(&picture.slot);
            self.asked.insert(picture.slot, key);
            let subject = picture.subject.clone();
            let draw = Box::new(move |width, height| subject.draw(width, height));
            // The encoder lives as long as this end of the channel.
            let _ = jobs.send(Job { slot: picture.slot, size: picture.area.as_size(), anew, draw });
        }
    }

    fn arrived(&mut self, encoded: Encoded) {
        // An outdated picture is shown all the same: what is wanted follows it, and may be the same pixels.
        match encoded.picture {
            Outcome::Ready(protocol) => {
                self.sent.insert(encoded.slot);
                self.shown.insert(encoded.slot, *protocol);
            }
            Outcome::Unchanged => {}
            Outcome::Failed => drop(self.shown.remove(&encoded.slot)),
        }
    }

    /// Everything is to be encoded and sent again.
    fn forget(&mut self) {
        self.shown.clear();
        self.asked.clear();
    }
}
