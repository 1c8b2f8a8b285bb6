//! The embedder's part of the state: what `Custom` commands mean.

use delian_core::Applied;

/// A state machine beside the topology, fed by committed `Custom` commands in the same order on every node.
///
/// Implement it to simulate your own commands: the world applies them, takes snapshots through it, restores it, and
/// checks at the end that all nodes that are whole have equal fingerprints.
pub trait Embedder: Send {
    /// Takes a command in.
    fn apply(&mut self, applied: Applied, command: &[u8]);
    /// Returns the whole state as bytes.
    fn capture(&self) -> Vec<u8>;
    /// Replaces the state by captured bytes; no bytes stand for the empty state.
    fn restore(&mut self, state: &[u8]);
    /// Returns a number that differs when the state does.
    fn fingerprint(&self) -> u64;
    /// Copies the state, so that a world can be forked.
    fn fork(&self) -> Box<dyn Embedder>;
}

/// The embedder of scenarios that bring none: it remembers the digest of everything applied, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest(u64);

impl Embedder for Digest {
    fn apply(&mut self, applied: Applied, command: &[u8]) {
        let seed = self.0 ^ applied.epoch.get();
        self.0 = xxhash_rust::xxh3::xxh3_64_with_seed(command, seed);
    }

    fn capture(&self) -> Vec<u8> {
        self.0.to_le_bytes().to_vec()
    }

    fn restore(&mut self, state: &[u8]) {
        self.0 = state.try_into().map_or(0, u64::from_le_bytes);
    }

    fn fingerprint(&self) -> u64 {
        self.0
    }

    fn fork(&self) -> Box<dyn Embedder> {
        Box::new(self.clone())
    }
}
