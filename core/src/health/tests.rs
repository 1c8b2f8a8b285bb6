//! Stories of one who watches and judges.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::fixtures::{beat, settings};
use super::*;
use core::time::Duration;

/// One who leads, the nodes that it watches, and everything that it proposed, each at once agreed on.
struct Bench {
    health: Health,
    now: Time,
    /// The registered epoch of each node and the number of its last heartbeat.
    nodes: BTreeMap<u64, (u64, u64)>,
    /// In seconds, what was proposed.
    told: Vec<(u64, Proposal)>,
    doubts: Vec<(u64, Doubt)>,
}

impl Bench {
    fn leading(nodes: u64) -> Self {
        let mut bench = Self::following(nodes);
        bench.health.lead(bench.now);
        bench
    }

    fn following(nodes: u64) -> Self {
        let mut health = Health::new(Time::ZERO, Arc::new(settings()));
        for node in 1..=nodes {
            assert!(health.registered(Time::ZERO, NodeId::new(node), Epoch::new(node)), "n{node} is new");
        }
        let nodes = (1..=nodes).map(|node| (node, (node, 0))).collect();
        Self { health, now: Time::ZERO, nodes, told: Vec::new(), doubts: Vec::new() }
    }

    fn secs(&self) -> u64 {
        self.now.as_nanos() / 1_000_000_000
    }

    /// Lets time pass up to a second, with everyone but `silent` beating every nine seconds.
    fn run_to(&mut self, secs: u64, silent: &[u64]) {
        let end = Time::from_millis(secs * 1000);
        while self.now < end {
            let beats = self.now.as_nanos() / 9_000_000_000 + 1;
            self.now = end.min(self.health.next_at()).min(Time::from_millis(beats * 9_000));
            if self.now == Time::from_millis(beats * 9_000) {
                let beating: Vec<u64> = self.nodes.keys().copied().filter(|node| !silent.contains(node)).collect();
                for node in beating {
                    self.beat(node);
                }
            }
            self.look();
        }
    }

    fn beat(&mut self, node: u64) {
        let life = self.nodes.get_mut(&node).unwrap();
        life.1 += 1;
        self.health.hear(self.now, &beat(node, life.0, life.1)).unwrap();
    }

    fn look(&mut self) {
        let secs = self.secs();
        self.doubts.extend(self.health.look(self.now).map(|doubt| (secs, doubt)));
        while let Some(proposal) = self.health.propose(self.now) {
            self.told.push((secs, proposal));
            match proposal {
                Proposal::Find { node, epoch, finding, .. } => {
                    let before = self.health.agreed(self.now, node, epoch, finding, None);
                    assert!(before.is_some_and(|before| before != finding), "{finding:?} of {node} was agreed on");
                }
                Proposal::Evict { node, .. } => {
                    self.health.unregistered(node);
                    self.nodes.remove(&node.get());
                }
            }
        }
    }

    fn reach(&mut self, node: u64, reach: Reach) {
        self.health.reach(self.now, NodeId::new(node), reach);
        self.look();
    }

    /// Takes what was proposed of a node: when, and what it was found to be; nothing for an eviction.
    fn found(&mut self, node: u64) -> Vec<(u64, Option<Condition>)> {
        let all = core::mem::take(&mut self.told).into_iter();
        all.filter_map(|(secs, proposal)| match proposal {
            Proposal::Find { node: of, finding, .. } => (of.get() == node).then_some((secs, Some(finding))),
            Proposal::Evict { node: of, .. } => (of.get() == node).then_some((secs, None)),
        })
        .collect()
    }
}

const HEALTHY: Option<Condition> = Some(Condition::Healthy);
const DEGRADED: Option<Condition> = Some(Condition::Degraded);
const SILENT: Option<Condition> = Some(Condition::Silent);
const UNREACHABLE: Option<Condition> = Some(Condition::Unreachable);

#[test]
fn whoever_falls_silent_is_degraded_after_thirty_seconds_failed_after_seventy_and_recovers_with_a_heartbeat() {
    let mut bench = Bench::leading(5);
    bench.run_to(9, &[]);
    bench.run_to(100, &[3]);
    bench.beat(3);
    bench.look();
    assert_eq!(bench.found(3), [(39, DEGRADED), (79, SILENT), (100, HEALTHY)]);
    assert!(bench.told.is_empty(), "{:?}", bench.told);
}

#[test]
fn who_follows_watches_and_proposes_nothing() {
    let mut bench = Bench::following(5);
    bench.run_to(100, &[3]);
    assert_eq!(bench.told, []);
    assert_eq!(bench.health.explain(bench.now, NodeId::new(3)).map(|it| it.finding), Some(Condition::Silent));
}

