//! Draws in proportion to weights, in the same time for any number of members.
//!
//! An alias table (Walker 1977; built as Vose, IEEE Transactions on Software Engineering 17(9), 1991) has a column for
//! each slot, in which at most two slots share. A draw is one column and one comparison. All is done in integers: sums
//! are 64 bits wide, and a weight that is not zero keeps a chance, however small it is beside the others.

use alloc::vec::Vec;
use core::hint::select_unpredictable;

use super::context::Context;
use super::dice::{Dice, scale};
use super::roster::Slot;
use super::sample::TRIES;

/// Below which share of all members the eligible ones are looked at one by one: draws among all would mostly be in vain.
const SCANNED_BELOW: usize = 4;

/// Weights by slot, and the table that draws by them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lottery {
    weights: Vec<u32>,
    columns: Vec<Column>,
}

/// One column of the table: below the threshold it is its own slot's, above it is the alias's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Column {
    threshold: u32,
    alias: u32,
}

impl Lottery {
    /// Builds the table anew for these weights by slot; zero keeps a slot out.
    pub fn rebuild(&mut self, weights: impl Iterator<Item = u32>) {
        self.weights.clear();
        self.weights.extend(weights);
        self.columns.clear();
        let total: u64 = self.weights.iter().map(|weight| u64::from(*weight)).sum();
        if total > 0 {
            fill(&self.weights, total, &mut self.columns);
        }
    }

    /// Returns the weight of a slot.
    #[inline]
    pub fn weight(&self, slot: Slot) -> u32 {
        self.weights.get(slot.index()).copied().unwrap_or(0)
    }

    /// Draws a slot that the context and `also` admit, in proportion to its weight; none if all of these weigh nothing.
    #[inline]
    pub fn draw(&self, context: &Context<'_>, dice: &mut Dice, also: impl Fn(Slot) -> bool) -> Option<Slot> {
        let slot = self.toss(dice.bits());
        match slot {
            Some(slot) if context.admits(slot) && also(slot) => Some(slot),
            _ => self.draw_again(context, dice, also),
        }
    }

    /// Draws after a first draw that was in vain, which leaves the chances of all others as they were.
    #[cold]
    #[inline(never)]
    fn draw_again(&self, context: &Context<'_>, dice: &mut Dice, also: impl Fn(Slot) -> bool) -> Option<Slot> {
        if context.eligible.len() * SCANNED_BELOW >= self.columns.len() {
            for _ in 1..TRIES {
                let slot = self.toss(dice.bits()).filter(|slot| context.admits(*slot) && also(*slot));
                if slot.is_some() {
                    return slot;
                }
            }
        }
        scan(context, dice, |slot| if also(slot) { self.weight(slot) } else { 0 })
    }

    /// Draws a slot whoever may be asked; none of an empty table.
    #[inline]
    fn toss(&self, bits: u64) -> Option<Slot> {
        let place = scale((bits >> 32) as u32, self.columns.len());
        let Column { threshold, alias } = *self.columns.get(place)?;
        // No processor can foretell which of the two it is, so it is a value and no branch.
        Some(Slot::new(select_unpredictable((bits as u32) < threshold, place, alias as usize)))
    }
}

/// Draws a slot that the context admits, in proportion to `weight`, by looking at all of them.
#[cold]
pub(super) fn scan(context: &Context<'_>, dice: &mut Dice, weight: impl Fn(Slot) -> u32) -> Option<Slot> {
    let admitted = || context.eligible.slots().iter().copied().filter(|slot| context.admits_eligible(*slot));
    let total: u64 = admitted().map(|slot| u64::from(weight(slot))).sum();
    let mut left = dice.below(total);
    admitted().find(|slot| {
        let weight = u64::from(weight(*slot));
        let found = left < weight;
        left = left.wrapping_sub(weight);
        found
    })
}

/// Fills columns that each hold `total`, of which each slot has its weight times their number to give away.
fn fill(weights: &[u32], total: u64, columns: &mut Vec<Column>) {
    let count = weights.len() as u64;
    // A weight has 32 bits and there are at most 2^20 slots, so this does not overflow.
    let mut amounts: Vec<u64> = weights.iter().map(|weight| u64::from(*weight) * count).collect();
    columns.extend((0..count).map(|own| Column { threshold: u32::MAX, alias: own as u32 }));
    let (mut poor, mut rich): (Vec<u32>, Vec<u32>) =
        (0..count as u32).partition(|place| amounts[*place as usize] < total);
    let part = Part::of(total);
    while let (Some(small), Some(large)) = (poor.pop(), rich.last().copied()) {
        let amount = amounts[small as usize];
        // What rounds to nothing keeps the least chance there is.
        let threshold = part.of_whole(amount).max(u32::from(amount > 0));
        columns[small as usize] = Column { threshold, alias: large };
        amounts[large as usize] -= total - amount;
        if amounts[large as usize] < total {
            rich.pop();
            poor.push(large);
        }
    }
}

/// What parts of one whole are in 2^-32 of it: a division for each of them would take longer than all else.
struct Part {
    /// How far the whole is moved up, so that its first bit is that of the word.
    shift: u32,
    /// 2^127 divided by the whole moved up.
    inverse: u64,
}

impl Part {
    /// Takes a whole that is not zero.
    fn of(whole: u64) -> Self {
        let shift = whole.leading_zeros();
        let inverse = (1 << 127) / u128::from(whole << shift);
        // One more than fits, for powers of two alone.
        Self { shift, inverse: u64::try_from(inverse).unwrap_or(u64::MAX) }
    }

