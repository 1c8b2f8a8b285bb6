//! Taking an action: one thing happens, whoever it happens to tends to its nodes, and every law is judged.

use std::sync::Arc;

use delian_core::health::{Heartbeat, Sample};
use delian_core::topology::{Command, Condition, Coordinates, Registration};
use delian_core::{Bytes, Epoch, WallTime};

use super::Orchestrator;
use super::action::{Action, Mood, Wish};
use super::laws;
use super::model::{Goal, LEAVE_WITHIN, PAUSE, TICK, id_of};
use super::state::{Entry, Held, State};
use super::voter::{Pace, Voter};
use crate::invariants::Breach;

impl Orchestrator {
    /// Takes an action without asking whether it is enabled.
    pub(super) fn take(&self, state: &mut State, action: Action) -> Result<(), Breach> {
        match action {
            Action::Ask(wish, node) => {
                self.ask(state, wish, node);
                Ok(())
            }
            Action::Commit => self.commit(state),
            Action::Apply(number) => self.apply(state, number, 1),
            Action::CatchUp(number) => self.apply(state, number, state.behind(number)),
            Action::Beat(node, mood) => {
                beat(state, node, mood);
                Ok(())
            }
            Action::Hear(number, place) => {
                let heartbeat = state.sent[usize::from(place)];
                self.happen(state, number, Pace::Steady, |voter| voter.hear(&heartbeat))
            }
            Action::Tell(number, node, reach) => {
                state.left.words -= 1;
                self.happen(state, number, Pace::Steady, |voter| {
                    voter.tell(node, reach);
                    Ok(())
                })
            }
            Action::Tick(number) => {
                state.left.ticks -= 1;
                self.tick(state, number)
            }
            Action::Pause(number) => {
                state.left.pauses -= 1;
                self.happen(state, number, Pace::Slept, |voter| {
                    voter.now = voter.now + PAUSE;
                    Ok(())
                })
            }
            Action::Elect(number, kept) => {
                state.left.elections -= 1;
                self.elect(state, number, kept)
            }
            Action::StepDown(number) => self.step_down(state, number),
        }
    }

    /// Lets the clock of a voter go on.
    pub(super) fn tick(&self, state: &mut State, number: u8) -> Result<(), Breach> {
        self.happen(state, number, Pace::Steady, |voter| {
            voter.now = voter.now + TICK;
            Ok(())
        })
    }

    /// Commits the first command that waits, and applies it to the committed topology.
    pub(super) fn commit(&self, state: &mut State) -> Result<(), Breach> {
        let entry = state.tail.remove(0);
        let before = state.committed();
        let mut after = before.clone();
        let did = after.apply(&entry.command);
        laws::judge_commit(before, &after, &entry.command, &did)?;
        state.shown |= shown_by(state, &entry.command, did.is_ok());
        // Nothing that is refused makes a difference to anybody.
        if did.is_ok() {
            state.log.push(Held::new(self.seed, after));
        }
        Ok(())
    }

    /// Lets a voter apply so many committed commands in one step.
    pub(super) fn apply(&self, state: &mut State, number: u8, epochs: usize) -> Result<(), Breach> {
        state.places[usize::from(number)] += epochs as u8;
        self.happen(state, number, Pace::Steady, |_| Ok(()))?;
        state.trim();
        Ok(())
    }

    /// Lets a voter hear that its reign is over.
    pub(super) fn step_down(&self, state: &mut State, number: u8) -> Result<(), Breach> {
        self.happen(state, number, Pace::Steady, |voter| {
            voter.leads = false;
            Ok(())
        })
    }

    /// Lets a voter take over. What waits is cut off where its log ends; whoever led before need not know yet.
    fn elect(&self, state: &mut State, number: u8, kept: u8) -> Result<(), Breach> {
        state.leader = number;
        state.tail.truncate(usize::from(kept));
        let voter = state.voter(number);
        let silent = |node| voter.truth.of(node).is_some_and(|known| voter.now > known.silent_since);
        if (0..self.model.nodes).any(silent) {
            state.shown |= Goal::TookOver.bit();
        }
        if state.tail.iter().any(|entry| is_found(&entry.command)) {
            state.shown |= Goal::FoundEarlier.bit();
        }
        self.happen(state, number, Pace::Steady, |voter| {
            voter.leads = true;
            Ok(())
        })
    }

    /// Lets something happen to a voter, which then tends to its nodes. What it proposes waits in its log, if it leads.
    pub(super) fn happen(
        &self,
        state: &mut State,
        number: u8,
        pace: Pace,
        what: impl FnOnce(&mut Voter) -> Result<(), Breach>,
    ) -> Result<(), Breach> {
        let mut voter = (**state.voter(number)).clone();
        what(&mut voter)?;
        let leads = state.leader == number;
        // A former leader takes whatever it likes into a log that will be cut off.
        let room = if leads { usize::from(self.model.tail_max).saturating_sub(state.tail.len()) } else { usize::MAX };
        let proposed = voter.tend(&state.held(number).topology, pace, room)?;
        voter.settle(self.seed);
        state.voters[usize::from(number)] = Arc::new(voter);
        if leads {
            state.tail.extend(proposed.into_iter().map(|command| Entry::new(self.seed, command)));
        } else if !proposed.is_empty() {
            state.shown |= Goal::FoundInVain.bit();
        }
        Ok(())
    }

