//! One fact per rule.

use std::time::Duration;

use delian_core::node::autopilot::Standing::{self, Learner, Outside, Voter};
use delian_core::node::autopilot::{Autopilot, QuorumChange};
use delian_core::topology::Condition;
use delian_core::{NodeId, Time};

use super::cluster::{Cluster, LONG, Machine, TICK};

/// A registered node; each digit of `place` names a region, datacenter and rack.
fn at(node: u64, standing: Standing, place: [u8; 3]) -> Machine {
    Machine::new(node, standing, Some(place))
}

/// Voters 1, 2 and 3 in regions `a`, `b` and `c`; node 1 leads.
fn three_regions() -> Vec<Machine> {
    (1..).zip(0..3).map(|(node, region)| at(node, Voter, [region, 0, 0])).collect()
}

fn with(mut machines: Vec<Machine>, more: impl IntoIterator<Item = Machine>) -> Vec<Machine> {
    machines.extend(more);
    machines
}

fn replace(voters: &[u64]) -> QuorumChange {
    QuorumChange::Replace { voters: voters.iter().copied().map(NodeId::new).collect() }
}

#[test]
fn a_learner_is_promoted_once_it_has_settled() {
    let machines = vec![at(1, Voter, [0, 0, 0]), at(2, Voter, [1, 0, 0]), at(3, Learner, [2, 0, 0])];
    let mut cluster = Cluster::new(3, machines);
    assert_eq!(cluster.wait(2), []);
    assert_eq!(cluster.autopilot.next_review(), Some(Time::from_millis(10_000)));
    let advice = cluster.advise().unwrap();
    assert_eq!(advice.change, QuorumChange::Promote(NodeId::new(3)));
    assert_eq!(advice.reason.to_string(), "n3 is promoted: 2 of 3 voters are healthy");
}

#[test]
fn a_learner_that_comes_and_goes_is_never_promoted() {
    let machines = vec![at(1, Voter, [0, 0, 0]), at(2, Voter, [1, 0, 0]), at(3, Learner, [2, 0, 0])];
    let mut cluster = Cluster::new(3, machines);
    for _ in 0..LONG {
        assert_eq!(cluster.wait(2), []);
        cluster.at(3).answers = false;
        assert_eq!(cluster.wait(1), []);
        cluster.at(3).answers = true;
    }
}

#[test]
fn a_learner_that_lags_is_neither_promoted_nor_removed() {
    let machines = vec![at(1, Voter, [0, 0, 0]), at(2, Voter, [1, 0, 0]), at(3, Learner, [2, 0, 0])];
    let mut cluster = Cluster::new(3, machines);
    cluster.at(3).lag = 1001;
    assert_eq!(cluster.wait(LONG), []);
    cluster.at(3).lag = 1000;
    assert_eq!(cluster.follow(), ["n3 is promoted: 2 of 3 voters are healthy"]);
}

#[test]
fn an_outsider_helps_out_when_a_learner_does_not_catch_up() {
    let machines =
        vec![at(1, Voter, [0, 0, 0]), at(2, Voter, [1, 0, 0]), at(3, Learner, [2, 0, 0]), at(4, Outside, [2, 0, 0])];
    let mut cluster = Cluster::new(3, machines);
    cluster.at(3).lag = 5000;
    assert_eq!(cluster.wait(12), []);
    let told = cluster.follow();
    assert_eq!(told, ["n4 becomes a learner: 2 of 3 voters are at hand", "n4 is promoted: 2 of 3 voters are healthy"]);
}

#[test]
fn a_lone_voter_never_becomes_two_when_two_learners_are_ready() {
    let machines = vec![at(1, Voter, [0, 0, 0]), at(2, Outside, [0, 0, 1]), at(3, Outside, [0, 0, 2])];
    let mut cluster = Cluster::new(3, machines);
    for node in [2, 3] {
        let change = cluster.advise().unwrap().change;
        assert!(matches!(change, QuorumChange::AddLearner { node: added, .. } if added.get() == node), "{change:?}");
        cluster.apply(&change);
    }
    let mut changes = Vec::new();
    while changes.is_empty() {
        cluster.at(2).lag = 5000;
        cluster.at(3).lag = 5000;
        cluster.wait(1);
        cluster.at(2).lag = 0;
        cluster.at(3).lag = 0;
        changes = cluster.wait(4);
    }
    assert_eq!(changes[0], replace(&[1, 2, 3]));
}

