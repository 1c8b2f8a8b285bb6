//! The models that are explored: each a cluster, a network and bounds.
//!
//! Pre-vote doubles the messages of an election, and a node may ask for pre-votes again and again. On links, where every
//! interleaving is explored, models bound how many silences there are (`elections`); in a queue with few deviations they
//! are free, for all that they bring about is delivered in order.

use delian_core::projection::Deadline;
use delian_core::raft::QuorumChange;
use delian_core::{Config, Consistency, NodeId};

use super::cluster::model::{
    Asking, Budgets, Counts, Disk, Forget, Goal, Heal, Model, Network, Start, Tier, UNBOUNDED,
};

/// What may be due where nothing but elections is explored.
const ELECTIONS: &[Deadline] = &[Deadline::Election];

/// What may be due where leaders replicate.
const REPLICATION: &[Deadline] = &[Deadline::Election, Deadline::Presumption, Deadline::Heartbeat];

/// The same with snapshots that are sent again.
const SNAPSHOTS: &[Deadline] =
    &[Deadline::Election, Deadline::Presumption, Deadline::Heartbeat, Deadline::SnapshotResend];

/// The same with hand-overs that are given up.
const TRANSFERS: &[Deadline] =
    &[Deadline::Election, Deadline::Presumption, Deadline::Heartbeat, Deadline::TransferAbort];

/// The same with leaders that look whether a quorum answers.
const CHECKS: &[Deadline] = &[Deadline::Election, Deadline::Presumption, Deadline::Heartbeat, Deadline::QuorumCheck];

/// The same with leases that run out.
const LEASES: &[Deadline] =
    &[Deadline::Election, Deadline::Presumption, Deadline::Heartbeat, Deadline::Lease, Deadline::TransferAbort];

/// Returns all models, those of the default set first.
pub fn all() -> Vec<Model> {
    let mut all = elections();
    all.extend(replication());
    all.extend(changes());
    all.extend(questions());
    all.extend(clients());
    all.extend(memories());
    all.sort_by_key(|model| model.tier);
    all
}

/// Nothing happens but elections.
fn elections() -> Vec<Model> {
    let quiet = Budgets { terms: 2, elections: UNBOUNDED, ..Budgets::NONE };
    vec![
        Model {
            name: "elections-3",
            sentence: "Three nodes stand for two terms after two silences, over links that hold one message and lose any.",
            budgets: Budgets { terms: 2, elections: 2, ..Budgets::NONE },
            goals: &[Goal::Leader, Goal::SecondLeader],
            pinned: Some(counts(115_984, 542_946, 26)),
            ..base()
        },
        Model {
            name: "elections-3-crash",
            sentence: "Three nodes with slow disks stand for three terms, and one crash loses any writes on their way.",
            network: Network::Delay { deviations: 2 },
            disk: Disk::Slow,
            budgets: Budgets { terms: 3, crashes: 1, ..quiet },
            goals: &[Goal::Leader, Goal::SecondLeader, Goal::Recovered],
            pinned: Some(counts(985_978, 1_333_227, 77)),
            ..base()
        },
        Model {
            name: "elections-4",
            sentence: "Four nodes stand for two terms: half of an even number is no majority.",
            voters: 4,
            network: Network::Delay { deviations: 2 },
            budgets: quiet,
            goals: &[Goal::Leader, Goal::SecondLeader],
            pinned: Some(counts(316_426, 428_573, 60)),
            ..base()
        },
        Model {
            name: "elections-3-set",
            sentence: "Three nodes stand for one term after two silences, over a network that delivers anything anytime.",
            network: Network::Set,
            budgets: Budgets { terms: 1, elections: 2, ..Budgets::NONE },
            heal: Heal::Skipped,
            pinned: Some(counts(379_675, 7_087_929, 24)),
            ..base()
        },
    ]
}

