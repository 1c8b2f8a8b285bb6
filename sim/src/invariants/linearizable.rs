//! What clients saw of each registration can be explained by one operation after the other (Herlihy and Wing, 1990).
//!
//! The search believes nothing but the answers: no index, no epoch of another subject, no log. It has a budget; a history
//! for which that does not suffice is counted, and is no pass.

use std::collections::BTreeMap;

use delian_core::{Consistency, SessionRequest, Time};

use super::{Asked, Breach, Conclusion, Invariant};
use crate::linearizability::history::{History, Operation, OperationId};
use crate::linearizability::search::{Verdict, search};
use crate::linearizability::topology_model::{Action, Heard, Input, Output, Registrations, asked, heard};

/// The most steps of the search for one subject: hundreds of times what honest histories of a run take.
const STEPS_MAX: u64 = 200_000;

/// The operations on registrations, with what their clients heard.
#[derive(Clone, Debug, Default)]
pub(super) struct Linearizable {
    operations: BTreeMap<OperationId, Operation<Input, Output>>,
}

/// What came of the search at the end of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// How many operations had to be explained.
    pub operations: u64,
    /// How many histories it gave up on.
    pub undecided: u64,
}

impl Invariant for Linearizable {
    const NAME: &'static str = "history-is-linearizable";
    const SENTENCE: &'static str =
        "What clients were told of each registration, one system that does one thing at a time could have told them.";
}

impl Linearizable {
    pub(super) fn on_call(&mut self, operation: OperationId, now: Time, what: &Asked) {
        let input = match what {
            Asked::Command(command) => asked(command),
            Asked::Read(Consistency::Lease | Consistency::Quorum, subject) => {
                Some(Input { subject: *subject, action: Action::Read })
            }
            Asked::Quorum(_)
            | Asked::Read(Consistency::Local, _)
            | Asked::Session(SessionRequest::Open | SessionRequest::Do { .. } | SessionRequest::Close(_)) => None,
        };
        if let Some(input) = input {
            self.operations.insert(operation, Operation { client: 0, called_at: now, input, answer: None });
        }
    }

    pub(super) fn on_conclusion(&mut self, operation: OperationId, now: Time, conclusion: &Conclusion) {
        let said = match conclusion {
            Conclusion::Outcome(outcome) => heard(outcome),
            Conclusion::Read(_, since) => Heard::Answer(Output::Registered(*since)),
            Conclusion::Nothing => Heard::Unknown,
        };
        match said {
            Heard::Answer(output) => {
                if let Some(operation) = self.operations.get_mut(&operation) {
                    operation.answer = Some((now, output));
                }
            }
            Heard::Unknown => {}
            Heard::NoEffect => {
                self.operations.remove(&operation);
            }
        }
    }

    pub(super) fn at_end(&self) -> Result<Judged, Breach> {
        let history: History<Input, Output> = self.operations.values().cloned().collect();
        let operations = self.operations.len() as u64;
        match search::<Registrations>(&history, STEPS_MAX) {
            Verdict::Linearizable => Ok(Judged { operations, undecided: 0 }),
            Verdict::Undecided { steps: _ } => Ok(Judged { operations, undecided: 1 }),
            Verdict::Violation(violation) => Err(Self::breach(violation.facts)),
        }
    }
}
