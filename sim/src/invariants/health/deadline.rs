//! A failure is told in time, by the clock of whoever leads and by what reached it.
//!
//! The upper bound that belongs to the lower one of `silence`: nobody is found failed too soon, and nobody too late. It is
//! reckoned from the numbers that the scenario gives, and not from how the core reads them. How long the log takes to
//! commit what was proposed in time is not judged here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use delian_core::health::HealthConfig;
use delian_core::topology::{Cause, Changed, Command, Condition, Member};
use delian_core::{Epoch, Event, LogIndex, Node, NodeId, Time};

use super::super::{Breach, Invariant, View};
use super::span;
use super::watch::Watches;

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(in super::super) struct ToldInTime {
    /// How long a silence lasts that should have been proposed as a failure.
    bound: Duration,
    /// The longest pause of one that wakes on time.
    beat: Duration,
    /// How soon what was held back is proposed, once nothing holds it back: whoever was refused tries again after a beat.
    retry: Duration,
    leaders: BTreeMap<NodeId, Leader>,
    /// When a node proposed last that a life which had not failed has, or that it is removed.
    proposed: BTreeMap<(NodeId, NodeId), (Epoch, Time)>,
    /// Who was told that which node failed, and not that it recovered.
    told: BTreeSet<(NodeId, NodeId)>,
    /// When a node took in last that another one does better than failed.
    cleared: BTreeMap<(NodeId, NodeId), Time>,
}

/// One that leads, by its own clock.
#[derive(Clone, Copy, Debug)]
struct Leader {
    /// When it took its last step.
    stepped_at: Time,
    /// Since when it wakes on time and heartbeats are for it: it counts no silence from before.
    awake_since: Time,
    /// Since when nothing keeps it from proposing what it finds.
    free_since: Time,
    /// How far it had committed when it was looked at last.
    committed: LogIndex,
}

impl Invariant for ToldInTime {
    const NAME: &'static str = "a-failure-is-told-in-time";
    const SENTENCE: &'static str = "Whoever leads without a break, wakes on time and does not doubt itself proposes that a node has failed before one more step of silence has passed, and is told so when that is agreed on.";
}

impl ToldInTime {
    pub(super) fn new(config: &HealthConfig) -> Self {
        let HealthConfig { beat_interval, silence_after, silence_step, silence_levels, .. } = *config;
        Self {
            bound: silence_after.saturating_add(silence_step.saturating_mul(silence_levels.into())),
            beat: beat_interval,
            retry: beat_interval.max(silence_step),
            leaders: BTreeMap::new(),
            proposed: BTreeMap::new(),
            told: BTreeSet::new(),
            cleared: BTreeMap::new(),
        }
    }

    /// Takes in that a node started: what it did and was told before is gone.
    pub(super) fn begin(&mut self, id: NodeId) {
        self.leaders.remove(&id);
        self.proposed.retain(|(by, _), _| *by != id);
        self.told.retain(|(by, _)| *by != id);
        self.cleared.retain(|(by, _), _| *by != id);
    }

    /// Takes in that a node finished a step: whether it leads, and what keeps it from judging.
    pub(super) fn on_step(&mut self, id: NodeId, view: &impl View) {
        let (Some(node), Some(now)) = (view.node(id), view.clock(id)) else { return };
        let Some(health) = node.health().filter(|_| node.raft().is_leader()) else {
            self.leaders.remove(&id);
            return;
        };
        let committed = node.raft().commit();
        let begins = Leader { stepped_at: now, awake_since: now, free_since: now, committed };
        let leader = self.leaders.entry(id).or_insert(begins);
        if now.since(leader.stepped_at) > self.beat || !node.raft().configuration().is_voter(id) {
            leader.awake_since = now;
        }
        if health.doubts() || node.raft().transfer_target().is_some() {
            leader.free_since = now;
        }
        leader.stepped_at = now;
    }

    /// Takes in what a node tells of others.
    pub(super) fn on_event(&mut self, id: NodeId, event: &Event, view: &impl View) {
        let Some(now) = view.clock(id) else { return };
        if let Event::NodeFailed { node, .. } = event {
            self.told.insert((id, *node));
        } else if let Event::NodeRecovered { node, .. }
        | Event::Changed { what: Changed::Registered(node) | Changed::Updated(node), .. } = event
        {
            self.told.remove(&(id, *node));
        } else if let Event::Changed { what: Changed::ConditionSet(node, condition), .. } = event
            && !condition.is_failed()
        {
            self.cleared.insert((id, *node), now);
        }
    }

