//! Snapshots: forgetting the log's beginning, and bringing in a peer that needs what was forgotten (section 5).

use alloc::sync::Arc;

use super::configuration::Configuration;
use super::configurations::Configurations;
use super::message::{Appended, Body};
use super::progress::Pace;
use super::record::{Record, Snapshot};
use super::{Offered, Raft};
use crate::ids::{Blob, LogIndex, NodeId, Position, ReplicationSession};
use crate::io::{Contradiction, Event, Outbox};
use crate::time::Time;

impl Raft {
    /// Keeps the state machine's `state` as of the applied `index` and forgets entries that it covers.
    pub(crate) fn compact(&mut self, index: LogIndex, state: Blob, out: &mut Outbox) {
        assert!(index <= self.applied, "a snapshot of {index}, but only {} is applied", self.applied);
        if index <= self.log.covered().index {
            return;
        }
        let term = self.log.term_at(index).expect("applied entries stay until a snapshot covers them");
        let last = Position::new(term, index);
        let bytes = state.len() as u64;
        let configuration = Configuration::clone(self.configurations.at(index));
        self.configurations.compact(index);
        let snapshot = Arc::new(Snapshot { last, configuration, state });
        let dropped = self.log.compact(Arc::clone(&snapshot), self.settings.raft.trailing_entries);
        self.save_hard_state(out);
        self.writes.persist_log(Record::Compact { snapshot, dropped }, self.log.last().index, out);
        self.applied_bytes = 0;
        out.emit(Event::Compacted { last, bytes });
    }

    pub(super) fn send_snapshot(&mut self, to: NodeId, out: &mut Outbox) {
        let snapshot = Arc::clone(self.log.snapshot().expect("entries are forgotten only behind a snapshot"));
        let Some(progress) = self.progress_mut(to) else { return };
        progress.pace = Pace::Snapshot { last: snapshot.last.index, resend_at: None };
        let session = progress.session;
        out.emit(Event::SnapshotSent { to, last: snapshot.last });
        self.ask(to, Body::Snapshot { session, snapshot }, out);
    }

    /// Sends the snapshot again to a peer that is alive, but has not answered it in time.
    pub(super) fn resend_snapshot_if_due(&mut self, now: Time, to: NodeId, out: &mut Outbox) {
        let wait = self.settings.raft.snapshot_resend_interval;
        let Some(progress) = self.progress_mut(to) else { return };
        if let Pace::Snapshot { last: _, resend_at } = &mut progress.pace {
            let due_at = *resend_at.get_or_insert(now + wait);
            if now >= due_at {
                self.send_snapshot(to, out);
            }
        }
    }

    pub(super) fn on_snapshot(
        &mut self,
        from: NodeId,
        session: ReplicationSession,
        snapshot: Arc<Snapshot>,
        out: &mut Outbox,
    ) -> Option<Offered> {
        if snapshot.last.index <= self.commit {
            // Older than what is committed here: it must not rewind the state. Everything up to the commit matches.
            let matched = self.commit;
            self.promise(from, Body::AppendAnswer { session, appended: Appended::Matched(matched) }, out);
            return None;
        }
        let committed = self.log.term_at(self.commit).expect("the last committed position is never forgotten");
        if !(committed..=self.term()).contains(&snapshot.last.term) {
            let claim = Contradiction::TermsOutOfOrder;
            out.emit(Event::PeerContradicted { peer: from, claim });
            return None;
        }
        if self.log.contains(snapshot.last) {
            // The log already reaches it: keep the entries after it, which may have been acknowledged.
            let matched = snapshot.last.index;
            self.commit_to(matched, out);
            self.promise(from, Body::AppendAnswer { session, appended: Appended::Matched(matched) }, out);
            return None;
        }
        Some(Offered { from, session, snapshot })
    }

    /// Replaces the log by a snapshot that the state machine has taken.
    pub(crate) fn install(&mut self, offered: Offered, out: &mut Outbox) {
        let Offered { from, session, snapshot } = offered;
        let last = snapshot.last;
        self.configurations = Configurations::new(last.index, snapshot.configuration.clone());
        self.log.install(Arc::clone(&snapshot));
        self.writes.truncated_after(LogIndex::ZERO);
        self.save_hard_state(out);
        self.writes.persist_log(Record::Install(snapshot), last.index, out);
        self.commit_to(last.index, out);
        self.applied = last.index;
        self.applied_bytes = 0;
        self.promise(from, Body::AppendAnswer { session, appended: Appended::Matched(last.index) }, out);
    }
}