/// A leader replicates, and is replaced.
// Long on purpose: one row for each model, to be read beside each other.
fn replication() -> Vec<Model> {
    let steady = Budgets { terms: 3, elections: UNBOUNDED, heartbeats: UNBOUNDED, commands: 2, ..Budgets::NONE };
    let replicated = &[Goal::SecondLeader, Goal::Committed, Goal::Answered, Goal::Truncated];
    vec![
        Model {
            name: "replication",
            sentence: "Three nodes, three terms and two commands, with two deviations from the order of delivery.",
            budgets: steady,
            goals: replicated,
            pinned: Some(counts(441_118, 668_375, 57)),
            ..led()
        },
        Model {
            name: "replication-links",
            sentence: "A leader takes a command and is replaced, over links that hold one message, lose any and double one.",
            network: Network::Fifo { cap: 1 },
            budgets: Budgets { terms: 2, elections: 1, heartbeats: 1, commands: 1, duplicates: 1, ..Budgets::NONE },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Answered],
            pinned: Some(counts(1_883_510, 12_933_866, 31)),
            ..led()
        },
        Model {
            name: "replication-crash",
            sentence: "With slow disks, one crash loses any writes on their way; a flush takes its turn like a message.",
            disk: Disk::Slow,
            budgets: Budgets { crashes: 1, ..steady },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Answered, Goal::Recovered],
            pinned: Some(counts(6_780_276, 9_880_448, 81)),
            ..led()
        },
        Model {
            name: "replication-disks",
            sentence: "Flushes happen whenever they like, and a crash of any node keeps any prefix of its writes.",
            network: Network::Fifo { cap: 1 },
            disk: Disk::Slow,
            budgets: Budgets { terms: 1, heartbeats: 1, commands: 1, crashes: 1, ..Budgets::NONE },
            goals: &[Goal::Committed, Goal::Answered, Goal::Recovered],
            pinned: Some(counts(75_340, 427_648, 20)),
            ..led()
        },
        Model {
            name: "figure-8",
            sentence: "Entries travel one by one through four terms, so that one of an old term may reach a majority alone.",
            config: one_by_one,
            budgets: Budgets { terms: 4, commands: 1, ..steady },
            goals: replicated,
            pinned: Some(counts(563_181, 852_088, 64)),
            ..led()
        },
        Model {
            name: "replication-deep",
            sentence: "Replication with three deviations.",
            network: Network::Delay { deviations: 3 },
            budgets: steady,
            goals: replicated,
            tier: Tier::Deep,
            pinned: Some(counts(4_922_225, 7_667_133, 64)),
            ..led()
        },
        Model {
            name: "snapshots",
            sentence: "Every other entry is compacted away, so that whoever fell behind needs a snapshot.",
            config: compacting,
            deadlines: SNAPSHOTS,
            budgets: Budgets { terms: 2, ..steady },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Installed],
            pinned: Some(counts(102_956, 157_194, 46)),
            ..led()
        },
        Model {
            name: "snapshots-deep",
            sentence: "The same with three commands and three deviations, so that a snapshot may come late.",
            config: compacting,
            network: Network::Delay { deviations: 3 },
            deadlines: SNAPSHOTS,
            budgets: Budgets { terms: 2, commands: 3, ..steady },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Installed],
            tier: Tier::Deep,
            pinned: Some(counts(2_260_482, 3_499_295, 58)),
            ..led()
        },
    ]
}

/// The quorum changes.
// Long on purpose: one row for each model, to be read beside each other.
fn changes() -> Vec<Model> {
    let steady = Budgets { terms: 2, elections: UNBOUNDED, heartbeats: UNBOUNDED, changes: 2, ..Budgets::NONE };
    let changed = &[Goal::SecondLeader, Goal::Reconfigured];
    let node = NodeId::new;
    vec![
        Model {
            name: "changes-one-step",
            sentence: "A learner gets a voice and a voter loses its own, one after the other, in any order.",
            learners: 1,
            budgets: steady,
            changes: vec![QuorumChange::Promote(node(4)), QuorumChange::Demote(node(3))],
            forget: &[Forget::WriteNumbers, Forget::Rounds, Forget::Levels],
            goals: changed,
            pinned: Some(counts(624_489, 968_294, 71)),
            ..led()
        },
        Model {
            name: "changes-joint",
            sentence: "The leader and another voter are replaced at once through a joint configuration.",
            learners: 2,
            budgets: Budgets { changes: 1, ..steady },
            changes: vec![QuorumChange::Replace { voters: [node(3), node(4), node(5)].into() }],
            forget: &[Forget::WriteNumbers, Forget::Rounds, Forget::Levels],
            goals: changed,
            pinned: Some(counts(384_926, 566_780, 81)),
            ..led()
        },
        Model {
            name: "changes-joint-command",
            sentence: "The same beside a command, with one deviation from the order of delivery.",
            learners: 2,
            network: Network::Delay { deviations: 1 },
            budgets: Budgets { changes: 1, commands: 1, ..steady },
            changes: vec![QuorumChange::Replace { voters: [node(3), node(4), node(5)].into() }],
            forget: &[Forget::WriteNumbers, Forget::Rounds, Forget::Levels],
            goals: changed,
            pinned: Some(counts(63_524, 94_695, 92)),
            ..led()
        },
        Model {
            name: "changes-of-four",
            sentence: "Four voters get a fifth and lose one, in any order, through three terms and two silences.",
            voters: 4,
            learners: 1,
            budgets: Budgets { terms: 3, elections: 2, heartbeats: 0, ..steady },
            changes: vec![QuorumChange::Promote(node(5)), QuorumChange::Demote(node(4))],
            forget: &[Forget::WriteNumbers, Forget::Rounds, Forget::Levels],
            goals: changed,
            tier: Tier::Deep,
            ..led()
        },
    ]
}

