//! An order of all numbers below a bound, which takes no memory that grows with the bound.
//!
//! SWIM probes its members round-robin in a shuffled order, so that a failure is noticed within a bounded time (SWIM,
//! section 4.3). A shuffled list costs memory per member; a keyed permutation costs two words: a balanced Feistel network
//! over the next even number of bits, walked until the result is below the bound (Black and Rogaway 2002, section 4).

use super::mix::mix;

/// Rounds of the network: four suffice to hide the order of the input (Luby and Rackoff 1988).
const ROUNDS: u64 = 4;

/// A permutation of the numbers from 0 to the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Permutation {
    key: u64,
    bound: u32,
}

impl Permutation {
    /// Returns the permutation that `key` names of the numbers below `bound`.
    pub(super) const fn new(key: u64, bound: u32) -> Self {
        Self { key, bound }
    }

    /// Returns how many numbers there are.
    pub(super) const fn bound(&self) -> u32 {
        self.bound
    }

    /// Returns the number at a place.
    ///
    /// # Panics
    ///
    /// Panics if the place is not below the bound.
    pub(super) fn at(&self, place: u32) -> u32 {
        assert!(place < self.bound, "place {place} is beyond the bound {}", self.bound);
        // Half of the bits that hold the greatest number, rounded up: the walk takes at most four steps on average.
        let half = (u32::BITS - (self.bound - 1).leading_zeros()).div_ceil(2);
        let mut number = u64::from(place);
        loop {
            number = self.network(number, half);
            if number < u64::from(self.bound) {
                return number as u32;
            }
        }
    }

    fn network(&self, number: u64, half: u32) -> u64 {
        let mask = (1u64 << half) - 1;
        let (mut left, mut right) = (number >> half, number & mask);
        for round in 0..ROUNDS {
            let next = left ^ (mix(self.key ^ (round << 60) ^ right) & mask);
            (left, right) = (right, next);
        }
        (left << half) | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn every_number_below_the_bound_comes_once() {
        for bound in [1, 2, 3, 4, 5, 16, 17, 100, 1000, 4097] {
            let order = Permutation::new(u64::from(bound) * 77, bound);
            let mut seen = vec![false; bound as usize];
            for place in 0..bound {
                let number = order.at(place) as usize;
                assert!(!seen[number], "{number} comes twice below {bound}");
                seen[number] = true;
            }
        }
    }

    #[test]
    fn each_number_is_as_likely_at_the_first_place_as_any_other() {
        let bound = 10;
        let mut counts = [0u32; 10];
        for key in 0..10_000 {
            counts[Permutation::new(mix(key), bound).at(0) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn keys_make_orders_of_their_own() {
        let orders: Vec<Vec<u32>> = [1, 2]
            .map(|key| {
                let order = Permutation::new(key, 64);
                (0..64).map(|place| order.at(place)).collect()
            })
            .into();
        assert_ne!(orders[0], orders[1]);
    }
}
