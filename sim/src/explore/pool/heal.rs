//! From every quiet state the pool heals: when nothing fails any more, all members come to see each other as they are.
//!
//! A quiet state has nothing on its way; in a set everything may be lost, so there every state is one. From there a calm
//! schedule runs: packets arrive in order, each member probes each other in turn, and whatever else of the model's
//! deadlines is armed fires once in a round. A suspicion ends only after a whole round, for it lasts longer than a probe;
//! nobody is forgotten, for that takes a day. What the model's budgets forbid to happen on its own is not bounded here.

use std::hash::Hasher;

use delian_core::NodeId;
use delian_core::swim::projection::Deadline;
use delian_core::swim::{Slot, Standing};

use super::Pool;
use super::action::aims;
use super::cell::Cell;
use super::laws::{seen, tell};
use super::model::{Budgets, Kind};
use super::react::Aim;
use super::state::State;
use super::step::Recall;
use crate::explore::flight::Network;
use crate::explore::hash::Hash128;
use crate::invariants::{Breach, Invariant};

/// See [`Invariant::SENTENCE`].
struct QuietPoolsHeal;

impl Invariant for QuietPoolsHeal {
    const NAME: &'static str = "quiet-pools-heal";
    const SENTENCE: &'static str = "From every quiet state, a calm schedule brings all members to see each other alive as they are and nobody else, one process for each identity, within a bound.";
}

/// Rounds until a pool must have healed: a suspicion takes one to end or to be refuted, a death one to be undone, a late
/// leave one to be heard, and each of these may come behind another.
const ROUNDS_MAX: u8 = 12;

/// How packets travel on the calm way.
pub(super) const CALM: Network = Network::Delay { deviations: 0 };

/// Deliveries in a row, far beyond what any step brings about.
const DELIVERIES_MAX: u32 = 500;

impl Pool {
    /// Judges a quiet state.
    pub(super) fn heals(&self, recall: &mut Recall, quiet: &State) -> Result<(), Breach> {
        let mut state = quiet.clone();
        state.flight.clear();
        state.network = CALM;
        state.left = Budgets { exchanges: u8::MAX, ..Budgets::NONE };
        let mut met = Vec::new();
        for round in 0..=ROUNDS_MAX {
            let key = self.key(&state);
            let left = if is_healed(&state) { Some(0) } else { recall.heals.get(key).copied() };
            if let Some(rounds) = left.map(|left| round + left).filter(|rounds| *rounds <= ROUNDS_MAX) {
                for (key, rounds) in met.into_iter().zip((0..=rounds).rev()) {
                    recall.heals.keep(key, rounds);
                }
                return Ok(());
            }
            met.push(key);
            if round < ROUNDS_MAX {
                self.round(recall, &mut state)?;
            }
        }
        let facts = state.taken().map(|(seat, cell)| self.describe(seat, cell));
        Err(QuietPoolsHeal::breach(facts.chain([format!("after {ROUNDS_MAX} rounds")]).collect()))
    }

    fn key(&self, state: &State) -> u128 {
        let mut hasher = Hash128::new(self.seed);
        hasher.write_u128(state.scene.hash());
        // What is left to begin decides what is dropped, and nothing begins here.
        hasher.write_u8(state.begun);
        hasher.finish_128()
    }

    /// Lets each member do once all that it does in time.
    pub(super) fn round(&self, recall: &mut Recall, state: &mut State) -> Result<(), Breach> {
        let suspicions: Vec<(u8, Deadline)> = state
            .taken()
            .flat_map(|(seat, cell)| cell.armed.iter().map(move |deadline| (seat, *deadline)))
            .filter(|(_, deadline)| matches!(deadline, Deadline::Suspicion(_)))
            .collect();
        for seat in 0..self.model.seats() {
            for slot in state.cell(seat).map(|cell| cell.reachable().collect::<Vec<Slot>>()).unwrap_or_default() {
                let is_there = state.cell(seat).is_some_and(|cell| cell.reachable().any(|other| other == slot));
                if is_there {
                    self.fire_calmly(recall, state, seat, (Deadline::Probe, Aim::At(slot)))?;
                    self.drain(recall, state, seat)?;
                }
            }
            // The last probe is judged as well.
            let aim = state.cell(seat).and_then(|cell| cell.reachable().next()).map_or(Aim::Nobody, Aim::At);
            self.fire_calmly(recall, state, seat, (Deadline::Probe, aim))?;
            for deadline in [Deadline::Seed, Deadline::Reconnect, Deadline::LeaveAgain, Deadline::LeaveEnd] {
                self.fire_calmly(recall, state, seat, (deadline, Aim::Nobody))?;
            }
            self.drain(recall, state, seat)?;
        }
        for (seat, suspicion) in suspicions {
            self.fire_calmly(recall, state, seat, (suspicion, Aim::Nobody))?;
        }
        (0..self.model.seats()).try_for_each(|seat| self.drain(recall, state, seat))
    }