    /// Judges a proposal of one that leads: what it found of a silence it found in time.
    pub(super) fn on_proposal(
        &mut self,
        id: NodeId,
        now: Time,
        command: &Command,
        node: &Node,
        watches: &Watches,
    ) -> Result<(), Breach> {
        let (of, epoch, is_own) = match *command {
            Command::SetCondition { node: of, epoch, condition, cause } if condition.is_failed() => {
                (of, epoch, cause != Cause::Asked)
            }
            Command::Evict { node: of, epoch } => (of, epoch, false),
            Command::SetCondition { .. }
            | Command::Register(_)
            | Command::Deregister(_)
            | Command::Drain { .. }
            | Command::DrainProgress { .. }
            | Command::Custom(_) => return Ok(()),
        };
        let Some(member) = node.topology().get(of).filter(|member| member.registered == epoch) else { return Ok(()) };
        if is_own && let Some(since) = self.overdue_since(id, now, member, watches) {
            return Err(self.late(id, now, member, since, "proposes only then that it failed"));
        }
        if !member.condition.is_failed() {
            self.proposed.insert((id, of), (epoch, now));
        }
        Ok(())
    }

    /// Judges one that leads, as a second has passed: everybody of whom it hears nothing is proposed as failed, and of
    /// whom that was agreed on, it was told.
    pub(super) fn on_second(&mut self, id: NodeId, watches: &Watches, view: &impl View) -> Result<(), Breach> {
        let (Some(node), Some(now)) = (view.node(id), view.clock(id)) else { return Ok(()) };
        let is_settled = view.settled_disk(id).is_some();
        let Some(leader) = self.leaders.get_mut(&id) else { return Ok(()) };
        let raft = node.raft();
        // Where the log does not move there may be no room in it.
        let is_stuck = raft.commit() < raft.log().last().index && raft.commit() == leader.committed;
        if is_stuck || !is_settled {
            leader.free_since = now;
        }
        leader.committed = raft.commit();
        if !view.is_at_work(id) {
            return Ok(());
        }
        for member in node.topology().members() {
            if let Some(since) = self.overdue_since(id, now, member, watches) {
                return Err(self.late(id, now, member, since, "has not proposed that it failed"));
            }
            let key = (id, member.node());
            let has_failed = member.condition.is_failed() && !self.told.contains(&key);
            if has_failed && self.proposed.get(&key).is_some_and(|(epoch, _)| *epoch == member.registered) {
                let (of, condition) = (member.node(), member.condition);
                let fact = format!("{id} proposed that {of} failed, holds it {condition} and was not told");
                return Err(Self::breach(vec![fact]));
            }
        }
        Ok(())
    }

    /// Returns since when a node is silent that should have been proposed as failed and was not; none of any other.
    fn overdue_since(&self, id: NodeId, now: Time, member: &Member, watches: &Watches) -> Option<Time> {
        let leader = self.leaders.get(&id).filter(|leader| now.since(leader.stepped_at) <= self.beat)?;
        let (of, epoch) = (member.node(), member.registered);
        // A node hears itself without a message, and nothing is found of one that leaves.
        if of == id || member.condition.is_failed() || member.condition == Condition::Leaving {
            return None;
        }
        let since = watches.silent_since(id, of, epoch)?.max(leader.awake_since);
        let free_since = self.cleared.get(&(id, of)).copied().max(Some(leader.free_since))?;
        let is_overdue = now.since(since) >= self.bound && now.since(free_since) > self.retry;
        let was_proposed = self.proposed.get(&(id, of)).is_some_and(|(of, at)| *of == epoch && *at >= since);
        (is_overdue && !was_proposed).then_some(since)
    }

    fn late(&self, id: NodeId, now: Time, member: &Member, since: Time, what: &str) -> Breach {
        let Member { registered, condition, .. } = *member;
        Self::breach(vec![
            format!("{id} heard nothing of {} of {registered} {}, and {what}", member.node(), span(now, Some(since))),
            format!("it holds it {condition}; a failure is proposed before {:?} have passed", self.bound),
        ])
    }
}
