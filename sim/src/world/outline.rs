//! The outline of a world: where its nodes stand to each other, and nothing else.
//!
//! Worlds with equal outlines are alike for who looks for something new. So an outline has no names, no absolute terms
//! and no counts above a few: what matters is who is ahead of whom, who leads, who decides and who is away.

use delian_core::raft::Role;
use delian_core::{LogIndex, Term};

use super::World;
use super::process::{Hearing, Process};

/// Differences above this are one: far behind is far behind.
const FAR: u64 = 3;

/// Where the nodes of a world stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outline {
    /// Equal for equal outlines.
    pub(crate) digest: u64,
    /// How many different places the nodes stand at.
    pub(crate) spread: u32,
}

/// The foremost of each kind that some node has reached.
#[derive(Clone, Copy, Default)]
struct Front {
    term: Term,
    last_term: Term,
    last: LogIndex,
    commit: LogIndex,
}

impl World {
    pub(crate) fn outline(&self) -> Outline {
        let rafts = || self.processes.iter().filter_map(|process| process.node.as_ref()).map(delian_core::Node::raft);
        let front = rafts().fold(Front::default(), |front, raft| Front {
            term: front.term.max(raft.term()),
            last_term: front.last_term.max(raft.log().last().term),
            last: front.last.max(raft.log().last().index),
            commit: front.commit.max(raft.commit()),
        });
        let mut places: Vec<u32> = self.processes.iter().map(|process| place(process, front)).collect();
        places.sort_unstable();
        let bytes: Vec<u8> = places.iter().flat_map(|place| place.to_le_bytes()).collect();
        places.dedup();
        Outline { digest: xxhash_rust::xxh3::xxh3_64(&bytes), spread: places.len() as u32 }
    }
}

/// Packs where a process stands: its state and its role, what its configuration makes of it, and how far it is behind.
fn place(process: &Process, front: Front) -> u32 {
    let Some(node) = &process.node else { return 0 };
    let raft = node.raft();
    let hearing = match process.hearing {
        Hearing::Listens => 1,
        Hearing::Deaf => 2,
        Hearing::Frozen => 3,
    };
    let role = match raft.role() {
        Role::Follower => 0,
        Role::PreCandidate(_) => 1,
        Role::Candidate(_) => 2,
        Role::Leader(_) => 3,
    };
    let configuration = raft.configuration();
    let pending = raft.configuration_index() > raft.commit();
    let standing =
        [configuration.is_voter(process.id), configuration.is_member(process.id), configuration.is_joint(), pending];
    let last = raft.log().last();
    let behind = |front: u64, own: u64| front.saturating_sub(own).min(FAR) as u32;
    let fields = [
        (hearing, 2),
        (role, 2),
        (standing.iter().fold(0, |bits, bit| bits << 1 | u32::from(*bit)), 4),
        (behind(front.term.get(), raft.term().get()), 2),
        (behind(front.last_term.get(), last.term.get()), 2),
        (behind(front.last.get(), last.index.get()), 2),
        (behind(front.commit.get(), raft.commit().get()), 2),
        (behind(last.index.get(), raft.commit().get()).min(1), 1),
    ];
    fields.into_iter().fold(0, |packed, (field, bits)| packed << bits | field)
}
