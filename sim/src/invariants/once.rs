//! A command takes effect at most as often as it was given, and never if its client was told that it will not.
//!
//! Entries do not say which request they came from, so equal commands are counted together: each may be committed as
//! often as clients gave it, less the times that they were told it never will be. Each attempt at a command of a session
//! counts as given; that all of them have one effect is another property.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use delian_core::raft::Payload;
use delian_core::topology::{Cause, Command};
use delian_core::{Applied, Blob, Rejected, RequestId, SessionRequest};

use super::{Asked, Breach, Invariant};

/// How often each command was given, given up and committed.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct AtMostOnce {
    open: BTreeMap<RequestId, Given>,
    counts: BTreeMap<Given, Count>,
    /// Whether nodes judge each other: then conditions and evictions are theirs to give, too, as often as they like.
    expects_findings: bool,
}

/// What an entry may carry for a client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Given {
    Command(Blob),
    Session(Blob),
}

#[derive(Clone, Copy, Debug, Default, Hash)]
struct Count {
    given: u64,
    denied: u64,
    committed: u64,
}

impl Invariant for AtMostOnce {
    const NAME: &'static str = "commands-take-effect-once";
    const SENTENCE: &'static str =
        "A command commits at most as often as clients gave it and were not told that it never will.";
}

impl AtMostOnce {
    pub(super) const fn expect_findings(&mut self) {
        self.expects_findings = true;
    }

    pub(super) fn hash_history(&self, hasher: &mut impl Hasher) {
        (&self.open, &self.counts).hash(hasher);
    }

    pub(super) fn on_ask(&mut self, request: RequestId, asked: &Asked) {
        let given = match asked {
            Asked::Command(command) => Given::Command(command.encode()),
            Asked::Session(request) => Given::Session(request.encode()),
            Asked::Quorum(_) | Asked::Read(..) => return,
        };
        self.counts.entry(given.clone()).or_default().given += 1;
        self.open.insert(request, given);
    }

    pub(super) fn on_reply(&mut self, request: RequestId, outcome: &Result<Applied, Rejected>) -> Result<(), Breach> {
        let Some(command) = self.open.remove(&request) else { return Ok(()) };
        match outcome {
            Err(
                Rejected::NotLeader(_)
                | Rejected::Busy
                | Rejected::Superseded
                | Rejected::Halted
                | Rejected::Transferring(_),
            ) => {
                let count = self.counts.entry(command.clone()).or_default();
                count.denied += 1;
                count.judge(&command)
            }
            // A refusal may come from the committed command itself, and an unknown outcome may be any.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    pub(super) fn on_commit(&mut self, payload: &Payload) -> Result<(), Breach> {
        let given = match payload {
            Payload::Command(bytes) => Given::Command(bytes.clone()),
            Payload::Session(bytes) => Given::Session(bytes.clone()),
            Payload::Noop | Payload::Configuration(_) | Payload::Level(_) => return Ok(()),
        };
        if self.expects_findings && given.is_finding() {
            return Ok(());
        }
        let count = self.counts.entry(given.clone()).or_default();
        count.committed += 1;
        count.judge(&given)
    }
}

impl Given {
    /// Returns whether it is what nodes come to when they judge each other.
    fn is_finding(&self) -> bool {
        let Self::Command(bytes) = self else { return false };
        match Command::decode(bytes) {
            Ok(Command::SetCondition { cause, .. }) => cause != Cause::Asked,
            Ok(Command::Evict { .. }) => true,
            Ok(
                Command::Register(_)
                | Command::Deregister(_)
                | Command::Custom(_)
                | Command::Drain { .. }
                | Command::DrainProgress { .. },
            )
            | Err(_) => false,
        }
    }
}

impl Count {
    fn judge(self, what: &Given) -> Result<(), Breach> {
        let Self { given, denied, committed } = self;
        if committed + denied <= given {
            return Ok(());
        }
        let what = match what {
            Given::Command(bytes) => format!("{:?}", Command::decode(bytes)),
            Given::Session(bytes) => format!("{:?}", SessionRequest::decode(bytes)),
        };
        Err(AtMostOnce::breach(vec![
            format!("{what} was given {given} times"),
            format!("it was committed {committed} times, and {denied} times a client was told that it never will be"),
        ]))
    }
}
