//! Pages of the channel pager.

use super::stamped::Stamped;
use crate::model::LayerId;
use crate::service::protocol::{ChannelPage, ClassId, Content, Order, PatternPage};

/// A page of the channel pager, as numbers or as pictures.
#[derive(Debug, Clone)]
pub enum Page {
    /// Activations or weights.
    Numbers(Stamped<ChannelPage>),
    /// Patterns, so far or finished.
    Patterns(Stamped<PatternPage>),
}

impl Page {
    /// First channel, channels on the page, channels of the layer.
    pub fn extent(&self) -> (usize, usize, usize) {
        match self {
            Self::Numbers(page) => (page.first, page.statistics.len(), page.total),
            Self::Patterns(page) => (page.first, page.pictures.len(), page.total),
        }
    }

    /// The channel at a place of the page.
    pub fn channel(&self, index: usize) -> Option<usize> {
        match self {
            Self::Numbers(page) => page.channels.get(index).copied(),
            Self::Patterns(page) => page.channels.get(index).copied(),
        }
    }

    /// Whether nothing more is to come.
    pub fn is_finished(&self) -> bool {
        match self {
            Self::Numbers(_) => true,
            Self::Patterns(page) => page.step == page.steps,
        }
    }

    /// Whether there are numbers behind the pictures that can be pointed at.
    pub fn has_values(&self) -> bool {
        matches!(self, Self::Numbers(page) if page.colour.is_none())
    }

    /// The values of a channel, row by row.
    pub fn values(&self, index: usize) -> &[f32] {
        match self {
            Self::Numbers(page) => page.values_at(index),
            Self::Patterns(_) => &[],
        }
    }

    /// The same values of the second model.
    pub fn other_values(&self, index: usize) -> &[f32] {
        match self {
            Self::Numbers(page) => page.other_values_at(index),
            Self::Patterns(_) => &[],
        }
    }

    /// Whether it shows two models.
    pub fn is_compared(&self) -> bool {
        matches!(self, Self::Numbers(page) if page.other.is_some())
    }

    /// Rows and columns of what is drawn of a channel: of two models three maps side by side.
    pub fn shape(&self) -> (usize, usize) {
        let (rows, columns) = self.tile();
        (rows, if self.is_compared() && !self.is_vector() { 3 * columns } else { columns })
    }

    /// Row and column of the largest finite value of a channel.
    pub fn strongest(&self, index: usize) -> Option<(usize, usize)> {
        let columns = self.tile().1.max(1);
        let finite = self.values(index).iter().enumerate().filter(|(_, value)| value.is_finite());
        let (at, _) = finite.max_by(|a, b| a.1.total_cmp(b.1))?;
        Some((at / columns, at % columns))
    }

    /// Whether a channel is a single value.
    pub fn is_vector(&self) -> bool {
        matches!(self, Self::Numbers(_)) && self.tile() == (1, 1)
    }

    /// Rows and columns of a channel.
    pub fn tile(&self) -> (usize, usize) {
        match self {
            Self::Numbers(page) => match page.colour.as_ref().and_then(|pictures| pictures.first()) {
                Some(picture) => (picture.height as usize, picture.width as usize),
                None => (page.height, page.width),
            },
            Self::Patterns(page) => {
                page.pictures.first().map_or((1, 1), |picture| (picture.height as usize, picture.width as usize))
            }
        }
    }
}

/// Which page of the pager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageKey {
    /// Whose channels.
    pub layer: LayerId,
    /// What of them.
    pub content: Content,
    /// How they are sorted.
    pub order: Order,
    /// The class, where the content or the order depends on one; `None` is the top class.
    pub class: Option<ClassId>,
    /// First place on the page.
    pub first: usize,
    /// Places on it.
    pub count: usize,
}