#[test]
fn a_voter_that_does_not_answer_is_replaced_by_the_fittest_place() {
    let others = [at(4, Outside, [0, 0, 1]), at(5, Outside, [3, 0, 0]), at(6, Outside, [2, 1, 0])];
    let mut cluster = Cluster::new(3, with(three_regions(), others));
    cluster.wait(1);
    cluster.at(2).answers = false;
    assert_eq!(cluster.wait(12), [], "no voter is given up within a minute");
    assert_eq!(
        cluster.follow(),
        [
            "n5 becomes a learner: 2 of 3 voters are at hand",
            "n5 takes the place of n2, which has not answered for 75 s",
            "n2 is removed: as a learner it has not answered for 80 s",
        ]
    );
    assert_eq!(cluster.all(Voter), [1, 3, 5]);
}

#[test]
fn a_swap_is_one_change_so_the_voters_are_never_four() {
    let mut cluster = Cluster::new(3, with(three_regions(), [at(4, Learner, [3, 0, 0])]));
    cluster.at(2).condition = Condition::Leaving;
    assert_eq!(cluster.wait(3), [replace(&[1, 3, 4])]);
}

#[test]
fn a_dead_voter_without_a_substitute_keeps_its_seat() {
    let mut cluster = Cluster::new(3, three_regions());
    cluster.at(2).answers = false;
    assert_eq!(cluster.follow(), [""; 0]);
}

#[test]
fn a_leaving_voter_hands_over_at_once_even_if_it_leads() {
    for leaver in [1, 3] {
        let mut cluster = Cluster::new(3, with(three_regions(), [at(4, Learner, [3, 0, 0])]));
        cluster.wait(3);
        cluster.at(leaver).condition = Condition::Leaving;
        let advice = cluster.advise().unwrap();
        assert_eq!(advice.reason.to_string(), format!("n4 takes the place of n{leaver}, which is leaving"));
    }
}

#[test]
fn the_only_substitute_takes_the_seat_that_is_missed_least() {
    let mut cluster = Cluster::new(3, with(three_regions(), [at(4, Learner, [3, 0, 0])]));
    cluster.leader = 3;
    cluster.at(1).condition = Condition::Leaving;
    cluster.at(3).condition = Condition::Leaving;
    assert_eq!(cluster.wait(3), [replace(&[2, 3, 4])], "the leader may lead until it leaves");
    let mut cluster = Cluster::new(3, with(three_regions(), [at(4, Learner, [3, 0, 0])]));
    cluster.at(2).answers = false;
    cluster.at(4).answers = false;
    cluster.wait(11);
    cluster.at(4).answers = true;
    cluster.at(3).condition = Condition::Leaving;
    assert_eq!(cluster.wait(3), [replace(&[1, 3, 4])], "who leaves may acknowledge until it leaves");
}

#[test]
fn two_leaving_voters_of_three_are_replaced_although_no_fit_majority_is_left() {
    let others = [at(4, Outside, [1, 0, 1]), at(5, Outside, [2, 0, 1])];
    let mut cluster = Cluster::new(3, with(three_regions(), others));
    cluster.at(2).condition = Condition::Leaving;
    cluster.at(3).condition = Condition::Leaving;
    cluster.follow();
    assert_eq!(cluster.all(Voter), [1, 4, 5]);
    assert_eq!(cluster.all(Outside), [2, 3]);
}

#[test]
fn leaving_voters_are_replaced_although_there_are_too_many_of_them() {
    let others = [at(4, Voter, [3, 0, 0]), at(5, Outside, [4, 0, 0]), at(6, Outside, [5, 0, 0])];
    let mut cluster = Cluster::new(3, with(three_regions(), others));
    for leaver in 2..=4 {
        cluster.at(leaver).condition = Condition::Leaving;
    }
    cluster.follow();
    assert_eq!(cluster.all(Voter), [1, 5, 6]);
}

