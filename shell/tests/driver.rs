//! Whole nodes in one process: the driver, its upkeep and its relays, over a network that loses nothing by itself.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use delian_shell::delian_core::node::{PoolsConfig, RingConfig};
use delian_shell::delian_core::swim::{self, PoolConfig};
use delian_shell::delian_core::topology::{Command, Coordinates, Member, Registration};
use delian_shell::delian_core::{
    Applied, Bytes, Config, Consistency, Event, Node, NodeId, Operation, Rejected, RoleName, Sequence, Status, WallTime,
};
use delian_shell::driver::{Ended, Upkeep};
use delian_shell::journal::Entry;
use delian_shell::machine::StateMachine;
use delian_shell::transport::Switchboard;
use delian_shell::{Cluster, Failure, Handle};

/// Long enough for the slowest machine: a wait that takes this long has failed.
const PATIENCE: Duration = Duration::from_mins(1);

fn id(number: u64) -> NodeId {
    NodeId::new(number)
}

fn address(number: u64) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number as u8], 7000))
}

/// The configuration of one of some founders.
fn config(number: u64, founders: impl IntoIterator<Item = u64>) -> Config {
    let pool = PoolConfig { gossip_interval: Duration::from_millis(50), ..PoolConfig::local("test") };
    Config {
        voters: founders.into_iter().map(id).collect(),
        heartbeat_interval: Duration::from_millis(50),
        election_timeout_min: Duration::from_millis(250),
        election_timeout_max: Duration::from_millis(500),
        autopilot_voters: Some(3),
        autopilot_settle: Duration::from_millis(100),
        pools: Some(PoolsConfig { name: format!("node-{number}"), local: (pool, address(number)), wide: None }),
        ring: Some(RingConfig::default()),
        ..Config::default()
    }
}

fn registration(number: u64) -> Registration {
    Registration {
        node: id(number),
        name: format!("node-{number}"),
        address: address(number).ip().to_string(),
        port: 7000,
        rack: "r1".to_owned(),
        datacenter: "zrh1".to_owned(),
        region: "eu".to_owned(),
        coordinates: Coordinates::new(0, 0),
        total: Bytes::new(100),
        free: Bytes::new(50),
        tags: [].into(),
        registered_at: WallTime::from_unix_millis(0),
    }
}

fn upkeep(number: u64, joins_log: bool) -> Upkeep {
    Upkeep { seeds: vec![address(1)], joins_log, registration: Some(registration(number)), ..Upkeep::default() }
}

/// Commands in the order of the log.
#[derive(Debug, Default)]
struct Words(Vec<u8>);

impl StateMachine for Words {
    fn apply(&mut self, _applied: Applied, command: &[u8]) {
        self.0.extend_from_slice(command);
    }

