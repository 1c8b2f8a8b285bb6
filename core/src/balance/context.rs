//! What one pick goes by: the request, and who is there at this moment.
//!
//! A request narrows the candidates by what it says: nodes it excludes, capabilities it requires, a load it does not
//! exceed. These filters are asked of a slot when a policy comes by it, and never of all slots before a pick; only a
//! refusal counts them all.

use super::capabilities::Capabilities;
use super::choice::{Among, Choice, Filtered, NoCandidate, Why};
use super::eligible::Eligible;
use super::health::Ratio;
use super::reports::Reports;
use super::roster::{Candidate, Proximity, Region, Roster, Slot};
use crate::ids::NodeId;
use crate::time::Time;

/// What a request asks for; the default asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Request<'a> {
    /// What it is about, for policies that place by key.
    pub key: &'a [u8],
    /// Which session it belongs to, for policies that keep sessions together.
    pub session: Option<Session>,
    /// What a node must be able to do.
    pub required: Capabilities,
    /// What a node had better be able to do.
    pub wished: Capabilities,
    /// Who must not be asked, such as those who failed it before: a few, for they are looked through.
    pub excluded: &'a [NodeId],
    /// Above which load a node must not be asked, as its last report says; who says nothing may be asked.
    pub load_max: Option<Ratio>,
    /// Where a node had better be.
    pub region: Option<Region>,
}

/// What tells one session from another, such as a hash of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session(pub u64);

/// What a pick is narrowed to, beside what the request demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Narrow {
    /// Anywhere.
    Anywhere,
    /// In a region.
    Region(Region),
    /// At most so far.
    Within(Proximity),
}

/// What one pick goes by.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The time of the pick.
    pub now: Time,
    /// Who the slots are.
    pub roster: &'a Roster,
    /// Who may be asked.
    pub eligible: &'a Eligible,
    /// What the request asks for.
    pub request: &'a Request<'a>,
    /// What nodes said of themselves.
    reports: &'a Reports,
    narrow: Narrow,
    /// How many of the wished capabilities a node must have.
    wished_least: u32,
    /// Who was drawn for this pick and gave way.
    passed: &'a [Slot],
    /// Whether everyone who is eligible is admitted.
    is_plain: bool,
}

impl<'a> Context<'a> {
    /// Returns what a pick at `now` goes by.
    #[inline]
    pub fn new(
        now: Time,
        roster: &'a Roster,
        eligible: &'a Eligible,
        reports: &'a Reports,
        request: &'a Request<'a>,
    ) -> Self {
        let is_plain = request.required.is_empty() && request.excluded.is_empty() && request.load_max.is_none();
        let narrow = Narrow::Anywhere;
        Self { now, roster, eligible, request, reports, narrow, wished_least: 0, passed: &[], is_plain }
    }

    /// Returns the same for those alone whom `narrow` names.
    #[must_use]
    pub fn narrowed(self, narrow: Narrow) -> Self {
        Self { narrow, is_plain: self.is_plain && narrow == Narrow::Anywhere, ..self }
    }

    /// Returns the same for those alone who have at least so many of the wished capabilities.
    #[must_use]
    pub(super) fn wishing(self, wished_least: u32) -> Self {
        Self { wished_least, is_plain: self.is_plain && wished_least == 0, ..self }
    }

    /// Returns the same without these.
    #[must_use]
    pub(super) fn without(self, passed: &'a [Slot]) -> Self {
        Self { passed, is_plain: self.is_plain && passed.is_empty(), ..self }
    }

    /// Says whether a slot may be taken.
    #[inline]
    pub fn admits(&self, slot: Slot) -> bool {
        self.eligible.contains(slot) && self.admits_eligible(slot)
    }

    /// Says whether a slot that is eligible may be taken.
    #[inline]
    pub(super) fn admits_eligible(&self, slot: Slot) -> bool {
        self.is_plain || (self.verdict(slot).is_none() && !self.passed.contains(&slot))
    }

    /// Says whether a slot may be taken again by a session that it serves: it need not be where the pick is narrowed to.
    pub(super) fn may_keep(&self, slot: Slot) -> bool {
        self.narrowed(Narrow::Anywhere).admits(slot)
    }

    /// Says whether each eligible slot may be taken.
    pub(super) const fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Returns the choice of a slot.
    #[inline]
    pub(super) fn choice(&self, slot: Slot, why: Why) -> Choice {
        let among = match self.narrow {
            Narrow::Anywhere => Among::Eligible,
            // A session is kept wherever its node is.
            Narrow::Region(_) | Narrow::Within(_) if why == Why::Kept && !self.admits(slot) => Among::Eligible,
            Narrow::Region(_) => Among::Preferred,
            Narrow::Within(_) => Among::Near,
        };
        Choice { node: self.roster.candidate(slot).node, seat: self.roster.seat_at(slot), why, among }
    }

    /// Returns why `policy` finds nobody; it looks at all members.
    #[cold]
    pub fn no_candidate(&self, policy: &'static str) -> NoCandidate {
        let mut filtered = Filtered::default();
        for slot in self.roster.slots() {
            let count = match self.verdict(slot) {
                _ if !self.eligible.contains(slot) => &mut filtered.ineligible,
                Some(Filter::Excluded) => &mut filtered.excluded,
                Some(Filter::Incapable) => &mut filtered.incapable,
                Some(Filter::Overloaded) => &mut filtered.overloaded,
                Some(Filter::Elsewhere) => &mut filtered.elsewhere,
                None => continue,
            };
            *count += 1;
        }
        NoCandidate { policy, members: self.roster.len(), filtered }
    }

    /// Returns the first filter that keeps an eligible slot out.
    fn verdict(&self, slot: Slot) -> Option<Filter> {
        let candidate = self.roster.candidate(slot);
        if self.request.excluded.contains(&candidate.node) {
            return Some(Filter::Excluded);
        }
        if !self.is_capable(candidate) {
            return Some(Filter::Incapable);
        }
        if self.is_overloaded(slot) {
            return Some(Filter::Overloaded);
        }
        let is_elsewhere = match self.narrow {
            Narrow::Anywhere => false,
            Narrow::Region(region) => candidate.region != region,
            Narrow::Within(proximity) => candidate.proximity > proximity,
        };
        is_elsewhere.then_some(Filter::Elsewhere)
    }

    fn is_capable(&self, candidate: &Candidate) -> bool {
        let Request { required, wished, .. } = *self.request;
        candidate.capabilities.contains(required) && candidate.capabilities.shared_with(wished) >= self.wished_least
    }

    fn is_overloaded(&self, slot: Slot) -> bool {
        let Some(load_max) = self.request.load_max else { return false };
        self.reports.fresh(self.now, slot).is_some_and(|report| report.load() > load_max)
    }
}

/// What keeps an eligible member out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    Excluded,
    Incapable,
    Overloaded,
    Elsewhere,
}
