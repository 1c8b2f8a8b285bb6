//! What an explorer may forget decides nothing: instants count only beside `now`, and numbers of writes beside each other.

use std::sync::Arc;

use delian_core::projection::Deadline;
use delian_core::raft::Recovered;
use delian_core::topology::Command;
use delian_core::{
    Blob, Config, Consistency, Effect, Input, Message, Node, NodeId, Outbox, RequestId, Seed, Time, WriteId,
};
use proptest::prelude::*;

const SIZE: usize = 3;

/// What the schedule of a run is made of.
#[derive(Clone, Debug)]
enum Happens {
    /// So many milliseconds pass, and everyone wakes up.
    Passes(u64),
    /// The oldest of this many messages from the end arrives.
    Arrives(usize),
    /// The disk of a node does all that it was asked for.
    Flushes(usize),
    /// A client asks a node for a change.
    Asks(usize),
    /// A client asks a node for a read.
    Reads(usize),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        2 => (1_u64..900).prop_map(Happens::Passes),
        12 => (0_usize..4).prop_map(Happens::Arrives),
        8 => (0..SIZE).prop_map(Happens::Flushes),
        1 => (0..SIZE).prop_map(Happens::Asks),
        1 => (0..SIZE).prop_map(Happens::Reads),
    ]
}

/// Three nodes; of the first there is a twin, which is given the same inputs in a life of its own.
struct Cluster {
    nodes: Vec<Node>,
    twin: Node,
    /// How far the twin's clock is ahead.
    ahead: u64,
    /// How far the numbers of its writes are behind.
    behind: u64,
    now: Time,
    on_their_way: Vec<(usize, NodeId, Message)>,
    waiting: [Option<WriteId>; SIZE],
    asked: u64,
    elections: usize,
}

fn start(number: usize) -> Node {
    let voters = (1..=SIZE as u64).map(NodeId::new).collect();
    let config = Config { voters, clock_drift_max_ppm: Some(100), ..Config::default() };
    let settings = Arc::new(config.check().expect("it is the default"));
    let id = NodeId::new(number as u64 + 1);
    let mut out = Outbox::new();
    let mut node = Node::start(ORIGIN, id, settings, Seed::new(id.get()), Recovered::founding(), &mut out);
    out.drain().for_each(drop);
    node.step(ORIGIN, Input::Persisted(WriteId::new(1)), &mut out);
    assert!(out.is_empty(), "nothing waits for the first write");
    node
}

/// When all begins: not at zero, which means that something never was.
const ORIGIN: Time = Time::from_millis(10_000);

impl Cluster {
    fn new() -> Self {
        let nodes: Vec<Node> = (0..SIZE).map(start).collect();
        let twin = nodes[0].clone();
        let (on_their_way, waiting) = (Vec::new(), [None; SIZE]);
        Self { nodes, twin, ahead: 0, behind: 0, now: ORIGIN, on_their_way, waiting, asked: 0, elections: 0 }
    }

    fn run_all(&mut self, schedule: &[Happens]) {
        for what in schedule {
            self.run(what);
        }
    }

    fn run(&mut self, what: &Happens) {
        match what {
            Happens::Passes(millis) => {
                self.now = Time::from_nanos(self.now.as_nanos() + millis * 1_000_000);
                (0..SIZE).for_each(|number| self.step(number, Input::Wake));
            }
            Happens::Arrives(place) => {
                if let Some(place) = (*place).min(self.on_their_way.len()).checked_sub(1) {
                    let (to, from, message) = self.on_their_way.remove(place);
                    self.step(to, Input::Receive(from, message));
                }
            }
            Happens::Flushes(number) => {
                if let Some(write) = self.waiting[*number].take() {
                    self.step(*number, Input::Persisted(write));
                }
            }
            Happens::Asks(number) => {
                self.asked += 1;
                let command = Command::Custom(Blob::from([1].as_slice()));
                self.step(*number, Input::Command(RequestId::new(self.asked), command));
            }
            Happens::Reads(number) => {
                self.asked += 1;
                self.step(*number, Input::Read(RequestId::new(self.asked), Consistency::Lease));
            }
        }
    }

