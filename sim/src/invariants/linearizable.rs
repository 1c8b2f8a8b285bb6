//! What clients saw of each registration can be explained by one operation after the other (Herlihy and Wing, 1990).
//!
//! The search believes nothing but the answers: no index, no epoch of another subject, no log. But while a cluster is
//! cut to pieces, so much overlaps that it may take forever. So it is given a guess first: when each change took effect,
//! as nodes were seen to apply it, and which of those that nobody was told of did. An order that explains the guess
//! explains the answers too, wherever the guess came from, for it only says more. Where there is none, the search goes
//! without. It has a budget; a history for which that does not suffice fails the run, and the facts say so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use delian_core::topology::Command;
use delian_core::{Blob, Consistency, Epoch, SessionRequest, Time};

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
    /// The commands that wait for an answer, or never got one.
    unanswered: BTreeMap<OperationId, Blob>,
    /// When a node was first seen to apply each change.
    applied_at: BTreeMap<Epoch, Time>,
    /// Whether nodes judge each other, so that some changes were asked for by no client.
    expects_findings: bool,
}

/// What came of the search at the end of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// How many operations had to be explained.
    pub operations: u64,
}

impl Invariant for Linearizable {
    const NAME: &'static str = "history-is-linearizable";
    const SENTENCE: &'static str =
        "What clients were told of each registration, one system that does one thing at a time could have told them.";
}

impl Linearizable {
    pub(super) const fn expect_findings(&mut self) {
        self.expects_findings = true;
    }

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
        if let (Some(_), Asked::Command(command)) = (input, what) {
            self.unanswered.insert(operation, command.encode());
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
                self.unanswered.remove(&operation);
                if let Some(operation) = self.operations.get_mut(&operation) {
                    operation.answer = Some((now, output));
                }
            }
            Heard::Unknown => {}
            Heard::NoEffect => {
                self.unanswered.remove(&operation);
                self.operations.remove(&operation);
            }
        }
    }

    pub(super) fn on_change(&mut self, epoch: Epoch, now: Time) {
        self.applied_at.entry(epoch).or_insert(now);
    }

    /// Judges the whole history; `accepted` are the commands that took effect, as the log has them.
    pub(super) fn at_end(&self, accepted: &[(Epoch, Blob)]) -> Result<Judged, Breach> {
        let operations = self.operations.len() as u64;
        let (guess, findings) = self.guess(accepted);
        if search::<Registrations>(&guess, STEPS_MAX) == Verdict::Linearizable {
            return Ok(Judged { operations });
        }
        let history: History<Input, Output> = self.operations.values().cloned().chain(findings).collect();
        match search::<Registrations>(&history, STEPS_MAX) {
            Verdict::Linearizable => Ok(Judged { operations }),
            Verdict::Undecided { steps } => Err(Self::breach(vec![
                format!("the search for an order gave up after {steps} steps over {operations} operations"),
                "too much overlaps to decide it: fewer clients per subject, or shorter faults, can be judged"
                    .to_owned(),
            ])),
            Verdict::Violation(violation) => Err(Self::breach(violation.facts)),
        }
    }

    /// Returns the history with everything decided: what took effect did so at one instant, the rest is left out. Beside it
    /// those that no client asked for, where nodes judge each other: nobody was told of them.
    ///
    /// Equal commands cannot be told apart; the earliest one asked is given the first place.
    fn guess(&self, accepted: &[(Epoch, Blob)]) -> (History<Input, Output>, Vec<Operation<Input, Output>>) {
        let instants = self.instants();
        let told: BTreeSet<Epoch> = self.operations.values().filter_map(epoch_told).collect();
        let mut untold: BTreeMap<&Blob, VecDeque<Epoch>> = BTreeMap::new();
        for (epoch, command) in accepted.iter().filter(|(epoch, _)| !told.contains(epoch)) {
            untold.entry(command).or_default().push_back(*epoch);
        }
        let decided = self.operations.iter().filter_map(|(id, operation)| {
            let epoch = match self.unanswered.get(id) {
                Some(command) => Some(untold.get_mut(command)?.pop_front()?),
                None => epoch_told(operation),
            };
            let called_at = begin(operation.called_at);
            let answer = operation.answer.map(|(at, output)| (end(at), output));
            let instant = epoch.and_then(|epoch| Some((epoch, *instants.get(&epoch)?)));
            let instant = instant.filter(|(_, instant)| {
                called_at <= *instant && answer.is_none_or(|(answered_at, _)| *instant <= answered_at)
            });
            Some(match instant {
                Some((epoch, at)) => {
                    Operation { called_at: at, answer: Some((at, Output::Applied(epoch))), ..operation.clone() }
                }
                None => Operation { called_at, answer, ..operation.clone() },
            })
        });
        let mut guess: Vec<Operation<Input, Output>> = decided.collect();
        let findings = self.findings(untold);
        guess.extend(findings.iter().map(|(epoch, finding)| {
            let at = instants.get(epoch).copied().unwrap_or(finding.called_at);
            Operation { called_at: at, answer: Some((at, Output::Applied(*epoch))), ..finding.clone() }
        }));
        (guess.into_iter().collect(), findings.into_iter().map(|(_, finding)| finding).collect())
    }

    /// Returns what nodes found by themselves, of all that no client was told of: begun when it was first seen to be
    /// applied, for nobody can have seen it before.
    fn findings(&self, untold: BTreeMap<&Blob, VecDeque<Epoch>>) -> Vec<(Epoch, Operation<Input, Output>)> {
        if !self.expects_findings {
            return Vec::new();
        }
        let found = |(command, epochs): (&Blob, VecDeque<Epoch>)| {
            let command = Command::decode(command).ok()?;
            let input =
                asked(&command).filter(|_| !matches!(command, Command::Register(_) | Command::Deregister(_)))?;
            Some(epochs.into_iter().filter_map(move |epoch| {
                let called_at = *self.applied_at.get(&epoch)?;
                Some((epoch, Operation { client: 0, called_at, input, answer: None }))
            }))
        };
        untold.into_iter().filter_map(found).flatten().collect()
    }

    /// Returns an instant of its own for each change, in the order of their epochs.
    fn instants(&self) -> BTreeMap<Epoch, Time> {
        let mut last = Time::ZERO;
        let instants = self.applied_at.iter().map(|(epoch, at)| {
            last = Time::from_nanos(begin(*at).max(last).as_nanos() + 1);
            (*epoch, last)
        });
        instants.collect()
    }
}

fn epoch_told(operation: &Operation<Input, Output>) -> Option<Epoch> {
    match operation.answer {
        Some((_, Output::Applied(epoch))) => Some(epoch),
        Some((_, Output::Unregistered | Output::Superseded(_) | Output::Registered(_))) | None => None,
    }
}

/// How many instants the guess finds in one of the world, so that what happens within a step has an order too.
const FINER: u64 = 4_096;

/// Returns the first of them.
fn begin(at: Time) -> Time {
    Time::from_nanos(at.as_nanos().saturating_mul(FINER))
}

/// Returns the last of them.
fn end(at: Time) -> Time {
    Time::from_nanos(begin(at).as_nanos().saturating_add(FINER - 1))
}
