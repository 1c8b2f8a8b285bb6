//! A campaign over a world that does what it is told, and says what it is told to say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use delian_core::Epoch;

use super::agreement::{Elsewhere, Row, compare};
use super::*;
use crate::plan::Plan;
use crate::scenario::{Builder, Direction, Fault, Scenario, Target, millis, secs};

/// A world whose time passes at once and whose nodes are words.
struct Puppets {
    now: Duration,
    said: BTreeMap<Duration, Vec<What>>,
    did: Vec<String>,
    /// Who stands apart from the others at the end.
    apart: Option<u16>,
    registered: Option<Epoch>,
}

impl Puppets {
    fn new(said: impl IntoIterator<Item = (Duration, What)>) -> Self {
        let mut by_time: BTreeMap<Duration, Vec<What>> = BTreeMap::new();
        for (at, what) in said {
            by_time.entry(at).or_default().push(what);
        }
        Self { now: Duration::ZERO, said: by_time, did: Vec::new(), apart: None, registered: Some(Epoch::new(5)) }
    }

    fn note(&mut self, what: &str) {
        self.did.push(format!("{} {what}", crate::scenario::write_span(self.now)));
    }
}

impl World for Puppets {
    fn kind(&self) -> WorldKind {
        WorldKind::Process
    }
    fn start(&mut self) -> Result<(), Trouble> {
        Ok(())
    }
    fn now(&self) -> Duration {
        self.now
    }
    fn wait(&mut self, until: Duration) -> Result<Vec<Heard>, Trouble> {
        let first = self.said.first_entry().filter(|entry| *entry.key() <= until);
        let Some(entry) = first else {
            self.now = self.now.max(until);
            return Ok(Vec::new());
        };
        self.now = self.now.max(*entry.key());
        let at = self.now;
        Ok(entry.remove().into_iter().map(|what| Heard { at, what }).collect())
    }
    fn set_links(&mut self, links: &LinkMatrix) {
        let pairs = (1..=3).flat_map(|from| (1..=3).map(move |to| (from, to)));
        let cut = pairs.filter(|(from, to)| links.get(*from, *to).passage != Passage::Open);
        let cut: Vec<String> = cut.map(|(from, to)| format!("{from}>{to}")).collect();
        self.note(&format!("cut {}", cut.join(" ")));
    }
    fn crash(&mut self, process: u16) -> Result<(), Trouble> {
        self.note(&format!("kill {process}"));
        Ok(())
    }
    fn restart(&mut self, process: u16) -> Result<(), Trouble> {
        self.note(&format!("start {process}"));
        Ok(())
    }
    fn freeze(&mut self, process: u16) -> Result<(), Trouble> {
        self.note(&format!("freeze {process}"));
        Ok(())
    }
    fn thaw(&mut self, process: u16) -> Result<(), Trouble> {
        self.note(&format!("thaw {process}"));
        Ok(())
    }
    fn other_fault(&mut self, fault: &Fault, processes: &[u16], moment: Moment) -> Result<(), Trouble> {
        self.note(&format!("{} {processes:?} {moment:?}", fault.kind()));
        Ok(())
    }
    fn submit(&mut self, request: Request) {
        let is_command = matches!(request.action, Action::Register(_));
        let reply = if is_command { Reply::Applied(Epoch::new(5)) } else { Reply::Registered(self.registered) };
        self.said.entry(self.now + millis(1)).or_default().push(What::Answered(request.number, reply));
    }
    fn stands(&mut self, processes: &BTreeSet<u16>) -> Vec<Stand> {
        let stand = |process: &u16| Stand {
            process: *process,
            is_in_log: true,
            term: 2,
            leader: Some(2),
            last: 9,
            commit: 9,
            epoch: 5,
            fingerprint: if self.apart == Some(*process) { "0bad" } else { "fe13" }.to_string(),
            subjects: vec![(11, "healthy".to_string())],
            voters: [1, 2, 3].into(),
        };
        processes.iter().map(stand).collect()
    }
    fn counts(&self) -> Counts {
        Counts::default()
    }
    fn stop(&mut self) {
        self.note("stop");
    }
}

fn leads(at: Duration, process: u16, term: u64) -> (Duration, What) {
    (at, What::Happened(process, Happened::Leads { term, leader: process }))
}

fn played(story: Builder, puppets: &mut Puppets) -> Facts {
    let scenario = story.chaos(secs(20)).settle(secs(5)).finish().expect("it makes sense");
    campaign(puppets, &Plan::draw(&Arc::new(scenario), 0))
}

