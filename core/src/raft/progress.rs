//! What a leader knows about one peer's log, and how fast it may send.
//!
//! A peer is *probed* with one append at a time until one matches, then *replicated* to optimistically within limits of
//! messages and bytes, and *sent a snapshot* when the entries it needs are forgotten.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::shipment::Shipment;
use crate::ids::{FeatureLevel, Incarnation, LogIndex, NodeId, ReplicationSession, Round};
use crate::projection::{Deadline, Names};
use crate::time::Time;

/// One peer, seen from the leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    /// Which memory of the peer the configuration admitted.
    pub incarnation: Incarnation,
    /// The session that its answers must name.
    pub session: ReplicationSession,
    /// The last round of heartbeats that it answered.
    pub round: Round,
    /// The highest feature level that it speaks, if it said so in this term.
    pub level: Option<FeatureLevel>,
    /// The memory that it has instead of the admitted one, if it said so.
    pub stranger: Option<Incarnation>,
    /// The peer's log equals the leader's up to here, on the peer's disk.
    pub matched: LogIndex,
    /// The next entry to send.
    pub next: LogIndex,
    /// How to send.
    pub pace: Pace,
    /// Whether the peer was heard from since the last quorum check.
    pub heard: bool,
    /// Whether it was heard from in the span that the last quorum check looked back on.
    pub answered: bool,
}

/// How a leader sends to one peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pace {
    /// One append at a time, to find where the logs agree.
    Probe(Probe),
    /// Append after append without waiting, within the window's limits.
    Replicate(Window),
    /// Nothing but the snapshot, until the peer has it.
    Snapshot {
        /// The last index that the snapshot includes.
        last: LogIndex,
        /// When it may be sent again; set when the peer first shows that it is alive, so a dead one gets one copy, or one
        /// window of chunks.
        resend_at: Option<Time>,
        /// How it travels.
        form: SnapshotForm,
    },
}

/// How a snapshot travels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SnapshotForm {
    /// As one message.
    Whole,
    /// In chunks.
    Chunks(Box<Shipment>),
}

impl Pace {
    /// Returns the snapshot that travels in chunks.
    pub fn shipment(&self) -> Option<&Shipment> {
        match self {
            Self::Snapshot { form: SnapshotForm::Chunks(shipment), .. } => Some(shipment),
            Self::Snapshot { form: SnapshotForm::Whole, .. } | Self::Probe(_) | Self::Replicate(_) => None,
        }
    }

    pub(super) fn shipment_mut(&mut self) -> Option<&mut Shipment> {
        match self {
            Self::Snapshot { form: SnapshotForm::Chunks(shipment), .. } => Some(shipment),
            Self::Snapshot { form: SnapshotForm::Whole, .. } | Self::Probe(_) | Self::Replicate(_) => None,
        }
    }
}

/// Whether the one append of a probe is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Probe {
    /// The next append may go.
    Ready,
    /// An append is out; a heartbeat's answer makes the probe ready again, should it be lost.
    Waiting,
}

/// The appends that were sent and not yet answered: the last index of each and its cost in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Window {
    sent: VecDeque<(LogIndex, u64)>,
    bytes: u64,
}

impl Window {
    /// Returns whether another append may go; one always may when none is out.
    pub(super) fn has_room(&self, messages_max: usize, bytes_max: u64) -> bool {
        self.sent.is_empty() || (self.sent.len() < messages_max && self.bytes < bytes_max)
    }

    pub(super) fn add(&mut self, last: LogIndex, bytes: u64) {
        self.sent.push_back((last, bytes));
        self.bytes += bytes;
    }

    /// Frees the appends that end at or before `matched`.
    pub(super) fn free_through(&mut self, matched: LogIndex) {
        while let Some((_, bytes)) = self.sent.pop_front_if(|(last, _)| *last <= matched) {
            self.bytes -= bytes;
        }
    }

    /// Frees the oldest append: with a full window and no answers, only this lets a lost one be noticed.
    pub(super) fn free_oldest(&mut self) {
        if let Some((_, bytes)) = self.sent.pop_front() {
            self.bytes -= bytes;
        }
    }

    /// Returns how many appends are out.
    pub fn len(&self) -> usize {
        self.sent.len()
    }

    /// Returns the cost in bytes of the appends that are out.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns whether no append is out.
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }
}

impl Progress {
    pub(super) fn new(incarnation: Incarnation, next: LogIndex) -> Self {
        Self {
            incarnation,
            session: ReplicationSession::new(next.get()),
            round: Round::ZERO,
            level: None,
            stranger: None,
            matched: LogIndex::ZERO,
            next,
            pace: Pace::Probe(Probe::Ready),
            heard: false,
            answered: false,
        }
    }

