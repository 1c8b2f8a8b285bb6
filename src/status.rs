//! `delian status`: a node at one moment, as it says itself.

use clap::Args;
use delian_shell::shapes::{NodeReference, StatusDocument};
use delian_sim::report::human::{grouped, plural};

use crate::answer::{Answer, Problem};
use crate::client::{Client, ReadArguments, Told, age, called, micros, span};
use crate::screen::{Screen, row};

pub(crate) const EXAMPLES: &str = "\
Examples:
  delian status
  delian status --api 10.0.0.1:8400,10.0.0.2:8400    the first of them that answers
  delian status --json | jq .commit
  delian status --consistency quorum                 and ask a quorum whether that is recent

Exit codes:
  0  the node runs and knows who leads
  1  it knows no leader, or it stopped for good
  2  it could not be asked: wrong arguments, no node that answers, no permission";

#[derive(Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) read: ReadArguments,
}

pub(crate) fn run(arguments: &StatusArguments) -> Result<Answer, Problem> {
    let client = Client::new(&arguments.read.client)?;
    let reply = client.read(&arguments.read.path("/v1/status"))?;
    client.tell(&reply, |status: StatusDocument| {
        let is_well = status.halted.is_none() && status.leader.is_some();
        let answer = if is_well { Answer::Yes } else { Answer::No };
        Told { text: text(&status, Screen::of_output()), answer }
    })
}

/// How wide the labels are.
const LABELS: usize = 8;

fn text(status: &StatusDocument, screen: Screen) -> String {
    let line = |label: &str, text: &str| row(label, LABELS, text, screen.width());
    let mut page = format!("{}\n\n", headline(status, screen));
    page += &line("cluster", &cluster(status));
    if let Some(leader) = &status.leader {
        let heard = status.leader_heard_ms.filter(|_| status.role != "leader").map(age);
        let heard = heard.map(|heard| format!(", heard of {heard}")).unwrap_or_default();
        page += &line("leader", &format!("{}{heard}", named(leader)));
    }
    page += &line("log", &log(status));
    let StatusDocument { last, durable, commit, snapshot, level, .. } = status;
    let entries = format!(
        "{} committed of {}, {} on disk, {} in the snapshot; feature level {level}",
        grouped(*commit),
        grouped(*last),
        grouped(*durable),
        grouped(*snapshot)
    );
    page += &line("entries", &entries);
    if let Some(ring) = &status.ring {
        let nodes = plural(ring.members as u64, "node");
        page += &line("ring", &format!("{nodes}, {} points, of epoch {}", grouped(ring.points as u64), ring.epoch));
    }
    let waiting = [
        (status.pending_commands, "command"),
        (status.pending_reads, "read"),
        (status.withheld, "message for the disk"),
    ];
    let waiting = waiting.into_iter().filter(|(count, _)| *count > 0);
    let waiting: Vec<String> = waiting.map(|(count, noun)| waits(count as u64, noun)).collect();
    page += &line("waiting", &if waiting.is_empty() { "nothing".to_string() } else { waiting.join(", ") });
    if let (Some(median), Some(p99)) = (status.commit_median_us, status.commit_p99_us) {
        page += &line("commits", &format!("half within {}, 99 % within {}", micros(median), micros(p99)));
    }
    let lease = if status.has_lease { ", holds a lease" } else { "" };
    page +=
        &line("node", &format!("delian {}, boot {}, up {}{lease}", status.version, status.boot, span(status.up_ms)));
    page
}

fn waits(count: u64, noun: &str) -> String {
    match noun.split_once(' ') {
        Some((noun, rest)) => format!("{} {rest}", plural(count, noun)),
        None => plural(count, noun),
    }
}

fn named(node: &NodeReference) -> String {
    called(node.name.as_deref(), &node.id)
}

fn headline(status: &StatusDocument, screen: Screen) -> String {
    let name = called(Some(&status.name), &status.id);
    if let Some(why) = &status.halted {
        return screen.bad(&format!("{name} stopped for good: {why}"));
    }
    let does = match status.role.as_str() {
        "leader" => "leads".to_string(),
        "follower" => "follows".to_string(),
        "observer" => "observes".to_string(),
        role => format!("is a {role}"),
    };
    let sentence = format!("{name} {does} in term {}", status.term);
    match (&status.leader, &status.transfer) {
        (_, Some(to)) => screen.strong(&format!("{sentence} and hands over to {to}")),
        (Some(_), None) => screen.good(&sentence),
        (None, None) => screen.bad(&format!("{sentence} and knows no leader")),
    }
}

fn cluster(status: &StatusDocument) -> String {
    let conditions: Vec<String> = status
        .conditions
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    let conditions = if conditions.is_empty() { String::new() } else { format!(" ({})", conditions.join(", ")) };
    let doubt = if status.suspects_itself { "; it lays the silence of many to its own account" } else { "" };
    let nodes = plural(status.members as u64, "registered node");
    format!("{}, epoch {}, {nodes}{conditions}{doubt}", status.cluster, status.epoch)
}

fn log(status: &StatusDocument) -> String {
    let names = |votes: bool| {
        let members = status.log_members.iter().filter(|member| member.votes == votes);
        members.map(|member| named(&member.node)).collect::<Vec<_>>()
    };
    let (voters, learners) = (names(true), names(false));
    let changing = if status.log_settled { "" } else { "; not agreed on yet" };
    match (voters.is_empty(), learners.is_empty()) {
        (true, true) => "nobody that it knows of".to_string(),
        (_, true) => format!("{}: {}{changing}", plural(voters.len() as u64, "voter"), voters.join(", ")),
        (_, false) => format!(
            "{}: {}; {}: {}{changing}",
            plural(voters.len() as u64, "voter"),
            voters.join(", "),
            plural(learners.len() as u64, "learner"),
            learners.join(", ")
        ),
    }
}
