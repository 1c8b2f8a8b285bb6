//! Metrics in the text format that scrapers read (`OpenMetrics` 1.0), with the prefix `delian_`.
//!
//! What the node holds is read when somebody scrapes; what happens is counted as it is journalled. Labels have few values
//! each (kinds, conditions, routes), never identities or keys, so a scrape stays small however large the federation is.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use delian_core::node::Tier;
use delian_core::swim::State;
use delian_core::topology::Condition;
use delian_core::{Node, RoleName, Status, Time};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::{Follower, event, process};
use crate::journal::Entry;

/// How many spans of commands are remembered for the median of late.
const SPANS_KEPT: usize = 512;

/// What a transport has carried of one sort, since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Which way: `sent`, `received`, or `lost` if it found no room.
    pub way: &'static str,
    /// How it travels: `stream` or `datagram`.
    pub carrier: &'static str,
    /// How many letters or packets.
    pub messages: u64,
    /// How many bytes, without what lower layers add.
    pub bytes: u64,
}

/// Reads the counters of a transport.
pub type TransportCounters = Box<dyn Fn() -> Vec<Carried> + Send + Sync>;

/// What is read of a node when somebody scrapes.
#[derive(Clone, Debug)]
pub struct Snapshot {
    status: Status,
    has_leader: bool,
    leader_heard: Option<Duration>,
    pools: Vec<(Tier, State)>,
}

impl Snapshot {
    /// Reads a node, as one looks at it on the driver's task.
    pub fn of(node: &Node, now: Time) -> Self {
        let states = |tier| {
            node.pool(tier).into_iter().flat_map(move |(swim, directory)| {
                swim.known(directory).map(move |(_, record)| (tier, record.state)).collect::<Vec<_>>()
            })
        };
        Self {
            status: node.status(),
            has_leader: node.known_leader().is_some(),
            leader_heard: node.raft().leader_heard_at().map(|at| now.since(at)),
            pools: states(Tier::Local).chain(states(Tier::Wide)).collect(),
        }
    }
}

/// Where a number is read.
type Reading = fn(&Snapshot) -> u64;

