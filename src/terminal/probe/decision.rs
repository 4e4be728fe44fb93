//! What is drawn on, and why: a pure function of what the user wants, the environment and the answers.

use std::fmt;

use super::environment::Environment;
use super::identity::Identity;
use super::tmux::{Passthrough, Tmux};
use super::{Answers, Grid, NotAsked, Round};
use crate::terminal::{Canvas, CellSize, ColorDepth, Graphics, Protocol};

/// How what was decided can be overridden.
pub const OVERRIDING: &str =
    "--graphics auto|kitty|sixel|iterm2|cells|off, LAYERSCOPE_GRAPHICS, or graphics = \"…\" in the configuration file";

/// Size of a cell that is assumed where nobody says it.
const ASSUMED_CELL: CellSize = CellSize { width: 10, height: 20 };

/// tmux draws sixel itself from this version on, if it was built so.
const TMUX_WITH_SIXEL: (u16, u16) = (3, 4);

/// What the user wants, and by which of the ways that there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// How pictures are to be drawn.
    pub graphics: Graphics,
    /// Who says so: an option, a variable, or a file and its line.
    pub said_by: String,
}

impl Wish {
    /// Nothing in particular.
    pub fn none() -> Self {
        Self { graphics: Graphics::Auto, said_by: String::new() }
    }
}

/// The terminal's background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// Dark letters are read on it.
    Light,
    /// Light letters are read on it.
    Dark,
}

/// Where the size of a cell comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellSource {
    /// The terminal was asked for it.
    Terminal,
    /// The terminal was asked for its text area, which was divided.
    Area,
    /// The kernel's window size.
    Kernel,
    /// Nobody said it.
    Assumed,
}

impl fmt::Display for CellSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminal => "the terminal says so (CSI 16 t)",
            Self::Area => "the text area's size (CSI 14 t) divided by columns and rows",
            Self::Kernel => "the window's size in pixels (TIOCGWINSZ) divided by columns and rows",
            Self::Assumed => "assumed: neither the terminal nor the kernel says it",
        })
    }
}

/// What is decided once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What pictures are drawn on; `None` draws none.
    pub canvas: Option<Canvas>,
    /// Why, in one line.
    pub reason: String,
    /// Size of a cell.
    pub cell: CellSize,
    /// Where it comes from.
    pub cell_source: CellSource,
    /// Colours of characters.
    pub colors: ColorDepth,
    /// What promises these colours.
    pub colors_reason: String,
    /// Whether words have no colours: the user wants none, or the terminal has none. Pictures are drawn all the same.
    pub no_color: bool,
    /// The background, where it is known.
    pub background: Option<Background>,
    /// Whether frames can be shown at once, where the terminal says.
    pub synchronized: Option<bool>,
    /// Whether what is for the terminal itself, such as its clipboard, is wrapped for tmux.
    pub through_tmux: bool,
}

/// A protocol, whether it goes through tmux, and why.
struct Choice {
    protocol: Option<Protocol>,
    through_tmux: bool,
    reason: String,
}

impl Choice {
    fn of(protocol: Protocol, reason: impl Into<String>) -> Self {
        Self { protocol: Some(protocol), through_tmux: false, reason: reason.into() }
    }

    fn cells(reason: impl Into<String>) -> Self {
        Self::of(Protocol::Cells, reason)
    }

    fn none(reason: impl Into<String>) -> Self {
        Self { protocol: None, through_tmux: false, reason: reason.into() }
    }
}

