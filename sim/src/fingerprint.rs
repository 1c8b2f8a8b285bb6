//! A running digest of everything that happens, cheap enough to take at every step.

/// Folds 64-bit words in order; equal sequences give equal digests, on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    /// Folds a word in: the two halves of a 128-bit product depend on every bit of both factors.
    pub(crate) fn mix(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(0xA076_1D64_78BD_642F_u64 ^ word.rotate_left(32));
        self.0 = (product as u64) ^ ((product >> 64) as u64) ^ self.0.rotate_left(23);
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_every_bit_matter() {
        let digest = |words: &[u64]| {
            let mut fingerprint = Fingerprint::new(1);
            for word in words {
                fingerprint.mix(*word);
            }
            fingerprint.get()
        };
        assert_ne!(digest(&[1, 2]), digest(&[2, 1]));
        assert_ne!(digest(&[0, 0]), digest(&[0]));
        for bit in 0..64 {
            assert_ne!(digest(&[7, 1 << bit]), digest(&[7, 0]), "bit {bit} is lost");
        }
    }
}
