//! How a node leaves: what it holds goes elsewhere by a plan that all know, and it is removed when that is done.

use std::sync::Arc;
use std::time::Duration;

use delian_core::ring::Ring;
use delian_core::topology::{Cause, Command, Condition, Refusal};
use delian_core::{Epoch, Event, Rejected};

use crate::world::{Federation, id, registration};

impl Federation {
    fn life(&self, number: u64) -> Epoch {
        self.nodes[&self.leader()].topology().get(id(number)).expect("it is registered").registered
    }

    fn drain(&mut self, number: u64, within: Option<Duration>) {
        let epoch = self.life(number);
        self.command(Command::Drain { node: id(number), epoch, within });
    }

    fn moved(&mut self, number: u64, moved: u16) {
        let epoch = self.life(number);
        self.command(Command::DrainProgress { node: id(number), epoch, moved });
    }

    /// Returns the ring that all hold, which must be that of the topology of each.
    fn ring(&self) -> Arc<Ring> {
        let rings: Vec<&Arc<Ring>> = self.nodes.values().map(|node| node.ring().expect("all hold one")).collect();
        assert!(rings.iter().all(|ring| *ring == rings[0]), "they hold different rings");
        for node in self.nodes.values() {
            let ring = node.ring().expect("all hold one");
            let names: Vec<String> = node.topology().members().map(|member| member.registration.name.clone()).collect();
            assert!(ring.members().map(|member| member.name.to_string()).eq(names), "a ring of other members");
            assert_eq!(ring.epoch(), node.topology().registered_at());
        }
        Arc::clone(rings[0])
    }
}

#[test]
fn a_node_hands_over_by_the_same_plan_everywhere_and_is_removed_when_all_of_it_is_done() {
    let mut federation = Federation::begin(0);
    let before = federation.ring();
    federation.drain(4, None);
    assert_eq!(federation.condition(4), Some(Condition::Leaving));
    let plans: Vec<_> =
        federation.nodes.values().map(|node| node.drain_plan(id(4)).expect("it is in the ring")).collect();
    assert!(plans.windows(2).all(|pair| pair[0] == pair[1]), "they plan differently");
    let plan = &plans[0];
    assert!(plan.steps().len() > 4 && plan.steps().iter().all(|step| step.from.as_deref() == Some("m4")));
    assert!(plan.steps().iter().all(|step| step.to.as_deref().is_some_and(|to| to != "m4")), "{plan:?}");
    for node in federation.nodes.values() {
        let eligible = node.eligible().expect("all hold a ring");
        assert_eq!(eligible.len(), 4);
        assert!(!eligible.contains(before.slot("m4").expect("it is in the ring until it is gone")));
    }
    for done in 1..plan.steps().len() {
        federation.moved(4, plan.moved_after(done));
        assert_eq!(federation.condition(4), Some(Condition::Leaving));
    }
    assert!(Arc::ptr_eq(&federation.ring(), federation.nodes[&1].ring().expect("it holds one")));
    assert!(*federation.ring() == *before, "keys moved before they could");
    federation.moved(4, plan.moved_after(plan.steps().len()));
    assert_eq!(federation.condition(4), None);
    let after = federation.ring();
    assert_eq!((after.len(), after.slot("m4")), (4, None));
    // What the plan said is where keys are now.
    let gone = delian_core::ring::Plan::between(&before, &after, 2, delian_core::ring::Rule::Nodes).expect("two fit");
    assert_eq!(gone, *plan);
}

#[test]
fn a_node_that_cannot_hand_over_is_removed_when_its_time_is_up_whoever_leads_then() {
    let mut federation = Federation::begin(0);
    federation.drain(4, Some(Duration::from_mins(2)));
    federation.moved(4, 300);
    federation.run_for(60);
    let first = federation.leader();
    federation.cut.insert(first);
    federation.run_for(50);
    assert_eq!(federation.condition(4), Some(Condition::Leaving));
    federation.run_for(20);
    assert_eq!(federation.condition(4), None);
}

#[test]
fn a_drain_that_is_cancelled_leaves_the_node_as_it_was_and_no_finding_cancels_it() {
    let mut federation = Federation::begin(0);
    federation.drain(4, Some(Duration::from_mins(1)));
    let epoch = federation.life(4);
    let set = |cause, condition| Command::SetCondition { node: id(4), epoch, condition, cause };
    federation.command(set(Cause::Beats, Condition::Healthy));
    assert_eq!(federation.refused, [Rejected::Refused(Refusal::Leaving(id(4)))]);
    federation.command(set(Cause::Asked, Condition::Healthy));
    federation.run_for(200);
    assert_eq!(federation.condition(4), Some(Condition::Healthy));
    assert_eq!(federation.ring().len(), 5);
}

#[test]
fn a_node_that_is_silent_while_it_leaves_is_still_removed_once() {
    let mut federation = Federation::begin(0);
    federation.drain(4, Some(Duration::from_secs(100)));
    federation.mute.insert(4);
    federation.events.clear();
    federation.run_for(300);
    assert_eq!(federation.condition(4), None);
    let changed = |event: &Event| matches!(event, Event::Changed { .. });
    let per_node = federation.events.iter().filter(|(_, _, event)| changed(event)).count();
    assert_eq!(per_node, 5, "each node applies the one removal");
    assert_eq!(federation.refused, []);
}

#[test]
fn a_node_that_registers_in_a_loop_is_told_when_to_come_again_and_nobody_else_is() {
    let mut federation = Federation::begin(0);
    let mut again = |number: u64| {
        let leader = federation.leader();
        let request = delian_core::RequestId::new(1000 + number);
        federation
            .feed(leader, delian_core::Input::Command(request, Command::Register(Box::new(registration(number)))));
        std::mem::take(&mut federation.refused)
    };
    let told: Vec<Vec<Rejected>> = (0..12).map(|_| again(4)).collect();
    assert!(told[..10].iter().all(Vec::is_empty), "a burst passes: {told:?}");
    for refused in &told[10..] {
        assert!(matches!(refused[..], [Rejected::TooOften { node, again_in }] if node == id(4) && !again_in.is_zero()));
    }
    assert_eq!(again(5), []);
}

#[test]
fn an_operator_reads_what_a_node_knows_of_itself_and_of_another() {
    let mut federation = Federation::begin(0);
    federation.drain(5, Some(Duration::from_hours(1)));
    federation.mute.insert(4);
    federation.run_for(60);
    let leader = &federation.nodes[&federation.leader()];
    let status = leader.status().to_string();
    assert!(status.contains("5 registered: 3 healthy, 1 degraded, 1 leaving"), "{status}");
    assert!(status.contains("5 members, 40 points"), "{status}");
    let why = leader.why(federation.now, id(4)).expect("it is registered").to_string();
    assert!(why.contains("is degraded since") && why.contains("its heartbeats stay away, level 1"), "{why}");
    assert!(why.contains("last heartbeat 6") && why.contains("the failure detector reaches it"), "{why}");
    let why = leader.why(federation.now, id(5)).expect("it is registered").to_string();
    assert!(why.contains("is leaving since") && why.contains("to be removed in 3"), "{why}");
    assert_eq!(leader.why(federation.now, id(9)), None);
}
