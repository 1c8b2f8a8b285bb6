//! What a world counts: how much happened, and how long things took.

use std::sync::Arc;
use std::time::Duration;

use delian_core::health::Doubt;
use delian_core::raft::Configuration;
use delian_core::topology::Changed;
use delian_core::{Epoch, Event, LogIndex, NodeId, Time, swim};

use crate::invariants::Judged;
use crate::outcome::Counts;

/// The plain counters of one run, kept flat because they are bumped on every event.
///
/// Another world that runs the same scenarios counts what its nodes tell with it, so that a fact means the same there.
#[derive(Clone, Debug, Default)]
pub struct Census {
    pub(crate) events: u64,
    pub(crate) inputs: u64,
    pub(crate) messages: u64,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    pub(crate) replayed: u64,
    pub(crate) cut: u64,
    pub(crate) held: u64,
    pub(crate) queued: u64,
    pub(crate) undelivered: u64,
    pub(crate) packets: u64,
    pub(crate) muted: u64,
    registrations: u64,
    removals: u64,
    evictions: u64,
    drained: u64,
    conditions: u64,
    failures: u64,
    recoveries: u64,
    pub(crate) heartbeats: u64,
    heartbeats_rejected: u64,
    self_suspicions: u64,
    pool_deaths: u64,
    pub(crate) writes: u64,
    pub(crate) writes_lost: u64,
    pub(crate) records_torn: u64,
    pub(crate) crashes: u64,
    pub(crate) restarts: u64,
    pub(crate) acknowledged: u64,
    pub(crate) rejected: u64,
    pub(crate) unknown: u64,
    pub(crate) reads: u64,
    pub(crate) quorum_reads: u64,
    pub(crate) lease_reads: u64,
    pub(crate) retries: u64,
    repeated: u64,
    sessions_opened: u64,
    sessions_ended: u64,
    /// What the search for an order came to.
    pub(crate) judged: Judged,
    elections: u64,
    leader_changes: u64,
    step_downs: u64,
    commits: u64,
    applied: u64,
    refused: u64,
    truncations: u64,
    compactions: u64,
    snapshots_sent: u64,
    snapshots_installed: u64,
    quorum_changes: u64,
    joint_configurations: u64,
    promoted: u64,
    memory_lost: u64,
    pub(crate) chunks_sent: u64,
    levels_raised: u64,
    pub(crate) transfers: u64,
    transfers_aborted: u64,
    leaders_forgotten: u64,
    readmitted: u64,
    /// The last committed configuration, and its place.
    configuration: Option<(LogIndex, Arc<Configuration>)>,
    halts: u64,
    /// Faults by kind, counted when they take hold.
    faults: Counts,
    pub(crate) commit_latencies: Vec<Duration>,
    pub(crate) settled_after: Option<Duration>,
    leaderless_spans: Vec<Duration>,
    leaderless_since: Option<Time>,
    last_leader: Option<NodeId>,
    /// The greatest index that any node has committed.
    committed: u64,
    /// The last epoch that any node was seen to begin.
    epoch: Epoch,
}

impl Census {
    /// Counts a fault that took hold, by the name of its fact.
    pub fn count_fault(&mut self, fact: &'static str) {
        self.faults.add(fact, 1);
    }

    /// Counts what an event stands for.
    pub fn on_event(&mut self, now: Time, node: NodeId, event: &Event) {
        match event {
            Event::BecameLeader { .. } => {
                self.elections += 1;
                self.leader_changes += u64::from(self.last_leader.replace(node).is_some_and(|last| last != node));
                if let Some(since) = self.leaderless_since.take() {
                    self.leaderless_spans.push(now.since(since));
                }
            }
            Event::SteppedDown { .. } => self.step_downs += 1,
            Event::Committed { last } => {
                self.commits += last.index.get().saturating_sub(self.committed);
                self.committed = self.committed.max(last.index.get());
            }
            Event::Changed { epoch, what, .. } => {
                self.applied += 1;
                self.on_change(*epoch, *what);
            }
            Event::Refused { .. } => self.refused += 1,
            Event::Truncated { .. } => self.truncations += 1,
            Event::Compacted { .. } => self.compactions += 1,
            Event::SnapshotSent { .. } => self.snapshots_sent += 1,
            Event::SnapshotInstalled { .. } => self.snapshots_installed += 1,
            Event::QuorumChanged { position, configuration } => self.on_quorum_change(position.index, configuration),
            Event::MemoryLost { .. } => self.memory_lost += 1,
            Event::LevelRaised { .. } => self.levels_raised += 1,
            Event::TransferAborted { .. } => self.transfers_aborted += 1,
            Event::LeaderForgotten { .. } => self.leaders_forgotten += 1,
            Event::Halted(_) => self.halts += 1,
            Event::Repeated { .. } => self.repeated += 1,
            Event::SessionOpened { .. } => self.sessions_opened += 1,
            Event::SessionEnded { .. } => self.sessions_ended += 1,
            Event::NodeFailed { .. } => self.failures += 1,
            Event::NodeRecovered { .. } => self.recoveries += 1,
            Event::HeartbeatRejected { .. } => self.heartbeats_rejected += 1,
            Event::SelfSuspicion { doubt: Doubt::Began, .. } => self.self_suspicions += 1,
            Event::Pool { event, .. } => self.pool_deaths += u64::from(matches!(**event, swim::Event::Died(..))),
            Event::Started { .. }
            | Event::PreVoteStarted { .. }
            | Event::ElectionStarted { .. }
            | Event::FollowsLeader { .. }
            | Event::PeerContradicted { .. }
            | _ => {}
        }
    }

