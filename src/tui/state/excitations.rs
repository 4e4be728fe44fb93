//! What is known of the scan that is open, and what is shown of it beside the zoomed channel.

use std::path::PathBuf;

use super::State;
use crate::service::protocol::{ExcitationPage, Filter, ScanInfo, Ticket};
use crate::tui::stamped::Stamped;

/// Which pictures are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExcitationKey {
    /// Index of the layer in the scan.
    pub layer: usize,
    /// Number of the channel.
    pub channel: usize,
    /// Which pictures count.
    pub filter: Filter,
    /// Whole pictures in place of crops.
    pub whole: bool,
}

/// The scan that is open, and the pictures of the zoomed channel.
#[derive(Debug, Default)]
pub struct Excitations {
    /// The file that is asked for.
    pub path: Option<PathBuf>,
    /// Number of the request that opens it.
    pub ticket: Ticket,
    /// The scan, once it is open and known to be one of this model.
    pub scan: Option<Box<ScanInfo>>,
    /// Why there is nothing to show.
    pub failed: Option<String>,
    /// Which pictures count.
    pub filter: Filter,
    /// Whether whole pictures are shown in place of crops.
    pub whole: bool,
    /// The picture under the cursor.
    pub cursor: usize,
    /// What was asked for last and has not arrived.
    pub asked: Option<(Ticket, ExcitationKey)>,
    /// What was asked for and cannot be read: asking again would say the same.
    pub refused: Option<ExcitationKey>,
    /// What has arrived.
    pub page: Option<(ExcitationKey, Stamped<ExcitationPage>)>,
}

impl State {
    /// The index of the chosen layer in the scan.
    pub fn scanned_layer(&self) -> Option<usize> {
        let path = &self.model.as_ref()?.layers.get(self.layer.0)?.path;
        self.excitations.scan.as_ref()?.layers.iter().position(|(name, _)| name == path)
    }

    /// The pictures that are wanted beside the zoomed channel; none where no channel is zoomed or it was not scanned.
    pub fn excitations_wanted(&self) -> Option<ExcitationKey> {
        let layer = self.scanned_layer().filter(|_| self.zoomed)?;
        let channel = self.channel_number()?;
        let (_, channels) = self.excitations.scan.as_ref()?.layers.get(layer)?;
        let Excitations { filter, whole, .. } = &self.excitations;
        (channel < *channels).then(|| ExcitationKey { layer, channel, filter: filter.clone(), whole: *whole })
    }

    /// The pictures of the zoomed channel, once they have arrived.
    pub fn excitation_page(&self) -> Option<&Stamped<ExcitationPage>> {
        let wanted = self.excitations_wanted()?;
        self.excitations.page.as_ref().filter(|(key, _)| *key == wanted).map(|(_, page)| page)
    }
}
