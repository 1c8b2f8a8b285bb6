//! Where the health of nodes meets the log and the pools: heartbeats go out and come in, registrations and conditions are
//! taken in as they commit, and what the leader finds becomes a command.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

pub use crate::health::{HealthConfig, HealthSettings};

use super::Node;
use super::registrations::Registrations;
use super::witness::{News, Witness};
use crate::health::{Health, Heartbeat, HeartbeatError, Reach, Sample};
use crate::ids::{Boot, Epoch, NodeId};
use crate::io::{Effect, Event, Outbox};
use crate::raft::Raft;
use crate::swim;
use crate::time::Time;
use crate::topology::Topology;
use crate::wire::Message;

/// What one node knows of the health of others, and what it says of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Monitor {
    witness: Witness,
    beats: Beats,
    pub(super) registrations: Registrations,
}

/// The heartbeats of this node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Beats {
    /// What the embedder measured last.
    sample: Option<Sample>,
    /// The life in which the node is registered, as far as it knows.
    registered: Option<Epoch>,
    /// How many it sent since it started.
    count: u32,
    due_at: Time,
}

impl Monitor {
    pub(super) fn new(now: Time, settings: &Arc<HealthSettings>) -> Self {
        let beats = Beats { sample: None, registered: None, count: 0, due_at: Time::NEVER };
        let health = Health::new(now, Arc::clone(settings));
        Self { witness: Witness::new(health), beats, registrations: Registrations::default() }
    }

    pub(super) fn next_wake(&self, raft: &Raft) -> Time {
        // Nothing is said before the boot is on disk, and that the write is done is an input by itself.
        let beats_at = if raft.boot_is_durable() { self.beats.due_at } else { Time::NEVER };
        self.witness.health.next_at().min(beats_at)
    }

    pub(super) const fn health(&self) -> &Health {
        &self.witness.health
    }

    /// Takes in who is registered and what was agreed on since it last looked. Returns whose life is new to it.
    fn take_in(&mut self, now: Time, me: NodeId, topology: &Topology, out: &mut Outbox) -> Vec<NodeId> {
        if !self.witness.is_behind(topology) {
            return Vec::new();
        }
        let news = self.witness.take_in(now, topology);
        let registered = topology.get(me).map(|member| member.registered);
        if registered != self.beats.registered {
            // The first heartbeat of a life says at once that it is there.
            self.beats.registered = registered;
            self.beats.due_at = if self.beats.may_beat() { now } else { Time::NEVER };
        }
        let newcomer = |news| match news {
            News::Life(node) => Some(node),
            News::Failed { node, epoch, condition } => {
                out.emit(Event::NodeFailed { node, epoch, condition });
                None
            }
            News::Recovered { node, epoch } => {
                out.emit(Event::NodeRecovered { node, epoch });
                None
            }
        };
        news.into_iter().filter_map(newcomer).collect()
    }

    /// Takes in whether this node leads, and looks at who has become silent, if it is one of those that hear heartbeats.
    fn look(&mut self, now: Time, leads: bool, hears: bool, out: &mut Outbox) {
        if let Some(doubt) = self.witness.look(now, leads, hears) {
            let (watched, overdue) = self.witness.health.watched();
            out.emit(Event::SelfSuspicion { doubt, watched, overdue });
        }
    }
}

impl Beats {
    const fn may_beat(&self) -> bool {
        self.sample.is_some() && self.registered.is_some()
    }

    /// Returns the next heartbeat, if one is due.
    fn next(&mut self, now: Time, me: NodeId, boot: Boot, health: &Health) -> Option<Heartbeat> {
        let (sample, epoch) = (self.sample.filter(|_| self.due_at <= now)?, self.registered?);
        self.due_at = now + health.settings().beat_interval();
        self.count = self.count.saturating_add(1);
        // A life may span restarts, and each has a boot of its own.
        let sequence = boot.get().saturating_mul(1 << 32).saturating_add(u64::from(self.count));
        Some(Heartbeat { node: me, epoch, sequence, sample })
    }
}

impl Node {
    /// Takes in what the embedder measured of its node, which the next heartbeat says, if it can be true.
    pub(super) fn on_observed(&mut self, now: Time, sample: Sample, out: &mut Outbox) {
        let Some(monitor) = &mut self.monitor else { return };
        if let Err(why) = sample.check(self.raft.id()) {
            return out.emit(Event::HeartbeatRejected { from: self.raft.id(), why });
        }
        let began = monitor.beats.may_beat();
        monitor.beats.sample = Some(sample);
        if !began && monitor.beats.may_beat() {
            monitor.beats.due_at = now;
        }
    }

