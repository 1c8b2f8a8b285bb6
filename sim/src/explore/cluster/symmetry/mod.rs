//! States that differ by the names of nodes, as one.
//!
//! A renaming of nodes that takes voters to voters and learners to learners takes each state to one with the same future
//! under those names, in models where [no identity decides](super::model::Model::names_decide). So a search needs one
//! state of each such orbit. It keeps the one that it met, under its own names, and gives all of the orbit one
//! fingerprint: paths, stories and checkpoints are of states as they are. (Ip, Dill, CHDL 1993; Clarke, Enders, Filkorn,
//! Jha, FMSD 1996.)
//!
//! The fingerprint is the least of those under all renamings, least in its nodes and history first, and in all else among
//! those renamings alone that lead there: one of them, as a rule, since a scene is equal to itself under other names only
//! where nodes do not differ. Each part that states share keeps its hashes under all renamings from the first time on, so
//! nothing is renamed in a state that is made of known parts. No order is guessed and nothing is approximated: two states
//! have one fingerprint if, and but for collisions only if, they are equal but for names.

#[cfg(test)]
mod tests;

use std::hash::{Hash, Hasher};
use std::sync::OnceLock;

use delian_core::NodeId;

use super::model::{Model, Network, id_of, number_of};
use super::state::State;
use crate::explore::hash::Hash128;

/// The most renamings: those of four voters. Each costs every part of a state a hash.
const RENAMINGS_MAX: usize = 24;

/// One way to give nodes each other's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Renaming {
    /// The new number of each node, in the order of the old ones.
    numbers: Vec<u8>,
    /// The old number of each node, in the order of the new ones.
    former: Vec<u8>,
}

impl Renaming {
    fn new(numbers: Vec<u8>) -> Self {
        let mut former = vec![0; numbers.len()];
        for (old, new) in numbers.iter().enumerate() {
            former[usize::from(*new)] = old as u8;
        }
        Self { numbers, former }
    }

    /// Returns the number that a node gets.
    pub(super) fn number(&self, old: u8) -> u8 {
        self.numbers.get(usize::from(old)).copied().unwrap_or(old)
    }

    /// Returns the number that a node had.
    pub(super) fn former(&self, new: u8) -> u8 {
        self.former.get(usize::from(new)).copied().unwrap_or(new)
    }

    /// Returns the identity that a node gets.
    pub(super) fn id(&self, old: NodeId) -> NodeId {
        number_of(old, self.numbers.len()).map_or(old, |number| id_of(self.number(number)))
    }
}

/// All renamings under which a model stays what it is; the first leaves all names as they are.
#[derive(Clone, Debug)]
pub(super) struct Group {
    renamings: Vec<Renaming>,
    network: Network,
    /// What all hashes that states keep begin with.
    seed: u64,
}

/// The least hash under any renaming.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Least {
    pub(super) hash: u128,
    /// The places of the renamings that lead to it.
    pub(super) by: Box<[u8]>,
}

impl Group {
    pub(super) fn new(model: &Model, seed: u64) -> Self {
        let mut renamings = Vec::new();
        permute(model.voters, &mut Vec::new(), model.size(), &mut |numbers| {
            assert!(renamings.len() < RENAMINGS_MAX, "{}: more than {RENAMINGS_MAX} renamings", model.name);
            renamings.push(Renaming::new(numbers.to_vec()));
        });
        Self { renamings, network: model.network, seed }
    }

    pub(super) const fn network(&self) -> Network {
        self.network
    }

    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn renaming(&self, place: usize) -> &Renaming {
        &self.renamings[place]
    }

    /// Returns the one fingerprint of all states that are equal to this one but for names.
    pub(super) fn fingerprint(&self, state: &State, seed: u64) -> u128 {
        let scene = state.scene.least(self);
        let hashes = scene.by.iter().map(|place| state.hash_under(self, usize::from(*place), scene.hash, seed));
        hashes.min().unwrap_or(scene.hash)
    }

    /// Returns the hashes of a part under each renaming, in their order.
    pub(super) fn hashes_of<'a>(&self, part: &'a impl Renamed) -> &'a [u128] {
        part.hashes().0.get_or_init(|| {
            let others = self.renamings[1..].iter().map(|renaming| part.renamed(renaming, self.seed).own_hash());
            std::iter::once(part.own_hash()).chain(others).collect()
        })
    }

    /// Returns the least of the hashes that the renamings, with their places, are given.
    pub(super) fn least(&self, hash: impl Fn(usize, &Renaming) -> u128) -> Least {
        let hashes: Vec<u128> =
            self.renamings.iter().enumerate().map(|(place, renaming)| hash(place, renaming)).collect();
        let hash = hashes.iter().copied().min().unwrap_or(0);
        let by = (0_u8..).zip(hashes).filter(|(_, other)| *other == hash).map(|(place, _)| place).collect();
        Least { hash, by }
    }
}

/// Calls back with each way to number nodes anew: the first `voters` of them among each other, and the others likewise.
fn permute(voters: u8, chosen: &mut Vec<u8>, size: u8, each: &mut impl FnMut(&[u8])) {
    let place = chosen.len() as u8;
    if place == size {
        return each(chosen);
    }
    let range = if place < voters { 0..voters } else { voters..size };
    for number in range {
        if !chosen.contains(&number) {
            chosen.push(number);
            permute(voters, chosen, size, each);
            chosen.pop();
        }
    }
}

/// A part of a state that states share.
pub(super) trait Renamed: Sized {
    /// Returns what is kept of its hashes.
    fn hashes(&self) -> &Hashes;
    /// Returns its hash as it is.
    fn own_hash(&self) -> u128;
    /// Returns it under other names.
    fn renamed(&self, renaming: &Renaming, seed: u64) -> Self;
}

/// The hashes of a part under each renaming, from when they are first asked for.
#[derive(Debug, Default)]
pub(super) struct Hashes(OnceLock<Box<[u128]>>);

impl Clone for Hashes {
    /// A copy is made to be changed, so it begins with none.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl State {
    /// Returns the fingerprint of the state as it is.
    pub(super) fn hash(&self, seed: u64) -> u128 {
        let mut hasher = Hash128::new(seed);
        hasher.write_u128(self.scene.hash());
        self.flight.hash_into(&mut hasher);
        self.finish(hasher, self.promised)
    }

    /// Returns the fingerprint as it would be under other names, which make this the hash of the scene.
    fn hash_under(&self, group: &Group, place: usize, scene: u128, seed: u64) -> u128 {
        let mut hasher = Hash128::new(seed);
        hasher.write_u128(scene);
        self.flight.hash_renamed_into(group, place, &mut hasher);
        self.finish(hasher, self.promised_under(group.renaming(place)))
    }

    fn finish(&self, mut hasher: Hash128, promised: u64) -> u128 {
        let Self { scene: _, flight: _, left, asked, promised: _, restarted: _, shown: _, breach: _ } = self;
        left.hash(&mut hasher);
        hasher.write_u16(*asked);
        hasher.write_u64(promised);
        hasher.finish_128()
    }
}
