//! Whoever is nearest and well: the level of the topology times the state of health, then the distance.
//!
//! A level counts 1, 2, 4 or 8 from the same rack outwards, and health multiplies it: 1 while well, 4 while strained (the
//! last report tells of more than 80 % of processors or memory), 16 while failing (more than 95 %, or three failures in a
//! row of which the last is less than 30 s old). The least product goes first; among equals the least distance. So a
//! strained node in the same rack stands back behind a well one in the datacenter, and a failing one behind
//! all that are well. Health has three steps and no more: a finer one would send everyone to whoever looked best a
//! report ago. Whoever says nothing counts as well, for the rest are mostly so. Among those that are equally near and well
//! each has the same chance.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::Strategy;
use super::choice::{Choice, NoCandidate, Why};
use super::context::Context;
use super::dice::{Dice, scale};
use super::health::{Health, LoadReport, Outcome, Ratio};
use super::reports::{Reception, Reports, STALE_AFTER};
use super::roster::{Change, Proximity, Roster, Slot};
use crate::rng::Stream;
use crate::time::Time;

/// Above which load a node is strained.
const STRAINED_ABOVE: Ratio = Ratio::of_percent(80);
/// Above which load a node is failing.
const FAILING_ABOVE: Ratio = Ratio::of_percent(95);
/// How many failures in a row make a node failing.
const FAILURES_MAX: u8 = 3;
/// For how long they do.
const FAILURES_COUNT_FOR: Duration = Duration::from_secs(30);

