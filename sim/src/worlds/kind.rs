//! The worlds that there are, and what each of them can do.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::scenario::{Action, Fault, LinkQuality, Manner, Target};

/// A world in which a scenario may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorldKind {
    /// Discrete events: plain nodes on simulated clocks, links and disks.
    Des,
    /// The shell under a deterministic runtime.
    Madsim,
    /// Real processes on loopback behind relays.
    Process,
}

impl WorldKind {
    /// Every world with its name, as scenario files and the command line have it.
    pub const NAMES: [(&'static str, Self); 3] =
        [("des", Self::Des), ("madsim", Self::Madsim), ("process", Self::Process)];

    /// Returns the name.
    pub fn name(self) -> &'static str {
        let named = Self::NAMES.into_iter().find(|(_, kind)| *kind == self);
        named.expect("every world has a name").0
    }

    /// Says why a fault cannot happen in this world; nothing if it can.
    pub fn refuses_fault(self, fault: &Fault) -> Option<&'static str> {
        match self {
            Self::Des => None,
            Self::Madsim => refused_by_madsim(fault),
            Self::Process => refused_by_processes(fault),
        }
    }

    /// Says why a client cannot ask for something in this world; nothing if it can.
    pub fn refuses_action(self, action: &Action, manner: Manner) -> Option<&'static str> {
        match self {
            Self::Des => return None,
            Self::Madsim => {
                let has_none = *action == Action::ForgetLeader;
                return has_none.then_some("the shell has no such question as to forget a leader");
            }
            Self::Process => {}
        }
        if manner != Manner::default() {
            return Some("its clients speak HTTP: they have no sessions and ask once");
        }
        match action {
            Action::Register(_)
            | Action::Deregister(_)
            | Action::Drain(..)
            | Action::Moved(..)
            | Action::Transfer(_)
            | Action::Read
            | Action::ReadQuorum(_)
            | Action::ReadLease(_) => None,
            Action::Evict(_)
            | Action::SetCondition(..)
            | Action::Custom(_)
            | Action::Quorum(_)
            | Action::ForgetLeader => Some("the API of a node has no such request"),
        }
    }

    /// Returns whether this world counts a fact.
    pub fn counts(self, fact: &str) -> bool {
        match self {
            Self::Des => true,
            Self::Madsim => COUNTED_BY_SHELLS.binary_search(&fact).is_ok(),
            Self::Process => fact.starts_with("fault.") || COUNTED.contains(&fact),
        }
    }

    /// Returns how much longer than a scenario says its nodes may take until they agree. Under madsim a stream that was cut
    /// is tried again after pauses of up to ten seconds, or after the transport has found that nobody answers, which takes as
    /// long.
    pub const fn settles_later(self) -> Duration {
        match self {
            Self::Des | Self::Process => Duration::ZERO,
            Self::Madsim => Duration::from_secs(15),
        }
    }
}

fn refused_by_madsim(fault: &Fault) -> Option<&'static str> {
    match fault {
        Fault::Degrade(_, _, LinkQuality { duplicate, reorder, replay, .. }) if duplicate + reorder + replay > 0 => {
            Some("its network doubles, overtakes and replays no message")
        }
        Fault::Degrade(_, _, LinkQuality { rate: Some(_), .. }) => Some("its links carry whatever is sent"),
        Fault::Degrade(from, to, _) if (*from, *to) != (Target::Everyone, Target::Everyone) => {
            Some("its network has one quality for all links")
        }
        Fault::Forget(_) => Some("nobody there sees every memory, as whoever takes one away must"),
        Fault::Degrade(..)
        | Fault::Partition(_)
        | Fault::Isolate(..)
        | Fault::Bridge(_)
        | Fault::Clog(..)
        | Fault::HealNetwork
        | Fault::Crash(_)
        | Fault::Start(_)
        | Fault::Wipe(_)
        | Fault::CorruptDisk(_)
        | Fault::Pause(_)
        | Fault::Deafen(_)
        | Fault::SlowDisk(..)
        | Fault::StallDisk(_)
        | Fault::FullDisk(_)
        | Fault::Upgrade(_)
        | Fault::Drift(..)
        | Fault::WallJump(..)
        | Fault::MonotonicJump(..)
        | Fault::Mute(_)
        | Fault::MutePool(_)
        | Fault::DeafenPool(_)
        | Fault::Score(..) => None,
    }
}

