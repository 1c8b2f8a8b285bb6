//! The pools that are explored: each a few members, a network and bounds.

use delian_core::swim::{Incarnation, PoolConfig};

use super::model::{Begins, Budgets, Goal, Kind, Life, Memory, Model};
use crate::explore::flight::Network;
use crate::explore::shipped::{Counts, Heal, Tier};

/// What may be due where members probe each other.
const PROBING: &[Kind] = &[Kind::Probe, Kind::Indirect, Kind::Suspicion, Kind::Gossip, Kind::Nack];

/// The same where the dead are asked, too.
const RECONNECTING: &[Kind] =
    &[Kind::Probe, Kind::Indirect, Kind::Suspicion, Kind::Gossip, Kind::Nack, Kind::Reconnect];

/// The same where members leave.
const LEAVING: &[Kind] =
    &[Kind::Probe, Kind::Indirect, Kind::Suspicion, Kind::Gossip, Kind::Reconnect, Kind::LeaveAgain, Kind::LeaveEnd];

/// The same where lives begin.
const JOINING: &[Kind] = &[Kind::Probe, Kind::Suspicion, Kind::Gossip, Kind::Seed, Kind::Reconnect];

/// The same where the dead are forgotten.
const FORGETTING: &[Kind] = &[Kind::Probe, Kind::Suspicion, Kind::Gossip, Kind::Grave, Kind::Reconnect];

/// Returns all models, those of the default set first.
pub fn all() -> Vec<Model> {
    let mut all = suspicions();
    all.extend(leaves());
    all.extend(lives());
    all.sort_by_key(|model| model.tier);
    all
}

/// Members come and go for others alone.
// Long on purpose: one row for each model, to be read beside each other.
fn suspicions() -> Vec<Model> {
    vec![
        Model {
            name: "pool-suspicion",
            sentence: "A member is suspected, refutes or dies, and comes back.",
            deadlines: PROBING,
            budgets: Budgets { probes: 3, ..Budgets::NONE },
            goals: &[Goal::Suspected, Goal::Refuted, Goal::Recovered, Goal::Died, Goal::CameBack],
            pinned: Some(counts(172_030, 261_894, 29)),
            ..base()
        },
        Model {
            name: "pool-suspicion-links",
            sentence: "The same over links that hold one packet, lose any and double one.",
            network: Network::Fifo { cap: 1 },
            deadlines: &[Kind::Probe, Kind::Suspicion, Kind::Gossip],
            budgets: Budgets { probes: 2, duplicates: 1, ..Budgets::NONE },
            goals: &[Goal::Suspected, Goal::Refuted, Goal::Recovered, Goal::Died, Goal::CameBack],
            pinned: Some(counts(70_465, 380_778, 19)),
            ..base()
        },
        Model {
            name: "pool-suspicion-deep",
            sentence: "Suspicion, death and return with four probes and three deviations.",
            network: Network::Delay { deviations: 3 },
            budgets: Budgets { probes: 4, reconnects: 1, ..Budgets::NONE },
            goals: &[Goal::Suspected, Goal::Refuted, Goal::Recovered, Goal::Died, Goal::CameBack],
            tier: Tier::Deep,
            ..base()
        },
        Model {
            name: "pool-exchange",
            sentence: "A member is suspected while two exchange their views.",
            deadlines: &[Kind::Probe, Kind::Suspicion, Kind::Gossip],
            budgets: Budgets { probes: 3, exchanges: 1, ..Budgets::NONE },
            goals: &[Goal::Suspected, Goal::Refuted, Goal::Recovered, Goal::Died, Goal::CameBack],
            pinned: Some(counts(103_873, 170_754, 29)),
            ..base()
        },
        Model {
            name: "pool-change",
            sentence: "A member changes what it says of itself while others suspect it.",
            deadlines: &[Kind::Probe, Kind::Suspicion, Kind::Gossip],
            budgets: Budgets { probes: 2, changes: 1, ..Budgets::NONE },
            goals: &[Goal::Suspected, Goal::Refuted, Goal::Updated, Goal::CameBack],
            pinned: Some(counts(267_340, 484_719, 28)),
            ..base()
        },
        Model {
            name: "pool-incarnations-end",
            sentence: "A member that has no later incarnation left is suspected: it cannot refute, and never becomes younger.",
            first: Incarnation::new(u32::MAX),
            deadlines: PROBING,
            budgets: Budgets { probes: 2, ..Budgets::NONE },
            heal: Heal::Skipped,
            goals: &[Goal::Suspected, Goal::Died],
            pinned: Some(counts(16_543, 24_630, 19)),
            ..base()
        },
        Model {
            name: "pool-suspicion-set",
            sentence: "Suspicion between two, where any packet may arrive at any time, again and again, or never.",
            members: 2,
            network: Network::Set,
            deadlines: PROBING,
            budgets: Budgets { probes: 3, ..Budgets::NONE },
            goals: &[Goal::Suspected, Goal::Refuted, Goal::Recovered, Goal::Died, Goal::CameBack],
            pinned: Some(counts(83_784, 888_976, 20)),
            ..base()
        },
    ]
}

