//! Members of Delian: the machine of the core behind the simulator's driver, with packets as bytes.

use std::sync::Arc;

use delian_core::swim::{
    Directory, Incarnation, Input, Members, Packet, PoolConfig, PoolSettings, Record, Roster, Slot, State,
};
use delian_core::{NodeId, Seed, Time};
use delian_sim::pool::{Letter, Life, Member, Participant, SharedView, Sink, World, address_of, card_of};

use crate::contender::{Contender, Crowd, Watch};

/// A member, with its view of the pool.
pub(crate) struct Delian<M: Members>(Member<M>);

/// What all members share: facts of nodes by slot, and room for what one of them asks of the world.
pub(crate) struct Around<M: Members> {
    directory: Directory,
    inner: Sink<Member<M>>,
    settings: Arc<PoolSettings>,
}

/// A view that can begin with what all know.
pub(crate) trait Begun: Members {
    /// Returns the view of a member that remembers all that `base` holds.
    fn knowing(base: &Arc<Roster>) -> Self;

    /// Returns the view of a member that knows nobody.
    fn knowing_nobody() -> Self;
}

impl Begun for Roster {
    fn knowing(base: &Arc<Roster>) -> Self {
        Roster::clone(base)
    }

    fn knowing_nobody() -> Self {
        Roster::new()
    }
}

impl Begun for SharedView {
    fn knowing(base: &Arc<Roster>) -> Self {
        SharedView::of(Arc::clone(base))
    }

    fn knowing_nobody() -> Self {
        SharedView::of(Arc::default())
    }
}

const ALIVE: Record = Record { incarnation: Incarnation::ZERO, state: State::Alive };

impl<M: Members> Around<M> {
    /// Hands on what a member asked for, its packets as bytes.
    fn hand_over(&mut self, sink: &mut Sink<Delian<M>>) {
        sink.notes.append(&mut self.inner.notes);
        sink.timers.append(&mut self.inner.timers);
        sink.sends.extend(self.inner.sends.drain(..).map(|(to, carrier, packet)| (to, carrier, packet.encode())));
    }
}

impl<M: Members> Participant for Delian<M> {
    type Packet = Vec<u8>;
    type Timer = ();
    type Shared = Around<M>;

    fn receive(&mut self, now: Time, letter: Letter<Vec<u8>>, around: &mut Around<M>, sink: &mut Sink<Self>) {
        let Letter { from, carrier, packet } = letter;
        let packet = Packet::decode(&packet).expect("what a member sends is a packet");
        self.0.receive(now, Letter { from, carrier, packet }, &mut around.directory, &mut around.inner);
        around.hand_over(sink);
    }

    fn fire(&mut self, now: Time, (): (), around: &mut Around<M>, sink: &mut Sink<Self>) {
        self.0.fire(now, (), &mut around.directory, &mut around.inner);
        around.hand_over(sink);
    }

    fn packet_bytes(packet: &Vec<u8>) -> usize {
        packet.len()
    }
}

impl<M: Begun> Delian<M> {
    fn begin(now: Time, place: u32, members: M, seed: Seed, around: &mut Around<M>) -> Self {
        let life = Life {
            place,
            node: node(seed, place),
            incarnation: Incarnation::ZERO,
            seed: seed.derive("life", u64::from(place)),
            members,
        };
        Self(Member::begin(now, &around.settings, life, &mut around.directory, &mut around.inner))
    }
}

impl<M: Begun> Contender for Delian<M> {
    fn nowhere(crowd: Crowd) -> World<Self, Watch> {
        let settings = Arc::new(PoolConfig::local("bench").check().expect("the defaults make sense"));
        crowd.world(Around { directory: Directory::new(), inner: Sink::default(), settings })
    }

    fn acquaint(crowd: Crowd, world: &mut World<Self, Watch>) {
        let nodes: Vec<NodeId> = (0..crowd.members).map(|place| node(crowd.seed, place)).collect();
        let mut base = Roster::new();
        (0..).map(Slot::new).zip(&nodes).for_each(|(slot, node)| base.set(slot, *node, ALIVE));
        let base = Arc::new(base);
        for place in 0..crowd.members {
            world.start(place, |now, around, sink| {
                if around.directory.slots() == 0 {
                    around.directory = held_by_all(&nodes);
                }
                let members = M::knowing(&base);
                let delian = Self::begin(now, place, members, crowd.seed, around);
                around.hand_over(sink);
                delian
            });
        }
    }

    fn introduce(crowd: Crowd, world: &mut World<Self, Watch>) {
        for place in 0..crowd.members {
            world.start(place, |now, around, sink| {
                let mut delian = Self::begin(now, place, M::knowing_nobody(), crowd.seed, around);
                let join = Input::Join(vec![address_of(0)]);
                delian.0.feed(now, join, &mut around.directory, &mut around.inner);
                around.hand_over(sink);
                delian
            });
        }
    }

    fn agree(world: &World<Self, Watch>) -> bool {
        let views = (0..world.size()).filter_map(|place| world.member(place));
        let mut views = views.map(|delian| delian.0.swim().members());
        let Some(first) = views.next() else { return true };
        let all = world.size() as usize;
        first.reachable() == all && views.all(|view| view.reachable() == all && view.digest() == first.digest())
    }
}

/// Returns the directory of a world in which every view holds every node, their slots in order.
fn held_by_all(nodes: &[NodeId]) -> Directory {
    let (mut directory, views) = (Directory::new(), nodes.len() as u32);
    for (place, node) in (0..).zip(nodes) {
        let slot = directory.hold(*node);
        directory.hold_more(slot, views - 1);
        directory.set_card(slot, Arc::new(card_of(*node, place)));
    }
    directory
}

/// Returns who is at a place: the low bits of an identity tell it, the others are drawn.
fn node(seed: Seed, place: u32) -> NodeId {
    let drawn = seed.derive("node", u64::from(place)).get();
    NodeId::new((drawn & !PLACE_MASK) | u64::from(place))
}

/// The bits in which the world's oracle looks for the place of a member.
const PLACE_MASK: u64 = 0xff_ffff;
