//! How processes of members begin and end.

use std::net::SocketAddr;
use std::sync::Arc;

use delian_core::swim::{Card, Directory, Incarnation, Input, Members, Record, Roster, Start, State};
use delian_core::{Boot, NodeId, Seed};

use super::Stage;
use crate::pool::member::{Member, address_of};
use crate::pool::plan::PoolPlan;
use crate::pool::scenario::{Beginning, Comeback, Fault, Incarnations, Step, Target, Where};

/// A node, whether it runs or not.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) id: NodeId,
    name: String,
    /// Its address.
    pub(super) place: u32,
    /// Which of the lives that it remembers it is in.
    boot: u64,
    /// How many lives it has had.
    lives: u64,
    /// How often it changed its metadata.
    pub(super) changes: u32,
}

impl Node {
    pub(super) fn new(seed: Seed, home: u32) -> Self {
        let name = format!("node-{}", home + 1);
        Self { id: identity(seed, home), name, place: home, boot: 0, lives: 0, changes: 0 }
    }

    /// Returns the card of a process of the node at a place.
    fn card(&self, place: u32) -> Card {
        Card::new(self.id, self.name.as_str(), address_of(place))
    }

    fn incarnation(&self) -> Incarnation {
        Incarnation::of_boot(Boot::new(self.boot))
    }
}

/// Draws an identity that names a place: the high bits are random, as they are in the field.
fn identity(seed: Seed, home: u32) -> NodeId {
    NodeId::new((seed.derive("pool-node", home.into()).get() & !0x00ff_ffff) | u64::from(home))
}

/// Returns how many places a plan needs beside those of the members.
pub(super) fn spares(plan: &PoolPlan) -> u32 {
    let needs = |fault: &Fault| match fault {
        Fault::Crash(comeback) | Fault::Leave(comeback) => comeback.place == Where::New,
        Fault::Replace | Fault::Clone => true,
        Fault::Pause
        | Fault::Block(_)
        | Fault::Partition
        | Fault::OneWay(_)
        | Fault::FlipFlop(..)
        | Fault::Loss(_)
        | Fault::Slow(_)
        | Fault::SlowService(_)
        | Fault::Join
        | Fault::Churn(..)
        | Fault::Rename(_)
        | Fault::Metadata
        | Fault::Broadcast
        | Fault::Stray
        | Fault::Replay(_) => false,
    };
    let moving = plan.steps.iter().filter(|step| needs(&step.fault));
    // A gateway moves in both of its pools.
    let halves = if plan.scenario.regions.is_empty() { 1 } else { 2 };
    let hit = |target: &Target| if let Target::These(members) = target { members.len() as u32 } else { 0 };
    moving.map(|Step { target, .. }| halves * hit(target)).sum()
}

/// What a process begins with beside its card.
struct Beginner {
    known: Roster,
    directory: Directory,
    seeds: Vec<SocketAddr>,
}

impl Stage {
    /// Starts everyone who is there from the beginning.
    pub(super) fn raise_curtain(&mut self) {
        for ground in self.federation.grounds().to_vec() {
            let (homes, beginning) = (ground.homes.start..ground.homes.end - ground.absent, ground.beginning);
            let (mut known, mut directory) = (Roster::new(), Directory::new());
            if beginning == Beginning::Acquainted {
                for home in homes.clone() {
                    let node = &self.nodes[home as usize];
                    let slot = directory.hold(node.id);
                    directory.set_card(slot, Arc::new(node.card(node.place)));
                    known.set(slot, node.id, Record { incarnation: node.incarnation(), state: State::Alive });
                }
            }
            for home in homes {
                let seeds = if beginning == Beginning::Joining { self.seeds(home) } else { Vec::new() };
                let place = self.nodes[home as usize].place;
                self.begin(home, place, Beginner { known: known.clone(), directory: directory.clone(), seeds });
            }
        }
    }

    /// Starts a process of a node that knows nobody but the seeds.
    pub(super) fn start(&mut self, home: u32, place: u32) {
        let beginner = Beginner { known: Roster::new(), directory: Directory::new(), seeds: self.seeds(home) };
        self.begin(home, place, beginner);
    }

    fn begin(&mut self, home: u32, place: u32, Beginner { known, directory, seeds }: Beginner) {
        let node = &mut self.nodes[home as usize];
        node.lives += 1;
        let seed = Seed::new(self.plan.seed).derive("pool-life", (u64::from(home) << 32) | node.lives);
        let (card, incarnation) = (node.card(place), node.incarnation());
        let id = node.id;
        let settings = Arc::clone(&self.federation.ground(home).settings);
        self.lay_path(place, home);
        let now = self.world.now();
        self.world.watcher.oracle.truth().started(now, place, id, incarnation);
        let start = Start { card, incarnation, seed, members: known };
        self.world.start(place, |now, shared, sink| {
            let mut member = Member::begin_apart(now, &settings, start, directory, sink);
            if !seeds.is_empty() {
                member.feed(now, Input::Join(seeds), shared, sink);
            }
            member
        });
    }

    /// Ends the process at a place, if one runs.
    pub(super) fn stop(&mut self, place: u32) {
        let now = self.world.now();
        if self.world.member(place).is_none() {
            return;
        }
        self.world.watcher.oracle.truth().stopped(now, place);
        self.world.stop(place);
    }

    /// Begins another life of a node.
    pub(super) fn come_back(&mut self, home: u32, Comeback { incarnations, place }: Comeback) {
        if place == Where::New {
            self.nodes[home as usize].place = self.take_spare();
        }
        let node = &mut self.nodes[home as usize];
        node.boot = match incarnations {
            Incarnations::Kept => node.boot + 1,
            Incarnations::Lost => 0,
        };
        let place = node.place;
        self.world.watcher.done.add("restarts", 1);
        self.start(home, place);
    }

    /// Puts another node in the place of one, at its address.
    pub(super) fn take_over(&mut self, home: u32) {
        let (spare, place) = (self.take_spare(), self.nodes[home as usize].place);
        self.nodes[home as usize] = Node { place, ..Node::new(Seed::new(self.plan.seed), spare) };
        self.start(home, place);
    }

    /// Restarts a node under the name of another.
    pub(super) fn rename(&mut self, home: u32, to: u32) {
        let name = self.nodes[to as usize].name.clone();
        self.nodes[home as usize].name = name;
        self.stop(self.nodes[home as usize].place);
        self.come_back(home, Comeback::USUAL);
    }

    /// Gives everyone who runs the present addresses of the seeds, as a discovery service does.
    pub(super) fn rediscover(&mut self) {
        for home in 0..self.nodes.len() as u32 {
            let (place, seeds) = (self.nodes[home as usize].place, self.seeds(home));
            self.world.ask(place, |member, now, shared, sink| member.feed(now, Input::Join(seeds), shared, sink));
        }
    }

    pub(super) fn take_spare(&mut self) -> u32 {
        self.spare += 1;
        self.spare - 1
    }

    /// Returns the addresses through which a node joins: those of the seeds, and of one more member where that would be
    /// nobody but itself.
    fn seeds(&self, home: u32) -> Vec<SocketAddr> {
        let ground = self.federation.ground(home);
        let mut homes = ground.seeds.clone();
        if homes == [home] && home + 1 < ground.homes.end {
            homes.push(home + 1);
        }
        homes.into_iter().map(|home| address_of(self.nodes[home as usize].place)).collect()
    }
}
