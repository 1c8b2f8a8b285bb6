//! Who was heard when: a life of every registered node, and which of them falls silent next.
//!
//! Every silence grows at the same pace, so the lives of one level, in the order in which they were heard last, are in the
//! order in which they reach the next level. Each level is therefore a queue: a heartbeat moves its life to the end of the
//! first one, and whoever looks what is due looks at the heads. Both take the same few steps at any number of nodes and
//! allocate nothing. Between those that are heard and those that are silent stand those that are overdue: if many are, the
//! fault may lie here, and that must be known before the first of them counts as silent.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::heartbeat::{Heartbeat, HeartbeatError, Report, Score};
use super::settings::HealthSettings;
use super::silence::SilenceLevel;
use crate::ids::{Epoch, NodeId};
use crate::time::Time;

/// Every registered life, and how long each has been silent by the receiver's own clock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watch {
    places: BTreeMap<NodeId, u32>,
    lives: Vec<Life>,
    free: Vec<u32>,
    queues: Vec<Queue>,
}

/// One life of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Life {
    node: NodeId,
    epoch: Epoch,
    /// The number of the last heartbeat that was accepted; zero before the first.
    sequence: u64,
    /// When it was heard last, or began to be watched, or was forgiven its silence.
    seen_at: Time,
    report: Option<Report>,
    /// How silent it was found last: its queue.
    stage: Stage,
    before: u32,
    after: u32,
}

/// How silent a life is: heard, overdue, or silent at a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Stage(u8);

impl Stage {
    const HEARD: Self = Self(0);
    const OVERDUE: Self = Self(1);

    fn of(age: Duration, settings: &HealthSettings) -> Self {
        match SilenceLevel::of(age, settings) {
            SilenceLevel::NONE if age < Self::OVERDUE.begins_after(settings) => Self::HEARD,
            level => Self(level.get() + 1),
        }
    }

    /// Returns the shortest silence of this stage: a heartbeat that comes two intervals late was lost, or its node was.
    fn begins_after(self, settings: &HealthSettings) -> Duration {
        match self {
            Self::HEARD => Duration::ZERO,
            Self::OVERDUE => settings.beat_interval * 2,
            Self(_) => self.level().begins_after(settings),
        }
    }

    const fn level(self) -> SilenceLevel {
        SilenceLevel::new(self.0.saturating_sub(1))
    }
}

/// The first and the last life of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Queue {
    first: u32,
    last: u32,
    count: u32,
}

/// No place: the end of a queue.
const NOWHERE: u32 = u32::MAX;

/// A life that has become more silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Crossing {
    /// Whose.
    pub node: NodeId,
    /// Which of its lives.
    pub epoch: Epoch,
    /// Its level when it was looked at before.
    pub from: SilenceLevel,
    /// Its level.
    pub to: SilenceLevel,
    /// For how long it has been silent.
    pub age: Duration,
}

/// What is known of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// Which of the node's lives.
    pub epoch: Epoch,
    /// The number of its last heartbeat; zero before the first.
    pub sequence: u64,
    /// For how long it has been silent.
    pub age: Duration,
    /// The level of that silence.
    pub level: SilenceLevel,
    /// What it said last.
    pub report: Option<Report>,
    /// What its score counts for: the one that it reported, and no more than its silence leaves.
    pub score: Score,
}

impl Watch {
    /// Returns a watch over nobody.
    pub fn new(settings: &HealthSettings) -> Self {
        let empty = Queue { first: NOWHERE, last: NOWHERE, count: 0 };
        Self {
            places: BTreeMap::new(),
            lives: Vec::new(),
            free: Vec::new(),
            queues: alloc::vec![empty; usize::from(settings.silence_levels.get()) + 2],
        }
    }

    /// Returns how many nodes are watched.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns whether nobody is watched.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Returns how many were found overdue or silent at any level.
    pub fn overdue(&self) -> usize {
        self.queues.iter().skip(1).map(|queue| queue.count as usize).sum()
    }

    /// Begins to watch a life of a node, in place of an earlier one; a life that is watched already goes on.
    pub fn register(&mut self, now: Time, node: NodeId, epoch: Epoch) {
        if let Some(place) = self.places.get(&node).copied() {
            if self.lives[place as usize].epoch == epoch {
                return;
            }
            self.unlink(place);
            self.lives[place as usize] = Life::new(now, node, epoch);
            return self.append(place);
        }
        let life = Life::new(now, node, epoch);
        let place = if let Some(place) = self.free.pop() {
            self.lives[place as usize] = life;
            place
        } else {
            self.lives.push(life);
            self.lives.len() as u32 - 1
        };
        self.places.insert(node, place);
        self.append(place);
    }

