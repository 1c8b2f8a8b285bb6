//! What the world knows and no member can: who runs, since when, who left of its own will, whose path is in trouble.
//!
//! Whoever runs a world tells it, before the world itself does the thing. The properties of [`super::invariants`] judge
//! what members say of each other by it.

use std::collections::BTreeMap;

use delian_core::swim::Incarnation;
use delian_core::{NodeId, Time};

/// The history of a world so far, as nobody in it sees it.
#[derive(Clone, Debug)]
pub struct Truth {
    places: Vec<Place>,
    /// Where a node has lived, in any life.
    homes: BTreeMap<NodeId, Vec<u32>>,
    /// How many places are in trouble.
    troubled: u32,
    /// Whether all links lose more than a protocol is asked to bear.
    lossy: bool,
    eased_at: Time,
    changed_at: Time,
}

/// More datagrams than this, of a million, no protocol is asked to lose and stay accurate.
const LOSS_PPM_MAX: u32 = 50_000;

/// What is known of one place.
#[derive(Clone, Debug, Default)]
struct Place {
    life: Option<Lifetime>,
    /// The last life here of each other node that lived here before, the latest last.
    before: Vec<Lifetime>,
    /// How many lives there were.
    lives: u32,
    /// How many faults its path has.
    faults: u32,
    /// When it was in trouble: from, and until if that is over.
    troubles: Vec<(Time, Option<Time>)>,
}

/// A life of a node at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Who lives.
    pub node: NodeId,
    /// The incarnation it began with.
    pub incarnation: Incarnation,
    /// When it began.
    pub since: Time,
    /// When it was asked to leave.
    pub asked_to_leave: Option<Time>,
    /// How it ended, and when.
    pub ended: Option<(Time, End)>,
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Without a word.
    Crashed,
    /// It left, as it was asked to.
    Left,
    /// It yielded to another process of its identity.
    Yielded,
}

impl Lifetime {
    /// Returns whether the node runs and was not asked to leave.
    pub const fn is_up(&self) -> bool {
        self.ended.is_none() && self.asked_to_leave.is_none()
    }
}

impl Truth {
    /// Returns the truth of a world with places for so many members, all of them empty.
    pub fn new(members: u32) -> Self {
        Self {
            places: vec![Place::default(); members as usize],
            homes: BTreeMap::new(),
            troubled: 0,
            lossy: false,
            eased_at: Time::ZERO,
            changed_at: Time::ZERO,
        }
    }

    /// Takes note that a life begins at a place; one that is under way there ends.
    pub fn started(&mut self, now: Time, place: u32, node: NodeId, incarnation: Incarnation) {
        self.stopped(now, place);
        let it = &mut self.places[place as usize];
        it.lives += 1;
        it.before.retain(|life| life.node != node);
        it.before.extend(it.life.filter(|life| life.node != node));
        it.life = Some(Lifetime { node, incarnation, since: now, asked_to_leave: None, ended: None });
        self.changed_at = now;
        let homes = self.homes.entry(node).or_default();
        if !homes.contains(&place) {
            homes.push(place);
        }
    }

    /// Takes note that the life at a place ends without a word.
    pub fn stopped(&mut self, now: Time, place: u32) {
        self.end(now, place, End::Crashed);
    }

    /// Takes note that the node at a place is asked to leave.
    pub fn asked_to_leave(&mut self, now: Time, place: u32) {
        if let Some(life) = &mut self.places[place as usize].life {
            life.asked_to_leave.get_or_insert(now);
            self.changed_at = now;
        }
    }

    /// Takes note of one more fault on the path of a place.
    pub fn troubled(&mut self, now: Time, place: u32) {
        let it = &mut self.places[place as usize];
        it.faults += 1;
        if it.faults == 1 {
            it.troubles.push((now, None));
            self.troubled += 1;
        }
    }

    /// Takes note that one fault on the path of a place is over.
    pub fn eased(&mut self, now: Time, place: u32) {
        let it = &mut self.places[place as usize];
        it.faults = it.faults.checked_sub(1).expect("a fault ends that began");
        if it.faults == 0 {
            it.troubles.last_mut().expect("it was in trouble").1 = Some(now);
            self.troubled -= 1;
            self.eased_at = now;
        }
    }

    /// Takes note of how many of a million datagrams all links lose; a twentieth and fewer are no trouble.
    pub fn lose(&mut self, now: Time, loss_ppm: u32) {
        if self.lossy && loss_ppm <= LOSS_PPM_MAX {
            self.eased_at = now;
        }
        self.lossy = loss_ppm > LOSS_PPM_MAX;
    }

    /// Takes note of an end that the node itself told of.
    pub(super) fn end(&mut self, now: Time, place: u32, end: End) {
        if let Some(life) = &mut self.places[place as usize].life
            && life.ended.is_none()
        {
            life.ended = Some((now, end));
            self.changed_at = now;
        }
    }

    /// Returns since when nobody came, went or was in trouble; nothing while somebody is in trouble.
    pub fn calm_since(&self) -> Option<Time> {
        Some(self.untroubled_since()?.max(self.changed_at))
    }

    /// Returns since when no path is in trouble, whoever came and went.
    pub fn untroubled_since(&self) -> Option<Time> {
        (self.troubled == 0 && !self.lossy).then_some(self.eased_at)
    }

