//! What may happen in a state, in an order that is a function of the state alone.

use delian_core::projection::Deadline;
use delian_core::raft::{Pace, Role};
use delian_core::{Node, NodeId, WakeReason};

use super::cell::NOW;
use super::model::{Asking, Disk, Model, Network, UNBOUNDED, id_of};
use super::state::State;
use crate::explore::flight::Way;

/// One thing that may happen; places are those of what is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A message arrives, or in the queue of [`Network::Delay`] a flush is done.
    Deliver(u8),
    /// A message gets lost.
    Lose(u8),
    /// A message arrives, and a copy of it is still on its way.
    Duplicate(u8),
    /// The first message is overtaken by all others.
    Delay,
    /// The disk of a node does all that waits for it.
    Flush(u8),
    /// A deadline of a node is due.
    Fire(u8, Deadline),
    /// An instant passes that a node looks at only when something else happens.
    Lapse(u8, Deadline),
    /// A client gives a node the next command.
    Client(u8),
    /// A client asks a node for a read.
    Read(u8),
    /// A node loses power, keeps this many of the writes that waited, and starts again.
    Crash(u8, u8),
    /// A node loses its disk, and starts again with an empty one.
    Wipe(u8),
    /// An operator asks a node for one of the model's changes of the quorum.
    Change(u8, u8),
    /// An operator asks a node to hand over to another.
    Transfer(u8, u8),
    /// An operator tells a node to forget its leader.
    Forget(u8),
}

/// Appends what may happen.
pub(super) fn enabled(model: &Model, state: &State, into: &mut Vec<Action>) {
    deliveries(model, state, into);
    // In a queue, what happens on its own while messages are on their way is a deviation.
    let is_free = !matches!(model.network, Network::Delay { .. }) || state.flight.is_empty();
    if is_free || state.left.deviations > 0 {
        for number in 0..model.size() {
            spontaneous(model, state, number, into);
        }
    }
}

fn deliveries(model: &Model, state: &State, into: &mut Vec<Action>) {
    let left = (state.left.duplicates, state.left.deviations);
    state.flight.ways(model.network, left, |way| {
        into.push(match way {
            Way::Deliver(place) => Action::Deliver(place),
            Way::Lose(place) => Action::Lose(place),
            Way::Duplicate(place) => Action::Duplicate(place),
            Way::Delay => Action::Delay,
        });
    });
}

fn spontaneous(model: &Model, state: &State, number: u8, into: &mut Vec<Action>) {
    let cell = state.scene.cell(number);
    let (node, left) = (&cell.node, &state.left);
    let waiting = cell.waiting.len() as u8;
    if model.disk == Disk::Slow && waiting > 0 && !matches!(model.network, Network::Delay { .. }) {
        into.push(Action::Flush(number));
    }
    for deadline in model.deadlines {
        if !may_pass(state, number, *deadline) {
            continue;
        }
        if may_fire(state, node, *deadline) {
            into.push(Action::Fire(number, *deadline));
        } else if may_lapse(node, *deadline) {
            into.push(Action::Lapse(number, *deadline));
        } else if *deadline == Deadline::Lease && state.is_counted_on_by(number) {
            into.push(Action::Lapse(number, Deadline::Lease));
        }
    }
    let leads = node.raft().is_leader();
    let takes_commands = match model.asking {
        Asking::AtLeaders => leads,
        Asking::Anywhere | Asking::Retrying => node.raft().leader().is_some(),
    };
    if takes_commands && left.commands > 0 {
        into.push(Action::Client(number));
    }
    if left.reads > 0 && node.raft().leader().is_some() {
        into.push(Action::Read(number));
    }
    if left.crashes > 0 {
        into.extend((0..=waiting).map(|kept| Action::Crash(number, kept)));
    }
    if left.wipes > 0 {
        into.push(Action::Wipe(number));
    }
    if leads && left.changes > 0 {
        let unasked = (0..model.changes.len() as u8).filter(|change| state.asked & 1 << change == 0);
        into.extend(unasked.map(|change| Action::Change(number, change)));
    }
    if leads && left.transfers > 0 && node.raft().term().get() < u64::from(left.terms) {
        let others = (0..model.size()).filter(|other| *other != number && is_voter(node, id_of(*other)));
        into.extend(others.map(|other| Action::Transfer(number, other)));
    }
    if left.forgets > 0 && matches!(node.raft().role(), Role::Follower) && node.raft().leader().is_some() {
        into.push(Action::Forget(number));
    }
}

fn is_voter(node: &Node, id: NodeId) -> bool {
    node.raft().configuration().is_voter(id)
}

/// Whether an instant of a node may come before the others. Where leases are, an election timeout after a promise to a
/// leader ends later than any lease that counts on it, unless clocks drift beyond the bound.
fn may_pass(state: &State, number: u8, deadline: Deadline) -> bool {
    let is_later = matches!(deadline, Deadline::Election | Deadline::Presumption);
    !is_later || !state.is_bound(number) || state.left.drifts > 0
}

fn may_fire(state: &State, node: &Node, deadline: Deadline) -> bool {
    let left = &state.left;
    let raft = node.raft();
    match deadline {
        Deadline::Election => {
            !raft.is_leader()
                && left.elections > 0
                && (raft.term().get() < u64::from(left.terms) || left.terms == UNBOUNDED)
                && node.next_wake().is_some_and(|wake| wake.why == WakeReason::Election)
        }
        Deadline::Heartbeat => raft.is_leader() && left.heartbeats > 0,
        Deadline::QuorumCheck => raft.is_leader() && left.checks > 0,
        Deadline::TransferAbort => raft.transfer_target().is_some(),
        Deadline::Presumption
        | Deadline::Lease
        | Deadline::LeaseMeasured
        | Deadline::SnapshotResend
        | Deadline::Command
        | Deadline::Read
        | Deadline::Handover
        | Deadline::Autopilot => false,
    }
}

/// Whether an instant lies ahead that a node looks at when something else happens.
fn may_lapse(node: &Node, deadline: Deadline) -> bool {
    let raft = node.raft();
    match deadline {
        Deadline::Presumption => raft.leader_presumed_until() > NOW,
        Deadline::SnapshotResend => {
            let Role::Leader(leadership) = raft.role() else { return false };
            leadership.progress().iter().any(|(_, progress)| {
                matches!(progress.pace, Pace::Snapshot { resend_at: Some(resend_at), .. } if resend_at > NOW)
            })
        }
        Deadline::Election
        | Deadline::Heartbeat
        | Deadline::QuorumCheck
        | Deadline::TransferAbort
        | Deadline::Lease
        | Deadline::LeaseMeasured
        | Deadline::Command
        | Deadline::Read
        | Deadline::Handover
        | Deadline::Autopilot => false,
    }
}