    /// Stops watching a node.
    pub fn unregister(&mut self, node: NodeId) {
        if let Some(place) = self.places.remove(&node) {
            self.unlink(place);
            // Nothing of it stays behind, or equal watches would differ.
            self.lives[place as usize] = Life::new(Time::ZERO, NodeId::new(0), Epoch::ZERO);
            self.free.push(place);
        }
    }

    /// Takes in a heartbeat. Returns the level at which its sender was found last.
    ///
    /// # Errors
    ///
    /// Returns why it changes nothing.
    pub fn hear(&mut self, now: Time, heartbeat: &Heartbeat) -> Result<SilenceLevel, HeartbeatError> {
        let Heartbeat { node, epoch, sequence, .. } = *heartbeat;
        let place = *self.places.get(&node).ok_or(HeartbeatError::Unknown(node))?;
        let life = &self.lives[place as usize];
        if epoch != life.epoch {
            return Err(HeartbeatError::OtherLife { node, named: epoch, registered: life.epoch });
        }
        if sequence <= life.sequence {
            return Err(HeartbeatError::Old { node, sequence, accepted: life.sequence });
        }
        let (report, was) = (heartbeat.sample.check(node)?, life.stage.level());
        self.unlink(place);
        let life = &mut self.lives[place as usize];
        (life.sequence, life.report) = (sequence, Some(report));
        (life.seen_at, life.stage) = (now, Stage::HEARD);
        self.append(place);
        Ok(was)
    }

    /// Forgives every silence: it began while nobody here listened, or before this node was the one to judge.
    pub fn forgive(&mut self, now: Time) {
        let places = core::mem::take(&mut self.places);
        for place in places.values().copied() {
            self.unlink(place);
            let life = &mut self.lives[place as usize];
            (life.seen_at, life.stage) = (now, Stage::HEARD);
            self.append(place);
        }
        self.places = places;
    }

    /// Returns a life that has risen in level since it was looked at; call again until there is none.
    pub fn sweep(&mut self, now: Time, settings: &HealthSettings) -> Option<Crossing> {
        loop {
            // The most silent first: who comes from a lower stage lines up behind those that were there.
            let (_, place) = self.heads(settings).rev().find(|(at, _)| *at <= now)?;
            self.unlink(place);
            let life = &mut self.lives[place as usize];
            let (age, from) = (now.since(life.seen_at), life.stage.level());
            life.stage = Stage::of(age, settings);
            let crossing = Crossing { node: life.node, epoch: life.epoch, from, to: life.stage.level(), age };
            self.append(place);
            if crossing.to > from {
                return Some(crossing);
            }
        }
    }

    /// Returns when the next life becomes overdue or rises in level.
    pub fn next_at(&self, settings: &HealthSettings) -> Option<Time> {
        self.heads(settings).map(|(at, _)| at).min()
    }

    /// Iterates over the longest silent life of each queue but the last, with when it reaches the next stage.
    fn heads(&self, settings: &HealthSettings) -> impl DoubleEndedIterator<Item = (Time, u32)> {
        let next = (1..=settings.silence_levels.get() + 1).map(|stage| Stage(stage).begins_after(settings));
        self.queues.iter().zip(next).filter_map(|(queue, after)| {
            let life = self.lives.get(queue.first as usize)?;
            Some((life.seen_at + after, queue.first))
        })
    }

    /// Returns what is known of the registered life of a node.
    pub fn seen(&self, now: Time, node: NodeId, settings: &HealthSettings) -> Option<Seen> {
        let life = &self.lives[*self.places.get(&node)? as usize];
        let age = now.since(life.seen_at);
        let level = SilenceLevel::of(age, settings);
        let reported = life.report.map_or(Score::BEST, |report| report.score);
        Some(Seen {
            epoch: life.epoch,
            sequence: life.sequence,
            age,
            level,
            report: life.report,
            score: reported.min(level.ceiling(settings)),
        })
    }

    /// Puts a life at the end of the queue of its level.
    fn append(&mut self, place: u32) {
        let queue = &mut self.queues[usize::from(self.lives[place as usize].stage.0)];
        let last = core::mem::replace(&mut queue.last, place);
        queue.count += 1;
        if last == NOWHERE {
            queue.first = place;
        } else {
            self.lives[last as usize].after = place;
        }
        let life = &mut self.lives[place as usize];
        (life.before, life.after) = (last, NOWHERE);
    }