/// H6: nobody fails sooner than seventy seconds after one takes over, whatever it saw as a follower.
#[test]
fn who_begins_to_lead_forgives_every_silence() {
    let mut bench = Bench::following(5);
    bench.run_to(65, &[3]);
    bench.health.lead(bench.now);
    bench.run_to(200, &[3]);
    assert_eq!(bench.found(3), [(95, DEGRADED), (135, SILENT)]);
}

#[test]
fn who_did_not_run_itself_blames_nobody_for_the_silence() {
    let mut bench = Bench::leading(5);
    bench.run_to(20, &[]);
    bench.now = Time::from_millis(80_000);
    bench.look();
    bench.run_to(200, &[]);
    assert_eq!((&bench.told[..], &bench.doubts[..]), (&[][..], &[][..]));
}

#[test]
fn whoever_is_within_reach_is_never_evicted_however_silent() {
    let mut bench = Bench::leading(5);
    bench.reach(3, Reach::Reachable);
    bench.run_to(10_000, &[3]);
    assert_eq!(bench.found(3), [(30, DEGRADED), (70, SILENT)]);
}

#[test]
fn whoever_nobody_reaches_is_evicted_after_ten_minutes() {
    let mut bench = Bench::leading(5);
    bench.run_to(100, &[]);
    bench.reach(3, Reach::Unreachable);
    bench.run_to(10_000, &[3]);
    assert_eq!(bench.found(3), [(100, UNREACHABLE), (700, None)]);
}

#[test]
fn without_a_failure_detector_whoever_has_failed_is_evicted_ten_minutes_later() {
    let mut bench = Bench::leading(5);
    bench.run_to(10_000, &[3]);
    assert_eq!(bench.found(3), [(30, DEGRADED), (70, SILENT), (670, None)]);
}

#[test]
fn the_time_to_an_eviction_begins_anew_for_whoever_takes_over() {
    let mut bench = Bench::leading(5);
    bench.run_to(100, &[]);
    bench.reach(3, Reach::Unreachable);
    bench.run_to(600, &[3]);
    bench.health.follow();
    bench.health.lead(bench.now);
    bench.run_to(10_000, &[3]);
    assert_eq!(bench.found(3), [(100, UNREACHABLE), (1200, None)]);
}

#[test]
fn a_death_that_was_none_is_taken_back_at_once() {
    let mut bench = Bench::leading(5);
    bench.run_to(100, &[]);
    bench.reach(3, Reach::Unreachable);
    bench.reach(3, Reach::Reachable);
    bench.run_to(2_000, &[]);
    assert_eq!(bench.found(3), [(100, UNREACHABLE), (100, HEALTHY)]);
}

#[test]
fn half_of_all_falling_silent_at_once_is_no_news_of_them_for_five_minutes() {
    let mut bench = Bench::leading(10);
    bench.run_to(9, &[]);
    let half = [1, 2, 3, 4, 5];
    bench.run_to(300, &half);
    assert_eq!((&bench.told[..], &bench.doubts[..]), (&[][..], &[(27, Doubt::Began)][..]));
    assert!(bench.health.explain(bench.now, NodeId::new(1)).is_some_and(|it| it.withheld));
    bench.run_to(330, &half);
    assert_eq!(bench.doubts, [(27, Doubt::Began), (327, Doubt::Overcome)]);
    let silent = |(secs, proposal): &(u64, Proposal)| {
        *secs == 327 && matches!(proposal, Proposal::Find { finding: Condition::Silent, .. })
    };
    assert!(bench.told.len() == 5 && bench.told.iter().all(silent), "{:?}", bench.told);
}

