//! How soon things are noticed in a world, measured without a trace of it in the run.
//!
//! A silence is measured where it is told, at the node that leads, and by its clock, from the last heartbeat that it took
//! in, also of the time when it followed another. Each finding is measured once, where it is applied first. How an epoch
//! spreads among observers is measured by the world's time. Nothing here draws, schedules or traces anything.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use delian_core::health::Heartbeat;
use delian_core::topology::{Cause, Changed, Condition};
use delian_core::{Epoch, Event, Node, NodeId, Term, Time, swim};

use super::World;
use crate::noticed::{Notice, Noticed};
use crate::scenario::Cluster;

/// What is kept to measure by, and what was measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notices {
    noticed: Noticed,
    /// The longest silence that means nothing, if silences are watched.
    silence_after: Option<Duration>,
    /// By who heard and of whom.
    signs: BTreeMap<(NodeId, NodeId), Sign>,
    /// How each life fares, by what was agreed on.
    agreed: BTreeMap<NodeId, Condition>,
    /// Who has just been agreed to have failed or to be back, and where that is told.
    turning: BTreeMap<NodeId, (NodeId, Turn)>,
    /// The last epoch that any node was seen to begin.
    epoch: Epoch,
    /// Observers that run, and the epoch that each follows.
    observers: BTreeMap<NodeId, Epoch>,
    /// Epochs that not all observers follow, the oldest first.
    spreading: VecDeque<Spreading>,
}

/// The last sign of one life, by the clock of who heard it.
#[derive(Clone, Copy, Debug)]
struct Sign {
    epoch: Epoch,
    /// The number of the last heartbeat; zero before the first.
    sequence: u64,
    /// When that was taken in, or when the life was registered.
    at: Time,
    /// Where the last silence began that means something and is over.
    silent_from: Option<Time>,
    /// When it was heard or reached again after it had been silent or held dead.
    back_at: Option<Time>,
    is_held_dead: bool,
    /// From when on a return is one from the present failure.
    failed_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Fails,
    Recovers,
}

/// An epoch on its way to the observers.
#[derive(Clone, Copy, Debug)]
struct Spreading {
    epoch: Epoch,
    since: Time,
    /// How many observers follow it.
    followers: usize,
    /// How many of [`Notice::FOLLOWED`] were reached.
    reached: usize,
}

/// How many epochs are followed on their way at most; of more, the oldest is given up.
const SPREADING_MAX: usize = 256;

/// One node at one moment: where something was heard or told.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) id: NodeId,
    pub(super) node: &'a Node,
    /// What its own clock shows.
    pub(super) own: Time,
    /// The world's time.
    pub(super) now: Time,
}

impl Notices {
    /// Begins to measure what there is to notice in a cluster.
    pub(super) fn of(cluster: &Cluster) -> Self {
        let mut notices = Self::default();
        if let Some(config) = &cluster.config.health {
            notices.noticed.expect_findings(config);
            notices.silence_after = Some(config.silence_after);
        }
        if cluster.observers > 0 && cluster.pool {
            notices.noticed.expect_observers(cluster.processes());
        }
        notices
    }

    /// Returns what was measured so far.
    pub(crate) const fn noticed(&self) -> &Noticed {
        &self.noticed
    }

    /// Takes in that a node starts: its pool knows nobody, and an observer follows nothing.
    pub(super) fn start(&mut self, id: NodeId, now: Time, is_observer: bool) {
        for (_, sign) in self.signs.iter_mut().filter(|((by, _), _)| *by == id) {
            sign.is_held_dead = false;
        }
        if is_observer {
            self.set_follower(id, now, Some(Epoch::ZERO));
        }
    }

    /// Takes in that a node stops.
    pub(super) fn stop(&mut self, id: NodeId, now: Time) {
        self.set_follower(id, now, None);
    }

    /// Takes in a heartbeat that has come to a node, if the node took it in.
    pub(super) fn hear(&mut self, place: Place<'_>, heartbeat: &Heartbeat) {
        let Some(silence_after) = self.silence_after else { return };
        let known = place.node.health().and_then(|health| health.explain(place.own, heartbeat.node));
        let accepted = known.map(|known| (known.seen.epoch, known.seen.sequence));
        if accepted == Some((heartbeat.epoch, heartbeat.sequence))
            && let Some(sign) = self.signs.get_mut(&(place.id, heartbeat.node))
            && sign.epoch == heartbeat.epoch
            && sign.sequence < heartbeat.sequence
        {
            if place.own.since(sign.at) > silence_after {
                (sign.back_at, sign.silent_from) = (Some(place.own), Some(sign.at));
            }
            (sign.sequence, sign.at) = (heartbeat.sequence, place.own);
        }
    }

    /// Takes in what a node tells.
    pub(super) fn on_event(&mut self, place: Place<'_>, event: &Event) {
        if let Event::Changed { position, epoch, what } = event {
            self.on_change(place, position.term, *epoch, *what);
        } else if let Event::NodeFailed { node, .. } = event {
            self.on_turn(place, *node, Turn::Fails);
        } else if let Event::NodeRecovered { node, .. } = event {
            self.on_turn(place, *node, Turn::Recovers);
        } else if let Event::Pool { event, .. } = event {
            self.on_pool(place, event);
        } else if let Event::TopologyFollowed(followed) = event
            && self.observers.contains_key(&place.id)
        {
            self.set_follower(place.id, place.now, Some(followed.to));
        }
    }

