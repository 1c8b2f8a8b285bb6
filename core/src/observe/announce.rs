//! What leaders announce, and how gateways hand it on from one pool to the other.
//!
//! A leader announces at once that its epoch moved, but no more often than once per [`ANNOUNCE_INTERVAL`], so that a thousand
//! commands per second make two announcements; and again every [`REPEAT_INTERVAL`], so that a lost one is made good and a
//! newcomer hears it. Announcements of one term are numbered. A gateway hands on what is newer than all that the other pool
//! was told, so no announcement goes in circles, nor outlives its leader.

use core::time::Duration;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::message::Fingerprint;
use crate::ids::{Epoch, Term};
use crate::time::Time;

/// The shortest pause between two announcements of a leader.
pub const ANNOUNCE_INTERVAL: Duration = Duration::from_millis(500);

/// The pause after which a leader repeats what it announced: a fraction of the time for which others remember it.
pub const REPEAT_INTERVAL: Duration = Duration::from_secs(5);

/// The shortest pause between two announcements that a gateway hands on to one pool: a leader makes fewer, and whoever
/// makes more is not echoed.
const RELAY_INTERVAL: Duration = Duration::from_millis(100);

/// How long an announcement counts that nobody repeats: several repetitions may get lost.
pub(super) const MEMORY: Duration = Duration::from_mins(1);

/// The most bytes of an announcement: four numbers of up to ten.
pub const ANNOUNCEMENT_BYTES_MAX: usize = 40;

/// What a leader says to all: at this epoch, the committed topology has this fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Announcement {
    /// The leader's term.
    pub term: Term,
    /// Which announcement of that term it is.
    pub number: u64,
    /// The epoch.
    pub epoch: Epoch,
    /// The fingerprint of the topology there.
    pub fingerprint: Fingerprint,
}

impl Announcement {
    /// Appends the bytes of the announcement.
    pub fn encode_into(&self, bytes: Vec<u8>) -> Vec<u8> {
        postcard::to_extend(self, bytes).expect("a vector grows as needed and numbers have a postcard form")
    }

    /// Reads an announcement; nothing if the bytes are none. Bytes behind it are of a newer release and are ignored.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::take_from_bytes(bytes).ok().map(|(announcement, _)| announcement)
    }

    const fn age(&self) -> (Term, u64) {
        (self.term, self.number)
    }
}

/// One of the two pools in which a node may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The pool of its own region.
    Near,
    /// The pool of the gateways.
    Far,
}

impl Place {
    /// Returns the other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Near => Self::Far,
            Self::Far => Self::Near,
        }
    }
}

/// What a node announces and hands on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Herald {
    /// The last announcement that this node made, and when.
    made: Option<(Announcement, Time)>,
    /// When this node announces next; never, unless it leads.
    due_at: Time,
    near: Told,
    far: Told,
}

/// What a pool was told last, as far as this node knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Told {
    last: Option<(Announcement, Time)>,
    /// When this node handed something on to it.
    relayed_at: Option<Time>,
}

impl Default for Herald {
    fn default() -> Self {
        Self { made: None, due_at: Time::NEVER, near: Told::default(), far: Told::default() }
    }
}

impl Herald {
    /// Returns when the node announces next.
    pub const fn next_wake(&self) -> Time {
        self.due_at
    }

    /// Takes in that the node does not lead.
    pub const fn follow(&mut self) {
        self.due_at = Time::NEVER;
    }

    /// Returns what a leader of `term` whose topology is at `epoch` announces, if that is due. The fingerprint is asked for
    /// then only.
    pub fn lead(
        &mut self,
        now: Time,
        term: Term,
        epoch: Epoch,
        fingerprint: impl FnOnce() -> Fingerprint,
    ) -> Option<Announcement> {
        let in_term = self.made.filter(|(made, _)| made.term == term);
        self.due_at = match in_term {
            _ if epoch == Epoch::ZERO => Time::NEVER,
            None => now,
            Some((made, at)) if made.epoch < epoch => at + ANNOUNCE_INTERVAL,
            Some((_, at)) => at + REPEAT_INTERVAL,
        };
        if self.due_at > now {
            return None;
        }
        let number = in_term.map_or(0, |(made, _)| made.number).saturating_add(1);
        let announcement = Announcement { term, number, epoch, fingerprint: fingerprint() };
        self.made = Some((announcement, now));
        self.due_at = now + REPEAT_INTERVAL;
        for told in [&mut self.near, &mut self.far] {
            told.last = Some((announcement, now));
        }
        Some(announcement)
    }

