//! Observers outside of the log: they follow what is committed, load nobody, and believe nobody who is wrong.

#[path = "../messages/mod.rs"]
#[expect(dead_code, reason = "the golden frames are of another test")]
mod messages;
mod liars;
mod network;

use std::collections::BTreeSet;
use std::time::Duration;

use delian_core::health::Sample;
use delian_core::node::{PoolsConfig, Tier};
use delian_core::observe::{ANNOUNCE_INTERVAL, News, RefusedBecause};
use delian_core::swim::{self, PoolConfig, Urgency};
use delian_core::topology::{Command, Condition};
use delian_core::{Blob, Bytes, Config, Epoch, Input, Message, RequestId, WallTime, raft};

use self::network::{Counts, Network, REMOVALS_KEPT, address, config, id, registration};

const SECOND: Duration = Duration::from_secs(1);

/// How long an observer waits between two questions, and gossip between two rounds.
const ROUND: Duration = Duration::from_millis(200);

/// An epoch reaches all within so many rounds, times the binary logarithm of their number. The announcement travels first,
/// then what it is about, and whoever loses a message asks again three rounds later.
const ROUNDS_PER_DOUBLING: f64 = 3.0;

/// Makes changes far apart, and returns how many rounds each took to reach all, and what the leader sent.
fn changes(seed: u64, observers: u64, count: u64) -> (Vec<f64>, Counts) {
    let mut network = Network::begin(seed, observers);
    let leader = network.leader();
    network.ask(registration(7));
    network.run_for(SECOND * 20);
    network.counts.clear();
    let mut rounds = Vec::new();
    for change in 0..count {
        network.ask(registration(8 + change));
        let took = network.settle(SECOND * 60);
        rounds.push(took.as_secs_f64() / ROUND.as_secs_f64());
        network.run_for((SECOND * 20).saturating_sub(took));
    }
    assert_eq!(network.leader(), leader, "another one took over, so nothing can be compared");
    assert!(network.lost > 0 && network.counts[&4].pulls > 0, "{:?}", network.counts[&4]);
    assert_eq!(network.refused, []);
    (rounds, network.counts[&leader])
}

#[test]
fn an_epoch_reaches_300_observers_in_rounds_that_grow_with_their_logarithm_and_loads_the_leader_like_30() {
    // A thousand take some minutes where tests are not optimized: DELIAN_OBSERVERS=1000, with --nocapture for the numbers.
    let asked = std::env::var("DELIAN_OBSERVERS").ok().and_then(|asked| asked.parse().ok());
    let observers: u32 = asked.unwrap_or(300);
    let (few, with_few) = changes(1, 30, 8);
    let (many, with_many) = changes(1, u64::from(observers), 8);
    for (rounds, members) in [(few, 33), (many, 3 + observers)] {
        let bound = ROUNDS_PER_DOUBLING * f64::from(members).log2();
        println!("{members} members, bound {bound:.1} rounds: {rounds:.1?}");
        assert!(rounds.iter().all(|rounds| *rounds <= bound), "{rounds:?} above {bound}");
    }
    println!("the leader sent {with_few:?} and {with_many:?}");
    assert_eq!((with_few.answers, with_many.answers), (0, 0), "the leader answers no observer");
    // What is lost is sent again, so counts are alike and not equal.
    assert!(with_many.messages * 100 <= with_few.messages * 103, "{with_few:?} {with_many:?}");
    // Gossip hands news on in more rounds where there are more digits in the number of members: in 12 in place of 8.
    assert!(with_many.packets <= with_few.packets * 2, "{with_few:?} {with_many:?}");
}

