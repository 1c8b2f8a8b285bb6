//! What may happen in a state, in an order that is a function of the state alone.

use delian_core::health::Reach;
use delian_core::topology::Condition;

use super::model::{Model, id_of};
use super::state::State;

/// One thing that may happen. Voters and nodes are told by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A client, or the node itself, asks whoever leads for a command.
    Ask(Wish, u8),
    /// The first command that waits is committed.
    Commit,
    /// A voter applies the next committed command.
    Apply(u8),
    /// A voter applies all committed commands in one step, or a snapshot of them.
    CatchUp(u8),
    /// A node beats, for the life in which it is registered.
    Beat(u8, Mood),
    /// A voter hears one of the heartbeats that were ever sent.
    Hear(u8, u8),
    /// A voter is told by its failure detector how a node can be reached.
    Tell(u8, u8, Reach),
    /// The clock of a voter goes on.
    Tick(u8),
    /// A voter sleeps, and finds its clock far ahead.
    Pause(u8),
    /// A voter takes over; so many of the commands that wait are in its log.
    Elect(u8, u8),
    /// A voter hears that its reign is over.
    StepDown(u8),
}

/// What is asked for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// It registers, again or for the first time.
    Register,
    /// It is removed, in whichever life.
    Farewell,
    /// It is to leave in time.
    Drain,
    /// It is to stay after all.
    Stay,
    /// All that it held is elsewhere.
    Moved,
}

/// How a node says that it fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mood {
    /// As well as can be.
    Good,
    /// Badly.
    Poor,
}

/// Appends what may happen.
pub(super) fn enabled(model: &Model, state: &State, into: &mut Vec<Action>) {
    if !state.tail.is_empty() {
        into.push(Action::Commit);
    }
    for node in 0..model.nodes {
        of_node(model, state, node, into);
    }
    for voter in 0..model.voters {
        of_voter(state, voter, into);
    }
}

fn of_node(model: &Model, state: &State, node: u8, into: &mut Vec<Action>) {
    let left = &state.left;
    let member = state.committed().get(id_of(node));
    let takes = state.tail.len() < usize::from(model.tail_max);
    let mut ask = |wish, may| {
        if takes && may {
            into.push(Action::Ask(wish, node));
        }
    };
    ask(Wish::Register, left.registrations > 0);
    ask(Wish::Farewell, left.farewells > 0 && member.is_some());
    let leaves = member.is_some_and(|member| member.condition == Condition::Leaving);
    ask(Wish::Drain, left.drains > 0 && member.is_some() && !leaves);
    ask(Wish::Stay, left.drains > 0 && leaves);
    ask(Wish::Moved, left.drains > 0 && leaves);
    if member.is_some() && left.beats > 0 {
        into.push(Action::Beat(node, Mood::Good));
        if left.complaints > 0 {
            into.push(Action::Beat(node, Mood::Poor));
        }
    }
}

fn of_voter(state: &State, number: u8, into: &mut Vec<Action>) {
    let (left, voter) = (&state.left, state.voter(number));
    let behind = state.behind(number);
    if behind > 0 {
        into.push(Action::Apply(number));
    }
    if behind > 1 {
        into.push(Action::CatchUp(number));
    }
    into.extend((0..).zip(&state.sent).map(|(place, _)| Action::Hear(number, place)));
    if left.words > 0 {
        for (node, held) in (0..).zip(&voter.words) {
            let others = [Reach::Unknown, Reach::Reachable, Reach::Unreachable].into_iter().filter(|it| it != held);
            into.extend(others.map(|reach| Action::Tell(number, node, reach)));
        }
    }
    if left.ticks > 0 {
        into.push(Action::Tick(number));
    }
    if left.pauses > 0 {
        into.push(Action::Pause(number));
    }
    if voter.leads && state.leader != number {
        into.push(Action::StepDown(number));
    }
    // Whoever still believes that it leads hears that it does not before it leads again.
    if left.elections > 0 && !voter.leads {
        into.extend((0..=state.tail.len()).map(|kept| Action::Elect(number, kept as u8)));
    }
}
