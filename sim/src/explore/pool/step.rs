//! Taking an action: one thing happens to one process, all that it asks for is carried out, and every property is judged.

use std::hash::Hasher;
use std::sync::Arc;

use delian_core::swim::projection::Deadline;

use super::Pool;
use super::action::Action;
use super::cell::Seat;
use super::model::{Kind, Memory, id_of};
use super::react::{Aim, Cause, Exchange, Letter, Made};
use super::state::{Scene, State};
use crate::explore::flight::Network;
use crate::explore::hash::Hash128;
use crate::explore::table::Table;
use crate::invariants::{Breach, Invariant};

/// What was kept of steps that were taken: of the process and the cause, what came of it; nothing of what breaks anything.
#[derive(Debug)]
pub struct Recall {
    pub(super) reactions: Table<Arc<Made>>,
    /// After how many rounds of the calm schedule these processes agree.
    pub(super) heals: Table<u8>,
}

/// Tens of megabytes, which the limit on a search's memory does not count.
const REACTIONS_BITS: u32 = 15;

/// A few bytes each.
const HEALS_BITS: u32 = 18;

impl Default for Recall {
    fn default() -> Self {
        Self { reactions: Table::with_bits(REACTIONS_BITS), heals: Table::with_bits(HEALS_BITS) }
    }
}

impl Recall {
    /// Returns one that keeps nothing.
    pub(super) const fn nothing() -> Self {
        Self { reactions: Table::none(), heals: Table::none() }
    }
}

struct OneNamesakeStays;

impl Invariant for OneNamesakeStays {
    const NAME: &'static str = "one-namesake-stays";
    const SENTENCE: &'static str =
        "A process yields to another that runs under its identity, unless that one crashed or left in the meantime.";
}

impl Pool {
    /// Takes an action without asking whether it is enabled.
    pub(super) fn take(&self, recall: &mut Recall, state: &mut State, action: Action) -> Result<(), Breach> {
        self.pay(state, action);
        let network = self.model.network;
        match action {
            Action::Deliver(place) => {
                let letter = state.flight.arrive(network, usize::from(place));
                self.arrive(recall, state, &letter)
            }
            Action::Lose(place) => {
                state.flight.take(usize::from(place));
                Ok(())
            }
            Action::Duplicate(place) => {
                let letter = state.flight.double(network, usize::from(place));
                self.arrive(recall, state, &letter)
            }
            Action::Delay => {
                state.flight.delay_head();
                Ok(())
            }
            Action::Fire(seat, deadline, aim) => self.fire(recall, state, seat, (deadline, aim)),
            Action::Leave(seat) => self.happen(recall, state, seat, &Cause::Leave),
            Action::Change(seat) => self.happen(recall, state, seat, &Cause::Change),
            Action::Crash(seat) => {
                self.seat(state, seat, Seat::Empty);
                self.drop_undeliverable(state);
                Ok(())
            }
            Action::Begin(number) => {
                let life = self.model.lives[usize::from(number)];
                let issued = state.scene.truth.issued(id_of(life.of)).unwrap_or(self.model.first);
                let incarnation = match life.memory {
                    Memory::Kept => issued.next(),
                    Memory::Lost => self.model.first,
                };
                state.begun |= 1 << number;
                let made = self.begin_life(life, incarnation);
                self.apply(state, life.seat, &made)
            }
        }
    }

    fn pay(&self, state: &mut State, action: Action) {
        let is_deviation = matches!(self.model.network, Network::Delay { .. }) && !state.flight.is_empty();
        let left = &mut state.left;
        let budget = match action {
            Action::Deliver(_) => return,
            Action::Duplicate(_) => Some(&mut left.duplicates),
            Action::Fire(_, deadline, _) => match Kind::of(deadline) {
                Some(Kind::Probe) => Some(&mut left.probes),
                Some(Kind::Seed) => Some(&mut left.seeds),
                Some(Kind::Reconnect) => Some(&mut left.reconnects),
                Some(Kind::Grave) => Some(&mut left.graves),
                Some(
                    Kind::Indirect | Kind::Suspicion | Kind::Gossip | Kind::Nack | Kind::LeaveAgain | Kind::LeaveEnd,
                )
                | None => None,
            },
            Action::Leave(_) => Some(&mut left.leaves),
            Action::Change(_) => Some(&mut left.changes),
            Action::Crash(_) => Some(&mut left.crashes),
            Action::Lose(_) | Action::Delay | Action::Begin(_) => None,
        };
        if let Some(budget) = budget {
            *budget = budget.saturating_sub(1);
        }
        if is_deviation {
            left.deviations = left.deviations.saturating_sub(1);
        }
    }

