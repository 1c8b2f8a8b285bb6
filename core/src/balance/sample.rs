//! Uniform draws among those whom a pick admits.
//!
//! A slot is drawn among the eligible ones and drawn anew if the request does not admit it. Where that fails sixteen times
//! nearly all are kept out, and one look at each finds the rest, so a draw is exact whatever a request asks for.

use super::context::Context;
use super::dice::{Dice, scale};
use super::roster::Slot;

/// How often a draw is repeated before everyone is looked at: in vain once in 65,536 where half are admitted.
pub(super) const TRIES: u32 = 16;

/// Draws one slot that the context admits, each with the same chance.
#[inline]
pub(super) fn one(context: &Context<'_>, dice: &mut Dice) -> Option<Slot> {
    let slots = context.eligible.slots();
    if slots.is_empty() {
        return None;
    }
    for _ in 0..TRIES {
        let slot = slots[scale((dice.bits() >> 32) as u32, slots.len())];
        if context.admits_eligible(slot) {
            return Some(slot);
        }
    }
    let count = admitted(context).count();
    admitted(context).nth(dice.below(count as u64) as usize)
}

/// Draws two different slots that the context admits; the only one twice.
#[inline]
pub(super) fn two(context: &Context<'_>, dice: &mut Dice) -> Option<(Slot, Slot)> {
    let slots = context.eligible.slots();
    if context.is_plain() && slots.len() >= 2 {
        let (first, second) = places(dice.bits(), slots.len());
        return Some((slots[first], slots[second]));
    }
    two_of_some(context, dice)
}

/// Draws two of those that the context admits, of whom there may be few or none.
#[inline(never)]
fn two_of_some(context: &Context<'_>, dice: &mut Dice) -> Option<(Slot, Slot)> {
    let slots = context.eligible.slots();
    match slots {
        [] => return None,
        [only] => return context.admits_eligible(*only).then_some((*only, *only)),
        _ => {}
    }
    for _ in 0..TRIES {
        let (first, second) = places(dice.bits(), slots.len());
        let (first, second) = (slots[first], slots[second]);
        if context.admits_eligible(first) && context.admits_eligible(second) {
            return Some((first, second));
        }
    }
    match admitted(context).count() {
        0 => None,
        1 => admitted(context).next().map(|only| (only, only)),
        count => {
            let (first, second) = places(dice.bits(), count);
            Some((admitted(context).nth(first)?, admitted(context).nth(second)?))
        }
    }
}

/// Maps 64 random bits onto two different places below `count`, which is at least two.
#[inline]
fn places(bits: u64, count: usize) -> (usize, usize) {
    let (first, second) = (scale((bits >> 32) as u32, count), scale(bits as u32, count - 1));
    (first, second + usize::from(second >= first))
}

fn admitted(context: &Context<'_>) -> impl Iterator<Item = Slot> {
    context.eligible.slots().iter().copied().filter(|slot| context.admits_eligible(*slot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::fixtures::{Field, chi_squared, dice};
    use crate::balance::{Candidate, Request};
    use crate::ids::NodeId;

    /// Above which chi-squared with 9 degrees of freedom lies once in 100,000.
    const CHI_SQUARED_9: u64 = 39;

    #[test]
    fn everyone_is_drawn_as_often() {
        let field = Field::of(10);
        let mut counts = [0; 10];
        let mut pairs = [0; 10];
        let mut dice = dice();
        for _ in 0..100_000 {
            counts[one(&field.context(), &mut dice).unwrap().index()] += 1;
            let (first, second) = two(&field.context(), &mut dice).unwrap();
            assert_ne!(first, second);
            pairs[first.index()] += 1;
            pairs[second.index()] += 1;
        }
        assert!(chi_squared(&counts, &[1; 10]) < CHI_SQUARED_9, "{counts:?}");
        assert!(chi_squared(&pairs, &[1; 10]) < CHI_SQUARED_9, "{pairs:?}");
    }

    #[test]
    fn the_few_that_a_request_admits_among_many_are_drawn_as_often() {
        let mut field = Field::default();
        for node in 0..1000 {
            let able = if node % 100 == 0 { 0..1 } else { 1..2 };
            let capabilities = crate::balance::Capabilities::of(able).unwrap();
            field.join(Candidate { capabilities, ..Candidate::new(NodeId::new(node)) });
        }
        let request = Request { required: crate::balance::Capabilities::of([0]).unwrap(), ..Request::default() };
        let mut counts = [0; 10];
        let mut dice = dice();
        for _ in 0..20_000 {
            counts[one(&field.context_of(&request), &mut dice).unwrap().index() / 100] += 1;
            let (first, second) = two(&field.context_of(&request), &mut dice).unwrap();
            assert_ne!(first, second);
            assert_eq!((first.index() % 100, second.index() % 100), (0, 0));
        }
        assert!(chi_squared(&counts, &[1; 10]) < CHI_SQUARED_9, "{counts:?}");
    }

    #[test]
    fn the_only_one_is_drawn_twice_and_nobody_of_nobody() {
        let mut field = Field::of(3);
        field.eligible.exclude(Slot::new(0));
        field.eligible.exclude(Slot::new(1));
        let mut dice = dice();
        assert_eq!(two(&field.context(), &mut dice), Some((Slot::new(2), Slot::new(2))));
        let request = Request { excluded: &[NodeId::new(2)], ..Request::default() };
        assert_eq!(two(&field.context_of(&request), &mut dice), None);
        assert_eq!(one(&field.context_of(&request), &mut dice), None);
    }
}
