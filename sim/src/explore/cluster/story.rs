//! What happens and what it changes, in the words of traces.

use delian_core::projection::Deadline;
use delian_core::{Node, RequestId};

use super::Cluster;
use super::action::Action;
use super::model::id_of;
use super::network::Item;
use super::state::State;
use crate::trace;

impl Cluster {
    pub(super) fn describe_action(&self, state: &State, action: Action) -> String {
        let item = |place: u8| tell_item(&state.on_their_way()[usize::from(place)]);
        match action {
            Action::Deliver(place) => match &state.on_their_way()[usize::from(place)] {
                Item::Letter(letter) => {
                    let (from, to) = (id_of(letter.from), id_of(letter.to));
                    format!("{to} receives {from} {}", trace::describe(&letter.message))
                }
                Item::Flush(number) => format!("{} flushes its disk", id_of(*number)),
            },
            Action::Lose(place) => format!("lost: {}", item(place)),
            Action::Duplicate(place) => format!("doubled, one copy arrives: {}", item(place)),
            Action::Delay => format!("overtaken by all others: {}", item(0)),
            Action::Flush(number) => format!("{} flushes its disk", id_of(number)),
            Action::Fire(number, Deadline::Election) => format!("{} misses its leader", id_of(number)),
            Action::Fire(number, Deadline::Heartbeat) => format!("{} sends heartbeats", id_of(number)),
            Action::Fire(number, Deadline::QuorumCheck) => format!("{} checks its quorum", id_of(number)),
            Action::Fire(number, Deadline::TransferAbort) => format!("{} gives up its hand-over", id_of(number)),
            Action::Fire(number, deadline) => format!("at {} the deadline {deadline:?} is due", id_of(number)),
            Action::Lapse(number, Deadline::Presumption) => {
                format!("{} presumes no leader any longer", id_of(number))
            }
            Action::Lapse(number, Deadline::Lease) => format!("the lease of {} runs out", id_of(number)),
            Action::Lapse(number, deadline) => format!("at {} the deadline {deadline:?} passes", id_of(number)),
            Action::Client(number) => {
                let budget = self.model().budgets.commands;
                let request = RequestId::new(u64::from(budget - state.left().commands) + 1);
                format!("{} is given command {request}", id_of(number))
            }
            Action::Read(number) => format!("{} is asked for a read", id_of(number)),
            Action::Crash(number, kept) => {
                format!("{} crashes, keeps {kept} of the writes on their way, and starts again", id_of(number))
            }
            Action::Wipe(number) => format!("{} loses its disk and starts again with an empty one", id_of(number)),
            Action::Change(number, change) => {
                format!("{} is asked for {:?}", id_of(number), self.model().changes[usize::from(change)])
            }
            Action::Transfer(number, to) => format!("{} is asked to hand over to {}", id_of(number), id_of(to)),
            Action::Forget(number) => format!("{} is told to forget its leader", id_of(number)),
        }
    }
}

pub(super) fn tell_item(item: &Item) -> String {
    match item {
        Item::Letter(letter) => {
            let (from, to) = (id_of(letter.from), id_of(letter.to));
            format!("{from} to {to} {}", trace::describe(&letter.message))
        }
        Item::Flush(number) => format!("the flush of {}", id_of(*number)),
    }
}

/// Says of each node that changed what it is after it.
pub(super) fn changes(before: &State, after: &State) -> Vec<String> {
    let pairs = before.nodes().zip(after.nodes());
    pairs.map(|(before, after)| (summary(before), summary(after))).filter(|(b, a)| b != a).map(|(_, a)| a).collect()
}

/// A node in one line.
fn summary(node: &Node) -> String {
    let status = node.status();
    let durable = (status.durable < status.last.index).then(|| format!(" (on disk {})", status.durable));
    let vote = node.raft().voted_for().map(|candidate| format!(" voted {candidate}"));
    let leader = status.leader.filter(|leader| *leader != status.id).map(|leader| format!(" follows {leader}"));
    let halted = status.halted.map(|halt| format!(" HALTED: {halt}"));
    let mut line = format!("{} {} {} log {}", status.id, status.term, status.role, status.last);
    line.extend(durable);
    line.extend([" commit ", &status.commit.to_string()]);
    line.extend([vote, leader, halted].into_iter().flatten());
    line
}