    fn capture(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn restore(&mut self, state: &[u8]) {
        self.0 = state.to_vec();
    }
}

async fn start(board: &Switchboard, number: u64, founds: bool, joins_log: bool) -> Cluster {
    let founders = if founds { vec![number] } else { Vec::new() };
    let builder = Cluster::builder(id(number)).config(config(number, founders)).upkeep(upkeep(number, joins_log));
    let builder = if founds { builder.founds() } else { builder };
    let plugged = async |arrived| Ok(board.plug(id(number), address(number), arrived));
    builder.machine(Words::default()).start_over(plugged).await.expect("nothing is in the way")
}

/// Waits until the node says so of itself, looking again after each of its events.
async fn wait_until(handle: &Handle, what: &str, is_so: impl Fn(&Status, &BTreeSet<NodeId>) -> bool) {
    let looks = async {
        loop {
            let seen = handle.journal().last();
            let registered = |node: &Node| node.topology().members().map(Member::node).collect();
            let (status, members) =
                handle.look(move |node, _| (node.status(), registered(node))).await.expect("the node runs");
            if is_so(&status, &members) || !handle.journal().wait_after(seen).await {
                return;
            }
        }
    };
    if tokio::time::timeout(PATIENCE, looks).await.is_err() {
        let status = handle.look(|node, _| node.status()).await;
        panic!("{what} did not come about: {status:?}");
    }
}

#[tokio::test]
async fn a_lone_founder_takes_in_who_asks_and_the_autopilot_makes_voters_of_them() {
    let board = Switchboard::new();
    let first = start(&board, 1, true, true).await;
    let others = [start(&board, 2, false, true).await, start(&board, 3, false, true).await];
    for node in [&first, &others[0], &others[1]] {
        wait_until(node.handle(), "three are registered", |_, members| members.len() == 3).await;
    }
    let voters = |node: &Node| node.raft().configuration().all_voters().count();
    wait_until(first.handle(), "one leads", |status, _| status.role == RoleName::Leader).await;
    tokio::time::timeout(PATIENCE, async {
        while first.handle().look(move |node, _| voters(node)).await != Ok(3) {
            let seen = first.handle().journal().last();
            first.handle().journal().wait_after(seen).await;
        }
    })
    .await
    .expect("the autopilot promotes two learners");
    wait_until(others[1].handle(), "the ring has all", |status, _| status.ring.is_some_and(|ring| ring.members == 3))
        .await;
}

#[tokio::test]
async fn commands_take_effect_through_any_node_and_are_read_back_at_any() {
    let board = Switchboard::new();
    let nodes = [start(&board, 1, true, true).await, start(&board, 2, false, true).await];
    for node in &nodes {
        wait_until(node.handle(), "both are registered", |_, members| members.len() == 2).await;
    }
    let mut last = None;
    for (number, node) in nodes.iter().enumerate() {
        let command = Command::custom(&[b'a' + number as u8]);
        let applied = node.handle().command(command).await.expect("the leader is known");
        assert!(last.replace(applied.position) < Some(applied.position), "the log is one");
    }
    for node in &nodes {
        let read = node.handle().read(Consistency::Quorum, |node, _| node.topology().len()).await;
        let (at, members) = read.expect("a quorum is there");
        assert!(Some(at.applied) >= last.map(|position| position.index), "{at:?} is before {last:?}");
        assert_eq!(members, 2);
    }
}

#[tokio::test]
async fn who_is_outside_of_the_log_is_registered_by_way_of_the_leader() {
    let board = Switchboard::new();
    let first = start(&board, 1, true, true).await;
    let observer = start(&board, 2, false, false).await;
    wait_until(first.handle(), "the observer is registered", |_, members| members.contains(&id(2))).await;
    wait_until(observer.handle(), "the observer follows", |status, members| {
        status.role == RoleName::Observer && members.len() == 2
    })
    .await;
    let refused = observer.handle().command(Command::Deregister(id(77))).await;
    assert!(matches!(refused, Err(Failure::Rejected(Rejected::Refused(_)))), "{refused:?}");
    assert!(observer.handle().command(Command::custom(b"x")).await.is_ok());
}

#[tokio::test]
async fn an_operation_of_a_session_takes_effect_once() {
    let board = Switchboard::new();
    let node = start(&board, 1, true, true).await;
    wait_until(node.handle(), "the node leads", |status, _| status.role == RoleName::Leader).await;
    let session = node.handle().open_session().await.expect("the node leads");
    let operation = Operation { session, sequence: Sequence::new(1), awaited_from: Sequence::new(1) };
    let ask = || node.handle().session_command(operation, Command::custom(b"once"));
    let (first, again) = (ask().await.expect("it leads"), ask().await.expect("it leads"));
    assert_eq!(first.position, again.position);
    assert!(node.handle().close_session(session).await.is_ok());
}

#[tokio::test]
async fn who_waits_for_a_node_that_ends_is_told_so() {
    let board = Switchboard::new();
    let node = start(&board, 2, false, true).await;
    let handle = node.handle().clone();
    assert!(matches!(node.stop().await, Ended::Asked));
    assert_eq!(handle.command(Command::custom(b"late")).await, Err(Failure::Stopped));
    assert_eq!(handle.look(|node, _| node.status()).await.err(), Some(Failure::Stopped));
    assert!(!handle.journal().wait_after(u64::MAX - 1).await, "no event will come");
}

#[tokio::test]
async fn a_member_that_leaves_is_known_to_have_left() {
    let board = Switchboard::new();
    let first = start(&board, 1, true, true).await;
    let second = start(&board, 2, false, true).await;
    wait_until(first.handle(), "both are registered", |_, members| members.len() == 2).await;
    second.leave().await;
    let left = |entry: &Entry| {
        matches!(&entry.event, Event::Pool { event, .. }
            if matches!(**event, swim::Event::Left { member, .. } if member == id(2)))
    };
    let journal = first.handle().journal();
    tokio::time::timeout(PATIENCE, async {
        while !journal.after(0, usize::MAX).is_ok_and(|events| events.iter().any(|entry| left(entry))) {
            journal.wait_after(journal.last()).await;
        }
    })
    .await
    .expect("word of the leave arrives");
}

#[tokio::test]
async fn when_the_leader_leaves_the_others_elect_another() {
    let board = Switchboard::new();
    let first = start(&board, 1, true, true).await;
    let others = [start(&board, 2, false, true).await, start(&board, 3, false, true).await];
    let voters = |node: &Node| node.raft().configuration().all_voters().count();
    for node in &others {
        let (handle, journal) = (node.handle(), node.handle().journal());
        let promoted = async {
            while handle.look(move |node, _| voters(node)).await != Ok(3) {
                journal.wait_after(journal.last()).await;
            }
        };
        tokio::time::timeout(PATIENCE, promoted).await.expect("the autopilot promotes two learners");
    }
    first.leave().await;
    for node in &others {
        wait_until(node.handle(), "another leads", |status, _| status.leader.is_some_and(|leader| leader != id(1)))
            .await;
    }
}
