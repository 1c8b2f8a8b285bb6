//! What a process makes of one thing that happens: a function of the process and of that alone.

use std::hash::Hash;
use std::sync::Arc;

use delian_core::swim::projection::Deadline;
use delian_core::swim::{
    Carrier, Directory, Effect, Event, Incarnation, Input, Members, Outbox, Packet, Record, Roster, Slot, Standing,
    Start, State, Swim,
};
use delian_core::{Blob, NodeId, Seed, Stream, Time};

use super::Pool;
use super::cell::{Cell, NOW, SEED, address_of, card_of, seat_of, stream_from};
use super::laws::{self, Step, What};
use super::model::{Goal, Life, id_of};
use super::truth::{self, Claim, Deeds};
use crate::explore::flight::Travelling;
use crate::explore::hash::Hash128;
use crate::invariants::Breach;

/// One packet on its way; hashed once, when it is sent.
#[derive(Debug)]
pub struct Letter {
    pub(super) from: u8,
    pub(super) to: u8,
    pub(super) carrier: Carrier,
    pub(super) packet: Packet,
    hash: u128,
}

impl Letter {
    fn new(seed: u64, (from, to): (u8, u8), carrier: Carrier, packet: Packet) -> Self {
        let hash = Hash128::of(seed, &(from, to, carrier, &packet));
        Self { from, to, carrier, packet, hash }
    }

    pub(super) const fn hash(&self) -> u128 {
        self.hash
    }
}

impl Travelling for Arc<Letter> {
    fn hash(&self) -> u128 {
        self.hash
    }

    fn link(&self) -> (u8, u8) {
        (self.from, self.to)
    }
}

/// What happens to a process.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cause<'a> {
    /// A packet arrives, and if it is a ping and the views differ, they are exchanged or not.
    Letter(&'a Letter, Exchange),
    Fire(Deadline, Aim),
    Leave,
    Change,
}

/// Whether views may be exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Exchange {
    Due,
    Later,
}

/// Whom chance picks, where it picks anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aim {
    /// There is nothing to pick.
    Nobody,
    /// The member at this slot of the process's directory.
    At(Slot),
}

impl Cause<'_> {
    pub(super) fn hash_into(&self, hasher: &mut Hash128) {
        match self {
            Self::Letter(letter, exchange) => (0_u8, letter.hash(), exchange).hash(hasher),
            Self::Fire(deadline, aim) => (1_u8, deadline, aim).hash(hasher),
            Self::Leave => 2_u8.hash(hasher),
            Self::Change => 3_u8.hash(hasher),
        }
    }
}

/// What a step made of a process.
#[derive(Debug)]
pub(super) struct Made {
    /// The process; none if it is over.
    pub(super) cell: Option<Arc<Cell>>,
    pub(super) sent: Vec<Arc<Letter>>,
    pub(super) shown: u64,
    pub(super) exchanged: bool,
    pub(super) yielded: bool,
    pub(super) deeds: Deeds,
    pub(super) claims: Vec<Claim>,
}

impl Pool {
    /// Begins a life at a seat: a member of the beginning, who knows all, or a later one, who knows nobody.
    pub(super) fn begin(&self, (number, seat): (u8, u8), incarnation: Incarnation, known: u8) -> (Cell, Outbox) {
        let (mut directory, mut members, mut out) = (Directory::new(), Roster::new(), Outbox::new());
        for other in 0..known {
            let slot = directory.hold(id_of(other));
            directory.set_card(slot, Arc::new(card_of(other, other)));
            members.set(slot, id_of(other), Record { incarnation, state: State::Alive });
        }
        let start = Start { card: card_of(number, seat), incarnation, seed: SEED, members };
        let swim = Swim::start(NOW, Arc::clone(&self.settings), start, &mut directory, &mut out)
            .expect("a model's card is within every limit");
        (Cell::new(swim, directory), out)
    }

    /// Begins one of the model's later lives.
    pub(super) fn begin_life(&self, life: Life, incarnation: Incarnation) -> Made {
        let (mut cell, mut out) = self.begin((life.of, life.seat), incarnation, 0);
        let mut effects: Vec<Effect> = out.drain().collect();
        cell.swim.step(NOW, Input::Join(vec![address_of(life.asks)]), &mut cell.directory, &mut out);
        effects.extend(out.drain());
        self.made(life.seat, cell, effects, Deeds::default(), false)
    }

    /// Lets something happen to a process.
    pub(super) fn react(&self, seat: u8, before: &Cell, cause: &Cause<'_>) -> Result<Made, Breach> {
        let mut cell = before.clone();
        let mut out = Outbox::new();
        let (input, what) = match *cause {
            Cause::Letter(letter, exchange) => {
                if exchange == Exchange::Due {
                    cell.swim.map_instants(|deadline, at| if deadline == Deadline::Exchange { Time::ZERO } else { at });
                }
                let from = match letter.carrier {
                    Carrier::Datagram => address_of(letter.from),
                    Carrier::Stream => stream_from(letter.from),
                };
                (Input::Receive(from, letter.carrier, letter.packet.clone()), What::Heard(&letter.packet))
            }
            Cause::Fire(due, aim) => {
                cell.swim.map_instants(|deadline, at| if deadline == due { NOW } else { at });
                if let Aim::At(slot) = aim {
                    self.aim(&mut cell, due, slot);
                }
                (Input::Wake, What::Fired(due))
            }
            Cause::Leave => (Input::Leave, What::Left),
            Cause::Change => (Input::SetMetadata(metadata(before)), What::Changed),
        };
        cell.swim.step(NOW, input, &mut cell.directory, &mut out);
        let effects: Vec<Effect> = out.drain().collect();
        let mut exchanged = false;
        cell.swim.map_instants(|deadline, at| {
            exchanged |= deadline == Deadline::Exchange && matches!(cause, Cause::Letter(_, Exchange::Due)) && at > NOW;
            at
        });
        let me = before.swim.card().id;
        let left = matches!(cause, Cause::Leave).then(|| (me, before.swim.incarnation()));
        let mut made = self.made(seat, cell, effects.clone(), Deeds { left, ..Deeds::default() }, exchanged);
        if let Some(after) = &made.cell {
            made.shown |= shown_by_views(before, after, what, &self.ids);
            let events: Vec<Event> = effects.into_iter().filter_map(event_of).collect();
            laws::judge(&Step { before, after, what, events: &events }, &self.ids)?;
        }
        Ok(made)
    }