    /// Lets a member ask others to probe, answer those who asked it, and say all that it has to say.
    fn drain(&self, recall: &mut Recall, state: &mut State, seat: u8) -> Result<(), Breach> {
        self.fire_calmly(recall, state, seat, (Deadline::Indirect, Aim::Nobody))?;
        for other in 0..self.model.seats() {
            self.fire_calmly(recall, state, other, (Deadline::Nack, Aim::Nobody))?;
            // Every model has news go out, so this ends.
            while state.cell(other).is_some_and(|cell| cell.armed.contains(&Deadline::Gossip)) {
                let mut first = Aim::Nobody;
                aims(state.cell(other).expect("it is there"), Kind::Gossip, |aim| first = aim);
                self.fire_calmly(recall, state, other, (Deadline::Gossip, first))?;
            }
        }
        Ok(())
    }

    /// Lets a deadline be due if it is armed and the model has such, and delivers all that comes of it.
    fn fire_calmly(
        &self,
        recall: &mut Recall,
        state: &mut State,
        seat: u8,
        (deadline, aim): (Deadline, Aim),
    ) -> Result<(), Breach> {
        let is_armed = state.cell(seat).is_some_and(|cell| cell.armed.contains(&deadline));
        let is_known = Kind::of(deadline).is_some_and(|kind| self.model.deadlines.contains(&kind));
        if !is_armed || !is_known {
            return Ok(());
        }
        self.fire(recall, state, seat, (deadline, aim))?;
        self.calm(recall, state)
    }

    /// Delivers until all is quiet.
    pub(super) fn calm(&self, recall: &mut Recall, state: &mut State) -> Result<(), Breach> {
        for _ in 0..DELIVERIES_MAX {
            if state.flight.is_empty() {
                return Ok(());
            }
            let letter = state.flight.take(0);
            self.arrive(recall, state, &letter)?;
        }
        Err(QuietPoolsHeal::breach(vec![format!("after {DELIVERIES_MAX} deliveries it is not quiet")]))
    }

    pub(super) fn describe(&self, seat: u8, cell: &Cell) -> String {
        let me = cell.swim.card().id;
        let views = self.ids.iter().filter(|id| **id != me).map(|id| {
            let told = seen(cell, *id).map_or("unknown".to_owned(), tell);
            format!("{id} {told}")
        });
        let standing = match cell.swim.standing() {
            Standing::Newcomer => ", new",
            Standing::Member => "",
            Standing::Leaving(_) => ", leaving",
            Standing::Departed => ", departed",
            Standing::Yielded => ", yielded",
        };
        let views = views.collect::<Vec<_>>().join(", ");
        format!("{me} at seat {seat}{}{standing} sees {views}", cell.swim.incarnation())
    }
}

/// Whether all who run see each other as they are, and nobody else.
fn is_healed(state: &State) -> bool {
    let is_leaving = |cell: &Cell| matches!(cell.swim.standing(), Standing::Leaving(_));
    if state.taken().any(|(_, cell)| is_leaving(cell)) {
        return false;
    }
    let all: Vec<(NodeId, &Cell)> = state.taken().map(|(_, cell)| (cell.swim.card().id, &**cell)).collect();
    let is_alone = |id: NodeId| all.iter().filter(|(other, _)| *other == id).count() == 1;
    let sees = |cell: &Cell, (id, other): &(NodeId, &Cell)| {
        let alive = delian_core::swim::State::Alive;
        let is_seen = seen(cell, *id).is_some_and(|it| it.state == alive && it.incarnation == other.swim.incarnation());
        let card = cell.directory.find(*id).and_then(|slot| cell.directory.card(slot));
        is_seen && card == Some(other.swim.card())
    };
    all.iter().all(|(id, cell)| {
        let others = cell.reachable().count() + 1;
        is_alone(*id) && others == all.len() && all.iter().all(|other| sees(cell, other))
    })
}