/// Decides.
pub fn decide(wish: &Wish, environment: &Environment, answers: &Answers) -> Decision {
    let terminal = answers.terminal.as_ref().ok();
    let identity = terminal.and_then(Round::version).map_or_else(|| Identity::guessed(environment), Identity::of);
    let choice = match wish.graphics {
        Graphics::Auto => automatic(environment, answers, identity),
        Graphics::Off => Choice::none(format!("{} asks for no pictures", wish.said_by)),
        Graphics::Kitty => wished(wish, Protocol::Kitty, answers, identity),
        Graphics::Sixel => wished(wish, Protocol::Sixel, answers, identity),
        Graphics::Iterm2 => wished(wish, Protocol::Iterm2, answers, identity),
        Graphics::Cells => wished(wish, Protocol::Cells, answers, identity),
    };
    let outer = answers.tmux.as_ref().and_then(|tmux| tmux.outer.as_ref());
    let (cell, cell_source) = cell(terminal, outer, answers.grid, choice.through_tmux);
    let (colors, colors_reason) = colors(environment, identity);
    let colorless = is_colorless(environment.term()) && !environment.force_color;
    let passes =
        |tmux: &Tmux| tmux.passthrough == Passthrough::On || outer.is_some_and(|outer| !outer.heard.is_empty());
    Decision {
        canvas: choice.protocol.map(|protocol| Canvas { protocol, cell, through_tmux: choice.through_tmux, colors }),
        reason: choice.reason,
        cell,
        cell_source,
        colors,
        colors_reason,
        no_color: environment.no_color || colorless,
        background: background(environment, outer, terminal),
        synchronized: terminal.and_then(Round::synchronized),
        through_tmux: answers.tmux.as_ref().is_some_and(passes),
    }
}

/// What the user wants is done, whatever the terminal says.
fn wished(wish: &Wish, protocol: Protocol, answers: &Answers, identity: Identity) -> Choice {
    let own_sixel = protocol == Protocol::Sixel && draws_sixel(answers, identity);
    let through_tmux = matches!(identity, Identity::Tmux(_)) && protocol != Protocol::Cells && !own_sixel;
    Choice { protocol: Some(protocol), through_tmux, reason: format!("{} asks for it", wish.said_by) }
}

/// Whether tmux draws sixel itself. It says so whatever the terminal outside can, and then prints a text in its place.
fn draws_sixel(answers: &Answers, identity: Identity) -> bool {
    matches!(identity, Identity::Tmux(Some(version)) if version >= TMUX_WITH_SIXEL)
        && answers.terminal.as_ref().is_ok_and(Round::sixel)
        && answers.tmux.as_ref().is_some_and(Tmux::outer_sixel)
}

fn automatic(environment: &Environment, answers: &Answers, identity: Identity) -> Choice {
    match environment.term() {
        "dumb" => return Choice::none("TERM is dumb: it can only print lines"),
        "linux" => return Choice::none("the Linux console has sixteen colours and no pictures"),
        _ => {}
    }
    let terminal = match &answers.terminal {
        Ok(round) => round,
        Err(NotAsked::NoTerminal) => return Choice::none("there is no terminal"),
        Err(reason) => return Choice::cells(format!("the terminal was not asked: {reason}")),
    };
    if let Identity::Tmux(version) = identity {
        return in_tmux(environment, answers, version);
    }
    if environment.zellij || identity == Identity::Zellij {
        return if terminal.sixel() {
            Choice::of(Protocol::Sixel, "Zellij draws sixel, and its kitty graphics have no Unicode placeholders")
        } else {
            Choice::cells("Zellij's kitty graphics have no Unicode placeholders, and it says nothing of sixel")
        };
    }
    if environment.screen || (environment.term().starts_with("screen") && terminal.version().is_none()) {
        return Choice::cells("GNU screen passes no pictures");
    }
    if environment.mosh {
        return Choice::cells("mosh passes no pictures");
    }
    match identity {
        Identity::WezTerm => {
            Choice::of(Protocol::Iterm2, "WezTerm draws iTerm2's images well; its kitty graphics have no placeholders")
        }
        Identity::Iterm2 => Choice::of(Protocol::Iterm2, "this is iTerm2"),
        Identity::Mintty => Choice::of(Protocol::Iterm2, "mintty draws iTerm2's images"),
        Identity::Warp => {
            Choice::of(Protocol::Iterm2, "Warp draws iTerm2's images; its kitty graphics have no placeholders")
        }
        Identity::Rio => {
            Choice::of(Protocol::Iterm2, "Rio draws iTerm2's images; its kitty graphics have no placeholders")
        }
        Identity::Konsole => Choice::cells("Konsole's kitty graphics have no placeholders, and its sixel is damaged"),
        Identity::Apple => Choice::cells("Apple's Terminal has no pictures"),
        Identity::XtermJs if terminal.sixel() => {
            Choice::of(Protocol::Sixel, "xterm.js says that it draws sixel; it has no kitty placeholders")
        }
        Identity::XtermJs => Choice::cells(
            "xterm.js has its pictures turned off; in VS Code the setting terminal.integrated.enableImages turns them on",
        ),
        _ => by_answers(terminal, identity),
    }
}

