//! What is seen of a run while it runs: events of all nodes and answers to all clients, counted, judged and hashed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use delian_core::raft::Configuration;
use delian_core::topology::Changed;
use delian_core::{Event, LogIndex, NodeId, Term, Time};
use delian_shell::driver::Ended;
use delian_shell::journal::Reader;
use delian_sim::outcome::Counts;
use delian_sim::plan::Plan;
use delian_sim::world::Census;
use delian_sim::worlds::{Exchanges, Facts, Named, Reached, WorldKind};
use madsim::time::Instant;
use xxhash_rust::xxh3::Xxh3;

use super::clock::now;
use crate::ledger::Ledger;

/// How many events are read of a journal at once.
const EVENTS_MAX: usize = 1024;

/// How many operations the search for an order is asked about: it knows nothing of the log, so each that nobody answered
/// doubles what it has to try.
const JUDGED_MAX: usize = 2_000;

/// What is seen of a run; clones are the same record.
#[derive(Clone)]
pub(super) struct Record(Arc<Mutex<Seen>>);

/// What was seen so far.
pub(super) struct Seen {
    began_at: Instant,
    plan: Arc<Plan>,
    /// What is compared with other worlds.
    pub(super) facts: Facts,
    /// What clients asked for and were told, by the number of the operation.
    pub(super) exchanges: Exchanges,
    /// Whether some operation was asked of several processes, so that no client knows what became of it.
    pub(super) has_chorus: bool,
    pub(super) ledger: Ledger,
    pub(super) census: Census,
    /// What clients and the world itself count.
    pub(super) counts: Counts,
    /// The last committed configuration, and its place.
    pub(super) configuration: (LogIndex, Configuration),
    /// Who leads, as far as events say, and in which term.
    pub(super) leaders: Vec<(Term, NodeId)>,
    /// Nodes whose disks have refused them, so that they may have stopped themselves.
    pub(super) may_halt: BTreeSet<NodeId>,
    /// Nodes that have ended by themselves.
    pub(super) ended: BTreeSet<NodeId>,
    /// Whether the healed cluster was seen to take a command.
    pub(super) is_proven: bool,
    hash: Xxh3,
    events: u64,
}

impl Record {
    pub(super) fn new(plan: &Arc<Plan>, founding: Configuration) -> Self {
        let seen = Seen {
            began_at: now(),
            plan: Arc::clone(plan),
            facts: Facts::new(WorldKind::Madsim),
            exchanges: Exchanges::default(),
            has_chorus: false,
            ledger: Ledger::default(),
            census: Census::default(),
            counts: Counts::default(),
            configuration: (LogIndex::ZERO, founding),
            leaders: Vec::new(),
            may_halt: BTreeSet::new(),
            ended: BTreeSet::new(),
            is_proven: false,
            hash: Xxh3::new(),
            events: 0,
        };
        Self(Arc::new(Mutex::new(seen)))
    }

    /// Looks at what was seen, or adds to it.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads a node's journal until the node has stopped.
    pub(super) async fn follow(self, node: NodeId, journal: Reader) {
        let mut seen = 0;
        loop {
            let goes_on = journal.wait_after(seen).await;
            while let Ok(entries) = journal.after(seen, EVENTS_MAX)
                && let Some(last) = entries.last().map(|entry| entry.sequence)
            {
                seen = last;
                self.with(|record| entries.iter().for_each(|entry| record.on_event(node, &entry.event)));
            }
            if !goes_on {
                return;
            }
        }
    }
}

impl Seen {
    /// Returns the time since the world began.
    pub(super) fn now(&self) -> Time {
        Time::ZERO + self.began_at.elapsed()
    }

    /// Mixes something that happened into the fingerprint, with the moment.
    pub(super) fn mix(&mut self, what: &str) {
        let now = self.now();
        if std::env::var_os("DELIAN_TRACE").is_some() {
            tell(now, what);
        }
        self.hash.update(&now.as_nanos().to_le_bytes());
        self.hash.update(what.as_bytes());
        self.events += 1;
    }

    /// Returns the fingerprint and how many events made it.
    pub(super) fn fingerprint(&self) -> (u64, u64) {
        (self.hash.digest(), self.events)
    }

    fn on_event(&mut self, node: NodeId, event: &Event) {
        let now = self.now();
        self.mix(&format!("{node} {event:?}"));
        self.census.on_event(now, node, event);
        self.ledger.on_event(now, node, event);
        if let Event::BecameLeader { term } = event {
            self.leaders.push((*term, node));
            self.facts.leaders.entry(term.get()).or_default().insert(number_of(node));
        } else if let Event::Changed { what: Changed::ConditionSet(subject, condition), .. } = event {
            let reached = Reached { who: Named::of(&self.plan.scenario, *subject), condition: condition.to_string() };
            self.facts.conditions.entry(reached).or_insert(now.since(Time::ZERO));
        } else if let Event::SteppedDown { .. } = event {
            self.leaders.retain(|(_, leader)| *leader != node);
        } else if let Event::QuorumChanged { position, configuration } = event
            && position.index > self.configuration.0
        {
            self.configuration = (position.index, (**configuration).clone());
        }
    }

    /// Judges what clients were told, and returns how many operations that were; nothing where something else than clients
    /// that are judged adds and removes subjects, or where the search for an order would not end.
    pub(super) fn judge_history(&mut self) -> Option<u64> {
        let plan = Arc::clone(&self.plan);
        // Whoever watches health removes whom it finds dead, which no client asks for.
        let watches = plan.scenario.cluster.config.health.is_some();
        if self.has_chorus || watches || plan.operations.len() > JUDGED_MAX {
            return None;
        }
        match self.exchanges.judge(&plan.operations) {
            Ok(judged) => (judged > 0).then_some(judged),
            Err(facts) => {
                let now = self.now();
                self.ledger.note("history-is-linearizable", now, facts);
                None
            }
        }
    }

    /// Returns what the run came to.
    pub(super) fn conclude(&self, counts: &Counts, settled_after: Option<Duration>) -> Facts {
        let mut facts = self.facts.clone();
        facts.fates = self.exchanges.fates(&self.plan);
        facts.voters = self.configuration.1.all_voters().map(number_of).collect();
        facts.settled_after = settled_after;
        facts.counts = counts.clone();
        facts.lasted = self.now().since(Time::ZERO);
        let breach = self.ledger.breach();
        facts.broken = breach.map(|it| format!("{}: {}", it.invariant, it.facts.join("; "))).into_iter().collect();
        facts
    }

    /// Notes that a node ended by itself.
    pub(super) fn on_end_of_node(&mut self, node: NodeId, ended: Ended) {
        self.mix(&format!("{node} ended: {ended:?}"));
        self.on_stop(node);
        self.ended.insert(node);
        if let Some(why) = super::process::trouble(ended, self.may_halt.contains(&node)) {
            let now = self.now();
            self.ledger.note("halts", now, vec![format!("{node}: {why}")]);
        }
    }

    /// Notes that a process stopped: it leads nobody.
    pub(super) fn on_stop(&mut self, node: NodeId) {
        self.leaders.retain(|(_, leader)| *leader != node);
    }
}

fn number_of(node: NodeId) -> u16 {
    u16::try_from(node.get()).unwrap_or(u16::MAX)
}

#[expect(clippy::print_stderr, reason = "a trace is asked for by whoever looks into a run")]
fn tell(now: Time, what: &str) {
    eprintln!("{now} {what}");
}