    fn ask(&self, state: &mut State, wish: Wish, number: u8) {
        let node = id_of(number);
        let epoch = state.committed().get(node).map_or(Epoch::ZERO, |member| member.registered);
        let left = &mut state.left;
        let (budget, command) = match wish {
            Wish::Register => (&mut left.registrations, register(number)),
            Wish::Farewell => (&mut left.farewells, Command::Deregister(node)),
            Wish::Drain => (&mut left.drains, Command::Drain { node, epoch, within: Some(LEAVE_WITHIN) }),
            Wish::Stay => {
                let (condition, cause) = (Condition::Healthy, delian_core::topology::Cause::Asked);
                (&mut left.drains, Command::SetCondition { node, epoch, condition, cause })
            }
            Wish::Moved => (&mut left.drains, Command::DrainProgress { node, epoch, moved: 1000 }),
        };
        *budget -= 1;
        state.tail.push(Entry::new(self.seed, command));
    }
}

/// Lets a node beat for the life in which it is registered; what it said in earlier ones is still on its way.
pub(super) fn beat(state: &mut State, number: u8, mood: Mood) {
    let node = id_of(number);
    let Some(epoch) = state.committed().get(node).map(|member| member.registered) else { return };
    state.left.beats = state.left.beats.saturating_sub(1);
    state.left.complaints -= u8::from(mood == Mood::Poor);
    let sequence = 1 + state.sent.iter().filter(|sent| sent.node == node).count() as u64;
    let score = match mood {
        Mood::Good => 1000,
        Mood::Poor => 0,
    };
    let (free, total, taken_at) = (Bytes::new(1), Bytes::new(2), WallTime::from_unix_millis(0));
    let sample = Sample { free, total, score, active_requests: 0, latency_micros: 0, taken_at };
    state.sent.push(Heartbeat { node, epoch, sequence, sample });
}

/// Returns the command that registers a node.
pub(super) fn register(number: u8) -> Command {
    let node = id_of(number);
    Command::Register(Box::new(Registration {
        node,
        name: node.to_string(),
        address: "10.0.0.1".to_owned(),
        port: 7000,
        rack: "r".to_owned(),
        datacenter: "d".to_owned(),
        region: "g".to_owned(),
        coordinates: Coordinates::new(0, 0),
        total: Bytes::new(2),
        free: Bytes::new(1),
        tags: std::collections::BTreeMap::new(),
        registered_at: WallTime::from_unix_millis(0),
    }))
}

/// Whether somebody who led found this.
fn is_found(command: &Command) -> bool {
    match command {
        Command::Evict { .. } => true,
        Command::SetCondition { cause, .. } => *cause != delian_core::topology::Cause::Asked,
        Command::Register(_)
        | Command::Deregister(_)
        | Command::Custom(_)
        | Command::Drain { .. }
        | Command::DrainProgress { .. } => false,
    }
}

/// Returns the goals that a committed command shows.
fn shown_by(state: &State, command: &Command, is_accepted: bool) -> u64 {
    let before = state.committed();
    let goal = match command {
        Command::Evict { node, .. } => {
            let leaves = before.get(*node).is_some_and(|it| it.condition == Condition::Leaving);
            match (is_accepted, leaves) {
                (true, true) => Goal::LeaveEnded,
                (true, false) => Goal::Evicted,
                (false, _) => Goal::EvictionVoid,
            }
        }
        Command::SetCondition { node, condition, .. } if is_found(command) => {
            let held = before.get(*node).map(|it| it.condition);
            match (is_accepted, condition) {
                (true, Condition::Degraded) => Goal::Degraded,
                (true, Condition::Silent) => Goal::Silent,
                (true, Condition::Unreachable) => Goal::Unreachable,
                (true, Condition::Healthy) if held.is_some_and(Condition::is_failed) => Goal::Recovered,
                (true, Condition::Healthy | Condition::Leaving) => return 0,
                (false, _) if held == Some(Condition::Leaving) => Goal::LeaveKept,
                (false, _) => Goal::FindingVoid,
            }
        }
        Command::Register(registration) if before.get(registration.node).is_none() => Goal::Returned,
        Command::Register(_)
        | Command::Deregister(_)
        | Command::SetCondition { .. }
        | Command::Custom(_)
        | Command::Drain { .. }
        | Command::DrainProgress { .. } => return 0,
    };
    goal.bit()
}
