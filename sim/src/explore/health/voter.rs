//! One voter, as a value that states share: what it watches, beside what it should know.

use delian_core::health::{Health, HealthSettings, Heartbeat, Reach};
use delian_core::node::witness::{News, Witness};
use delian_core::topology::Command;
use delian_core::{Time, Topology};
use std::sync::Arc;

use super::laws;
use super::model::id_of;
use super::truth::{Spans, Truth};
use crate::explore::hash::Hash128;
use crate::invariants::Breach;

/// When everything begins: late enough that nothing counts from zero.
const BEGIN: Time = Time::from_millis(1_000);

/// Far more than one voter has to propose in one step.
const PROPOSALS_MAX: usize = 16;

/// A voter.
#[derive(Clone, Debug)]
pub(super) struct Voter {
    pub(super) now: Time,
    /// Whether it believes that it leads.
    pub(super) leads: bool,
    pub(super) witness: Witness,
    /// What its failure detector says of each node.
    pub(super) words: Vec<Reach>,
    pub(super) truth: Truth,
    /// The same for all voters of a model, and so no part of the hash.
    pub(super) spans: Spans,
    hash: u128,
}

/// What became of the time of a voter since its last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// It ran.
    Steady,
    /// It slept for longer than heartbeats take.
    Slept,
}

impl Voter {
    pub(super) fn new(settings: &Arc<HealthSettings>, spans: Spans, nodes: u8) -> Self {
        let witness = Witness::new(Health::new(BEGIN, Arc::clone(settings)));
        let words = vec![Reach::Unknown; usize::from(nodes)];
        Self { now: BEGIN, leads: false, witness, words, truth: Truth::new(nodes), spans, hash: 0 }
    }

    /// Returns the hash of the voter as it was when it was last settled.
    pub(super) const fn hash(&self) -> u128 {
        self.hash
    }

    pub(super) fn settle(&mut self, seed: u64) {
        let Self { now, leads, witness, words, truth, spans: _, hash: _ } = &*self;
        self.hash = Hash128::of(seed, &(now, leads, witness, words, truth));
    }

    /// Hears a heartbeat.
    pub(super) fn hear(&mut self, heartbeat: &Heartbeat) -> Result<(), Breach> {
        let heard = self.witness.health.hear(self.now, heartbeat);
        let counts = self.truth.hear(self.now, heartbeat);
        laws::judge_hearing(self, heartbeat, counts, heard)
    }

    /// Is told how a node can be reached.
    pub(super) fn tell(&mut self, node: u8, reach: Reach) {
        self.words[usize::from(node)] = reach;
        self.truth.tell(self.now, node, reach);
        self.witness.health.reach(self.now, id_of(node), reach);
    }

    /// Does what a node does at the end of each of its steps, as `core::node` does it. Returns what it proposes; only so
    /// much is taken.
    pub(super) fn tend(&mut self, topology: &Topology, pace: Pace, room: usize) -> Result<Vec<Command>, Breach> {
        if self.witness.is_behind(topology) {
            let news = self.witness.take_in(self.now, topology);
            let expected = self.truth.take_in(self.now, topology, &self.words);
            laws::judge_news(&news, &expected)?;
            for (number, reach) in (0..).zip(&self.words) {
                if news.contains(&News::Life(id_of(number))) {
                    self.witness.health.reach(self.now, id_of(number), *reach);
                }
            }
        }
        if pace == Pace::Slept || (self.leads && !self.witness.health.leads()) {
            self.truth.forgive(self.now);
        }
        self.witness.look(self.now, self.leads, true);
        let mut proposed = Vec::new();
        for _ in 0..PROPOSALS_MAX {
            let Some((node, command)) = self.witness.propose(self.now) else {
                laws::judge_view(self, topology)?;
                return Ok(proposed);
            };
            laws::judge_proposal(self, topology, &command)?;
            if proposed.len() < room {
                proposed.push(command);
            } else {
                self.witness.health.refused(self.now, node);
            }
        }
        panic!("one step proposed {PROPOSALS_MAX} times");
    }
}
