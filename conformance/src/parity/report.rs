//! The table, row by row, and for each method the largest difference.

use std::path::Path;

use serde::Serialize;

use super::case::{Check, Outcome};
use crate::suites::Table;

#[derive(Debug, Serialize)]
struct Row {
    suite: String,
    model: String,
    method: String,
    about: String,
    outcome: Outcome,
    seconds: f64,
    peer_seconds: Option<f64>,
}

/// All rows so far.
#[derive(Default)]
pub(super) struct Report {
    rows: Vec<Row>,
    /// Suites that could not be worked through.
    broken: Vec<String>,
}

impl Report {
    /// An empty table, whose head is printed unless names are only listed.
    pub(super) fn new(list: bool) -> Self {
        if !list {
            println!(
                "{:<18} {:<18} {:<44} {:>10} {:>8} {:>8}",
                "model", "method", "", "difference", "seconds", "peer's"
            );
        }
        Self::default()
    }

    /// A check that ran, tried to, or was left out.
    pub(super) fn row(&mut self, suite: &str, model: &str, check: &Check, outcome: Outcome, seconds: f64) {
        let (end, note) = match &outcome {
            Outcome::Agrees(difference) => (format!("{difference:>10.1e}"), String::new()),
            Outcome::Differs(difference) => (format!("{difference:>10.1e}"), " DIFFERS".to_owned()),
            Outcome::Failed(why) => (format!("FAILED {why}"), String::new()),
            Outcome::Skipped(why) => (format!("left out: {why}"), String::new()),
        };
        let times = match &outcome {
            Outcome::Agrees(_) | Outcome::Differs(_) => {
                let peer = check.seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.2}"));
                format!(" {seconds:>8.2} {peer:>8}")
            }
            Outcome::Failed(_) | Outcome::Skipped(_) => String::new(),
        };
        println!("{model:<18} {:<18} {:<44} {end}{times}{note}", check.method, check.about);
        self.push(suite, model, &check.method, &check.about, outcome, (seconds, check.seconds));
    }

    fn push(
        &mut self,
        suite: &str,
        model: &str,
        method: &str,
        about: &str,
        outcome: Outcome,
        (seconds, peer_seconds): (f64, Option<f64>),
    ) {
        let (suite, model) = (suite.to_owned(), model.to_owned());
        let (method, about) = (method.to_owned(), about.to_owned());
        self.rows.push(Row { suite, model, method, about, outcome, seconds, peer_seconds });
    }
}

impl Table for Report {
    fn failed(&mut self, suite: &str, model: &str, why: &str) {
        println!("{model:<18} FAILED {why}");
        self.push(suite, model, "", "", Outcome::Failed(why.to_owned()), (0.0, None));
    }

    fn skipped(&mut self, suite: &str, model: &str, why: &str) {
        println!("{model:<18} left out: {why}");
        self.push(suite, model, "", "", Outcome::Skipped(why.to_owned()), (0.0, None));
    }

    fn broken(&mut self, suite: &Path, why: &str) {
        println!("{}: {why}", suite.display());
        self.broken.push(suite.display().to_string());
    }

    fn summary(&self) {
        let mut methods: Vec<(&str, f64, usize, usize)> = Vec::new();
        for row in self.rows.iter().filter(|row| !row.method.is_empty()) {
            let (difference, agrees) = match row.outcome {
                Outcome::Agrees(difference) => (difference, true),
                Outcome::Differs(difference) => (difference, false),
                Outcome::Failed(_) => (f64::INFINITY, false),
                Outcome::Skipped(_) => continue,
            };
            if !methods.iter().any(|(name, ..)| *name == row.method) {
                methods.push((&row.method, 0.0, 0, 0));
            }
            let Some((_, most, agree, all)) = methods.iter_mut().find(|(name, ..)| *name == row.method) else {
                continue;
            };
            *most = most.max(difference);
            *agree += usize::from(agrees);
            *all += 1;
        }
        println!();
        for (method, most, agree, all) in methods {
            println!("{method:<22} largest difference {most:>8.1e}, {agree} of {all} agree");
        }
    }

    fn all_agree(&self) -> bool {
        let fine = |row: &Row| matches!(row.outcome, Outcome::Agrees(_) | Outcome::Skipped(_));
        self.broken.is_empty() && self.rows.iter().all(fine)
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        std::fs::write(path, serde_json::to_string_pretty(&self.rows)?)
    }
}
