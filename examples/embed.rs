//! How a program embeds the core: three nodes, each in a thread, agree on who belongs, who is healthy and where keys live.
//!
//! The loop of `run` is all that a shell does: it hands in what happened with the time, and carries out what follows.
//! Channels stand for the network and a list for the disk; a real shell encodes messages and waits for its flushes.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a shell has the clock, and an example talks")]

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use delian::delian_core::health::{HealthConfig, Sample};
use delian::delian_core::topology::{Command, Coordinates, Registration};
use delian::delian_core::{Bytes, RequestId, WallTime, node::RingConfig, raft::Recovered};
use delian::{Config, Effect, Event, Input, Node, NodeId, Outbox, Seed, Settings, Time};

fn main() {
    let (health, ring) = (Some(HealthConfig::default()), Some(RingConfig::default()));
    let config = Config { voters: (1..=3).map(NodeId::new).collect(), health, ring, ..Config::default() };
    let settings = Arc::new(config.check().expect("the configuration makes sense"));
    let (inboxes, takers): (Vec<_>, Vec<_>) = (0..3).map(|_| mpsc::channel()).unzip();
    let spawn = |(id, taker): (u64, Receiver<Input>)| {
        let (settings, inboxes) = (Arc::clone(&settings), inboxes.clone());
        thread::spawn(move || run(NodeId::new(id), settings, &inboxes, &taker))
    };
    let threads: Vec<_> = (1..).zip(takers).map(spawn).collect();
    assert!(threads.into_iter().all(|thread| thread.join().is_ok()), "a node panicked");
}

/// Runs a node for five seconds.
fn run(id: NodeId, settings: Arc<Settings>, peers: &[Sender<Input>], inbox: &Receiver<Input>) {
    let (began, mut out, mut disk) = (Instant::now(), Outbox::new(), Vec::new());
    let now = || Time::ZERO + began.elapsed();
    let mut node = Node::start(now(), id, settings, Seed::new(id.get()), Recovered::founding(), &mut out);
    let mut todo = vec![Input::Observed(sample())];
    while began.elapsed() < Duration::from_secs(5) {
        for effect in out.drain() {
            if let Effect::Send(to, message) = effect {
                // What gets lost is sent again; only a peer that has ended loses something here.
                let _ = peers[to.get() as usize - 1].send(Input::Receive(id, message));
            } else if let Effect::Persist(write, record) = effect {
                disk.push(record);
                todo.push(Input::Persisted(write));
            } else if let Effect::Emit(Event::BecameLeader { .. } | Event::FollowsLeader { .. }) = effect {
                todo.push(Input::Command(RequestId::new(1), Command::Register(Box::new(registration(id)))));
            } else if let Effect::Emit(Event::RingChanged { epoch, members }) = effect {
                println!("{id}: {members} in the ring of {epoch}");
            } else if let Effect::Reply(_, outcome) = effect {
                println!("{id}: {outcome:?}");
            }
        }
        let until = node.next_wake().map_or(Duration::from_secs(1), |wake| wake.at.since(now()));
        let input = todo.pop().or_else(|| inbox.recv_timeout(until.min(Duration::from_millis(100))).ok());
        node.step(now(), input.unwrap_or(Input::Wake), &mut out);
    }
    println!("{}\n{} records on disk\n", node.status(), disk.len());
}

fn registration(node: NodeId) -> Registration {
    let [name, address, rack] = [format!("{node}"), "127.0.0.1".to_string(), "r1".to_string()];
    let (datacenter, region, tags) = ("zrh1".to_string(), "eu-central".to_string(), [].into());
    let (coordinates, registered_at) = (Coordinates::new(47_376_900, 8_541_700), WallTime::from_unix_millis(0));
    let (total, free, port) = (Bytes::new(1 << 40), Bytes::new(1 << 39), 7000);
    Registration { node, name, address, port, rack, datacenter, region, coordinates, total, free, tags, registered_at }
}

/// What a real program would measure: its space, how well it does, and how busy it is.
fn sample() -> Sample {
    let (free, total, taken_at) = (Bytes::new(1 << 39), Bytes::new(1 << 40), WallTime::from_unix_millis(0));
    Sample { free, total, score: 1000, active_requests: 3, latency_micros: 800, taken_at }
}
