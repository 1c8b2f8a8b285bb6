//! What happens and what it changes, in words.

use std::fmt::Write;

use delian_core::NodeId;
use delian_core::health::{Heartbeat, Reach};
use delian_core::topology::Command;

use super::action::{Action, Mood, Wish};
use super::model::{PAUSE, TICK, id_of};
use super::state::State;

pub(super) fn describe_action(state: &State, action: Action) -> String {
    match action {
        Action::Ask(wish, node) => {
            let node = id_of(node);
            match wish {
                Wish::Register => format!("{node} asks to be registered"),
                Wish::Farewell => format!("somebody asks to remove {node}"),
                Wish::Drain => format!("somebody asks {node} to leave"),
                Wish::Stay => format!("somebody asks {node} to stay"),
                Wish::Moved => format!("all that {node} held is said to be elsewhere"),
            }
        }
        Action::Commit => {
            let first = state.tail.first().map_or("nothing".to_owned(), |entry| describe(&entry.command));
            format!("committed: {first}")
        }
        Action::Apply(voter) => format!("{} applies the next epoch", name(voter)),
        Action::CatchUp(voter) => format!("{} applies {} epochs at once", name(voter), state.behind(voter)),
        Action::Beat(node, mood) => {
            let mood = if mood == Mood::Good { "well" } else { "badly" };
            format!("{} beats: it fares {mood}", id_of(node))
        }
        Action::Hear(voter, place) => {
            let Heartbeat { node, epoch, sequence, .. } = state.sent[usize::from(place)];
            format!("{} hears heartbeat {sequence} of {node} in {epoch}", name(voter))
        }
        Action::Tell(voter, node, reach) => {
            let reach = match reach {
                Reach::Unknown => "nothing is known of",
                Reach::Reachable => "somebody reaches",
                Reach::Unreachable => "nobody reaches",
            };
            format!("{} is told that {reach} {}", name(voter), id_of(node))
        }
        Action::Tick(voter) => format!("the clock of {} goes on by {TICK:?}", name(voter)),
        Action::Pause(voter) => format!("{} sleeps for {PAUSE:?}", name(voter)),
        Action::Elect(voter, kept) => {
            format!("{} takes over, with {kept} of {} commands that wait", name(voter), state.tail.len())
        }
        Action::StepDown(voter) => format!("{} hears that it does not lead", name(voter)),
    }
}

pub(super) fn describe_changes(before: &State, after: &State) -> Vec<String> {
    let lines = |state: &State| -> Vec<String> {
        let voters = (0..state.voters.len() as u8).map(|number| describe_voter(state, number));
        let waits: Vec<String> = state.tail.iter().map(|entry| describe(&entry.command)).collect();
        let last = state.committed().epoch();
        voters.chain([format!("committed up to {last}, waiting: [{}]", waits.join("; "))]).collect()
    };
    let (before, after) = (lines(before), lines(after));
    after.into_iter().filter(|line| !before.contains(line)).collect()
}

fn describe_voter(state: &State, number: u8) -> String {
    let voter = state.voter(number);
    let leads = match (voter.leads, state.leader == number) {
        (true, true) => " leads",
        (true, false) => " believes to lead",
        (false, _) => "",
    };
    let mut line = format!("{}{leads} at {} in {}:", name(number), voter.now, state.held(number).topology.epoch());
    for (node, word) in (0..).zip(&voter.words) {
        let Some(explained) = voter.witness.health.explain(voter.now, id_of(node)) else { continue };
        let (seen, agreed) = (explained.seen, explained.evidence.agreed);
        let (epoch, sequence, age) = (seen.epoch, seen.sequence, seen.age);
        let told = format_args!(" {} of {epoch} is {agreed}, heard {sequence} {age:?} ago, {word:?};", id_of(node));
        line.write_fmt(told).expect("a string takes all that is written");
    }
    line
}

/// Names a voter.
fn name(number: u8) -> String {
    format!("v{}", number + 1)
}

fn describe(command: &Command) -> String {
    let is = |node: &NodeId, what: String| format!("{node} {what}");
    match command {
        Command::Register(registration) => is(&registration.node, "registers".to_owned()),
        Command::Deregister(node) => is(node, "is removed".to_owned()),
        Command::Evict { node, epoch } => is(node, format!("of {epoch} is evicted")),
        Command::SetCondition { node, epoch, condition, cause } => {
            is(node, format!("of {epoch} is {condition}: {cause}"))
        }
        Command::Custom(_) => "a command of the embedder".to_owned(),
        Command::Drain { node, epoch, .. } => is(node, format!("of {epoch} is to leave")),
        Command::DrainProgress { node, epoch, moved } => is(node, format!("of {epoch} has handed over {moved} ‰")),
    }
}
