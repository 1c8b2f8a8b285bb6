//! The members at one instant, and the next step towards better voters.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use super::advice::{Absence, Advice, Fault, QuorumChange, Reason};
use super::spread::{self, Place, Seat, Spread};
use super::watch::Watch;
use super::{AutopilotSettings, Incarnation, Prospect, Standing};
use crate::ids::NodeId;
use crate::time::Time;

/// What the autopilot makes of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Fit for as long as a promotion asks for.
    Settled,
    /// Fit for a shorter time.
    Fit,
    /// Unfit, but it may come back.
    Ailing,
    /// Given up: its seat goes to whoever can take it.
    Gone,
}

/// A voter or learner.
#[derive(Clone, Debug)]
pub(super) struct Member<'a> {
    seat: Seat<'a>,
    standing: Standing,
    fault: Option<Fault>,
    fault_span: Duration,
    verdict: Verdict,
    /// Whether it holds and acknowledges the log, for better or worse.
    acknowledges: bool,
    /// Whether it is of no use even as a learner.
    is_useless: bool,
}

impl<'a> Member<'a> {
    pub(super) fn new(
        prospect: &Prospect,
        place: Place<'a>,
        watch: &Watch,
        now: Time,
        settings: &AutopilotSettings,
    ) -> Self {
        let (span, fault_span) = (now.since(watch.turned_at), now.since(watch.fault_at));
        let verdict = match watch.fault {
            None if span >= settings.settle => Verdict::Settled,
            None => Verdict::Fit,
            Some(Fault::Forgot | Fault::Leaving) => Verdict::Gone,
            Some(Fault::Unanswered | Fault::Silent | Fault::Unreachable | Fault::Lagging) => {
                if span >= settings.dead_after { Verdict::Gone } else { Verdict::Ailing }
            }
        };
        let is_useless = match watch.fault {
            Some(Fault::Forgot | Fault::Leaving) => true,
            Some(Fault::Unanswered | Fault::Silent | Fault::Unreachable) => fault_span >= settings.dead_after,
            // However long it takes: a snapshot for a new learner may take longer than a restart.
            Some(Fault::Lagging) | None => false,
        };
        Self {
            seat: Seat { node: prospect.node, place },
            standing: prospect.standing,
            fault: watch.fault,
            fault_span,
            verdict,
            acknowledges: prospect.answers && !prospect.forgot,
            is_useless,
        }
    }

    fn is_fit(&self) -> bool {
        self.fault.is_none()
    }

    fn absence(&self) -> Option<Absence> {
        self.fault.map(|fault| Absence { node: self.seat.node, fault, span: self.fault_span })
    }
}

/// An outsider that may become a learner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) seat: Seat<'a>,
    pub(super) incarnation: Incarnation,
}

/// All members, judged.
#[derive(Clone, Debug)]
pub(super) struct Quorum<'a> {
    leader: NodeId,
    target: usize,
    members: BTreeMap<NodeId, Member<'a>>,
    voters: Vec<Seat<'a>>,
    fit: BTreeSet<NodeId>,
}

impl<'a> Quorum<'a> {
    pub(super) fn new(leader: NodeId, target: usize, members: impl Iterator<Item = Member<'a>>) -> Self {
        let members: BTreeMap<NodeId, Member<'a>> = members.map(|member| (member.seat.node, member)).collect();
        let voters = members.values().filter(|member| member.standing == Standing::Voter);
        let voters = voters.map(|member| member.seat).collect();
        let fit = members.values().filter(|member| member.is_fit()).map(|member| member.seat.node).collect();
        Self { leader, target, members, voters, fit }
    }

    /// Says whether a majority of the voters acknowledges entries: without one nothing can be agreed on.
    pub(super) fn is_reached(&self) -> bool {
        let reached = self.voters.iter().filter(|voter| self.members[&voter.node].acknowledges).count();
        reached > self.voters.len() / 2
    }

    /// Returns the next change of the voters, if one would do good and no harm.
    pub(super) fn change(&self) -> Option<Advice> {
        self.repair().or_else(|| self.spread_out())
    }

