//! How much memory may be taken, and how much a run takes.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tch::Device;

use super::Engine;
use super::plan::Keep;
use crate::model::graph::{Tap, ValueId};

/// The ceiling that the user sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum MemoryLimit {
    /// A share of what is free when the model is opened.
    #[default]
    Auto,
    /// So many bytes: of the process on the CPU, of the device on a GPU.
    Bytes(u64),
    /// So many hundredths of what is free when the model is opened.
    Share(u8),
}

/// What [`MemoryLimit::Auto`] takes, in hundredths: others use the machine too.
const USUAL_SHARE: u8 = 60;

const UNITS: [(&str, u64); 7] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("b", 1),
];

impl FromStr for MemoryLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("'{text}' is no amount of memory: write 6GB, 800MiB, a share of what is free such as 50%, or auto")
        };
        let lower = text.trim().to_ascii_lowercase();
        if lower == "auto" {
            return Ok(Self::Auto);
        }
        if let Some(share) = lower.strip_suffix('%') {
            let share = share.trim().parse().ok().filter(|share| (1..=100).contains(share));
            return share.map(Self::Share).ok_or_else(wrong);
        }
        let found = UNITS.iter().find_map(|(unit, size)| Some((lower.strip_suffix(unit)?, *size)));
        let (number, size) = found.unwrap_or((&lower, 1));
        let number: f64 = number.trim().parse().map_err(|_| wrong())?;
        let bytes = number * size as f64;
        if bytes >= 1.0 && bytes <= u64::MAX as f64 { Ok(Self::Bytes(bytes as u64)) } else { Err(wrong()) }
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Bytes(bytes) => f.write_str(&amount(*bytes)),
            Self::Share(share) => write!(f, "{share}%"),
        }
    }
}

/// Bytes for people: `1.3 GiB`.
pub fn amount(bytes: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    units.iter().find(|(_, size)| bytes >= *size).map_or_else(
        || format!("{bytes} B"),
        |(unit, size)| {
            let number = bytes as f64 / *size as f64;
            if number < 10.0 { format!("{number:.1} {unit}") } else { format!("{number:.0} {unit}") }
        },
    )
}

/// The memory of an engine's device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    on_host: bool,
    ceiling: u64,
    /// What was taken on the device when the ceiling was fixed; on the host that is asked anew each time.
    taken: u64,
}

impl Memory {
    /// Fixes the ceiling. `taken` is what the engine has taken on a GPU already.
    pub(super) fn of(limit: MemoryLimit, device: Device, taken: u64) -> Self {
        let on_host = !matches!(device, Device::Cuda(_));
        let share = |free: u64, share: u8| free / 100 * u64::from(share);
        let (free, taken) = match device {
            Device::Cuda(index) => (free_on_gpu(index), taken),
            _ => (free_on_host(), resident()),
        };
        let ceiling = match limit {
            MemoryLimit::Bytes(bytes) => bytes,
            MemoryLimit::Share(hundredths) => taken + share(free, hundredths),
            MemoryLimit::Auto => taken + share(free, USUAL_SHARE),
        };
        Self { on_host, ceiling, taken }
    }

    /// The most that may be taken in all, in bytes.
    pub fn ceiling(&self) -> u64 {
        self.ceiling
    }

    /// Bytes that may still be taken. A part of the ceiling is kept back for what kernels take beside their results.
    pub fn left(&self) -> u64 {
        let taken = if self.on_host { resident() } else { self.taken };
        self.ceiling.saturating_sub(taken).saturating_sub(self.ceiling / 16)
    }
}

/// Bytes of this process that lie in memory; 0 where the system does not say.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * page_size()
}

fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

/// Bytes that the machine, or the group of processes that this one is in, has left; without an answer 4 GiB.
fn free_on_host() -> u64 {
    const UNKNOWN: u64 = 4 << 30;
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
    });
    let number = |file: &str| std::fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    let group = number("/sys/fs/cgroup/memory.max")
        .zip(number("/sys/fs/cgroup/memory.current"))
        .map(|(most, current)| most.saturating_sub(current));
    machine.unwrap_or(UNKNOWN).min(group.unwrap_or(u64::MAX))
}

/// Bytes that a GPU has left, by NVIDIA's own tool; without an answer 4 GiB.
fn free_on_gpu(index: usize) -> u64 {
    const UNKNOWN: u64 = 4 << 30;
    let asked = std::process::Command::new("nvidia-smi")
        .args(["--query-gpu=memory.free", "--format=csv,noheader,nounits", &format!("--id={index}")])
        .output();
    let megabytes = asked.ok().and_then(|answer| String::from_utf8_lossy(&answer.stdout).trim().parse::<u64>().ok());
    megabytes.map_or(UNKNOWN, |megabytes| megabytes << 20)
}

impl Engine {
    /// The memory of the engine's device.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Bytes that a value of one of these shapes takes, at most: four for a number, eight where double precision was asked for.
    pub fn value_bytes(&self, value: ValueId, shapes: &HashMap<ValueId, Vec<i64>>) -> u64 {
        let elements = shapes.get(&value).map_or(0, |shape| shape.iter().product::<i64>().max(0));
        elements as u64 * self.input_kind.elt_size_in_bytes() as u64
    }

    /// About how many bytes a run takes at once, with tensors of these shapes: what is kept for the taps and what is needed on
    /// the way; where gradients are recorded, everything behind `gradients_at`, and the gradients on the way back.
    pub fn footprint(
        &self,
        given: &[ValueId],
        taps: &[Tap],
        gradients_at: &[Tap],
        shapes: &HashMap<ValueId, Vec<i64>>,
    ) -> u64 {
        let all: Vec<Tap> = taps.iter().chain(gradients_at).copied().collect();
        let plan = self.plan(given, &all);
        let kept: HashSet<ValueId> = all.iter().map(|tap| self.flow.root(tap.value)).collect();
        let mut recorded: HashSet<ValueId> = gradients_at.iter().map(|tap| tap.value).collect();
        let size = |value: ValueId| self.value_bytes(value, shapes);
        // Views of the same memory count once.
        let mut live: HashMap<ValueId, u64> = HashMap::new();
        let (mut now, mut peak, mut largest) = (0_u64, 0_u64, 0_u64);
        let mut held: HashSet<ValueId> = kept;
        for step in &plan.steps {
            let node = &self.graph.nodes[step.node];
            let behind = node.reads().iter().any(|value| recorded.contains(value));
            let mut made = 0;
            for value in node.makes() {
                let root = self.flow.root(value);
                if behind {
                    recorded.insert(value);
                    held.insert(root);
                }
                let bytes = size(value);
                let known = live.entry(root).or_insert(0);
                if bytes > *known {
                    now += bytes - *known;
                    *known = bytes;
                }
                made += bytes;
                if matches!(plan.keep.get(&value), Some(Keep::RunGoesOnWithCopy | Keep::TapIsCopy)) {
                    now += bytes;
                }
            }
            let read: u64 =
                node.reads().iter().filter(|value| self.weight(**value).is_none()).map(|value| size(*value)).sum();
            // A kernel may work on copies in another layout.
            peak = peak.max(now + made.max(read));
            if behind {
                largest = largest.max(made + read);
            }
            for value in &step.forget {
                let root = self.flow.root(*value);
                if !held.contains(&root)
                    && let Some(bytes) = live.remove(&root)
                {
                    now -= bytes;
                }
            }
        }
        if gradients_at.is_empty() { peak } else { peak + 2 * largest }
    }
}
