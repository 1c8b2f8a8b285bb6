//! What is on disk, what is on its way, and the messages that must wait for it.
//!
//! Writes are numbered and performed in order, so one acknowledged number says that all before it are done. A message
//! that promises something (a vote, an append answer) is withheld here until the write that backs it is done. A newer
//! term drops what is withheld: its promises speak for a term that is over, and the network may lose them anyway.

use alloc::collections::VecDeque;

use super::message::Message;
use super::record::Record;
use crate::ids::{LogIndex, NodeId, WriteId};
use crate::io::{Effect, Outbox};
use crate::projection::Names;
use crate::wire;

/// The disk as this run of the node knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Writes {
    issued: WriteId,
    done: WriteId,
    /// The write that holds the present hard state.
    hard_state_in: WriteId,
    /// The log writes on their way, each with the index it reaches unless a later truncation cut it.
    on_their_way: VecDeque<LogWrite>,
    /// The cost of the entries among them that this node proposed as a leader.
    proposed_bytes: u64,
    /// The last index whose entry, as the log has it, is on disk.
    log_durable: LogIndex,
    withheld: VecDeque<Withheld>,
    withheld_max: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct LogWrite {
    id: WriteId,
    reaches: LogIndex,
    proposed_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Withheld {
    needs: WriteId,
    to: NodeId,
    message: Message,
}

impl Withheld {
    fn send(self, out: &mut Outbox) {
        out.push_with(|| Effect::Send(self.to, wire::Message::Raft(self.message)));
    }
}

/// The disk acknowledged what was never asked of it.
#[derive(Debug)]
pub(super) struct NeverIssued;

impl Writes {
    pub(super) fn new(log_durable: LogIndex, withheld_max: usize) -> Self {
        Self {
            issued: WriteId::ZERO,
            done: WriteId::ZERO,
            hard_state_in: WriteId::ZERO,
            on_their_way: VecDeque::new(),
            proposed_bytes: 0,
            log_durable,
            withheld: VecDeque::new(),
            withheld_max,
        }
    }

    pub(super) fn persist_hard_state(&mut self, record: Record, out: &mut Outbox) {
        self.hard_state_in = self.issue(record, out);
    }

    /// Issues a write of the log after which the disk holds entries up to `reaches`.
    pub(super) fn persist_log(&mut self, record: Record, reaches: LogIndex, out: &mut Outbox) {
        self.persist_proposed(record, reaches, 0, out);
    }

    /// Issues a write of entries that this node proposed, of that cost; the last of them is at `reaches`.
    pub(super) fn persist_proposed(&mut self, record: Record, reaches: LogIndex, cost: u64, out: &mut Outbox) {
        let id = self.issue(record, out);
        self.proposed_bytes += cost;
        self.on_their_way.push_back(LogWrite { id, reaches, proposed_bytes: cost });
    }

    /// Takes back what writes on their way promised beyond `index`: their entries are being replaced.
    ///
    /// Without it, the completion of an old write could be taken for that of a newer one at the same index.
    pub(super) fn truncated_after(&mut self, index: LogIndex) {
        self.log_durable = self.log_durable.min(index);
        for write in &mut self.on_their_way {
            write.reaches = write.reaches.min(index);
        }
    }

    /// Notes that `id` and all writes before it are on disk; sends what waited for them.
    pub(super) fn acknowledge(&mut self, id: WriteId, out: &mut Outbox) -> Result<(), NeverIssued> {
        if id > self.issued {
            return Err(NeverIssued);
        }
        self.done = self.done.max(id);
        while let Some(write) = self.on_their_way.pop_front_if(|write| write.id <= self.done) {
            self.log_durable = self.log_durable.max(write.reaches);
            self.proposed_bytes -= write.proposed_bytes;
        }
        while let Some(withheld) = self.withheld.pop_front_if(|withheld| withheld.needs <= self.done) {
            withheld.send(out);
        }
        // A message that waits for the hard state alone may be ready behind one that waits for a later write.
        if self.withheld.iter().any(|withheld| withheld.needs <= self.done) {
            for withheld in core::mem::take(&mut self.withheld) {
                if withheld.needs <= self.done {
                    withheld.send(out);
                } else {
                    self.withheld.push_back(withheld);
                }
            }
        }
        Ok(())
    }

    /// Sends a message once the present hard state is on disk.
    pub(super) fn send_after_hard_state(&mut self, to: NodeId, message: Message, out: &mut Outbox) {
        self.send_after(self.hard_state_in, to, message, out);
    }

    /// Sends a message once everything written so far is on disk.
    pub(super) fn send_after_everything(&mut self, to: NodeId, message: Message, out: &mut Outbox) {
        self.send_after(self.issued, to, message, out);
    }

    pub(super) fn drop_withheld(&mut self) {
        self.withheld.clear();
    }

    pub(super) fn hard_state_is_durable(&self) -> bool {
        self.hard_state_in <= self.done
    }

    pub(super) const fn log_durable(&self) -> LogIndex {
        self.log_durable
    }

    /// Returns the cost of the entries that this node proposed and that are not on its disk yet.
    pub(super) const fn proposed_bytes(&self) -> u64 {
        self.proposed_bytes
    }

    pub(super) const fn issued(&self) -> WriteId {
        self.issued
    }

    pub(super) const fn done(&self) -> WriteId {
        self.done
    }

    pub(super) fn withheld_count(&self) -> usize {
        self.withheld.len()
    }

    /// Numbers the writes anew so that the last one that is done is the first, if any is. Returns by how much they fell.
    pub(super) fn renumber(&mut self) -> u64 {
        let fall = self.done.get().saturating_sub(1);
        let fallen = |id: WriteId| WriteId::new(id.get() - fall);
        (self.issued, self.done) = (fallen(self.issued), fallen(self.done));
        // Whatever was done is done, so one of the earlier writes is as good as the last.
        self.hard_state_in = WriteId::new(self.hard_state_in.get().saturating_sub(fall).max(self.done.get().min(1)));
        self.on_their_way.iter_mut().for_each(|write| write.id = fallen(write.id));
        self.withheld.iter_mut().for_each(|withheld| withheld.needs = fallen(withheld.needs));
        fall
    }

    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        for withheld in &mut self.withheld {
            withheld.to = names(withheld.to);
            withheld.message.map_ids(names);
        }
        self.forget_order();
    }

    /// Puts what is withheld in the order of those it is for; what is for the same peer keeps its order.
    pub(super) fn forget_order(&mut self) {
        self.withheld.make_contiguous().sort_by_key(|withheld| withheld.to);
    }

    fn issue(&mut self, record: Record, out: &mut Outbox) -> WriteId {
        self.issued = self.issued.next();
        out.push_with(|| Effect::Persist(self.issued, record));
        self.issued
    }

    fn send_after(&mut self, needs: WriteId, to: NodeId, message: Message, out: &mut Outbox) {
        if needs <= self.done {
            out.push_with(|| Effect::Send(to, wire::Message::Raft(message)));
        } else if self.withheld.len() < self.withheld_max {
            self.withheld.push_back(Withheld { needs, to, message });
        }
        // A message beyond the limit is lost, as it could be on the network; its sender asks again.
    }
}
