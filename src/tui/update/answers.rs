//! What the engine's events do. Answers to requests that a newer one has overtaken are dropped.

use image::RgbImage;

use super::Effect;
use crate::service::protocol::{Event, Pane, Rgb};
use crate::tui::action::Action;
use crate::tui::page::Page;
use crate::tui::stamped::Stamped;
use crate::tui::state::{Findings, Notice, Run, State};

impl State {
    /// Takes an event in.
    pub fn event(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = self.take_in(event);
        effects.extend(self.ask_detail());
        effects.extend(self.ask_excitations());
        effects
    }

    fn take_in(&mut self, event: Event) -> Vec<Effect> {
        match event {
            // What was stopped may still have said how far it was.
            Event::Progress { pane: Pane::Heatmap, .. } if !self.mapping => {}
            Event::Progress { pane: Pane::Trust, .. } if self.trust.left == 0 => {}
            Event::Progress { pane: pane @ (Pane::Heatmap | Pane::Trust), what, done } => {
                let share = done.map_or_else(|| "…".to_owned(), |(done, all)| format!("{} %", 100 * done / all.max(1)));
                self.progress.insert(pane, format!("{what} {share}"));
            }
            Event::Progress { pane, what, .. } => {
                self.progress.insert(pane, what);
            }
            Event::Opened(model) => {
                self.progress.remove(&Pane::Input);
                self.model = Some(model);
                self.layer = self.first_layer();
                self.say_notes();
                let mut effects = self.ask_picture();
                effects.extend(self.ask_scan());
                return effects;
            }
            Event::Ran { ticket, picture, preprocess, predictions, layers, .. } if ticket == self.input_ticket => {
                self.progress.remove(&Pane::Input);
                self.left = None;
                self.forget_picture();
                if let Some(model) = &mut self.model {
                    model.preprocess = preprocess;
                }
                let layers = layers.into_iter().map(|layer| (layer.layer, layer)).collect();
                self.run = Some(Run { picture: Stamped::new(rgb(picture)), predictions, layers });
                self.asked = None;
                let mut effects = self.ask_map();
                effects.extend(self.ask_page());
                effects.push(self.ask_check());
                return effects;
            }
            Event::Channels { ticket, page } => self.arrived(ticket.0, Page::Numbers(Stamped::new(*page))),
            Event::Patterns { ticket, page } if ticket == self.detail_ticket => {
                if let Some((_, pattern)) = &mut self.detail {
                    *pattern = Some(Stamped::new(*page));
                }
            }
            Event::Patterns { ticket, page } => {
                if self.asked.is_some_and(|(asked, _)| asked == ticket) {
                    self.progress.insert(Pane::Channels, format!("step {}/{}", page.step, page.steps));
                }
                self.arrived(ticket.0, Page::Patterns(Stamped::new(*page)));
            }
            Event::Map { ticket, map } if ticket == self.map_ticket => {
                self.mapping = map.so_far.is_some();
                if !self.mapping {
                    self.progress.remove(&Pane::Heatmap);
                }
                self.map = Some(Stamped::new(*map));
                return self.ask_trust();
            }
            Event::Measured { ticket, measured, left } => self.measured(ticket, *measured, left),
            Event::ScanOpened { ticket, scan } if ticket == self.excitations.ticket => self.scan_opened(scan),
            Event::Excitations { ticket, page } => self.excitations_arrived(ticket, *page),
            Event::Failed { pane: Pane::Excitations, ticket, message } => self.excitations_failed(ticket, message),
            Event::Failed { pane, ticket, message } => return self.fail(pane, ticket.map(|ticket| ticket.0), message),
            Event::OpenedOther(model) => self.other = Some(model),
            Event::Compared { ticket, layers, predictions, .. } if ticket == self.input_ticket => {
                self.progress.remove(&Pane::Input);
                self.differences = layers.iter().map(|layer| (layer.layer, layer.distance)).collect();
                self.compared = true;
                self.other_predictions = predictions;
            }
            Event::Checked { ticket, findings } if ticket == self.check_ticket => {
                let layers = self.model.as_ref().map_or(&[][..], |model| &model.layers);
                self.findings = Some(Findings::of(findings, layers));
                if std::mem::take(&mut self.check_awaited) {
                    self.say_findings();
                }
            }
            Event::Ran { .. }
            | Event::Map { .. }
            | Event::Compared { .. }
            | Event::Checked { .. }
            | Event::ScanOpened { .. } => {}
        }
        Vec::new()
    }

    /// What a file lacks, and what was guessed about pictures, is said before anybody believes what is shown.
    fn say_notes(&mut self) {
        let Some(model) = &self.model else { return };
        if let Some(note) = &model.note {
            self.notice = Some(Notice::Amiss(note.clone()));
        } else if let Some(reason) = &model.preprocess_note {
            let key = self.keymap.keys_of(Action::Preprocess).first().map(|key| format!("; {key} changes that"));
            self.notice = Some(Notice::Done(format!("{reason}{}", key.unwrap_or_default())));
        }
    }

    fn arrived(&mut self, ticket: u64, page: Page) {
        let Some((asked, key)) = self.asked else { return };
        if asked.0 != ticket {
            return;
        }
        let done = page.is_finished();
        self.keep_page(key, page);
        if done {
            self.asked = None;
            self.progress.remove(&Pane::Channels);
        }
    }

    fn fail(&mut self, pane: Pane, ticket: Option<u64>, message: String) -> Vec<Effect> {
        let current = match pane {
            Pane::Input => ticket.is_none_or(|ticket| ticket == self.input_ticket.0),
            Pane::Channels => self.asked.is_some_and(|(asked, _)| Some(asked.0) == ticket),
            Pane::Heatmap => ticket == Some(self.map_ticket.0),
            Pane::Health => ticket == Some(self.check_ticket.0),
            Pane::Trust => ticket == Some(self.trust.ticket.0),
            // A channel without a pattern is shown without one.
            Pane::Detail | Pane::Excitations => false,
        };
        if !current {
            return Vec::new();
        }
        match pane {
            Pane::Channels => self.asked = None,
            Pane::Heatmap => self.mapping = false,
            Pane::Trust => self.trust.left = 0,
            Pane::Input | Pane::Detail | Pane::Health | Pane::Excitations => {}
        }
        self.progress.remove(&pane);
        self.failed.insert(pane, message);
        if pane == Pane::Health && std::mem::take(&mut self.check_awaited) {
            self.say_findings();
        }
        if pane == Pane::Input { self.go_on() } else { Vec::new() }
    }
}

/// A picture of the protocol's as a picture of the image crate's.
pub fn rgb(picture: Rgb) -> RgbImage {
    RgbImage::from_raw(picture.width, picture.height, picture.pixels).unwrap_or_default()
}