    /// Lets chance pick a member.
    fn aim(&self, cell: &mut Cell, due: Deadline, slot: Slot) {
        if due == Deadline::Probe {
            return cell.swim.aim(&cell.directory, slot);
        }
        let members = cell.swim.members();
        let place = (0..members.places()).position(|place| members.at(place) == Some(slot));
        let place = place.expect("whom chance may pick has a place");
        cell.swim.forget_chance(self.luck[members.places() - 1][place]);
    }

    fn made(&self, seat: u8, mut cell: Cell, effects: Vec<Effect>, mut deeds: Deeds, exchanged: bool) -> Made {
        let me = cell.swim.card().id;
        let (mut letters, mut claims, mut shown, mut yielded) = (Vec::new(), Vec::new(), 0, false);
        for effect in effects {
            match effect {
                Effect::Send(to, carrier, packet) => {
                    truth::claims_of_packet(&packet, &mut claims);
                    if let Some(to) = seat_of(to) {
                        letters.push(Arc::new(Letter::new(self.seed, (seat, to), carrier, packet)));
                    }
                }
                Effect::Emit(event) => {
                    shown |= shown_by(&event);
                    yielded |= matches!(event, Event::Yielded { .. });
                    if let Event::Suspected { member, incarnation, accuser } = event
                        && accuser == me
                    {
                        deeds.accused = Some((member, incarnation));
                    }
                }
                Effect::Deliver(_) => {}
            }
        }
        deeds.issued = Some((me, cell.swim.incarnation()));
        if cell.swim.standing() == &Standing::Departed || cell.swim.standing() == &Standing::Yielded {
            return Made { cell: None, sent: letters, shown, exchanged, yielded, deeds, claims };
        }
        cell.swim.assert_invariants(&cell.directory);
        cell.settle(self.seed);
        for (of, Record { incarnation, state }) in cell.swim.known(&cell.directory) {
            truth::claim(Claim { of, incarnation, state }, &mut claims);
        }
        truth::claims_of_news(cell.swim.waiting_news(), &mut claims);
        Made { cell: Some(Arc::new(cell)), sent: letters, shown, exchanged, yielded, deeds, claims }
    }
}

/// Returns the next thing that a member says of itself.
fn metadata(cell: &Cell) -> Blob {
    Blob::from([cell.swim.card().version as u8 + 1].as_slice())
}

fn event_of(effect: Effect) -> Option<Event> {
    match effect {
        Effect::Emit(event) => Some(event),
        Effect::Send(..) | Effect::Deliver(_) => None,
    }
}

fn shown_by(event: &Event) -> u64 {
    match event {
        Event::Suspected { .. } => Goal::Suspected.bit(),
        Event::Refuted(_) => Goal::Refuted.bit(),
        Event::Recovered(..) => Goal::Recovered.bit(),
        Event::Died(..) => Goal::Died.bit(),
        Event::Left { late: false, .. } => Goal::Left.bit(),
        Event::Left { late: true, .. } => Goal::LeftLate.bit(),
        Event::Departed(_) => Goal::Departed.bit(),
        Event::Yielded { .. } => Goal::Yielded.bit(),
        Event::Updated(..) => Goal::Updated.bit(),
        Event::Joined(..) | _ => 0,
    }
}

/// Returns the goals that events do not tell.
fn shown_by_views(before: &Cell, after: &Cell, what: What<'_>, ids: &[NodeId]) -> u64 {
    let was_dead = |id| laws::seen(before, id).is_some_and(|record| record.state == State::Dead);
    let is_back = |id| laws::seen(after, id).is_some_and(|record| record.state.is_reachable());
    let mut shown = if ids.iter().any(|id| was_dead(*id) && is_back(*id)) { Goal::CameBack.bit() } else { 0 };
    if matches!(what, What::Fired(Deadline::Grave(_))) {
        shown |= Goal::Forgotten.bit();
    }
    if let What::Heard(packet) = what {
        let (me, own) = (before.swim.card().id, before.swim.incarnation());
        let mut claims = Vec::new();
        truth::claims_of_news(packet.news.iter(), &mut claims);
        if claims.iter().any(|it| it.of == me && own < it.incarnation && it.incarnation < after.swim.incarnation()) {
            shown |= Goal::Outgrew.bit();
        }
    }
    shown
}

/// Returns seeds by how many are drawn from and who is drawn first.
pub(super) fn luck(most: u8) -> Vec<Vec<Seed>> {
    let first = |seed: u64, bound: u64| Stream::new(Seed::new(seed), "swim").below(bound);
    let seed_of = |bound: u64, wanted: u64| (0..u64::MAX).find(|seed| first(*seed, bound) == wanted).map(Seed::new);
    let seeds =
        |bound: u64| (0..bound).map(|wanted| seed_of(bound, wanted).expect("every draw comes some time")).collect();
    (1..=u64::from(most)).map(seeds).collect()
}

/// Returns the identities of a model.
pub(super) fn ids(members: u8) -> Vec<NodeId> {
    (0..members).map(id_of).collect()
}
