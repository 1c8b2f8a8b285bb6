//! Arbitrary scenarios that make sense, for laws.

use std::time::Duration;

use delian_core::Config;
use delian_core::health::HealthConfig;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::check::{CLIENTS, SCORES, SUBJECTS};
use super::fate::minority;
use crate::worlds::WorldKind;

use super::words::{CONDITIONS, DIRECTIONS, SHAPES, Word};
use super::*;

/// Any scenario that passes every check, named `arbitrary`.
pub(crate) fn scenarios() -> impl Strategy<Value = Scenario> {
    (1_u16..=7, 0_u16..=8, prop_oneof![2 => Just(0_u16), 1 => 0_u16..=8]).prop_flat_map(|(voters, learners, spares)| {
        let everybody = voters + learners + spares;
        let seeds = (option::of(any::<u64>()), option::of(1..=u64::MAX));
        let frame = (spans(60), spans(60), seeds, "[a-zäß \"\\\\.']{1,40}x");
        let world = (qualities(), latencies(), option::of(workloads()), option::of(swarms()), option::of(operators()));
        let times = (vec((spans(60), steps(everybody)), 0..12), vec((spans(60), operations(everybody)), 0..8));
        let numbers: Vec<u16> = (1..=everybody).collect();
        let levels = btree_map(1..=everybody, (1..=2_u64).prop_map(FeatureLevel::new), 0..3);
        let health = (any::<bool>(), 0..=1200_u16, option::of(healths()), any::<bool>());
        let ends = (expectations(), worlds());
        let cluster = (configs(), subsequence(numbers, 0..=usize::from(everybody)), levels, any::<bool>(), health);
        (frame, world, times, cluster, ends).prop_map(move |(frame, world, times, cluster, (expect, worlds))| {
            let (chaos, settle, (seed, seeds_max), about) = frame;
            let (network, flush, workload, swarm, operator) = world;
            let (steps, operations) = times;
            let (config, absent, levels, pins_healed, (pool, observers, health, registers_again)) = cluster;
            let observers = if pool { observers } else { 0 };
            let registers_again = registers_again && health.is_some();
            let config = Config { health, ..config };
            let mut scenario = Scenario::plain("arbitrary");
            scenario.about = about;
            scenario.chaos = chaos + Duration::from_secs(1);
            scenario.settle = settle + Duration::from_secs(1);
            scenario.seed = seed;
            scenario.seeds_max = seeds_max;
            scenario.cluster =
                Cluster { voters, learners, spares, observers, absent, levels, pool, registers_again, config };
            (scenario.network, scenario.flush) = (network, flush);
            (scenario.workload, scenario.swarm, scenario.operator) = (workload, swarm, operator);
            scenario.steps = steps.into_iter().map(|(at, step)| Step { at: at.min(scenario.chaos), ..step }).collect();
            scenario.operations =
                operations.into_iter().map(|(at, it)| Operation { at: at.min(scenario.chaos), ..it }).collect();
            scenario.expect = expect;
            scenario.worlds = worlds;
            make_sense(&mut scenario, pins_healed);
            stay_where_it_can_run(&mut scenario);
            scenario
        })
    })
}

