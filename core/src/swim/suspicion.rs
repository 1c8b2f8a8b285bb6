//! Who is suspected, by whom, and until when.
//!
//! A suspicion lasts long while one accuser stands alone, and shorter with every other that confirms it: an accuser that
//! is itself slow finds nobody to agree (Lifeguard, section 4, "dynamic suspicion"). It belongs to one incarnation of the
//! member: a suspicion of a later one is another suspicion, with its own time.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use super::directory::Slot;
use super::ids::Incarnation;
use super::projection::Deadline;
use crate::ids::NodeId;
use crate::time::Time;

/// The most confirmations that may be asked for.
pub(super) const CONFIRMATIONS_MAX: usize = 8;

/// All suspicions of a view.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Suspicions {
    by_slot: BTreeMap<Slot, Suspicion>,
    due: BTreeSet<(Time, Slot)>,
}

/// One suspicion.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Suspicion {
    incarnation: Incarnation,
    since: Time,
    /// Before which it does not end, whoever confirms it: the member was cut off and may have missed a refutation.
    not_before: Time,
    due_at: Time,
    span: Span,
    accusers: Vec<NodeId>,
}

/// By how many of its longest spans a suspicion is over at last, however often it was postponed: one who hears others now
/// and then only must come to an end as well.
const POSTPONED_MAX: u32 = 3;

/// How long a suspicion lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Span {
    /// With all confirmations.
    pub(super) shortest: Duration,
    /// Without any.
    pub(super) longest: Duration,
    /// How many confirmations make it the shortest.
    pub(super) confirmations: usize,
}

impl Span {
    /// Returns how long a suspicion lasts that so many have confirmed.
    pub(super) fn after(&self, confirmations: usize) -> Duration {
        let wanted = self.confirmations.min(CONFIRMATIONS_MAX);
        if confirmations >= wanted {
            return self.shortest;
        }
        let saved = self.longest.saturating_sub(self.shortest).as_nanos();
        let saved = saved * u128::from(LOG2_PERMILLE[confirmations]) / u128::from(LOG2_PERMILLE[wanted]);
        self.longest.saturating_sub(Duration::from_nanos(u64::try_from(saved).unwrap_or(u64::MAX)))
    }
}

/// The thousandths of log2 of one more than the index.
const LOG2_PERMILLE: [u32; CONFIRMATIONS_MAX + 1] = [0, 1000, 1585, 2000, 2322, 2585, 2807, 3000, 3170];

/// What became of an accusation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Confirmed {
    /// It shortened the suspicion, so others should hear it.
    Yes,
    /// The accuser is no other than before, or nobody else is needed.
    No,
}

impl Suspicions {
    /// Begins a suspicion of a member in an incarnation, in place of one of an earlier incarnation.
    pub(super) fn begin(&mut self, now: Time, slot: Slot, incarnation: Incarnation, accuser: NodeId, span: Span) {
        self.end(slot);
        let due_at = now + span.after(0);
        self.due.insert((due_at, slot));
        let accusers = alloc::vec![accuser];
        self.by_slot.insert(slot, Suspicion { incarnation, since: now, not_before: now, due_at, span, accusers });
    }

    /// Takes in one more accusation of a member that is suspected in this incarnation.
    pub(super) fn confirm(&mut self, slot: Slot, incarnation: Incarnation, accuser: NodeId) -> Confirmed {
        let Some(suspicion) = self.by_slot.get_mut(&slot) else { return Confirmed::No };
        let heard = suspicion.accusers.len();
        if suspicion.incarnation != incarnation
            || suspicion.accusers.contains(&accuser)
            || heard > suspicion.span.confirmations
        {
            return Confirmed::No;
        }
        suspicion.accusers.push(accuser);
        let span = suspicion.span.after(heard);
        self.shorten(slot, span);
        Confirmed::Yes
    }

    /// Gives a suspicion its shortest span, as if all had confirmed it: somebody's has ended.
    pub(super) fn hasten(&mut self, slot: Slot) {
        if let Some(suspicion) = self.by_slot.get(&slot) {
            self.shorten(slot, suspicion.span.shortest);
        }
    }