#[test]
fn who_was_deaf_for_a_while_says_nothing_of_those_who_are_heard_again() {
    let mut bench = Bench::leading(10);
    bench.run_to(100, &[]);
    bench.run_to(200, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    bench.run_to(1_000, &[]);
    assert_eq!(bench.told, []);
    assert_eq!(bench.doubts, [(117, Doubt::Began), (207, Doubt::Ended)]);
}

#[test]
fn a_node_that_comes_and_goes_costs_the_log_little() {
    let mut bench = Bench::leading(5);
    for flap in 0..20 {
        bench.run_to(flap * 90 + 80, &[3]);
        bench.run_to(flap * 90 + 90, &[]);
    }
    let flapping = bench.found(3);
    assert!(flapping.len() < 12, "{flapping:?}");
    bench.run_to(3_600, &[]);
    assert_eq!(bench.found(3).last().map(|(_, finding)| *finding), Some(HEALTHY), "the hold never ends");
}

#[test]
fn what_was_proposed_is_proposed_again_only_if_it_came_to_nothing() {
    let (mut bench, node) = (Bench::leading(5), NodeId::new(3));
    bench.run_to(30, &[3]);
    bench.now = Time::from_millis(30_001);
    bench.health.look(bench.now);
    let proposal = bench.health.propose(bench.now);
    assert!(matches!(proposal, Some(Proposal::Find { finding: Condition::Degraded, .. })), "{proposal:?}");
    bench.health.reach(bench.now, node, Reach::Reachable);
    assert_eq!(bench.health.propose(bench.now), None, "it is under way");
    bench.health.refused(bench.now, node);
    assert_eq!(bench.health.propose(bench.now), None, "it would be refused again");
    bench.now = bench.now + settings().beat_interval();
    bench.health.look(bench.now);
    assert_eq!(bench.health.propose(bench.now), proposal);
}

#[test]
fn another_life_of_a_node_begins_well_whatever_the_last_one_did() {
    let mut bench = Bench::leading(5);
    bench.run_to(75, &[3]);
    assert_eq!(bench.found(3), [(30, DEGRADED), (70, SILENT)]);
    bench.nodes.insert(3, (9, 0));
    bench.health.registered(bench.now, NodeId::new(3), Epoch::new(9));
    bench.health.agreed(bench.now, NodeId::new(3), Epoch::new(3), Condition::Silent, None);
    bench.run_to(300, &[]);
    assert_eq!(bench.found(3), []);
    let late = bench.health.hear(bench.now, &beat(3, 3, 99));
    assert!(matches!(late, Err(HeartbeatError::OtherLife { .. })), "{late:?}");
}

#[test]
fn another_life_of_a_node_that_nobody_reaches_has_all_the_time_to_be_reached() {
    let mut bench = Bench::leading(5);
    bench.run_to(9, &[]);
    bench.reach(3, Reach::Unreachable);
    bench.run_to(600, &[3]);
    bench.nodes.insert(3, (9, 0));
    bench.health.registered(bench.now, NodeId::new(3), Epoch::new(9));
    bench.run_to(2_000, &[3]);
    assert_eq!(bench.found(3), [(9, UNREACHABLE), (603, UNREACHABLE), (1_200, None)]);
}

#[test]
fn a_node_is_explained_by_what_speaks_for_and_against_it() {
    let mut bench = Bench::leading(5);
    bench.run_to(45, &[3]);
    bench.reach(3, Reach::Unreachable);
    let all = bench.health.explain(bench.now, NodeId::new(3)).unwrap();
    assert_eq!((all.finding, all.cause), (Condition::Unreachable, Cause::HeldDead));
    assert_eq!((all.seen.level.get(), all.seen.score.permille()), (2, 600));
    assert_eq!(all.removed_at, Some(Time::from_millis(645_000)));
    assert_eq!((all.held_until, all.withheld), (None, false));
    assert_eq!(bench.health.explain(bench.now, NodeId::new(77)), None);
}

/// A drain of so long, as it is told when it was agreed on.
fn leave(bench: &mut Bench, node: u64, secs: u64) {
    let drain = Drain { within: Some(Duration::from_secs(secs)), moved: 0 };
    bench.health.agreed(bench.now, NodeId::new(node), Epoch::new(node), Condition::Leaving, Some(drain));
}

#[test]
fn whoever_leaves_is_removed_when_its_time_is_up_whether_it_beats_or_not_and_found_to_be_nothing_else() {
    let mut bench = Bench::leading(5);
    bench.run_to(9, &[]);
    leave(&mut bench, 2, 100);
    leave(&mut bench, 3, 200);
    bench.run_to(60, &[3]);
    // Progress tells the same drain once more.
    leave(&mut bench, 2, 100);
    bench.run_to(108, &[3]);
    assert_eq!(bench.told, []);
    bench.run_to(110, &[3]);
    assert_eq!(bench.found(2), [(109, None)]);
    bench.run_to(300, &[3]);
    assert_eq!(bench.found(3), [(209, None)]);
}

#[test]
fn whoever_stays_after_all_is_not_removed_and_who_gets_more_time_is_later() {
    let mut bench = Bench::leading(5);
    leave(&mut bench, 2, 100);
    leave(&mut bench, 3, 100);
    bench.run_to(50, &[]);
    bench.health.agreed(bench.now, NodeId::new(2), Epoch::new(2), Condition::Healthy, None);
    leave(&mut bench, 3, 101);
    bench.run_to(300, &[]);
    assert_eq!(bench.told.len(), 1, "{:?}", bench.told);
    assert_eq!(bench.found(3), [(151, None)]);
}

#[test]
fn who_is_told_nothing_doubts_nobody_and_begins_anew_when_heartbeats_are_for_it_to_hear() {
    let mut bench = Bench::following(5);
    bench.health.rest();
    assert_eq!(bench.health.next_at(), Time::NEVER);
    assert_eq!(bench.health.explain(bench.now, NodeId::new(3)), None);
    bench.now = Time::from_millis(600_000);
    assert!(bench.health.is_due(bench.now));
    bench.health.lead(bench.now);
    bench.look();
    bench.run_to(669, &[3]);
    assert_eq!(bench.found(3), [(630, DEGRADED)]);
    bench.run_to(680, &[3]);
    assert_eq!(bench.found(3), [(670, SILENT)]);
    assert_eq!(bench.doubts, []);
}
