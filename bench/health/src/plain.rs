//! The obvious design: a map of records, overwritten by each heartbeat and looked at as a whole.

use std::collections::BTreeMap;
use std::hint::black_box;

use delian_core::Message;

/// How often all records are looked at, in seconds.
const CHECK_EVERY: u64 = 10;

/// How many seconds lie between two heartbeats of a node.
const BEATS_EVERY_SECONDS: usize = 10;

/// What is known of a node.
#[derive(Clone, Copy)]
struct Record {
    last_heard: u64,
    score: f64,
    sequence: u64,
}

pub(crate) struct Plain {
    records: BTreeMap<u64, Record>,
    now: u64,
}

impl Plain {
    pub(crate) fn of(nodes: u64) -> Self {
        let record = Record { last_heard: 0, score: 1.0, sequence: 0 };
        Self { records: (1..=nodes).map(|node| (node, record)).collect(), now: 0 }
    }

    /// Takes in heartbeats, as many in each second.
    pub(crate) fn run(&mut self, frames: &[(u64, Vec<u8>)]) {
        let per_second = self.records.len().div_ceil(BEATS_EVERY_SECONDS);
        for second in frames.chunks(per_second) {
            self.now += 1;
            for (_, frame) in second {
                let Ok(Message::Heartbeat(heartbeat)) = Message::decode(frame) else {
                    panic!("a heartbeat is read back")
                };
                let record = self.records.get_mut(&heartbeat.node.get()).expect("all have a record");
                let score = f64::from(heartbeat.sample.score) / 1000.0;
                *record = Record { last_heard: self.now, score, sequence: heartbeat.sequence };
            }
            if self.now.is_multiple_of(CHECK_EVERY) {
                black_box(self.check());
            }
        }
    }

    /// Takes a fifth of its score from whoever is silent. Returns how many failed.
    fn check(&mut self) -> u64 {
        let mut failed = 0;
        for record in self.records.values_mut() {
            if self.now - record.last_heard > 30 {
                record.score -= 0.2;
                failed += u64::from(record.score <= 0.0 && record.sequence > 0);
            }
        }
        failed
    }
}
