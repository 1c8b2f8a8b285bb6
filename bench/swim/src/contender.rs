//! What both contenders have in common: the crowd they begin in, and the oracle that hears what they notice.

use std::collections::BTreeSet;
use std::time::Duration;

use delian_core::{Seed, Time};
use delian_sim::pool::{Links, Note, Ordering, Participant, Watcher, World};

/// A member that can be measured.
pub(crate) trait Contender: Participant {
    /// Returns a world in which nobody has begun.
    fn nowhere(crowd: Crowd) -> World<Self, Watch>;

    /// Lets every member begin, all of them knowing each other. They do so that their probes are not in step.
    fn acquaint(crowd: Crowd, world: &mut World<Self, Watch>);

    /// Lets every member begin at once, knowing the address of the first one alone.
    fn introduce(crowd: Crowd, world: &mut World<Self, Watch>);

    /// Returns whether all members hold the same, and it is the truth: everyone is there.
    fn agree(world: &World<Self, Watch>) -> bool;
}

/// Who takes part, and what they draw from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    pub(crate) members: u32,
    pub(crate) seed: Seed,
    pub(crate) loss_ppm: u32,
}

impl Crowd {
    /// Returns an empty world of this size.
    pub(crate) fn world<P: Participant>(self, shared: P::Shared) -> World<P, Watch> {
        let links = Links::local(self.loss_ppm);
        World::new(self.members as usize, links, self.seed, Ordering::Wheel, shared, Watch::default())
    }

    /// Returns instants of the first second, one for each member, in order.
    pub(crate) fn drawn_instants(self) -> Vec<(Time, u32)> {
        let nanos = |place| self.seed.derive("begin", u64::from(place)).get() % 1_000_000_000;
        let mut instants: Vec<(Time, u32)> =
            (0..self.members).map(|place| (Time::from_nanos(nanos(place)), place)).collect();
        instants.sort_unstable();
        instants
    }
}

/// Remembers what matters of what members notice.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// When who took whom for dead.
    pub(crate) deaths: Vec<(Time, u32, u32)>,
    /// Who had to take a new identity.
    pub(crate) renewed: BTreeSet<u32>,
}

impl<P: Participant> Watcher<P> for Watch {
    fn notice(&mut self, now: Time, observer: u32, note: Note) {
        match note {
            Note::Down(subject) => self.deaths.push((now, observer, subject)),
            Note::Renewed => drop(self.renewed.insert(observer)),
            Note::Up(_) | Note::Suspected(_) | Note::Recovered(_) | Note::Left(_) | Note::Refuted => {}
        }
    }
}

/// Returns the instant so many milliseconds after the beginning.
pub(crate) fn at_millis(millis: u64) -> Time {
    Time::ZERO + Duration::from_millis(millis)
}