fn refused_by_processes(fault: &Fault) -> Option<&'static str> {
    match fault {
        Fault::Partition(_)
        | Fault::Isolate(..)
        | Fault::Bridge(_)
        | Fault::Degrade(..)
        | Fault::Clog(..)
        | Fault::HealNetwork
        | Fault::Crash(_)
        | Fault::Start(_)
        | Fault::Pause(_)
        | Fault::Deafen(_)
        | Fault::SlowDisk(..)
        | Fault::StallDisk(_)
        | Fault::FullDisk(_)
        | Fault::Drift(..)
        | Fault::WallJump(..)
        | Fault::MonotonicJump(..) => None,
        Fault::CorruptDisk(_) => Some("its nodes that found their disks damaged are another test's"),
        Fault::Wipe(_) | Fault::Forget(_) => Some("its nodes that lost their disks are another test's"),
        Fault::Upgrade(_) => Some("all of its nodes are of one release"),
        Fault::Mute(_) | Fault::MutePool(_) | Fault::DeafenPool(_) | Fault::Score(..) => {
            Some("its relays do not read what nodes say")
        }
    }
}

/// The facts of scenarios that are counted under madsim. What happens to single messages is nobody's to see: they are sealed, and
/// streams send again what got lost.
const COUNTED_BY_SHELLS: [&str; 62] = [
    "acknowledged",
    "applied",
    "commits",
    "compactions",
    "conditions",
    "crashes",
    "drained",
    "elections",
    "evictions",
    "failures",
    "fault.bridge",
    "fault.clog",
    "fault.corrupt-disk",
    "fault.crash",
    "fault.deafen",
    "fault.deafen-pool",
    "fault.degrade",
    "fault.drift",
    "fault.full-disk",
    "fault.isolate",
    "fault.monotonic-jump",
    "fault.mute",
    "fault.mute-pool",
    "fault.partition",
    "fault.pause",
    "fault.score",
    "fault.slow-disk",
    "fault.stall-disk",
    "fault.start",
    "fault.upgrade",
    "fault.wall-jump",
    "fault.wipe",
    "halts",
    "joint_configurations",
    "judged_operations",
    "leader_changes",
    "lease_reads",
    "levels_raised",
    "muted",
    "pool_deaths",
    "promoted",
    "quorum_changes",
    "quorum_reads",
    "reads",
    "recoveries",
    "refused",
    "registrations",
    "rejected",
    "removals",
    "repeated",
    "restarts",
    "retries",
    "self_suspicions",
    "sessions_ended",
    "sessions_opened",
    "snapshots_installed",
    "snapshots_sent",
    "step_downs",
    "transfers",
    "transfers_aborted",
    "truncations",
    "unknown",
];

/// What can be counted from outside of real processes.
const COUNTED: [&str; 32] = [
    "elections",
    "leader_changes",
    "step_downs",
    "commits",
    "acknowledged",
    "rejected",
    "reads",
    "unknown",
    "quorum_reads",
    "lease_reads",
    "judged_operations",
    "truncations",
    "compactions",
    "snapshots_sent",
    "snapshots_installed",
    "transfers",
    "transfers_aborted",
    "crashes",
    "restarts",
    "halts",
    "messages",
    "lost",
    "duplicated",
    "reordered",
    "cut",
    "held",
    "queued",
    "registrations",
    "removals",
    "drained",
    "conditions",
    "failures",
];

impl fmt::Display for WorldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::facts;

    #[test]
    fn every_fact_that_a_world_counts_is_one_that_scenarios_know() {
        assert!(COUNTED_BY_SHELLS.is_sorted());
        let known = |fact: &&str| facts::names().any(|name| name == *fact);
        assert!(COUNTED_BY_SHELLS.iter().chain(&COUNTED).all(known));
        assert!(WorldKind::Madsim.counts("elections") && !WorldKind::Madsim.counts("replayed"));
    }
}