fn make_sense(scenario: &mut Scenario, pins_healed: bool) {
    scenario.steps.sort_by_key(|step| step.at);
    scenario.operations.sort_by_key(|operation| operation.at);
    let voters = scenario.cluster.voters;
    let over = |scenario: &Scenario| scenario.gone().iter().filter(|it| **it <= voters).count() > minority(voters);
    if over(scenario) {
        scenario.cluster.absent.clear();
    }
    if over(scenario) {
        scenario.steps.retain(|step| step.fault.loses().is_none());
    }
    let Cluster { pool, config: Config { health, .. }, .. } = &scenario.cluster;
    let (has_pool, has_health) = (*pool, health.is_some());
    let makes_sense = |fault: &Fault| {
        (has_pool || !matches!(fault, Fault::MutePool(_) | Fault::DeafenPool(_)))
            && (has_health || !matches!(fault, Fault::Mute(_) | Fault::Score(..)))
    };
    scenario.steps.retain(|step| makes_sense(&step.fault));
    if let Some(swarm) = scenario.swarm.as_mut().filter(|_| !has_health) {
        swarm.families.retain(|family| *family != Family::Health);
        if swarm.families.is_empty() {
            swarm.families = Family::ALL.to_vec();
        }
    }
    let moves_clocks = |step: &Step| matches!(step.fault, Fault::Drift(..) | Fault::MonotonicJump(..));
    let draws_clocks = scenario.swarm.as_ref().is_some_and(|swarm| swarm.families.contains(&Family::Clock));
    if draws_clocks || scenario.steps.iter().any(moves_clocks) {
        scenario.cluster.config.clock_drift_max_ppm = None;
    }
    if pins_healed && !scenario.changes_quorum() {
        let gone = scenario.gone();
        scenario.healed = Some((1..=scenario.cluster.participants()).filter(|it| !gone.contains(it)).collect());
    }
}

/// Keeps a scenario that a simulated shell cannot tell with discrete events.
fn stay_where_it_can_run(scenario: &mut Scenario) {
    let there = WorldKind::Madsim;
    let is_refused = scenario.network.rate.is_some()
        || scenario.steps.iter().any(|step| there.refuses_fault(&step.fault).is_some())
        || scenario.operations.iter().any(|it| there.refuses_action(&it.action, it.manner).is_some());
    if is_refused && scenario.worlds.run_in.remove(&there) {
        scenario.worlds.not_in.insert(there, "it cannot".to_string());
    }
}

/// Any worlds but real processes, which cannot do all that is arbitrary.
fn worlds() -> impl Strategy<Value = Worlds> {
    let why = || "[a-z]{1,9}";
    (any::<bool>(), any::<bool>(), why(), why(), 1..=1000_u16).prop_map(|(says_any, in_madsim, one, two, scale)| {
        let mut worlds = Worlds::default();
        if says_any {
            worlds.scale = scale;
            worlds.not_in.insert(WorldKind::Process, one.clone());
            worlds.differs.insert(format!("{two} is {one}"), two.clone());
            if in_madsim {
                worlds.run_in.insert(WorldKind::Madsim);
            } else {
                worlds.not_in.insert(WorldKind::Madsim, two);
            }
        }
        worlds
    })
}

fn words<T: Copy + std::fmt::Debug + 'static>(words: &'static [Word<T>]) -> impl Strategy<Value = T> {
    select(words).prop_map(|(_, meaning)| meaning)
}

/// Times below so many seconds, some to the nanosecond and most not.
fn spans(seconds: u64) -> impl Strategy<Value = Duration> {
    (0..seconds * 1000, prop_oneof![3 => Just(0_u64), 1 => 0..1_000_000_u64])
        .prop_map(|(millis, nanos)| Duration::from_millis(millis) + Duration::from_nanos(nanos))
}

fn positive(seconds: u64) -> impl Strategy<Value = Duration> {
    spans(seconds).prop_map(|span| span + Duration::from_millis(100))
}

fn latencies() -> impl Strategy<Value = Latency> {
    (spans(3), prop_oneof![Just(Duration::ZERO), spans(3)], words(&SHAPES)).prop_map(|(least, more, shape)| Latency {
        least,
        most: least + more,
        shape,
    })
}

fn qualities() -> impl Strategy<Value = LinkQuality> {
    let chance = || prop_oneof![Just(0_u16), 0..=1000_u16];
    let rate = prop_oneof![Just(None), (Rate::MIN.0..1 << 40).prop_map(|rate| Some(Rate(rate)))];
    (latencies(), chance(), chance(), chance(), chance(), rate).prop_map(
        |(latency, loss, duplicate, reorder, replay, rate)| LinkQuality {
            latency,
            loss,
            duplicate,
            reorder,
            replay,
            rate,
        },
    )
}

