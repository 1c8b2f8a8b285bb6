//! Whoever is nearest and well: the level of the topology times the state of health, then the distance.
//!
//! A level counts 1, 2, 4 or 8 from the same rack outwards, and health multiplies it: 1 while well, 4 while strained (the
//! last report tells of more than 80 % of processors or memory), 16 while failing (more than 95 %, or three failures in a
//! row of which the last is less than 30 s old). The least product goes first; among equals the least distance, then the
//! least id. So a strained node in the same rack stands back behind a well one in the datacenter, and a failing one behind
//! all that are well. Health has three steps and no more: a finer one would send everyone to whoever looked best a
//! report ago. Whoever says nothing counts as well, for the rest are mostly so.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use super::Strategy;
use super::choice::{Choice, NoCandidate, Why};
use super::context::Context;
use super::health::{Health, LoadReport, Outcome, Ratio};
use super::reports::{Reception, Reports, STALE_AFTER};
use super::roster::{Change, Proximity, Roster, Slot};
use crate::ids::NodeId;
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
    /// All members, the first choice first.
    order: BTreeSet<Rank>,
    /// When some member's health is another one because time has passed.
    rerank_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Member {
    rank: Rank,
    proximity: Proximity,
    failures: u8,
    failed_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Rank {
    /// The level times the health.
    product: u8,
    distance: Duration,
    node: NodeId,
    slot: Slot,
}

impl Default for Nearest {
    fn default() -> Self {
        Self { reports: Reports::new(STALE_AFTER), members: Vec::new(), order: BTreeSet::new(), rerank_at: Time::NEVER }
    }
}

impl Nearest {
    /// Returns the policy, which knows nobody.
    pub fn new() -> Self {
        Self::default()
    }

    fn place(&mut self, now: Time, slot: Slot) {
        let Some(Some(member)) = self.members.get_mut(slot.index()) else { return };
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
            self.order.remove(&member.rank);
            self.order.insert(rank);
            member.rank = rank;
        }
        if is_failing {
            self.rerank_at = self.rerank_at.min(failures_count_until);
        }
        if let Some(stale_at) = self.reports.stale_at(now, slot).filter(|_| load > STRAINED_ABOVE) {
            self.rerank_at = self.rerank_at.min(stale_at);
        }
    }

    fn enter(&mut self, now: Time, roster: &Roster, slot: Slot) {
        let candidate = roster.candidate(slot);
        let (distance, node, proximity) = (candidate.distance, candidate.node, candidate.proximity);
        let rank = Rank { product: level(proximity), distance, node, slot };
        let before = self.members[slot.index()].replace(Member { rank, proximity, failures: 0, failed_at: Time::ZERO });
        if let (Some(before), Some(member)) = (before, &mut self.members[slot.index()]) {
            self.order.remove(&before.rank);
            (member.failures, member.failed_at) = (before.failures, before.failed_at);
        }
        self.order.insert(rank);
        self.place(now, slot);
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
                    self.order.remove(&member.rank);
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
        let mut admitted = self.order.iter().filter(|rank| context.admits(rank.slot));
        let rank = admitted.next().ok_or_else(|| context.no_candidate(self.name()))?;
        let proximity = context.roster.candidate(rank.slot).proximity;
        Ok(context.choice(rank.slot, Why::Nearest { proximity, distance: rank.distance }))
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
    use crate::balance::fixtures::{Field, finished, load};

    /// One node at each level, the farther the higher its number, and a second one in the datacenter.
    fn field() -> (Field, Nearest) {
        let mut field = Field::default();
        for (proximity, node) in Proximity::ALL.into_iter().zip(0..) {
            let distance = Duration::from_millis(40 - 10 * node);
            field.join(Candidate { proximity, distance, ..Candidate::new(NodeId::new(node)) });
        }
        let (proximity, distance) = (Proximity::Datacenter, Duration::from_millis(29));
        field.join(Candidate { proximity, distance, ..Candidate::new(NodeId::new(4)) });
        let mut policy = Nearest::new();
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
        assert_eq!(policy.order.len(), 4);
    }
}
