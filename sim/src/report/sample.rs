//! Made-up runs that look like real ones.

use std::time::Duration;

use delian_core::{Seed, Stream, Time};

use super::{Report, Suite};
use crate::noticed::Noticed;
use crate::outcome::{Counts, Outcome, Violation};
use crate::scenario::{Cluster, Expectations, Latency, LinkQuality, Scenario, Shape, Worlds};

const NAMES: [(&str, &str); 14] = [
    ("membership/added-node-is-seen-by-all", "A node added to a three-node cluster is seen by all."),
    ("membership/removed-node-disappears-everywhere", "A removed node disappears everywhere."),
    (
        "raft/a-minority-side-cannot-change-the-topology",
        "A minority side cannot change the topology, and healing leaves one history.",
    ),
    ("raft/bridge-partition", "Two halves that meet in one node keep one leader."),
    ("raft/crash-of-everyone", "A crash of everyone loses nothing that was flushed."),
    ("raft/duplicated-and-replayed-messages", "Messages that come twice, or much later, change nothing."),
    ("raft/flapping-link", "A link that comes and goes does not depose the leader for ever."),
    ("raft/leader-cut-off-one-way", "A leader that can speak but not hear steps down."),
    ("raft/rolling-restart", "Restarting one node after another loses no command."),
    ("raft/slow-disk-on-the-leader", "A leader whose disk is slow neither lies nor blocks the others."),
    ("raft/snapshot-after-an-hour-asleep", "A node that slept for an hour catches up from a snapshot."),
    ("swarm/three-voters", "Random faults of every family, three voters."),
    ("swarm/five-voters", "Random faults of every family, five voters."),
    ("swarm/seven-voters", "Random faults of every family, seven voters."),
];

const FAULTS: [&str; 18] = [
    "fault.partition",
    "fault.one-way-cut",
    "fault.bridge",
    "fault.loss",
    "fault.duplicate",
    "fault.reorder",
    "fault.replay",
    "fault.clog",
    "fault.crash",
    "fault.wipe",
    "fault.pause",
    "fault.deafen",
    "fault.slow-flush",
    "fault.stalled-flush",
    "fault.full-disk",
    "fault.corrupt-record",
    "fault.drift",
    "fault.wall-jump",
];

const TAIL: [&str; 6] = [
    "  12.345678901  n2  receive  n1 Append t3 prev t3/i7 2 entries commit i6",
    "  12.345678901  n2  persist  w41 2 entries",
    "  12.346012377  n2  flushed  w41",
    "  12.346012377  n2  send     n1 Appended t3 match i9",
    "  12.350000000  n3  wake     election",
    "  12.350000000  n3  become   leader t3",
];

pub(super) fn scenario(name: &str, about: &str, path: &str) -> Scenario {
    let latency = Latency { least: Duration::from_millis(1), most: Duration::from_millis(10), shape: Shape::Uniform };
    Scenario {
        name: name.to_owned(),
        about: about.to_owned(),
        path: path.to_owned(),
        seed: None,
        seeds_max: None,
        forks: Vec::new(),
        healed: None,
        worlds: Worlds::default(),
        cluster: Cluster::default(),
        chaos: Duration::from_mins(1),
        settle: Duration::from_secs(30),
        network: LinkQuality { latency, loss: 0, duplicate: 0, reorder: 0, replay: 0, rate: None },
        flush: latency,
        workload: None,
        swarm: None,
        operator: None,
        steps: Vec::new(),
        operations: Vec::new(),
        expect: Expectations::default(),
    }
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let one = |(place, about): &(&str, &str)| {
        let name = place.rsplit('/').next().expect("a split has a last part");
        scenario(name, about, &format!("scenarios/{place}.toml"))
    };
    NAMES.iter().map(one).collect()
}

/// A run of the scenario of this number. With `Health::Sick`, some seeds of the third and the last one fail.
pub(super) fn outcome(scenario: u64, seed: u64, health: Health) -> Outcome {
    let mut stream = Stream::new(Seed::new(seed).derive("sample", scenario), "report");
    let mut counts = Counts::default();
    counts.add("elections", 1 + stream.below(9));
    counts.add("commits", 80 + stream.below(400));
    counts.add("snapshots", stream.below(3));
    counts.add("messages.sent", 20_000 + stream.below(30_000));
    let families = if scenario > 10 { FAULTS.len() } else { 1 + (scenario as usize * 5) % 4 };
    for fault in FAULTS.iter().cycle().skip(scenario as usize).take(families) {
        let rare = 1 << stream.below(10);
        counts.add(fault, stream.below(rare));
    }
    let slow = 1 << stream.below(5);
    let base = 8 + scenario * 3;
    let mut spans = |count: u64, least: u64, most: u64| -> Vec<Duration> {
        (0..count)
            .map(|_| stream.span(Duration::from_millis(least), Duration::from_micros(most * 1_000 + 137)))
            .collect()
    };
    let commit_latencies = [spans(40, base, base * 3), spans(4, base, base * slow * 20)].concat();
    let leaderless_spans = spans(2, 150, 400 * slow);
    let settled_after = spans(1, 200 + 90 * scenario, (500 + 300 * scenario) * slow).first().copied();
    let sick = health == Health::Sick && ((scenario == 2 && seed % 31 == 7) || (scenario == 13 && seed == 11));
    Outcome {
        seed,
        violation: sick.then(|| violation(seed)),
        counts,
        virtual_time: Duration::from_secs(90 + seed % 60),
        events: 41_000 + seed * 97 % 9_000,
        inputs: 30_000 + seed * 89 % 7_000,
        fingerprint: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ scenario,
        commit_latencies,
        leaderless_spans,
        settled_after,
        noticed: Noticed::default(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Well,
    Sick,
}

pub(super) fn violation(seed: u64) -> Violation {
    Violation {
        invariant: "one-leader-per-term",
        at: Time::from_nanos(12_350_000_000 + seed),
        sentence: "In one term at most one node ever becomes leader, whatever the network and the disks do to it.",
        facts: vec![
            "n1 became leader of term 3 at 11.204511000s, with the votes of n1 and n2".to_owned(),
            "n3 became leader of term 3 at 12.350000000s, with the votes of n2 and n3, although n2 had voted for n1 \
             in that term and its disk had acknowledged the vote"
                .to_owned(),
        ],
        tail: TAIL.iter().cycle().take(20).map(|event| (*event).to_owned()).collect(),
    }
}

pub(super) fn report(seeds: u64, health: Health) -> Report {
    let suites = scenarios().into_iter().enumerate().map(|(number, mut scenario)| {
        if health == Health::Sick && number == 6 {
            scenario.expect.suite.insert("fault.flap".to_owned(), 100);
        }
        let mut suite = Suite::new(&scenario);
        (0..seeds).for_each(|seed| suite.add(outcome(number as u64, seed, health)));
        suite
    });
    Report::new(suites.collect())
}