type Labels<const N: usize> = [(&'static str, String); N];

#[derive(Clone, Copy)]
struct Spans;

impl MetricConstructor<Histogram> for Spans {
    /// From half a millisecond to 16 seconds, each bucket twice the one before: a commit on a local disk is near the
    /// lower end, and past the upper one every question has timed out.
    fn new_metric(&self) -> Histogram {
        Histogram::new(exponential_buckets(0.0005, 2.0, 16))
    }
}

/// The metrics of one node.
pub struct Metrics {
    registry: Registry,
    gauges: Gauges,
    events: Family<Labels<2>, Counter>,
    missed: Counter,
    commands: Family<Labels<1>, Counter>,
    command_spans: Histogram,
    requests: Family<Labels<3>, Counter>,
    request_spans: Family<Labels<1>, Histogram, Spans>,
    watchers: Gauge,
    cut: Counter,
    carried: Family<Labels<2>, Counter>,
    carried_bytes: Family<Labels<2>, Counter>,
    resident: Gauge,
    cpu: Counter<f64, AtomicU64>,
    transport: Option<TransportCounters>,
    spans: Mutex<VecDeque<u64>>,
}

/// What is set at each scrape.
#[derive(Default)]
struct Gauges {
    roles: Family<Labels<1>, Gauge>,
    conditions: Family<Labels<1>, Gauge>,
    pool_members: Family<Labels<2>, Gauge>,
    numbers: Vec<(Gauge, Reading)>,
    heard: Family<Labels<0>, Gauge<f64, AtomicU64>>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("registry", &self.registry).finish_non_exhaustive()
    }
}

/// The numbers of a node: name, what they are, and where they are read.
const NUMBERS: [(&str, &str, Reading); 18] = [
    ("term", "The node's term", |it| it.status.term.get()),
    ("epoch", "The epoch of the node's topology", |it| it.status.epoch.get()),
    ("log_last_index", "The last entry of the node's log", |it| it.status.last.index.get()),
    ("log_durable_index", "The last entry that the node's disk holds", |it| it.status.durable.get()),
    ("commit_index", "The last entry that is committed, as far as the node knows", |it| it.status.commit.get()),
    ("snapshot_index", "The last entry that the node's snapshot covers", |it| it.status.snapshot.get()),
    ("feature_level", "The feature level in force", |it| it.status.level.get()),
    ("boot", "How many times the node has started", |it| it.status.boot.get()),
    ("registered_nodes", "How many nodes are registered", |it| it.status.members as u64),
    ("ring_members", "How many members the ring has", |it| it.status.ring.map_or(0, |ring| ring.members as u64)),
    ("ring_points", "How many points the ring has", |it| it.status.ring.map_or(0, |ring| ring.points as u64)),
    ("withheld_messages", "How many messages wait for the node's disk", |it| it.status.withheld as u64),
    ("pending_commands", "How many commands wait for an outcome", |it| it.status.pending_commands as u64),
    ("pending_reads", "How many reads wait for an answer", |it| it.status.pending_reads as u64),
    ("has_leader", "Whether the node knows who leads", |it| u64::from(it.has_leader)),
    ("is_leader", "Whether the node leads", |it| u64::from(it.status.role == RoleName::Leader)),
    ("suspects_itself", "Whether the node lays the silence of many to its own account", |it| {
        u64::from(it.status.suspects_itself)
    }),
    ("halted", "Whether the node stopped for good", |it| u64::from(it.status.halted.is_some())),
];

const ROLES: [RoleName; 5] =
    [RoleName::Follower, RoleName::PreCandidate, RoleName::Candidate, RoleName::Leader, RoleName::Observer];

const STATES: [(State, &str); 4] =
    [(State::Alive, "alive"), (State::Suspect, "suspect"), (State::Dead, "dead"), (State::Left, "left")];

impl Metrics {
    /// Returns metrics with nothing counted. `transport` reads what the node's transport has carried, if it counts that.
    pub fn new(transport: Option<TransportCounters>) -> Arc<Self> {
        let mut registry = Registry::with_prefix("delian");
        registry.register("build", "What is running", Info::new([("version", env!("CARGO_PKG_VERSION").to_string())]));
        let gauges = Gauges::new(&mut registry);
        let metrics = Self {
            gauges,
            events: put(&mut registry, "events", "Events of the node by kind and severity", Family::default()),
            missed: put(
                &mut registry,
                "events_missed",
                "Events forgotten before they were counted",
                Counter::default(),
            ),
            commands: put(&mut registry, "commands", "Commands by what became of them", Family::default()),
            command_spans: {
                let spans = Spans.new_metric();
                let help = "How long a command took from the question to its outcome";
                registry.register_with_unit("command_duration", help, Unit::Seconds, spans.clone());
                spans
            },
            requests: put(&mut registry, "http_requests", "Answers of the API by route", Family::default()),
            request_spans: {
                let spans = Family::new_with_constructor(Spans);
                let help = "How long answers of the API took to begin";
                registry.register_with_unit("http_request_duration", help, Unit::Seconds, spans.clone());
                spans
            },
            watchers: put(&mut registry, "watchers", "Who watches events at this moment", Gauge::default()),
            cut: put(&mut registry, "watchers_cut", "Watchers that read too slowly", Counter::default()),
            carried: put(&mut registry, "transport_messages", "What the transport carried", Family::default()),
            carried_bytes: put(&mut registry, "transport_bytes", "Bytes that the transport carried", Family::default()),
            resident: Gauge::default(),
            cpu: Counter::default(),
            transport,
            spans: Mutex::default(),
            registry,
        };
        Arc::new(metrics.with_process())
    }

    /// Adds what the operating system tells of the process, if it does.
    fn with_process(mut self) -> Self {
        if process::resident_bytes().is_some() {
            let help = "Memory of the process";
            self.registry.register_with_unit("process_resident_memory", help, Unit::Bytes, self.resident.clone());
        }
        if process::cpu_seconds().is_some() {
            let help = "Work of processors for the process";
            self.registry.register_with_unit("process_cpu", help, Unit::Seconds, self.cpu.clone());
        }
        self
    }

    /// Returns a follower of the journal that counts.
    pub fn follower(self: &Arc<Self>) -> Box<dyn Follower> {
        Box::new(Counting(Arc::clone(self)))
    }

    /// Counts a command with what became of it: `applied`, or the kind of the problem.
    pub fn command(&self, outcome: &str, span: Duration) {
        self.commands.get_or_create(&[("outcome", outcome.to_string())]).inc();
        self.command_spans.observe(span.as_secs_f64());
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() == SPANS_KEPT {
            spans.pop_front();
        }
        spans.push_back(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts an answer of the API.
    pub fn request(&self, route: &str, method: &str, status: u16, span: Duration) {
        let labels = [("route", route.to_string()), ("method", method.to_string()), ("status", status.to_string())];
        self.requests.get_or_create(&labels).inc();
        self.request_spans.get_or_create(&[("route", route.to_string())]).observe(span.as_secs_f64());
    }

    /// Says how many watch.
    pub fn watch_count(&self, watchers: usize) {
        self.watchers.set(i64::try_from(watchers).unwrap_or(i64::MAX));
    }

    /// Counts a watcher that was cut.
    pub fn watcher_cut(&self) {
        self.cut.inc();
    }

    /// Returns the median of late commands' spans and the one that a hundredth exceeds, in microseconds.
    pub fn command_spans(&self) -> Option<(u64, u64)> {
        let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sorted: Vec<u64> = spans.iter().copied().collect();
        drop(spans);
        sorted.sort_unstable();
        let at = |permille: usize| sorted.get((sorted.len() * permille / 1000).min(sorted.len().saturating_sub(1)));
        Some((*at(500)?, *at(990)?))
    }

    /// Returns everything as text. A text that cannot be written is none, for memory takes any.
    pub fn scrape(&self, snapshot: &Snapshot) -> String {
        self.gauges.set(snapshot);
        if let Some(bytes) = process::resident_bytes() {
            self.resident.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
        if let Some(seconds) = process::cpu_seconds() {
            self.cpu.inner().store(seconds.to_bits(), Ordering::Relaxed);
        }
        for Carried { way, carrier, messages, bytes } in self.transport.iter().flat_map(|read| read()) {
            let labels = [("direction", way.to_string()), ("carrier", carrier.to_string())];
            self.carried.get_or_create(&labels).inner().store(messages, Ordering::Relaxed);
            self.carried_bytes.get_or_create(&labels).inner().store(bytes, Ordering::Relaxed);
        }
        let mut text = String::new();
        // Writing into a string fails for no reason of its own.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn put<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

impl Gauges {
    fn new(registry: &mut Registry) -> Self {
        let number = |(name, help, read): (&str, &str, Reading)| (put(registry, name, help, Gauge::default()), read);
        let numbers = NUMBERS.map(number).into();
        let heard = Family::default();
        let help = "How long ago the node heard from the leader that it follows";
        registry.register_with_unit("leader_heard", help, Unit::Seconds, Family::clone(&heard));
        Self {
            numbers,
            heard,
            roles: put(registry, "role", "What the node does in its term: 1 beside one role", Family::default()),
            conditions: put(registry, "nodes", "Registered nodes by condition", Family::default()),
            pool_members: put(registry, "pool_members", "Members of pools by state", Family::default()),
        }
    }

    fn set(&self, snapshot: &Snapshot) {
        for (gauge, read) in &self.numbers {
            gauge.set(i64::try_from(read(snapshot)).unwrap_or(i64::MAX));
        }
        for role in ROLES {
            self.roles.get_or_create(&[("role", role.to_string())]).set(i64::from(role == snapshot.status.role));
        }
        for (condition, count) in Condition::ALL.iter().zip(snapshot.status.conditions) {
            let gauge = self.conditions.get_or_create(&[("condition", condition.to_string())]);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        for tier in [Tier::Local, Tier::Wide] {
            for (state, word) in STATES {
                let count = snapshot.pools.iter().filter(|seen| **seen == (tier, state)).count();
                let gauge = self.pool_members.get_or_create(&[("pool", tier.to_string()), ("state", word.to_string())]);
                gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
        match snapshot.leader_heard {
            Some(heard) => {
                self.heard.get_or_create(&[]).set(heard.as_secs_f64());
            }
            None => self.heard.clear(),
        }
    }
}

struct Counting(Arc<Metrics>);

impl Follower for Counting {
    fn take(&mut self, entry: &Entry) {
        let (kind, severity) = event::kind(&entry.event);
        let labels = [("kind", kind.to_string()), ("severity", format!("{severity:?}").to_lowercase())];
        self.0.events.get_or_create(&labels).inc();
    }

    fn missed(&mut self, events: u64) {
        self.0.missed.inc_by(events);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_late_are_told_by_rank() {
        let metrics = Metrics::new(None);
        assert_eq!(metrics.command_spans(), None);
        for micros in 1..=1000 {
            metrics.command("applied", Duration::from_micros(micros));
        }
        assert_eq!(metrics.command_spans(), Some((745, 995)), "of the last 512");
    }
}