/// What is asked of leaders beside commands.
fn questions() -> Vec<Model> {
    let steady = Budgets { terms: 2, elections: UNBOUNDED, heartbeats: UNBOUNDED, commands: 1, ..Budgets::NONE };
    vec![
        Model {
            name: "transfer",
            sentence: "A leader hands over while it takes a command, or gives that up.",
            deadlines: TRANSFERS,
            budgets: Budgets { transfers: 1, ..steady },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Transferred],
            pinned: Some(counts(88_383, 140_186, 36)),
            ..led()
        },
        Model {
            name: "reads",
            sentence: "A read at any node beside a command, while leaders change; rounds of heartbeats are told apart.",
            network: Network::Delay { deviations: 1 },
            forget: &[Forget::WriteNumbers, Forget::Hearing, Forget::Levels],
            budgets: Budgets { reads: 2, heartbeats: 2, ..steady },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Read],
            pinned: Some(counts(541_557, 800_209, 53)),
            ..led()
        },
        Model {
            name: "reads-links",
            sentence: "A read after a round of heartbeats, while leaders change, over links that hold one message and lose any.",
            network: Network::Fifo { cap: 1 },
            forget: &[Forget::WriteNumbers, Forget::Hearing, Forget::Levels],
            budgets: Budgets { terms: 2, elections: 1, reads: 1, heartbeats: 1, ..Budgets::NONE },
            goals: &[Goal::SecondLeader, Goal::Read],
            pinned: Some(counts(1_360_952, 6_482_466, 28)),
            ..led()
        },
        Model {
            name: "reads-first",
            sentence: "A read and a command while leaders change, over links that hold one message and lose any.",
            network: Network::Fifo { cap: 1 },
            deadlines: &[Deadline::Election, Deadline::Presumption],
            forget: &[Forget::WriteNumbers, Forget::Hearing, Forget::Levels],
            budgets: Budgets { terms: 2, elections: 1, reads: 1, commands: 1, ..Budgets::NONE },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::Read],
            pinned: Some(counts(2_760_160, 13_569_528, 32)),
            ..led()
        },
        Model {
            name: "quorum-check",
            sentence: "A leader that does not hear from a quorum steps down by itself.",
            forget: &[Forget::WriteNumbers, Forget::Rounds, Forget::Levels],
            deadlines: CHECKS,
            budgets: Budgets { checks: 2, ..steady },
            goals: &[Goal::SecondLeader, Goal::Committed, Goal::QuorumLost],
            pinned: Some(counts(323_487, 524_177, 43)),
            ..led()
        },
    ]
}

/// Clients that are answered late, twice or by another.
// Long on purpose: one row for each model, to be read beside each other.
fn clients() -> Vec<Model> {
    let steady = Budgets { terms: 2, elections: UNBOUNDED, heartbeats: UNBOUNDED, commands: 1, ..Budgets::NONE };
    let leased_budgets = Budgets { terms: 2, elections: 1, reads: 1, heartbeats: 1, forgets: 1, ..Budgets::NONE };
    let answered = &[Goal::SecondLeader, Goal::Committed, Goal::Answered];
    vec![
        Model {
            name: "forwards",
            sentence: "A command is given to any node, which forwards it to the leader that it follows.",
            asking: Asking::Anywhere,
            budgets: steady,
            goals: answered,
            pinned: Some(counts(92_734, 145_282, 38)),
            ..led()
        },
        Model {
            name: "sessions",
            sentence: "A command is asked for twice within a session, at any nodes, while leaders change.",
            asking: Asking::Retrying,
            network: Network::Delay { deviations: 1 },
            budgets: Budgets { commands: 2, ..steady },
            goals: &[Goal::SecondLeader, Goal::Answered, Goal::Repeated],
            pinned: Some(counts(41_345, 59_538, 40)),
            ..led()
        },
        Model {
            name: "sessions-snapshots",
            sentence: "The same, while entries are compacted away, so that sessions travel in snapshots.",
            asking: Asking::Retrying,
            network: Network::Delay { deviations: 1 },
            config: compacting,
            deadlines: SNAPSHOTS,
            budgets: Budgets { commands: 2, ..steady },
            goals: &[Goal::SecondLeader, Goal::Answered, Goal::Repeated, Goal::Installed],
            pinned: Some(counts(44_981, 64_246, 44)),
            ..led()
        },
        Model {
            name: "leases",
            sentence: "A read under a lease while another may lead and a follower be told to forget its leader.",
            network: Network::Delay { deviations: 3 },
            budgets: leased_budgets,
            goals: &[Goal::SecondLeader, Goal::LeaseRead],
            pinned: Some(counts(1_827_205, 3_753_805, 44)),
            ..under_leases()
        },
        Model {
            name: "leases-crash",
            sentence: "The same, while a voter may crash and come back without its memory of what it promised.",
            network: Network::Delay { deviations: 3 },
            budgets: Budgets { crashes: 1, forgets: 0, ..leased_budgets },
            goals: &[Goal::SecondLeader, Goal::LeaseRead, Goal::Recovered],
            tier: Tier::Deep,
            pinned: Some(counts(6_905_505, 13_488_447, 47)),
            ..under_leases()
        },
        Model {
            name: "leases-transfer",
            sentence: "A read under a lease while the leader hands over.",
            budgets: Budgets { terms: 2, reads: 1, transfers: 1, heartbeats: 1, ..Budgets::NONE },
            goals: &[Goal::SecondLeader, Goal::LeaseRead, Goal::Transferred],
            pinned: Some(counts(181_330, 309_708, 34)),
            ..under_leases()
        },
    ]
}