#[test]
fn observers_follow_while_hundreds_of_changes_per_second_are_committed() {
    let mut network = Network::begin(3, 30);
    let (began, leader) = (network.now, network.leader());
    for change in 0..2000 {
        let custom = Command::Custom(Blob::from([1].as_slice()));
        network.ask(if change % 4 == 0 { registration(1 + change % 50) } else { custom });
        network.run_for(Duration::from_millis(5));
    }
    let followed: BTreeSet<Epoch> = network.followed.iter().map(|(_, _, followed)| followed.to).collect();
    let announced = (network.now.since(began).as_millis() / ANNOUNCE_INTERVAL.as_millis()) as usize + 1;
    assert!(followed.len() <= announced, "{} epochs were followed, above {announced} announcements", followed.len());
    for number in 4..=33 {
        let times = network.followed.iter().filter(|(_, node, _)| *node == number).count();
        assert!(times >= 4, "n{number} followed {times} times");
        let epoch = network.nodes[&number].topology().epoch();
        assert!(epoch > Epoch::new(1000), "n{number} is at {epoch} when {} is committed", network.committed());
    }
    network.settle(SECOND * 10);
    assert_eq!((network.counts[&leader].answers, network.committed()), (0, Epoch::new(2000)));
    assert_eq!(network.refused, []);
}

/// Cuts one of ten observers off during some changes. Returns which epochs it went through when it came back, how many
/// nodes sent the whole topology, and from where it went on.
fn cut_off(change: impl Fn(u64) -> Command) -> (Vec<(Epoch, Epoch)>, u64, Epoch) {
    let mut network = Network::begin(5, 10);
    for number in 1..=3 {
        network.ask(registration(number));
    }
    network.settle(SECOND * 30);
    let before = network.committed();
    network.cut.insert(7);
    network.counts.clear();
    for number in 0..600 {
        network.ask(change(number));
        network.run_for(Duration::from_millis(20));
    }
    network.run_for(SECOND * 60);
    assert_eq!((network.behind(), network.nodes[&7].topology().epoch()), (1, before));
    let wholes = |network: &Network| network.counts.values().map(|counts| counts.wholes).sum::<u64>();
    let wholes_before = wholes(&network);
    network.followed.clear();
    network.cut.clear();
    network.settle(SECOND * 120);
    let steps = network.followed.iter().map(|(_, number, followed)| {
        assert_eq!(*number, 7);
        (followed.from, followed.to)
    });
    (steps.collect(), wholes(&network) - wholes_before, before)
}

#[test]
fn an_observer_that_was_cut_off_during_600_changes_comes_back_by_one_delta() {
    let (steps, wholes, before) = cut_off(|number| registration(1 + number % 3));
    assert_eq!((steps, wholes), (vec![(before, Epoch::new(before.get() + 600))], 0));
}

#[test]
fn an_observer_that_missed_removals_which_are_forgotten_comes_back_by_one_snapshot() {
    const { assert!(REMOVALS_KEPT < 300) };
    let (steps, wholes, before) =
        cut_off(
            |number| {
                if number % 2 == 0 { registration(100 + number) } else { Command::Deregister(id(99 + number)) }
            },
        );
    assert_eq!(steps, [(before, Epoch::new(before.get() + 600))]);
    assert!((1..=3).contains(&wholes), "{wholes} were sent");
}

/// Leaves out what changed, but keeps the fingerprint that the right delta leads to.
fn forge(message: &mut Message) {
    if let Message::PullAnswer(answer) = message
        && let News::Delta { delta, .. } = &mut answer.news
    {
        delta.changed.clear();
    }
}

#[test]
fn a_member_whose_delta_is_not_what_it_says_is_refused_and_named_and_misleads_nobody() {
    let mut network = Network::begin(7, 12);
    let liar = if network.leader() == 3 { 2 } else { 3 };
    network.liar = Some((liar, forge));
    for change in 0..5 {
        network.ask(registration(7 + change));
        network.settle(SECOND * 60);
    }
    assert!(!network.refused.is_empty(), "nobody asked the liar");
    for (number, refused) in &network.refused {
        assert!(refused.peer == id(liar) && *number > 3, "n{number}: {refused:?}");
        let RefusedBecause::NotAsClaimed { claimed, found } = refused.why else { panic!("{refused:?}") };
        assert_ne!(claimed, found);
    }
}

