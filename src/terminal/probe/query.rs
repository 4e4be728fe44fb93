//! What a terminal is asked, and in which words.

use crate::terminal::passthrough;

/// Kitty's id of the picture that is asked about, which is never drawn.
pub(super) const KITTY_ID: u32 = 31;

const PUSH_TITLE: &str = "\x1b[22;2t";
const POP_TITLE: &str = "\x1b[23;2t";

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Question {
    /// Name and version (XTVERSION).
    Version,
    /// Whether the kitty graphics protocol is understood.
    Kitty,
    /// The background's colour (OSC 11).
    Background,
    /// Size of a cell in pixels.
    Cell,
    /// Size of the text area in pixels.
    Area,
    /// Whether a frame can be shown at once (mode 2026).
    Synchronized,
    /// Primary device attributes; 4 among them is sixel.
    Attributes,
    /// A status report, which every terminal gives: answers come in the order of the questions, so nothing follows it.
    End,
}

impl Question {
    /// All, in the order in which they are asked. The attributes stand behind everything that is not always answered: if
    /// answers come too late, crossterm's parser holds `CSI ? … $ y` back until a `c` ends it.
    pub const ALL: [Self; 8] = [
        Self::Version,
        Self::Kitty,
        Self::Background,
        Self::Cell,
        Self::Area,
        Self::Synchronized,
        Self::Attributes,
        Self::End,
    ];

    /// The same without what multiplexers understand otherwise: tmux takes kitty's question for the pane's title.
    pub const FOR_MULTIPLEXERS: [Self; 7] =
        [Self::Version, Self::Background, Self::Cell, Self::Area, Self::Synchronized, Self::Attributes, Self::End];

    /// What Apple's Terminal does not print as text.
    pub const FOR_APPLE: [Self; 5] = [Self::Background, Self::Cell, Self::Area, Self::Attributes, Self::End];

    /// As it is sent.
    pub const fn sequence(self) -> &'static str {
        match self {
            Self::Version => "\x1b[>q",
            Self::Kitty => "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\",
            Self::Background => "\x1b]11;?\x1b\\",
            Self::Cell => "\x1b[16t",
            Self::Area => "\x1b[14t",
            Self::Synchronized => "\x1b[?2026$p",
            Self::Attributes => "\x1b[c",
            Self::End => "\x1b[5n",
        }
    }

    /// What it is about, in a few words.
    pub const fn subject(self) -> &'static str {
        match self {
            Self::Version => "name and version",
            Self::Kitty => "kitty graphics",
            Self::Background => "background",
            Self::Cell => "cell size",
            Self::Area => "text area",
            Self::Synchronized => "synchronized updates",
            Self::Attributes => "device attributes",
            Self::End => "end of the answers",
        }
    }
}

/// Questions as one write; to the terminal behind tmux if they go through it.
pub fn sequence(questions: &[Question], through_tmux: bool) -> Vec<u8> {
    let mut plain = Vec::new();
    for question in questions {
        // A tmux that nothing hints at takes this one for the pane's title: the title is put aside meanwhile.
        let guarded = *question == Question::Kitty && !through_tmux;
        let (before, after) = if guarded { (PUSH_TITLE, POP_TITLE) } else { ("", "") };
        for part in [before, question.sequence(), after] {
            plain.extend(part.as_bytes());
        }
    }
    if through_tmux { passthrough(&plain) } else { plain }
}