    /// Returns the next outsider that a later change of the voters will need as a learner.
    ///
    /// This asks for no fit majority afterwards: a learner changes no majority, and if voters are on their way out, a
    /// learner is how they can ever be replaced.
    pub(super) fn admission(&self, candidates: impl Iterator<Item = Candidate<'a>>) -> Option<Advice> {
        let best = self.best_of_members();
        let is_short = best.len() < self.target;
        if !is_short && Spread::of(&best).is_perfect() {
            return None;
        }
        // Of thousands of candidates only those differ in effect that share different domains with the chosen.
        let candidates: Vec<Candidate<'a>> = candidates.collect();
        let mut kinds = BTreeMap::new();
        for candidate in &candidates {
            kinds.entry(spread::shared(&best, &candidate.seat)).or_insert(candidate);
        }
        let candidates: Vec<&Candidate<'a>> = kinds.into_values().collect();
        let seats: Vec<Seat<'a>> = candidates.iter().map(|candidate| candidate.seat).collect();
        let admit = |index: usize| {
            let Candidate { seat, incarnation } = *candidates[index];
            QuorumChange::AddLearner { node: seat.node, incarnation }
        };
        if is_short {
            let index = spread::best_addition(&best, &seats)?;
            let reason = Reason::Needed { node: seats[index].node, promising: best.len(), target: self.target };
            Some(Advice { change: admit(index), reason })
        } else {
            let (leaver, index) = spread::best_swap(&best, self.leader, &seats)?;
            let crowd = spread::relieved(&best, leaver, seats[index]);
            Some(Advice { change: admit(index), reason: Reason::Wanted { node: seats[index].node, crowd } })
        }
    }

    /// Returns the removal of a learner that is gone.
    pub(super) fn dismissal(&self) -> Option<Advice> {
        let learners = self.members.values().filter(|member| member.standing == Standing::Learner);
        let absence = learners.filter(|learner| learner.is_useless).find_map(Member::absence)?;
        Some(Advice { change: QuorumChange::Remove(absence.node), reason: Reason::Useless(absence) })
    }

    /// Fills vacant seats and those of voters that are gone, and takes seats above the target away.
    fn repair(&self) -> Option<Advice> {
        let size = self.next_size();
        let kept = self.kept(size);
        let joiners = self.joiners(&kept, size);
        // The most joiners come first: fewer are better than none, unless they harm.
        for count in (0..=joiners.len()).rev() {
            let mut next = [kept.as_slice(), &joiners[..count]].concat();
            self.refill(&mut next, size);
            if nodes(&next) == nodes(&self.voters) {
                return None;
            }
            if self.does_no_harm(&next) {
                return Some(self.advice(&next));
            }
        }
        None
    }

    /// Swaps one voter for a learner so that some failure costs fewer voters.
    fn spread_out(&self) -> Option<Advice> {
        // While a voter is unfit, seats may soon change hands for a better reason.
        if !self.voters.iter().all(|voter| self.fit.contains(&voter.node)) {
            return None;
        }
        let settled = self.settled_learners();
        let (leaver, joiner) = spread::best_swap(&self.voters, self.leader, &settled)?;
        let joiner = settled[joiner];
        let mut next = self.voters.clone();
        next[leaver] = joiner;
        self.does_no_harm(&next).then(|| {
            let crowd = spread::relieved(&self.voters, leaver, joiner);
            let reason = Reason::Crowded { joins: joiner.node, leaves: self.voters[leaver].node, crowd };
            Advice { change: QuorumChange::Replace { voters: nodes(&next) }, reason }
        })
    }

    /// Returns how many voters there should be after the next change.
    fn next_size(&self) -> usize {
        let voters = self.voters.len();
        if voters <= self.target {
            self.target
        } else if voters.is_multiple_of(2) {
            voters - 1
        } else {
            // Two at a time: four and six voters survive no more failures than three and five. More at a time would leave
            // fewer than a majority of the present voters.
            voters - 2
        }
    }