fn workloads() -> impl Strategy<Value = Workload> {
    let mix = (any::<[u16; 7]>(), 1..=u16::MAX).prop_map(
        |([register, deregister, evict, condition, custom, read_quorum, read_lease], read)| Mix {
            register,
            deregister,
            evict,
            condition,
            custom,
            read,
            read_quorum,
            read_lease,
        },
    );
    (1..=5_u16, positive(5), 1..=64_u16, prop_oneof![Just(Mix::USUAL), mix], manners())
        .prop_map(|(clients, interval, subjects, mix, manner)| Workload { clients, interval, subjects, mix, manner })
}

fn manners() -> impl Strategy<Value = Manner> {
    (any::<bool>(), 0..=100_u8).prop_map(|(in_session, retries)| Manner { in_session, retries })
}

fn swarms() -> impl Strategy<Value = Swarm> {
    let families = prop_oneof![
        Just(Family::ALL.to_vec()),
        subsequence(FAMILIES.map(|(_, family)| family).to_vec(), 1..=FAMILIES.len()).prop_shuffle()
    ];
    (families, positive(10), positive(20)).prop_map(|(families, interval, lasting)| Swarm {
        families,
        interval,
        lasting,
    })
}

fn operators() -> impl Strategy<Value = Operator> {
    positive(10).prop_map(|interval| Operator { interval })
}

fn one(everybody: u16) -> impl Strategy<Value = Target> {
    prop_oneof![(1..=everybody).prop_map(Target::Process), select(vec![Target::Leader, Target::Follower])]
}

fn several(everybody: u16) -> impl Strategy<Value = Target> {
    prop_oneof![one(everybody), select(vec![Target::Followers, Target::Everyone])]
}

fn steps(everybody: u16) -> impl Strategy<Value = Step> {
    let (one, several) = (|| one(everybody), || several(everybody));
    let named = || (1..=everybody).prop_map(Target::Process);
    let sides = subsequence((1..=everybody).map(Target::Process).collect::<Vec<_>>(), 1..=usize::from(everybody))
        .prop_map(|side| vec![side, vec![Target::Leader]]);
    let faults = prop_oneof![
        sides.prop_map(Fault::Partition),
        (one(), words(&DIRECTIONS)).prop_map(|(target, direction)| Fault::Isolate(target, direction)),
        one().prop_map(Fault::Bridge),
        (several(), several(), qualities()).prop_map(|(from, to, quality)| Fault::Degrade(from, to, quality)),
        (several(), several()).prop_map(|(from, to)| Fault::Clog(from, to)),
        Just(Fault::HealNetwork),
        several().prop_map(Fault::Crash),
        several().prop_map(Fault::Start),
        named().prop_map(Fault::Wipe),
        several().prop_map(Fault::Forget),
        several().prop_map(Fault::Upgrade),
        several().prop_map(Fault::Pause),
        several().prop_map(Fault::Deafen),
        (several(), latencies()).prop_map(|(target, flush)| Fault::SlowDisk(target, flush)),
        several().prop_map(Fault::StallDisk),
        several().prop_map(Fault::FullDisk),
        named().prop_map(Fault::CorruptDisk),
        (several(), -500_000..=500_000_i32).prop_map(|(target, ppm)| Fault::Drift(target, ppm)),
        (several(), -9_000_000..9_000_000_i64).prop_map(|(target, by)| Fault::WallJump(target, by)),
        (several(), positive(60)).prop_map(|(target, by)| Fault::MonotonicJump(target, by)),
        several().prop_map(Fault::Mute),
        several().prop_map(Fault::MutePool),
        several().prop_map(Fault::DeafenPool),
        (several(), SCORES).prop_map(|(target, score)| Fault::Score(target, score)),
    ];
    (faults, option::of(positive(60))).prop_map(|(fault, lasts)| {
        let lasts = lasts.filter(|_| !fault.is_momentary());
        Step { at: Duration::ZERO, lasts, fault }
    })
}

