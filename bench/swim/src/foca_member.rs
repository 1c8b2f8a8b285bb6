//! Members of foca, driven as its documentation says.
//!
//! Its settings are those that it makes for a local network of the size at hand. An identity is an address and a
//! generation, eight bytes together; the codec writes the fields one after the other and nothing else. A member that
//! finds itself taken for dead takes the next generation, which is how foca comes back. Views are filled through
//! `apply_many`, the only way that it has.

use std::fmt;
use std::num::NonZeroU32;
use std::thread;
use std::time::Duration;

use bytes::{Buf, BufMut};
use delian_core::Time;
use delian_sim::pool::{Carrier, Letter, Note, Participant, Sink, World};
use foca::{Codec, Config, Foca, Header, Identity, Message, NoCustomBroadcast, Notification, Runtime, State, Timer};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::contender::{Contender, Crowd, Watch};

/// A member, and whom it asks to let it in until somebody has.
pub(crate) struct FocaMember {
    foca: Foca<Id, Compact, SmallRng, NoCustomBroadcast>,
    seed: Option<Id>,
}

/// What a timer of a member is for.
#[derive(Debug)]
pub(crate) enum Due {
    /// What foca asked for.
    Own(Timer<Id>),
    /// To announce itself to its seed again, unless it is in.
    Announce,
}

/// How long a member waits before it announces itself again.
const ANNOUNCE_AGAIN: Duration = Duration::from_secs(1);

impl FocaMember {
    fn new(crowd: Crowd, place: u32, seed: Option<Id>) -> Self {
        let size = NonZeroU32::new(crowd.members).expect("a crowd is not empty");
        let random = SmallRng::seed_from_u64(crowd.seed.derive("life", u64::from(place)).get());
        Self { foca: Foca::new(Id::first(place), Config::new_lan(size), random, Compact), seed }
    }

    fn announce(&mut self, now: Time, sink: &mut Sink<Self>) {
        if let Some(seed) = self.seed.filter(|_| self.foca.num_members() == 0) {
            self.foca.announce(seed, Driver { now, sink }).expect("an announcement fits in a packet");
            sink.timers.push((now + ANNOUNCE_AGAIN, Due::Announce));
        }
    }
}

impl Participant for FocaMember {
    type Packet = Vec<u8>;
    type Timer = Due;
    type Shared = ();

    fn receive(&mut self, now: Time, letter: Letter<Vec<u8>>, (): &mut (), sink: &mut Sink<Self>) {
        judge(self.foca.handle_data(&letter.packet, Driver { now, sink }));
    }

    fn fire(&mut self, now: Time, due: Due, (): &mut (), sink: &mut Sink<Self>) {
        match due {
            Due::Own(timer) => judge(self.foca.handle_timer(timer, Driver { now, sink })),
            Due::Announce => self.announce(now, sink),
        }
    }

    fn packet_bytes(packet: &Vec<u8>) -> usize {
        packet.len()
    }
}

/// Lets pass what foca says of packets that came too late, and nothing that it says of how it is driven.
fn judge(outcome: Result<(), foca::Error>) {
    match outcome {
        Ok(()) | Err(foca::Error::IndirectForOurselves | foca::Error::DataFromOurselves) => {}
        Err(error) => panic!("foca is driven wrongly: {error}"),
    }
}

/// Carries out what foca asks for.
struct Driver<'a> {
    now: Time,
    sink: &'a mut Sink<FocaMember>,
}

impl Runtime<Id> for Driver<'_> {
    fn notify(&mut self, notification: Notification<'_, Id>) {
        let note = match notification {
            Notification::MemberUp(id) => Note::Up(id.address),
            Notification::MemberDown(id) => Note::Down(id.address),
            Notification::Rejoin(_) => Note::Renewed,
            Notification::Rename(..) | Notification::Active | Notification::Idle | Notification::Defunct => return,
        };
        self.sink.notes.push(note);
    }

    fn send_to(&mut self, to: Id, packet: &[u8]) {
        self.sink.sends.push((to.address, Carrier::Datagram, packet.to_vec()));
    }

    fn submit_after(&mut self, timer: Timer<Id>, after: Duration) {
        self.sink.timers.push((self.now + after, Due::Own(timer)));
    }
}

