//! What each node of a world became, step by step: the states that Raft is about, in memory and on disk, and nothing
//! else.
//!
//! A node takes several inputs within one happening of the world, as when it thaws, so steps are noted where inputs are
//! fed. A world that is not asked to note them pays a single question for each.

use std::collections::BTreeSet;

use delian_core::raft::{Raft, Recovered, Role};
use delian_core::{LogIndex, NodeId, Position, Term};

use super::{World, lifecycle};

/// One change of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footstep {
    /// Which node.
    pub node: NodeId,
    /// What it is after the step.
    pub office: Office,
    /// What it knows; while it is down, what its disk holds.
    pub memory: Kept,
    /// Up to where it knows the log to be committed.
    pub commit: LogIndex,
    /// What its disk holds.
    pub disk: Kept,
}

/// What a node does among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Office {
    /// It does not run.
    Down,
    /// It follows, or asks whether it may stand.
    Follower,
    /// It stands for election.
    Candidate,
    /// It leads.
    Leader,
}

/// What a node must not forget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Its term.
    pub term: Term,
    /// Whom it voted for in it.
    pub vote: Option<NodeId>,
    /// The terms along its log, from the first index.
    pub log: Vec<Term>,
}

/// Why no more steps are noted: what comes has no place in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unnoted {
    /// A log was compacted, so its beginning is unknown.
    Compacted,
    /// Others decide.
    Reconfigured,
    /// A disk was destroyed.
    Lost,
}

/// The steps noted so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Footsteps {
    steps: Vec<Footstep>,
    /// The last step of each process.
    latest: Vec<Option<Footstep>>,
    /// Who decides, from the first step to the last.
    voters: BTreeSet<NodeId>,
    ended: Option<Unnoted>,
}

impl World {
    /// Notes from here on what each node becomes. A world that has just been set up has started its processes already;
    /// those are the first steps.
    pub fn note_footsteps(&mut self) {
        let voters = lifecycle::founding(&self.plan).voters;
        self.footsteps = Some(Footsteps { latest: vec![None; self.processes.len()], voters, ..Footsteps::default() });
        for number in 0..self.processes.len() as u16 {
            self.note_footstep(number);
        }
    }

    /// Returns the steps noted so far.
    pub fn footsteps(&self) -> &[Footstep] {
        self.footsteps.as_ref().map_or(&[], |noted| &noted.steps)
    }

    /// Returns why no more steps are noted, if none are.
    pub fn unnoted(&self) -> Option<Unnoted> {
        self.footsteps.as_ref()?.ended
    }

    /// Notes what a process has become, if anyone wants to know and it changed.
    pub(super) fn note_footstep(&mut self, number: u16) {
        let Some(noted) = &mut self.footsteps else { return };
        let process = &self.processes[usize::from(number)];
        let raft = process.node.as_ref().map(delian_core::Node::raft);
        let disk = process.disk.durable();
        let is_lost = !process.graves.is_empty();
        noted.ended = noted.ended.or(is_lost.then_some(Unnoted::Lost)).or_else(|| beyond(raft, disk, &noted.voters));
        if noted.ended.is_some() {
            return;
        }
        let step = footstep(process.id, raft, disk);
        let latest = &mut noted.latest[usize::from(number)];
        if latest.as_ref() != Some(&step) {
            *latest = Some(step.clone());
            noted.steps.push(step);
        }
    }
}

/// Returns why a node cannot be told by its term, vote, log and commit alone.
fn beyond(raft: Option<&Raft>, disk: &Recovered, voters: &BTreeSet<NodeId>) -> Option<Unnoted> {
    let dropped = raft.map_or(Position::ZERO, |raft| raft.log().dropped());
    if dropped != Position::ZERO || disk.dropped != Position::ZERO {
        return Some(Unnoted::Compacted);
    }
    let decides = |raft: &Raft| raft.configuration().voters == *voters && !raft.configuration().is_joint();
    raft.filter(|raft| !decides(raft)).map(|_| Unnoted::Reconfigured)
}

fn footstep(node: NodeId, raft: Option<&Raft>, disk: &Recovered) -> Footstep {
    let disk = Kept {
        term: disk.hard_state.term,
        vote: disk.hard_state.voted_for,
        log: disk.entries.iter().map(|entry| entry.term).collect(),
    };
    let Some(raft) = raft else {
        return Footstep { node, office: Office::Down, memory: disk.clone(), commit: LogIndex::ZERO, disk };
    };
    let office = match raft.role() {
        Role::Follower | Role::PreCandidate(_) => Office::Follower,
        Role::Candidate(_) => Office::Candidate,
        Role::Leader(_) => Office::Leader,
    };
    let mut log = Vec::with_capacity(raft.log().len());
    log.extend((1..=raft.log().last().index.get()).filter_map(|index| raft.log().term_at(LogIndex::new(index))));
    let memory = Kept { term: raft.term(), vote: raft.voted_for(), log };
    Footstep { node, office, memory, commit: raft.commit(), disk }
}