fn operations(everybody: u16) -> impl Strategy<Value = Operation> {
    let subject = || *SUBJECTS.start() as u16..=*SUBJECTS.end() as u16;
    let actions = prop_oneof![
        subject().prop_map(Action::Register),
        subject().prop_map(Action::Deregister),
        subject().prop_map(Action::Evict),
        (subject(), words(&CONDITIONS)).prop_map(|(subject, condition)| Action::SetCondition(subject, condition)),
        (subject(), option::of(spans(60))).prop_map(|(subject, within)| Action::Drain(subject, within)),
        (subject(), 0..=1000_u16).prop_map(|(subject, permille)| Action::Moved(subject, permille)),
        vec(any::<u8>(), 0..70).prop_map(Action::Custom),
        changes(everybody).prop_map(Action::Quorum),
        "[ -~]{0,20}".prop_map(|text| Action::Custom(text.into_bytes())),
        Just(Action::Read),
        one(everybody).prop_map(Action::Transfer),
        Just(Action::ForgetLeader),
        subject().prop_map(Action::ReadQuorum),
        subject().prop_map(Action::ReadLease),
    ];
    let client = *CLIENTS.start() as u16..=*CLIENTS.end() as u16;
    (client, one(everybody), actions, manners()).prop_map(|(client, via, action, manner)| Operation {
        at: Duration::ZERO,
        client,
        via,
        action,
        manner,
    })
}

fn changes(everybody: u16) -> impl Strategy<Value = Change> {
    prop_oneof![
        one(everybody).prop_map(Change::AddLearner),
        one(everybody).prop_map(Change::Promote),
        one(everybody).prop_map(Change::Demote),
        one(everybody).prop_map(Change::Remove),
        vec(one(everybody), 1..5).prop_map(Change::Replace),
    ]
}

fn configs() -> impl Strategy<Value = Config> {
    let times = (positive(2), spans(2), positive(2), positive(60));
    let sizes = (1..1_u64 << 30, 1..1_usize << 40, any::<u64>(), 1..100_000_usize);
    prop_oneof![
        Just(Config::default()),
        (times, sizes).prop_map(|((heartbeat, least, more, resend), (bytes, size, entries, count))| Config {
            heartbeat_interval: heartbeat,
            // A tenth more than two heartbeats, for drift takes its part of a lease.
            election_timeout_min: heartbeat * 21 / 10 + least,
            election_timeout_max: heartbeat * 21 / 10 + least + more,
            snapshot_resend_interval: resend,
            log_bytes_max: bytes << 10,
            append_bytes_max: bytes,
            trailing_entries: entries,
            custom_bytes_max: size,
            withheld_max: count,
            removals_kept: count,
            pending_reads_max: count,
            election_priority: (count % 17) as u32,
            clock_drift_max_ppm: count.is_multiple_of(2).then_some(count as u32 % 100),
            ..Config::default()
        })
    ]
}

fn healths() -> impl Strategy<Value = HealthConfig> {
    (positive(20), positive(60), 1..=100_u8, 0..=500_u16, option::of(positive(600))).prop_map(
        |(beat, more, few, permille, evict_after)| HealthConfig {
            beat_interval: beat,
            silence_after: beat * 3 + more,
            silence_step: more,
            silence_levels: few,
            degraded_below: permille,
            degraded_margin: permille,
            flap_half_life: more,
            flap_limit: few,
            evict_after,
            preservation_permille: permille + 1,
            preservation_min: few.into(),
            preservation_max: more,
            registration_interval: more,
            registration_burst: few.into(),
        },
    )
}

fn expectations() -> impl Strategy<Value = Expectations> {
    let counts =
        || btree_map(select(facts::FACTS.as_slice()).prop_map(|(fact, _)| fact.to_string()), any::<u64>(), 0..4);
    (counts(), counts(), counts(), vec(1..=100_u16, 0..3), vec(101..=1024_u16, 0..3)).prop_map(
        |(at_least, mut at_most, suite, everywhere, nowhere)| {
            for (fact, most) in &mut at_most {
                *most = (*most).max(at_least.get(fact).copied().unwrap_or(0));
            }
            Expectations { at_least, at_most, suite, everywhere, nowhere }
        },
    )
}
