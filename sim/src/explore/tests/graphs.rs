//! Random graphs against a search that is easy to believe.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::systems::breach;
use super::*;

const EDGE: &str = "this edge is not taken";
const NODE: &str = "this node is not met";

/// A graph with forbidden edges and nodes. An action is an edge, by its place in the list.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    edges: Vec<Vec<usize>>,
    forbidden_edges: BTreeSet<(usize, usize)>,
    forbidden_nodes: BTreeSet<usize>,
    wanted: usize,
}

impl System for Graph {
    type State = usize;
    type Action = (usize, usize);
    type Recall = ();

    fn initial(&self) -> usize {
        0
    }

    fn actions(&self, state: &usize, into: &mut Vec<(usize, usize)>) {
        into.extend((0..self.edges[*state].len()).map(|place| (*state, place)));
    }

    fn step(&self, state: &mut usize, edge: (usize, usize)) -> Result<(), Breach> {
        assert_eq!(*state, edge.0);
        if self.forbidden_edges.contains(&edge) {
            return Err(breach(EDGE));
        }
        *state = self.edges[edge.0][edge.1];
        Ok(())
    }

    fn fingerprint(&self, state: &usize, seed: u64) -> u128 {
        u128::from(seed) << 64 | *state as u128
    }

    fn check(&self, state: &usize) -> Result<(), Breach> {
        if self.forbidden_nodes.contains(state) { Err(breach(NODE)) } else { Ok(()) }
    }

    fn goals(&self) -> &[&'static str] {
        &["the wanted node"]
    }

    fn reached(&self, state: &usize) -> u64 {
        u64::from(*state == self.wanted)
    }
}

pub(super) fn graphs() -> impl Strategy<Value = Graph> {
    (1_usize..50).prop_flat_map(|nodes| {
        let edges = prop::collection::vec(prop::collection::vec(0..nodes, 0..6), nodes);
        let forbidden_edges = prop::collection::btree_set((0..nodes, 0_usize..6), 0..6);
        let forbidden_nodes = prop::collection::btree_set(0..nodes, 0..3);
        (edges, forbidden_edges, forbidden_nodes, 0..nodes).prop_map(
            |(edges, forbidden_edges, forbidden_nodes, wanted)| Graph {
                edges,
                forbidden_edges,
                forbidden_nodes,
                wanted,
            },
        )
    })
}

/// What a search by the book finds: the distance of each node, and how short a way there is to break each property.
struct Naive {
    distances: BTreeMap<usize, u64>,
    generated: u64,
    broken: BTreeMap<&'static str, u64>,
}

fn naive(graph: &Graph) -> Naive {
    let mut found = Naive { distances: BTreeMap::from([(0, 0)]), generated: 0, broken: BTreeMap::new() };
    let mut queue = VecDeque::from([0]);
    while let Some(node) = queue.pop_front() {
        let distance = found.distances[&node];
        if graph.forbidden_nodes.contains(&node) {
            let shortest = found.broken.entry(NODE).or_insert(distance);
            *shortest = distance.min(*shortest);
        }
        for (place, next) in graph.edges[node].iter().enumerate() {
            found.generated += 1;
            if graph.forbidden_edges.contains(&(node, place)) {
                let shortest = found.broken.entry(EDGE).or_insert(distance + 1);
                *shortest = (distance + 1).min(*shortest);
            } else if !found.distances.contains_key(next) {
                found.distances.insert(*next, distance + 1);
                queue.push_back(*next);
            }
        }
    }
    found
}

proptest! {
    #[test]
    fn what_is_visited_is_what_can_be_reached_at_its_distance(graph in graphs()) {
        let (report, naive) = (explore(&graph, 5, &whole()), naive(&graph));
        prop_assert_eq!(report.outcome, Outcome::Complete);
        prop_assert_eq!(report.unique, naive.distances.len() as u64);
        prop_assert_eq!(report.generated, naive.generated);
        prop_assert_eq!(report.depth, *naive.distances.values().max().unwrap());
        for (depth, states) in report.levels.iter().enumerate() {
            let there = naive.distances.values().filter(|distance| **distance == depth as u64).count();
            prop_assert_eq!(*states, there as u64);
        }
        let ends = naive.distances.keys().filter(|node| graph.edges[**node].is_empty()).count();
        prop_assert_eq!(report.terminals, ends as u64);
        let wanted = report.goals[0].witness.as_ref().map(|way| way.0.len() as u64);
        prop_assert_eq!(wanted, naive.distances.get(&graph.wanted).copied());
    }

    #[test]
    fn a_counter_example_is_as_short_as_any_and_replays(graph in graphs()) {
        let (report, naive) = (explore(&graph, 5, &whole()), naive(&graph));
        let found: BTreeMap<_, _> =
            report.breaches.iter().map(|found| (found.breach.invariant, found.path.0.len() as u64)).collect();
        prop_assert_eq!(&found, &naive.broken);
        for found in &report.breaches {
            let walk = follow(&graph, &found.path.0).unwrap();
            prop_assert_eq!(walk.breach.as_ref(), Some(&found.breach));
            prop_assert_eq!(&walk.actions, &found.actions);
        }
        let first = explore(&graph, 5, &Options::default());
        let shortest = naive.broken.values().min().copied();
        prop_assert_eq!(first.breaches.first().map(|found| found.path.0.len() as u64), shortest);
        prop_assert_eq!(first.outcome == Outcome::Broken, shortest.is_some());
    }

    #[test]
    fn a_search_that_is_interrupted_anywhere_ends_as_if_it_was_not(
        graph in graphs(),
        states_max in 0_u64..50,
        on_breach in prop::sample::select(vec![OnBreach::Stop, OnBreach::GoOn]),
    ) {
        let options = Options { on_breach, ..Options::default() };
        let mut search = Search::new(&graph, 5);
        let before = search.run(&up_to(states_max, on_breach), &mut go_on);
        let mut bytes = Vec::new();
        search.save(7, &mut bytes).unwrap();
        let mut resumed = Search::resume(&graph, 7, &bytes[..]).unwrap();
        prop_assert_eq!(resumed.run(&options, &mut go_on), search.run(&options, &mut go_on));
        if before.outcome != Outcome::Broken {
            let mut resumed = Search::resume(&graph, 7, &bytes[..]).unwrap();
            prop_assert_eq!(resumed.run(&options, &mut go_on), explore(&graph, 5, &options));
        }
    }
}