    pub(super) fn on_heartbeat(&mut self, now: Time, from: NodeId, heartbeat: &Heartbeat, out: &mut Outbox) {
        let Some(monitor) = &mut self.monitor else { return };
        let is_own = from == heartbeat.node;
        let heard = if is_own {
            monitor.witness.health.hear(now, heartbeat)
        } else {
            Err(HeartbeatError::Foreign(heartbeat.node))
        };
        if let Err(why) = heard {
            out.emit(Event::HeartbeatRejected { from, why });
        }
    }

    /// Takes in what this step changed, looks at who has become silent, proposes what it finds, and beats.
    pub(super) fn tend_health(&mut self, now: Time, out: &mut Outbox) {
        let Some(mut monitor) = self.monitor.take() else { return };
        let newcomers = monitor.take_in(now, self.raft.id(), self.topology(), out);
        for node in newcomers {
            // A pool that holds it dead may have found that of an earlier life. If this one is dead, too, it says nothing
            // from here on, and its silence tells.
            let reach = match self.reach_of(node) {
                Reach::Reachable => Reach::Reachable,
                Reach::Unreachable | Reach::Unknown => Reach::Unknown,
            };
            monitor.witness.health.reach(now, node, reach);
        }
        for node in touched_in_pools(out) {
            monitor.witness.health.reach(now, node, self.reach_of(node));
        }
        let hears = self.raft.configuration().is_voter(self.raft.id());
        monitor.look(now, self.raft.is_leader(), hears, out);
        while let Some((node, command)) = monitor.witness.propose(now) {
            if self.propose_own(command, out).is_err() {
                monitor.witness.health.refused(now, node);
            }
        }
        if self.raft.boot_is_durable()
            && let Some(heartbeat) = monitor.beats.next(now, self.raft.id(), self.raft.boot(), &monitor.witness.health)
        {
            for voter in self.who_hears_heartbeats() {
                if voter != heartbeat.node {
                    out.push(Effect::Send(voter, Message::Heartbeat(heartbeat)));
                } else if let Err(why) = monitor.witness.health.hear(now, &heartbeat) {
                    out.emit(Event::HeartbeatRejected { from: voter, why });
                }
            }
        }
        self.monitor = Some(monitor);
    }

    /// Returns the voters, by the log; outside of it also those whose cards say so and whoever is known to lead.
    fn who_hears_heartbeats(&self) -> BTreeSet<NodeId> {
        let mut voters = self.raft.configuration().voters.clone();
        if self.is_outside_of_the_log() {
            voters.extend(self.pools.iter().flat_map(|pools| pools.voters()));
            voters.extend(self.known_leader().map(|(_, leader)| leader).filter(|leader| *leader != self.raft.id()));
        }
        voters
    }

    /// Returns whether anybody reaches a node, by the pools that it shares with this one.
    fn reach_of(&self, node: NodeId) -> Reach {
        let Some(pools) = &self.pools else { return Reach::Unknown };
        let states = pools.states_of(node).map(|state| match state {
            swim::State::Alive | swim::State::Suspect => Reach::Reachable,
            swim::State::Dead | swim::State::Left => Reach::Unreachable,
        });
        // Whoever is reached in one pool is reached.
        states.min_by_key(|reach| *reach != Reach::Reachable).unwrap_or_default()
    }
}

/// Returns whom the events of the pools in this step are about.
fn touched_in_pools(out: &Outbox) -> Vec<NodeId> {
    let subject = |event: &Event| {
        let Event::Pool { event, .. } = event else { return None };
        match **event {
            swim::Event::Joined(ref card, _) => Some(card.id),
            swim::Event::Recovered(node, _) | swim::Event::Died(node, _) => Some(node),
            swim::Event::Left { member, .. } => Some(member),
            swim::Event::Updated(..)
            | swim::Event::Suspected { .. }
            | swim::Event::Refuted(_)
            | swim::Event::Yielded { .. }
            | swim::Event::NameConflict { .. }
            | swim::Event::Isolated
            | swim::Event::Reunited
            | swim::Event::HealthChanged(_)
            | swim::Event::Departed(_)
            | swim::Event::ForeignPool(..)
            | swim::Event::Implausible(..)
            | swim::Event::Full(_)
            | swim::Event::BroadcastDropped(..)
            | swim::Event::MetadataTooLarge { .. }
            | swim::Event::BroadcastTooLarge { .. } => None,
        }
    };
    out.events().filter_map(subject).collect()
}
