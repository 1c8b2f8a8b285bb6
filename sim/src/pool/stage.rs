//! A pool on stage: members, what goes wrong with them, and when.
//!
//! Members keep directories of their own, so that no card is known that nobody told of. A place is an address; a node
//! usually lives at the place that its identity names, and may come back at another one.

mod federation;
mod faults;
mod lives;
mod running;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use delian_core::swim::{Directory, Members, PoolLabel, Roster, Standing};
use delian_core::{Seed, Time};

use self::faults::Effect;
use self::federation::Federation;
use self::lives::Node;
use self::running::Running;
use super::invariants::{Breach, Oracle};
use super::member::Member;
use super::plan::PoolPlan;
use super::scenario::Discovery;
use super::watch::Watch;
use super::wheel::Ordering;
use super::world::World;
use crate::fingerprint::Fingerprint;
use crate::trace::{Line, Tracer};

/// A world of pools that follows a plan.
pub(super) struct Stage {
    plan: Arc<PoolPlan>,
    world: World<Member<Roster>, Watch>,
    federation: Federation,
    /// By the number of a member, less one: who is at home there; then the other halves of gateways.
    nodes: Vec<Node>,
    /// Addresses and identities that are left for those who move, are cloned or take over.
    spare: u32,
    /// What is to happen, in order of time and, at one time, in the order it was planned.
    agenda: BTreeMap<(Time, u64), Act>,
    planned: u64,
    /// What is wrong with the path to a place at present, by the step that made it so.
    effects: BTreeMap<(u32, usize), Effect>,
    /// How much longer packets take from and to a place, for the pool of the node there.
    farness: BTreeMap<u32, Duration>,
    /// By step: the places that it hit, and the nodes there.
    hit: BTreeMap<usize, Vec<(u32, u32)>>,
    /// By place of a gateway: the regions that it does not reach.
    lost: BTreeSet<(u32, usize)>,
    fingerprint: Fingerprint,
    settled: Settling,
}

/// One thing to do at one time, for a step.
#[derive(Clone, Copy, Debug)]
enum Act {
    Begin(usize),
    Close(usize),
    Open(usize),
    End(usize),
}

/// How far the pool has come in agreeing after the faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settling {
    Apart,
    /// Since then.
    Agreed(Time),
}

/// How often views are looked at while the pool is to agree.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(100);

/// For how long an agreement must hold to count: as long as the shortest suspicion, and more.
const HELD_FOR: Duration = Duration::from_secs(5);

impl Stage {
    pub(super) fn new(plan: &Arc<PoolPlan>, tracer: Tracer) -> Self {
        let scenario = &plan.scenario;
        let federation = Federation::of(scenario);
        let homes = federation.homes();
        let places = homes + lives::spares(plan);
        let seed = Seed::new(plan.seed);
        let mut oracle = Oracle::new(federation.slowest(), places);
        oracle.truth().lose(Time::ZERO, scenario.links.loss_ppm);
        let watch = Watch::new(oracle, tracer, places);
        let world = World::new(places as usize, scenario.links, seed, Ordering::Wheel, Directory::new(), watch);
        let nodes = (0..homes).map(|home| Node::new(seed, home)).collect();
        let mut stage = Self {
            plan: Arc::clone(plan),
            world,
            federation,
            nodes,
            spare: homes,
            agenda: BTreeMap::new(),
            planned: 0,
            effects: BTreeMap::new(),
            farness: BTreeMap::new(),
            hit: BTreeMap::new(),
            lost: BTreeSet::new(),
            fingerprint: Fingerprint::new(plan.seed),
            settled: Settling::Apart,
        };
        for (number, step) in plan.steps.iter().enumerate() {
            stage.schedule(step.at.least, Act::Begin(number));
        }
        stage.raise_curtain();
        stage
    }

    /// Runs to the end, or until something is broken.
    pub(super) fn run(&mut self) -> Result<(), Breach> {
        self.run_until_settled()?;
        self.world.look(|now, watch, members, directory| watch.oracle.finish(now, members, directory)).map(drop)
    }

    fn run_until_settled(&mut self) -> Result<(), Breach> {
        let chaos = Time::ZERO + self.plan.scenario.chaos;
        self.run_to(chaos)?;
        if self.plan.scenario.discovery == Discovery::Again {
            self.rediscover();
        }
        let end = chaos + self.plan.scenario.settle;
        while self.world.now() < end {
            self.run_to(end.min(self.world.now() + LOOKED_AT_EVERY))?;
            let agrees = self.agrees();
            self.settled = match (agrees, self.settled) {
                (false, _) => Settling::Apart,
                (true, Settling::Apart) => Settling::Agreed(self.world.now()),
                (true, held @ Settling::Agreed(since)) if self.world.now() < since + HELD_FOR => held,
                (true, Settling::Agreed(_)) => return Ok(()),
            };
        }
        Ok(())
    }

