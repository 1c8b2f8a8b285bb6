//! Stories that nobody wrote: random steps of small clusters, under the same checks as the written ones.

use std::time::Duration;

use delian_core::raft::QuorumChange;
use delian_core::topology::Command;
use delian_core::{Blob, Config, Input, NodeId, Seed, Stream};

use crate::words;
use crate::world::World;

/// How many walks, and how many steps each.
const WALKS: u64 = 250;
const STEPS: usize = 800;

#[test]
fn random_walks_break_no_promise_and_end_in_agreement() {
    let (mut commits, mut snapshots, mut changes) = (0, 0, 0);
    for number in 0..WALKS {
        let mut rng = Stream::new(Seed::new(number), "walk");
        let mut world = cluster(&mut rng);
        for _ in 0..STEPS {
            // A step that makes no sense now, such as one at a node that is down, is refused and changes nothing.
            let _ = wander(&mut world, &mut rng);
        }
        let agreed = come_to_rest(&mut world).unwrap_or_else(|problem| panic!("walk {number}: {problem}"));
        commits += agreed;
        let said = world.take_said();
        snapshots += said.matches("installs a snapshot").count();
        changes += said.matches("committed: voters").count();
    }
    assert!(commits > 12 * WALKS, "only {commits} entries were committed in all walks");
    assert!(snapshots > 100, "only {snapshots} snapshots were installed in all walks");
    assert!(changes > 4 * WALKS as usize, "only {changes} changes of the quorum were seen in all walks");
}

fn cluster(rng: &mut Stream) -> World {
    let voters = 1 + rng.below(5);
    let config = Config {
        voters: (1..=voters).map(NodeId::new).collect(),
        learners: (voters + 1..=voters + rng.below(2)).map(NodeId::new).collect(),
        append_bytes_max: 1 + rng.below(200),
        inflight_messages_max: 1 + rng.below(4) as usize,
        log_bytes_max: 100 + rng.below(1000),
        trailing_entries: rng.below(4),
        snapshot_chunk_bytes: 1 + rng.below(100),
        snapshot_chunks_max: 1 + rng.below(6) as usize,
        withheld_max: 5 + rng.below(30) as usize,
        ..Config::default()
    };
    let mut world = World::new(config, rng.below(3)).expect("the numbers make sense");
    let ids: Vec<_> = world.machines.keys().copied().collect();
    for id in ids {
        world.start(id).expect("a node starts");
    }
    world
}

fn wander(world: &mut World, rng: &mut Stream) -> Result<(), String> {
    let id = NodeId::new(1 + rng.below(world.machines.len() as u64));
    match rng.below(61) {
        60 => {
            let change = quorum_change(world, rng)?;
            world.request(id, |request| Input::Quorum(request, change))
        }
        0 => world.crash(id, rng.below(4) as usize),
        1..=3 => world.start(id),
        4 => {
            world.machine(id)?.disk.held = true;
            Ok(())
        }
        5 => {
            world.machine(id)?.disk.held = false;
            world.persist(id, usize::MAX)
        }
        6..=8 => world.persist(id, 1 + rng.below(3) as usize),
        9..=13 => {
            let wake = world.node(id)?.next_wake().ok_or("no wake is wanted")?;
            world.fire(id, wake.why)
        }
        14 => {
            world.advance(Duration::from_millis(rng.below(1500)));
            world.step(id, Input::Wake)
        }
        15..=18 => world.command(id, Command::Custom(Blob::from([b'x'; 20].as_slice()))),
        19 => {
            let other = NodeId::new(1 + rng.below(world.machines.len() as u64));
            world.cut.insert((id, other));
            Ok(())
        }
        20 => {
            world.cut.clear();
            Ok(())
        }
        fate => {
            if world.network.is_empty() {
                return Ok(());
            }
            let early = world.network.len().min(6) as u64;
            let packet = world.network.remove(rng.below(early) as usize);
            match fate {
                21 => Ok(()),
                22 | 23 => {
                    world.network.push(packet.clone());
                    world.deliver(packet)
                }
                24 => {
                    world.network.push(packet);
                    Ok(())
                }
                _ => world.deliver(packet),
            }
        }
    }
}

fn quorum_change(world: &World, rng: &mut Stream) -> Result<QuorumChange, String> {
    let any = |rng: &mut Stream| NodeId::new(1 + rng.below(world.machines.len() as u64));
    let node = any(rng);
    Ok(match rng.below(6) {
        0 => QuorumChange::AddLearner { node, incarnation: world.node(node)?.raft().incarnation() },
        1 => QuorumChange::Demote(node),
        2 => QuorumChange::Remove(node),
        3 => QuorumChange::Replace { voters: (0..=rng.below(4)).map(|_| any(rng)).collect() },
        _ => QuorumChange::Promote(node),
    })
}

/// Mends everything, and returns how far the cluster then agrees.
fn come_to_rest(world: &mut World) -> Result<u64, String> {
    world.cut.clear();
    let ids: Vec<_> = world.machines.keys().copied().collect();
    for id in &ids {
        world.machine(*id)?.disk.held = false;
        world.persist(*id, usize::MAX)?;
        if world.machine(*id)?.node.is_none() {
            world.start(*id)?;
        }
    }
    world.settle()?;
    for _ in 0..200 {
        world.advance(Duration::from_millis(200));
        for id in &ids {
            world.step(*id, Input::Wake)?;
        }
        world.settle()?;
    }
    let leads = |id: &&NodeId| world.node(**id).is_ok_and(|node| node.raft().is_leader());
    let Some(leader) = ids.iter().find(leads).copied() else {
        let found: Vec<_> = ids.iter().map(|id| world.node(*id).map(|node| words::status(&node.status()))).collect();
        return Err(format!("after forty mended seconds nobody leads: {found:#?}"));
    };
    world.command(leader, Command::Custom(Blob::from(b"end".as_slice())))?;
    world.settle()?;
    let commit = world.node(leader)?.raft().commit();
    // Who was removed hears nothing, and owes nothing.
    let members: Vec<_> = world.node(leader)?.raft().configuration().members().collect();
    for id in &members {
        let status = world.node(*id)?.status();
        if status.halted.is_some() || status.commit != commit || status.epoch != world.node(leader)?.status().epoch {
            return Err(format!("{leader} committed {commit}, but {}", words::status(&status)));
        }
    }
    Ok(commit.get())
}