/// Disks are lost.
fn memories() -> Vec<Model> {
    let steady = Budgets { terms: 2, elections: UNBOUNDED, heartbeats: 2, wipes: 1, ..Budgets::NONE };
    let rejoined = &[Goal::SecondLeader, Goal::Reconfigured, Goal::Rejoined];
    vec![
        Model {
            name: "wipes",
            sentence: "A node loses its disk, comes back as a stranger and is admitted again as a learner.",
            forget: &[Forget::WriteNumbers, Forget::Levels],
            budgets: steady,
            goals: rejoined,
            pinned: Some(counts(88_026, 144_173, 40)),
            ..led()
        },
        Model {
            name: "wipes-forwards",
            sentence: "The same beside a command that any node may forward.",
            forget: &[Forget::WriteNumbers, Forget::Levels],
            asking: Asking::Anywhere,
            budgets: Budgets { commands: 1, heartbeats: 1, ..steady },
            goals: &[Goal::SecondLeader, Goal::Answered],
            pinned: Some(counts(364_174, 616_686, 35)),
            ..led()
        },
        Model {
            name: "wipes-elections",
            sentence: "A node loses its disk before or after anyone led, and stands for nothing by itself.",
            network: Network::Delay { deviations: 2 },
            forget: &[Forget::WriteNumbers, Forget::Levels],
            budgets: Budgets { heartbeats: 0, ..steady },
            goals: &[Goal::Leader, Goal::SecondLeader],
            pinned: Some(counts(78_196, 114_427, 40)),
            ..base()
        },
    ]
}

/// The model that others are variations of: three voters under the default configuration, and nothing happens.
fn base() -> Model {
    Model {
        name: "",
        sentence: "",
        voters: 3,
        learners: 0,
        config: as_it_comes,
        network: Network::Fifo { cap: 1 },
        disk: Disk::Instant,
        start: Start::Founded,
        budgets: Budgets::NONE,
        asking: Asking::AtLeaders,
        reads: Consistency::Quorum,
        deadlines: ELECTIONS,
        changes: Vec::new(),
        forget: Forget::ALL,
        heal: Heal::Required,
        goals: &[Goal::Leader],
        tier: Tier::Default,
        pinned: None,
    }
}

/// The same with a leader from the beginning on, over a queue.
fn led() -> Model {
    Model { network: Network::Delay { deviations: 2 }, start: Start::Led, deadlines: REPLICATION, ..base() }
}

/// The same with leases, which nobody has promised yet.
fn under_leases() -> Model {
    Model {
        config: leased,
        reads: Consistency::Lease,
        deadlines: LEASES,
        forget: &[Forget::WriteNumbers, Forget::Hearing, Forget::Levels],
        ..led()
    }
}

const fn counts(unique: u64, generated: u64, depth: u32) -> Counts {
    Counts { unique, generated, depth }
}

fn as_it_comes(_: &mut Config) {}

/// Each append carries a single entry, and several are out at once.
fn one_by_one(config: &mut Config) {
    config.append_bytes_max = 1;
}

/// A snapshot is taken of every other entry, and nothing that it covers is kept.
fn compacting(config: &mut Config) {
    config.log_bytes_max = 64;
    config.trailing_entries = 0;
}

/// No clock drifts by more than a hundredth.
fn leased(config: &mut Config) {
    config.clock_drift_max_ppm = Some(10_000);
}