    fn run_to(&mut self, until: Time) -> Result<(), Breach> {
        while self.world.now() < until || self.is_due(until) {
            let act_at = self.agenda.first_key_value().map_or(Time::NEVER, |((at, _), _)| *at);
            let second = Time::from_nanos((self.world.now().as_nanos() / SECOND + 1) * SECOND);
            let next = act_at.min(second).min(until);
            self.world.run_until(next);
            while self.is_due(next) {
                let (_, act) = self.agenda.pop_first().expect("something is due");
                self.act(act);
            }
            if next == second {
                self.sample()?;
            }
            if let Some(breach) = self.world.watcher.oracle.breach() {
                return Err(breach.clone());
            }
        }
        Ok(())
    }

    fn is_due(&self, now: Time) -> bool {
        self.agenda.first_key_value().is_some_and(|((at, _), _)| *at <= now)
    }

    fn schedule(&mut self, at: Duration, act: Act) {
        self.planned += 1;
        self.agenda.insert((Time::ZERO + at, self.planned), act);
    }

    /// Looks at everyone, once a second.
    fn sample(&mut self) -> Result<(), Breach> {
        let over: Vec<u32> = self.processes().filter(|(_, member)| is_over(member)).map(|(place, _)| place).collect();
        for place in over {
            // A process that has left, or yielded, ends by itself.
            self.stop(place);
        }
        self.look_for_regions();
        let mut fingerprint = self.fingerprint;
        for (place, member) in self.processes() {
            let swim = member.swim();
            let words = [swim.members().digest().total(), swim.incarnation().get(), swim.health().into()];
            fingerprint.mix(u64::from(place));
            for word in words {
                fingerprint.mix(word.into());
            }
        }
        self.fingerprint = fingerprint;
        self.world.look(|now, watch, members, directory| watch.oracle.sample(now, members, directory))
    }

    /// Counts the regions that gateways lost, all of whose gateways they hold dead or gone, and found again.
    fn look_for_regions(&mut self) {
        let mut lost = BTreeSet::new();
        for (place, member) in self.processes().filter(|(_, it)| self.federation.is_wide(it.swim().settings())) {
            let none = Directory::new();
            let directory = member.directory(&none);
            for (region, gateways) in self.federation.gateways().enumerate() {
                let seen = |home: u32| member.swim().seen(directory, self.nodes[home as usize].id);
                let mut seen = gateways.map(seen);
                if seen.all(|record| record.is_some_and(|record| !record.state.is_reachable())) {
                    lost.insert((place, region));
                }
            }
        }
        let (now, before) = (lost.difference(&self.lost).count(), self.lost.difference(&lost).count());
        for (fact, count) in [("regions_lost", now), ("regions_found", before)].into_iter().filter(|(_, it)| *it > 0) {
            self.world.watcher.done.add(fact, count as u64);
        }
        self.lost = lost;
    }

    fn processes(&self) -> impl Iterator<Item = (u32, &Member<Roster>)> + '_ {
        (0..self.world.size()).filter_map(|place| Some((place, self.world.member(place)?)))
    }

    /// Returns whether the views of those who run are the truth.
    fn agrees(&self) -> bool {
        self.pools().into_iter().all(|pool| match pool.truth() {
            Ok(truth) => pool.differing(&truth).is_none() && pool.card_unlike(self.world.shared()).is_none(),
            Err(_) => false,
        })
    }

    /// Returns how they differ from it, one difference of many; nothing if they do not.
    pub(super) fn disagreement(&self) -> Option<String> {
        self.pools().into_iter().find_map(|pool| match pool.truth() {
            Ok(truth) => match pool.differing(&truth) {
                Some((place, member)) => Some(pool.difference(place, member)),
                None => pool.card_unlike(self.world.shared()),
            },
            Err(undecided) => Some(undecided),
        })
    }

    fn pools(&self) -> Vec<Running<'_>> {
        let of_pool = |label: PoolLabel| {
            let is_of_it = move |(_, member): &(u32, &Member<Roster>)| member.swim().settings().label() == label;
            Running(self.processes().filter(is_of_it).collect())
        };
        self.federation.labels().map(of_pool).collect()
    }

    pub(super) fn settled_after(&self) -> Option<Duration> {
        match self.settled {
            Settling::Apart => None,
            Settling::Agreed(since) => Some(since.since(Time::ZERO + self.plan.scenario.chaos)),
        }
    }

    pub(super) const fn world(&self) -> &World<Member<Roster>, Watch> {
        &self.world
    }

    /// Returns the fingerprint of everything that happened, and of what members held of each other meanwhile.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut fingerprint = self.fingerprint;
        fingerprint.mix(self.world.fingerprint());
        fingerprint.get()
    }

    /// Writes a line about a step into the trace.
    fn tell(&mut self, kind: &'static str, facts: &str) {
        let now = self.world.now();
        self.world.watcher.trace(|| Line::fault(now, kind, facts));
    }
}

const SECOND: u64 = 1_000_000_000;

fn is_over(member: &Member<Roster>) -> bool {
    matches!(member.swim().standing(), Standing::Departed | Standing::Yielded)
}
