//! News that waits to be handed on.
//!
//! Each piece is handed on a number of times that follows the size of the pool; what went out least often goes first,
//! and of those the newest (SWIM, section 4.1). News of a member takes the place of older news of the same member, so
//! the queue is never longer than the members and the embedders' broadcasts, which have a limit.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::directory::Slot;
use super::packet::{News, Urgency};

/// The queue of news.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Rumours {
    queue: BTreeMap<Place, Rumour>,
    /// Where the news of a member waits.
    of_member: BTreeMap<Slot, Place>,
    broadcasts: usize,
    added: u64,
}

/// The place of a piece of news in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Place {
    /// None for news of members, which comes first.
    urgency: Option<Urgency>,
    transmissions: u32,
    added: Reverse<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Rumour {
    news: News,
    /// The member that it is about; none for a broadcast.
    slot: Option<Slot>,
    bytes: usize,
}

impl Rumours {
    /// Puts in news of a member, in place of older news of it.
    pub(super) fn add(&mut self, slot: Slot, news: News) {
        self.forget(slot);
        let place = self.place(None);
        self.of_member.insert(slot, place);
        self.insert(place, news, Some(slot));
    }

    /// Puts in a broadcast; of more than `most` the least urgent oldest one is dropped and returned.
    pub(super) fn add_broadcast(&mut self, news: News, urgency: Urgency, most: usize) -> Option<News> {
        let place = self.place(Some(urgency));
        self.insert(place, news, None);
        self.broadcasts += 1;
        if self.broadcasts <= most {
            return None;
        }
        self.broadcasts -= 1;
        let waiting = self.queue.keys().filter(|place| place.urgency.is_some());
        let last = *waiting.max_by_key(|place| (place.urgency, place.added)).expect("there is one too many");
        self.queue.remove(&last).map(|rumour| rumour.news)
    }

    /// Takes out the news of a member.
    pub(super) fn forget(&mut self, slot: Slot) {
        if let Some(place) = self.of_member.remove(&slot) {
            self.queue.remove(&place);
        }
    }

    /// Takes out all news of members.
    pub(super) fn clear_members(&mut self) {
        for (_, place) in core::mem::take(&mut self.of_member) {
            self.queue.remove(&place);
        }
    }

    /// Takes as much news as fits in so many bytes into a packet, and lets each piece go that went out `limit` times.
    /// What the packet holds already counts as handed on and takes no room twice.
    pub(super) fn hand_on(&mut self, into: &mut Vec<News>, mut bytes: usize, limit: u32) {
        let mut handed = Vec::new();
        let held = into.len();
        for (place, rumour) in &self.queue {
            if into.contains(&rumour.news) {
                handed.push(*place);
            } else if rumour.bytes <= bytes {
                bytes -= rumour.bytes;
                handed.push(*place);
            } else if bytes < NEWS_BYTES_LEAST {
                break;
            }
        }
        for place in handed {
            let rumour = self.queue.remove(&place).expect("it was seen there");
            if !into[..held].contains(&rumour.news) {
                into.push(rumour.news.clone());
            }
            let after = Place { transmissions: place.transmissions + 1, ..place };
            if after.transmissions < limit {
                if let Some(slot) = rumour.slot {
                    self.of_member.insert(slot, after);
                }
                self.queue.insert(after, rumour);
            } else if let Some(slot) = rumour.slot {
                self.of_member.remove(&slot);
            } else {
                self.broadcasts -= 1;
            }
        }
    }

    /// Returns whether there is no news.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Returns how many pieces of news wait.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Returns the news that wait, in the order in which they would go out.
    pub(super) fn iter(&self) -> impl Iterator<Item = &News> + '_ {
        self.queue.values().map(|rumour| &rumour.news)
    }

    /// Numbers what waits anew, in the order in which it was put in.
    pub(super) fn forget_numbers(&mut self) {
        let mut queue: Vec<(Place, Rumour)> = core::mem::take(&mut self.queue).into_iter().collect();
        queue.sort_unstable_by_key(|(place, _)| Reverse(place.added));
        self.added = queue.len() as u64;
        for (number, (place, rumour)) in (1..).zip(queue) {
            let place = Place { added: Reverse(number), ..place };
            if let Some(slot) = rumour.slot {
                self.of_member.insert(slot, place);
            }
            self.queue.insert(place, rumour);
        }
    }

    fn place(&mut self, urgency: Option<Urgency>) -> Place {
        self.added += 1;
        Place { urgency, transmissions: 0, added: Reverse(self.added) }
    }

    fn insert(&mut self, place: Place, news: News, slot: Option<Slot>) {
        let bytes = news.encoded_len();
        self.queue.insert(place, Rumour { news, slot, bytes });
    }
}

