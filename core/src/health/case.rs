//! One node before the one who judges: the evidence, what was agreed on, and what was proposed since.

use core::time::Duration;

use super::flaps::Flaps;
use super::heartbeat::Score;
use super::settings::HealthSettings;
use super::verdict::{Evidence, Reach};
use super::watch::Seen;
use super::{Explanation, Proposal};
use crate::condition::{Cause, Condition, Drain};
use crate::ids::{Epoch, NodeId};
use crate::time::Time;

/// What is known of one registered life beside its heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Case {
    epoch: Epoch,
    reach: Reach,
    /// Since when nobody reaches it, or this node judges, whichever is later.
    lost_at: Option<Time>,
    agreed: Condition,
    /// For how long it may leave, and when that is over by this node's clock since it heard of it.
    leaving: Option<(Duration, Time)>,
    /// What was found when the case was looked at last.
    found: Condition,
    flaps: Flaps,
    /// What was proposed, until it is agreed on or refused.
    proposed: Option<Asked>,
    /// When the case is looked at though nothing changed.
    next: Option<Time>,
}

/// What a proposal asks for, whatever speaks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Asked {
    Find(Condition),
    Evict,
}

impl Asked {
    const fn by(proposal: &Proposal) -> Self {
        match proposal {
            Proposal::Find { finding, .. } => Self::Find(*finding),
            Proposal::Evict { .. } => Self::Evict,
        }
    }
}

/// When a case is looked at though nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Never,
    At(Time),
}

impl Case {
    pub(super) fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            reach: Reach::Unknown,
            lost_at: None,
            agreed: Condition::Healthy,
            leaving: None,
            found: Condition::Healthy,
            flaps: Flaps::default(),
            proposed: None,
            next: None,
        }
    }

    /// Returns the case of the same node in its next life: what is known of the machine stays known, but a registration is
    /// a sign of life, so what counts towards an eviction begins anew.
    pub(super) fn of_next_life(self, now: Time, epoch: Epoch) -> Self {
        let (agreed, found, lost_at) = (Condition::Healthy, Condition::Healthy, self.lost_at.map(|_| now));
        Self { epoch, lost_at, agreed, found, leaving: None, proposed: None, next: None, ..self }
    }

    pub(super) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) const fn looked_at_next(&self) -> Option<Time> {
        self.next
    }

    /// Takes in what was agreed on. Returns what was before.
    pub(super) fn agree(&mut self, now: Time, agreed: Condition, drain: Option<Drain>) -> Condition {
        self.proposed = None;
        // What is told once more goes on from when it was told first.
        let before = self.leaving;
        let begin = |within| before.filter(|(held, _)| *held == within).unwrap_or((within, now + within));
        self.leaving = drain.and_then(|drain| drain.within).map(begin);
        core::mem::replace(&mut self.agreed, agreed)
    }

    /// Takes in what the failure detector says. Returns whether it is new.
    pub(super) fn set_reach(&mut self, now: Time, reach: Reach) -> bool {
        let is_new = self.reach != reach;
        if is_new {
            self.lost_at = (reach == Reach::Unreachable).then_some(now);
            self.reach = reach;
        }
        is_new
    }

    /// Lets everything that counts towards an eviction begin now.
    pub(super) fn forgive(&mut self, now: Time) {
        self.lost_at = self.lost_at.map(|_| now);
    }

    pub(super) const fn put_away(&mut self) {
        (self.proposed, self.next) = (None, None);
    }

    pub(super) const fn refuse(&mut self, at: Time) {
        (self.proposed, self.next) = (None, Some(at));
    }

    /// Returns whether a heartbeat of this score may change what was agreed on.
    pub(super) fn is_of_interest(&self, score: u16, settings: &HealthSettings) -> bool {
        self.agreed != Condition::Healthy || Score::new(score).is_none_or(|score| score < settings.degraded_below)
    }

    /// Judges, and says what is to be proposed, if anything, and when to look again.
    pub(super) fn look(
        &mut self,
        now: Time,
        node: NodeId,
        seen: &Seen,
        doubts: bool,
        settings: &HealthSettings,
    ) -> (Option<Proposal>, Next) {
        let (finding, cause) = self.evidence(seen).judge(settings);
        if finding == Condition::Healthy && self.found > finding {
            self.flaps.recovered(now, settings);
        }
        self.found = finding;
        let withheld = is_withheld(cause, doubts);
        let mut next = if withheld { self.drained_at() } else { self.removed_at(now, seen, settings) };
        let epoch = self.epoch;
        let wanted = if next.is_some_and(|at| at <= now) {
            Some(Proposal::Evict { node, epoch })
        } else if withheld || finding == self.agreed || self.agreed == Condition::Leaving {
            None
        } else if let Some(until) = self.held_until(now, finding, settings) {
            next = Some(next.map_or(until, |at| at.min(until)));
            None
        } else {
            Some(Proposal::Find { node, epoch, finding, cause })
        };
        self.next = next.filter(|at| *at > now);
        let asked = wanted.as_ref().map(Asked::by);
        let before = core::mem::replace(&mut self.proposed, asked);
        let proposal = wanted.filter(|_| before != asked);
        (proposal, self.next.map_or(Next::Never, Next::At))
    }

    pub(super) fn explain(&self, now: Time, seen: Seen, doubts: bool, settings: &HealthSettings) -> Explanation {
        let evidence = self.evidence(&seen);
        let (finding, cause) = evidence.judge(settings);
        Explanation {
            seen,
            evidence,
            finding,
            cause,
            held_until: self.held_until(now, finding, settings),
            withheld: is_withheld(cause, doubts),
            removed_at: self.removed_at(now, &seen, settings),
        }
    }

    const fn evidence(&self, seen: &Seen) -> Evidence {
        Evidence { level: seen.level, score: seen.score, reach: self.reach, agreed: self.agreed }
    }

    /// Returns until when a finding that is better than what was agreed on is held back.
    fn held_until(&self, now: Time, finding: Condition, settings: &HealthSettings) -> Option<Time> {
        if finding < self.agreed { self.flaps.held_until(now, settings) } else { None }
    }

    /// Returns when the node is to be removed: its time to leave is up, or nobody reaches it.
    fn removed_at(&self, now: Time, seen: &Seen, settings: &HealthSettings) -> Option<Time> {
        [self.drained_at(), self.evicted_at(now, seen, settings)].into_iter().flatten().min()
    }

    fn drained_at(&self) -> Option<Time> {
        self.leaving.map(|(_, until)| until)
    }

    /// Returns when the node is to be evicted: it has been out of reach for so long, or has been failed for so long and
    /// nobody says that it is within reach.
    fn evicted_at(&self, now: Time, seen: &Seen, settings: &HealthSettings) -> Option<Time> {
        let lost_at = match self.reach {
            Reach::Unreachable => self.lost_at,
            Reach::Unknown if seen.level >= settings.silence_levels => {
                // When its silence became a failure.
                let failed_for = seen.age.saturating_sub(settings.failed_after()).as_nanos();
                Some(Time::from_nanos(now.as_nanos().saturating_sub(u64::try_from(failed_for).unwrap_or(u64::MAX))))
            }
            Reach::Unknown | Reach::Reachable => None,
        };
        Some(lost_at? + settings.evict_after?)
    }
}

/// Returns whether what speaks for a finding may be the fault of the one who judges, and that one suspects itself.
const fn is_withheld(cause: Cause, doubts: bool) -> bool {
    doubts && matches!(cause, Cause::Silence { .. } | Cause::HeldDead)
}
