//! A command takes effect at most as often as it was given, and never if its client was told that it will not.
//!
//! Entries do not say which request they came from, so equal commands are counted together: each may be committed as
//! often as clients gave it, less the times that they were told it never will be.

use std::collections::BTreeMap;

use delian_core::raft::Payload;
use delian_core::topology::Command;
use delian_core::{Applied, Blob, Rejected, RequestId};

use super::{Breach, Invariant};

/// How often each command was given, given up and committed.
#[derive(Clone, Debug, Default)]
pub(super) struct AtMostOnce {
    open: BTreeMap<RequestId, Blob>,
    counts: BTreeMap<Blob, Count>,
}

#[derive(Clone, Copy, Debug, Default)]
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
    pub(super) fn on_ask(&mut self, request: RequestId, command: &Command) {
        let command = command.encode();
        self.counts.entry(command.clone()).or_default().given += 1;
        self.open.insert(request, command);
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
        let Payload::Command(bytes) = payload else { return Ok(()) };
        let count = self.counts.entry(bytes.clone()).or_default();
        count.committed += 1;
        count.judge(bytes)
    }
}

impl Count {
    fn judge(self, command: &Blob) -> Result<(), Breach> {
        let Self { given, denied, committed } = self;
        if committed + denied <= given {
            return Ok(());
        }
        Err(AtMostOnce::breach(vec![
            format!("{:?} was given {given} times", Command::decode(command)),
            format!("it was committed {committed} times, and {denied} times a client was told that it never will be"),
        ]))
    }
}
