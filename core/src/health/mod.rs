//! How fresh and how loaded each registered node is, and what the federation should agree on about it.
//!
//! Every voter hears the heartbeats and watches how long each life of a node has been silent, by its own clock alone. The
//! one who leads judges: silence, the node's own score and what the failure detector says make a [`Condition`], and where it
//! differs from what was agreed on, a [`Proposal`] for the log. Nothing here removes or changes anybody: a finding is an
//! opinion until a quorum commits it, and what is committed is told back by [`Health::agreed`].
//!
//! Good news of a node that comes and goes is held back, and bad news of many at once is withheld, for the fault is more
//! likely here. In reading order: `heartbeat`, `silence` and `watch` are what every voter keeps; `verdict`, `flaps` and
//! `preservation` are how it is judged; `case` joins them for one node.

mod case;
#[cfg(test)]
mod fixtures;
mod flaps;
pub mod heartbeat;
mod preservation;
pub mod settings;
pub mod silence;
#[cfg(test)]
mod tests;
pub mod verdict;
pub mod watch;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;

pub use heartbeat::{Heartbeat, HeartbeatError, Report, Sample, Score};
pub use preservation::Doubt;
pub use settings::{HealthConfig, HealthSettings};
pub use silence::SilenceLevel;
pub use verdict::{Evidence, Reach};
pub use watch::Seen;

use self::case::{Case, Next};
use self::preservation::Preservation;
use self::watch::Watch;
use crate::condition::{Cause, Condition, Drain};
use crate::ids::{Epoch, NodeId};
use crate::time::Time;

/// What one node knows of the health of all registered ones, and what it proposes while it leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Health {
    settings: Arc<HealthSettings>,
    watch: Watch,
    cases: BTreeMap<NodeId, Case>,
    /// Whose case is to be looked at now.
    open: BTreeSet<NodeId>,
    /// Whose case is to be looked at again, and when.
    later: BTreeSet<(Time, NodeId)>,
    preservation: Preservation,
    /// When this node looked at its watch last: a longer pause than that of heartbeats is its own.
    looked_at: Time,
    leads: bool,
    /// Whether nobody tells this node anything, so that silence means nothing.
    rests: bool,
}

/// What the one who leads wants to be agreed on. A newer registration makes it void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proposal {
    /// That a node fares otherwise than was agreed on.
    Find {
        /// The node.
        node: NodeId,
        /// The registration epoch of the life that was judged.
        epoch: Epoch,
        /// How it fares.
        finding: Condition,
        /// What speaks for it.
        cause: Cause,
    },
    /// That a node is removed which nobody has reached for long, or whose time to leave is up.
    Evict {
        /// The node.
        node: NodeId,
        /// The registration epoch of the life that was judged.
        epoch: Epoch,
    },
}

/// Everything that is known of a node: why it is in its condition, and what stands in the way of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Explanation {
    /// What was heard of it.
    pub seen: Seen,
    /// What it is judged by.
    pub evidence: Evidence,
    /// What this node finds.
    pub finding: Condition,
    /// What speaks for that.
    pub cause: Cause,
    /// Until when good news of it is held back, because it comes and goes.
    pub held_until: Option<Time>,
    /// Whether bad news of it is withheld, because too many are silent at once.
    pub withheld: bool,
    /// When its removal is proposed, if nothing changes.
    pub removed_at: Option<Time>,
}

impl Health {
    /// Returns the health of nobody, as one who follows knows it.
    pub fn new(now: Time, settings: Arc<HealthSettings>) -> Self {
        Self {
            watch: Watch::new(&settings),
            settings,
            cases: BTreeMap::new(),
            open: BTreeSet::new(),
            later: BTreeSet::new(),
            preservation: Preservation::default(),
            looked_at: now,
            leads: false,
            rests: false,
        }
    }

    /// Takes in that a node is registered: a life that is new here counts as heard now, and as healthy. Returns whether it
    /// is new.
    pub fn registered(&mut self, now: Time, node: NodeId, epoch: Epoch) -> bool {
        let before = self.cases.get(&node).copied();
        if before.is_some_and(|case| case.epoch() == epoch) {
            return false;
        }
        if let Some(at) = before.and_then(|case| case.looked_at_next()) {
            self.later.remove(&(at, node));
        }
        self.watch.register(now, node, epoch);
        self.cases.insert(node, before.map_or_else(|| Case::new(epoch), |case| case.of_next_life(now, epoch)));
        self.open(node);
        true
    }

    /// Takes in that a node was removed.
    pub fn unregistered(&mut self, node: NodeId) {
        self.watch.unregister(node);
        if let Some(at) = self.cases.remove(&node).and_then(|case| case.looked_at_next()) {
            self.later.remove(&(at, node));
        }
        self.open.remove(&node);
    }

    /// Takes in what was agreed on about a registered life of a node, and for how long it may still leave. Returns what was
    /// agreed on before.
    pub fn agreed(
        &mut self,
        now: Time,
        node: NodeId,
        epoch: Epoch,
        condition: Condition,
        drain: Option<Drain>,
    ) -> Option<Condition> {
        let case = self.cases.get_mut(&node).filter(|case| case.epoch() == epoch);
        let before = case.map(|case| case.agree(now, condition, drain));
        self.open(node);
        before
    }

    /// Takes in what the failure detector says of a node.
    pub fn reach(&mut self, now: Time, node: NodeId, reach: Reach) {
        if let Some(case) = self.cases.get_mut(&node)
            && case.set_reach(now, reach)
        {
            self.open(node);
        }
    }