    /// Returns how many 2^-32 of the whole a smaller part is: what a division gives, or one less.
    fn of_whole(&self, part: u64) -> u32 {
        ((u128::from(part << self.shift) * u128::from(self.inverse)) >> 95) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::fixtures::{Field, chi_squared, dice};

    fn lottery(weights: &[u32]) -> Lottery {
        let mut lottery = Lottery::default();
        lottery.rebuild(weights.iter().copied());
        lottery
    }

    /// How much of all tosses each slot gets, in 2^-32 of a column.
    fn shares(lottery: &Lottery) -> Vec<u64> {
        let mut shares = alloc::vec![0; lottery.columns.len()];
        for (own, Column { threshold, alias }) in lottery.columns.iter().enumerate() {
            shares[own] += u64::from(*threshold);
            shares[*alias as usize] += (1 << 32) - u64::from(*threshold);
        }
        shares
    }

    #[test]
    fn the_table_gives_each_slot_its_share_to_the_last_bits() {
        for weights in [&[1, 2, 3, 4][..], &[7], &[0, 5, 0, 5], &[u32::MAX, 1, u32::MAX, 1_000_000], &[1; 1000]] {
            let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
            for (share, weight) in shares(&lottery(weights)).into_iter().zip(weights) {
                let exact = (u128::from(*weight) * weights.len() as u128 * (1 << 32) / u128::from(total)) as u64;
                let slack = 4 + exact / (1 << 28) + weights.len() as u64;
                assert!(share.abs_diff(exact) <= slack, "{share} is not {exact} of {weights:?}");
                assert_eq!(share == 0, *weight == 0, "{weights:?}");
            }
        }
    }

    #[test]
    fn parts_are_those_of_a_division_or_one_less() {
        for whole in [1, 2, 3, 10, 1 << 31, (1 << 32) - 1, (1 << 52) - 1, 1 << 52, 999_999_999_989] {
            for part in [0, 1, whole / 3, whole / 2, whole - 1].into_iter().filter(|part| *part < whole) {
                let exact = ((u128::from(part) << 32) / u128::from(whole)) as u32;
                let ours = Part::of(whole).of_whole(part);
                assert!(ours == exact || ours + 1 == exact, "{ours} is not {exact} of {part} in {whole}");
            }
        }
    }

    #[test]
    fn draws_are_proportional() {
        let weights = [1, 2, 3, 4, 0, 10, 20, 30, 5, 25];
        let (field, lottery) = (Field::of(10), lottery(&weights));
        let mut dice = dice();
        let (mut drawn, mut scanned) = ([0; 10], [0; 10]);
        for _ in 0..100_000 {
            drawn[lottery.draw(&field.context(), &mut dice, |_| true).unwrap().index()] += 1;
            scanned[scan(&field.context(), &mut dice, |slot| lottery.weight(slot)).unwrap().index()] += 1;
        }
        assert_eq!((drawn[4], scanned[4]), (0, 0));
        // 8 degrees of freedom: above 37.3 once in 100,000.
        assert!(chi_squared(&drawn, &weights.map(u64::from)) < 38, "{drawn:?}");
        assert!(chi_squared(&scanned, &weights.map(u64::from)) < 38, "{scanned:?}");
    }

    #[test]
    fn weights_that_are_tiny_beside_the_others_are_still_drawn() {
        // A ten-thousandth of the others' score: cut to an integer percentage it would be nothing.
        let weights = [1_000_000_000, 1_000_000_000, 100_000];
        let (field, lottery) = (Field::of(3), lottery(&weights));
        let mut dice = dice();
        let drawn =
            (0..400_000).filter(|_| lottery.draw(&field.context(), &mut dice, |_| true).unwrap().index() == 2).count();
        assert!((1..60).contains(&drawn), "drawn {drawn} times of 20");
    }

    #[test]
    fn sums_do_not_overflow_with_a_hundred_thousand_of_the_greatest_weights() {
        let lottery = lottery(&alloc::vec![u32::MAX; 100_000]);
        let field = Field::of(100_000);
        let mut dice = dice();
        let mut halves = [0; 2];
        for _ in 0..10_000 {
            halves[lottery.draw(&field.context(), &mut dice, |_| true).unwrap().index() / 50_000] += 1;
        }
        assert!(chi_squared(&halves, &[1, 1]) < 20, "{halves:?}");
        assert!(scan(&field.context(), &mut dice, |_| u32::MAX).is_some());
    }

    #[test]
    fn nobody_is_drawn_of_weights_of_zero() {
        let field = Field::of(3);
        let mut dice = dice();
        assert_eq!(lottery(&[0, 0, 0]).draw(&field.context(), &mut dice, |_| true), None);
        assert_eq!(lottery(&[]).draw(&field.context(), &mut dice, |_| true), None);
    }

    #[test]
    fn the_eligible_ones_alone_are_drawn_and_in_proportion() {
        let mut field = Field::of(100);
        let lottery = lottery(&(1..=100).collect::<Vec<_>>());
        for slot in 10..100 {
            field.eligible.exclude(Slot::new(slot));
        }
        let (mut drawn, mut dice) = ([0; 10], dice());
        for _ in 0..50_000 {
            drawn[lottery.draw(&field.context(), &mut dice, |_| true).unwrap().index()] += 1;
        }
        assert!(chi_squared(&drawn, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) < 40, "{drawn:?}");
    }
}
