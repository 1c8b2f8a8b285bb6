//! What every model that ships says of itself, whatever its system; and a path through it as a story.

use std::fmt::Write;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{Path, System};

/// A model that ships, ready to be explored.
pub trait Shipped: System + Sync {
    /// What a state that waits weighs: its own part and its part in what it shares with others. Measured, as the resident
    /// memory of whole searches over the states that waited when most did, and rounded up.
    const STATE_BYTES: u64;

    /// Returns what the model says of itself.
    fn listing(&self) -> Listing;

    /// Returns a number for the model under a build of the code: another one if anything differs that its states are a
    /// function of.
    fn digest(&self, build: &[u8]) -> u64;

    /// Says what an action that is enabled in a state means.
    fn tell(&self, state: &Self::State, action: Self::Action) -> String;

    /// Says what is different after a step, a line for each part that changed.
    fn changes(&self, before: &Self::State, after: &Self::State) -> Vec<String>;

    /// Tells a path from the initial state on; it ends early at a step that is not enabled.
    ///
    /// The last step of a counter-example tells no changes: what it led to is what is broken.
    fn story(&self, path: &Path) -> Vec<Told> {
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
            let changes = if stepped.is_ok() { self.changes(&before, &state) } else { Vec::new() };
            story.push(Told { what, changes });
            if stepped.is_err() {
                break;
            }
        }
        story
    }
}

/// What a model says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Its name, as on the command line.
    pub name: &'static str,
    /// What it explores, in one sentence.
    pub sentence: &'static str,
    /// When it is explored.
    pub tier: Tier,
    /// What a complete exploration counts.
    pub pinned: Option<Counts>,
    /// Whether states that differ by the names of nodes alone are one.
    pub is_reduced: bool,
}

/// Returns a bit for each goal that was reached, by its place; goals and what was shown come as bits of the system's own.
pub(super) fn reached(goals: impl Iterator<Item = u64>, shown: u64) -> u64 {
    let met = goals.enumerate().filter(|(_, goal)| shown & goal != 0);
    met.fold(0, |bits, (place, _)| bits | 1 << place)
}

/// Returns a number for a model, by all that its states are a function of, under a build of the code.
pub(super) fn digest_of(model: &str, build: &[u8]) -> u64 {
    xxh3_64_with_seed(model.as_bytes(), xxh3_64(build))
}

/// When a model is explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Always: it ends within seconds.
    Default,
    /// On request.
    Deep,
}

/// As often as wished.
pub const UNBOUNDED: u8 = u8::MAX;

/// Whether quiet states must heal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heal {
    /// Every one of them must.
    Required,
    /// This is not looked at.
    Skipped,
}

/// What a complete exploration counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Different states.
    pub unique: u64,
    /// Transitions between them.
    pub generated: u64,
    /// The length of the longest of the shortest paths.
    pub depth: u32,
}

/// One step of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What happened.
    pub what: String,
    /// What is different after it: one line for each node that changed.
    pub changes: Vec<String>,
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

fn write(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes all that is written");
}
