//! The facts that a run counts and that `[expect]` may name.

use super::Fault;

/// Every fact that may be counted, with one sentence on what it counts; `scenarios/README.md` lists the same.
pub const FACTS: [(&str, &str); 81] = [
    ("elections", "elections that were won"),
    ("leader_changes", "wins by another node than the leader before"),
    ("step_downs", "leaders that gave up"),
    ("commits", "log entries that became committed, each counted once"),
    ("applied", "commands that a node applied, counted on each node"),
    ("acknowledged", "operations that a client saw applied"),
    ("rejected", "operations that were refused with a reason"),
    ("refused", "committed commands that the topology refused, counted on each node"),
    ("reads", "reads that a client made"),
    ("unknown", "operations whose outcome stayed unknown"),
    ("quorum_reads", "reads that a quorum confirmed"),
    ("lease_reads", "reads that a leader answered under its lease"),
    ("retries", "times that a client asked again, elsewhere"),
    ("repeated", "committed copies of a session's command that took no second effect, counted on each node"),
    ("sessions_opened", "sessions that were opened, counted on each node"),
    ("sessions_ended", "sessions that were closed, expired or made room for another, counted on each node"),
    ("judged_operations", "operations on registrations that the search for an order had to explain"),
    ("truncations", "times that a follower dropped entries which contradicted its leader"),
    ("compactions", "times that a node replaced applied log by a snapshot"),
    ("snapshots_sent", "snapshots that a leader sent"),
    ("snapshots_installed", "snapshots that a node took over"),
    ("levels_raised", "higher feature levels that came into force, counted on each node"),
    ("chunks_sent", "parts of snapshots that a leader sent"),
    ("quorum_changes", "changes of who decides that became committed, each counted once"),
    ("joint_configurations", "those of them that were joint"),
    ("promoted", "learners that a committed change gave a voice"),
    ("memory_lost", "members that said they had lost their memory"),
    ("readmitted", "members that a committed change admitted with a new memory"),
    ("transfers", "hand-overs that an operator was told had succeeded"),
    ("transfers_aborted", "hand-overs that a leader gave up"),
    ("leaders_forgotten", "followers that dropped their leader because they were asked to"),
    ("crashes", "processes that stopped at once"),
    ("restarts", "processes that started again"),
    ("halts", "nodes that stopped themselves because a disk or a peer broke its promise"),
    ("messages", "messages that were sent"),
    ("lost", "messages that got lost by chance"),
    ("duplicated", "messages that arrived twice"),
    ("reordered", "messages that were overtaken"),
    ("replayed", "messages that arrived once more, much later"),
    ("cut", "messages that a partition swallowed"),
    ("held", "messages that a clogged link or a deaf process held back"),
    ("queued", "messages that waited for others before them on a link of a limited rate"),
    ("packets", "packets of the pool that were sent"),
    ("muted", "heartbeats and packets of the pool that were kept from somebody"),
    ("registrations", "registrations that the topology took in, new lives of registered nodes included"),
    ("removals", "nodes that the topology let go: deregistered, evicted or drained"),
    ("evictions", "those of them that were evicted"),
    ("drained", "those of them that had handed over everything"),
    ("conditions", "conditions of nodes that the topology took in"),
    ("failures", "failures of a node that were agreed on, counted on each node that was told"),
    ("recoveries", "recoveries of a node that were agreed on, counted on each node that was told"),
    ("heartbeats", "heartbeats that reached a node"),
    ("heartbeats_rejected", "those of them that changed nothing there"),
    ("self_suspicions", "times that a node laid the silence of many to its own account"),
    ("pool_deaths", "members that a member of the pool held dead"),
    ("writes", "records that were written"),
    ("writes_lost", "records that a crash took before they were flushed"),
    ("records_torn", "records that a crash cut in half"),
    ("fault.partition", "partitions into sides"),
    ("fault.isolate", "nodes cut off, in one direction or both"),
    ("fault.bridge", "partitions with one node in the middle"),
    ("fault.degrade", "links made worse"),
    ("fault.clog", "links that held everything back"),
    ("fault.crash", "crashes"),
    ("fault.start", "starts of absent or crashed processes"),
    ("fault.wipe", "disks destroyed"),
    ("fault.forget", "disks destroyed of nodes that kept their identity"),
    ("fault.upgrade", "processes restarted as the newest release"),
    ("fault.pause", "processes frozen"),
    ("fault.deafen", "processes that heard nothing while their timers ran"),
    ("fault.slow-disk", "disks made slow"),
    ("fault.stall-disk", "disks that hung"),
    ("fault.full-disk", "disks that filled up"),
    ("fault.corrupt-disk", "flushed records damaged"),
    ("fault.drift", "monotonic clocks made fast or slow"),
    ("fault.wall-jump", "jumps of a wall clock"),
    ("fault.monotonic-jump", "jumps of a monotonic clock"),
    ("fault.mute", "processes whose heartbeats got lost"),
    ("fault.mute-pool", "processes whose packets of the pool got lost"),
    ("fault.deafen-pool", "processes that packets of the pool did not reach"),
    ("fault.score", "processes that said how well they fare as they were told"),
];

