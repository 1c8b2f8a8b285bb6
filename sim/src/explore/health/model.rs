//! What a model of the orchestrator is: who watches whom, the numbers by which they judge, bounds, and what is looked for.

use std::time::Duration;

use delian_core::health::{HealthConfig, HealthSettings};
use delian_core::{Config, NodeId, Topology};

use crate::explore::shipped::{Counts, Heal, Listing, Tier};

/// One model: everything that its state space is a function of.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name, as on the command line.
    pub name: &'static str,
    /// What it explores, in one sentence.
    pub sentence: &'static str,
    /// How many voters watch; the first of them leads in the beginning.
    pub voters: u8,
    /// How many nodes are watched. All of them are registered in the beginning, and every voter knows.
    pub nodes: u8,
    /// What differs from the default numbers of models.
    pub config: fn(&mut HealthConfig),
    /// How many commands a leader takes before one of them commits.
    pub tail_max: u8,
    /// How often each thing may happen.
    pub budgets: Budgets,
    /// Whether quiet states must come to what is true.
    pub heal: Heal,
    /// What some state must show.
    pub goals: &'static [Goal],
    /// When it is explored.
    pub tier: Tier,
    /// What a complete exploration counts.
    pub pinned: Option<Counts>,
}

/// How often each thing may happen; the rest of it is part of a state. Commits, their way to each voter and the end of a
/// reign are bounded by what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budgets {
    /// Steps of the voters' clocks, all together.
    pub ticks: u8,
    /// Pauses of voters, which find their clock far ahead.
    pub pauses: u8,
    /// Heartbeats that nodes send.
    pub beats: u8,
    /// How many of them may say that the node fares badly.
    pub complaints: u8,
    /// Changes of what a failure detector tells a voter of a node.
    pub words: u8,
    /// Voters that take over.
    pub elections: u8,
    /// Registrations beside those of the beginning.
    pub registrations: u8,
    /// Farewells: removals in whichever life.
    pub farewells: u8,
    /// Requests to leave, to stay after all, and reports that all is handed over.
    pub drains: u8,
}

impl Budgets {
    /// Nothing at all.
    pub const NONE: Self = Self {
        ticks: 0,
        pauses: 0,
        beats: 0,
        complaints: 0,
        words: 0,
        elections: 0,
        registrations: 0,
        farewells: 0,
        drains: 0,
    };
}

/// Something that a model must bring about, or it is vacuous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Goal {
    /// It is agreed on that a node is degraded.
    Degraded,
    /// It is agreed on that a node is silent.
    Silent,
    /// It is agreed on that nobody reaches a node.
    Unreachable,
    /// A failed node recovers.
    Recovered,
    /// A node is evicted.
    Evicted,
    /// A node whose time to leave is up is removed.
    LeaveEnded,
    /// A node is registered anew after its removal.
    Returned,
    /// An eviction is void, for the node registered again or is gone.
    EvictionVoid,
    /// A finding is void, for the node registered again or is gone.
    FindingVoid,
    /// A finding about a node that leaves is refused.
    LeaveKept,
    /// Somebody takes over while a node is silent.
    TookOver,
    /// What an earlier leader found commits under a later one.
    FoundEarlier,
    /// Somebody whose reign is over finds something, in vain.
    FoundInVain,
}

impl Goal {
    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Degraded => "a node is degraded",
            Self::Silent => "a node is silent",
            Self::Unreachable => "a node is unreachable",
            Self::Recovered => "a failed node recovers",
            Self::Evicted => "a node is evicted",
            Self::LeaveEnded => "the time of a leaving node is up",
            Self::Returned => "a removed node returns",
            Self::EvictionVoid => "an eviction is void",
            Self::FindingVoid => "a finding is void",
            Self::LeaveKept => "a finding about a leaving node is refused",
            Self::TookOver => "somebody takes over in the middle of a silence",
            Self::FoundEarlier => "what an earlier leader found commits",
            Self::FoundInVain => "a former leader finds something in vain",
        }
    }

    /// Returns its bit.
    pub(super) const fn bit(self) -> u64 {
        1 << self as u8
    }
}

/// One step of a clock: two heartbeats are due in it, so nobody was asleep, and whoever did not beat is overdue.
pub(super) const TICK: Duration = Duration::from_millis(4);

/// By how much a clock is ahead after a pause: far more than two heartbeats.
pub(super) const PAUSE: Duration = Duration::from_millis(12);

/// How long a node may leave.
pub(super) const LEAVE_WITHIN: Duration = Duration::from_millis(8);

impl Model {
    /// Returns what the model says of itself.
    pub const fn listing(&self) -> Listing {
        let (name, sentence, tier, pinned) = (self.name, self.sentence, self.tier, self.pinned);
        Listing { name, sentence, tier, pinned, is_reduced: false }
    }

    /// Returns the numbers by which all voters judge, as a person writes them.
    pub(super) fn numbers(&self) -> HealthConfig {
        let mut config = HealthConfig {
            beat_interval: Duration::from_millis(2),
            // One level, which the second tick of a silence reaches, and an eviction one tick later.
            silence_after: Duration::from_millis(7),
            silence_step: Duration::from_millis(4),
            silence_levels: 1,
            evict_after: Some(Duration::from_millis(4)),
            // Nobody is on hold, and nobody suspects itself.
            flap_half_life: Duration::from_millis(1),
            flap_limit: u8::MAX,
            preservation_min: usize::MAX,
            ..HealthConfig::default()
        };
        (self.config)(&mut config);
        config
    }

    /// Returns the same, checked.
    pub(super) fn settings(&self) -> HealthSettings {
        self.numbers().check().expect("a model's numbers make sense")
    }
}

/// Returns the topology of nobody.
pub(super) fn nobody() -> Topology {
    // A voter that lags behind two removals must take in the whole.
    let config = Config { voters: [NodeId::new(1)].into(), removals_kept: 1, ..Config::default() };
    Topology::new(config.check().expect("a model's configuration makes sense").topology())
}

/// Returns the identity of a watched node.
pub(super) fn id_of(node: u8) -> NodeId {
    NodeId::new(u64::from(node) + 1)
}