    fn on_change(&mut self, place: Place<'_>, term: Term, epoch: Epoch, what: Changed) {
        let is_first = epoch > self.epoch;
        self.epoch = self.epoch.max(epoch);
        if is_first && !self.observers.is_empty() {
            self.spread(place.now, epoch);
        }
        if self.silence_after.is_none() {
            return;
        }
        match what {
            Changed::Registered(node) | Changed::Updated(node) => {
                self.begin_life(place, node, epoch);
                if is_first {
                    self.agreed.insert(node, Condition::Healthy);
                    self.turning.remove(&node);
                }
            }
            Changed::ConditionSet(node, condition) if is_first => self.on_finding(place, term, node, condition),
            Changed::Deregistered(node) | Changed::Evicted(node) | Changed::Drained(node) if is_first => {
                self.agreed.remove(&node);
                self.turning.remove(&node);
            }
            Changed::ConditionSet(..)
            | Changed::Deregistered(_)
            | Changed::Evicted(_)
            | Changed::Drained(_)
            | Changed::Moved(..)
            | Changed::Custom => {}
        }
    }

    /// A registration is a sign of life; one that is applied once more is none.
    fn begin_life(&mut self, place: Place<'_>, node: NodeId, epoch: Epoch) {
        let before = self.signs.get(&(place.id, node));
        if before.is_some_and(|sign| sign.epoch >= epoch) {
            return;
        }
        let is_held_dead = before.is_some_and(|sign| sign.is_held_dead);
        let sign = Sign {
            epoch,
            sequence: 0,
            at: place.own,
            silent_from: None,
            back_at: None,
            is_held_dead,
            failed_at: Time::NEVER,
        };
        self.signs.insert((place.id, node), sign);
    }

    fn on_finding(&mut self, place: Place<'_>, term: Term, node: NodeId, condition: Condition) {
        let before = self.agreed.insert(node, condition).unwrap_or(Condition::Healthy);
        self.turning.remove(&node);
        let found = place.node.topology().get(node).filter(|member| member.condition == condition);
        let Some(cause) = found.map(|member| member.cause) else { return };
        // What an earlier leader found says nothing of what this one heard.
        let raft = place.node.raft();
        if !raft.is_leader() || raft.term() != term || cause == Cause::Asked {
            return;
        }
        match (before.is_failed(), condition.is_failed()) {
            (false, true) => {
                self.note_failure(node);
                self.turning.insert(node, (place.id, Turn::Fails));
            }
            (true, false) => {
                self.turning.insert(node, (place.id, Turn::Recovers));
            }
            (true, true) | (false, false) => {}
        }
        let notice = match (condition, cause) {
            (Condition::Degraded, Cause::Silence { .. }) => Notice::Degraded,
            (Condition::Silent, Cause::Silence { .. }) => Notice::Silent,
            (Condition::Unreachable, Cause::HeldDead) => Notice::Unreachable,
            _ => return,
        };
        // Whoever failed already, or does better than before, was noticed before.
        if condition > before && !before.is_failed() {
            self.measure_silence(place, node, notice);
        }
    }

    /// What comes back from here on comes back from this failure, and so does what came back while it was agreed on.
    fn note_failure(&mut self, node: NodeId) {
        for (_, sign) in self.signs.iter_mut().filter(|((_, of), _)| *of == node) {
            let is_back = sign.back_at == Some(sign.at);
            sign.failed_at = if is_back { sign.at } else { Time::from_nanos(sign.at.as_nanos() + 1) };
        }
    }

    fn on_turn(&mut self, place: Place<'_>, node: NodeId, turn: Turn) {
        if self.turning.get(&node) != Some(&(place.id, turn)) {
            return;
        }
        self.turning.remove(&node);
        match turn {
            Turn::Fails => self.measure_silence(place, node, Notice::Failed),
            Turn::Recovers => {
                let sign = self.signs.get(&(place.id, node));
                let back_at = sign.and_then(|sign| sign.back_at.filter(|at| *at >= sign.failed_at));
                // A new leader takes back what it did not see itself, though nobody came back.
                if let Some(back_at) = back_at {
                    self.noticed.add(Notice::Recovered, place.own.since(back_at));
                }
            }
        }
    }

    fn measure_silence(&mut self, place: Place<'_>, node: NodeId, notice: Notice) {
        let registered = place.node.topology().get(node).map(|member| member.registered);
        let sign = self.signs.get(&(place.id, node)).filter(|sign| Some(sign.epoch) == registered);
        let Some((sign, silence_after)) = sign.zip(self.silence_after) else { return };
        let is_of_silence = self.agreed.get(&node).is_some_and(|agreed| *agreed < Condition::Unreachable);
        // Who was heard while its silence was being agreed on was silent before that.
        let has_ended = is_of_silence && place.own.since(sign.at) <= silence_after;
        let since = if has_ended { sign.silent_from.unwrap_or(sign.at) } else { sign.at };
        self.noticed.add(notice, place.own.since(since));
    }

