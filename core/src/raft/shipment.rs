//! One snapshot on its way to one peer, in chunks.
//!
//! It begins with a single chunk, whose answer says what the peer already has, be it from this leader or from one before
//! it. Then as many chunks are out as the window allows, each for a part that is missing first. A chunk that several later
//! ones have overtaken counts as lost and goes again; when nothing moves any more, the peer is asked anew.

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use super::chunks::{Parcel, Range, Ranges, SnapshotIdentity};
use crate::ids::Blob;

/// How many later chunks must be answered before one counts as lost: as in TCP and QUIC (RFC 9002, section 6.1.1), which
/// found that networks seldom reorder by more.
const OVERTAKEN_MAX: usize = 3;

/// What a leader keeps of a snapshot that it sends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shipment {
    parcel: Arc<Parcel>,
    /// What the peer has, as it said.
    held: Ranges,
    /// The chunks that were sent and not answered, in order.
    sent: VecDeque<Sent>,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sent {
    range: Range,
    /// How many chunks that were sent later have been answered.
    overtaken: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// One chunk is out, and its answer is believed whatever was known before: the peer may have lost its part.
    Asking,
    /// Many are out, and answers may overtake each other: what one says only adds to what is known.
    Sending,
}

impl Shipment {
    pub(super) fn new(parcel: Arc<Parcel>) -> Self {
        Self { parcel, held: Ranges::default(), sent: VecDeque::new(), phase: Phase::Asking }
    }

    /// Takes the next chunk to send, as its place and bytes, if another may go.
    pub(super) fn next_chunk(&mut self, bytes_max: u64, chunks_max: usize) -> Option<(u64, Blob)> {
        let room = match self.phase {
            Phase::Asking => 1,
            Phase::Sending => chunks_max,
        };
        if self.sent.len() >= room {
            return None;
        }
        let end = self.identity().bytes;
        let mut on_their_way = self.held.clone();
        self.sent.iter().for_each(|sent| on_their_way.add(sent.range));
        let gap = match (on_their_way.first_gap(end), self.phase) {
            (Some(gap), _) => gap,
            // The peer has all of it and never said that it took it: any chunk finds out why.
            (None, Phase::Asking) => Range { start: 0, end },
            (None, Phase::Sending) => return None,
        };
        let range = Range { start: gap.start, end: gap.end.min(gap.start.saturating_add(bytes_max)) };
        self.sent.push_back(Sent { range, overtaken: 0 });
        Some((range.start, self.parcel.cut(range)))
    }

    /// Notes what the peer has. Returns whether that is news.
    pub(super) fn note(&mut self, held: &Ranges) -> bool {
        let before = self.held.bytes();
        if self.phase == Phase::Asking {
            self.phase = Phase::Sending;
            self.sent.clear();
            self.held = Ranges::default();
        }
        let end = self.identity().bytes;
        held.iter().for_each(|range| self.held.add(Range { end: range.end.min(end), ..range }));
        let mut answered_later = 0;
        for sent in self.sent.iter_mut().rev() {
            if self.held.covers(sent.range) {
                answered_later += 1;
            } else {
                sent.overtaken += answered_later;
            }
        }
        let held = &self.held;
        self.sent.retain(|sent| !held.covers(sent.range) && sent.overtaken < OVERTAKEN_MAX);
        self.held.bytes() != before
    }

    /// Begins again with what the peer has: it was silent for too long.
    pub(super) fn ask_again(&mut self) {
        self.phase = Phase::Asking;
        self.sent.clear();
    }

    pub(super) const fn parcel(&self) -> &Arc<Parcel> {
        &self.parcel
    }

    /// Returns which snapshot it is.
    pub fn identity(&self) -> SnapshotIdentity {
        self.parcel.identity()
    }

    /// Returns how many chunks are out.
    pub fn len(&self) -> usize {
        self.sent.len()
    }

    /// Returns whether no chunk is out.
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// Returns what the peer is known to have.
    pub const fn held(&self) -> &Ranges {
        &self.held
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::ids::{FeatureLevel, Position};
    use crate::raft::{Configuration, Snapshot};

    const WINDOW: usize = 6;

    fn shipment() -> Shipment {
        let (configuration, level) = (Configuration::default(), FeatureLevel::CHUNKS);
        let state = Blob::from([7; 200].as_slice());
        Shipment::new(Arc::new(Parcel::new(&Snapshot { last: Position::ZERO, configuration, level, state })))
    }

    fn send(shipment: &mut Shipment) -> Vec<u64> {
        core::iter::from_fn(|| shipment.next_chunk(10, WINDOW)).map(|(offset, _)| offset).collect()
    }

    fn held(ranges: &[(u64, u64)]) -> Ranges {
        let mut held = Ranges::default();
        for (start, end) in ranges {
            held.add(Range { start: *start, end: *end });
        }
        held
    }

    #[test]
    fn one_chunk_asks_and_then_the_window_fills() {
        let mut shipment = shipment();
        assert_eq!(send(&mut shipment), [0]);
        assert!(shipment.note(&held(&[(0, 10)])));
        assert_eq!(send(&mut shipment), [10, 20, 30, 40, 50, 60]);
        assert_eq!(shipment.len(), WINDOW);
    }

    #[test]
    fn what_the_peer_already_has_is_not_sent() {
        let mut shipment = shipment();
        send(&mut shipment);
        shipment.note(&held(&[(0, 100), (105, 180)]));
        assert_eq!(send(&mut shipment), [100, 180, 190, 200]);
    }

    #[test]
    fn a_chunk_that_three_later_ones_overtook_goes_again() {
        let mut shipment = shipment();
        send(&mut shipment);
        shipment.note(&held(&[(0, 10)]));
        send(&mut shipment);
        for (end, sent) in [(30, vec![70]), (40, vec![80])] {
            assert!(shipment.note(&held(&[(0, 10), (20, end)])));
            assert_eq!(send(&mut shipment), sent);
        }
        assert!(shipment.note(&held(&[(0, 10), (20, 50)])));
        assert_eq!(send(&mut shipment), [10, 90], "the lost one first");
    }

    #[test]
    fn an_answer_that_was_overtaken_takes_nothing_back() {
        let mut shipment = shipment();
        send(&mut shipment);
        shipment.note(&held(&[(0, 10)]));
        send(&mut shipment);
        shipment.note(&held(&[(0, 40)]));
        assert!(!shipment.note(&held(&[(0, 20)])));
        assert_eq!(shipment.held(), &held(&[(0, 40)]));
    }

    #[test]
    fn a_peer_that_lost_its_part_is_believed_when_asked_again() {
        let mut shipment = shipment();
        send(&mut shipment);
        shipment.note(&held(&[(0, 100)]));
        send(&mut shipment);
        shipment.ask_again();
        assert_eq!(send(&mut shipment), [100]);
        assert!(shipment.note(&held(&[(100, 110)])));
        assert_eq!(send(&mut shipment), [0, 10, 20, 30, 40, 50]);
    }
}