    /// Counts what a change of the topology was, once for all nodes.
    fn on_change(&mut self, epoch: Epoch, what: Changed) {
        if epoch <= self.epoch {
            return;
        }
        self.epoch = epoch;
        match what {
            Changed::Registered(_) | Changed::Updated(_) => self.registrations += 1,
            Changed::Deregistered(_) => self.removals += 1,
            Changed::Evicted(_) => {
                self.removals += 1;
                self.evictions += 1;
            }
            Changed::ConditionSet(..) => self.conditions += 1,
            Changed::Drained(_) => {
                self.removals += 1;
                self.drained += 1;
            }
            Changed::Moved(..) | Changed::Custom => {}
        }
    }

    /// Counts what a committed configuration changed, once for all nodes; the first one only tells who founded it.
    fn on_quorum_change(&mut self, index: LogIndex, next: &Arc<Configuration>) {
        if self.configuration.as_ref().is_some_and(|(last, _)| *last >= index) {
            return;
        }
        let Some((_, before)) = self.configuration.replace((index, Arc::clone(next))) else { return };
        self.quorum_changes += 1;
        self.joint_configurations += u64::from(next.is_joint());
        let promoted = next.voters.iter().filter(|voter| !before.is_voter(**voter));
        self.promoted += promoted.count() as u64;
        let readmitted =
            next.members().filter(|it| before.is_member(*it) && before.incarnation(*it) != next.incarnation(*it));
        self.readmitted += readmitted.count() as u64;
    }

    /// Notes that nobody leads from now on, if that is news.
    pub(crate) fn leader_lost(&mut self, now: Time) {
        self.leaderless_since.get_or_insert(now);
    }

    pub(crate) fn leaderless_spans(&self) -> &[Duration] {
        &self.leaderless_spans
    }

    /// Returns everything counted, by the names that scenarios use.
    pub fn counts(&self) -> Counts {
        let mut counts = self.faults.clone();
        let facts = [
            ("elections", self.elections),
            ("leader_changes", self.leader_changes),
            ("step_downs", self.step_downs),
            ("commits", self.commits),
            ("applied", self.applied),
            ("refused", self.refused),
            ("acknowledged", self.acknowledged),
            ("rejected", self.rejected),
            ("unknown", self.unknown),
            ("reads", self.reads),
            ("quorum_reads", self.quorum_reads),
            ("lease_reads", self.lease_reads),
            ("retries", self.retries),
            ("repeated", self.repeated),
            ("sessions_opened", self.sessions_opened),
            ("sessions_ended", self.sessions_ended),
            ("judged_operations", self.judged.operations),
            ("truncations", self.truncations),
            ("compactions", self.compactions),
            ("snapshots_sent", self.snapshots_sent),
            ("snapshots_installed", self.snapshots_installed),
            ("levels_raised", self.levels_raised),
            ("chunks_sent", self.chunks_sent),
            ("quorum_changes", self.quorum_changes),
            ("joint_configurations", self.joint_configurations),
            ("promoted", self.promoted),
            ("memory_lost", self.memory_lost),
            ("readmitted", self.readmitted),
            ("transfers", self.transfers),
            ("transfers_aborted", self.transfers_aborted),
            ("leaders_forgotten", self.leaders_forgotten),
            ("crashes", self.crashes),
            ("restarts", self.restarts),
            ("halts", self.halts),
            ("messages", self.messages),
            ("lost", self.lost),
            ("duplicated", self.duplicated),
            ("reordered", self.reordered),
            ("replayed", self.replayed),
            ("cut", self.cut),
            ("held", self.held),
            ("queued", self.queued),
            ("packets", self.packets),
            ("muted", self.muted),
            ("registrations", self.registrations),
            ("removals", self.removals),
            ("evictions", self.evictions),
            ("drained", self.drained),
            ("conditions", self.conditions),
            ("failures", self.failures),
            ("recoveries", self.recoveries),
            ("heartbeats", self.heartbeats),
            ("heartbeats_rejected", self.heartbeats_rejected),
            ("self_suspicions", self.self_suspicions),
            ("pool_deaths", self.pool_deaths),
            ("writes", self.writes),
            ("writes_lost", self.writes_lost),
            ("records_torn", self.records_torn),
        ];
        for (fact, count) in facts {
            counts.add(fact, count);
        }
        counts
    }
}
