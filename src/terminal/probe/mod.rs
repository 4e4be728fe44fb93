//! What the terminal can do: asked once, before anything else reads the keyboard, and decided once, with the reason.
//!
//! [`ask`] writes all questions in one go and listens until the status report that every terminal gives comes back. In tmux
//! a second round goes through it to the terminal outside. [`decide`] makes of the answers, the environment and what the user
//! wants a [`Decision`]; it is a pure function, so that every terminal that is known to be peculiar is a line in a test.

mod conversation;
mod decision;
mod environment;
mod identity;
pub mod late;
mod query;
mod replies;
mod tmux;

use std::time::Duration;

use rustix::termios::tcgetwinsize;

pub use conversation::{NotAsked, Round};
pub use decision::{Background, CellSource, Decision, OVERRIDING, Wish, decide};
pub use environment::Environment;
pub use identity::Identity;
pub use query::{Question, sequence};
pub use replies::{Heard, Reply, Scanner, Token};
pub use tmux::{Passthrough, Tmux};

use conversation::Conversation;
use late::LateAnswers;

/// Longest wait for a terminal that does not answer at all, where somebody waits for the first picture.
pub const PATIENCE: Duration = Duration::from_millis(800);

/// The terminal's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
    /// Width of the text area in pixels; 0 where the terminal does not say.
    pub width: u16,
    /// Height of the text area in pixels; 0 where the terminal does not say.
    pub height: u16,
}

/// What was asked and answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// The terminal's answers, or why it was not asked.
    pub terminal: Result<Round, NotAsked>,
    /// tmux, where the terminal is one.
    pub tmux: Option<Tmux>,
    /// What the kernel knows of its size.
    pub grid: Option<Grid>,
}

/// What came from the keyboard besides the answers.
#[derive(Debug)]
pub struct Keyboard {
    /// What was typed meanwhile.
    pub typed: Vec<u8>,
    /// Takes out answers that come later.
    pub late: LateAnswers,
}

/// Asks the terminal. Nothing else may read the keyboard meanwhile. A terminal that answers is never waited for longer than
/// it takes.
pub fn ask(environment: &Environment, patience: Duration) -> (Answers, Keyboard) {
    let mut answers = Answers { terminal: Err(NotAsked::NoTerminal), tmux: None, grid: grid() };
    let mut keyboard = Keyboard { typed: Vec::new(), late: LateAnswers::expected(false) };
    let mut conversation = match Conversation::begin() {
        Ok(conversation) => conversation,
        Err(reason) => {
            answers.terminal = Err(reason);
            return (answers, keyboard);
        }
    };
    answers.terminal = rounds(&mut conversation, environment, patience, &mut answers.tmux);
    let (typed, unanswered) = conversation.end();
    keyboard.typed = typed;
    keyboard.late = LateAnswers::expected(unanswered);
    (answers, keyboard)
}

fn rounds(
    conversation: &mut Conversation,
    environment: &Environment,
    patience: Duration,
    tmux: &mut Option<Tmux>,
) -> Result<Round, NotAsked> {
    let apple = environment.term_program.as_deref() == Some("Apple_Terminal");
    let multiplexer = environment.hints_at_multiplexer();
    let questions: &[Question] = match () {
        () if multiplexer => &Question::FOR_MULTIPLEXERS,
        () if apple => &Question::FOR_APPLE,
        () => &Question::ALL,
    };
    let mut round = conversation.ask(questions, false, patience)?;
    match round.version().map_or_else(|| Identity::guessed(environment), Identity::of) {
        Identity::Tmux(_) => {
            let opened = tmux.insert(Tmux::open(environment.tmux));
            opened.outer = Some(conversation.ask(&Question::ALL, true, patience)?);
        }
        // TERM hinted at a multiplexer, but this is a terminal of its own: what was left out is asked now.
        _ if multiplexer && round.version().is_some() && !environment.zellij => {
            let more = conversation.ask(&[Question::Kitty, Question::End], false, patience)?;
            round.questions.insert(1, Question::Kitty);
            round.heard.extend(more.heard.into_iter().filter(|heard| heard.reply != Reply::End));
            round.took += more.took;
        }
        _ => {}
    }
    Ok(round)
}

/// The terminal's size now, from the kernel: the terminal itself is not asked.
pub fn grid() -> Option<Grid> {
    let size = [tcgetwinsize(std::io::stdout()), tcgetwinsize(std::io::stdin()), tcgetwinsize(std::io::stderr())];
    let size = size.into_iter().find_map(Result::ok)?;
    (size.ws_col > 0 && size.ws_row > 0).then_some(Grid {
        columns: size.ws_col,
        rows: size.ws_row,
        width: size.ws_xpixel,
        height: size.ws_ypixel,
    })
}
