//! What is wrong with the network on the picture: the checks of `check` that one picture allows.

use std::collections::HashMap;

use super::super::protocol::{Event, LayerFinding, Request, Ticket};
use super::Worker;
use super::error::WorkError;
use crate::engine::Cancel;
use crate::methods::health::{self, Finding, Sample};
use crate::methods::job::Job;
use crate::model::LayerId;

impl Worker<'_> {
    /// Answers with what is found, or waits for another time where something more urgent comes.
    pub(super) fn check(&mut self, ticket: Ticket, cancel: &Cancel) -> Result<(), WorkError> {
        let network = self.subject.network;
        let input = self.subject.forward()?.input.shallow_clone();
        let sample = Sample { name: "the picture".to_owned(), input };
        let job = Job::quiet(cancel, self.open.seed);
        let report = match health::check::<WorkError>(network, [Ok(sample)], None, job) {
            Err(error) if error.is_cancelled() => {
                self.mailbox.put_back(Request::Check { ticket });
                return Ok(());
            }
            report => report?,
        };
        let layers: HashMap<&str, LayerId> =
            network.layers.iter().map(|(id, layer)| (layer.path.as_str(), id)).collect();
        let place = |finding: &Finding| {
            let path = finding.layer.as_deref().or(finding.node.as_deref())?;
            layers.get(path).copied()
        };
        let findings = report.findings.iter().map(|finding| LayerFinding {
            layer: place(finding),
            severity: finding.severity,
            name: finding.problem.name().to_owned(),
            numbers: finding.problem.numbers(),
            hint: finding.problem.hint().to_owned(),
        });
        self.say(Event::Checked { ticket, findings: findings.collect() });
        Ok(())
    }
}