fn by_answers(terminal: &Round, identity: Identity) -> Choice {
    let old = identity.draws_placeholders().err();
    match (terminal.kitty(), terminal.sixel()) {
        (true, _) if old.is_none() => Choice::of(Protocol::Kitty, "the terminal takes kitty graphics"),
        (_, true) => Choice::of(Protocol::Sixel, "the terminal says that it draws sixel (4 in its device attributes)"),
        _ => match old {
            Some(old) => Choice::cells(old),
            None if terminal.heard.is_empty() => {
                Choice::cells(format!("the terminal answered nothing in {} ms", terminal.took.as_millis()))
            }
            None if !terminal.complete() => Choice::cells(format!(
                "the terminal did not finish its answers in {} ms, and said nothing of pictures",
                terminal.took.as_millis()
            )),
            None => Choice::cells("the terminal has neither kitty graphics nor sixel"),
        },
    }
}

/// Of kitty's protocol tmux sees only characters, which it clips and scrolls; the sixel that it knows itself it draws badly.
fn in_tmux(environment: &Environment, answers: &Answers, version: Option<(u16, u16)>) -> Choice {
    let outer = answers.tmux.as_ref().and_then(|tmux| tmux.outer.as_ref());
    let name = outer.and_then(Round::version).or_else(|| answers.tmux.as_ref().and_then(|tmux| tmux.client.as_deref()));
    let outside = name.map(Identity::of);
    let placeholders = match outside {
        Some(identity) => identity.draws_placeholders(),
        None if environment.zellij => Identity::Zellij.draws_placeholders(),
        None => Ok(()),
    };
    if outer.is_some_and(Round::kitty) && placeholders.is_ok() {
        let reason = "the terminal outside tmux takes kitty graphics, which are passed through to it".to_owned();
        return Choice { protocol: Some(Protocol::Kitty), through_tmux: true, reason };
    }
    if draws_sixel(answers, Identity::Tmux(version)) {
        // Seen with tmux 3.5: it fills the holes of a picture with a colour, takes a row too many, and keeps only so many.
        return Choice::cells("the sixel that this tmux draws covers text; --graphics sixel uses it all the same");
    }
    let why = match (outer, placeholders) {
        (Some(outer), Err(old)) if outer.kitty() => old.to_owned(),
        (Some(outer), _) if outer.heard.is_empty() => format!(
            "nothing outside tmux answered in {} ms (allow-passthrough may be off there)",
            outer.took.as_millis()
        ),
        _ => "the terminal outside tmux takes no kitty graphics".to_owned(),
    };
    let sixel = match version {
        Some(version) if version < TMUX_WITH_SIXEL => "tmux before 3.4 draws no sixel",
        _ if answers.terminal.as_ref().is_ok_and(Round::sixel) => {
            "sixel, which this tmux draws, is not known to be drawn outside"
        }
        _ => "this tmux does not say that it draws sixel",
    };
    Choice::cells(format!("{why}, and {sixel}"))
}