#[test]
fn what_embedders_broadcast_arrives_as_it_was_said_and_nothing_of_the_nodes_does() {
    let mut network = Network::begin(9, 5);
    let said = Blob::from([0, 1, 2].as_slice());
    let broadcast = swim::Input::Broadcast(Urgency::Normal, said.clone());
    network.feed(6, Input::Pool(Tier::Local, Box::new(broadcast)));
    network.ask(registration(7));
    network.run_for(SECOND * 20);
    assert_eq!(network.behind(), 0, "announcements were made");
    let hearers: BTreeSet<u64> = network.delivered.iter().map(|(number, _)| *number).collect();
    assert_eq!((network.delivered.len(), hearers.len()), (7, 7), "it arrives once at each");
    assert!(network.delivered.iter().all(|(_, payload)| *payload == said));
}

#[test]
fn an_observer_that_is_registered_beats_and_stays_healthy() {
    let mut network = Network::begin(11, 5);
    let sample = Sample {
        free: Bytes::new(600),
        total: Bytes::new(1000),
        score: 1000,
        active_requests: 1,
        latency_micros: 500,
        taken_at: WallTime::from_unix_millis(0),
    };
    for number in [6, 7] {
        network.ask(registration(number));
    }
    network.feed(6, Input::Observed(sample));
    network.run_for(SECOND * 100);
    let condition = |number| network.nodes[&4].topology().get(id(number)).map(|member| member.condition);
    assert_eq!(condition(6), Some(Condition::Healthy), "it beats");
    assert_eq!(condition(7), Some(Condition::Silent), "it measured nothing to say");
    // Three voters, every ten seconds.
    assert!((27..=39).contains(&network.counts[&6].heartbeats), "{:?}", network.counts[&6]);
}

#[test]
fn an_observer_that_becomes_a_learner_never_shows_an_older_epoch() {
    let mut network = Network::begin(13, 5);
    for change in 0..50 {
        network.ask(registration(1 + change % 9));
    }
    network.settle(SECOND * 30);
    let (leader, request) = (network.leader(), RequestId::new(9999));
    let incarnation = network.nodes[&5].raft().incarnation();
    let change = raft::QuorumChange::AddLearner { node: id(5), incarnation };
    // That the epoch never falls is asserted after each step.
    network.open += 1;
    network.feed(leader, Input::Quorum(request, change));
    network.run_for(SECOND * 5);
    let learner = &network.nodes[&5];
    assert!(learner.raft().configuration().is_member(id(5)), "it did not become one");
    assert_eq!(learner.topology().epoch(), Epoch::new(50));
    network.followed.clear();
    network.counts.clear();
    network.ask(registration(3));
    network.settle(SECOND * 30);
    assert!(network.followed.iter().all(|(_, number, _)| *number != 5), "its log tells it");
    assert_eq!(network.counts.get(&5).map_or(0, |counts| counts.pulls), 0);
}

/// Nodes 1 to 4 are in Europe, 5 to 8 in America; 1, 2, 5 and 6 are gateways.
fn two_regions(number: u64) -> Config {
    let region = if number <= 4 { "eu" } else { "us" };
    let wide = (PoolConfig::wide("federation"), address(Tier::Wide, number));
    let wide = [1, 2, 5, 6].contains(&number).then_some(wide);
    let local = (PoolConfig::local(region), address(Tier::Local, number));
    Config { pools: Some(PoolsConfig { name: format!("m{number}"), local, wide }), ..config(number) }
}

#[test]
fn observers_of_a_region_without_voters_follow_by_its_gateways() {
    let contacts = |number| vec![(Tier::Local, if number <= 4 { 1 } else { 5 }), (Tier::Wide, 1)];
    let mut network = Network::begin_with(15, 8, two_regions, contacts);
    network.run_for(SECOND * 60);
    for change in 0..5 {
        network.ask(registration(1 + change));
        network.settle(SECOND * 60);
        network.run_for(SECOND);
    }
    let by_whom: BTreeSet<u64> = network.followed.iter().map(|(_, number, _)| *number).collect();
    assert_eq!(by_whom, BTreeSet::from([4, 5, 6, 7, 8]));
    assert_eq!(network.refused, []);
}
