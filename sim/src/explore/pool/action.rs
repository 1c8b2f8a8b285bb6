//! What may happen in a state, in an order that is a function of the state alone.

use delian_core::swim::Standing;
use delian_core::swim::projection::Deadline;

use super::cell::Cell;
use super::model::{Begins, Kind, Life, Model, id_of};
use super::react::Aim;
use super::state::State;
use crate::explore::flight::{Network, Way};

/// One thing that may happen; places are those of what is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A packet arrives.
    Deliver(u8),
    /// A packet gets lost.
    Lose(u8),
    /// A packet arrives, and a copy of it is still on its way.
    Duplicate(u8),
    /// The first packet is overtaken by all others.
    Delay,
    /// A deadline of the process at a seat is due, and chance picks a member.
    Fire(u8, Deadline, Aim),
    /// The process at a seat is told to leave.
    Leave(u8),
    /// The process at a seat is told something to say of itself.
    Change(u8),
    /// The process at a seat crashes.
    Crash(u8),
    /// The model's life of this number begins.
    Begin(u8),
}

/// Appends what may happen.
pub(super) fn enabled(model: &Model, state: &State, into: &mut Vec<Action>) {
    state.flight.ways(model.network, (state.left.duplicates, state.left.deviations), |way| {
        into.push(match way {
            Way::Deliver(place) => Action::Deliver(place),
            Way::Lose(place) => Action::Lose(place),
            Way::Duplicate(place) => Action::Duplicate(place),
            Way::Delay => Action::Delay,
        });
    });
    // In a queue, what happens on its own while packets are on their way is a deviation.
    let is_free = !matches!(model.network, Network::Delay { .. }) || state.flight.is_empty();
    if is_free || state.left.deviations > 0 {
        for (seat, cell) in state.taken() {
            spontaneous(model, state, seat, cell, into);
        }
        let may_begin = (0..).zip(model.lives).filter(|(number, life)| may_begin(state, *number, **life));
        into.extend(may_begin.map(|(number, _)| Action::Begin(number)));
    }
}

fn may_begin(state: &State, number: u8, life: Life) -> bool {
    let runs = state.taken().any(|(_, cell)| cell.swim.card().id == id_of(life.of));
    state.begun & 1 << number == 0
        && state.cell(life.seat).is_none()
        && match life.begins {
            Begins::After => !runs,
            Begins::Beside => runs,
        }
}

fn spontaneous(model: &Model, state: &State, seat: u8, cell: &Cell, into: &mut Vec<Action>) {
    for deadline in &cell.armed {
        let Some(kind) = Kind::of(*deadline).filter(|kind| model.deadlines.contains(kind)) else { continue };
        if may_fire(state, cell, kind) {
            aims(cell, kind, |aim| into.push(Action::Fire(seat, *deadline, aim)));
        }
    }
    let is_leaving = matches!(cell.swim.standing(), Standing::Leaving(_));
    if state.left.leaves > 0 && !is_leaving {
        into.push(Action::Leave(seat));
    }
    if state.left.changes > 0 && !is_leaving {
        into.push(Action::Change(seat));
    }
    if state.left.crashes > 0 {
        into.push(Action::Crash(seat));
    }
}

fn may_fire(state: &State, cell: &Cell, kind: Kind) -> bool {
    let left = &state.left;
    match kind {
        Kind::Probe => left.probes > 0 && (cell.swim.probed().is_some() || cell.reachable().next().is_some()),
        Kind::Seed => left.seeds > 0,
        Kind::Reconnect => {
            let members = cell.swim.members();
            left.reconnects > 0
                && delian_core::swim::Members::known(members) > delian_core::swim::Members::reachable(members)
        }
        Kind::Grave => left.graves > 0,
        Kind::Indirect | Kind::Suspicion | Kind::Gossip | Kind::Nack | Kind::LeaveAgain | Kind::LeaveEnd => true,
    }
}

/// Tells each choice of chance that makes a difference.
pub(super) fn aims(cell: &Cell, kind: Kind, mut each: impl FnMut(Aim)) {
    let picks = match kind {
        Kind::Probe => cell.reachable().next().is_some(),
        Kind::Gossip => cell.reachable().nth(1).is_some(),
        Kind::Indirect
        | Kind::Suspicion
        | Kind::Grave
        | Kind::Seed
        | Kind::Reconnect
        | Kind::Nack
        | Kind::LeaveAgain
        | Kind::LeaveEnd => false,
    };
    if picks {
        cell.reachable().for_each(|slot| each(Aim::At(slot)));
    } else {
        each(Aim::Nobody);
    }
}
