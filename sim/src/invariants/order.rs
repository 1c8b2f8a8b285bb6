//! What clients are told respects the order in which they were told it (Ongaro 2014, section 6.4).
//!
//! Every answer names a place in the log: a change the place where it took effect, a read the place up to which it
//! reflects the log. Whoever asks after an answer gets a later place, or for a read at least the same.

use std::collections::BTreeSet;

use delian_core::{Consistency, SessionRequest, Time};

use super::{Asked, Breach, Conclusion, Invariant};
use crate::linearizability::by_index::IndexOrder;
use crate::linearizability::history::OperationId;

/// The answers so far, as far as they bind those to come.
#[derive(Clone, Debug, Default)]
pub(super) struct KeepTheirOrder {
    order: IndexOrder,
    open: BTreeSet<OperationId>,
}

impl Invariant for KeepTheirOrder {
    const NAME: &'static str = "reads-and-writes-keep-their-order";
    const SENTENCE: &'static str = "Whoever asks after an answer was given is answered from a later place of the log, or for a read at least the same.";
}

impl KeepTheirOrder {
    pub(super) fn on_call(&mut self, operation: OperationId, now: Time, asked: &Asked) {
        let judged = match asked {
            Asked::Command(_)
            | Asked::Quorum(_)
            | Asked::Session(SessionRequest::Open | SessionRequest::Do { .. })
            | Asked::Read(Consistency::Lease | Consistency::Quorum, _) => true,
            // What is read locally may be old, and whoever closes a session expects nothing more.
            Asked::Read(Consistency::Local, _) | Asked::Session(SessionRequest::Close(_)) => false,
        };
        if judged {
            self.order.on_call(operation, now);
            self.open.insert(operation);
        }
    }

    pub(super) fn on_conclusion(
        &mut self,
        operation: OperationId,
        now: Time,
        conclusion: &Conclusion,
    ) -> Result<(), Breach> {
        if !self.open.remove(&operation) {
            return Ok(());
        }
        let judged = match conclusion {
            Conclusion::Outcome(Ok(applied)) => self.order.on_write(operation, now, applied.position.index),
            Conclusion::Read(at, _) => self.order.on_read(operation, now, at.applied),
            Conclusion::Outcome(Err(_)) | Conclusion::Nothing => {
                self.order.on_lost(operation, now);
                Ok(())
            }
        };
        judged.map_err(|violation| Self::breach(vec![violation.to_string()]))
    }
}
