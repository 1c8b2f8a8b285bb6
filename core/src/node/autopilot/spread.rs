//! How much one failure costs: voters counted by region, by datacenter and by rack.
//!
//! A [`Spread`] lists, for each depth, how many voters the failure of each domain costs, the dearest first; of two spreads
//! of as many voters the lesser is the better. The dearest failure counts before the number of domains: voters of four
//! regions, four of seven in one of them, lose their majority with that one.
//!
//! Domains are nested, so the cost is a laminar convex function of the chosen voters, and those have no local optimum that
//! is not a global one (Murota, *Discrete Convex Analysis*, chapters 6 and 9). Adding the best node, removing the worst
//! one and swapping one pair at a time therefore suffices; no search over sets of voters is needed.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::{Crowd, Domain};
use crate::ids::NodeId;

/// How deep domains are nested: regions, datacenters, racks.
pub(super) const DEPTHS: usize = 3;

/// Where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place<'a> {
    /// Region, datacenter, rack.
    At([&'a str; DEPTHS]),
    /// The node is not registered. All such nodes count as one domain: nothing says that they fail apart.
    Nowhere,
}

impl<'a> Place<'a> {
    /// Returns the domain around this place at a depth: 1 for the region, 3 for the rack. Names are unique within the
    /// domain above only, so the domain is the whole path.
    fn domain(&self, depth: usize) -> Option<&[&'a str]> {
        match self {
            Self::At(path) => Some(&path[..depth]),
            Self::Nowhere => None,
        }
    }
}

/// A node with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat<'a> {
    pub(super) node: NodeId,
    pub(super) place: Place<'a>,
}

/// The voters that the failure of each region, datacenter and rack costs, the dearest failure first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spread([Vec<usize>; DEPTHS]);

impl Spread {
    pub(super) fn of(seats: &[Seat<'_>]) -> Self {
        Self([1, 2, 3].map(|depth| {
            let mut costs: Vec<usize> = costs(seats, depth).into_values().collect();
            costs.sort_unstable_by_key(|cost| Reverse(*cost));
            costs
        }))
    }

    /// Says whether no two voters share even a region.
    pub(super) fn is_perfect(&self) -> bool {
        self.0[0].iter().all(|cost| *cost == 1)
    }
}

/// Returns the members of each domain at a depth.
fn costs<'s>(seats: &'s [Seat<'s>], depth: usize) -> BTreeMap<Option<&'s [&'s str]>, usize> {
    let mut costs = BTreeMap::new();
    for seat in seats {
        *costs.entry(seat.place.domain(depth)).or_default() += 1;
    }
    costs
}

/// What decides between two choices of voters; nodes at a known place break ties.
fn rank(seats: &[Seat<'_>]) -> (Spread, usize) {
    (Spread::of(seats), seats.iter().filter(|seat| seat.place == Place::Nowhere).count())
}

/// Returns the index of the candidate that spreads `seats` best; of equal ones that with the lowest id.
pub(super) fn best_addition(seats: &[Seat<'_>], candidates: &[Seat<'_>]) -> Option<usize> {
    (0..candidates.len()).min_by_key(|index| {
        let joined = [seats, &candidates[*index..=*index]].concat();
        (rank(&joined), candidates[*index].node)
    })
}

/// Returns the index of the seat, among those that `may_go`, that spreads the others best by going; of equal ones that
/// with the highest id.
pub(super) fn worst_placed(seats: &[Seat<'_>], may_go: impl Fn(&Seat<'_>) -> bool) -> Option<usize> {
    (0..seats.len()).filter(|index| may_go(&seats[*index])).min_by_key(|index| {
        let others = [&seats[..*index], &seats[*index + 1..]].concat();
        (rank(&others), Reverse(seats[*index].node))
    })
}

/// Returns the swap, as an index of `seats` and one of `candidates`, after which some failure costs fewer voters and no
/// dearer one costs more; of all such the best, then the lowest joining and the highest leaving id.
///
/// `leader` keeps its seat. That costs nothing: a domain that a swap relieves holds at least two voters, and the other
/// one may go as well.
pub(super) fn best_swap(seats: &[Seat<'_>], leader: NodeId, candidates: &[Seat<'_>]) -> Option<(usize, usize)> {
    let present = Spread::of(seats);
    let leavers = (0..seats.len()).filter(|index| seats[*index].node != leader);
    let swaps = leavers.flat_map(|leaver| (0..candidates.len()).map(move |joiner| (leaver, joiner)));
    let better = swaps.filter_map(|(leaver, joiner)| {
        let mut swapped = seats.to_vec();
        swapped[leaver] = candidates[joiner];
        let rank = rank(&swapped);
        let key = (rank, candidates[joiner].node, Reverse(seats[leaver].node));
        (key.0.0 < present).then_some((key, (leaver, joiner)))
    });
    better.min_by(|one, other| one.0.cmp(&other.0)).map(|(_, swap)| swap)
}

/// Says for each depth whether a majority of the voters is fit whichever one domain fails.
pub(super) fn survives(voters: &[Seat<'_>], fit: &BTreeSet<NodeId>) -> [bool; DEPTHS] {
    let fit: Vec<Seat<'_>> = voters.iter().filter(|voter| fit.contains(&voter.node)).copied().collect();
    [1, 2, 3].map(|depth| {
        let dearest = costs(&fit, depth).into_values().max().unwrap_or(0);
        fit.len() - dearest > voters.len() / 2
    })
}

/// Returns the outermost crowded domain that loses a voter when the seat at `leaver` goes to `joiner`.
pub(super) fn relieved(seats: &[Seat<'_>], leaver: usize, joiner: Seat<'_>) -> Crowd {
    let mut swapped = seats.to_vec();
    swapped[leaver] = joiner;
    let (before, after) = (Spread::of(seats), Spread::of(&swapped));
    let level = (0..DEPTHS - 1).find(|level| before.0[*level] != after.0[*level]).unwrap_or(DEPTHS - 1);
    let place = seats[leaver].place;
    let held = seats.iter().filter(|seat| seat.place.domain(level + 1) == place.domain(level + 1)).count();
    Crowd { domain: named(place, level), held, voters: seats.len() }
}

fn named(place: Place<'_>, level: usize) -> Domain {
    match (place, level) {
        (Place::Nowhere, _) => Domain::Unknown,
        (Place::At([region, ..]), 0) => Domain::Region(region.to_string()),
        (Place::At([region, datacenter, _]), 1) => Domain::Datacenter([region, datacenter].map(str::to_string)),
        (Place::At(path), _) => Domain::Rack(path.map(str::to_string)),
    }
}

/// Returns the innermost domain that a candidate shares with any of `seats`, from the outermost in.
///
/// Candidates that share the same one spread `seats` alike: each of them opens new domains below it.
pub(super) fn shared<'c>(seats: &[Seat<'_>], candidate: &'c Seat<'c>) -> &'c [&'c str] {
    let Place::At(path) = &candidate.place else { return &[] };
    let known = |depth: &usize| seats.iter().any(|seat| seat.place.domain(*depth) == Some(&path[..*depth]));
    let depth = (1..=DEPTHS).rev().find(known).unwrap_or(0);
    &path[..depth]
}
