//! What embedders say to all: each broadcast is delivered once, as long as its origin is known and not far ahead.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use super::ids::Incarnation;
use super::io::{Effect, Event};
use super::members::Members;
use super::packet::{Broadcast, News, Urgency};
use super::{Swim, Turn};
use crate::ids::{Blob, NodeId};

/// The node's own broadcasts, and which of others it has delivered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Broadcasts {
    next: u64,
    /// By origin; only of members, so there are no more of them.
    delivered: BTreeMap<NodeId, Window>,
}

/// Which of an origin's broadcasts were delivered: the highest, and a bit for each of the 64 before it. Anything older
/// counts as delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Window {
    highest: u64,
    before: u64,
}

impl Window {
    /// Takes in a number. Returns whether it is new.
    fn take(&mut self, number: u64) -> bool {
        if number > self.highest {
            let step = number - self.highest;
            let shifted = if step < 64 { self.before << step } else { 0 };
            let last = if step <= 64 && self.highest > 0 { 1 << (step - 1) } else { 0 };
            *self = Self { highest: number, before: shifted | last };
            return true;
        }
        let back = self.highest - number;
        if back == 0 || back > 64 {
            return false;
        }
        let bit = 1 << (back - 1);
        let new = self.before & bit == 0;
        self.before |= bit;
        new
    }
}

impl Broadcasts {
    /// Numbers begin above those of earlier lives, which had lower incarnations.
    pub(super) fn begin(incarnation: Incarnation) -> Self {
        Self { next: (u64::from(incarnation.get()) << 32) + 1, delivered: BTreeMap::new() }
    }

    /// Numbers go on above those of an earlier life that was in this incarnation.
    pub(super) fn go_on_after(&mut self, incarnation: Incarnation) {
        self.next = self.next.max((u64::from(incarnation.next().get()) << 32) + 1);
    }

    pub(super) fn forget(&mut self, origin: NodeId) {
        self.delivered.remove(&origin);
    }
}

impl<M: Members> Swim<M> {
    /// Says something to all, for the embedder.
    pub(super) fn broadcast(&mut self, turn: &mut Turn<'_>, urgency: Urgency, payload: Blob) {
        let (bytes, max) = (payload.len(), self.settings.broadcast_bytes_max);
        if bytes > max {
            return turn.out.emit(Event::BroadcastTooLarge { bytes, max });
        }
        let number = self.broadcasts.next;
        self.broadcasts.next += 1;
        self.hand_on_broadcast(turn, Arc::new(Broadcast { origin: self.me.id, number, urgency, payload }));
    }

    pub(super) fn hear_broadcast(&mut self, turn: &mut Turn<'_>, broadcast: Arc<Broadcast>) {
        let origin = broadcast.origin;
        let Some((_, record)) = self.find(turn, origin).filter(|_| origin != self.me.id) else { return };
        // Numbers begin at an incarnation, see `Broadcasts::begin`: one far ahead would make all others count as delivered.
        let begun_in = Incarnation::new(u32::try_from(broadcast.number >> 32).unwrap_or(u32::MAX));
        if begun_in > record.incarnation || broadcast.payload.len() > self.settings.broadcast_bytes_max {
            return;
        }
        if self.broadcasts.delivered.entry(origin).or_default().take(broadcast.number) {
            turn.out.push(Effect::Deliver(Arc::clone(&broadcast)));
            self.hand_on_broadcast(turn, broadcast);
        }
    }

    fn hand_on_broadcast(&mut self, turn: &mut Turn<'_>, broadcast: Arc<Broadcast>) {
        let (urgency, most) = (broadcast.urgency, self.settings.broadcasts_max);
        let dropped = self.rumours.add_broadcast(News::Broadcast(broadcast), urgency, most);
        if let Some(News::Broadcast(dropped)) = dropped {
            turn.out.emit(Event::BroadcastDropped(dropped.origin, dropped.number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    proptest! {
        /// The second implementation is a set, with what lies too far back counted as taken.
        #[test]
        fn each_number_is_new_once(steps in proptest::collection::vec(1u64..300, 1..200)) {
            let (mut window, mut taken) = (Window::default(), BTreeSet::new());
            for number in steps {
                let highest = taken.last().copied().unwrap_or(0);
                let new = number + 64 >= highest && !taken.contains(&number);
                prop_assert_eq!(window.take(number), new, "{} after {:?}", number, taken);
                taken.insert(number);
            }
        }
    }
}
