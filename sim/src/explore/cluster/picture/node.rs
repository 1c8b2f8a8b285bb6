//! One node with its disk, fact by fact.

use delian_core::raft::{Configuration, Pace, Payload, Progress, Raft, Record, Role};
use delian_core::topology::Command;
use delian_core::{LogIndex, NodeId};
use serde::Serialize;

use super::{Reach, Row};
use crate::explore::cluster::cell::{Cell, NOW};

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodePicture {
    /// Its name.
    pub id: String,
    /// What it does in its term.
    pub role: String,
    /// What is known of it, the same facts in the same order for every node.
    pub rows: Vec<Row>,
    /// Whether something changed that no row tells.
    pub has_other_changes: bool,
}

impl NodePicture {
    pub(super) fn of(before: &Cell, after: &Cell) -> Self {
        let status = after.node.status();
        let pairs = facts(before).into_iter().zip(facts(after));
        let mut rows: Vec<Row> = pairs.map(|((name, before), (_, after))| Row::compared(name, before, after)).collect();
        let log = rows.iter_mut().filter(|row| row.name == LOG);
        for (part, reach) in log.flat_map(|row| &mut row.parts).zip(reaches(after.node.raft())) {
            part.reach = Some(reach);
        }
        let has_other_changes = before.hash() != after.hash() && !rows.iter().any(Row::is_changed);
        Self { id: status.id.to_string(), role: status.role.to_string(), rows, has_other_changes }
    }
}

const LOG: &str = "log";

/// Returns every fact with its parts; one that does not apply has none.
fn facts(cell: &Cell) -> Vec<(&'static str, Vec<String>)> {
    let (status, raft) = (cell.node.status(), cell.node.raft());
    let one = |text: String| vec![text];
    let some = |text: Option<String>| text.into_iter().collect::<Vec<_>>();
    let number = |count: usize| some((count > 0).then(|| count.to_string()));
    let configuration = raft.configuration();
    // One who leads knows that it does.
    let presumes = !raft.is_leader() && raft.leader_presumed_until() > NOW;
    let covered = raft.log().covered();
    vec![
        ("role", one(status.role.to_string())),
        ("term", one(status.term.to_string())),
        ("voted for", some(raft.voted_for().map(|candidate| candidate.to_string()))),
        ("granted by", granted(raft)),
        ("leader", some(raft.leader().map(|leader| leader.to_string()))),
        ("presumes it alive", some(presumes.then(|| "yes".to_owned()))),
        (LOG, entries(raft)),
        ("snapshot up to", some((covered.index > LogIndex::ZERO).then(|| covered.to_string()))),
        ("commit", one(status.commit.to_string())),
        ("applied", one(raft.applied().to_string())),
        ("on disk", one(status.durable.to_string())),
        ("waits for disk", cell.waiting.iter().map(|(_, record)| tell_record(record)).collect()),
        ("held back", number(status.withheld)),
        ("voters", names(configuration.voters.iter())),
        ("outgoing voters", names(configuration.outgoing.iter())),
        ("learners", learners(configuration)),
        ("progress", progress(raft)),
        ("hands over to", some(status.transfer.map(|target| target.to_string()))),
        ("open commands", number(status.pending_commands)),
        ("open reads", number(status.pending_reads)),
        ("halted", some(status.halted.map(|halt| halt.to_string()))),
    ]
}

fn names<'a>(nodes: impl Iterator<Item = &'a NodeId>) -> Vec<String> {
    nodes.map(ToString::to_string).collect()
}

fn learners(configuration: &Configuration) -> Vec<String> {
    names(configuration.learners.iter().chain(&configuration.learners_next))
}

fn granted(raft: &Raft) -> Vec<String> {
    match raft.role() {
        Role::PreCandidate(votes) | Role::Candidate(votes) => names(votes.granted().iter()),
        Role::Follower | Role::Leader(_) => Vec::new(),
    }
}

fn indices(raft: &Raft) -> impl Iterator<Item = LogIndex> {
    let log = raft.log();
    (log.dropped().index.get() + 1..=log.last().index.get()).map(LogIndex::new)
}

fn entries(raft: &Raft) -> Vec<String> {
    let entry = |index: LogIndex| {
        let entry = raft.log().entry(index)?;
        Some(format!("{index} {} {}", entry.term, tell_payload(&entry.payload)))
    };
    indices(raft).filter_map(entry).collect()
}

fn reaches(raft: &Raft) -> impl Iterator<Item = Reach> {
    indices(raft).map(|index| {
        if index <= raft.commit() {
            Reach::Committed
        } else if index <= raft.log_durable() {
            Reach::OnDisk
        } else {
            Reach::InMemory
        }
    })
}

fn tell_payload(payload: &Payload) -> String {
    match payload {
        Payload::Noop => "begins the term".to_owned(),
        // Commands of models are their own number.
        Payload::Command(bytes) => match Command::decode(bytes) {
            Ok(Command::Custom(blob)) if blob.len() == 1 => format!("command {}", blob[0]),
            Ok(_) | Err(_) => format!("command of {} bytes", bytes.len()),
        },
        Payload::Configuration(configuration) => {
            let voters = names(configuration.voters.iter()).join(" ");
            let joint = if configuration.is_joint() { " (joint)" } else { "" };
            format!("voters {voters}{joint}")
        }
        Payload::Session(bytes) => format!("session, {} bytes", bytes.len()),
        Payload::Level(level) => format!("level {level}"),
    }
}

fn tell_record(record: &Record) -> String {
    match record {
        Record::HardState(state) => {
            let vote = state.voted_for.map_or("nobody".to_owned(), |candidate| candidate.to_string());
            format!("{} vote {vote}", state.term)
        }
        Record::Append { after, entries } => {
            let last = after.get() + entries.len() as u64;
            if entries.len() == 1 { format!("entry {last}") } else { format!("entries {} to {last}", after.get() + 1) }
        }
        Record::Compact { snapshot, .. } => format!("snapshot up to {}", snapshot.last),
        Record::Install(snapshot) => format!("leader's snapshot up to {}", snapshot.last),
    }
}

fn progress(raft: &Raft) -> Vec<String> {
    match raft.role() {
        Role::Leader(leadership) => {
            leadership.progress().iter().map(|(id, progress)| tell_peer(id, progress)).collect()
        }
        Role::Follower | Role::PreCandidate(_) | Role::Candidate(_) => Vec::new(),
    }
}

fn tell_peer(id: NodeId, progress: &Progress) -> String {
    let Progress { matched, next, .. } = progress;
    match &progress.pace {
        Pace::Probe(_) => format!("{id} has {matched}, probe {next}"),
        Pace::Replicate(window) => {
            let out = if window.is_empty() { String::new() } else { format!(", {} out", window.len()) };
            format!("{id} has {matched}, next {next}{out}")
        }
        Pace::Snapshot { last, .. } => format!("{id} has {matched}, snapshot {last}"),
    }
}
