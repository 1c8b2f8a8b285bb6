//! Which directed links a fault is about, in every world alike; processes are numbered however a world numbers them.

use crate::scenario::Direction;

/// Returns every directed link from one of `from` to another of `to`.
pub fn pairs(from: &[u16], to: &[u16]) -> Vec<(u16, u16)> {
    from.iter().flat_map(|a| to.iter().map(move |b| (*a, *b))).filter(|(a, b)| a != b).collect()
}

/// Returns the links between sides. Whoever is on none is on a side with the others of whom that is true; whoever is on
/// several is on the last.
pub fn between(sides: &[Vec<u16>], all: &[u16]) -> Vec<(u16, u16)> {
    let side = |process: &u16| sides.iter().rposition(|side| side.contains(process));
    pairs(all, all).into_iter().filter(|(a, b)| side(a) != side(b)).collect()
}

/// Returns the links of one process with all others, as a cut of this direction has them.
pub fn of(process: u16, direction: Direction, all: &[u16]) -> Vec<(u16, u16)> {
    let others = others(process, all);
    let (inbound, outbound) = (pairs(&others, &[process]), pairs(&[process], &others));
    match direction {
        Direction::Both => [inbound, outbound].concat(),
        Direction::Inbound => inbound,
        Direction::Outbound => outbound,
    }
}

/// Returns the links between two halves of all others, which only reach each other through `bridge`.
pub fn around(bridge: u16, all: &[u16]) -> Vec<(u16, u16)> {
    let others = others(bridge, all);
    let (left, right) = others.split_at(others.len() / 2);
    [pairs(left, right), pairs(right, left)].concat()
}

fn others(process: u16, all: &[u16]) -> Vec<u16> {
    all.iter().copied().filter(|other| *other != process).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_cuts_exactly_what_lies_between_its_sides() {
        let cut = between(&[vec![0, 1]], &[0, 1, 2, 3]);
        assert_eq!(cut.len(), 8);
        assert!(cut.iter().all(|(a, b)| (*a < 2) != (*b < 2)));
        assert_eq!(of(1, Direction::Inbound, &[0, 1, 2]), [(0, 1), (2, 1)]);
        assert_eq!(of(1, Direction::Both, &[0, 1, 2]).len(), 4);
    }

    #[test]
    fn whoever_is_on_two_sides_is_on_the_last() {
        assert_eq!(between(&[vec![0, 1], vec![1]], &[0, 1]), [(0, 1), (1, 0)]);
    }

    #[test]
    fn a_bridge_reaches_everyone_and_its_halves_reach_it_alone() {
        let cut = around(2, &[0, 1, 2, 3, 4]);
        assert!(cut.iter().all(|(a, b)| *a != 2 && *b != 2));
        assert_eq!(cut.len(), 8);
    }
}