    fn shorten(&mut self, slot: Slot, span: Duration) {
        let suspicion = self.by_slot.get_mut(&slot).expect("its caller has seen it");
        self.due.remove(&(suspicion.due_at, slot));
        suspicion.due_at = suspicion.due_at.min((suspicion.since + span).max(suspicion.not_before));
        self.due.insert((suspicion.due_at, slot));
    }

    /// Ends the suspicion of a member.
    pub(super) fn end(&mut self, slot: Slot) {
        if let Some(suspicion) = self.by_slot.remove(&slot) {
            self.due.remove(&(suspicion.due_at, slot));
        }
    }

    /// Takes out a suspicion whose time is over: the member, and the incarnation that it did not refute in.
    pub(super) fn take_due(&mut self, now: Time) -> Option<(Slot, Incarnation)> {
        let (_, slot) = *self.due.first().filter(|(due_at, _)| *due_at <= now)?;
        let suspicion = self.by_slot.get(&slot).expect("what is due is suspected");
        let incarnation = suspicion.incarnation;
        self.end(slot);
        Some((slot, incarnation))
    }

    /// Lets no suspicion end before an instant, within reason: for a member that was cut off and heard no refutation.
    pub(super) fn postpone(&mut self, until: Time) {
        for suspicion in self.by_slot.values_mut() {
            let last = suspicion.since + suspicion.span.longest.saturating_mul(POSTPONED_MAX);
            suspicion.not_before = suspicion.not_before.max(until.min(last));
        }
        let early: Vec<(Time, Slot)> = self.due.range(..(until, Slot::new(0))).copied().collect();
        for (due_at, slot) in early {
            let suspicion = self.by_slot.get_mut(&slot).expect("what is due is suspected");
            suspicion.due_at = due_at.max(suspicion.not_before);
            self.due.remove(&(due_at, slot));
            self.due.insert((suspicion.due_at, slot));
        }
    }

    /// Leaves out of account a span in which the member did not run.
    pub(super) fn stand_still(&mut self, span: Duration) {
        self.due.clear();
        for (slot, suspicion) in &mut self.by_slot {
            for at in [&mut suspicion.since, &mut suspicion.not_before, &mut suspicion.due_at] {
                *at = *at + span;
            }
            self.due.insert((suspicion.due_at, *slot));
        }
    }

    /// Returns when the first suspicion ends.
    pub(super) fn next_at(&self) -> Option<Time> {
        self.due.first().map(|(due_at, _)| *due_at)
    }

    /// Returns one who accuses a member.
    pub(super) fn accuser(&self, slot: Slot) -> Option<NodeId> {
        self.by_slot.get(&slot)?.accusers.first().copied()
    }

    /// Returns who accuses a member, in the order in which they were heard.
    pub(super) fn accusers(&self, slot: Slot) -> &[NodeId] {
        self.by_slot.get(&slot).map_or(&[], |suspicion| &suspicion.accusers)
    }

    pub(super) fn map_instants(&mut self, map: &mut dyn FnMut(Deadline, Time) -> Time) {
        self.due.clear();
        for (slot, suspicion) in &mut self.by_slot {
            suspicion.since = map(Deadline::Past, suspicion.since);
            suspicion.not_before = map(Deadline::Past, suspicion.not_before);
            suspicion.due_at = map(Deadline::Suspicion(*slot), suspicion.due_at);
            self.due.insert((suspicion.due_at, *slot));
        }
    }

