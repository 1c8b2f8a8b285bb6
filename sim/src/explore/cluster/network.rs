//! Messages on their way, in an order that is the same whichever way a state was reached.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use delian_core::ids::Round;
use delian_core::raft::Body;
use delian_core::{Message, NodeId};

use super::model::Network;
use super::symmetry::{Group, Hashes, Renamed, Renaming};
use crate::explore::flight::Travelling;
use crate::explore::hash::Hash128;

/// One message on its way; hashed once, when it is sent.
#[derive(Debug)]
pub struct Letter {
    /// Who sent it.
    pub from: u8,
    /// Who is to get it.
    pub to: u8,
    /// What it says.
    pub message: Message,
    hash: u128,
    renamed: Hashes,
}

impl Hash for Letter {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u128(self.hash);
    }
}

impl Letter {
    pub(super) fn new(seed: u64, from: u8, to: u8, message: Message) -> Self {
        let hash = Hash128::of(seed, &(from, to, &message));
        Self { from, to, message, hash, renamed: Hashes::default() }
    }

    const fn link(&self) -> (u8, u8) {
        (self.from, self.to)
    }
}

impl Renamed for Letter {
    fn hashes(&self) -> &Hashes {
        &self.renamed
    }

    fn own_hash(&self) -> u128 {
        self.hash
    }

    fn renamed(&self, renaming: &Renaming, seed: u64) -> Self {
        let mut message = self.message.clone();
        message.map_ids(&|id| renaming.id(id));
        Self::new(seed, renaming.number(self.from), renaming.number(self.to), message)
    }
}

/// What is on its way: a message, or a flush of a disk where that takes its turn among them.
#[derive(Clone, Debug)]
pub enum Item {
    /// A message.
    Letter(Arc<Letter>),
    /// The disk of this node will have done what waits for it.
    Flush(u8),
}

impl Travelling for Item {
    fn hash(&self) -> u128 {
        match self {
            Self::Letter(letter) => letter.hash,
            Self::Flush(number) => u128::from(*number) + 1,
        }
    }

    fn link(&self) -> (u8, u8) {
        match self {
            Self::Letter(letter) => letter.link(),
            Self::Flush(number) => (*number, *number),
        }
    }

    fn may_fail(&self) -> bool {
        matches!(self, Self::Letter(_))
    }
}

/// All that is on its way.
pub(super) type Flight = crate::explore::flight::Flight<Item>;

impl Flight {
    /// Forgets the flush of a node's disk, whose writes a crash took.
    pub(super) fn forget_flush(&mut self, number: u8) {
        self.retain(|item| !matches!(item, Item::Flush(flushed) if *flushed == number));
    }

    pub(super) fn has_flush(&self, number: u8) -> bool {
        self.items().iter().any(|item| matches!(item, Item::Flush(flushed) if *flushed == number))
    }

    /// Hashes what would be on its way if nodes had other names, where nothing has a place in a queue of all.
    pub(super) fn hash_renamed_into(&self, group: &Group, place: usize, hasher: &mut Hash128) {
        let renaming = group.renaming(place);
        let renamed = |item: &Item| match item {
            Item::Letter(letter) => {
                let (from, to) = letter.link();
                ((renaming.number(from), renaming.number(to)), group.hashes_of(&**letter)[place])
            }
            Item::Flush(number) => {
                let number = renaming.number(*number);
                ((number, number), Item::Flush(number).hash())
            }
        };
        let mut all: Vec<_> = self.items().iter().map(renamed).collect();
        match group.network() {
            Network::Set => all.sort_unstable_by_key(|(_, hash)| *hash),
            Network::Fifo { .. } => all.sort_by_key(|(link, _)| *link),
            Network::Delay { .. } => {}
        }
        hasher.write_usize(all.len());
        for (_, hash) in all {
            hasher.write_u128(hash);
        }
    }
}

/// Gives the round of heartbeats that a message names its one form; see [`delian_core::Node::forget_rounds`].
pub(super) fn forget_round(message: &mut Message) {
    let Message::Raft(raft) = message else { return };
    if let Body::Heartbeat { round, .. } = &mut raft.body {
        *round = Round::new(1);
    } else if let Body::HeartbeatAnswer { round, .. } = &mut raft.body {
        *round = Round::ZERO;
    }
}

/// Says what is on its way, for people.
pub(super) fn describe(item: &Item, id_of: impl Fn(u8) -> NodeId) -> String {
    match item {
        Item::Letter(letter) => format!("{} to {}: {:?}", id_of(letter.from), id_of(letter.to), letter.message),
        Item::Flush(number) => format!("the disk of {} flushes", id_of(*number)),
    }
}
