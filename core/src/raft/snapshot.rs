//! Snapshots: forgetting the log's beginning, and bringing in a peer that needs what was forgotten (section 5).
//!
//! A snapshot travels as one message or, once the members agreed on [`FeatureLevel::CHUNKS`], in chunks. Either way it is
//! judged as a whole and installed as a whole, and a follower that cannot take it says so.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::chunks::{Parcel, Partial, Ranges, SnapshotIdentity};
use super::configuration::Configuration;
use super::configurations::Configurations;
use super::message::{Appended, Body};
use super::progress::{Pace, Probe, SnapshotForm};
use super::record::{Record, Snapshot};
use super::shipment::Shipment;
use super::{Raft, Role};
use crate::ids::{Blob, FeatureLevel, LogIndex, NodeId, Position, ReplicationSession};
use crate::io::{Contradiction, Event, Outbox};
use crate::time::Time;

/// A leader's snapshot that passed every check of the protocol and waits for the state machine to take it.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) from: NodeId,
    pub(crate) session: ReplicationSession,
    pub(crate) snapshot: Arc<Snapshot>,
}

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
        let level = self.level_at(index);
        self.configurations.compact(index);
        let snapshot = Arc::new(Snapshot { last, configuration, level, state });
        let dropped = self.log.compact(Arc::clone(&snapshot), self.settings.raft.trailing_entries);
        self.save_hard_state(out);
        self.writes.persist_log(Record::Compact { snapshot, dropped }, self.log.last().index, out);
        self.applied_bytes = 0;
        out.emit(Event::Compacted { last, bytes });
    }

    pub(super) fn send_snapshot(&mut self, to: NodeId, out: &mut Outbox) {
        let snapshot = Arc::clone(self.log.snapshot().expect("entries are forgotten only behind a snapshot"));
        let chunks_in_force = self.level >= FeatureLevel::CHUNKS;
        let Some(progress) = self.progress_mut(to) else { return };
        let form = match progress.reads_chunks() {
            // Whoever does not read chunks takes the whole, and learns from it which release it needs.
            _ if !chunks_in_force => SnapshotForm::Whole,
            Some(false) => SnapshotForm::Whole,
            Some(true) => SnapshotForm::Chunks(Box::new(Shipment::new(self.parcel(&snapshot)))),
            None => {
                // The answer to a heartbeat tells.
                progress.pace = Pace::Probe(Probe::Waiting);
                return;
            }
        };
        let whole = matches!(form, SnapshotForm::Whole);
        let Some(progress) = self.progress_mut(to) else { return };
        progress.pace = Pace::Snapshot { last: snapshot.last.index, resend_at: None, form };
        let session = progress.session;
        out.emit(Event::SnapshotSent { to, last: snapshot.last });
        if whole {
            self.ask(to, Body::Snapshot { session, snapshot }, out);
        } else {
            self.send_chunks(to, out);
        }
    }

    /// Returns the snapshot ready to be cut, the same one for all peers that are sent it.
    fn parcel(&self, snapshot: &Snapshot) -> Arc<Parcel> {
        let Role::Leader(leadership) = &self.role else { return Arc::new(Parcel::new(snapshot)) };
        let shipments = leadership.progress().iter().filter_map(|(_, progress)| progress.pace.shipment());
        let same = shipments.map(Shipment::parcel).find(|parcel| parcel.identity().last == snapshot.last);
        same.map_or_else(|| Arc::new(Parcel::new(snapshot)), Arc::clone)
    }

    /// Sends chunks of the snapshot that is on its way to a peer, as far as the window allows.
    fn send_chunks(&mut self, to: NodeId, out: &mut Outbox) {
        let (bytes_max, chunks_max) = (self.settings.raft.snapshot_chunk_bytes, self.settings.raft.snapshot_chunks_max);
        while let Some(progress) = self.progress_mut(to)
            && let session = progress.session
            && let Some(shipment) = progress.pace.shipment_mut()
            && let Some((offset, bytes)) = shipment.next_chunk(bytes_max, chunks_max)
        {
            let identity = shipment.identity();
            self.ask(to, Body::Chunk { session, identity, offset, bytes }, out);
        }
    }

    pub(super) fn on_chunk_answer(
        &mut self,
        now: Time,
        from: NodeId,
        (session, identity): (ReplicationSession, SnapshotIdentity),
        held: &Ranges,
        out: &mut Outbox,
    ) {
        let Some(progress) = self.progress_mut(from).filter(|progress| progress.session == session) else { return };
        progress.heard = true;
        if let Pace::Snapshot { last: _, resend_at, form: SnapshotForm::Chunks(shipment) } = &mut progress.pace
            && shipment.identity() == identity
            && shipment.note(held)
        {
            *resend_at = None;
        }
        self.send_chunks(from, out);
        self.resend_snapshot_if_due(now, from, out);
    }

    /// Finds out anew what a peer needs that refused the snapshot; with the next heartbeat, lest the two go round in haste.
    pub(super) fn on_snapshot_refused(&mut self, from: NodeId, refused: Position, out: &mut Outbox) {
        let Some(progress) = self.progress_mut(from) else { return };
        if let Pace::Snapshot { last, .. } = &progress.pace
            && *last == refused.index
        {
            progress.pace = Pace::Probe(Probe::Waiting);
            out.emit(Event::SnapshotRefused { by: from, last: refused });
        }
    }

    /// Sends the snapshot again to a peer that is alive, but has not answered it in time; of chunks, only the next.
    pub(super) fn resend_snapshot_if_due(&mut self, now: Time, to: NodeId, out: &mut Outbox) {
        let wait = self.settings.raft.snapshot_resend_interval;
        let newest = self.log.covered().index;
        let Some(progress) = self.progress_mut(to) else { return };
        let reads_chunks = progress.reads_chunks();
        let Pace::Snapshot { last, resend_at, form } = &mut progress.pace else { return };
        let due_at = *resend_at.get_or_insert(now + wait);
        if now < due_at {
            return;
        }
        match form {
            SnapshotForm::Chunks(shipment) if *last == newest && reads_chunks == Some(true) => {
                shipment.ask_again();
                *resend_at = None;
                self.send_chunks(to, out);
            }
            SnapshotForm::Chunks(_) | SnapshotForm::Whole => self.send_snapshot(to, out),
        }
    }

    pub(super) fn on_snapshot(
        &mut self,
        from: NodeId,
        session: ReplicationSession,
        snapshot: Arc<Snapshot>,
        out: &mut Outbox,
    ) -> Option<Offered> {
        let bytes = snapshot.state.len() as u64;
        if !self.needs_snapshot(from, session, snapshot.last, bytes, out) || self.halt_if_unknown(snapshot.level, out) {
            return None;
        }
        Some(Offered { from, session, snapshot })
    }

    /// Takes in a part of a snapshot. Returns the whole when it was the last part.
    pub(super) fn on_chunk(
        &mut self,
        from: NodeId,
        (session, identity): (ReplicationSession, SnapshotIdentity),
        (offset, bytes): (u64, Blob),
        out: &mut Outbox,
    ) -> Option<Offered> {
        if self.settings.raft.feature_level_max < FeatureLevel::CHUNKS {
            let claim = Contradiction::LevelUnknown(FeatureLevel::CHUNKS);
            out.emit(Event::PeerContradicted { peer: from, claim });
            return None;
        }
        if !self.needs_snapshot(from, session, identity.last, identity.bytes, out) {
            return None;
        }
        let end = offset.checked_add(bytes.len() as u64);
        if bytes.is_empty() || end.is_none_or(|end| end > identity.bytes) {
            out.emit(Event::PeerContradicted { peer: from, claim: Contradiction::ChunkOutside });
            return None;
        }
        let term = self.term();
        let mut partial = match self.partial.take() {
            Some(partial) if partial.identity() == identity => partial,
            Some(partial) if !partial.yields_to(identity, term) => {
                // A late chunk of a snapshot that its leader has given up.
                self.partial = Some(partial);
                return None;
            }
            Some(_) | None => Partial::new(identity, term),
        };
        partial.add(term, offset, bytes);
        if !partial.is_whole() {
            let held = partial.held();
            self.partial = Some(partial);
            self.say(from, Body::ChunkAnswer { session, identity, held }, out);
            return None;
        }
        let Ok(snapshot) = partial.into_snapshot() else {
            self.refuse_snapshot(from, session, identity.last, Contradiction::SnapshotDamaged, out);
            return None;
        };
        self.on_snapshot(from, session, snapshot, out)
    }

    /// Returns whether only a snapshot of `last` brings the node on; if not, answers it.
    fn needs_snapshot(
        &mut self,
        from: NodeId,
        session: ReplicationSession,
        last: Position,
        bytes: u64,
        out: &mut Outbox,
    ) -> bool {
        if last.index <= self.commit {
            // Older than what is committed here: it must not rewind the state. Everything up to the commit matches.
            let matched = self.commit;
            self.promise(from, Body::AppendAnswer { session, appended: Appended::Matched(matched) }, out);
            return false;
        }
        let committed = self.log.term_at(self.commit).expect("the last committed position is never forgotten");
        if !(committed..=self.term()).contains(&last.term) {
            self.refuse_snapshot(from, session, last, Contradiction::TermsOutOfOrder, out);
            return false;
        }
        if self.log.contains(last) {
            // The log already reaches it: keep the entries after it, which may have been acknowledged.
            self.commit_to(last.index, out);
            self.promise(from, Body::AppendAnswer { session, appended: Appended::Matched(last.index) }, out);
            return false;
        }
        let max = self.settings.raft.snapshot_bytes_max;
        if bytes > max {
            self.refuse_snapshot(from, session, last, Contradiction::SnapshotTooLarge { bytes, max }, out);
            return false;
        }
        true
    }

    /// Tells a leader that its snapshot cannot be taken.
    pub(crate) fn refuse_snapshot(
        &mut self,
        from: NodeId,
        session: ReplicationSession,
        last: Position,
        claim: Contradiction,
        out: &mut Outbox,
    ) {
        out.emit(Event::PeerContradicted { peer: from, claim });
        self.say(from, Body::AppendAnswer { session, appended: Appended::SnapshotRefused(last) }, out);
    }

    /// Replaces the log by a snapshot that the state machine has taken.
    pub(crate) fn install(&mut self, offered: Offered, out: &mut Outbox) {
        let Offered { from, session, snapshot } = offered;
        let last = snapshot.last;
        self.configurations = Configurations::new(last.index, snapshot.configuration.clone());
        self.log.install(Arc::clone(&snapshot));
        self.writes.truncated_after(LogIndex::ZERO);
        self.save_hard_state(out);
        let level = snapshot.level;
        self.writes.persist_log(Record::Install(snapshot), last.index, out);
        self.commit_to(last.index, out);
        self.applied = last.index;
        self.applied_bytes = 0;
        self.raise_level(last, level, out);
        self.promise(from, Body::AppendAnswer { session, appended: Appended::Matched(last.index) }, out);
    }
}
