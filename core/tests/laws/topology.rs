//! The laws of the topology, checked against a second implementation that is too dumb to be wrong.
//!
//! The model keeps a list of members and looks at all of them for every question. Limits are tiny, so that random
//! histories fill each of them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use delian_core::topology::{Cause, Command, Condition, Coordinates, Delta, DeltaUnavailable, Drain, Registration};
use delian_core::{Blob, Bytes, Config, Epoch, NodeId, Settings, Topology, WallTime};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, RngAlgorithm, TestRng, TestRunner};

const REGISTRATIONS_MAX: usize = 3;
const TEXT_BYTES_MAX: usize = 4;
const TAGS_MAX: usize = 1;
const CUSTOM_BYTES_MAX: usize = 2;
const REMOVALS_KEPT: usize = 3;

#[test]
fn the_topology_accepts_and_holds_what_the_model_does() {
    let (changes, refusals) = (RefCell::new(BTreeSet::new()), RefCell::new(BTreeSet::new()));
    for_all(vec(step(), 0..40), |steps| {
        let mut topology = Topology::new(settings().topology());
        let mut model = Model::default();
        for step in steps {
            let command = step.resolve(&model);
            let before = topology.clone();
            let checked = topology.check(&command);
            let change = topology.apply(&command);
            assert_eq!(checked.err(), change.clone().err());
            assert_eq!(change.is_ok(), model.accepts(&command), "{command:?} at {model:?}");
            match change {
                Ok(change) => {
                    assert_eq!(change.epoch, before.epoch().next());
                    assert_eq!(topology.epoch(), change.epoch);
                    model.apply(&command);
                    changes.borrow_mut().insert(variant(&change.what));
                }
                Err(refusal) => {
                    assert_eq!(topology, before);
                    refusals.borrow_mut().insert(variant(&refusal));
                }
            }
            model.assert_equals(&topology);
            topology.assert_invariants();
        }
    });
    assert_eq!(changes.borrow().len(), 8, "some kind of change never happened: {changes:?}");
    // All but `Malformed`, which only bytes can cause, and `Exhausted`, which no history reaches.
    assert_eq!(refusals.borrow().len(), 16, "some kind of refusal never happened: {refusals:?}");
}

#[test]
fn the_delta_since_any_epoch_leads_from_there_to_here() {
    let (removals_carried, too_old) = (Cell::new(0), Cell::new(0));
    for_all(vec(step(), 0..40), |steps| {
        let versions = history(&steps);
        let new = &versions[versions.len() - 1];
        for old in &versions {
            let removals = removals_between(&versions, old.epoch());
            match new.delta(old.epoch()) {
                Ok(delta) => {
                    let mut follower = old.clone();
                    follower.apply_delta(&delta).expect("the delta starts where the follower is");
                    assert_eq!(&follower, new);
                    assert_eq!(follower.to_bytes(), new.to_bytes());
                    assert_eq!(follower.fingerprint(), new.fingerprint());
                    assert_eq!(delta.removed.len(), removals);
                    assert!(removals <= REMOVALS_KEPT);
                    removals_carried.set(removals_carried.get() + removals);
                }
                Err(DeltaUnavailable::TooOld { since, oldest }) => {
                    assert!(removals > REMOVALS_KEPT && since < oldest);
                    assert!(new.delta(oldest).is_ok());
                    too_old.set(too_old.get() + 1);
                }
                Err(error @ DeltaUnavailable::Ahead { .. }) => panic!("{error}"),
            }
        }
        assert!(new.delta(new.epoch().next()).is_err());
    });
    assert!(removals_carried.get() > 0 && too_old.get() > 0, "{removals_carried:?} carried, {too_old:?} too old");
}

#[test]
fn a_delta_applies_at_no_other_epoch() {
    for_all(vec(step(), 0..20), |steps| {
        let versions = history(&steps);
        for (old, new) in versions.iter().zip(versions.iter().skip(1)) {
            let delta = new.delta(old.epoch()).expect("one epoch back is remembered");
            for other in versions.iter().filter(|other| other.epoch() != old.epoch()) {
                let mut follower = other.clone();
                assert!(follower.apply_delta(&delta).is_err());
                assert_eq!(&follower, other);
            }
        }
    });
}

