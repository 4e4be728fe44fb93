//! The scan that is opened, and which of its pictures are shown.

use std::path::PathBuf;

use super::Effect;
use crate::methods::excitation::Keep;
use crate::model::printable::printable_path;
use crate::service::protocol::{ExcitationPage, Filter, Request, ScanInfo, Ticket};
use crate::tui::stamped::Stamped;
use crate::tui::state::{ExcitationKey, Notice, State};

/// Most pictures of a channel that are read: more have no room on any screen.
const MOST: usize = 48;

impl ScanInfo {
    /// How many pictures of a channel the scan vouches for; see [`Filter::complete`].
    pub(in crate::tui) fn complete(&self, filter: &Filter) -> Option<usize> {
        filter.complete(Keep { top: self.top, per_class: self.per_class }, self.pictures, self.has_truth)
    }
}

/// Which of the pictures that excite a channel count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    All,
    /// Those that the network is right about, or wrong about.
    Judged(bool),
    /// Those that show a class.
    Class(String),
}

impl State {
    /// Opens the file of a scan.
    pub fn open_scan(&mut self, path: PathBuf) -> Vec<Effect> {
        self.excitations.path = Some(path);
        self.excitations.filter = Filter::default();
        self.ask_scan()
    }

    /// Asks for the scan that is wanted; not before the model is known, which it must be of.
    pub(super) fn ask_scan(&mut self) -> Vec<Effect> {
        let Some(path) = self.excitations.path.clone().filter(|_| self.model.is_some()) else { return Vec::new() };
        let ticket = self.next_ticket();
        let wanted = &mut self.excitations;
        wanted.ticket = ticket;
        (wanted.scan, wanted.failed, wanted.page, wanted.asked, wanted.refused) = (None, None, None, None, None);
        vec![Effect::Ask(Request::Scan { ticket, path })]
    }

    /// Takes in what a scan says of itself, unless it is one of another model.
    pub(super) fn scan_opened(&mut self, scan: Box<ScanInfo>) {
        let Some(model) = &self.model else { return };
        let file = printable_path(&scan.path);
        if scan.fingerprint != model.fingerprint {
            let whose = if scan.model == model.name { "with other weights".to_owned() } else { scan.model };
            return self.scan_failed(format!("{file} is a scan of another model: {whose}"));
        }
        if scan.preprocess != model.preprocess {
            let words = format!("{file} was made with another preprocessing: --preprocess {}", scan.preprocess);
            self.notice = Some(Notice::Amiss(words));
        }
        self.excitations.scan = Some(scan);
    }

    pub(super) fn excitations_failed(&mut self, ticket: Option<Ticket>, message: String) {
        if ticket == Some(self.excitations.ticket) {
            self.scan_failed(message);
        } else if let Some((_, key)) = self.excitations.asked.take_if(|(asked, _)| Some(*asked) == ticket) {
            self.excitations.failed = Some(message);
            self.excitations.refused = Some(key);
        }
    }

    fn scan_failed(&mut self, message: String) {
        self.notice = Some(Notice::Amiss(message.clone()));
        self.excitations.failed = Some(message);
    }

    pub(super) fn excitations_arrived(&mut self, ticket: Ticket, page: ExcitationPage) {
        let Some((_, key)) = self.excitations.asked.take_if(|(asked, _)| *asked == ticket) else { return };
        if let Some(note) = &page.note {
            self.notice = Some(Notice::Amiss(note.clone()));
        }
        self.excitations.cursor = self.excitations.cursor.min(page.pictures.len().saturating_sub(1));
        self.excitations.page = Some((key, Stamped::new(page)));
    }

    /// Asks for the pictures that excite the zoomed channel, unless they are there, on their way or cannot be read.
    pub(super) fn ask_excitations(&mut self) -> Vec<Effect> {
        let wanted = self.excitations_wanted();
        // What could not be read of other pictures says nothing of these.
        if self.excitations.refused.take_if(|refused| Some(&*refused) != wanted.as_ref()).is_some() {
            self.excitations.failed = None;
        }
        let Some(wanted) = wanted else {
            self.excitations.asked = None;
            return Vec::new();
        };
        if self.excitations.refused.is_some() {
            return Vec::new();
        }
        let there = self.excitations.page.as_ref().is_some_and(|(key, _)| *key == wanted);
        let coming = self.excitations.asked.as_ref().is_some_and(|(_, key)| *key == wanted);
        let scan = self.excitations.scan.as_ref();
        let most = scan.map_or(0, |scan| scan.complete(&wanted.filter).unwrap_or(scan.top)).min(MOST);
        if there || coming {
            if there {
                self.excitations.asked = None;
            }
            return Vec::new();
        }
        // Whole pictures and their crops stand in the same order.
        let same = |key: &ExcitationKey| ExcitationKey { whole: wanted.whole, ..key.clone() } == wanted;
        if !self.excitations.page.as_ref().is_some_and(|(key, _)| same(key)) {
            self.excitations.cursor = 0;
        }
        let ticket = self.next_ticket();
        let ExcitationKey { layer, channel, filter, whole } = wanted.clone();
        self.excitations.asked = Some((ticket, wanted));
        self.excitations.failed = None;
        vec![Effect::Ask(Request::Excitations { ticket, layer, channel, filter, most, whole })]
    }

    /// Says what is missing where pictures are asked for and there are none.
    fn has_excitations(&mut self) -> bool {
        let missing = match (&self.excitations.path, &self.excitations.failed, self.excitations_wanted()) {
            (None, ..) => "no scan is open: start with --scan FILE, or :scan FILE".to_owned(),
            (_, Some(failed), None) => failed.clone(),
            (.., Some(_)) => return true,
            _ if self.scanned_layer().is_some() => "zoom into a channel to see what excites it".to_owned(),
            _ => self.not_scanned(),
        };
        self.notice = Some(Notice::Amiss(missing));
        false
    }

    /// Which layers the scan has, where it has not the chosen one.
    pub(in crate::tui) fn not_scanned(&self) -> String {
        let Some(scan) = &self.excitations.scan else { return "the scan is being opened".to_owned() };
        let names: Vec<&str> = scan.layers.iter().map(|(name, _)| name.as_str()).collect();
        format!("this layer was not scanned; {} has {}", printable_path(&scan.path), names.join(", "))
    }

    pub(in crate::tui) fn step_excitation(&mut self, steps: i64) {
        if !self.has_excitations() {
            return;
        }
        let count = self.excitation_page().map_or(0, |page| page.pictures.len()) as i64;
        if count > 0 {
            self.excitations.cursor = (self.excitations.cursor as i64).saturating_add(steps).rem_euclid(count) as usize;
        }
    }

    pub(in crate::tui) fn toggle_whole(&mut self) {
        if self.has_excitations() {
            self.excitations.whole = !self.excitations.whole;
        }
    }

    pub(super) fn filter_excitations(&mut self, which: Which) {
        if !self.has_excitations() {
            return;
        }
        let has_truth = self.excitations.scan.as_ref().is_some_and(|scan| scan.has_truth);
        let filter = &mut self.excitations.filter;
        match which {
            Which::All => *filter = Filter::default(),
            Which::Judged(right) => filter.right = Some(right),
            Which::Class(label) if has_truth => filter.truth = Some(label),
            Which::Class(label) => filter.class = Some(label),
        }
    }
}