/// Returns the name of every fact.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    FACTS.iter().map(|(name, _)| *name)
}

/// Returns the fact that counts a fault, such as `fault.partition`; mending a network is no fault and has none.
pub fn of_fault(fault: &Fault) -> Option<&'static str> {
    names().find(|name| name.strip_prefix("fault.") == Some(fault.kind()))
}

impl Fault {
    /// Every kind of fault, as scenario files name it.
    pub const KINDS: [&'static str; 24] = [
        "partition",
        "isolate",
        "bridge",
        "degrade",
        "clog",
        "heal-network",
        "crash",
        "start",
        "wipe",
        "forget",
        "upgrade",
        "pause",
        "deafen",
        "slow-disk",
        "stall-disk",
        "full-disk",
        "corrupt-disk",
        "drift",
        "wall-jump",
        "monotonic-jump",
        "mute",
        "mute-pool",
        "deafen-pool",
        "score",
    ];

    /// Returns the kind, as scenario files name it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Partition(_) => "partition",
            Self::Isolate(..) => "isolate",
            Self::Bridge(_) => "bridge",
            Self::Degrade(..) => "degrade",
            Self::Clog(..) => "clog",
            Self::HealNetwork => "heal-network",
            Self::Crash(_) => "crash",
            Self::Start(_) => "start",
            Self::Wipe(_) => "wipe",
            Self::Forget(_) => "forget",
            Self::Upgrade(_) => "upgrade",
            Self::Pause(_) => "pause",
            Self::Deafen(_) => "deafen",
            Self::SlowDisk(..) => "slow-disk",
            Self::StallDisk(_) => "stall-disk",
            Self::FullDisk(_) => "full-disk",
            Self::CorruptDisk(_) => "corrupt-disk",
            Self::Drift(..) => "drift",
            Self::WallJump(..) => "wall-jump",
            Self::MonotonicJump(..) => "monotonic-jump",
            Self::Mute(_) => "mute",
            Self::MutePool(_) => "mute-pool",
            Self::DeafenPool(_) => "deafen-pool",
            Self::Score(..) => "score",
        }
    }

    /// Returns true for a fault that happens at once and cannot end: mending, starting, losing a disk, an upgrade, a jump.
    pub const fn is_momentary(&self) -> bool {
        matches!(
            self,
            Self::HealNetwork
                | Self::Start(_)
                | Self::Wipe(_)
                | Self::Forget(_)
                | Self::Upgrade(_)
                | Self::CorruptDisk(_)
                | Self::WallJump(..)
                | Self::MonotonicJump(..)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_fault_but_mending_is_counted() {
        for kind in Fault::KINDS.into_iter().filter(|kind| *kind != "heal-network") {
            assert!(names().any(|name| name.strip_prefix("fault.") == Some(kind)), "{kind} is not counted");
        }
        assert_eq!(of_fault(&Fault::HealNetwork), None);
    }
}
