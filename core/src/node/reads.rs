//! Questions of local clients about the state: from where on it is recent enough.

use super::Node;
use crate::ids::{NodeId, RequestId};
use crate::io::{Consistency, Effect, Outbox, ReadAt, Rejected};

impl Node {
    /// Answers a read.
    pub(super) fn on_read(&mut self, request: RequestId, consistency: Consistency, out: &mut Outbox) {
        let applied = self.raft.applied();
        let answer = match consistency {
            Consistency::Local => Ok(ReadAt { index: applied, applied, epoch: self.topology.epoch() }),
            Consistency::Lease => Err(Rejected::LeaseDisabled),
            Consistency::Quorum => Err(Rejected::Busy),
        };
        out.push(Effect::Read(request, answer));
    }

    /// Refuses to hand over.
    pub(super) fn on_transfer(&mut self, request: RequestId, target: NodeId, out: &mut Outbox) {
        out.push(Effect::Transferred(request, Err(Rejected::TransferRefused(target))));
    }
}
