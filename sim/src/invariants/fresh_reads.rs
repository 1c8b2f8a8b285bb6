//! A read reflects what was committed before it was asked for (Ongaro 2014, section 6.4).
//!
//! Stricter than what clients can tell by their answers, and without a clock: a commit counts as soon as any node knows of
//! it, acknowledged or not.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use delian_core::{Consistency, LogIndex, NodeId, ReadAt, Rejected, RequestId};

use super::ledger::Ledger;
use super::{Asked, Breach, Invariant};

/// Up to where the log was committed when each open read was asked for.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct FreshReads {
    open: BTreeMap<RequestId, LogIndex>,
}

impl Invariant for FreshReads {
    const NAME: &'static str = "reads-reflect-what-was-committed";
    const SENTENCE: &'static str =
        "A read under a lease or by a quorum reflects every entry that was committed before it was asked for.";
}

impl FreshReads {
    pub(super) fn on_ask(&mut self, request: RequestId, asked: &Asked, ledger: &Ledger) {
        match asked {
            Asked::Read(Consistency::Lease | Consistency::Quorum, _) => {
                self.open.insert(request, ledger.tip().index);
            }
            // What is read locally may be old.
            Asked::Read(Consistency::Local, _) | Asked::Command(_) | Asked::Session(_) | Asked::Quorum(_) => {}
        }
    }

    pub(super) fn on_reply(
        &mut self,
        id: NodeId,
        request: RequestId,
        outcome: &Result<ReadAt, Rejected>,
    ) -> Result<(), Breach> {
        let (Some(committed), Ok(at)) = (self.open.remove(&request), outcome) else { return Ok(()) };
        if at.index >= committed && at.applied >= at.index {
            return Ok(());
        }
        Err(Self::breach(vec![
            format!("when {id} was asked for {request}, everything up to {committed} was committed"),
            format!("it let the client read from {} on, with {} applied", at.index, at.applied),
        ]))
    }

    pub(super) fn hash_history(&self, hasher: &mut impl Hasher) {
        self.open.hash(hasher);
    }
}