#[test]
fn bytes_and_topologies_are_one_to_one() {
    for_all((vec(step(), 0..40), vec(step(), 0..40)), |(ones, others)| {
        let (one, other) = (last(&ones), last(&others));
        let bytes = one.to_bytes();
        assert_eq!(Topology::from_bytes(&bytes, settings().topology()).as_ref(), Ok(&one));
        assert_eq!(one == other, bytes == other.to_bytes());
    });
}

#[test]
fn arbitrary_bytes_never_panic() {
    for_all((vec(any::<u8>(), 0..200), any::<bool>()), |(mut bytes, versioned)| {
        if versioned {
            bytes.insert(0, 1);
        }
        if let Ok(command) = Command::decode(&bytes) {
            assert_eq!(Command::decode(&command.encode()), Ok(command));
        }
        if let Ok(topology) = Topology::from_bytes(&bytes, settings().topology()) {
            assert_eq!(topology.to_bytes(), bytes);
        }
        if let Ok(delta) = postcard::from_bytes::<Delta>(&bytes) {
            apply_whole_or_not_at_all(&Topology::new(settings().topology()), &delta);
        }
    });
}

#[test]
fn damaged_bytes_are_refused_or_make_a_sound_topology() {
    let (sound, refused) = (Cell::new(0), Cell::new(0));
    for_all((vec(step(), 1..40), damage(), step()), |(steps, damage, next)| {
        let damaged = inflict(last(&steps).to_bytes(), &damage);
        let Ok(mut topology) = Topology::from_bytes(&damaged, settings().topology()) else {
            return refused.set(refused.get() + 1);
        };
        assert_eq!(topology.to_bytes(), damaged);
        let _ = topology.apply(&next.resolve(&Model::default()));
        topology.assert_invariants();
        sound.set(sound.get() + 1);
    });
    assert!(sound.get() > 0 && refused.get() > 0, "{sound:?} sound, {refused:?} refused");
}

#[test]
fn a_damaged_delta_is_refused_or_keeps_the_topology_sound() {
    let (sound, refused) = (Cell::new(0), Cell::new(0));
    for_all((vec(step(), 1..40), 0..20_usize, damage()), |(steps, back, damage)| {
        let versions = history(&steps);
        let new = &versions[versions.len() - 1];
        let old = &versions[versions.len().saturating_sub(1 + back)];
        let Ok(delta) = new.delta(old.epoch()) else { return };
        let damaged = inflict(postcard::to_allocvec(&delta).unwrap(), &damage);
        let Ok(forged) = postcard::from_bytes::<Delta>(&damaged) else { return };
        let counter = if apply_whole_or_not_at_all(old, &forged) { &sound } else { &refused };
        counter.set(counter.get() + 1);
    });
    assert!(sound.get() > 0 && refused.get() > 0, "{sound:?} sound, {refused:?} refused");
}

/// Runs a law over 512 values, the same in every run. Counter-examples become named tests, so no seeds are kept.
fn for_all<S: Strategy>(values: S, law: impl Fn(S::Value)) {
    let cases = Cases { cases: 512, failure_persistence: None, ..Cases::default() };
    let randomness = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let run = TestRunner::new_with_rng(cases, randomness).run(&values, |value| {
        law(value);
        Ok(())
    });
    if let Err(failure) = run {
        panic!("{failure}");
    }
}

/// Returns the name of an enum's variant.
fn variant(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").split([' ', '(', '{']).next().unwrap_or_default().to_string()
}

fn settings() -> Settings {
    let config = Config {
        registrations_max: REGISTRATIONS_MAX,
        text_bytes_max: TEXT_BYTES_MAX,
        tags_max: TAGS_MAX,
        custom_bytes_max: CUSTOM_BYTES_MAX,
        removals_kept: REMOVALS_KEPT,
        ..Config::default()
    };
    config.check().expect("tiny limits make sense")
}

