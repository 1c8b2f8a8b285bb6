//! What nodes agree on about each other's health: heartbeats, the failure detector and the log together.

use std::collections::BTreeSet;

use delian_core::health::{Heartbeat, HeartbeatError, Sample};
use delian_core::topology::{Cause, Command, Condition};
use delian_core::{Epoch, Event, Input, Message, RequestId};

use crate::world::{Federation, id, registration, sample};

#[test]
fn a_node_whose_heartbeats_get_lost_is_degraded_then_failed_once_at_every_node_and_comes_back() {
    let mut federation = Federation::begin(0);
    let began = federation.now;
    federation.mute.insert(4);
    let mut conditions = Vec::new();
    for _ in 0..100 {
        federation.run_for(1);
        let condition = federation.condition(4);
        if conditions.last() != Some(&condition) {
            conditions.push(condition);
        }
    }
    assert_eq!(conditions, [Condition::Healthy, Condition::Degraded, Condition::Silent].map(Some));
    let failed = federation.verdicts(began);
    assert_eq!(failed.iter().map(|(_, number, failed)| (*number, *failed)).collect::<BTreeSet<_>>().len(), 5);
    // The last heartbeat that was heard came up to nine seconds before they began to get lost.
    assert!(failed.len() == 5 && failed.iter().all(|(at, _, failed)| *failed && (61..80).contains(at)), "{failed:?}");
    federation.mute.clear();
    federation.run_for(10);
    assert_eq!(federation.condition(4), Some(Condition::Healthy));
    let back = federation.verdicts(began);
    assert!(back.len() == 5 && back.iter().all(|(_, _, failed)| !failed), "{back:?}");
    // However long it is mute, who is reached is not removed.
    federation.mute.insert(4);
    federation.run_for(3600);
    assert_eq!(federation.condition(4), Some(Condition::Silent));
}

#[test]
fn a_node_that_nobody_reaches_is_unreachable_within_seconds_and_removed_after_ten_minutes() {
    let mut federation = Federation::begin(0);
    federation.cut.insert(4);
    federation.run_for(25);
    assert_eq!(federation.condition(4), Some(Condition::Unreachable));
    federation.run_for(560);
    assert_eq!(federation.condition(4), Some(Condition::Unreachable));
    federation.run_for(40);
    assert_eq!(federation.condition(4), None);
    // Its heartbeats change nothing: only a new registration brings it back.
    federation.events.clear();
    federation.cut.clear();
    federation.run_for(60);
    assert_eq!(federation.condition(4), None);
    let command = Command::Register(Box::new(registration(4)));
    let leader = federation.leader();
    federation.feed(leader, Input::Command(RequestId::new(99), command));
    federation.run_for(60);
    assert_eq!(federation.condition(4), Some(Condition::Healthy));
}

/// H6: a leader that is new has not watched long enough to blame anybody.
#[test]
fn a_leader_that_takes_over_fails_nobody_sooner_than_seventy_seconds_later() {
    let mut federation = Federation::begin(0);
    federation.mute.insert(4);
    federation.run_for(60);
    let first = federation.leader();
    federation.cut.insert(first);
    federation.run_for(10);
    let (second, took_over) = (federation.leader_but(first), federation.now);
    federation.events.retain(|(_, _, event)| matches!(event, Event::NodeFailed { node, .. } if *node == id(4)));
    federation.run_for(55);
    assert_eq!(federation.verdicts(took_over), [], "n{second} blames n4 for what n{first} saw");
    federation.run_for(30);
    assert_eq!(federation.condition(4), Some(Condition::Silent));
}

#[test]
fn a_heartbeat_counts_only_from_its_own_node_in_its_registered_life() {
    let mut federation = Federation::begin(0);
    let leader = federation.leader();
    let registered = federation.nodes[&leader].topology().get(id(4)).expect("it is registered").registered;
    let beat = |epoch| Heartbeat { node: id(4), epoch, sequence: u64::MAX, sample: sample(0) };
    let rejected = |federation: &mut Federation| -> Vec<Event> {
        let all = std::mem::take(&mut federation.events).into_iter().map(|(_, _, event)| event);
        all.filter(|event| matches!(event, Event::HeartbeatRejected { .. })).collect()
    };
    federation.feed(leader, Input::Receive(id(5), Message::Heartbeat(beat(registered))));
    let why = HeartbeatError::Foreign(id(4));
    assert_eq!(rejected(&mut federation), [Event::HeartbeatRejected { from: id(5), why }]);
    let seen = federation.nodes[&leader].health().and_then(|health| health.explain(federation.now, id(4)));
    assert!(seen.is_some_and(|all| all.seen.sequence < u64::MAX), "n5 spoke for n4");
    federation.feed(leader, Input::Receive(id(4), Message::Heartbeat(beat(Epoch::new(77)))));
    let why = HeartbeatError::OtherLife { node: id(4), named: Epoch::new(77), registered };
    assert_eq!(rejected(&mut federation), [Event::HeartbeatRejected { from: id(4), why }]);
    let stranger = Heartbeat { node: id(9), ..beat(registered) };
    federation.feed(leader, Input::Receive(id(9), Message::Heartbeat(stranger)));
    let why = HeartbeatError::Unknown(id(9));
    assert_eq!(rejected(&mut federation), [Event::HeartbeatRejected { from: id(9), why }]);
    federation.feed(4, Input::Observed(Sample { score: 2000, ..sample(0) }));
    let why = HeartbeatError::ScoreTooHigh { node: id(4), score: 2000 };
    assert_eq!(rejected(&mut federation), [Event::HeartbeatRejected { from: id(4), why }]);
}

#[test]
fn who_is_asked_to_leave_is_found_to_be_nothing_else() {
    let mut federation = Federation::begin(0);
    let leader = federation.leader();
    let epoch = federation.nodes[&leader].topology().get(id(4)).expect("it is registered").registered;
    let drain = Command::SetCondition { node: id(4), epoch, condition: Condition::Leaving, cause: Cause::Asked };
    federation.feed(leader, Input::Command(RequestId::new(50), drain));
    federation.mute.insert(4);
    federation.run_for(300);
    assert_eq!(federation.condition(4), Some(Condition::Leaving));
}

/// H2: what wall clocks show is data, and changes no event of any node.
#[test]
fn wall_clocks_that_differ_by_centuries_change_nothing_that_happens() {
    let story = |skew: u64| {
        let mut federation = Federation::begin(skew);
        federation.mute.insert(4);
        federation.run_for(100);
        federation.mute.clear();
        federation.run_for(30);
        federation.events
    };
    let first = story(0);
    assert!(first.iter().any(|(_, _, event)| matches!(event, Event::NodeRecovered { .. })), "nothing to compare");
    assert_eq!(first, story(u64::MAX / 7));
}
