//! What a voter should know of each node: a second implementation that is deliberately dumb.
//!
//! It holds a few instants by the voter's own clock and computes nothing ahead: no queues, no levels, no deadlines.

use std::time::Duration;

use delian_core::health::{Heartbeat, Reach};
use delian_core::node::witness::News;
use delian_core::topology::Member;
use delian_core::{Epoch, Time, Topology};

use super::model::{Model, id_of};

/// What there is to know, by node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Truth {
    lives: Vec<Option<Known>>,
}

/// After which spans something follows, reckoned from what a person writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spans {
    /// The longest silence that means nothing.
    pub(super) means_nothing: Duration,
    /// The shortest silence that is a failure.
    pub(super) is_failure: Duration,
    /// How long a node must be out of reach, or failed, before it is evicted.
    pub(super) evicts: Duration,
}

impl Spans {
    pub(super) fn of(model: &Model) -> Self {
        let config = model.numbers();
        // The first level begins beyond what means nothing, and each other one a whole step later.
        let steps = config.silence_step * (u32::from(config.silence_levels) - 1);
        let beyond = Duration::from_nanos(u64::from(steps.is_zero()));
        let evicts = config.evict_after.expect("models evict");
        Self { means_nothing: config.silence_after, is_failure: config.silence_after + steps + beyond, evicts }
    }
}

/// What there is to know of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Known {
    pub(super) epoch: Epoch,
    /// The greatest number of a heartbeat that was heard; zero before the first.
    pub(super) sequence: u64,
    /// Since when it has been silent: the last heartbeat, or since there is anything to be heard here.
    pub(super) silent_since: Time,
    /// Since when nobody reaches it, if nobody does: in this life, and while this voter judges and runs.
    pub(super) lost_since: Option<Time>,
    /// Within which time it is to leave, and when that is over.
    pub(super) leaves: Option<(Duration, Time)>,
    /// Whether it was told that it has failed.
    failed: bool,
}

impl Truth {
    pub(super) fn new(nodes: u8) -> Self {
        Self { lives: vec![None; usize::from(nodes)] }
    }

    /// Returns what there is to know of a node.
    pub(super) fn of(&self, node: u8) -> Option<&Known> {
        self.lives.get(usize::from(node))?.as_ref()
    }

    /// Returns whether a heartbeat counts.
    pub(super) fn hear(&mut self, now: Time, heartbeat: &Heartbeat) -> bool {
        let mut lives = (0..).zip(&mut self.lives);
        let life = lives.find(|(node, _)| id_of(*node) == heartbeat.node).and_then(|(_, life)| life.as_mut());
        let Some(known) = life else { return false };
        let counts = known.epoch == heartbeat.epoch && heartbeat.sequence > known.sequence;
        if counts {
            (known.sequence, known.silent_since) = (heartbeat.sequence, now);
        }
        counts
    }

    /// Takes in how a node can be reached, where that is new.
    pub(super) fn tell(&mut self, now: Time, node: u8, reach: Reach) {
        if let Some(Some(known)) = self.lives.get_mut(usize::from(node)) {
            known.lost_since = (reach == Reach::Unreachable).then_some(now);
        }
    }

    /// Takes in that the voter begins to judge or was asleep: whatever counts towards a failure or an eviction begins anew.
    pub(super) fn forgive(&mut self, now: Time) {
        for known in self.lives.iter_mut().flatten() {
            known.silent_since = now;
            known.lost_since = known.lost_since.map(|_| now);
        }
    }

    /// Takes in a topology. Returns what of it is to be told.
    pub(super) fn take_in(&mut self, now: Time, topology: &Topology, words: &[Reach]) -> Vec<News> {
        let mut news = Vec::new();
        for ((number, held), word) in (0..).zip(&mut self.lives).zip(words) {
            let id = id_of(number);
            let Some(member) = topology.get(id) else {
                *held = None;
                continue;
            };
            let failed = member.condition.is_failed();
            let (epoch, condition) = (member.registered, member.condition);
            let known = if let Some(known) = held.as_mut().filter(|known| known.epoch == epoch) {
                match (known.failed, failed) {
                    (false, true) => news.push(News::Failed { node: id, epoch, condition }),
                    (true, false) => news.push(News::Recovered { node: id, epoch }),
                    (true, true) | (false, false) => {}
                }
                known
            } else {
                news.push(News::Life(id));
                held.insert(Known::born(now, epoch, *word))
            };
            known.failed = failed;
            known.leaves = leaves(now, known.leaves, member);
        }
        news
    }
}

impl Known {
    /// A life begins to be silent, or out of reach, when the voter hears of it, whatever became of the one before.
    fn born(now: Time, epoch: Epoch, word: Reach) -> Self {
        let lost_since = (word == Reach::Unreachable).then_some(now);
        Self { epoch, sequence: 0, silent_since: now, lost_since, leaves: None, failed: false }
    }
}

/// A time to leave runs from when a voter heard of it first.
fn leaves(now: Time, before: Option<(Duration, Time)>, member: &Member) -> Option<(Duration, Time)> {
    let within = member.drain?.within?;
    Some(before.filter(|(held, _)| *held == within).unwrap_or((within, now + within)))
}
