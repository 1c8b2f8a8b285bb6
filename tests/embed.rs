//! An embedder's own state machine under simulation, as one would write it in a project that uses Delian.
//!
//! The state is a small key-value store, fed by committed `Custom` commands. The simulator takes snapshots through it,
//! restores it on nodes that fell behind, and requires that all whole nodes have equal fingerprints in the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use delian::delian_core::Applied;
use delian::delian_sim::report::Color;
use delian::delian_sim::scenario::Family;
use delian::delian_sim::scenario::Swarm;
use delian::{Action, Embedder, EmbedderFactory, Fault, Report, Scenario, Target, millis, run_seeds, secs};

const SEEDS: std::ops::Range<u64> = 0..20;

/// What a node keeps: every command is one byte of key and the rest its value.
#[derive(Clone, Default)]
struct Store {
    entries: BTreeMap<u8, Vec<u8>>,
}

impl Store {
    fn set(&mut self, command: &[u8]) {
        if let Some((key, value)) = command.split_first() {
            self.entries.insert(*key, value.to_vec());
        }
    }
}

impl Embedder for Store {
    fn apply(&mut self, _: Applied, command: &[u8]) {
        self.set(command);
    }

    fn capture(&self) -> Vec<u8> {
        let entry = |(key, value): (&u8, &Vec<u8>)| [&[*key, value.len() as u8], value.as_slice()].concat();
        self.entries.iter().flat_map(entry).collect()
    }

    fn restore(&mut self, mut state: &[u8]) {
        self.entries.clear();
        while let [key, length, rest @ ..] = state {
            let (value, after) = rest.split_at(usize::from(*length));
            self.entries.insert(*key, value.to_vec());
            state = after;
        }
    }

    fn fingerprint(&self) -> u64 {
        // FNV-1a: any hash will do that is the same in every process.
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        self.capture().into_iter().fold(0xcbf2_9ce4_8422_2325, fold)
    }

    fn fork(&self) -> Box<dyn Embedder> {
        Box::new(self.clone())
    }
}

/// A store that forgets to restore, so that a node which was sent a snapshot has holes.
#[derive(Clone, Default)]
struct Forgetful(Store);

impl Embedder for Forgetful {
    fn apply(&mut self, applied: Applied, command: &[u8]) {
        self.0.apply(applied, command);
    }

    fn capture(&self) -> Vec<u8> {
        self.0.capture()
    }

    fn restore(&mut self, _: &[u8]) {}

    fn fingerprint(&self) -> u64 {
        self.0.fingerprint()
    }

    fn fork(&self) -> Box<dyn Embedder> {
        Box::new(self.clone())
    }
}

/// A hundred writes to ten keys, through whoever answers, while nodes crash and one sleeps through a compaction.
fn scenario() -> Arc<Scenario> {
    let mut scenario = Scenario::build("a-store-survives-crashes-and-snapshots")
        .about("Every node ends with the same entries, also one that slept through a snapshot.")
        .voters(3)
        .config(|config| config.log_bytes_max = 2 * 1024)
        .chaos(secs(60))
        .swarm(Swarm { families: vec![Family::Crash, Family::Partition], ..Swarm::default() })
        .at(secs(5))
        .lasting(secs(50))
        .fault(Fault::Pause(Target::Process(3)));
    for number in 0..100_u8 {
        let command = [&[number % 10], [number; 40].as_slice()].concat();
        scenario = scenario.at(secs(6) + millis(500) * u32::from(number));
        scenario = scenario.operation(1, Target::Process(u16::from(1 + number % 2)), Action::Custom(command));
    }
    let scenario = scenario.expect_of_suite("acknowledged", 500).expect_of_suite("snapshots_installed", 5);
    Arc::new(scenario.finish().expect("the scenario makes sense"))
}

fn run_with<E: Embedder + Default + 'static>() -> Report {
    let embedders: EmbedderFactory = Arc::new(|| Box::new(E::default()));
    run_seeds(&scenario(), SEEDS, &embedders)
}

#[test]
fn a_store_is_the_same_on_every_node_whatever_happens() {
    let report = run_with::<Store>();
    assert!(report.ok(), "{}", report.to_terminal(100, Color::Off));
}

#[test]
fn a_store_that_forgets_to_restore_is_found_out() {
    let report = run_with::<Forgetful>();
    let broken: Vec<&str> = report.suites()[0].failures().map(|failure| failure.violation.invariant).collect();
    assert!(broken.contains(&"heals-in-time"), "{}", report.to_terminal(100, Color::Off));
}

#[test]
fn what_is_captured_can_be_restored() {
    let mut store = Store::default();
    store.set(&[1, 2, 3]);
    store.set(&[9]);
    store.set(&[]);
    let mut other = Store::default();
    other.set(&[7, 7]);
    other.restore(&store.capture());
    assert_eq!(other.entries, store.entries);
}