fn story() -> Builder {
    Scenario::build("a-fact").about("It is real.")
}

#[test]
fn faults_hit_whom_a_role_means_then_and_are_lifted_in_time() {
    let mut puppets = Puppets::new([leads(secs(1), 3, 1), leads(secs(8), 2, 2)]);
    let story = story()
        .at(secs(5))
        .lasting(secs(2))
        .fault(Fault::Pause(Target::Leader))
        .at(secs(10))
        .lasting(secs(4))
        .fault(Fault::Isolate(Target::Leader, Direction::Outbound))
        .at(secs(12))
        .lasting(secs(30))
        .fault(Fault::Crash(Target::Follower));
    let facts = played(story, &mut puppets);
    assert_eq!(facts.broken, Vec::<String>::new());
    let did: Vec<&str> = puppets.did.iter().map(String::as_str).filter(|did| !did.ends_with("cut ")).collect();
    let expected = ["5s freeze 3", "7s thaw 3", "10s cut 2>1 2>3", "12s kill 1", "12s cut 2>1 2>3", "20s start 1"];
    assert_eq!(did[..6], expected);
    assert_eq!((facts.counts.get("crashes"), facts.counts.get("restarts"), facts.leaders.len()), (1, 1, 2));
}

#[test]
fn faults_that_overlap_do_not_undo_each_other() {
    let mut puppets = Puppets::new([]);
    let cut = || Fault::Isolate(Target::Process(3), Direction::Inbound);
    let story = story().at(secs(5)).lasting(secs(4)).fault(cut()).at(secs(7)).lasting(secs(5)).fault(cut());
    assert!(played(story, &mut puppets).holds());
    let changes: Vec<&str> = puppets.did.iter().map(String::as_str).collect();
    assert_eq!(changes[1..5], ["5s cut 1>3 2>3", "7s cut 1>3 2>3", "9s cut 1>3 2>3", "12s cut "]);
}

fn halts(at: Duration, process: u16) -> (Duration, What) {
    (at, What::Happened(process, Happened::Halted("its disk".to_string())))
}

fn done(puppets: &Puppets, words: &[&str]) -> Vec<String> {
    puppets.did.iter().filter(|did| words.iter().any(|word| did.contains(word))).cloned().collect()
}

#[test]
fn who_stops_for_a_full_disk_is_started_when_there_is_room_and_no_sooner() {
    let mut puppets = Puppets::new([halts(secs(6), 3), halts(secs(10) + millis(500), 2)]);
    let full = || Fault::FullDisk(Target::Everyone);
    let story = story().at(secs(5)).lasting(secs(5)).fault(full()).at(secs(7)).fault(Fault::Start(Target::Process(3)));
    let facts = played(story, &mut puppets);
    assert_eq!(facts.broken, Vec::<String>::new());
    let expected = ["5s full-disk [1, 2, 3] Begins", "10s full-disk [1, 2, 3] Ends", "10s start 3", "10.5s start 2"];
    assert_eq!(done(&puppets, &["full", "start"]), expected, "the last one was refused its last write");
    let counted = ["halts", "restarts", "crashes"].map(|fact| facts.counts.get(fact));
    assert_eq!(counted, [2, 2, 0]);
}

#[test]
fn who_stops_long_after_its_disk_was_full_or_dies_is_told_of() {
    let died = (secs(6), What::Happened(1, Happened::Died("signal 6".to_string())));
    let mut puppets = Puppets::new([died, halts(secs(19), 3)]);
    let full = Fault::FullDisk(Target::Everyone);
    let facts = played(story().at(secs(5)).lasting(secs(5)).fault(full), &mut puppets);
    assert_eq!(facts.broken, ["n1 died: signal 6", "n3 stopped for good: its disk"]);
    assert_eq!(done(&puppets, &["start"]), Vec::<String>::new());
}

#[test]
fn a_disk_has_room_before_whoever_was_down_meanwhile_starts() {
    let mut puppets = Puppets::new([]);
    let story = story()
        .at(secs(5))
        .lasting(secs(3))
        .fault(Fault::Crash(Target::Process(3)))
        .at(secs(6))
        .lasting(secs(4))
        .fault(Fault::FullDisk(Target::Process(3)));
    let facts = played(story, &mut puppets);
    let expected = ["5s kill 3", "6s full-disk [3] Begins", "10s full-disk [3] Ends", "10s start 3"];
    assert_eq!(done(&puppets, &["kill", "full", "start"]), expected);
    assert_eq!(facts.counts.get("fault.full-disk"), 0, "nobody was there to notice");
}

