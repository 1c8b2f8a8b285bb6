//! Which configurations the search has been in, as 128-bit digests.
//!
//! A configuration is a set of operations that took effect and the state they made. The set's digest is the exclusive or
//! of one random-looking word per operation (Zobrist, 1970), so adding and removing an operation are one step each and
//! the order in which they took effect does not matter. Two configurations that differ share a digest with a chance of
//! 2^-128; the search would then miss a way out and report a violation that is none, but never pass one in silence.

use std::hash::{Hash, Hasher};

use crate::fingerprint::Fingerprint;

/// How many slots a table begins with: a power of two.
const FIRST_SLOTS: usize = 1 << 8;

/// The digest of a set of operations, or of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct SetDigest(u128);

impl SetDigest {
    /// Returns the digest of the set of one operation, known by its number.
    pub(super) fn of(number: usize) -> Self {
        let mut digest = Digest::new(0);
        // The second word spreads the few bits of a small number over all.
        digest.write_u64(number as u64);
        digest.write_u64(0);
        Self(digest.get())
    }

    /// Adds the operations of the other set, or takes them out if they are in.
    pub(super) fn toggle(&mut self, other: Self) {
        self.0 ^= other.0;
    }

    /// Returns the digest of this set with the state that it made.
    pub(super) fn with(self, state: &impl Hash) -> u128 {
        let mut digest = Digest::new(1);
        state.hash(&mut digest);
        digest.write_u64(0);
        self.0 ^ digest.get()
    }
}

/// Two differently seeded fingerprints side by side.
struct Digest([Fingerprint; 2]);

impl Digest {
    fn new(seed: u64) -> Self {
        Self([Fingerprint::new(2 * seed), Fingerprint::new((2 * seed + 1).rotate_right(8))])
    }

    fn get(&self) -> u128 {
        u128::from(self.0[0].get()) << 64 | u128::from(self.0[1].get())
    }
}

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
        // Zeroes at the end are bytes like others.
        self.write_u64(bytes.len() as u64);
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        for lane in &mut self.0 {
            lane.mix(number);
        }
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0[0].get()
    }
}

/// A set of digests, with open addressing: a digest is as good a place as any hash of it.
#[derive(Debug)]
pub(super) struct Seen {
    /// Zero stands for an empty slot; the digest zero is taken for one.
    slots: Vec<u128>,
    count: usize,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self { slots: vec![0; FIRST_SLOTS], count: 0 }
    }

    /// Adds a digest. Returns whether it is new.
    pub(super) fn insert(&mut self, digest: u128) -> bool {
        let digest = digest.max(1);
        if 2 * self.count >= self.slots.len() {
            let slots = vec![0; 2 * self.slots.len()];
            for kept in std::mem::replace(&mut self.slots, slots).into_iter().filter(|slot| *slot != 0) {
                let place = self.place(kept);
                self.slots[place] = kept;
            }
        }
        let place = self.place(digest);
        let is_new = self.slots[place] == 0;
        self.slots[place] = digest;
        self.count += usize::from(is_new);
        is_new
    }

    /// Returns the slot that holds a digest, or the empty one where it belongs.
    fn place(&self, digest: u128) -> usize {
        let mask = self.slots.len() - 1;
        let mut place = digest as usize & mask;
        while self.slots[place] != 0 && self.slots[place] != digest {
            place = (place + 1) & mask;
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_table_is_a_set(digests in prop::collection::vec(0..2_000_u128, 0..3_000), scale in 1..u128::MAX / 2_000) {
            let (mut seen, mut model) = (Seen::new(), BTreeSet::new());
            for digest in digests {
                prop_assert_eq!(seen.insert((digest + 1) * scale), model.insert((digest + 1) * scale));
            }
        }
    }

    #[test]
    fn the_digest_of_a_set_forgets_the_order_and_nothing_else() {
        let set = |numbers: &[usize]| {
            let mut set = SetDigest::default();
            for number in numbers {
                set.toggle(SetDigest::of(*number));
            }
            set
        };
        assert_eq!(set(&[1, 2, 3]), set(&[3, 1, 2]));
        assert_eq!(set(&[1, 2, 1]), set(&[2]));
        let mut seen = Seen::new();
        for low in 0..300 {
            for high in low..300 {
                // A pair of equal numbers is the empty set.
                assert_eq!(seen.insert(set(&[low, high]).0), low != high || low == 0, "{low} and {high}");
            }
        }
    }

    #[test]
    fn one_set_with_different_states_is_two_configurations() {
        let set = SetDigest::of(3);
        let mut seen = Seen::new();
        for state in 0..100_000_u32 {
            assert!(seen.insert(set.with(&Some(state))), "state {state}");
        }
        assert!(seen.insert(set.with(&None::<u32>)));
        let bytes: Vec<&[u8]> = vec![b"", b"\0", b"\0\0", b"12345678", b"12345678\0", b"123456789"];
        assert!(bytes.iter().all(|state| seen.insert(set.with(state))));
    }
}