/// Keeps the timers that a member sets while it learns whom it knows; it sends nothing then.
#[derive(Default)]
struct Learning {
    timers: Vec<(Timer<Id>, Duration)>,
}

impl Runtime<Id> for Learning {
    fn notify(&mut self, _: Notification<'_, Id>) {}

    fn send_to(&mut self, to: Id, _: &[u8]) {
        panic!("{to:?} is sent something by a member that has not begun");
    }

    fn submit_after(&mut self, timer: Timer<Id>, after: Duration) {
        self.timers.push((timer, after));
    }
}

/// Fills the views of all members. What one of them learns takes time with the square of their number, so this is
/// spread over all cores; none of it is measured.
fn learned(crowd: Crowd) -> Vec<(FocaMember, Learning)> {
    let learn = |place: u32| {
        let (mut member, mut learning) = (FocaMember::new(crowd, place, None), Learning::default());
        let others =
            (0..crowd.members).filter(|other| *other != place).map(|other| foca::Member::alive(Id::first(other)));
        member.foca.apply_many(others, false, &mut learning).expect("nothing is sent, so nothing is too big");
        (member, learning)
    };
    let cores = thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
    let share = crowd.members.div_ceil(cores);
    thread::scope(|scope| {
        let shares = (0..cores).map(|core| (core * share)..((core + 1) * share).min(crowd.members));
        let threads: Vec<_> = shares.map(|share| scope.spawn(move || share.map(learn).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("learning does not fail")).collect()
    })
}

impl Contender for FocaMember {
    fn nowhere(crowd: Crowd) -> World<Self, Watch> {
        crowd.world(())
    }

    fn acquaint(crowd: Crowd, world: &mut World<Self, Watch>) {
        let mut learned: Vec<Option<_>> = learned(crowd).into_iter().map(Some).collect();
        // Its first probe comes a second after it began, so that all are there by then.
        for (now, place) in crowd.drawn_instants() {
            world.run_until(now);
            world.start(place, |now, (), sink| {
                let (member, learning) = learned[place as usize].take().expect("each begins once");
                sink.timers.extend(learning.timers.into_iter().map(|(timer, after)| (now + after, Due::Own(timer))));
                member
            });
        }
    }

    fn introduce(crowd: Crowd, world: &mut World<Self, Watch>) {
        for place in 0..crowd.members {
            world.start(place, |now, (), sink| {
                let mut member = Self::new(crowd, place, (place > 0).then_some(Id::first(0)));
                member.announce(now, sink);
                member
            });
        }
    }

    fn agree(world: &World<Self, Watch>) -> bool {
        let members = || (0..world.size()).filter_map(|place| world.member(place));
        let others = world.size() as usize - 1;
        if members().any(|member| member.foca.num_members() != others) {
            return false;
        }
        let present: Vec<Id> = members().map(|member| *member.foca.identity()).collect();
        // As many as there are others, each of them one of those: so all of them.
        members().all(|member| {
            member.foca.iter_members().all(|other| present.get(other.id().address as usize) == Some(other.id()))
        })
    }
}

/// An address and how often whoever is there began anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id {
    address: u32,
    generation: u32,
}

impl Id {
    const fn first(address: u32) -> Self {
        Self { address, generation: 0 }
    }
}

impl Identity for Id {
    type Addr = u32;

    fn renew(&self) -> Option<Self> {
        Some(Self { generation: self.generation + 1, ..*self })
    }

    fn addr(&self) -> u32 {
        self.address
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.generation > adversary.generation
    }
}

/// Fields in order, numbers of a fixed width.
#[derive(Clone, Copy, Debug)]
struct Compact;

/// What is written or read does not fit.
#[derive(Clone, Copy, Debug)]
struct NoRoom;

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no room left")
    }
}

impl std::error::Error for NoRoom {}

/// The bytes of an identity, of a member and of the head of a message.
const ID_BYTES: usize = 8;
const MEMBER_BYTES: usize = ID_BYTES + 3;
const HEAD_BYTES: usize = 2 * ID_BYTES + 3;

