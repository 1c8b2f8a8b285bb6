//! A state as plain data, beside the state before it: what a person sees who walks a model by hand.
//!
//! Everything is in words, in the order in which it is to be shown, and says of itself whether the last step brought it;
//! so whoever shows it knows nothing of nodes. Nothing here decides anything.

mod node;
mod about;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use self::about::About;
pub use self::node::NodePicture;

use super::action::Action;
use super::model::id_of;
use super::network::Item;
use super::state::State;
use super::story::tell_item;
use super::{Cluster, System};
use crate::explore::Path;
use crate::explore::path::FollowError;
use crate::explore::shipped::{Shipped, Told, in_lines};
use crate::invariants::Breach;

/// What lies at the end of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Picture {
    /// The path as text, for `delian check` and for people.
    pub path: String,
    /// The path as a story, in the form that `delian check` tells one.
    pub story: String,
    /// The steps of the path.
    pub steps: Vec<Step>,
    /// The nodes, in order.
    pub nodes: Vec<NodePicture>,
    /// What is on its way, in order.
    pub flight: Vec<Flying>,
    /// What was on its way before the last step and is not after it.
    pub landed: Vec<String>,
    /// How often each thing may still happen.
    pub budgets: Vec<Row>,
    /// What a state should show, and whether one on this path does.
    pub goals: Vec<GoalPicture>,
    /// What the last step broke, or what the state at its end breaks.
    pub breach: Option<BreachPicture>,
    /// What may happen next, by place; nothing after a breach.
    pub actions: Vec<Choice>,
}

/// One step of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The place of its action.
    pub place: u16,
    /// What happened.
    pub what: String,
    /// What each node that changed is after it.
    pub changes: Vec<String>,
}

/// One fact of several parts, compared with the same fact before the last step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What it is about.
    pub name: &'static str,
    /// Its parts.
    pub parts: Vec<Part>,
    /// The parts that it had before and has not any more.
    pub gone: Vec<String>,
}

/// One part of a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it says.
    pub text: String,
    /// How far an entry of a log has come.
    pub reach: Option<Reach>,
    /// Whether the last step brought it.
    pub is_new: bool,
}

/// How far an entry of a log has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// The node has it in memory alone.
    InMemory,
    /// Its disk has it.
    OnDisk,
    /// The node knows that it is committed.
    Committed,
}

/// Something on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flying {
    /// Its place, which actions name.
    pub place: usize,
    /// What it is.
    pub text: String,
    /// Whether the last step sent it.
    pub is_new: bool,
}

/// A goal of the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GoalPicture {
    /// Its name.
    pub name: &'static str,
    /// Whether it was met on the path.
    pub is_met: bool,
    /// Whether the last step met it.
    pub is_new: bool,
}

/// A broken property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BreachPicture {
    /// Its name.
    pub invariant: &'static str,
    /// It in one sentence.
    pub sentence: &'static str,
    /// The facts that contradict it.
    pub facts: Vec<String>,
    /// Whether the last step ended at it: the nodes are then those before that step.
    pub within_step: bool,
}

/// Something that may happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// Its place among all that may happen, which is what a path records.
    pub place: u16,
    /// What would happen.
    pub what: String,
    /// What kind of thing it is.
    pub kind: Kind,
    /// The place of what it takes from the network.
    pub item: Option<usize>,
}

/// What kind of thing may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Something on its way arrives.
    Arrival,
    /// The network fails.
    Network,
    /// A disk does what waits.
    Disk,
    /// Time passes.
    Time,
    /// A client or an operator asks for something.
    Request,
    /// A node fails.
    Crash,
}

impl Cluster {
    /// Follows a path and pictures what lies at its end.
    ///
    /// # Errors
    ///
    /// If a step is not enabled, or one before the last breaks a property.
    pub fn picture(&self, places: &[u16]) -> Result<Picture, FollowError> {
        let mut state = self.initial();
        let mut before = None;
        let mut actions = Vec::new();
        let mut breach = None;
        for (index, place) in places.iter().enumerate() {
            if let Some((breach, _)) = breach.take().or_else(|| self.judge(&state)) {
                return Err(FollowError::BrokenBefore { step: index, breach });
            }
            actions.clear();
            self.actions(&state, &mut actions);
            let Some(action) = actions.get(usize::from(*place)).copied() else {
                return Err(FollowError::NotEnabled { step: index + 1, place: *place, enabled: actions.len() });
            };
            let earlier = state.clone();
            breach = self.step(&mut state, action).err().map(|breach| (breach, true));
            before = Some(earlier);
        }
        let breach = breach.or_else(|| self.judge(&state));
        Ok(self.draw(places, before.as_ref().unwrap_or(&state), &state, breach))
    }

