//! What a node promises is on its disk before anyone hears it.

use delian_core::raft::{Appended, Ballot, Body, Role};
use delian_core::wire::Ticket;
use delian_core::{Message, NodeId, Position};

use super::{Breach, Invariant, View};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct PromisesAreDurable;

impl Invariant for PromisesAreDurable {
    const NAME: &'static str = "promises-are-durable";
    const SENTENCE: &'static str = "A vote, a request for votes, an append answer or a forward leaves a node only when its disk holds what it says.";
}

pub(super) fn on_send(id: NodeId, to: NodeId, message: &Message, view: &impl View) -> Result<(), Breach> {
    let message = match message {
        Message::Raft(message) => message,
        Message::Forward(forward) => return on_forward(id, forward.ticket, view),
        Message::ReadIndex(asked) => return on_forward(id, asked.ticket, view),
        Message::Answer(_)
        | Message::Visitor { .. }
        | Message::ReadIndexAnswer(_)
        | Message::Heartbeat(_)
        | Message::Pull(_)
        | Message::PullAnswer(_) => return Ok(()),
    };
    match message.body {
        Body::VoteAnswer(Ballot::Granted) => on_grant(id, to, message.term, view),
        Body::AppendAnswer { appended: Appended::Matched(index), .. } => {
            let Some(term) = view.node(id).and_then(|node| node.raft().log().term_at(index)) else { return Ok(()) };
            let position = Position::new(term, index);
            if holds(id, position, view) {
                return Ok(());
            }
            Err(PromisesAreDurable::breach(vec![
                format!("{id} told {to} that its log matches up to {position}"),
                format!("its disk does not hold {position}"),
            ]))
        }
        Body::Vote { last, candidacy: _ } => on_request(id, message.term, last, view),
        // Everything else asks, tells or refuses, and a crash may forget that it was said.
        Body::PreVote { .. }
        | Body::PreVoteAnswer(_)
        | Body::VoteAnswer(Ballot::Refused)
        | Body::Append(_)
        | Body::AppendAnswer { appended: Appended::Conflict { .. } | Appended::SnapshotRefused(_), .. }
        | Body::Heartbeat { .. }
        | Body::HeartbeatAnswer { .. }
        | Body::Commit { .. }
        | Body::Snapshot { .. }
        | Body::Outdated
        | Body::Stranger { .. }
        | Body::Chunk { .. }
        | Body::ChunkAnswer { .. }
        | Body::TimeoutNow { .. } => Ok(()),
    }
}

fn on_grant(id: NodeId, to: NodeId, term: delian_core::Term, view: &impl View) -> Result<(), Breach> {
    if holds_vote(id, term, to, view) {
        return Ok(());
    }
    Err(PromisesAreDurable::breach(vec![
        format!("{id} gave {to} its vote of {term}"),
        "its disk does not hold that vote".to_string(),
    ]))
}

/// A forward is told from those of other runs by the sender's memory and boot, so no crash may bring them about again.
fn on_forward(id: NodeId, ticket: Ticket, view: &impl View) -> Result<(), Breach> {
    let on_disk = view.disk(id).map(|disk| (disk.hard_state.incarnation, disk.hard_state.boot));
    if on_disk == Some((Some(ticket.incarnation), ticket.boot)) {
        return Ok(());
    }
    Err(PromisesAreDurable::breach(vec![
        format!("{id} forwarded a command under {ticket:?}"),
        format!("its disk holds {on_disk:?}"),
    ]))
}

/// A candidate that forgot its term or the end of its log could ask for the same votes again, for a shorter log.
fn on_request(id: NodeId, term: delian_core::Term, last: Position, view: &impl View) -> Result<(), Breach> {
    let Some(raft) = view.node(id).map(delian_core::Node::raft) else { return Ok(()) };
    // A request that waited while another won the term is moot, and what it named may be replaced since.
    if raft.term() != term || matches!(raft.role(), Role::Follower) || !raft.log().contains(last) {
        return Ok(());
    }
    let (holds_vote, holds_log) = (holds_vote(id, term, id, view), holds(id, last, view));
    if holds_vote && holds_log {
        return Ok(());
    }
    Err(PromisesAreDurable::breach(vec![
        format!("{id} asked for votes of {term} for a log that ends at {last}"),
        format!("its disk holds its own vote: {holds_vote}; it holds {last}: {holds_log}"),
    ]))
}

fn holds(id: NodeId, position: Position, view: &impl View) -> bool {
    position == Position::ZERO || view.disk(id).is_some_and(|disk| super::holds(disk, position))
}

fn holds_vote(id: NodeId, term: delian_core::Term, candidate: NodeId, view: &impl View) -> bool {
    let on_disk = view.disk(id).map(|disk| disk.hard_state);
    on_disk.is_some_and(|on_disk| on_disk.term == term && on_disk.voted_for == Some(candidate))
}
