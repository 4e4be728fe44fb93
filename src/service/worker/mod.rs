//! What the engine's thread does with requests.

mod compare;
mod error;
mod health;
mod info;
mod maps;
mod pages;
mod patterns;
mod picture;
mod ranking;
mod subject;
mod trust;

use std::collections::HashMap;
use std::path::PathBuf;

use crossbeam_channel::Sender;

use super::mailbox::{Mailbox, Next};
use super::open::{self, Opening};
use super::protocol::{Content, Event, OpenRequest, Pane, Request, Ticket};
use crate::engine::Cancel;
use crate::methods::Network;
use crate::model::InputDescription;
use compare::Second;
use error::WorkError;
use patterns::Growing;
use subject::Subject;

/// Opens the model, and the one that it is compared with, then answers requests until nobody asks any more.
///
/// # Errors
/// Why a model could not be opened, or why the two cannot be compared, in one line.
pub(super) fn run(open: &OpenRequest, mailbox: &Mailbox, events: &Sender<Event>) -> Result<(), String> {
    let mut network = opened(&open.opening, events)?;
    let mut other = open.other.as_ref().map(|other| opened(other, events)).transpose()?;
    let beside = |network: &Network, other: &Network| {
        Second::counterparts(network, other).map_err(|reason| {
            let other = open.other.as_ref().map_or_else(String::new, file);
            format!("{} and {other} {reason}", file(&open.opening))
        })
    };
    let counterparts = other.as_ref().map(|other| beside(&network, other)).transpose()?;
    // Not before both are there: an engine that said so and then ended would look broken.
    let _ = events.send(Event::Opened(Box::new(info::of(&network))));
    if let Some(other) = &other {
        let _ = events.send(Event::OpenedOther(Box::new(info::of(other))));
    }
    let as_opened = (network.input.clone(), other.as_ref().map(|other| other.input.clone()));
    let mut first = None;
    let mut preprocess = None;
    loop {
        let second = other.as_ref().zip(counterparts.clone());
        let second = second.map(|(other, counterparts)| Second { subject: Subject::new(other), counterparts });
        let subject = Subject::new(&network);
        let mut worker = Worker {
            subject,
            second,
            events,
            open,
            mailbox,
            growing: None,
            left: Vec::new(),
            slow: HashMap::new(),
            preprocess: preprocess.clone(),
        };
        let Some(anew) = worker.serve(first.take()) else { return Ok(()) };
        let prepare = |input: &InputDescription| match &anew.preprocess {
            Some(spec) => open::preprocessed(input, spec),
            None => Ok(input.clone()),
        };
        let prepared =
            prepare(&as_opened.0).and_then(|input| Ok((input, as_opened.1.as_ref().map(prepare).transpose()?)));
        match prepared {
            Ok((input, others)) => {
                network.input = input;
                preprocess.clone_from(&anew.preprocess);
                if let (Some(other), Some(input)) = (&mut other, others) {
                    other.input = input;
                }
                first = Some(anew);
            }
            Err(error) => {
                let (pane, ticket, message) = (Pane::Input, Some(anew.ticket), error.to_string());
                let _ = events.send(Event::Failed { pane, ticket, message });
            }
        }
    }
}

/// The file as the user named it: two checkpoints may well have the same name in two folders.
fn file(opening: &Opening) -> String {
    opening.model.file().map_or_else(|| "the demo".to_owned(), |path| path.display().to_string())
}

fn opened(opening: &Opening, events: &Sender<Event>) -> Result<Network, String> {
    let name = opening.model.file().and_then(std::path::Path::file_name);
    let name = name.map_or("the demo".into(), |name| name.to_string_lossy().into_owned());
    let _ = events.send(Event::Progress { pane: Pane::Input, what: format!("opening {name}"), done: None });
    open::network(opening).map_err(|error| error.to_string())
}