    /// Takes a life out of its queue.
    fn unlink(&mut self, place: u32) {
        let Life { stage, before, after, .. } = self.lives[place as usize];
        let queue = &mut self.queues[usize::from(stage.0)];
        queue.count -= 1;
        if before == NOWHERE {
            queue.first = after;
        }
        if after == NOWHERE {
            queue.last = before;
        }
        if let Some(life) = self.lives.get_mut(before as usize) {
            life.after = after;
        }
        if let Some(life) = self.lives.get_mut(after as usize) {
            life.before = before;
        }
    }
}

impl Life {
    const fn new(seen_at: Time, node: NodeId, epoch: Epoch) -> Self {
        let stage = Stage::HEARD;
        Self { node, epoch, sequence: 0, seen_at, report: None, stage, before: NOWHERE, after: NOWHERE }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{beat, settings};
    use super::super::heartbeat::Sample;
    use super::*;
    use proptest::prelude::*;

    fn node(number: u64) -> NodeId {
        NodeId::new(number)
    }

    fn levels(watch: &mut Watch, now: u64) -> Vec<(u64, u8, u8)> {
        let settings = settings();
        core::iter::from_fn(|| watch.sweep(Time::from_millis(now), &settings))
            .map(|it| (it.node.get(), it.from.get(), it.to.get()))
            .collect()
    }

    #[test]
    fn a_life_rises_level_by_level_and_each_rise_is_told_once() {
        let mut watch = Watch::new(&settings());
        watch.register(Time::ZERO, node(1), Epoch::new(1));
        assert_eq!(levels(&mut watch, 30_000), []);
        assert_eq!(levels(&mut watch, 30_001), [(1, 0, 1)]);
        assert_eq!(levels(&mut watch, 39_999), []);
        assert_eq!(levels(&mut watch, 65_000), [(1, 1, 4)]);
        assert_eq!(levels(&mut watch, 70_000), [(1, 4, 5)]);
        assert_eq!(levels(&mut watch, u64::MAX / 2_000_000), []);
        assert_eq!(watch.next_at(&settings()), None);
    }

    #[test]
    fn a_heartbeat_counts_for_its_own_life_and_once() {
        let mut watch = Watch::new(&settings());
        let now = Time::from_millis(5);
        assert_eq!(watch.hear(now, &beat(1, 3, 1)), Err(HeartbeatError::Unknown(node(1))));
        watch.register(now, node(1), Epoch::new(3));
        let named = |epoch| Err(HeartbeatError::OtherLife { node: node(1), named: epoch, registered: Epoch::new(3) });
        assert_eq!(watch.hear(now, &beat(1, 2, 9)), named(Epoch::new(2)));
        assert_eq!(watch.hear(now, &beat(1, 4, 9)), named(Epoch::new(4)));
        assert_eq!(watch.hear(now, &beat(1, 3, 7)), Ok(SilenceLevel::NONE));
        for old in [7, 6, 0] {
            let refused = HeartbeatError::Old { node: node(1), sequence: old, accepted: 7 };
            assert_eq!(watch.hear(now, &beat(1, 3, old)), Err(refused));
        }
    }

    #[test]
    fn nonsense_is_refused_and_is_no_sign_of_life() {
        let mut watch = Watch::new(&settings());
        watch.register(Time::ZERO, node(1), Epoch::new(1));
        let good = beat(1, 1, 1);
        let much = Sample { free: crate::Bytes::new(1001), ..good.sample };
        let proud = Sample { score: 1001, ..good.sample };
        for sample in [much, proud] {
            assert!(watch.hear(Time::from_millis(20_000), &Heartbeat { sample, ..good }).is_err());
        }
        let seen = watch.seen(Time::from_millis(20_000), node(1), &settings()).unwrap();
        assert_eq!((seen.sequence, seen.age, seen.report), (0, Duration::from_secs(20), None));
    }

    #[test]
    fn a_score_counts_for_no_more_than_silence_leaves() {
        let mut watch = Watch::new(&settings());
        watch.register(Time::ZERO, node(1), Epoch::new(1));
        let good = beat(1, 1, 1);
        let sample = Sample { score: 700, ..good.sample };
        watch.hear(Time::ZERO, &Heartbeat { sample, ..good }).unwrap();
        let score = |millis| watch.seen(Time::from_millis(millis), node(1), &settings()).unwrap().score.permille();
        assert_eq!([30_000, 35_000, 45_000, 69_999, 70_000].map(score), [700, 700, 600, 200, 0]);
    }

    #[test]
    fn a_new_life_begins_to_be_heard_when_it_registers() {
        let mut watch = Watch::new(&settings());
        watch.register(Time::ZERO, node(1), Epoch::new(1));
        watch.hear(Time::ZERO, &beat(1, 1, 9)).unwrap();
        watch.register(Time::from_millis(60_000), node(1), Epoch::new(2));
        watch.register(Time::from_millis(80_000), node(1), Epoch::new(2));
        assert_eq!(levels(&mut watch, 90_001), [(1, 0, 1)]);
        assert_eq!(watch.hear(Time::from_millis(90_001), &beat(1, 2, 1)), Ok(SilenceLevel::new(1)));
    }

    /// What a reader would write first: every age is computed anew.
    #[derive(Default)]
    struct Model(BTreeMap<u64, (u64, u64, u64, u8)>);

    impl Model {
        fn crossings(&mut self, now: u64) -> Vec<(u64, u8, u8)> {
            let level = |age: u64| SilenceLevel::of(Duration::from_millis(age), &settings()).get();
            let crossed = |(node, life): (&u64, &mut (u64, u64, u64, u8))| {
                let was = core::mem::replace(&mut life.3, level(now - life.2));
                (life.3 > was).then_some((*node, was, life.3))
            };
            self.0.iter_mut().filter_map(crossed).collect()
        }
    }

    proptest! {
        #[test]
        fn the_queues_find_what_looking_at_everyone_finds(
            steps in proptest::collection::vec((0u8..6, 0u64..6, 0u64..4, 0u64..15_000), 0..200)
        ) {
            let (mut watch, mut model, mut now) = (Watch::new(&settings()), Model::default(), 0);
            for (what, number, epoch, pause) in steps {
                now += pause;
                let at = Time::from_millis(now);
                match what {
                    0 => {
                        watch.register(at, node(number), Epoch::new(epoch));
                        let life = model.0.entry(number).or_insert((epoch, 0, now, 0));
                        if life.0 != epoch {
                            *life = (epoch, 0, now, 0);
                        }
                    }
                    1 if pause % 3 == 0 => {
                        watch.unregister(node(number));
                        model.0.remove(&number);
                    }
                    2 if pause % 5 == 0 => {
                        watch.forgive(at);
                        model.0.values_mut().for_each(|life| (life.2, life.3) = (now, 0));
                    }
                    3 | 4 => {
                        let sequence = pause % 40;
                        let accepted = watch.hear(at, &beat(number, epoch, sequence)).ok().map(SilenceLevel::get);
                        let life = model.0.get_mut(&number).filter(|life| life.0 == epoch && sequence > life.1);
                        prop_assert_eq!(accepted, life.map(|life| {
                            (life.1, life.2) = (sequence, now);
                            core::mem::take(&mut life.3)
                        }));
                    }
                    _ => {
                        let mut found = levels(&mut watch, now);
                        found.sort_unstable();
                        prop_assert_eq!(found, model.crossings(now));
                        let overdue = model.0.values().filter(|life| now - life.2 >= 18_000).count();
                        prop_assert_eq!((watch.overdue(), watch.len()), (overdue, model.0.len()));
                    }
                }
            }
        }

        /// H1 and H2: what was heard decides, and neither how often nor with which clock it was said.
        #[test]
        fn doubled_and_shuffled_heartbeats_with_any_clock_leave_the_same_watch(
            order in Just((1u64..=8).collect::<Vec<_>>()).prop_shuffle(), skew in any::<u64>()
        ) {
            let run = |numbers: &[u64], skew: u64| {
                let mut watch = Watch::new(&settings());
                watch.register(Time::ZERO, node(1), Epoch::new(1));
                for number in numbers {
                    let good = beat(1, 1, *number);
                    let taken_at = crate::WallTime::from_unix_millis(number.wrapping_mul(skew));
                    let sample = Sample { taken_at, ..good.sample };
                    let _ = watch.hear(Time::from_millis(1), &Heartbeat { sample, ..good });
                }
                let seen = watch.seen(Time::from_millis(100), node(1), &settings()).unwrap();
                (seen.sequence, seen.age, seen.score)
            };
            let twice: Vec<u64> = order.iter().chain(&order).copied().collect();
            prop_assert_eq!(run(&twice, skew), run(&[1, 2, 3, 4, 5, 6, 7, 8], 0));
        }
    }
}