    fn on_pool(&mut self, place: Place<'_>, event: &swim::Event) {
        let (node, is_dead) = if let swim::Event::Died(node, _) | swim::Event::Left { member: node, .. } = event {
            (*node, true)
        } else if let swim::Event::Recovered(node, _) = event {
            (*node, false)
        } else if let swim::Event::Joined(card, _) = event {
            (card.id, false)
        } else {
            return;
        };
        if let Some(sign) = self.signs.get_mut(&(place.id, node)) {
            if sign.is_held_dead && !is_dead {
                sign.back_at = Some(place.own);
            }
            sign.is_held_dead = is_dead;
        }
    }

    fn spread(&mut self, now: Time, epoch: Epoch) {
        if self.spreading.len() == SPREADING_MAX {
            self.spreading.pop_front();
        }
        self.spreading.push_back(Spreading { epoch, since: now, followers: 0, reached: 0 });
        self.count_followers(now);
    }

    /// Takes in which epoch an observer follows; none if it does not run.
    fn set_follower(&mut self, id: NodeId, now: Time, to: Option<Epoch>) {
        let from = match to {
            Some(epoch) => self.observers.insert(id, epoch),
            None => self.observers.remove(&id),
        };
        if from == to {
            return;
        }
        for spreading in &mut self.spreading {
            spreading.followers -= usize::from(from.is_some_and(|from| from >= spreading.epoch));
            spreading.followers += usize::from(to.is_some_and(|to| to >= spreading.epoch));
        }
        self.count_followers(now);
    }

    /// Measures which shares of the observers that run have come to follow an epoch.
    fn count_followers(&mut self, now: Time) {
        let running = self.observers.len();
        for spreading in &mut self.spreading {
            while let Some((notice, percent)) = Notice::FOLLOWED.get(spreading.reached)
                && running > 0
                && spreading.followers * 100 >= running * percent
            {
                self.noticed.add(*notice, now.since(spreading.since));
                spreading.reached += 1;
            }
        }
        self.spreading.retain(|spreading| spreading.reached < Notice::FOLLOWED.len());
    }
}

impl World {
    /// Notes that a process runs from here on, or that it does not.
    pub(super) fn note_run(&mut self, number: u16) {
        let process = &self.processes[usize::from(number)];
        let is_observer = number >= self.plan.scenario.cluster.participants();
        if process.is_up() {
            self.notices.start(process.id, self.now, is_observer);
        } else {
            self.notices.stop(process.id, self.now);
        }
    }

    /// Notes a heartbeat that a process has stepped on.
    pub(super) fn note_heartbeat(&mut self, number: u16, heartbeat: &Heartbeat) {
        let process = &self.processes[usize::from(number)];
        if let Some(node) = &process.node {
            let own = process.clock.monotonic(self.now);
            self.notices.hear(Place { id: process.id, node, own, now: self.now }, heartbeat);
        }
    }

    /// Notes what a process tells.
    pub(super) fn note_event(&mut self, number: u16, event: &Event) {
        let process = &self.processes[usize::from(number)];
        if let Some(node) = &process.node {
            let own = process.clock.monotonic(self.now);
            self.notices.on_event(Place { id: process.id, node, own, now: self.now }, event);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use crate::noticed::{Notice, Noticed};
    use crate::run::run;
    use crate::scenario::Scenario;

    fn noticed(name: &str) -> Noticed {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/health").join(name);
        let outcome = run(&Arc::new(Scenario::load(&path).expect("the scenario makes sense")), 1);
        assert_eq!(outcome.violation, None);
        outcome.noticed
    }

    fn measured(noticed: &Noticed) -> Vec<(Notice, usize)> {
        noticed.iter().map(|(notice, spans)| (notice, spans.taken.len())).collect()
    }

    #[test]
    fn one_silence_is_measured_once_for_all_nodes_and_as_the_settings_promise() {
        let noticed = noticed("a-node-whose-heartbeats-stop-is-degraded-and-then-failed.toml");
        let once = [Notice::Degraded, Notice::Silent, Notice::Unreachable, Notice::Failed, Notice::Recovered];
        assert_eq!(measured(&noticed), once.map(|notice| (notice, usize::from(notice != Notice::Unreachable))));
        for (notice, spans) in noticed.iter() {
            let kept = |promise: crate::noticed::Promise| {
                spans.taken.iter().all(|taken| *taken >= promise.least && !promise.is_broken_by(*taken))
            };
            assert!(spans.promise.is_none_or(kept), "{notice:?}: {spans:?}");
        }
    }

    #[test]
    fn a_low_score_is_measured_as_no_silence() {
        let noticed = noticed("a-node-that-says-it-does-badly-is-degraded-until-it-says-otherwise.toml");
        assert!(measured(&noticed).iter().all(|(_, count)| *count == 0), "{noticed:?}");
    }
}