/// Takes the nearest node that is well.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nearest {
    reports: Reports,
    /// By slot.
    members: Vec<Option<Member>>,
    /// All members, the first choices first.
    order: BTreeMap<Rank, Vec<Slot>>,
    dice: Dice,
    /// When some member's health is another one because time has passed.
    rerank_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Member {
    rank: Rank,
    /// Where it is among those of its rank.
    place: usize,
    proximity: Proximity,
    failures: u8,
    failed_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Rank {
    /// The level times the health.
    product: u8,
    distance: Duration,
}

impl Nearest {
    /// Returns the policy, which knows nobody, with a seed drawn from `stream`.
    pub fn new(stream: &mut Stream) -> Self {
        let (members, order) = (Vec::new(), BTreeMap::new());
        let reports = Reports::new(STALE_AFTER);
        Self { reports, members, order, dice: Dice::new(stream), rerank_at: Time::NEVER }
    }

    /// Ranks a member as it stands now.
    fn place(&mut self, now: Time, slot: Slot) {
        let Some(Some(member)) = self.members.get(slot.index()).copied() else { return };
        let load = self.reports.fresh(now, slot).map_or(Ratio::NONE, LoadReport::load);
        let failures_count_until = member.failed_at + FAILURES_COUNT_FOR;
        let is_failing = member.failures >= FAILURES_MAX && now < failures_count_until;
        let health = if is_failing || load > FAILING_ABOVE {
            16
        } else if load > STRAINED_ABOVE {
            4
        } else {
            1
        };
        let rank = Rank { product: level(member.proximity) * health, ..member.rank };
        if rank != member.rank {
            self.strike(member);
            self.list(slot, Member { rank, ..member });
        }
        if is_failing {
            self.rerank_at = self.rerank_at.min(failures_count_until);
        }
        if let Some(stale_at) = self.reports.stale_at(now, slot).filter(|_| load > STRAINED_ABOVE) {
            self.rerank_at = self.rerank_at.min(stale_at);
        }
    }

    fn enter(&mut self, now: Time, roster: &Roster, slot: Slot) {
        let (proximity, distance) = (roster.candidate(slot).proximity, roster.candidate(slot).distance);
        let rank = Rank { product: level(proximity), distance };
        let before = self.members[slot.index()].take();
        let (failures, failed_at) = before.map_or((0, Time::ZERO), |before| (before.failures, before.failed_at));
        if let Some(before) = before {
            self.strike(before);
        }
        self.list(slot, Member { rank, place: 0, proximity, failures, failed_at });
        self.place(now, slot);
    }

    /// Puts a member behind those of its rank.
    fn list(&mut self, slot: Slot, member: Member) {
        let equals = self.order.entry(member.rank).or_default();
        self.members[slot.index()] = Some(Member { place: equals.len(), ..member });
        equals.push(slot);
    }

    /// Takes a member out of the order; the last one of its rank takes its place there.
    fn strike(&mut self, member: Member) {
        let Some(equals) = self.order.get_mut(&member.rank) else { return };
        equals.swap_remove(member.place);
        if let Some(moved) = equals.get(member.place)
            && let Some(moved) = &mut self.members[moved.index()]
        {
            moved.place = member.place;
        }
        if equals.is_empty() {
            self.order.remove(&member.rank);
        }
    }
}

const fn level(proximity: Proximity) -> u8 {
    match proximity {
        Proximity::Rack => 1,
        Proximity::Datacenter => 2,
        Proximity::Region => 4,
        // 8 × 16 is the greatest product.
        Proximity::Elsewhere => 8,
    }
}

impl Strategy for Nearest {
    fn name(&self) -> &'static str {
        "nearest"
    }

    fn follow(&mut self, now: Time, roster: &Roster, change: Change) {
        self.members.resize(roster.slot_count(), None);
        match change {
            Change::Joined(slot) | Change::Altered(slot) => self.enter(now, roster, slot),
            Change::Left(slot) => {
                if let Some(member) = self.members[slot.index()].take() {
                    self.strike(member);
                }
                self.reports.forget(slot);
            }
        }
    }

    fn select(&mut self, context: &Context<'_>) -> Result<Choice, NoCandidate> {
        if context.now >= self.rerank_at {
            self.rerank_at = Time::NEVER;
            for slot in (0..self.members.len()).map(Slot::new) {
                self.place(context.now, slot);
            }
        }
        for (rank, equals) in &self.order {
            let begin = scale((self.dice.bits() >> 32) as u32, equals.len());
            let (before, behind) = equals.split_at(begin);
            if let Some(slot) = behind.iter().chain(before).find(|slot| context.admits(**slot)) {
                let proximity = context.roster.candidate(*slot).proximity;
                return Ok(context.choice(*slot, Why::Nearest { proximity, distance: rank.distance }));
            }
        }
        Err(context.no_candidate(self.name()))
    }

    fn report(&mut self, now: Time, node: Slot, health: &Health) {
        let Some(Some(member)) = self.members.get_mut(node.index()) else { return };
        match health {
            Health::Started => return,
            Health::Finished(answer) => match answer.outcome {
                Outcome::Success => member.failures = 0,
                Outcome::Failure => {
                    member.failures = member.failures.saturating_add(1);
                    member.failed_at = now;
                }
                Outcome::Abandoned => return,
            },
            Health::Load(report) => match self.reports.take(now, node, *report) {
                Reception::Taken => {}
                Reception::Reordered => return,
            },
        }
        self.place(now, node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::Candidate;
    use crate::balance::fixtures::{Field, finished, load, stream};
    use crate::ids::NodeId;

    fn nearest() -> Nearest {
        Nearest::new(&mut stream())
    }

    /// One node at each level, the farther the higher its number, and a second one in the datacenter.
    fn field() -> (Field, Nearest) {
        let mut field = Field::default();
        for (proximity, node) in Proximity::ALL.into_iter().zip(0..) {
            let distance = Duration::from_millis(40 - 10 * node);
            field.join(Candidate { proximity, distance, ..Candidate::new(NodeId::new(node)) });
        }
        let (proximity, distance) = (Proximity::Datacenter, Duration::from_millis(29));
        field.join(Candidate { proximity, distance, ..Candidate::new(NodeId::new(4)) });
        let mut policy = nearest();
        field.introduce(&mut policy);
        (field, policy)
    }

    fn picked(field: &Field, policy: &mut Nearest) -> u64 {
        field.pick(policy).unwrap().node.get()
    }

    #[test]
    fn the_level_decides_before_the_distance() {
        let (mut field, mut policy) = field();
        let mut order = Vec::new();
        while let Ok(choice) = field.pick(&mut policy) {
            order.push(choice.node.get());
            field.eligible.exclude(choice.seat.slot);
        }
        assert_eq!(order, [0, 4, 1, 2, 3]);
    }

    #[test]
    fn a_strained_node_stands_back_until_its_report_is_stale() {
        let (mut field, mut policy) = field();
        policy.report(field.now, Slot::new(0), &load(1, 81, 0));
        assert_eq!(picked(&field, &mut policy), 4);
        field.now = Time::from_millis(30_000);
        assert_eq!(picked(&field, &mut policy), 0);
        policy.report(field.now, Slot::new(0), &load(2, 0, 96));
        policy.report(field.now, Slot::new(0), &load(1, 0, 0));
        assert_eq!(picked(&field, &mut policy), 4, "a reordered report is dropped");
        policy.report(field.now, Slot::new(0), &load(3, 0, 0));
        assert_eq!(picked(&field, &mut policy), 0);
    }

    #[test]
    fn a_node_that_fails_three_times_in_a_row_stands_back_for_thirty_seconds() {
        let (mut field, mut policy) = field();
        for outcome in [Outcome::Failure, Outcome::Failure, Outcome::Success, Outcome::Failure, Outcome::Failure] {
            policy.report(field.now, Slot::new(0), &finished(1, outcome));
            assert_eq!(picked(&field, &mut policy), 0);
        }
        policy.report(field.now, Slot::new(0), &finished(1, Outcome::Failure));
        assert_eq!(picked(&field, &mut policy), 4);
        field.now = Time::from_millis(30_000);
        assert_eq!(picked(&field, &mut policy), 0);
    }

    #[test]
    fn whoever_moves_is_ranked_anew() {
        let (mut field, mut policy) = field();
        let nearer =
            Candidate { proximity: Proximity::Rack, distance: Duration::ZERO, ..Candidate::new(NodeId::new(3)) };
        let seat = field.roster.alter(nearer).unwrap();
        policy.follow(field.now, &field.roster, Change::Altered(seat.slot));
        assert_eq!(picked(&field, &mut policy), 3);
        let slot = field.roster.leave(NodeId::new(3)).unwrap();
        policy.follow(field.now, &field.roster, Change::Left(slot));
        assert_eq!(policy.order.values().map(Vec::len).sum::<usize>(), 4);
    }

    #[test]
    fn those_that_are_equally_near_and_well_share_the_requests() {
        let (mut field, mut policy) = (Field::default(), nearest());
        for node in 0..4 {
            field.join(Candidate { proximity: Proximity::Rack, ..Candidate::new(NodeId::new(node)) });
        }
        field.introduce(&mut policy);
        policy.report(field.now, Slot::new(1), &load(1, 81, 0));
        let mut picks = [0; 4];
        (0..3000).for_each(|_| picks[picked(&field, &mut policy) as usize] += 1);
        assert_eq!(picks[1], 0);
        assert!([0, 2, 3].iter().all(|node| (900..1100).contains(&picks[*node])), "{picks:?}");
    }
}