#[test]
fn a_silent_or_unreachable_voter_is_replaced_and_a_degraded_one_is_not() {
    let machines = || with(three_regions(), [at(4, Learner, [3, 0, 0])]);
    for (condition, clause) in [
        (Condition::Silent, Some("has been silent for 60 s")),
        (Condition::Unreachable, Some("has been unreachable for 60 s")),
        (Condition::Degraded, None),
    ] {
        let mut cluster = Cluster::new(3, machines());
        cluster.at(2).condition = condition;
        let told = cluster.follow();
        assert_eq!(told.first().cloned(), clause.map(|clause| format!("n4 takes the place of n2, which {clause}")));
    }
}

#[test]
fn a_voter_far_behind_is_replaced_and_stays_as_a_learner() {
    let mut cluster = Cluster::new(3, with(three_regions(), [at(4, Learner, [3, 0, 0])]));
    cluster.at(2).lag = 1001;
    assert_eq!(cluster.follow(), ["n4 takes the place of n2, which has lagged behind for 60 s"]);
    assert!(cluster.is(2, Learner));
}

#[test]
fn a_voter_that_forgot_loses_its_seat_at_once_and_comes_back_as_another() {
    let mut cluster = Cluster::new(3, three_regions());
    cluster.at(3).forgot = true;
    assert_eq!(
        cluster.follow(),
        [
            "n3 loses its seat: the others are a majority without the vote of n3, which has lost its disk",
            "n3 is removed: as a learner it has lost its disk",
            "n3 becomes a learner: 2 of 3 voters are at hand",
            "n3 is promoted: 2 of 3 voters are healthy",
        ]
    );
}

#[test]
fn a_voter_that_forgot_stays_while_the_others_are_no_majority() {
    let mut cluster = Cluster::new(3, with(three_regions(), [at(4, Outside, [3, 0, 0])]));
    cluster.at(2).lag = 1001;
    cluster.at(3).forgot = true;
    let change = cluster.advise().unwrap().change;
    assert!(matches!(change, QuorumChange::AddLearner { .. }), "{change:?}");
    cluster.apply(&change);
    assert_eq!(cluster.wait(2), []);
    assert_eq!(cluster.wait(1), [replace(&[1, 2, 4])]);
}

#[test]
fn nothing_is_advised_without_a_majority_that_answers() {
    let mut cluster = Cluster::new(3, with(three_regions(), [at(4, Learner, [3, 0, 0]), at(5, Outside, [4, 0, 0])]));
    cluster.at(2).answers = false;
    cluster.at(3).answers = false;
    assert_eq!(cluster.wait(LONG), []);
}

#[test]
fn above_the_target_the_unfit_go_first_and_then_the_worst_placed() {
    let five = with(three_regions(), [at(4, Voter, [0, 0, 0]), at(5, Voter, [4, 0, 0])]);
    let mut cluster = Cluster::new(3, five.clone());
    assert_eq!(cluster.follow(), ["n4 and n5 are demoted: there are 5 voters, and 3 are enough"]);
    let mut cluster = Cluster::new(3, five);
    cluster.at(2).answers = false;
    let change = cluster.advise().unwrap().change;
    assert_eq!(change, replace(&[1, 3, 5]), "n2 is unfit and n4 shares a rack with the leader");
}

#[test]
fn the_leader_keeps_its_seat_while_another_voter_can_go() {
    let mut cluster = Cluster::new(3, with(three_regions(), [at(4, Voter, [0, 0, 0])]));
    cluster.leader = 4;
    assert_eq!(cluster.follow(), ["n1 is demoted: there are 4 voters, and 3 are enough"]);
    let mut cluster = Cluster::new(3, with(three_regions(), [at(4, Voter, [0, 0, 0])]));
    assert_eq!(cluster.follow(), ["n4 is demoted: there are 4 voters, and 3 are enough"]);
}

#[test]
fn seven_voters_become_five_before_they_become_three() {
    let mut cluster =
        Cluster::new(3, (1..=7).map(|node| at(node, Voter, [u8::try_from(node).unwrap(), 0, 0])).collect());
    assert_eq!(cluster.follow().len(), 2);
    assert_eq!(cluster.all(Voter), [1, 2, 3]);
}

