//! What a node does for itself beside its protocols: it finds its pools, asks to be let into the log, registers, and says
//! how it fares.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use delian_core::health::Sample;
use delian_core::node::Tier;
use delian_core::topology::{Changed, Registration};
use delian_core::{Applied, Event, Input, Node, NodeId, Rejected, Time, WallTime, swim};
use tokio::sync::oneshot;

use crate::handle::Outcome;

/// The pause between two looks at what is to be done.
const INTERVAL: Duration = Duration::from_secs(1);

/// What a node is to do for itself.
#[derive(Default)]
pub struct Upkeep {
    /// Where members of the local pool may be.
    pub seeds: Vec<SocketAddr>,
    /// Where members of the wide pool may be, for a gateway.
    pub wide_seeds: Vec<SocketAddr>,
    /// Where nodes are that no pool tells of yet.
    pub peers: BTreeMap<NodeId, SocketAddr>,
    /// Whether the node asks to be let into the log.
    pub joins_log: bool,
    /// What the node registers, if it registers itself.
    pub registration: Option<Registration>,
    /// Measures how the node fares, if the shell is to.
    pub sampler: Option<Box<dyn FnMut(WallTime) -> Sample + Send>>,
}

/// Does it, a little at a time.
#[derive(Debug)]
pub(super) struct Keeper {
    plan: Upkeep,
    announced: Announced,
    next_at: Time,
}

/// How far the node has come with its registration.
#[derive(Debug)]
enum Announced {
    /// Not in this run: even what stands in the topology is of an earlier life.
    Never,
    /// An outcome is awaited.
    Asked(oneshot::Receiver<Result<Applied, Rejected>>),
    /// It was told to come again.
    Again(Time),
    /// It is registered.
    Done,
    /// It was, and was taken out by somebody's will: it stays out until it is started again.
    Dismissed,
}

/// Something to be done for the node.
#[derive(Debug)]
pub(super) enum Chore {
    HandIn(Input),
    Register(Registration),
}

impl fmt::Debug for Upkeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upkeep").field("seeds", &self.seeds).field("peers", &self.peers).finish_non_exhaustive()
    }
}

impl Keeper {
    pub(super) fn new(plan: Upkeep) -> Self {
        Self { plan, announced: Announced::Never, next_at: Time::ZERO }
    }

    pub(super) fn address_of(&self, node: NodeId) -> Option<SocketAddr> {
        self.plan.peers.get(&node).copied()
    }

    /// Adds what the node begins with.
    pub(super) fn begin(&mut self, next: &mut impl Extend<Input>) {
        let join = |tier, seeds: &[SocketAddr]| {
            let joins = !seeds.is_empty();
            joins.then(|| Input::Pool(tier, Box::new(swim::Input::Join(seeds.to_vec()))))
        };
        next.extend(join(Tier::Local, &self.plan.seeds));
        next.extend(join(Tier::Wide, &self.plan.wide_seeds));
    }

    pub(super) const fn next_at(&self) -> Time {
        self.next_at
    }

    pub(super) fn is_due(&self, now: Time) -> bool {
        self.next_at <= now
    }

    /// Returns what is to be done.
    pub(super) fn tend(&mut self, now: Time, node: &Node, wall: WallTime) -> Vec<Chore> {
        self.next_at = now + INTERVAL;
        let mut chores = Vec::new();
        if let Some(sampler) = &mut self.plan.sampler {
            chores.push(Chore::HandIn(Input::Observed(sampler(wall))));
        }
        let Some((_, leader)) = node.known_leader() else { return chores };
        if self.plan.joins_log && !node.raft().configuration().is_member(node.raft().id()) {
            chores.push(Chore::HandIn(Input::Join(leader)));
        }
        self.hear_outcome(now);
        let is_due = match self.announced {
            Announced::Never => true,
            Announced::Again(at) => at <= now,
            // Whoever was evicted while it was away is alive all the same.
            Announced::Done => node.topology().get(node.raft().id()).is_none(),
            Announced::Asked(_) | Announced::Dismissed => false,
        };
        if is_due && let Some(registration) = &self.plan.registration {
            chores.push(Chore::Register(Registration { registered_at: wall, ..registration.clone() }));
        }
        chores
    }

    /// Returns where the outcome of a registration goes.
    pub(super) fn expect_outcome(&mut self) -> Outcome {
        let (outcome, awaited) = oneshot::channel();
        self.announced = Announced::Asked(awaited);
        outcome
    }

    fn hear_outcome(&mut self, now: Time) {
        let Announced::Asked(awaited) = &mut self.announced else { return };
        self.announced = match awaited.try_recv() {
            Ok(Ok(_)) => Announced::Done,
            Ok(Err(Rejected::TooOften { again_in, .. })) => Announced::Again(now + again_in),
            Ok(Err(rejected @ Rejected::Refused(_))) => {
                tracing::warn!(%rejected, "the node's registration is refused");
                Announced::Again(now + INTERVAL * 10)
            }
            Ok(Err(_)) | Err(oneshot::error::TryRecvError::Closed) => Announced::Never,
            Err(oneshot::error::TryRecvError::Empty) => return,
        };
    }

    /// Takes note of what happened.
    pub(super) fn note(&mut self, now: Time, own: NodeId, event: &Event) {
        let Event::Changed { what: Changed::Deregistered(node) | Changed::Drained(node), .. } = event else { return };
        if *node != own {
            return;
        }
        self.hear_outcome(now);
        // A log that is read back at a start tells of earlier lives, too: only what ends this one counts.
        if let Announced::Done = self.announced {
            tracing::warn!("the node was taken out of the topology: it stays out until it is started again");
            self.announced = Announced::Dismissed;
        }
    }
}
