//! Where the autopilot meets the log: what a leader knows of each node, and what it proposes on advice; and how a node
//! that is in no configuration asks to join.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Node;
use super::autopilot::{Autopilot, Prospect, Standing};
use crate::ids::{Incarnation, NodeId};
use crate::io::{Effect, Event, Outbox};
use crate::raft::{Leadership, Role};
use crate::time::Time;
use crate::wire::Message;

impl Node {
    /// Lets the autopilot look at what the leader knows, and proposes what it advises.
    pub(super) fn steer(&mut self, now: Time, out: &mut Outbox) {
        let Some(settings) = &self.settings.autopilot else { return };
        let Role::Leader(leadership) = self.raft.role() else {
            if self.autopilot != Autopilot::default() {
                self.autopilot.forget();
            }
            return;
        };
        let prospects = self.prospects(leadership);
        let Some(advice) = self.autopilot.advise(now, settings, self.raft.id(), &prospects, &self.topology) else {
            return;
        };
        // Refused while an earlier change is under way: the next heartbeat brings the advice again, if it still holds.
        if self.raft.change_quorum(&advice.change, out).is_ok() {
            out.emit(Event::AutopilotProposed { advice: Box::new(advice) });
        }
    }

    /// Asks a node to be let in, or to hand that on to its leader; the caller asks again until the node is a member.
    pub(super) fn visit(&self, contact: NodeId, out: &mut Outbox) {
        // A memory that may be lost in a crash is none yet.
        if !self.raft.configuration().is_member(self.raft.id()) && self.raft.boot_is_durable() {
            let (node, incarnation) = (self.raft.id(), self.raft.incarnation());
            out.push(Effect::Send(contact, Message::Visitor { node, incarnation }));
        }
    }

    /// Remembers a visitor as leader, or hands it on to the leader.
    pub(super) fn on_visitor(&mut self, from: NodeId, node: NodeId, incarnation: Incarnation, out: &mut Outbox) {
        if self.raft.is_leader() {
            // A member speaks for its memory itself; hearsay about it may be old.
            if !self.raft.configuration().is_member(node) {
                self.raft.on_stranger(node, incarnation, out);
            }
        } else if let Some(leader) = self.raft.leader()
            && from == node
        {
            // Handed on once at most, so that nodes with different ideas of the leader do not play ball with it.
            out.push(Effect::Send(leader, Message::Visitor { node, incarnation }));
        }
    }

    /// What the leader knows of each member and visitor, in order of id.
    fn prospects(&self, leadership: &Leadership) -> Vec<Prospect> {
        let configuration = self.raft.configuration();
        let visitors = leadership.visitors().iter().map(|(node, incarnation)| Prospect {
            node: *node,
            standing: Standing::Outside,
            incarnation: Some(*incarnation),
            answers: true,
            lag: 0,
            forgot: false,
        });
        let members = configuration.members().map(|node| {
            let progress = leadership.progress().get(node);
            let own = node == self.raft.id();
            let lag = progress.map_or(0, |progress| self.raft.commit().distance_from(progress.matched));
            Prospect {
                node,
                standing: if configuration.is_voter(node) { Standing::Voter } else { Standing::Learner },
                incarnation: None,
                answers: own || progress.is_some_and(|progress| progress.heard || progress.answered),
                lag,
                forgot: progress.is_some_and(|progress| progress.stranger.is_some()),
            }
        });
        let mut prospects: Vec<Prospect> = members.chain(visitors).collect();
        prospects.sort_unstable_by_key(|prospect| prospect.node);
        prospects
    }
}