/// Members leave and are forgotten.
fn leaves() -> Vec<Model> {
    vec![
        Model {
            name: "pool-leave",
            sentence: "A member leaves while others suspect it.",
            deadlines: LEAVING,
            budgets: Budgets { probes: 2, leaves: 1, ..Budgets::NONE },
            goals: &[Goal::Suspected, Goal::Left, Goal::Departed, Goal::LeftLate],
            pinned: Some(counts(172_395, 260_869, 24)),
            ..base()
        },
        Model {
            name: "pool-grave",
            sentence: "A member is held dead and forgotten by some, and comes back.",
            deadlines: FORGETTING,
            budgets: Budgets { probes: 2, graves: 2, reconnects: 1, ..Budgets::NONE },
            goals: &[Goal::Died, Goal::Forgotten, Goal::CameBack],
            pinned: Some(counts(30_031, 53_880, 24)),
            ..base()
        },
    ]
}

/// Members restart, move and are copied.
fn lives() -> Vec<Model> {
    vec![
        Model {
            name: "pool-restart",
            sentence: "A member crashes and another life begins at its address, which knows the incarnations of the first.",
            deadlines: JOINING,
            lives: &[Life { of: 2, seat: 2, asks: 0, memory: Memory::Kept, begins: Begins::After }],
            budgets: Budgets { probes: 2, seeds: 1, crashes: 1, exchanges: 1, ..Budgets::NONE },
            goals: &[Goal::Suspected, Goal::Died, Goal::CameBack],
            pinned: Some(counts(195_323, 342_808, 32)),
            ..base()
        },
        Model {
            name: "pool-restart-lost",
            sentence: "The same, but the later life knows nothing of the first, and others tell it.",
            deadlines: JOINING,
            first: Incarnation::new(1),
            lives: &[Life { of: 2, seat: 2, asks: 0, memory: Memory::Lost, begins: Begins::After }],
            budgets: Budgets { probes: 2, seeds: 1, crashes: 1, ..Budgets::NONE },
            goals: &[Goal::Suspected, Goal::Outgrew],
            pinned: Some(counts(69_376, 126_457, 28)),
            ..base()
        },
        Model {
            name: "pool-restart-changed",
            sentence: "The same, but the first life may have changed what it says of itself, so that both claim one incarnation.",
            deadlines: JOINING,
            first: Incarnation::new(1),
            lives: &[Life { of: 2, seat: 2, asks: 0, memory: Memory::Lost, begins: Begins::After }],
            budgets: Budgets { probes: 1, seeds: 1, crashes: 1, changes: 1, ..Budgets::NONE },
            goals: &[Goal::Outgrew],
            pinned: Some(counts(138_360, 263_040, 25)),
            ..base()
        },
        Model {
            name: "pool-restart-changed-deep",
            sentence: "The same with a probe more, so that one member may hear of the change and another of the later life first.",
            deadlines: JOINING,
            first: Incarnation::new(1),
            lives: &[Life { of: 2, seat: 2, asks: 0, memory: Memory::Lost, begins: Begins::After }],
            budgets: Budgets { probes: 2, seeds: 1, crashes: 1, changes: 1, ..Budgets::NONE },
            goals: &[Goal::Outgrew],
            tier: Tier::Deep,
            ..base()
        },
        Model {
            name: "pool-move",
            sentence: "A member crashes and another life begins at another address, which knows nothing of the first.",
            deadlines: JOINING,
            lives: &[Life { of: 2, seat: 3, asks: 0, memory: Memory::Lost, begins: Begins::After }],
            budgets: Budgets { probes: 2, seeds: 1, crashes: 1, ..Budgets::NONE },
            goals: &[Goal::Suspected, Goal::Updated],
            pinned: Some(counts(76_850, 134_589, 35)),
            ..base()
        },
        Model {
            name: "pool-clone",
            sentence: "A second process begins under the identity of one that runs, and one of them yields.",
            deadlines: JOINING,
            lives: &[Life { of: 2, seat: 3, asks: 0, memory: Memory::Lost, begins: Begins::Beside }],
            budgets: Budgets { probes: 2, seeds: 1, ..Budgets::NONE },
            goals: &[Goal::Yielded],
            pinned: Some(counts(145_903, 229_989, 39)),
            ..base()
        },
    ]
}

/// The model that others are variations of: three members in a queue, and nothing happens.
fn base() -> Model {
    Model {
        name: "",
        sentence: "",
        members: 3,
        first: Incarnation::ZERO,
        config: as_it_comes,
        network: Network::Delay { deviations: 2 },
        deadlines: RECONNECTING,
        lives: &[],
        budgets: Budgets::NONE,
        heal: Heal::Required,
        goals: &[],
        tier: Tier::Default,
        pinned: None,
    }
}

const fn counts(unique: u64, generated: u64, depth: u32) -> Counts {
    Counts { unique, generated, depth }
}

fn as_it_comes(_: &mut PoolConfig) {}