    /// Returns the voters that stay: those that are not gone, at most `size`.
    fn kept(&self, size: usize) -> Vec<Seat<'a>> {
        let stays = |voter: &&Seat<'a>| self.members[&voter.node].verdict != Verdict::Gone;
        let mut kept: Vec<Seat<'a>> = self.voters.iter().filter(stays).copied().collect();
        while kept.len() > size {
            let unfit = spread::worst_placed(&kept, |seat| seat.node != self.leader && !self.fit.contains(&seat.node));
            let worst = unfit.or_else(|| spread::worst_placed(&kept, |seat| seat.node != self.leader));
            kept.remove(worst.unwrap_or(0));
        }
        kept
    }

    /// Returns the learners that may join `kept`, the best first, as many as there are seats.
    fn joiners(&self, kept: &[Seat<'a>], size: usize) -> Vec<Seat<'a>> {
        let mut settled = self.settled_learners();
        let mut next = kept.to_vec();
        while next.len() < size
            && let Some(index) = spread::best_addition(&next, &settled)
        {
            next.push(settled.remove(index));
        }
        next.split_off(kept.len())
    }

    /// Gives seats that nobody takes back to voters that are gone: they may return, and fewer voters are not safer.
    /// Those that forgot stay out, for they might vote twice in a term.
    fn refill(&self, next: &mut Vec<Seat<'a>>, size: usize) {
        let gone = self
            .voters
            .iter()
            .map(|voter| &self.members[&voter.node])
            .filter(|member| member.verdict == Verdict::Gone && member.fault != Some(Fault::Forgot));
        let mut gone: Vec<&Member<'a>> = gone.collect();
        gone.sort_by_key(|member| (member.seat.node != self.leader, !member.acknowledges, member.seat.node));
        let vacant = size.saturating_sub(next.len());
        next.extend(gone.into_iter().take(vacant).map(|member| member.seat));
    }

    /// Returns whether the quorum fares no worse with the voters `next`; see rule 1 of the module.
    fn does_no_harm(&self, next: &[Seat<'a>]) -> bool {
        let fit = |seats: &[Seat<'a>]| seats.iter().filter(|seat| self.fit.contains(&seat.node)).count();
        let (before, after) = (fit(&self.voters), fit(next));
        let present = spread::survives(&self.voters, &self.fit);
        let future = spread::survives(next, &self.fit);
        after > next.len() / 2
            && after >= before.min(self.voters.len() / 2 + 1)
            && present.into_iter().zip(future).all(|(present, future)| future || !present)
    }

    /// Returns the best voters that the members allow once all learners that are not given up are settled.
    fn best_of_members(&self) -> Vec<Seat<'a>> {
        let is_promising = |member: &&Member<'a>| member.verdict != Verdict::Gone;
        let promising = |standing| {
            let members = self.members.values().filter(is_promising);
            members.filter(move |member| member.standing == standing).map(|member| member.seat)
        };
        let mut best: Vec<Seat<'a>> = promising(Standing::Voter).collect();
        let mut bench: Vec<Seat<'a>> = promising(Standing::Learner).collect();
        while best.len() < self.target
            && let Some(index) = spread::best_addition(&best, &bench)
        {
            best.push(bench.remove(index));
        }
        while let Some((leaver, joiner)) = spread::best_swap(&best, self.leader, &bench) {
            core::mem::swap(&mut best[leaver], &mut bench[joiner]);
        }
        best
    }

    fn settled_learners(&self) -> Vec<Seat<'a>> {
        let learners = self.members.values().filter(|member| member.standing == Standing::Learner);
        learners.filter(|learner| learner.verdict == Verdict::Settled).map(|learner| learner.seat).collect()
    }

    /// Returns the least change that leads to the voters `next`, and why it is made.
    fn advice(&self, next: &[Seat<'a>]) -> Advice {
        let (present, next) = (nodes(&self.voters), nodes(next));
        let joins: Vec<NodeId> = next.difference(&present).copied().collect();
        let leaves: Vec<NodeId> = present.difference(&next).copied().collect();
        let gone = leaves.iter().map(|node| &self.members[node]).filter(|member| member.verdict == Verdict::Gone);
        let gone: Vec<Absence> = gone.filter_map(Member::absence).collect();
        let change = match (joins.as_slice(), leaves.as_slice()) {
            ([joins], []) => QuorumChange::Promote(*joins),
            ([], [leaves]) => QuorumChange::Demote(*leaves),
            _ => QuorumChange::Replace { voters: next },
        };
        let reason = if leaves.is_empty() {
            let healthy = self.voters.iter().filter(|voter| self.fit.contains(&voter.node)).count();
            Reason::Vacant { joins, healthy, target: self.target }
        } else if !joins.is_empty() {
            Reason::Gone { joins, leaves: gone }
        } else if gone.len() == leaves.len() {
            Reason::Unseated(gone)
        } else {
            Reason::TooMany { leaves, voters: present.len(), target: self.target }
        };
        Advice { change, reason }
    }
}

fn nodes(seats: &[Seat<'_>]) -> BTreeSet<NodeId> {
    seats.iter().map(|seat| seat.node).collect()
}