    /// Says what a state breaks.
    fn judge(&self, state: &State) -> Option<(Breach, bool)> {
        self.check(state).err().map(|breach| (breach, false))
    }

    fn draw(&self, places: &[u16], before: &State, state: &State, breach: Option<(Breach, bool)>) -> Picture {
        let path = Path(places.to_vec());
        let step = |(place, Told { what, changes }): (&u16, Told)| Step { place: *place, what, changes };
        let choices = if breach.is_some() { Vec::new() } else { self.choices(state) };
        let (flight, landed) = flying(before, state);
        let story = self.story(&path);
        Picture {
            story: in_lines(&story),
            steps: places.iter().zip(story).map(step).collect(),
            nodes: before
                .scene
                .cells()
                .iter()
                .zip(state.scene.cells())
                .map(|(before, after)| NodePicture::of(before, after))
                .collect(),
            flight,
            landed,
            budgets: about::budgets(self.model(), before.left(), state.left()),
            goals: self.pictured_goals(before, state),
            breach: breach.map(|(Breach { invariant, sentence, facts }, within_step)| BreachPicture {
                invariant,
                sentence,
                facts,
                within_step,
            }),
            actions: choices,
            path: path.to_string(),
        }
    }

    fn pictured_goals(&self, before: &State, state: &State) -> Vec<GoalPicture> {
        let (earlier, met) = (self.reached(before), self.reached(state));
        let goal = |(place, name): (usize, &&'static str)| {
            let bit = 1 << place;
            GoalPicture { name, is_met: met & bit != 0, is_new: met & !earlier & bit != 0 }
        };
        self.goals().iter().enumerate().map(goal).collect()
    }

    fn choices(&self, state: &State) -> Vec<Choice> {
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        let choice = |(place, action): (usize, &Action)| {
            let (kind, item) = kind_of(*action, state);
            Choice { place: place as u16, what: self.tell(state, *action), kind, item }
        };
        actions.iter().enumerate().map(choice).collect()
    }
}

/// Sorts an action, and names the place of what it takes from the network.
fn kind_of(action: Action, state: &State) -> (Kind, Option<usize>) {
    match action {
        Action::Deliver(place) => {
            let place = usize::from(place);
            match &state.on_their_way()[place] {
                Item::Letter(_) => (Kind::Arrival, Some(place)),
                Item::Flush(_) => (Kind::Disk, Some(place)),
            }
        }
        Action::Lose(place) | Action::Duplicate(place) => (Kind::Network, Some(usize::from(place))),
        Action::Delay => (Kind::Network, Some(0)),
        Action::Flush(_) => (Kind::Disk, None),
        Action::Fire(..) | Action::Lapse(..) => (Kind::Time, None),
        Action::Client(_) | Action::Read(_) | Action::Change(..) | Action::Transfer(..) | Action::Forget(_) => {
            (Kind::Request, None)
        }
        Action::Crash(..) | Action::Wipe(_) => (Kind::Crash, None),
    }
}

/// Returns what is on its way, and what was before.
fn flying(before: &State, after: &State) -> (Vec<Flying>, Vec<String>) {
    let told = |state: &State| state.on_their_way().iter().map(tell_item).collect::<Vec<_>>();
    let row = Row::compared("in flight", told(before), told(after));
    let flying = |(place, Part { text, is_new, .. })| Flying { place, text, is_new };
    (row.parts.into_iter().enumerate().map(flying).collect(), row.gone)
}

impl Row {
    /// Compares the parts of a fact, of which each counts as often as it is there.
    fn compared(name: &'static str, before: Vec<String>, after: Vec<String>) -> Self {
        let mut gone = before;
        let part = |text: String| {
            let known = gone.iter().position(|earlier| *earlier == text);
            if let Some(place) = known {
                gone.remove(place);
            }
            Part { text, reach: None, is_new: known.is_none() }
        };
        let parts = after.into_iter().map(part).collect();
        Self { name, parts, gone }
    }

    /// Returns whether the last step changed it.
    pub fn is_changed(&self) -> bool {
        !self.gone.is_empty() || self.parts.iter().any(|part| part.is_new)
    }
}

/// Returns the name of the node with a number.
fn name_of(number: u8) -> String {
    id_of(number).to_string()
}