/// No news takes fewer bytes: a death in the first incarnation.
const NEWS_BYTES_LEAST: usize = 10;

#[cfg(test)]
mod tests {
    use super::super::ids::Incarnation;
    use super::super::packet::Broadcast;
    use super::*;
    use crate::ids::{Blob, NodeId};
    use alloc::sync::Arc;

    fn dead(member: u64) -> News {
        News::Dead { member: NodeId::new(member), incarnation: Incarnation::ZERO }
    }

    fn broadcast(number: u64, urgency: Urgency) -> News {
        let payload = Blob::from([0; 4].as_slice());
        News::Broadcast(Arc::new(Broadcast { origin: NodeId::new(1), number, urgency, payload }))
    }

    fn handed_on(rumours: &mut Rumours, bytes: usize, limit: u32) -> Vec<u64> {
        let mut news = Vec::new();
        rumours.hand_on(&mut news, bytes, limit);
        news.iter().map(|news| if let News::Broadcast(it) = news { it.number } else { news.member().get() }).collect()
    }

    #[test]
    fn what_went_out_least_often_goes_first_and_of_those_the_newest() {
        let mut rumours = Rumours::default();
        (1..=3).for_each(|member| rumours.add(Slot::new(member as u32), dead(member)));
        assert_eq!(handed_on(&mut rumours, 20, 9), [3, 2]);
        rumours.add(Slot::new(4), dead(4));
        assert_eq!(handed_on(&mut rumours, 30, 9), [4, 1, 3]);
    }

    #[test]
    fn news_of_a_member_takes_the_place_of_older_news_of_it() {
        let mut rumours = Rumours::default();
        (0..5).for_each(|_| rumours.add(Slot::new(1), dead(1)));
        assert_eq!(rumours.len(), 1);
    }

    #[test]
    fn each_piece_goes_out_as_often_as_the_limit_says() {
        let mut rumours = Rumours::default();
        rumours.add(Slot::new(1), dead(1));
        let rounds = (0..10).filter(|_| !handed_on(&mut rumours, 100, 4).is_empty()).count();
        assert_eq!(rounds, 4);
        assert_eq!(rumours, Rumours { added: 1, ..Rumours::default() });
    }

    #[test]
    fn what_a_packet_holds_already_is_not_put_in_twice_and_counts_as_handed_on() {
        let mut rumours = Rumours::default();
        rumours.add(Slot::new(1), dead(1));
        rumours.add(Slot::new(2), dead(2));
        let mut news = alloc::vec![dead(2)];
        rumours.hand_on(&mut news, 100, 1);
        assert_eq!(news, [dead(2), dead(1)]);
        assert!(rumours.is_empty());
    }

    #[test]
    fn a_broadcast_too_many_pushes_out_the_oldest_of_the_least_urgent() {
        let mut rumours = Rumours::default();
        rumours.add_broadcast(broadcast(1, Urgency::Low), Urgency::Low, 3);
        rumours.add_broadcast(broadcast(2, Urgency::Low), Urgency::Low, 3);
        rumours.add_broadcast(broadcast(3, Urgency::High), Urgency::High, 3);
        let dropped = rumours.add_broadcast(broadcast(4, Urgency::Normal), Urgency::Normal, 3);
        assert_eq!(dropped, Some(broadcast(1, Urgency::Low)));
        rumours.add(Slot::new(9), dead(9));
        assert_eq!(handed_on(&mut rumours, 200, 9), [9, 3, 4, 2]);
    }
}