    pub(super) fn map_instants(&mut self, map: &mut dyn FnMut(Deadline, Time) -> Time) {
        if let Pace::Snapshot { resend_at: Some(resend_at), .. } = &mut self.pace {
            *resend_at = map(Deadline::SnapshotResend, *resend_at);
        }
    }

    pub(super) fn probe_from(&mut self, next: LogIndex) {
        self.next = next.max(self.matched.next());
        self.pace = Pace::Probe(Probe::Ready);
    }

    pub(super) fn replicate(&mut self) {
        self.next = self.matched.next();
        self.pace = Pace::Replicate(Window::default());
    }

    /// Notes an answer; an old one changes nothing. Returns whether the peer's log is known to reach further.
    pub(super) fn advance(&mut self, matched: LogIndex) -> bool {
        let further = matched > self.matched;
        self.matched = self.matched.max(matched);
        self.next = self.next.max(self.matched.next());
        further
    }
}

/// What a leader knows of each other member, in order of id.
///
/// A sorted vector: a cluster has a handful of voters and a few learners, and every message of theirs looks one up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Peers(Vec<(NodeId, Progress)>);

impl Peers {
    /// Returns what is known of a peer.
    pub fn get(&self, peer: NodeId) -> Option<&Progress> {
        self.0.iter().find(|(id, _)| *id == peer).map(|(_, progress)| progress)
    }

    /// Iterates over the peers in order of id.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Progress)> {
        self.0.iter().map(|(id, progress)| (*id, progress))
    }

    /// Returns how many peers there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no peer.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get_mut(&mut self, peer: NodeId) -> Option<&mut Progress> {
        self.0.iter_mut().find(|(id, _)| *id == peer).map(|(_, progress)| progress)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (NodeId, &mut Progress)> {
        self.0.iter_mut().map(|(id, progress)| (*id, progress))
    }

    /// Returns the peer at a place in the order, so that a walk needs no list of its own.
    pub(super) fn at(&self, place: usize) -> Option<NodeId> {
        self.0.get(place).map(|(id, _)| *id)
    }

    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        self.0.iter_mut().for_each(|(id, _)| *id = names(*id));
        self.0.sort_unstable_by_key(|(id, _)| *id);
    }

    /// Follows the members: new ones begin a session at `next`, and so do those whose memory is another one.
    pub(super) fn follow(&mut self, members: impl Iterator<Item = (NodeId, Incarnation)>, next: LogIndex) {
        let mut known = core::mem::take(&mut self.0).into_iter().peekable();
        for (member, incarnation) in members {
            while known.next_if(|(id, _)| *id < member).is_some() {}
            let kept = known.next_if(|(id, progress)| *id == member && progress.incarnation == incarnation);
            self.0.push(kept.unwrap_or_else(|| (member, Progress::new(incarnation, next))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_closes_by_count_and_by_bytes_and_opens_as_answers_come() {
        let mut window = Window::default();
        window.add(LogIndex::new(1), 100);
        window.add(LogIndex::new(2), 100);
        assert!(!window.has_room(2, 1000));
        assert!(!window.has_room(9, 200));
        assert!(window.has_room(9, 201));
        window.free_through(LogIndex::new(1));
        assert!(window.has_room(2, 200));
        window.free_through(LogIndex::new(2));
        assert_eq!(window, Window::default());
    }

    #[test]
    fn an_empty_window_takes_an_append_of_any_size() {
        assert!(Window::default().has_room(1, 1));
    }

    #[test]
    fn a_peer_that_comes_back_or_lost_its_memory_begins_a_new_session() {
        let member = |id, incarnation| (NodeId::new(id), Incarnation::new(incarnation));
        let sessions =
            |peers: &Peers| peers.iter().map(|(id, found)| (id.get(), found.session.get())).collect::<Vec<_>>();
        let mut peers = Peers::default();
        peers.follow([member(1, 0), member(3, 0)].into_iter(), LogIndex::new(5));
        peers.follow([member(1, 0), member(2, 0), member(3, 7)].into_iter(), LogIndex::new(8));
        assert_eq!(sessions(&peers), [(1, 5), (2, 8), (3, 8)]);
        peers.follow([member(2, 0)].into_iter(), LogIndex::new(9));
        peers.follow([member(1, 0), member(2, 0)].into_iter(), LogIndex::new(11));
        assert_eq!(sessions(&peers), [(1, 11), (2, 8)]);
    }

    #[test]
    fn an_old_answer_never_moves_a_match_back() {
        let mut progress = Progress::new(Incarnation::FOUNDING, LogIndex::new(10));
        assert!(progress.advance(LogIndex::new(7)));
        assert!(!progress.advance(LogIndex::new(3)));
        assert_eq!(progress.matched, LogIndex::new(7));
        progress.probe_from(LogIndex::new(2));
        assert_eq!(progress.next, LogIndex::new(8));
    }
}