const fn room(has: usize, needs: usize) -> Result<(), NoRoom> {
    if has < needs { Err(NoRoom) } else { Ok(()) }
}

fn put_id(id: &Id, buffer: &mut impl BufMut) {
    buffer.put_u32(id.address);
    buffer.put_u32(id.generation);
}

fn get_id(buffer: &mut impl Buf) -> Id {
    Id { address: buffer.get_u32(), generation: buffer.get_u32() }
}

impl Codec<Id> for Compact {
    type Error = NoRoom;

    fn encode_header(&mut self, header: &Header<Id>, mut buffer: impl BufMut) -> Result<(), NoRoom> {
        room(buffer.remaining_mut(), HEAD_BYTES + ID_BYTES + 1)?;
        put_id(&header.src, &mut buffer);
        buffer.put_u16(header.src_incarnation);
        put_id(&header.dst, &mut buffer);
        let (kind, number, other) = match &header.message {
            Message::Ping(number) => (0, Some(*number), None),
            Message::Ack(number) => (1, Some(*number), None),
            Message::PingReq { target, probe_number } => (2, Some(*probe_number), Some(target)),
            Message::IndirectPing { origin, probe_number } => (3, Some(*probe_number), Some(origin)),
            Message::IndirectAck { target, probe_number } => (4, Some(*probe_number), Some(target)),
            Message::ForwardedAck { origin, probe_number } => (5, Some(*probe_number), Some(origin)),
            Message::Announce => (6, None, None),
            Message::Feed => (7, None, None),
            Message::Gossip => (8, None, None),
            Message::Broadcast => (9, None, None),
            Message::TurnUndead => (10, None, None),
        };
        buffer.put_u8(kind);
        if let Some(number) = number {
            buffer.put_u8(number);
        }
        if let Some(other) = other {
            put_id(other, &mut buffer);
        }
        Ok(())
    }

    fn decode_header(&mut self, mut buffer: impl Buf) -> Result<Header<Id>, NoRoom> {
        room(buffer.remaining(), HEAD_BYTES)?;
        let (src, src_incarnation, dst) = (get_id(&mut buffer), buffer.get_u16(), get_id(&mut buffer));
        let kind = buffer.get_u8();
        let tail = match kind {
            0 | 1 => 1,
            2..=5 => 1 + ID_BYTES,
            _ => 0,
        };
        room(buffer.remaining(), tail)?;
        let message = match kind {
            0 => Message::Ping(buffer.get_u8()),
            1 => Message::Ack(buffer.get_u8()),
            2..=5 => {
                let (probe_number, other) = (buffer.get_u8(), get_id(&mut buffer));
                match kind {
                    2 => Message::PingReq { target: other, probe_number },
                    3 => Message::IndirectPing { origin: other, probe_number },
                    4 => Message::IndirectAck { target: other, probe_number },
                    _ => Message::ForwardedAck { origin: other, probe_number },
                }
            }
            6 => Message::Announce,
            7 => Message::Feed,
            8 => Message::Gossip,
            9 => Message::Broadcast,
            _ => Message::TurnUndead,
        };
        Ok(Header { src, src_incarnation, dst, message })
    }

    fn encode_member(&mut self, member: &foca::Member<Id>, mut buffer: impl BufMut) -> Result<(), NoRoom> {
        room(buffer.remaining_mut(), MEMBER_BYTES)?;
        put_id(member.id(), &mut buffer);
        buffer.put_u16(member.incarnation());
        buffer.put_u8(match member.state() {
            State::Alive => 0,
            State::Suspect => 1,
            State::Down => 2,
        });
        Ok(())
    }

    fn decode_member(&mut self, mut buffer: impl Buf) -> Result<foca::Member<Id>, NoRoom> {
        room(buffer.remaining(), MEMBER_BYTES)?;
        let (id, incarnation) = (get_id(&mut buffer), buffer.get_u16());
        let state = match buffer.get_u8() {
            0 => State::Alive,
            1 => State::Suspect,
            _ => State::Down,
        };
        Ok(foca::Member::new(id, incarnation, state))
    }
}