    /// Returns the present or last life at a place.
    pub fn life(&self, place: u32) -> Option<&Lifetime> {
        self.places.get(place as usize)?.life.as_ref()
    }

    /// Returns how many lives there were at a place.
    pub fn lives(&self, place: u32) -> u32 {
        self.places[place as usize].lives
    }

    /// Returns whether the node at a place runs and was not asked to leave.
    pub fn is_up(&self, place: u32) -> bool {
        self.life(place).is_some_and(Lifetime::is_up)
    }

    /// Returns since when the node at a place is up and its path in no trouble; nothing if it is not so.
    pub fn well_since(&self, place: u32) -> Option<Time> {
        let life = self.life(place).filter(|life| life.is_up())?;
        let trouble = self.places[place as usize].troubles.last();
        let eased_at = trouble.map_or(Some(Time::ZERO), |(_, until)| *until)?;
        Some(eased_at.max(life.since))
    }

    /// Returns since when the path of a place is in no trouble; nothing if it is.
    pub fn eased_since(&self, place: u32) -> Option<Time> {
        self.places[place as usize].troubles.last().map_or(Some(Time::ZERO), |(_, until)| *until)
    }

    /// Returns when the path of a place was in trouble: from, and until if that is over.
    pub fn troubles(&self, place: u32) -> &[(Time, Option<Time>)] {
        &self.places[place as usize].troubles
    }

    /// Returns where this node lives or lived, with its present or last life at each place.
    pub fn lives_of(&self, node: NodeId) -> impl Iterator<Item = (u32, &Lifetime)> + '_ {
        let homes = self.homes.get(&node).into_iter().flatten();
        homes.map(move |place| {
            let it = &self.places[*place as usize];
            let mut lives = it.before.iter().chain(&it.life);
            (*place, lives.find(|life| life.node == node).expect("it lived there"))
        })
    }

    /// Returns where a node is up.
    pub fn home_of(&self, node: NodeId) -> Option<u32> {
        self.lives_of(node).find(|(_, life)| life.is_up()).map(|(place, _)| place)
    }

    /// Returns the last end of a node that runs nowhere.
    pub fn end_of(&self, node: NodeId) -> Option<(Time, End)> {
        let ends: Option<Vec<_>> = self.lives_of(node).map(|(_, life)| life.ended).collect();
        ends?.into_iter().max()
    }

    /// Returns how many places there are.
    pub fn size(&self) -> u32 {
        self.places.len() as u32
    }

    /// Returns how many members are up and well, and how many places hold a life that is over.
    pub fn census(&self) -> (u32, u32) {
        let (mut well, mut over) = (0, 0);
        for place in 0..self.size() {
            well += u32::from(self.well_since(place).is_some());
            over += u32::from(self.life(place).is_some_and(|life| life.ended.is_some()));
        }
        (well, over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId::new(7);

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    fn started() -> Truth {
        let mut truth = Truth::new(3);
        truth.started(at(1), 0, NODE, Incarnation::ZERO);
        truth
    }

    #[test]
    fn faults_of_one_path_are_counted_and_the_last_to_end_ends_the_trouble() {
        let mut truth = started();
        truth.troubled(at(2), 0);
        truth.troubled(at(3), 0);
        truth.eased(at(4), 0);
        assert_eq!((truth.well_since(0), truth.calm_since()), (None, None));
        truth.eased(at(5), 0);
        assert_eq!((truth.well_since(0), truth.calm_since()), (Some(at(5)), Some(at(5))));
        assert_eq!(truth.troubles(0), [(at(2), Some(at(5)))]);
    }

    #[test]
    fn who_was_asked_to_leave_is_up_no_more_and_ends_when_it_stops() {
        let mut truth = started();
        truth.asked_to_leave(at(2), 0);
        assert_eq!((truth.home_of(NODE), truth.end_of(NODE)), (None, None));
        truth.stopped(at(3), 0);
        assert_eq!(truth.end_of(NODE), Some((at(3), End::Crashed)));
    }

    #[test]
    fn a_node_runs_as_long_as_one_process_bears_its_identity() {
        let mut truth = started();
        truth.started(at(2), 1, NODE, Incarnation::ZERO);
        truth.end(at(3), 0, End::Yielded);
        assert_eq!((truth.home_of(NODE), truth.end_of(NODE)), (Some(1), None));
        truth.stopped(at(4), 1);
        assert_eq!((truth.home_of(NODE), truth.end_of(NODE)), (None, Some((at(4), End::Crashed))));
        truth.started(at(5), 0, NODE, Incarnation::new(3));
        assert_eq!((truth.home_of(NODE), truth.well_since(0), truth.lives(0)), (Some(0), Some(at(5)), 2));
    }

    #[test]
    fn a_life_is_remembered_when_another_node_takes_its_place() {
        let mut truth = started();
        truth.started(at(2), 0, NodeId::new(8), Incarnation::ZERO);
        assert_eq!((truth.end_of(NODE), truth.home_of(NODE)), (Some((at(2), End::Crashed)), None));
        assert_eq!(truth.home_of(NodeId::new(8)), Some(0));
        truth.started(at(3), 0, NODE, Incarnation::new(1));
        assert_eq!((truth.home_of(NODE), truth.end_of(NodeId::new(8))), (Some(0), Some((at(3), End::Crashed))));
        assert_eq!(truth.lives_of(NODE).count(), 1);
    }
}
