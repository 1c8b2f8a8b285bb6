//! One process with its directory, as a value that states share.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use delian_core::swim::projection::Deadline;
use delian_core::swim::{Card, Directory, Members, Roster, Slot, Swim};
use delian_core::{NodeId, Seed, Time};

use super::model::id_of;
use crate::explore::hash::Hash128;

/// The one instant at which everything happens.
pub(super) const NOW: Time = Time::from_millis(1_000_000_000);

/// An instant that has not come, beyond every span that a member counts: where every deadline that is armed lies.
const AHEAD: Time = Time::from_millis(2_000_000_000);

/// The seed of every process, but where it matters what is drawn.
pub(super) const SEED: Seed = Seed::new(0);

/// A process that runs.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) swim: Swim<Roster>,
    pub(super) directory: Directory,
    /// The deadlines that may fire.
    pub(super) armed: Vec<Deadline>,
    hash: u128,
}

impl Cell {
    pub(super) const fn new(swim: Swim<Roster>, directory: Directory) -> Self {
        Self { swim, directory, armed: Vec::new(), hash: 0 }
    }

    /// Returns the hash of the cell as it was when it was last settled.
    pub(super) const fn hash(&self) -> u128 {
        self.hash
    }

    /// Returns the others that the member holds to be reachable, in the order of their slots.
    pub(super) fn reachable(&self) -> impl Iterator<Item = Slot> + '_ {
        let me = self.swim.card().id;
        let slots = (0..self.directory.slots()).map(Slot::new);
        slots.filter(move |slot| {
            self.swim.members().get(*slot).is_some_and(|record| record.state.is_reachable())
                && self.directory.node(*slot) != me
        })
    }

    /// Gives all that is forgotten its one form, and takes the hash.
    pub(super) fn settle(&mut self, seed: u64) {
        let armed = &mut self.armed;
        armed.clear();
        self.swim.map_instants(|deadline, at| match deadline {
            Deadline::Past => NOW,
            _ if at == Time::NEVER => at,
            Deadline::Exchange => AHEAD,
            Deadline::Probe
            | Deadline::Indirect
            | Deadline::Suspicion(_)
            | Deadline::Gossip
            | Deadline::Grave(_)
            | Deadline::Seed
            | Deadline::Reconnect
            | Deadline::Nack
            | Deadline::RelayEnd
            | Deadline::LeaveAgain
            | Deadline::LeaveEnd => {
                armed.push(deadline);
                AHEAD
            }
        });
        self.swim.forget_spans();
        self.swim.forget_chance(SEED);
        let mut hasher = Hash128::new(seed);
        self.swim.hash_state(&mut hasher);
        self.directory.hash_state(&mut hasher);
        self.hash = hasher.finish_128();
    }
}

/// What is at a seat.
#[derive(Clone, Debug)]
pub(super) enum Seat {
    /// No process, or one that is over: it has left, or yielded.
    Empty,
    /// A process.
    Taken(Arc<Cell>),
}

impl Seat {
    pub(super) fn cell(&self) -> Option<&Arc<Cell>> {
        match self {
            Self::Empty => None,
            Self::Taken(cell) => Some(cell),
        }
    }

    pub(super) fn hash(&self) -> u128 {
        self.cell().map_or(0, |cell| cell.hash())
    }
}

/// The port at which datagrams are taken.
const PORT: u16 = 7400;

/// The port that streams come from, which takes nothing.
const STREAM_PORT: u16 = 50_000;

/// Returns the address of a seat.
pub(super) const fn address_of(seat: u8) -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, seat), PORT))
}

/// Returns where a stream from a seat comes from.
pub(super) const fn stream_from(seat: u8) -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, seat), STREAM_PORT))
}

/// Returns the seat of an address that takes packets.
pub(super) const fn seat_of(address: SocketAddr) -> Option<u8> {
    match address {
        SocketAddr::V4(address) if address.port() == PORT => Some(address.ip().octets()[3]),
        SocketAddr::V4(_) | SocketAddr::V6(_) => None,
    }
}

/// Returns the card of a life at a seat.
pub(super) fn card_of(number: u8, seat: u8) -> Card {
    let id = id_of(number);
    Card::new(id, name_of(id), address_of(seat))
}

pub(super) fn name_of(id: NodeId) -> String {
    format!("m{}", id.get())
}