#[test]
fn two_leaders_of_one_term_and_a_process_that_stands_apart_are_told() {
    let mut puppets = Puppets::new([leads(secs(1), 3, 1), leads(secs(2), 1, 1)]);
    puppets.apart = Some(3);
    let facts = played(story(), &mut puppets);
    let told = facts.broken.join("\n");
    assert!(told.contains("one-leader-per-term: term 1 had more than one leader: {1, 3}"), "{told}");
    assert!(told.contains("heals-in-time: {1, 2, 3} did not agree within 5s") && told.contains("0bad"), "{told}");
    assert_eq!(facts.settled_after, None);
}

#[test]
fn what_clients_were_told_is_judged_and_what_is_expected_is_asked_for() {
    let asks = |story: Builder| {
        let story = story.at(secs(3)).operation(1, Target::Leader, Action::Register(11));
        story.at(secs(6)).operation(2, Target::Follower, Action::ReadQuorum(11))
    };
    let mut honest = Puppets::new([]);
    let facts = played(asks(story()).expect_at_least("acknowledged", 1).expect_everywhere(11), &mut honest);
    assert_eq!(facts.broken, Vec::<String>::new());
    let fates: Vec<String> = facts.fates.iter().map(|(label, fate)| format!("{label}: {fate}")).collect();
    assert_eq!(fates, ["3s register m11 through leader: acknowledged", "6s read m11 through follower: registered"]);

    let mut stale = Puppets::new([]);
    stale.registered = None;
    let facts = played(asks(story()).expect_at_least("acknowledged", 2), &mut stale);
    let told = facts.broken.join("\n");
    assert!(told.contains("history-is-linearizable: "), "{told}");
    assert!(told.contains("expected: acknowledged: 1, expected at least 2"), "{told}");
}

/// Returns the scenarios that every world shares.
fn shared() -> Vec<Arc<Scenario>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/worlds");
    let stories = crate::story::Story::load_all(&[folder]).expect("they make sense");
    let scenarios = stories.into_iter().filter_map(|story| match story {
        crate::story::Story::Cluster(scenario) => Some(scenario),
        crate::story::Story::Pool(_) => None,
    });
    scenarios.collect()
}

#[test]
fn twenty_scenarios_run_in_every_world_within_half_a_minute_of_chaos() {
    let everywhere: BTreeSet<WorldKind> = WorldKind::NAMES.map(|(_, world)| world).into();
    let shared = shared();
    assert!(shared.iter().filter(|scenario| scenario.worlds.run_in == everywhere).count() >= 20);
    assert!(shared.iter().all(|scenario| scenario.chaos <= secs(30)));
}

#[test]
fn discrete_events_yield_the_facts_of_each_shared_scenario() {
    for scenario in shared() {
        let runs: Vec<Facts> = (0..3).map(|seed| des::facts_of(&Arc::new(Plan::draw(&scenario, seed)))).collect();
        for facts in &runs {
            let name = &scenario.name;
            assert_eq!(facts.broken, Vec::<String>::new(), "{name}");
            assert!(!facts.leaders.is_empty() && facts.settled_after.is_some(), "{name}: {facts:?}");
            assert_eq!(facts.voters.len(), usize::from(scenario.cluster.voters), "{name}");
            assert_eq!(facts.fates.len(), scenario.operations.len(), "{name}");
            let itself = [Elsewhere { world: WorldKind::Des, runs: vec![facts.clone()] }];
            assert!(compare(&scenario, &runs, &itself).iter().all(Row::agrees), "{name} differs from itself");
        }
    }
}

#[test]
fn a_drain_is_seen_in_its_conditions_and_fates() {
    let is_it = |scenario: &Arc<Scenario>| scenario.name == "a-drain-outlives-the-leader-that-took-it";
    let scenario = shared().into_iter().find(is_it).expect("it is there");
    let facts = des::facts_of(&Arc::new(Plan::draw(&scenario, 1)));
    let leaving = Reached { who: Named::Subject(11), condition: "leaving".to_string() };
    assert!(facts.conditions[&leaving] >= secs(4));
    assert!(facts.fates.iter().all(|(_, fate)| *fate == Fate::Acknowledged), "{:?}", facts.fates);
    assert!(facts.subjects.is_empty());
}
