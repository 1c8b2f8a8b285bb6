//! What an explorer may forget of a node without changing what the node can do.
//!
//! A model checker tells states apart by all that they hold, and a node holds more than what decides: instants, numbers
//! that only grow, what was drawn by chance. Each projection on [`crate::Node`] gives one of these up, and each is sound
//! for a reason of its own, which its documentation states. None of them has a meaning in production, and none gives the
//! node another behaviour: they change what it holds, and only the step decides.
//!
//! A projection is a promise about the code around it, so explorers run small models again without it: the abstract
//! states and the verdicts must be the same, while the counts may differ.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::ids::NodeId;

/// Other names for nodes, one to one: what becomes of each identity.
pub type Names<'a> = &'a dyn Fn(NodeId) -> NodeId;

/// Renames the members of a set.
pub(crate) fn rename_set(set: &mut BTreeSet<NodeId>, names: Names<'_>) {
    // One to one: what maps into itself is the same set afterwards.
    if !set.iter().all(|id| set.contains(&names(*id))) {
        *set = set.iter().map(|id| names(*id)).collect();
    }
}

/// Renames the keys of a map.
pub(crate) fn rename_keys<V>(map: &mut BTreeMap<NodeId, V>, names: Names<'_>) {
    *map = core::mem::take(map).into_iter().map(|(id, value)| (names(id), value)).collect();
}

/// What an instant that a node holds is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deadline {
    /// A follower or candidate stands for election; never for who may not.
    Election,
    /// A live leader is presumed until then; zero when none is.
    Presumption,
    /// A leader sends heartbeats.
    Heartbeat,
    /// A leader checks that a quorum still answers.
    QuorumCheck,
    /// A hand-over is given up.
    TransferAbort,
    /// A lease ends; zero as long as no quorum promised it.
    Lease,
    /// The round began that will prolong the lease: an instant of the past.
    LeaseMeasured,
    /// A snapshot may be sent again to a peer that is alive; looked at when that peer answers, and no reason to wake.
    SnapshotResend,
    /// A command's outcome becomes unknown.
    Command,
    /// A read that was not confirmed ends.
    Read,
    /// The operator who asked for a hand-over is told that nobody is known to have taken over.
    Handover,
    /// The autopilot looks again, or one of the instants of the past that it counts spans from.
    Autopilot,
}
