//! How fast small clusters are explored: what `cargo xtask bench explore` measures, of Delian and of stateright.
//!
//! ```sh
//! explore search MODEL           # every state, by our own search
//! explore stateright MODEL       # every state, by stateright on the plain system
//! explore recalling MODEL        # the same with what our search keeps of steps that it has taken
//! explore copy MODEL             # states of the model, copied
//! explore limit MODEL            # the same and the fingerprint: the limit of steps that cost nothing
//! explore node MODEL             # the same and one node copied and hashed: the limit of steps that are taken anew
//! explore whole MODEL            # the same with all nodes: the limit of states that share nothing
//! explore step MODEL             # a copy, a step taken anew, and the fingerprint
//! explore recall MODEL           # the same where the step was taken before
//! ```
//!
//! Each prints one line of `name=number` words.
#![expect(clippy::print_stdout, reason = "what it measured is read from its output")]

#[path = "../tests/opinion/mod.rs"]
mod opinion;

use std::hash::{Hash, Hasher};
use std::hint::black_box;

use cpu_time::ProcessTime;
use delian_sim::explore::cluster::model::Model;
use delian_sim::explore::cluster::{Action, Cluster, Hash128, Item, Recall, State};
use delian_sim::explore::shipped::Shipped;
use delian_sim::explore::{Limits, Options, Search, System, models, silent};
use stateright::{Checker, Model as _};

use crate::opinion::Opinion;

/// The hash seed that the command uses, too.
const SEED: u64 = 0;

/// How many states a sample is drawn from, the first that a search meets.
const MET: usize = 60_000;

/// One in so many of them is in the sample: few enough to lie in a cache, so that what is measured is work.
const ONE_IN: usize = 200;

/// How often the sample is gone through.
const PASSES: usize = 400;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [work, name] = arguments.as_slice() else { panic!("the arguments are the work and a model") };
    let mut model =
        models::all().into_iter().find(|model| model.name == name).expect("`delian check --list` lists them");
    // What is measured is how fast states are explored, not how many need not be.
    model.tell_names_apart();
    match work.as_str() {
        "search" => search(model),
        "stateright" => other(Opinion::new(model)),
        "recalling" => other(Opinion::recalling(model)),
        "copy" => sampled(model, |_, _, _| {}),
        "limit" => sampled(model, |cluster, state, _| _ = black_box(cluster.fingerprint(state, SEED))),
        "node" => sampled(model, |cluster, state, action| {
            black_box((cluster.fingerprint(state, SEED), copied_and_hashed(state, Some(action))));
        }),
        "whole" => sampled(model, |_, state, _| _ = black_box(copied_and_hashed(state, None))),
        "step" => sampled(model, |cluster, state, action| {
            cluster.step(state, action).expect("the model is sound");
            black_box(cluster.fingerprint(state, SEED));
        }),
        "recall" => {
            let mut recall = Recall::default();
            sampled(model, |cluster, state, action| {
                cluster.step_recalling(&mut recall, state, action).expect("the model is sound");
                black_box(cluster.fingerprint(state, SEED));
            });
        }
        _ => panic!("{work:?} is no work"),
    }
}

fn search(model: Model) {
    let start = ProcessTime::now();
    let cluster = Cluster::new(model, SEED);
    let limits = Limits { state_bytes: Some(Cluster::STATE_BYTES), ..Limits::default() };
    let mut search = Search::new(&cluster, SEED);
    let report = search.run(&Options { limits, ..Options::default() }, &mut silent);
    assert!(report.is_green(), "{:?}", report.breaches);
    // No state waits any more, so the fingerprints and the trail are all there is.
    let beside = search.memory(&limits) - search.recalled();
    println!(
        "cpu_ns={} transitions={} states={} beside_bytes={beside}",
        start.elapsed().as_nanos(),
        report.generated,
        report.unique
    );
}

fn other(opinion: Opinion) {
    let start = ProcessTime::now();
    let checker = opinion.checker().threads(1).spawn_bfs().join();
    checker.assert_properties();
    // It counts the initial state as generated, too.
    let transitions = checker.state_count() - 1;
    println!("cpu_ns={} transitions={transitions} states={}", start.elapsed().as_nanos(), checker.unique_state_count());
}

/// Does something to a copy of each state in a sample, with each action that is an input to a node.
fn sampled(model: Model, mut work: impl FnMut(&Cluster, &mut State, Action)) {
    let cluster = Cluster::new(model, SEED);
    let sample = sample(&cluster);
    let mut copy = cluster.initial();
    let mut pass = || {
        for (state, action) in &sample {
            copy.clone_from(state);
            work(&cluster, &mut copy, *action);
        }
        black_box(&copy);
    };
    pass();
    let start = ProcessTime::now();
    (0..PASSES).for_each(|_| pass());
    println!("cpu_ns={} rounds={}", start.elapsed().as_nanos(), PASSES * sample.len());
}

/// Draws states from the first of a search, and the transitions from them that give a node something to do.
fn sample(cluster: &Cluster) -> Vec<(State, Action)> {
    let mut visited = std::collections::BTreeSet::new();
    let mut met = vec![cluster.initial()];
    let (mut sample, mut actions) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < met.len() {
        actions.clear();
        cluster.actions(&met[at], &mut actions);
        let inputs = actions.iter().filter(|action| stepping(&met[at], **action).is_some());
        if at % ONE_IN == 0 {
            sample.extend(inputs.map(|action| (met[at].clone(), *action)));
        }
        for action in &actions {
            if met.len() == MET {
                break;
            }
            let mut next = met[at].clone();
            cluster.step(&mut next, *action).expect("the model is sound");
            if visited.insert(cluster.fingerprint(&next, SEED)) {
                met.push(next);
            }
        }
        at += 1;
    }
    sample
}

/// Returns the number of the node that an action is an input to, if it is.
fn stepping(state: &State, action: Action) -> Option<u8> {
    match action {
        Action::Deliver(place) | Action::Duplicate(place) => match &state.on_their_way()[usize::from(place)] {
            Item::Letter(letter) => Some(letter.to),
            Item::Flush(number) => Some(*number),
        },
        Action::Flush(number)
        | Action::Fire(number, _)
        | Action::Lapse(number, _)
        | Action::Client(number)
        | Action::Read(number)
        | Action::Crash(number, _)
        | Action::Wipe(number)
        | Action::Change(number, _)
        | Action::Transfer(number, _)
        | Action::Forget(number) => Some(number),
        Action::Lose(_) | Action::Delay => None,
    }
}

/// Copies and hashes the node that steps, or all nodes and messages.
fn copied_and_hashed(state: &State, action: Option<Action>) -> u128 {
    let mut hasher = Hash128::new(SEED);
    let stepping = action.and_then(|action| stepping(state, action));
    for (number, node) in state.nodes().enumerate() {
        if stepping.is_none_or(|stepping| usize::from(stepping) == number) {
            let copy = black_box(node.clone());
            copy.hash_state(&mut hasher);
        }
    }
    if stepping.is_none() {
        for item in state.on_their_way() {
            match item {
                Item::Letter(letter) => black_box(letter.message.clone()).hash(&mut hasher),
                Item::Flush(number) => hasher.write_u8(*number),
            }
        }
    }
    hasher.finish_128()
}
