//! Worlds to begin with.

use std::sync::Arc;

use delian_core::swim::{
    Directory, Fallback, Incarnation, Input, Members, PoolConfig, PoolSettings, Record, Roster, State,
};
use delian_core::{NodeId, Seed, Time};
use delian_sim::pool::{Breach, Life, Links, Member, Oracle, Ordering, World, address_of, card_of};

pub(crate) type Pool = World<Member<Roster>, Oracle>;

/// Returns a node whose identity names its place, and of which the rest is drawn from `names`.
pub(crate) fn node(names: u64, place: u32) -> NodeId {
    let drawn = Seed::new(names).derive("node", u64::from(place)).get();
    // The highest bit is set, so that all identities take as many bytes.
    NodeId::new((drawn & !0x00ff_ffff) | (1 << 63) | u64::from(place))
}

pub(crate) fn settings(fallback: Fallback) -> Arc<PoolSettings> {
    Arc::new(PoolConfig { fallback, ..PoolConfig::local("worlds") }.check().expect("the numbers make sense"))
}

pub(crate) fn at(seconds: u64) -> Time {
    Time::from_millis(seconds * 1000)
}

/// Returns a world of so many members that know each other from the start.
pub(crate) fn acquainted(members: u32, links: Links, seed: u64, names: u64, fallback: Fallback) -> Pool {
    let (mut base, mut directory) = (Roster::new(), Directory::new());
    for place in 0..members {
        let id = node(names, place);
        let slot = directory.hold(id);
        directory.hold_more(slot, members);
        directory.set_card(slot, Arc::new(card_of(id, place)));
        base.set(slot, id, Record { incarnation: Incarnation::ZERO, state: State::Alive });
    }
    let settings = settings(fallback);
    let oracle = Oracle::new(&settings, members);
    let mut world = World::new(members as usize, links, Seed::new(seed), Ordering::Wheel, directory, oracle);
    for place in 0..members {
        begin(&mut world, &settings, place, node(names, place), base.clone(), &[]);
    }
    world
}

/// Returns a world of so many members that all ask the first to join.
pub(crate) fn joining(members: u32, links: Links, seed: u64, names: u64, ordering: Ordering) -> Pool {
    let settings = settings(Fallback::Stream);
    let oracle = Oracle::new(&settings, members);
    let mut world = World::new(members as usize, links, Seed::new(seed), ordering, Directory::new(), oracle);
    for place in 0..members {
        begin(&mut world, &settings, place, node(names, place), Roster::new(), &[0]);
    }
    world
}

/// Begins a life that knows `members` and asks the members at the places of `seeds` to join.
pub(crate) fn begin(
    world: &mut Pool,
    settings: &Arc<PoolSettings>,
    place: u32,
    node: NodeId,
    members: Roster,
    seeds: &[u32],
) {
    let (now, incarnation) = (world.now(), Incarnation::ZERO);
    let lives = world.watcher.truth().lives(place);
    world.watcher.truth().started(now, place, node, incarnation);
    // Not the identity but the place and the life draw: so worlds of other names decide alike.
    let seed = Seed::new(u64::from(place)).derive("life", u64::from(lives));
    let seeds: Vec<_> = seeds.iter().map(|seed| address_of(*seed)).collect();
    world.start(place, move |now, directory, sink| {
        let life = Life { place, node, incarnation, seed, members };
        let mut member = Member::begin(now, settings, life, directory, sink);
        if !seeds.is_empty() {
            member.feed(now, Input::Join(seeds), directory, sink);
        }
        member
    });
}

pub(crate) fn crash(world: &mut Pool, place: u32) {
    let now = world.now();
    world.watcher.truth().stopped(now, place);
    world.stop(place);
}

/// Changes the path of a member for the worse, or back.
pub(crate) fn trouble(world: &mut Pool, place: u32, change: impl FnOnce(&mut delian_sim::pool::Path)) {
    let now = world.now();
    world.watcher.truth().troubled(now, place);
    world.set_path(place, change);
}

pub(crate) fn ease(world: &mut Pool, place: u32) {
    let now = world.now();
    world.set_path(place, |path| *path = delian_sim::pool::Path::default());
    world.watcher.truth().eased(now, place);
}

/// Lets a world go on for so many seconds, with a look at it after each.
pub(crate) fn go_on(world: &mut Pool, seconds: u64) -> Result<(), Breach> {
    let start = world.now().as_nanos();
    for second in 1..=seconds {
        world.run_until(Time::from_nanos(start + second * 1_000_000_000));
        world.sample()?;
    }
    Ok(())
}