/// Returns the topology of every epoch that the steps lead through.
fn history(steps: &[Step]) -> Vec<Topology> {
    let mut model = Model::default();
    let mut versions = vec![Topology::new(settings().topology())];
    for step in steps {
        let command = step.resolve(&model);
        let mut next = versions[versions.len() - 1].clone();
        if next.apply(&command).is_ok() {
            model.apply(&command);
            versions.push(next);
        }
    }
    versions
}

fn last(steps: &[Step]) -> Topology {
    history(steps).pop().expect("a history begins with the empty topology")
}

/// Counts the removals after an epoch by looking at every step of the history.
fn removals_between(versions: &[Topology], since: Epoch) -> usize {
    let after = versions.windows(2).filter(|pair| pair[0].epoch() >= since);
    after.filter(|pair| pair[1].len() < pair[0].len()).count()
}

fn apply_whole_or_not_at_all(old: &Topology, delta: &Delta) -> bool {
    let mut follower = old.clone();
    let applied = follower.apply_delta(delta).is_ok();
    if applied {
        assert_eq!(follower.epoch(), delta.to);
        follower.assert_invariants();
    } else {
        assert_eq!(&follower, old);
    }
    applied
}

/// Places and new values of a few bytes.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    vec((any::<prop::sample::Index>(), prop_oneof![0_u8..16, any::<u8>()]), 1..3)
}

fn inflict(mut bytes: Vec<u8>, damage: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    for (place, value) in damage {
        let place = place.index(bytes.len());
        bytes[place] = *value;
    }
    bytes
}

/// A command whose registration epoch is chosen when its turn comes: `lag` epochs before the current life's.
#[derive(Clone, Debug)]
enum Step {
    Register(Registration),
    Deregister(NodeId),
    Evict { node: NodeId, lag: u64 },
    SetCondition { node: NodeId, lag: u64, condition: Condition, cause: Cause },
    Drain { node: NodeId, lag: u64, within: Option<Duration> },
    DrainProgress { node: NodeId, lag: u64, moved: u16 },
    Custom(Vec<u8>),
}

