//! Asking the terminal, and listening for as long as it takes and no longer.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcgetpgrp, tcsetattr};

use super::query::{Question, sequence};
use super::replies::{Heard, Reply, Scanner, Token};
use crate::terminal::CellSize;

/// Why a terminal was not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    /// There is none.
    #[error("there is no terminal")]
    NoTerminal,
    /// A program behind a pipe, such as a pager, may be reading the keyboard and would get the answers.
    #[error("standard output is a pipe, and what reads it may read the keyboard too")]
    Pipe,
    /// Another job has the keyboard.
    #[error("this is a background job")]
    Background,
    /// The system refused.
    #[error("the terminal cannot be used: {0}")]
    Failed(String),
}

impl From<io::Error> for NotAsked {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<Errno> for NotAsked {
    fn from(error: Errno) -> Self {
        io::Error::from(error).into()
    }
}

/// Questions that were asked together, and the answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// In the order in which they were asked.
    pub questions: Vec<Question>,
    /// In the order in which they came.
    pub heard: Vec<Heard>,
    /// From the question to the last answer, or to the end of patience.
    pub took: Duration,
}

impl Round {
    /// A round in which these bytes were the answer.
    pub fn answered(questions: &[Question], bytes: &[u8]) -> Self {
        let tokens = Scanner::default().feed(bytes);
        let heard = tokens.into_iter().filter_map(|token| match token {
            Token::Reply(heard) => Some(heard),
            _ => None,
        });
        Self { questions: questions.to_vec(), heard: heard.collect(), took: Duration::ZERO }
    }

    /// Whether the terminal said that nothing follows.
    pub fn complete(&self) -> bool {
        self.find(|reply| matches!(reply, Reply::End).then_some(())).is_some()
    }

    /// The answer to a question, with its bytes.
    pub fn answer(&self, question: Question) -> Option<&Heard> {
        self.heard.iter().find(|heard| heard.reply.question() == question)
    }

    /// Name and version of the terminal.
    pub fn version(&self) -> Option<&str> {
        self.find(|reply| if let Reply::Version(text) = reply { Some(text.as_str()) } else { None })
    }

    /// Whether it takes kitty's pictures.
    pub fn kitty(&self) -> bool {
        self.find(|reply| if let Reply::Kitty(text) = reply { Some(text == "OK") } else { None }).unwrap_or(false)
    }

    /// Whether it says that it draws sixel.
    pub fn sixel(&self) -> bool {
        self.find(|reply| if let Reply::Attributes(list) = reply { Some(list.contains(&4)) } else { None })
            .unwrap_or(false)
    }

    /// The background's colour.
    pub fn background(&self) -> Option<[u8; 3]> {
        self.find(|reply| if let Reply::Background(color) = reply { Some(*color) } else { None })
    }

    /// Size of a cell.
    pub fn cell(&self) -> Option<CellSize> {
        self.find(|reply| if let Reply::Cell(size) = reply { Some(*size) } else { None })
    }

    /// Width and height of the text area in pixels.
    pub fn area(&self) -> Option<(u16, u16)> {
        self.find(|reply| if let Reply::Area(width, height) = reply { Some((*width, *height)) } else { None })
    }

    /// Whether frames can be shown at once.
    pub fn synchronized(&self) -> Option<bool> {
        self.find(|reply| if let Reply::Synchronized(can) = reply { Some(*can) } else { None })
    }

    fn find<'a, T>(&'a self, wanted: impl Fn(&'a Reply) -> Option<T>) -> Option<T> {
        self.heard.iter().find_map(|heard| wanted(&heard.reply))
    }
}

/// The terminal while it is asked: no echo, every byte at once. It is given back as it was.
pub(super) struct Conversation {
    input: File,
    output: File,
    before: Termios,
    typed: Vec<u8>,
    unanswered: bool,
}

impl Conversation {
    /// Takes the terminal of stdin and stdout, or where one of them is something else, that of this process.
    pub(super) fn begin() -> Result<Self, NotAsked> {
        let (stdin, stdout) = (io::stdin(), io::stdout());
        let own = || OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(|_| NotAsked::NoTerminal);
        // Not /dev/tty where it can be avoided: macOS cannot wait for it.
        let input = if stdin.is_terminal() { File::from(stdin.as_fd().try_clone_to_owned()?) } else { own()? };
        let output = File::from(stdout.as_fd().try_clone_to_owned()?);
        let output = if stdout.is_terminal() {
            output
        } else if output.metadata()?.file_type().is_fifo() {
            return Err(NotAsked::Pipe);
        } else {
            own()?
        };
        if tcgetpgrp(&input).is_ok_and(|owner| owner != rustix::process::getpgrp()) {
            return Err(NotAsked::Background);
        }
        let before = tcgetattr(&input)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&input, OptionalActions::Now, &raw)?;
        Ok(Self { input, output, before, typed: Vec::new(), unanswered: false })
    }

    /// Asks, and listens until the last answer, or as long as `patience` goes.
    pub(super) fn ask(
        &mut self,
        questions: &[Question],
        through_tmux: bool,
        patience: Duration,
    ) -> Result<Round, NotAsked> {
        let start = Instant::now();
        self.output.write_all(&sequence(questions, through_tmux))?;
        self.output.flush()?;
        let mut round = Round { questions: questions.to_vec(), ..Round::default() };
        let mut scanner = Scanner::default();
        let mut buffer = [0; 1024];
        while !round.complete() {
            if !readable(&self.input, start + patience)? {
                self.unanswered = true;
                break;
            }
            let count = match self.input.read(&mut buffer) {
                Ok(0) => return Err(NotAsked::NoTerminal),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            for token in scanner.feed(buffer.get(..count).unwrap_or_default()) {
                self.sort(token, &mut round.heard);
            }
        }
        round.took = start.elapsed();
        if let Some(token) = scanner.finish() {
            self.sort(token, &mut round.heard);
        }
        Ok(round)
    }

    /// What was typed meanwhile, and whether answers may still come.
    pub(super) fn end(mut self) -> (Vec<u8>, bool) {
        (std::mem::take(&mut self.typed), self.unanswered)
    }

    fn sort(&mut self, token: Token, heard: &mut Vec<Heard>) {
        match token {
            Token::Reply(reply) => heard.push(reply),
            Token::Typed(bytes) => self.typed.extend(bytes),
            Token::Noise(_) => {}
        }
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        if self.unanswered {
            // What has come since is an answer more likely than a key, and would stand on the shell's command line.
            let _ = tcflush(&self.input, QueueSelector::IFlush);
        }
        // A terminal that is gone has no modes to restore.
        let _ = tcsetattr(&self.input, OptionalActions::Now, &self.before);
    }
}

/// Waits until there is something to read.
fn readable(input: &File, until: Instant) -> Result<bool, NotAsked> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        match poll(&mut [PollFd::new(input, PollFlags::IN)], Some(&timeout)) {
            Ok(count) => return Ok(count > 0),
            // A signal came.
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