    /// Takes in what a pool was told. Returns whether a gateway hands it on to the other pool.
    pub fn hear(&mut self, now: Time, place: Place, announcement: Announcement) -> bool {
        self.told(place).take(now, announcement);
        let other = self.told(place.other());
        let is_rested = other.relayed_at.is_none_or(|at| at + RELAY_INTERVAL <= now);
        let hands_on = is_rested && other.take(now, announcement);
        if hands_on {
            other.relayed_at = Some(now);
        }
        hands_on
    }

    const fn told(&mut self, place: Place) -> &mut Told {
        match place {
            Place::Near => &mut self.near,
            Place::Far => &mut self.far,
        }
    }
}

impl Told {
    /// Takes in an announcement, if it is newer than the last one or that one has faded. Returns whether it is.
    fn take(&mut self, now: Time, announcement: Announcement) -> bool {
        let is_newer = self.last.is_none_or(|(last, at)| last.age() < announcement.age() || at + MEMORY <= now);
        if is_newer {
            self.last = Some((announcement, now));
        }
        is_newer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(term: u64, number: u64, epoch: u64) -> Announcement {
        let (term, epoch) = (Term::new(term), Epoch::new(epoch));
        Announcement { term, number, epoch, fingerprint: Fingerprint::new(epoch.get() * 7) }
    }

    fn made(herald: &mut Herald, millis: u64, term: u64, epoch: u64) -> Option<u64> {
        let fingerprint = || Fingerprint::new(epoch);
        let made = herald.lead(Time::from_millis(millis), Term::new(term), Epoch::new(epoch), fingerprint);
        made.map(|announcement| announcement.number)
    }

    #[test]
    fn a_thousand_changes_per_second_make_two_announcements() {
        let mut herald = Herald::default();
        let count = (0..10_000).filter(|millis| made(&mut herald, *millis, 1, millis + 1).is_some()).count();
        assert_eq!(count, 20);
    }

    #[test]
    fn a_leader_repeats_itself_while_nothing_changes_and_is_silent_when_it_follows() {
        let mut herald = Herald::default();
        assert_eq!(made(&mut herald, 0, 1, 0), None, "there is nothing to announce");
        assert_eq!(made(&mut herald, 1000, 1, 4), Some(1));
        assert_eq!(herald.next_wake(), Time::from_millis(6000));
        assert_eq!(made(&mut herald, 5999, 1, 4), None);
        assert_eq!(made(&mut herald, 6000, 1, 4), Some(2));
        herald.follow();
        assert_eq!(herald.next_wake(), Time::NEVER);
        assert_eq!(made(&mut herald, 6001, 3, 4), Some(1), "a new leader is heard at once");
    }

    #[test]
    fn a_change_after_a_quiet_time_is_announced_at_once() {
        let mut herald = Herald::default();
        assert_eq!(made(&mut herald, 0, 1, 1), Some(1));
        assert_eq!(made(&mut herald, 2000, 1, 2), Some(2));
        assert_eq!(made(&mut herald, 2001, 1, 3), None);
        assert_eq!(herald.next_wake(), Time::from_millis(2500));
    }

    #[test]
    fn a_gateway_hands_on_what_is_news_there_and_nothing_twice() {
        let mut herald = Herald::default();
        let mut hear =
            |millis, place, number| herald.hear(Time::from_millis(millis), place, announcement(1, number, 9));
        assert!(hear(0, Place::Near, 1));
        assert!(!hear(200, Place::Far, 1), "it comes from there");
        assert!(!hear(400, Place::Near, 1), "it is told already");
        assert!(!hear(600, Place::Far, 0), "it is older");
        assert!(hear(800, Place::Far, 2));
        assert!(!hear(801, Place::Far, 3), "a flood is not handed on");
        assert!(hear(1000, Place::Far, 4));
    }

    #[test]
    fn a_false_term_silences_others_for_a_minute_at_most() {
        let mut herald = Herald::default();
        assert!(herald.hear(Time::ZERO, Place::Near, announcement(u64::MAX, u64::MAX, 9)));
        assert!(!herald.hear(Time::from_millis(59_999), Place::Near, announcement(2, 1, 10)));
        assert!(herald.hear(Time::from_millis(60_000), Place::Near, announcement(2, 2, 10)));
    }

    #[test]
    fn the_largest_announcement_has_as_many_bytes_as_its_limit_says() {
        let largest = announcement(u64::MAX, u64::MAX, 0);
        let largest = Announcement { epoch: Epoch::new(u64::MAX), fingerprint: Fingerprint::new(u64::MAX), ..largest };
        let bytes = largest.encode_into(Vec::new());
        assert_eq!(bytes.len(), ANNOUNCEMENT_BYTES_MAX);
        assert_eq!(Announcement::decode(&bytes), Some(largest));
        assert_eq!(Announcement::decode(&bytes[..ANNOUNCEMENT_BYTES_MAX - 1]), None);
        assert_eq!(Announcement::decode(&[&bytes[..], &[7]].concat()), Some(largest));
    }
}
