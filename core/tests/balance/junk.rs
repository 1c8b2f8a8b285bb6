//! What nodes claim of themselves, at every extreme: it breaks nothing and wins nothing.

use delian_core::balance::{
    Answer, Balancer, BalancerConfig, Candidate, Claim, Health, LoadReport, Outcome, ReportNumber, Request,
    ResourceAware, ResourceAwareConfig,
};
use delian_core::{Boot, NodeId, Time, WallTime};

use crate::{World, claim, stream};

/// The numbers at which arithmetic breaks, and what a float that is none becomes when it is cast.
const EXTREMES: [i64; 13] = [
    i64::MIN,
    i64::MIN + 1,
    i32::MIN as i64,
    -1,
    0,
    1,
    999_999,
    1_000_000,
    1_000_001,
    i32::MAX as i64,
    u32::MAX as i64,
    u32::MAX as i64 + 1,
    i64::MAX,
];

fn claims() -> impl Iterator<Item = Claim> {
    let four = EXTREMES.into_iter().flat_map(|cpu| EXTREMES.map(|memory| (cpu, memory)));
    four.flat_map(|(cpu, memory)| EXTREMES.map(|connections| (cpu, memory, connections))).flat_map(
        |(cpu, memory, connections)| {
            EXTREMES.map(|latency| Claim {
                cpu_millionths: cpu,
                memory_millionths: memory,
                connections,
                latency_nanos: latency,
                ..claim(1, 0)
            })
        },
    )
}

fn is_sound(claim: &Claim) -> bool {
    (0..=1_000_000).contains(&claim.cpu_millionths)
        && (0..=1_000_000).contains(&claim.memory_millionths)
        && (0..=i64::from(u32::MAX)).contains(&claim.connections)
        && claim.latency_nanos >= 0
}

#[test]
fn a_claim_is_taken_exactly_if_a_node_can_have_it() {
    let mut refused = 0;
    for claim in claims() {
        assert_eq!(LoadReport::new(claim).is_ok(), is_sound(&claim), "{claim:?}");
        refused += usize::from(!is_sound(&claim));
    }
    assert!(refused > 10_000);
}

#[test]
fn no_claim_scores_more_than_an_idle_node_and_none_scores_nothing() {
    for config in [ResourceAwareConfig::default(), ResourceAwareConfig::stable()] {
        let mut taken = 0u64;
        for claim in claims().filter(is_sound) {
            let policy = ResourceAware::new(config.clone(), &mut stream(1)).unwrap();
            let mut world = World::of(2, policy, BalancerConfig::default());
            world.say(0, Claim { connections: 0, latency_nanos: 0, ..crate::claim(1, 0) });
            world.say(1, claim);
            world.pick();
            let [idle, other] =
                [0, 1].map(|node| world.balancer.policy().score(world.balancer.seat(NodeId::new(node)).unwrap().slot));
            assert_eq!(idle, 1_000_000_000);
            assert!((1..=idle).contains(&other), "{claim:?} scores {other}");
            taken += 1;
        }
        assert!(taken > 500);
    }
}

#[test]
fn whoever_claims_nonsense_gets_no_more_than_whoever_is_silent() {
    let policy = ResourceAware::new(ResourceAwareConfig::default(), &mut stream(1)).unwrap();
    let mut world = World::of(2, policy, BalancerConfig::default());
    let before = world.balancer.clone();
    for claim in claims().filter(|claim| !is_sound(claim)) {
        assert!(LoadReport::new(claim).is_err());
    }
    assert_eq!(world.balancer, before);
    let counts = world.tally(2, 10_000, &Request::default());
    assert!(counts[0].abs_diff(counts[1]) < 500, "{counts:?}");
}

#[test]
fn a_hundred_thousand_nodes_at_the_extremes_overflow_nothing() {
    let policy = ResourceAware::new(ResourceAwareConfig::default(), &mut stream(1)).unwrap();
    let config = BalancerConfig { slow_start: std::time::Duration::ZERO, ..BalancerConfig::default() };
    let mut balancer = Balancer::new(Time::ZERO, policy, config, &mut stream(2)).unwrap();
    let mut events = Vec::new();
    for node in (0..100_000).map(NodeId::new) {
        balancer.join(Time::ZERO, Candidate::new(node), &mut events).unwrap();
        let number = ReportNumber { boot: Boot::new(u64::MAX), sequence: u64::MAX };
        let extreme = Claim { number, taken_at: WallTime::from_unix_millis(u64::MAX), ..claim(1, 0) };
        let report = LoadReport::new(extreme).unwrap();
        balancer.report(Time::NEVER, balancer.seat(node).unwrap(), &Health::Load(report), &mut events);
    }
    let mut halves = [0usize; 2];
    for now in [Time::ZERO, Time::from_millis(1), Time::NEVER] {
        for _ in 0..2_000 {
            let choice = balancer.pick(now, &Request::default()).unwrap();
            halves[choice.node.get() as usize / 50_000] += 1;
            for outcome in [Outcome::Success, Outcome::Failure, Outcome::Abandoned] {
                let health = Health::Finished(Answer { latency: std::time::Duration::MAX, outcome });
                balancer.report(now, choice.seat, &health, &mut events);
            }
        }
    }
    assert!(halves[0].abs_diff(halves[1]) < 500, "{halves:?}");
}