impl Step {
    fn resolve(&self, model: &Model) -> Command {
        let epoch_of = |node: NodeId, lag: u64| {
            let registered = model.find(node).map_or(1, |member| member.registered);
            Epoch::new(registered.saturating_sub(lag))
        };
        match self {
            Self::Register(registration) => Command::Register(Box::new(registration.clone())),
            Self::Deregister(node) => Command::Deregister(*node),
            Self::Evict { node, lag } => Command::Evict { node: *node, epoch: epoch_of(*node, *lag) },
            Self::SetCondition { node, lag, condition, cause } => {
                let epoch = epoch_of(*node, *lag);
                Command::SetCondition { node: *node, epoch, condition: *condition, cause: *cause }
            }
            Self::Drain { node, lag, within } => {
                Command::Drain { node: *node, epoch: epoch_of(*node, *lag), within: *within }
            }
            Self::DrainProgress { node, lag, moved } => {
                Command::DrainProgress { node: *node, epoch: epoch_of(*node, *lag), moved: *moved }
            }
            Self::Custom(bytes) => Command::Custom(Blob::from(bytes.as_slice())),
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let node = || (0_u64..6).prop_map(NodeId::new);
    let lag = || prop_oneof![4 => Just(0_u64), 1 => 1_u64..3];
    prop_oneof![
        8 => registration().prop_map(Step::Register),
        2 => node().prop_map(Step::Deregister),
        2 => (node(), lag()).prop_map(|(node, lag)| Step::Evict { node, lag }),
        3 => (node(), lag(), condition(), cause())
            .prop_map(|(node, lag, condition, cause)| Step::SetCondition { node, lag, condition, cause }),
        2 => (node(), lag(), prop::option::of(Just(Duration::from_secs(9))))
            .prop_map(|(node, lag, within)| Step::Drain { node, lag, within }),
        2 => (node(), lag(), prop::sample::select(vec![0, 400, 999, 1000, 1001]))
            .prop_map(|(node, lag, moved)| Step::DrainProgress { node, lag, moved }),
        1 => vec(any::<u8>(), 0..4).prop_map(Step::Custom),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    prop::sample::select(Condition::ALL.to_vec())
}

fn cause() -> impl Strategy<Value = Cause> {
    let found = [Cause::Beats, Cause::LowScore { permille: 400 }, Cause::Silence { level: 5 }, Cause::HeldDead];
    prop_oneof![Just(Cause::Asked), prop::sample::select(found.to_vec())]
}

fn registration() -> impl Strategy<Value = Registration> {
    let place = prop::sample::select(vec!["a", "b", "ü", "", " ", "abcd", "abcde", "a\tb"]);
    let mostly_fine = move || prop_oneof![30 => prop::sample::select(vec!["a", "b", "abcd"]), 1 => place.clone()];
    let name = prop_oneof![12 => prop::sample::select(vec!["ada", "bob", "eve", "kim"]), 1 => mostly_fine()];
    let angle = || prop_oneof![20 => -90_000_000..=90_000_000_i32, 1 => any::<i32>()];
    let tags = prop::collection::btree_map(mostly_fine(), mostly_fine(), 0..=1);
    let tags = prop_oneof![20 => tags, 1 => prop::collection::btree_map(mostly_fine(), mostly_fine(), 2..=2)];
    let port = prop_oneof![1 => Just(0_u16), 20 => 1_u16..];
    let texts = [mostly_fine(), mostly_fine(), mostly_fine(), mostly_fine()];
    let storage = prop_oneof![20 => (50_u64..100, 0_u64..=50), 1 => (0_u64..50, 50_u64..100)];
    let node = prop_oneof![1 => Just(0_u64), 30 => 1_u64..6];
    (node, name, texts, port, (angle(), angle()), storage, tags, any::<u64>()).prop_map(
        |(node, name, [address, rack, datacenter, region], port, (latitude, longitude), (total, free), tags, at)| {
            Registration {
                node: NodeId::new(node),
                name: name.to_string(),
                address: address.to_string(),
                port,
                rack: rack.to_string(),
                datacenter: datacenter.to_string(),
                region: region.to_string(),
                coordinates: Coordinates::new(latitude, longitude),
                total: Bytes::new(total),
                free: Bytes::new(free),
                tags: tags.into_iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
                registered_at: WallTime::from_unix_millis(at),
            }
        },
    )
}

/// The dumb second implementation: a list, in no particular order.
#[derive(Debug, Default)]
struct Model {
    epoch: u64,
    members: Vec<ModelMember>,
}

#[derive(Debug)]
struct ModelMember {
    registration: Registration,
    registered: u64,
    changed: u64,
    condition: Condition,
    since: u64,
    cause: Cause,
    within: Option<Duration>,
    moved: u16,
}

impl ModelMember {
    fn enter(&mut self, epoch: u64, condition: Condition, cause: Cause) {
        if self.condition != condition {
            (self.since, self.within, self.moved) = (epoch, None, 0);
        }
        (self.changed, self.condition, self.cause) = (epoch, condition, cause);
    }
}

impl Model {
    fn apply(&mut self, command: &Command) {
        self.epoch += 1;
        let epoch = self.epoch;
        match command {
            Command::Register(registration) => {
                self.members.retain(|member| member.registration.node != registration.node);
                self.members.push(ModelMember {
                    registration: (**registration).clone(),
                    registered: epoch,
                    changed: epoch,
                    condition: Condition::Healthy,
                    since: epoch,
                    cause: Cause::Asked,
                    within: None,
                    moved: 0,
                });
            }
            Command::Deregister(node)
            | Command::Evict { node, .. }
            | Command::DrainProgress { node, moved: 1000, .. } => {
                self.members.retain(|member| member.registration.node != *node);
            }
            Command::SetCondition { node, condition, cause, .. } => {
                self.find_mut(*node).expect("it is registered").enter(epoch, *condition, *cause);
            }
            Command::Drain { node, within, .. } => {
                let member = self.find_mut(*node).expect("it is registered");
                member.enter(epoch, Condition::Leaving, Cause::Asked);
                member.within = *within;
            }
            Command::DrainProgress { node, moved, .. } => {
                let member = self.find_mut(*node).expect("it is registered");
                (member.changed, member.moved) = (epoch, member.moved.max(*moved));
            }
            Command::Custom(_) => {}
        }
    }

    fn accepts(&self, command: &Command) -> bool {
        match command {
            Command::Register(registration) => {
                let others = self.members.iter().filter(|member| member.registration.node != registration.node);
                let others: Vec<_> = others.collect();
                acceptable(registration)
                    && others.len() < REGISTRATIONS_MAX
                    && others.iter().all(|member| member.registration.name != registration.name)
            }
            Command::Deregister(node) => self.find(*node).is_some(),
            Command::Evict { node, epoch } | Command::Drain { node, epoch, .. } => self.lives(*node, *epoch),
            Command::SetCondition { node, epoch, cause, .. } => {
                self.lives(*node, *epoch) && (*cause == Cause::Asked || !self.leaves(*node))
            }
            Command::DrainProgress { node, epoch, moved } => {
                self.lives(*node, *epoch) && self.leaves(*node) && *moved <= 1000
            }
            Command::Custom(bytes) => bytes.len() <= CUSTOM_BYTES_MAX,
        }
    }

    fn lives(&self, node: NodeId, epoch: Epoch) -> bool {
        self.find(node).is_some_and(|member| member.registered == epoch.get())
    }

    fn leaves(&self, node: NodeId) -> bool {
        self.find(node).is_some_and(|member| member.condition == Condition::Leaving)
    }

    fn find_mut(&mut self, node: NodeId) -> Option<&mut ModelMember> {
        self.members.iter_mut().find(|member| member.registration.node == node)
    }

    fn find(&self, node: NodeId) -> Option<&ModelMember> {
        self.members.iter().find(|member| member.registration.node == node)
    }

    fn assert_equals(&self, topology: &Topology) {
        assert_eq!(topology.epoch().get(), self.epoch);
        assert_eq!(topology.len(), self.members.len());
        for ours in &self.members {
            let theirs = topology.get(ours.registration.node).expect("the model holds the node");
            assert_eq!(theirs.registration, ours.registration);
            assert_eq!((theirs.registered.get(), theirs.changed.get()), (ours.registered, ours.changed));
            let ModelMember { condition, since, cause, within, moved, .. } = ours;
            assert_eq!((theirs.condition, theirs.since.get(), theirs.cause), (*condition, *since, *cause));
            let drain = (*condition == Condition::Leaving).then_some(Drain { within: *within, moved: *moved });
            assert_eq!(theirs.drain, drain);
            assert_eq!(topology.by_name(&ours.registration.name), Some(theirs));
            let place = &ours.registration;
            let rack: Vec<_> = topology.in_rack(&place.region, &place.datacenter, &place.rack).collect();
            let mates = self.members.iter().map(|member| &member.registration).filter(|mate| {
                (&mate.region, &mate.datacenter, &mate.rack) == (&place.region, &place.datacenter, &place.rack)
            });
            let mut mates: Vec<_> = mates.map(|mate| mate.node).collect();
            mates.sort();
            assert_eq!(rack.iter().map(|member| member.node()).collect::<Vec<_>>(), mates);
        }
    }
}

fn acceptable(registration: &Registration) -> bool {
    let fine = |text: &String| text.len() <= TEXT_BYTES_MAX && !text.contains('\t');
    let filled = |text: &String| fine(text) && !text.trim().is_empty();
    let Registration { name, address, rack, datacenter, region, coordinates, tags, .. } = registration;
    let degrees = |micro: i32| f64::from(micro) / 1e6;
    registration.node.get() != 0
        && [name, address, rack, datacenter, region].into_iter().all(filled)
        && registration.port > 0
        && degrees(coordinates.latitude.get()).abs() <= 90.0
        && degrees(coordinates.longitude.get()).abs() <= 180.0
        && registration.free <= registration.total
        && tags.len() <= TAGS_MAX
        && tags.iter().all(|(key, value)| filled(key) && fine(value))
}
