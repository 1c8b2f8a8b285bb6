//! A path as a story: what happened at each step, in the words of traces, and what it changed.

use std::fmt::Write;

use delian_core::projection::Deadline;
use delian_core::{Node, RequestId};

use super::Cluster;
use super::action::Action;
use super::model::id_of;
use super::network::Item;
use super::state::State;
use crate::explore::{Path, System};
use crate::trace;

/// One step of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What happened.
    pub what: String,
    /// What is different after it: one line for each node that changed.
    pub changes: Vec<String>,
}

impl Cluster {
    /// Tells a path from the initial state on; it ends early at a step that is not enabled.
    ///
    /// The last step of a counter-example tells no changes: what it led to is what is broken.
    pub fn story(&self, path: &Path) -> Vec<Told> {
        let mut state = self.initial();
        let mut actions = Vec::new();
        let mut story = Vec::new();
        for place in &path.0 {
            actions.clear();
            self.actions(&state, &mut actions);
            let Some(action) = actions.get(usize::from(*place)) else { break };
            let what = self.tell(&state, *action);
            let before = state.clone();
            let stepped = self.step(&mut state, *action);
            let changes = if stepped.is_ok() { changes(&before, &state) } else { Vec::new() };
            story.push(Told { what, changes });
            if stepped.is_err() {
                break;
            }
        }
        story
    }

    /// Says what an action that is enabled in a state means.
    pub fn tell(&self, state: &State, action: Action) -> String {
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

/// Puts a story into numbered lines, and what each step changed below it.
pub fn in_lines(story: &[Told]) -> String {
    let mut text = String::new();
    for (step, Told { what, changes }) in story.iter().enumerate() {
        write(&mut text, format_args!("{:>4}  {what}\n", step + 1));
        for change in changes {
            write(&mut text, format_args!("          {change}\n"));
        }
    }
    text
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
fn changes(before: &State, after: &State) -> Vec<String> {
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

fn write(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes all that is written");
}
