//! A hash of 128 bits over derived `Hash` implementations.
//!
//! Two lanes of folded multiplications with different constants, each over every word, so that a pair of states collides
//! only where both lanes do. Fast on the few words at a time that derived implementations write, which the block hashes
//! are not.

use std::hash::{Hash, Hasher};

/// Two independent lanes over the same words.
#[derive(Clone, Copy, Debug)]
pub struct Hash128 {
    one: u64,
    other: u64,
}

/// Odd constants without a pattern: fractional digits of pi.
const KEYS: [u64; 4] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7345, 0xa409_3822_299f_31d1, 0x082e_fa98_ec4e_6c89];

impl Hash128 {
    /// Begins a hash under a seed.
    pub const fn new(seed: u64) -> Self {
        Self { one: fold(seed ^ KEYS[2], KEYS[0]), other: fold(seed.wrapping_add(KEYS[3]), KEYS[1]) }
    }

    /// Returns the hash of one value.
    pub(super) fn of(seed: u64, value: &impl Hash) -> u128 {
        let mut hasher = Self::new(seed);
        value.hash(&mut hasher);
        hasher.finish_128()
    }

    /// Returns the hash of all that was written.
    pub const fn finish_128(self) -> u128 {
        let one = fold(self.one ^ self.other.rotate_left(32), KEYS[2]);
        let other = fold(self.other ^ KEYS[0], KEYS[3]) ^ self.one;
        (one as u128) << 64 | other as u128
    }

    const fn mix(&mut self, word: u64) {
        self.one = fold(self.one ^ word, KEYS[0]);
        self.other = fold(self.other.wrapping_add(word).rotate_left(29), KEYS[1]);
    }
}

const fn fold(one: u64, other: u64) -> u64 {
    let product = one as u128 * other as u128;
    // The sum of both halves and the input: a factor of zero does not wipe out what came before.
    (product as u64) ^ (product >> 64) as u64 ^ one.rotate_left(17)
}

impl Hasher for Hash128 {
    fn finish(&self) -> u64 {
        self.finish_128() as u64
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.mix(u64::from_le_bytes(last));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.mix(u64::from(number));
    }

    fn write_u16(&mut self, number: u16) {
        self.mix(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.mix(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    fn write_u128(&mut self, number: u128) {
        self.mix(number as u64);
        self.mix((number >> 64) as u64);
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }
}