    pub(super) fn fire(
        &self,
        recall: &mut Recall,
        state: &mut State,
        seat: u8,
        (deadline, aim): (Deadline, Aim),
    ) -> Result<(), Breach> {
        self.happen(recall, state, seat, &Cause::Fire(deadline, aim))
    }

    /// Delivers a packet; where nobody is, nothing happens.
    pub(super) fn arrive(&self, recall: &mut Recall, state: &mut State, letter: &Letter) -> Result<(), Breach> {
        if state.cell(letter.to).is_none() {
            return Ok(());
        }
        let exchange = if state.left.exchanges > 0 { Exchange::Due } else { Exchange::Later };
        self.happen(recall, state, letter.to, &Cause::Letter(letter, exchange))
    }

    fn happen(&self, recall: &mut Recall, state: &mut State, seat: u8, cause: &Cause<'_>) -> Result<(), Breach> {
        let cell = state.cell(seat).expect("things happen to processes that run");
        let mut hasher = Hash128::new(self.seed);
        hasher.write_u8(seat);
        hasher.write_u128(cell.hash());
        cause.hash_into(&mut hasher);
        let key = hasher.finish_128();
        let made = if let Some(made) = recall.reactions.get(key) {
            Arc::clone(made)
        } else {
            let made = Arc::new(self.react(seat, cell, cause)?);
            recall.reactions.keep(key, Arc::clone(&made));
            made
        };
        self.apply(state, seat, &made)
    }

    /// Carries out what a step asked for, and judges what it claims.
    fn apply(&self, state: &mut State, seat: u8, made: &Made) -> Result<(), Breach> {
        let (me, _) = made.deeds.issued.expect("a process has an incarnation");
        let mut truth = Arc::clone(&state.scene.truth);
        if !truth.knows(&made.deeds) {
            Arc::make_mut(&mut truth).learn(&made.deeds);
        }
        truth.judge(me, &made.claims)?;
        let mut seats = state.scene.seats.clone();
        seats[usize::from(seat)] = made.cell.as_ref().map_or(Seat::Empty, |cell| Seat::Taken(Arc::clone(cell)));
        state.scene = Arc::new(Scene::new(self.seed, seats, truth));
        state.shown |= made.shown;
        state.left.exchanges = state.left.exchanges.saturating_sub(u8::from(made.exchanged));
        for letter in &made.sent {
            state.flight.send(state.network, Arc::clone(letter));
        }
        if made.yielded && !state.runs(me) && state.left.crashes == self.model.budgets.crashes {
            let left = self.model.budgets.leaves - state.left.leaves;
            if left == 0 {
                return Err(OneNamesakeStays::breach(vec![format!("the last process of {me} yielded")]));
            }
        }
        self.drop_undeliverable(state);
        Ok(())
    }

    fn seat(&self, state: &mut State, seat: u8, it: Seat) {
        let mut seats = state.scene.seats.clone();
        seats[usize::from(seat)] = it;
        state.scene = Arc::new(Scene::new(self.seed, seats, Arc::clone(&state.scene.truth)));
    }

    /// Drops what nobody will ever get: nobody is there and no life will begin there.
    fn drop_undeliverable(&self, state: &mut State) {
        let lives = (0..).zip(self.model.lives).filter(|(number, _)| state.begun & 1 << number == 0);
        let to_come: u32 = lives.fold(0, |seats, (_, life)| seats | 1 << life.seat);
        let (scene, flight) = (&state.scene, &mut state.flight);
        flight.retain(|letter| {
            let is_taken = scene.seats.get(usize::from(letter.to)).is_some_and(|seat| seat.cell().is_some());
            is_taken || to_come & 1 << letter.to != 0
        });
    }
}
