//! How a member leaves: it tells others itself, and goes when enough of them said that they heard.
//!
//! A leave is its own state and no death: it counts only from the member itself, or from those who heard it from there.

use alloc::collections::BTreeSet;

use super::io::{Carrier, Event};
use super::members::{Members, Record, State};
use super::packet::{Body, News};
use super::projection::Deadline;
use super::state::Standing;
use super::{Sender, Swim, Turn};
use crate::ids::NodeId;
use crate::time::Time;

/// A leave under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leaving {
    heard_by: BTreeSet<NodeId>,
    again_at: Time,
    until: Time,
}

impl Leaving {
    pub(super) fn next_at(&self) -> Time {
        self.again_at.min(self.until)
    }

    pub(super) fn map_instants(&mut self, map: &mut dyn FnMut(Deadline, Time) -> Time) {
        self.again_at = map(Deadline::LeaveAgain, self.again_at);
        self.until = map(Deadline::LeaveEnd, self.until);
    }
}

impl<M: Members> Swim<M> {
    pub(super) fn leave(&mut self, turn: &mut Turn<'_>) {
        if matches!(self.standing, Standing::Leaving(_)) {
            return;
        }
        let until = turn.now + self.settings.leave_timeout;
        self.standing = Standing::Leaving(Leaving { heard_by: BTreeSet::new(), again_at: turn.now, until });
        let (member, incarnation) = (self.me.id, self.incarnation);
        self.see(turn, self.my_slot, Record { incarnation, state: State::Left });
        self.spread(self.my_slot, News::Left { member, incarnation });
        self.leave_if_due(turn);
    }

    pub(super) fn leave_if_due(&mut self, turn: &mut Turn<'_>) {
        let others = self.members.reachable();
        let wanted = self.settings.leave_acknowledgements.min(others);
        let Standing::Leaving(leaving) = &mut self.standing else { return };
        let heard = leaving.heard_by.len();
        if heard >= wanted || leaving.until <= turn.now {
            self.standing = Standing::Departed;
            return turn.out.emit(Event::Departed(heard));
        }
        if leaving.again_at > turn.now {
            return;
        }
        leaving.again_at = turn.now + self.settings.probe_timeout;
        for slot in self.draw_members(wanted, None) {
            if let Some(address) = turn.directory.card(slot).map(|card| card.address) {
                self.send(turn, address, Carrier::Datagram, Body::Leave, None);
            }
        }
    }

    /// Hears from a member itself that it leaves.
    pub(super) fn on_leave(&mut self, turn: &mut Turn<'_>, sender: Sender) {
        self.hear_left(turn, sender.id, sender.incarnation);
        if self.find(turn, sender.id).is_none_or(|(_, record)| record.state == State::Left) {
            self.send(turn, sender.address, Carrier::Datagram, Body::Farewell, None);
        }
    }

    pub(super) fn on_farewell(&mut self, turn: &mut Turn<'_>, from: NodeId) {
        if let Standing::Leaving(leaving) = &mut self.standing {
            leaving.heard_by.insert(from);
            self.leave_if_due(turn);
        }
    }
}