#[test]
fn a_crowded_domain_gives_a_seat_away_at_every_depth() {
    for (places, crowd) in [
        ([[0, 0, 0], [0, 1, 0], [0, 2, 0], [1, 0, 0]], "region a holds all voters"),
        ([[0, 0, 0], [0, 1, 0], [0, 1, 1], [0, 2, 0]], "datacenter a/b holds 2 of 3 voters"),
        ([[0, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 2]], "rack a/a/b holds 2 of 3 voters"),
    ] {
        let standings = [Voter, Voter, Voter, Outside];
        let machines = (1..).zip(standings).zip(places).map(|((node, standing), place)| at(node, standing, place));
        let mut cluster = Cluster::new(3, machines.collect());
        assert_eq!(
            cluster.follow(),
            [format!("n4 becomes a learner: without it {crowd}"), format!("n4 replaces n3: {crowd}")]
        );
    }
}

#[test]
fn a_better_spread_does_not_cost_the_leader_its_seat() {
    let machines = vec![at(1, Voter, [0, 0, 0]), at(2, Voter, [0, 1, 0]), at(3, Voter, [0, 2, 0])];
    let mut cluster = Cluster::new(3, with(machines, [at(4, Learner, [1, 0, 0])]));
    cluster.leader = 3;
    assert_eq!(cluster.follow(), ["n4 replaces n2: region a holds all voters"]);
}

#[test]
fn an_equally_good_place_moves_nobody() {
    let machines = vec![at(1, Voter, [0, 0, 0]), at(2, Voter, [0, 1, 0]), at(3, Voter, [1, 0, 0])];
    let others = [at(4, Learner, [1, 1, 0]), at(5, Outside, [0, 2, 0])];
    assert_eq!(Cluster::new(3, with(machines, others)).follow(), [""; 0]);
}

#[test]
fn the_spread_waits_until_all_voters_are_fit() {
    let machines =
        vec![at(1, Voter, [0, 0, 0]), at(2, Voter, [0, 1, 0]), at(3, Voter, [1, 0, 0]), at(4, Learner, [2, 0, 0])];
    let mut cluster = Cluster::new(3, machines);
    cluster.at(3).answers = false;
    assert_eq!(cluster.wait(10), []);
    cluster.at(3).answers = true;
    assert_eq!(cluster.wait(1), [replace(&[1, 3, 4])]);
}

#[test]
fn a_fourth_voter_waits_for_a_fifth_if_it_would_make_a_region_too_dear() {
    let mut cluster = Cluster::new(5, with(three_regions(), [at(4, Learner, [0, 1, 0])]));
    assert_eq!(cluster.follow(), [""; 0], "of four voters, two in a region, that region takes the majority along");
    cluster.machines.push(at(5, Learner, [1, 1, 0]));
    assert_eq!(cluster.follow(), ["n4 and n5 are promoted: 3 of 5 voters are healthy"]);
}

#[test]
fn racks_of_the_same_name_in_two_datacenters_do_not_fail_together() {
    let machines =
        vec![at(1, Voter, [0, 0, 0]), at(2, Voter, [0, 1, 0]), at(3, Voter, [0, 2, 0]), at(4, Learner, [0, 3, 9])];
    assert_eq!(Cluster::new(3, machines).follow(), [""; 0]);
}

#[test]
fn an_unregistered_member_is_judged_by_its_answers_and_placed_nowhere() {
    let machines = vec![at(1, Voter, [0, 0, 0]), at(2, Voter, [1, 0, 0]), Machine::new(3, Learner, None)];
    let mut cluster = Cluster::new(3, machines.clone());
    assert_eq!(cluster.follow(), ["n3 is promoted: 2 of 3 voters are healthy"]);
    let mut cluster = Cluster::new(3, with(machines, [at(4, Learner, [2, 0, 0])]));
    assert_eq!(cluster.follow(), ["n4 is promoted: 2 of 3 voters are healthy"], "a known place comes first");
    let strangers = (1..=3).map(|node| Machine::new(node, Voter, None)).collect();
    let mut cluster = Cluster::new(3, with(strangers, [at(4, Learner, [0, 0, 0])]));
    assert_eq!(cluster.follow(), ["n4 replaces n3: an unknown place holds all voters"]);
}

