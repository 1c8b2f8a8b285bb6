//! What moves from one ring to another.
//!
//! The circle is cut at every point of both rings. Within each piece both have one answer, and pieces side by side with
//! equal answers are put together again, so what is left is exact and as short as it can be: a node that joins takes at
//! most as many ranges as it has points.

use alloc::vec::Vec;

use super::replicas::{REPLICAS_MAX, Rule, Shortage};
use super::token::{Token, TokenRange};
use super::{Ring, Slot};

/// One stretch of the circle whose copies lie elsewhere in another ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Move {
    /// Which copy: zero is the owner's.
    pub replica: usize,
    /// The tokens that move.
    pub range: TokenRange,
    /// Who has them in the old ring, by its slots; none if it has no such copy.
    pub from: Option<Slot>,
    /// Who has them in the new ring, by its slots; none if it has no such copy.
    pub to: Option<Slot>,
}

/// Returns what changes owner from one ring to another, in the order in which the ranges end.
pub fn diff(old: &Ring, new: &Ring) -> Vec<Move> {
    moves(old, new, 1, Rule::Nodes)
}

/// Returns what changes place among each of so many copies from one ring to another: replica by replica, each in the
/// order in which the ranges end.
///
/// Where a ring has no place for all copies, the last ones come from nowhere or go nowhere.
///
/// # Errors
///
/// Returns [`Shortage::TooMany`] if there are more than [`REPLICAS_MAX`] copies.
pub fn diff_replicas(old: &Ring, new: &Ring, copies: usize, rule: Rule) -> Result<Vec<Move>, Shortage> {
    if copies > REPLICAS_MAX {
        return Err(Shortage::TooMany { wanted: copies });
    }
    Ok(moves(old, new, copies, rule))
}

fn moves(old: &Ring, new: &Ring, copies: usize, rule: Rule) -> Vec<Move> {
    let renamed = renamed(old, new);
    let (held_old, held_new) = (copies.min(rule.copies_max(old, None)), copies.min(rule.copies_max(new, None)));
    let mut replicas: Vec<Vec<Move>> = alloc::vec![Vec::new(); copies];
    let (mut before, mut after) = ([Slot::new(0); REPLICAS_MAX], [Slot::new(0); REPLICAS_MAX]);
    for_each_piece(old, new, |range, first_old, first_new| {
        fill(old, first_old, rule, &mut before[..held_old]);
        fill(new, first_new, rule, &mut after[..held_new]);
        for (replica, moves) in replicas.iter_mut().enumerate() {
            let from = before[..held_old].get(replica).copied();
            let to = after[..held_new].get(replica).copied();
            if from.and_then(|slot| renamed[slot.index()]) != to || from.is_some() != to.is_some() {
                extend(moves, Move { replica, range, from, to });
            }
        }
    });
    for moves in &mut replicas {
        close(moves);
    }
    replicas.concat()
}

pub(super) fn fill(ring: &Ring, first: usize, rule: Rule, replicas: &mut [Slot]) {
    match replicas {
        [] => {}
        [owner] => *owner = ring.points.owner(first),
        more => ring.replicas_from(first, rule, None, more),
    }
}

/// Returns the slot in the new ring of each member of the old one that is still there.
pub(super) fn renamed(old: &Ring, new: &Ring) -> Vec<Option<Slot>> {
    let mut behind = 0;
    let find = |name| {
        while new.names.get(behind).is_some_and(|other| other < name) {
            behind += 1;
        }
        new.names.get(behind).filter(|other| *other == name).map(|_| Slot::new(behind as u32))
    };
    old.names.iter().map(find).collect()
}

/// Cuts the circle from token zero to the last one at the points of both rings. Calls `each` with a piece, and with the
/// index of the first point at its end or after it in each ring.
pub(super) fn for_each_piece(old: &Ring, new: &Ring, mut each: impl FnMut(TokenRange, usize, usize)) {
    const LAST: Token = Token::new(u32::MAX);
    let (mut olds, mut news) = (old.points().peekable(), new.points().peekable());
    let (mut first_old, mut first_new) = (0, 0);
    let mut after = LAST;
    loop {
        let ends = [olds.peek(), news.peek()].into_iter().flatten().map(|(token, _)| *token);
        let through = ends.min().unwrap_or(LAST);
        each(TokenRange { after, through }, first_old, first_new);
        if through == LAST {
            return;
        }
        while olds.next_if(|(token, _)| *token == through).is_some() {
            first_old += 1;
        }
        while news.next_if(|(token, _)| *token == through).is_some() {
            first_new += 1;
        }
        after = through;
    }
}

/// Puts a move behind others, or makes the last one longer if it goes on there.
fn extend(moves: &mut Vec<Move>, next: Move) {
    match moves.last_mut() {
        Some(last) if goes_on(last, &next) => last.range.through = next.range.through,
        Some(_) | None => moves.push(next),
    }
}

/// Joins the last move to the first one if it goes on past zero.
fn close(moves: &mut Vec<Move>) {
    if let [first, .., last] = moves.as_mut_slice()
        && goes_on(last, first)
    {
        first.range.after = last.range.after;
        moves.pop();
    }
}

fn goes_on(one: &Move, next: &Move) -> bool {
    one.range.through == next.range.after && one.from == next.from && one.to == next.to
}
