//! What each node heard of each other one, and when: a second implementation of the core's watch, too dumb to be wrong.

use std::collections::BTreeMap;

use delian_core::health::Heartbeat;
use delian_core::topology::Changed;
use delian_core::{Epoch, Event, NodeId, Time, swim};

use super::super::View;

/// Everything that nodes heard since they started, by their own monotonic clocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Watches {
    /// By who heard and of whom.
    heard: BTreeMap<(NodeId, NodeId), Heard>,
    /// Since when a node leads.
    leads: BTreeMap<NodeId, Time>,
    /// Since when a node holds another one dead, by its pool.
    lost: BTreeMap<(NodeId, NodeId), Time>,
}

/// The last sign of one life.
#[derive(Clone, Copy, Debug)]
struct Heard {
    epoch: Epoch,
    /// The number of the last heartbeat; zero before the first.
    sequence: u64,
    /// When it came, or when the life was registered.
    at: Time,
}

impl Watches {
    /// Takes in that a node started: it knows nothing.
    pub(super) fn begin(&mut self, id: NodeId) {
        self.heard.retain(|(by, _), _| *by != id);
        self.lost.retain(|(by, _), _| *by != id);
        self.leads.remove(&id);
    }

    /// Takes in a heartbeat, if it is a true one of the registered life and new.
    pub(super) fn hear(&mut self, id: NodeId, heartbeat: &Heartbeat, view: &impl View) {
        let (Some(node), Some(now)) = (view.node(id), view.clock(id)) else { return };
        let Heartbeat { node: of, epoch, sequence, sample } = *heartbeat;
        let is_registered = node.topology().get(of).is_some_and(|member| member.registered == epoch);
        if !is_registered || sample.score > 1000 || sample.free > sample.total {
            return;
        }
        let before = self.heard.get(&(id, of)).filter(|heard| heard.epoch == epoch);
        if before.is_none_or(|heard| heard.sequence < sequence) {
            self.heard.insert((id, of), Heard { epoch, sequence, at: now });
        }
    }

    /// Takes in what a node tells of itself, its log and its pool.
    pub(super) fn on_event(&mut self, id: NodeId, event: &Event, view: &impl View) {
        let Some(now) = view.clock(id) else { return };
        if let Event::BecameLeader { .. } = event {
            self.leads.insert(id, now);
        } else if let Event::SteppedDown { .. } = event {
            self.leads.remove(&id);
        } else if let Event::Changed { epoch, what: Changed::Registered(node) | Changed::Updated(node), .. } = event {
            self.heard.insert((id, *node), Heard { epoch: *epoch, sequence: 0, at: now });
        } else if let Event::Pool { event, .. } = event {
            if let swim::Event::Died(node, _) | swim::Event::Left { member: node, .. } = **event {
                self.lost.entry((id, node)).or_insert(now);
            } else if let swim::Event::Recovered(node, _) = **event {
                self.lost.remove(&(id, node));
            } else if let swim::Event::Joined(ref card, _) = **event {
                self.lost.remove(&(id, card.id));
            }
        }
    }

    /// Returns since when a node may count another one's silence: since it heard of that life last, and since it leads.
    pub(super) fn silent_since(&self, id: NodeId, node: NodeId, epoch: Epoch) -> Option<Time> {
        let heard = self.heard.get(&(id, node)).filter(|heard| heard.epoch == epoch).map(|heard| heard.at);
        heard.max(self.leads.get(&id).copied())
    }

    /// Returns since when a node may count that nobody reaches another one: since its pool says so, and since it leads.
    pub(super) fn lost_since(&self, id: NodeId, node: NodeId) -> Option<Time> {
        let lost = self.lost.get(&(id, node)).copied()?;
        Some(self.leads.get(&id).map_or(lost, |leads| lost.max(*leads)))
    }
}