    /// Returns who is suspected and in which incarnation, by slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, Incarnation)> + '_ {
        self.by_slot.iter().map(|(slot, suspicion)| (*slot, suspicion.incarnation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span { shortest: Duration::from_secs(5), longest: Duration::from_secs(30), confirmations: 3 };

    fn suspected() -> Suspicions {
        let mut suspicions = Suspicions::default();
        suspicions.begin(Time::ZERO, Slot::new(0), Incarnation::new(1), NodeId::new(1), SPAN);
        suspicions
    }

    #[test]
    fn each_confirmation_shortens_a_suspicion_and_the_last_makes_it_the_shortest() {
        let spans: Vec<Duration> = (0..5).map(|confirmations| SPAN.after(confirmations)).collect();
        assert_eq!(spans[0], SPAN.longest);
        assert_eq!(spans[1], Duration::from_millis(17_500));
        assert!(spans[2] < spans[1] && spans[2] > SPAN.shortest);
        assert_eq!(spans[3..], [SPAN.shortest; 2]);
    }

    #[test]
    fn an_accuser_counts_once() {
        let mut suspicions = suspected();
        for _ in 0..3 {
            assert_eq!(suspicions.confirm(Slot::new(0), Incarnation::new(1), NodeId::new(1)), Confirmed::No);
        }
        assert_eq!(suspicions.next_at(), Some(Time::ZERO + SPAN.longest));
    }

    #[test]
    fn a_suspicion_that_is_hastened_has_its_shortest_span_and_no_more_than_it_had() {
        let mut suspicions = suspected();
        suspicions.hasten(Slot::new(0));
        assert_eq!(suspicions.next_at(), Some(Time::ZERO + SPAN.shortest));
        suspicions.confirm(Slot::new(0), Incarnation::new(1), NodeId::new(2));
        assert_eq!(suspicions.next_at(), Some(Time::ZERO + SPAN.shortest));
    }

    #[test]
    fn whoever_confirms_a_suspicion_does_not_undo_that_it_was_postponed() {
        let (mut suspicions, until) = (suspected(), Time::from_millis(40_000));
        suspicions.postpone(until);
        suspicions.confirm(Slot::new(0), Incarnation::new(1), NodeId::new(2));
        assert_eq!(suspicions.next_at(), Some(until));
        suspicions.hasten(Slot::new(0));
        assert_eq!(suspicions.next_at(), Some(until));
    }

    #[test]
    fn an_accusation_of_another_incarnation_confirms_nothing() {
        let mut suspicions = suspected();
        assert_eq!(suspicions.confirm(Slot::new(0), Incarnation::new(0), NodeId::new(2)), Confirmed::No);
        assert_eq!(suspicions.confirm(Slot::new(0), Incarnation::new(2), NodeId::new(2)), Confirmed::No);
    }

    #[test]
    fn a_suspicion_of_a_later_incarnation_has_its_own_time() {
        let mut suspicions = suspected();
        let later = Time::from_millis(4_000);
        suspicions.begin(later, Slot::new(0), Incarnation::new(2), NodeId::new(2), SPAN);
        assert_eq!(suspicions.next_at(), Some(later + SPAN.longest));
        assert_eq!(suspicions.take_due(Time::ZERO + SPAN.longest), None);
        assert_eq!(suspicions.take_due(later + SPAN.longest), Some((Slot::new(0), Incarnation::new(2))));
    }

    #[test]
    fn what_was_postponed_is_due_at_that_instant() {
        let (mut suspicions, until) = (suspected(), Time::from_millis(40_000));
        suspicions.postpone(until);
        assert_eq!(suspicions.take_due(Time::ZERO + SPAN.longest), None);
        assert_eq!(suspicions.take_due(until), Some((Slot::new(0), Incarnation::new(1))));
        assert_eq!(suspicions, Suspicions::default());
    }

    #[test]
    fn time_in_which_the_member_did_not_run_does_not_count() {
        let mut suspicions = suspected();
        suspicions.stand_still(Duration::from_mins(5));
        assert_eq!(suspicions.next_at(), Some(Time::ZERO + Duration::from_mins(5) + SPAN.longest));
    }

    #[test]
    fn a_suspicion_that_is_postponed_over_and_over_ends_at_last() {
        let mut suspicions = suspected();
        for second in 1..1000 {
            let now = Time::from_millis(1000 * second);
            if suspicions.take_due(now).is_some() {
                return assert_eq!(now, Time::ZERO + SPAN.longest * POSTPONED_MAX);
            }
            suspicions.postpone(now + SPAN.shortest);
        }
        panic!("it never ends");
    }
}