/// The outer terminal's cells where pictures go to it; tmux has its own idea of them.
fn cell(
    terminal: Option<&Round>,
    outer: Option<&Round>,
    grid: Option<Grid>,
    through_tmux: bool,
) -> (CellSize, CellSource) {
    let (first, second) = if through_tmux { (outer, terminal) } else { (terminal, outer) };
    let asked = first.and_then(Round::cell).or_else(|| second.and_then(Round::cell));
    if let Some(cell) = asked {
        return (cell, CellSource::Terminal);
    }
    let Some(grid) = grid else { return (ASSUMED_CELL, CellSource::Assumed) };
    let divided = |width: u16, height: u16| {
        let cell = CellSize { width: width / grid.columns.max(1), height: height / grid.rows.max(1) };
        (cell.width > 0 && cell.height > 0).then_some(cell)
    };
    if let Some(cell) = divided(grid.width, grid.height) {
        return (cell, CellSource::Kernel);
    }
    // Outside tmux there may be more columns than this pane has, so that only the terminal's own area is divided.
    let area = terminal.and_then(Round::area).and_then(|(width, height)| divided(width, height));
    area.map_or((ASSUMED_CELL, CellSource::Assumed), |cell| (cell, CellSource::Area))
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.canvas.map_or("off", |canvas| canvas.protocol.name());
        let CellSize { width, height } = self.cell;
        write!(f, "pictures: {protocol}, because {}; cells of {width}×{height}: {}", self.reason, self.cell_source)
    }
}

impl Decision {
    /// The size of a cell after the window or its font changed, where the kernel knows it; [`Decision::cell`] otherwise.
    ///
    /// Where the terminal was asked, its answer and the kernel's may differ (Windows Terminal draws sixel on virtual cells), so
    /// that what it said is only scaled.
    pub fn cell_at(&self, before: Option<Grid>, now: Option<Grid>) -> CellSize {
        let pixels = |grid: Grid| (grid.width / grid.columns.max(1), grid.height / grid.rows.max(1));
        match (before.map(pixels), now.map(pixels)) {
            (Some(before), Some(now)) if before.0 > 0 && before.1 > 0 && now.0 > 0 && now.1 > 0 => {
                let scaled = |size: u16, before: u16, now: u16| {
                    (u32::from(size) * u32::from(now) / u32::from(before)).clamp(1, u32::from(u16::MAX)) as u16
                };
                CellSize {
                    width: scaled(self.cell.width, before.0, now.0),
                    height: scaled(self.cell.height, before.1, now.1),
                }
            }
            _ => self.cell,
        }
    }
}

fn colors(environment: &Environment, identity: Identity) -> (ColorDepth, String) {
    let term = environment.term();
    if let Some(value @ ("truecolor" | "24bit")) = environment.color_term.as_deref() {
        return (ColorDepth::True, format!("COLORTERM is {value}"));
    }
    if term == "linux" {
        return (ColorDepth::Ansi16, "TERM is linux".to_owned());
    }
    if term.ends_with("-direct") || term.ends_with("-truecolor") {
        return (ColorDepth::True, format!("TERM is {term}"));
    }
    // tmux and Zellij make of 24 bits what the terminal outside can show.
    if identity.has_true_color() {
        return (ColorDepth::True, "this terminal is known to have them".to_owned());
    }
    if term.contains("256") || identity == Identity::Apple {
        return (ColorDepth::Indexed256, format!("TERM is {term}, and COLORTERM promises no more"));
    }
    (ColorDepth::Ansi16, if term.is_empty() { "TERM is not set".to_owned() } else { format!("TERM is {term}") })
}

/// Terminals without any colours.
fn is_colorless(term: &str) -> bool {
    let dec = term.strip_prefix("vt").is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()));
    (dec && !term.contains("color")) || term.ends_with("-mono") || term.ends_with("-m") || term == "dumb"
}

fn background(environment: &Environment, outer: Option<&Round>, terminal: Option<&Round>) -> Option<Background> {
    let asked = outer.and_then(Round::background).or_else(|| terminal.and_then(Round::background));
    if let Some([red, green, blue]) = asked {
        // Rec. 709's weights on the coded values are near enough to tell paper from night.
        let luma = 0.2126 * f32::from(red) + 0.7152 * f32::from(green) + 0.0722 * f32::from(blue);
        return Some(if luma > 127.5 { Background::Light } else { Background::Dark });
    }
    let number: u8 = environment.foreground_background.as_deref()?.rsplit(';').next()?.parse().ok()?;
    match number {
        7 | 9..=15 => Some(Background::Light),
        0..=6 | 8 => Some(Background::Dark),
        _ => None,
    }
}