    /// Takes in a heartbeat.
    ///
    /// # Errors
    ///
    /// Returns why it changes nothing.
    pub fn hear(&mut self, now: Time, heartbeat: &Heartbeat) -> Result<(), HeartbeatError> {
        let was = self.watch.hear(now, heartbeat)?;
        if self.leads {
            let case = self.cases.get(&heartbeat.node).expect("whoever is watched has a case");
            // Most heartbeats say what is agreed on.
            if was > SilenceLevel::NONE || case.is_of_interest(heartbeat.sample.score, &self.settings) {
                self.open.insert(heartbeat.node);
            }
        }
        Ok(())
    }

    /// Returns whether this node judges.
    pub const fn leads(&self) -> bool {
        self.leads
    }

    /// Begins to judge: nobody is blamed for a silence that another one watched.
    pub fn lead(&mut self, now: Time) {
        self.leads = true;
        self.forgive(now);
        self.open.extend(self.cases.keys().copied());
    }

    /// Stops judging; whoever leads next does.
    pub fn follow(&mut self) {
        self.leads = false;
        self.open.clear();
        self.later.clear();
        self.cases.values_mut().for_each(Case::put_away);
    }

    /// Takes in that heartbeats are not for this node to hear: it neither judges nor doubts until it looks again, and
    /// blames nobody then for what it was not told.
    pub fn rest(&mut self) {
        if !core::mem::replace(&mut self.rests, true) {
            self.preservation = Preservation::default();
        }
    }

    /// Returns whether [`look`](Self::look) is to be called now: a time has come, or this node has rested until now.
    pub fn is_due(&self, now: Time) -> bool {
        self.rests || self.next_at() <= now
    }

    /// Looks at who has become silent since. Returns how this node's view of itself changed, if it did.
    pub fn look(&mut self, now: Time) -> Option<Doubt> {
        let pause = now.since(self.looked_at);
        self.looked_at = now;
        if core::mem::take(&mut self.rests) || pause > self.settings.beat_interval * 2 {
            // What was said meanwhile was said to nobody.
            self.forgive(now);
        }
        while let Some(crossing) = self.watch.sweep(now, &self.settings) {
            self.open(crossing.node);
        }
        while let Some((at, node)) = self.later.first().copied().filter(|(at, _)| *at <= now) {
            self.later.remove(&(at, node));
            self.open(node);
        }
        let doubt = self.preservation.look(now, self.watch.overdue(), self.watch.len(), &self.settings);
        if doubt.is_some_and(|doubt| doubt != Doubt::Began) && self.leads {
            self.open.extend(self.cases.keys().copied());
        }
        doubt
    }

    /// Returns something to propose; call again until there is none, after [`look`](Self::look).
    pub fn propose(&mut self, now: Time) -> Option<Proposal> {
        while let Some(node) = self.open.pop_first() {
            let seen = self.watch.seen(now, node, &self.settings).expect("whoever has a case is watched");
            let case = self.cases.get_mut(&node).expect("a case that is open is there");
            if let Some(at) = case.looked_at_next() {
                self.later.remove(&(at, node));
            }
            let (proposal, next) = case.look(now, node, &seen, self.preservation.doubts(), &self.settings);
            if let Next::At(at) = next {
                self.later.insert((at, node));
            }
            if proposal.is_some() {
                return proposal;
            }
        }
        None
    }

    /// Takes in that a proposal about a node came to nothing: it is made again when the next heartbeat is due.
    pub fn refused(&mut self, now: Time, node: NodeId) {
        if let Some(case) = self.cases.get_mut(&node).filter(|_| self.leads) {
            if let Some(at) = case.looked_at_next() {
                self.later.remove(&(at, node));
            }
            let at = now + self.settings.beat_interval;
            case.refuse(at);
            self.later.insert((at, node));
        }
    }

    /// Returns when [`look`](Self::look) should be called next: no later than heartbeats are due, so that a pause of this
    /// node is told from a silence of others.
    pub fn next_at(&self) -> Time {
        if self.rests {
            return Time::NEVER;
        }
        let tick = self.looked_at + self.settings.beat_interval;
        let later = self.later.first().map(|(at, _)| *at);
        let times = [self.watch.next_at(&self.settings), later, self.preservation.ends_at(&self.settings)];
        times.into_iter().flatten().fold(tick, Time::min)
    }

    /// Returns whether this node suspects itself, because too many are silent at once.
    pub const fn doubts(&self) -> bool {
        self.preservation.doubts()
    }

    /// Returns the numbers by which nodes are judged.
    pub fn settings(&self) -> &HealthSettings {
        &self.settings
    }

    /// Returns how many nodes are watched, and how many of them are overdue.
    pub fn watched(&self) -> (usize, usize) {
        (self.watch.len(), self.watch.overdue())
    }

    /// Returns everything that is known of a registered node; nothing while this one rests.
    pub fn explain(&self, now: Time, node: NodeId) -> Option<Explanation> {
        if self.rests {
            return None;
        }
        let (case, seen) = (self.cases.get(&node)?, self.watch.seen(now, node, &self.settings)?);
        Some(case.explain(now, seen, self.preservation.doubts(), &self.settings))
    }

    /// Iterates over all watched nodes in the order of their identities.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.cases.keys().copied()
    }

    fn forgive(&mut self, now: Time) {
        self.watch.forgive(now);
        self.cases.values_mut().for_each(|case| case.forgive(now));
    }

    fn open(&mut self, node: NodeId) {
        if self.leads && self.cases.contains_key(&node) {
            self.open.insert(node);
        }
    }
}
