//! A run as a module of TLA+, for `tests/tla/ReplayRaft.tla` to judge: what each node became, step by step.
//!
//! The text is the same for equal runs. A log is told by how much of the former one it keeps and what follows, so a
//! long run stays a short text. The judge knows no changes of the configuration and no logs without a beginning, so the
//! text ends where one comes up, and says so.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use delian_core::{NodeId, Term};

use crate::plan::Plan;
use crate::run::digest_embedder;
use crate::scenario::Scenario;
use crate::trace::Tracer;
use crate::world::{Footstep, Kept, Office, Unnoted, World};

/// Runs a scenario with a seed until so many steps are noted, and returns them as the module `TraceData`.
pub fn trace_data(scenario: &Arc<Scenario>, seed: u64, steps_max: usize) -> String {
    let mut world = World::new(Arc::new(Plan::draw(scenario, seed)), digest_embedder(), Tracer::Off);
    world.note_footsteps();
    while world.footsteps().len() < steps_max && world.unnoted().is_none() && world.step() {}
    let noted = world.footsteps();
    let end = match world.unnoted() {
        _ if noted.len() >= steps_max => "at the limit",
        Some(Unnoted::Compacted) => "before a log is compacted",
        Some(Unnoted::Reconfigured) => "before others decide",
        Some(Unnoted::Lost) => "before a disk is lost",
        None if world.breach().is_some() => "with a breach of an invariant",
        None => "with the run",
    };
    let (voters, learners) = (scenario.cluster.voters, scenario.cluster.learners);
    let mut out = module(voters, voters + learners, &noted[..noted.len().min(steps_max)]);
    let _ = writeln!(out, "\\* ends {end}");
    out
}

/// Returns the module that tells the steps of so many nodes, the first of which are voters.
fn module(voters: u16, nodes: u16, steps: &[Footstep]) -> String {
    let mut out = String::from("---- MODULE TraceData ----\nEXTENDS Naturals\n");
    let _ = writeln!(out, "TraceVoters == 1 .. {voters}\nTraceNodes == 1 .. {nodes}\nTrace == <<");
    let mut latest: BTreeMap<NodeId, &Footstep> = BTreeMap::new();
    for (place, step) in steps.iter().enumerate() {
        let before = latest.insert(step.node, step);
        let comma = if place + 1 < steps.len() { "," } else { "" };
        let _ = writeln!(out, "{}{comma}", record(before, step));
    }
    out.push_str(">>\n====\n");
    out
}

fn record(before: Option<&Footstep>, step: &Footstep) -> String {
    let role = match step.office {
        Office::Down => "down",
        Office::Follower => "follower",
        Office::Candidate => "candidate",
        Office::Leader => "leader",
    };
    let memory = kept(before.map(|step| &step.memory), &step.memory);
    let disk = kept(before.map(|step| &step.disk), &step.disk);
    let (node, commit) = (step.node.get(), step.commit.get());
    format!("[node |-> {node}, role |-> \"{role}\", memory |-> {memory}, commit |-> {commit}, disk |-> {disk}]")
}

fn kept(before: Option<&Kept>, kept: &Kept) -> String {
    let former: &[Term] = before.map_or(&[], |before| &before.log);
    let keep = former.iter().zip(&kept.log).take_while(|(old, new)| old == new).count();
    let added: Vec<String> = kept.log[keep..].iter().map(|term| term.get().to_string()).collect();
    let (term, vote, added) = (kept.term.get(), kept.vote.map_or(0, NodeId::get), added.join(", "));
    format!("[term |-> {term}, vote |-> {vote}, keep |-> {keep}, add |-> <<{added}>>]")
}

#[cfg(test)]
mod tests {
    use delian_core::LogIndex;

    use super::*;
    use crate::scenario::secs;

    fn kept_of(term: u64, vote: u64, log: &[u64]) -> Kept {
        let vote = (vote > 0).then(|| NodeId::new(vote));
        Kept { term: Term::new(term), vote, log: log.iter().copied().map(Term::new).collect() }
    }

    fn step(node: u64, office: Office, memory: Kept, disk: Kept) -> Footstep {
        Footstep { node: NodeId::new(node), office, memory, commit: LogIndex::new(1), disk }
    }

    fn a_second_of(seed: u64, steps_max: usize) -> String {
        let scenario = Scenario::build("a-leader-is-elected").about("A leader is elected.").lasting(secs(5)).finish();
        trace_data(&Arc::new(scenario.expect("the scenario makes sense")), seed, steps_max)
    }

    #[test]
    fn a_log_is_told_by_what_it_keeps_of_the_nodes_own_former_one() {
        let steps = [
            step(1, Office::Leader, kept_of(2, 1, &[1, 1, 2]), kept_of(2, 1, &[1, 1])),
            step(2, Office::Down, kept_of(1, 0, &[]), kept_of(1, 0, &[])),
            step(1, Office::Follower, kept_of(3, 2, &[1, 3]), kept_of(2, 1, &[1, 1, 2])),
        ];
        let expected = "---- MODULE TraceData ----\nEXTENDS Naturals\n\
            TraceVoters == 1 .. 2\n\
            TraceNodes == 1 .. 3\n\
            Trace == <<\n\
            [node |-> 1, role |-> \"leader\", memory |-> [term |-> 2, vote |-> 1, keep |-> 0, add |-> <<1, 1, 2>>], \
            commit |-> 1, disk |-> [term |-> 2, vote |-> 1, keep |-> 0, add |-> <<1, 1>>]],\n\
            [node |-> 2, role |-> \"down\", memory |-> [term |-> 1, vote |-> 0, keep |-> 0, add |-> <<>>], \
            commit |-> 1, disk |-> [term |-> 1, vote |-> 0, keep |-> 0, add |-> <<>>]],\n\
            [node |-> 1, role |-> \"follower\", memory |-> [term |-> 3, vote |-> 2, keep |-> 1, add |-> <<3>>], \
            commit |-> 1, disk |-> [term |-> 2, vote |-> 1, keep |-> 2, add |-> <<2>>]]\n\
            >>\n====\n";
        assert_eq!(module(2, 3, &steps), expected);
    }

    #[test]
    fn a_run_is_told_from_its_start_to_its_first_leader_and_on() {
        let text = a_second_of(1, 10_000);
        let roles: Vec<&str> =
            text.lines().filter_map(|line| line.split("role |-> ").nth(1)?.split('"').nth(1)).collect();
        assert_eq!(roles[..3], ["follower"; 3], "everyone starts as a follower");
        let of = |role| roles.iter().position(|told| *told == role);
        assert!(of("candidate").is_some() && of("candidate") < of("leader"), "{roles:?}");
        assert!(text.ends_with("\\* ends with the run\n"), "{}", text.lines().last().unwrap_or_default());
    }

    #[test]
    fn equal_runs_are_told_alike_and_no_longer_than_allowed() {
        assert_eq!(a_second_of(3, 10_000), a_second_of(3, 10_000));
        let short = a_second_of(3, 7);
        assert_eq!(short.lines().filter(|line| line.starts_with("[node")).count(), 7);
        assert!(short.ends_with("\\* ends at the limit\n"));
        assert!(a_second_of(3, 10_000).starts_with(short.split("]\n>>").next().expect("a text has a beginning")));
    }
}