#[test]
fn only_registered_fit_outsiders_that_said_hello_are_admitted() {
    let pair = || vec![at(1, Voter, [0, 0, 0]), at(2, Voter, [1, 0, 0]), at(3, Outside, [2, 0, 0])];
    let strangers: [fn(&mut Machine); 6] = [
        |machine| machine.place = None,
        |machine| machine.says_hello = false,
        |machine| machine.answers = false,
        |machine| machine.forgot = true,
        |machine| machine.condition = Condition::Leaving,
        |machine| machine.condition = Condition::Silent,
    ];
    for estrange in strangers {
        let mut cluster = Cluster::new(3, pair());
        estrange(cluster.at(3));
        assert_eq!(cluster.wait(LONG), [], "{:?}", cluster.at(3));
    }
    let mut cluster = Cluster::new(3, pair());
    cluster.at(3).lag = u64::MAX;
    assert_eq!(cluster.wait(1).len(), 1, "an outsider has no log to lag with");
}

#[test]
fn no_more_outsiders_are_admitted_than_the_voters_need() {
    let crowd = (2..=60).map(|node| at(node, Outside, [u8::try_from(node % 7).unwrap(), 0, 0]));
    let mut cluster = Cluster::new(5, with(vec![at(1, Voter, [0, 0, 0])], crowd));
    cluster.follow();
    assert_eq!(cluster.all(Voter), [1, 2, 3, 4, 5]);
    assert_eq!(cluster.all(Learner), [0; 0]);
}

#[test]
fn a_learner_that_is_gone_is_removed_after_a_minute_and_a_leaving_one_at_once() {
    let mut cluster = Cluster::new(3, with(three_regions(), [at(4, Learner, [3, 0, 0]), at(5, Learner, [4, 0, 0])]));
    cluster.at(4).answers = false;
    cluster.at(5).condition = Condition::Leaving;
    assert_eq!(
        cluster.follow(),
        ["n5 is removed: as a learner it is leaving", "n4 is removed: as a learner it has not answered for 60 s"]
    );
}

#[test]
fn a_new_leader_starts_to_count_anew() {
    let mut cluster = Cluster::new(3, with(three_regions(), [at(4, Learner, [3, 0, 0])]));
    cluster.at(2).answers = false;
    assert_eq!(cluster.wait(12), []);
    cluster.autopilot.forget();
    assert_eq!((cluster.autopilot.next_review(), cluster.autopilot.clone()), (None, Autopilot::default()));
    assert_eq!(cluster.wait(12), []);
    assert_eq!(cluster.wait(1), [replace(&[1, 3, 4])]);
}

#[test]
fn the_next_review_is_when_the_first_span_runs_out() {
    let mut cluster = Cluster::new(3, with(three_regions(), [at(4, Learner, [3, 0, 0])]));
    cluster.at(2).answers = false;
    cluster.wait(1);
    assert_eq!(cluster.autopilot.next_review(), Some(Time::ZERO + Duration::from_secs(10)));
    cluster.wait(2);
    assert_eq!(cluster.autopilot.next_review(), Some(Time::ZERO + Duration::from_mins(1)));
    cluster.at(2).answers = true;
    cluster.wait(1);
    assert_eq!(cluster.autopilot.next_review(), None);
}

#[test]
#[should_panic(expected = "prospects are out of order")]
fn prospects_out_of_order_are_a_bug_of_the_caller() {
    let mut machines = three_regions();
    machines.reverse();
    Cluster::new(3, machines).advise();
}

#[test]
fn a_tick_is_shorter_than_all_spans() {
    let settings = Cluster::new(3, Vec::new()).settings;
    assert!(TICK < settings.settle && settings.settle < settings.dead_after);
    assert!(TICK * u32::try_from(LONG).unwrap() > settings.dead_after * 2);
}