/// A picture that is to be prepared in another way than those before: nothing that was worked out of them holds any more.
struct Anew {
    ticket: Ticket,
    path: Option<PathBuf>,
    preprocess: Option<String>,
    cancel: Cancel,
}

struct Worker<'a> {
    subject: Subject<'a>,
    second: Option<Second<'a>>,
    events: &'a Sender<Event>,
    open: &'a OpenRequest,
    mailbox: &'a Mailbox,
    growing: Option<Growing<'a>>,
    /// Patterns that were left before they were done, the newest last.
    left: Vec<Growing<'a>>,
    /// Methods whose last heatmap took long enough to be announced.
    slow: HashMap<&'static str, bool>,
    /// What is done to pictures, as a SPEC; `None` is as the model was opened.
    preprocess: Option<String>,
}

impl Worker<'_> {
    /// Answers until nobody asks any more, or until pictures are to be prepared in another way. `first` was asked before.
    fn serve(&mut self, first: Option<Anew>) -> Option<Anew> {
        if let Some(Anew { ticket, path, preprocess, cancel }) = first {
            self.answer(Request::Picture { ticket, path, preprocess }, &cancel);
        }
        loop {
            match self.mailbox.take(self.growing.is_none()) {
                Next::Closed => {
                    self.leave_patterns();
                    return None;
                }
                Next::Nothing => self.grow(),
                Next::Request(Request::Picture { ticket, path, preprocess }, cancel)
                    if preprocess != self.preprocess =>
                {
                    self.leave_patterns();
                    return Some(Anew { ticket, path, preprocess, cancel });
                }
                Next::Request(request, cancel) => self.answer(request, &cancel),
            }
        }
    }

    /// Answers what is asked of the other panes while the heatmap's long work is between two steps, and lets patterns grow by one.
    fn serve_beside(&mut self) {
        while let Some((request, cancel)) = self.mailbox.take_beside() {
            self.answer(request, &cancel);
        }
        self.grow();
    }

    fn answer(&mut self, request: Request, cancel: &Cancel) {
        let pane = request.pane();
        let (ticket, done) = match request {
            Request::Picture { ticket, path, .. } => (ticket, self.picture(ticket, path, cancel)),
            Request::Channels { ticket, layer, content, order, class, first, count, recipe } => {
                // Whatever the pager shows next, nobody looks at the patterns before it any more.
                if !self.growing.as_ref().is_some_and(|growing| growing.is_for(Pane::Detail)) {
                    self.leave_patterns();
                }
                let wanted = pages::Wanted { layer, content, order, class, first, count };
                let done = match content {
                    Content::Patterns => self.start_patterns(ticket, &wanted, recipe, cancel),
                    _ => self.page(ticket, &wanted, cancel),
                };
                (ticket, done)
            }
            Request::Map { ticket, method, layers, of } => (ticket, self.map(ticket, method, layers, of, cancel)),
            Request::Trust { ticket, map, metrics } => (ticket, self.trust(ticket, &map, &metrics, cancel)),
            Request::Pattern { ticket, layer, channel, recipe } => {
                (ticket, self.start_pattern(ticket, layer, channel, recipe, cancel))
            }
            Request::Check { ticket } => (ticket, self.check(ticket, cancel)),
            // Those of scans have a thread of their own.
            Request::Scan { .. } | Request::Excitations { .. } | Request::Stop(_) => return,
        };
        if let Err(error) = done {
            self.fail(pane, ticket, &error);
        }
    }

    fn fail(&self, pane: Pane, ticket: Ticket, error: &WorkError) {
        // Whoever stopped the work does not wait for it.
        if !error.is_cancelled() {
            self.say(Event::Failed { pane, ticket: Some(ticket), message: error.to_string() });
        }
    }

    fn say(&self, event: Event) {
        // The interface may be gone; then the requests end too.
        let _ = self.events.send(event);
    }

    fn progress(&self, pane: Pane, what: String) {
        self.say(Event::Progress { pane, what, done: None });
    }
}