    fn step(&mut self, number: usize, input: Input) {
        let mut out = Outbox::new();
        self.nodes[number].step(self.now, input.clone(), &mut out);
        let effects: Vec<Effect> = out.drain().collect();
        if number == 0 {
            let input = if let Input::Persisted(write) = input {
                Input::Persisted(WriteId::new(write.get() - self.behind))
            } else {
                input
            };
            self.twin.step(Time::from_nanos(self.now.as_nanos() + self.ahead), input, &mut out);
            let behind = self.behind;
            let of_twin = out.drain().map(|effect| {
                if let Effect::Persist(write, record) = effect {
                    return Effect::Persist(WriteId::new(write.get() + behind), record);
                }
                effect
            });
            assert_eq!(effects, of_twin.collect::<Vec<_>>());
        }
        let id = self.nodes[number].raft().id();
        for effect in effects {
            match effect {
                Effect::Send(to, message) => self.on_their_way.push((to.get() as usize - 1, id, message)),
                Effect::Persist(write, _) => self.waiting[number] = Some(write),
                Effect::Emit(event) => {
                    self.elections += usize::from(matches!(event, delian_core::Event::BecameLeader { .. }));
                }
                Effect::Reply(..)
                | Effect::Read(..)
                | Effect::Transferred(..)
                | Effect::SendPacket(..)
                | Effect::Deliver(..)
                | Effect::Apply(..)
                | Effect::Capture(_)
                | Effect::Restore(_) => {}
            }
        }
    }

    /// Moves the twin's instants along with its clock.
    fn shift(&mut self, by: u64) {
        self.ahead += by;
        self.twin.map_instants(|_, at| shifted(at, by));
    }
}

/// What never was and what never comes stays so.
fn shifted(at: Time, by: u64) -> Time {
    if at == Time::ZERO || at == Time::NEVER { at } else { Time::from_nanos(at.as_nanos() + by) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_node_whose_instants_all_moved_with_its_clock_behaves_alike(
        before in proptest::collection::vec(happens(), 0..150),
        after in proptest::collection::vec(happens(), 0..150),
        by in 1_u64..1 << 50,
    ) {
        let mut cluster = Cluster::new();
        cluster.run_all(&before);
        cluster.shift(by);
        cluster.run_all(&after);
    }

    #[test]
    fn a_node_whose_writes_are_numbered_anew_behaves_alike(
        steps in proptest::collection::vec((happens(), any::<bool>()), 0..250),
    ) {
        let mut cluster = Cluster::new();
        for (what, renumber) in &steps {
            cluster.run(what);
            if *renumber {
                cluster.behind += cluster.twin.forget_write_numbers();
            }
        }
    }

    #[test]
    fn dead_instants_and_an_instant_that_is_mapped_to_itself_change_nothing(
        steps in proptest::collection::vec((happens(), any::<bool>()), 0..250),
    ) {
        let mut cluster = Cluster::new();
        for (what, forget) in &steps {
            cluster.run(what);
            let before = cluster.nodes[0].clone();
            cluster.nodes[0].map_instants(|_, at| at);
            prop_assert_eq!(&before, &cluster.nodes[0]);
            if *forget {
                cluster.twin.forget_dead_instants();
            }
        }
    }
}

/// A schedule that never elects anyone would prove the laws of followers alone.
#[test]
fn the_schedules_bring_about_leaders_and_their_deadlines() {
    let mut cluster = Cluster::new();
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..400_u64 {
        cluster.run(&Happens::Passes(round % 7 * 100 + 1));
        cluster.run(&Happens::Asks(round as usize % SIZE));
        cluster.run(&Happens::Reads(0));
        cluster.nodes[0].map_instants(|deadline, at| {
            seen.insert(deadline);
            at
        });
        while !cluster.on_their_way.is_empty() {
            cluster.run(&Happens::Arrives(1));
            (0..SIZE).for_each(|number| cluster.run(&Happens::Flushes(number)));
        }
    }
    assert!(cluster.elections > 0);
    let met = [Deadline::Election, Deadline::Presumption, Deadline::Command, Deadline::Read];
    assert!(met.iter().all(|deadline| seen.contains(deadline)), "{seen:?}");
}
