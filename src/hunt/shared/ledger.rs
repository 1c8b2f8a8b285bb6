//! Who was given which places, and until when they must be heard of: the ranges of a hunt, without a network or a clock.
//!
//! Every place is counted exactly once, whatever becomes of those who run it: it is either not handed out yet, or out on
//! lease, or waits to be handed out again, and whatever is none of these is done. A lease that nobody renews runs out,
//! and its range waits; a result that comes late counts if nobody else told the same range before. A range that cost its
//! holder again and again is given up, by name, so that one deadly seed does not eat all workers one by one. The process
//! that leads never takes up what cost a worker: should a run in it kill its process, the whole hunt would be lost. Such
//! a range waits for workers, and is given up if none took it by the end. What is kept is bounded by what is out, not by
//! what was done.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::time::Duration;

/// How long a holder may be silent before its range is handed out again: ten beats, so that neither a busy machine nor a
/// server that restarts costs work.
pub(super) const LEASE: Duration = Duration::from_secs(10);

/// How many holders a range may cost before it is given up; machines fail, but not so often over the same seeds.
pub(super) const LOSSES_MAX: u32 = 5;

/// How many ranges may be out at once: a hundred large machines.
const OUT_MAX: usize = 8_192;

/// How many ranges that were given up are kept by name; more are counted alone, for nobody looks into so many.
const GIVEN_UP_KEPT_MAX: usize = 1_000;

/// Which lease a range is out on; no two are alike.
pub(super) type LeaseId = u64;

/// Which worker.
pub(super) type WorkerId = u64;

/// Places next to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// The first.
    pub(super) from: u64,
    /// How many.
    pub(super) count: u64,
}

/// Who has a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// The process that leads, which needs no lease.
    Own,
    /// Whoever answers the offer.
    Offered,
    /// A worker.
    Worker(WorkerId),
}

/// A lease that ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) holder: Holder,
    pub(super) range: Range,
    /// Whether the range is given up.
    pub(super) is_given_up: bool,
}

/// What a result was good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts.
    Counts,
    /// Somebody else told it before, or is about to tell a part of it.
    Late,
}

/// A range on its way to being done.
#[derive(Clone, Debug)]
struct Piece {
    range: Range,
    /// Under which leases it was ever out; the last one may be running. At most one more than there may be losses.
    leases: Vec<LeaseId>,
    losses: u32,
    /// Whether it was lost, and not handed out since.
    is_lost: bool,
}

impl Piece {
    /// Whoever had it last is there, so it cost nobody.
    fn found(self) -> Self {
        let losses = self.losses.saturating_sub(u32::from(self.is_lost));
        Self { losses, is_lost: false, ..self }
    }
}

#[derive(Clone, Debug)]
struct Out {
    piece: Piece,
    holder: Holder,
    until: Duration,
    /// Whether it was lost before it was handed out on this lease.
    is_again: bool,
}

/// Where a range is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    /// Out on this lease.
    Out(LeaseId),
    /// This far from the head of those that wait.
    Waiting(usize),
}

/// All places of a hunt.
pub(super) struct Ledger {
    /// The first place that nobody was given.
    next: u64,
    /// Behind the last place.
    end: u64,
    /// How many places make a range.
    size: u64,
    leases: LeaseId,
    out: BTreeMap<LeaseId, Out>,
    /// What is handed out next, before anything new.
    waiting: VecDeque<Piece>,
    again: u64,
    late: u64,
    /// The first of those that were given up, and how many they are.
    given_up: Vec<Range>,
    given_up_count: u64,
}

impl Ledger {
    /// A hunt over so many places, or over places without end, in ranges of `size`.
    pub(super) fn new(places: Option<u64>, size: u64) -> Self {
        Self {
            next: 0,
            end: places.unwrap_or(u64::MAX),
            size: size.max(1),
            leases: 0,
            out: BTreeMap::new(),
            waiting: VecDeque::new(),
            again: 0,
            late: 0,
            given_up: Vec::new(),
            given_up_count: 0,
        }
    }

    /// Returns how many ranges were handed out again.
    pub(super) const fn again(&self) -> u64 {
        self.again
    }

    /// Returns how many results came late.
    pub(super) const fn late(&self) -> u64 {
        self.late
    }

    /// Returns the first ranges that were given up.
    pub(super) fn given_up(&self) -> &[Range] {
        &self.given_up
    }

    /// Returns how many ranges were given up.
    pub(super) const fn given_up_count(&self) -> u64 {
        self.given_up_count
    }

    /// Whether every place is done, or given up.
    pub(super) fn is_done(&self) -> bool {
        self.next >= self.end && self.waiting.is_empty() && self.out.is_empty()
    }

    /// Whether all that is left are ranges that cost a worker, and nobody works on one.
    pub(super) fn waits_for_workers(&self) -> bool {
        let is_at_rest = self.out.values().all(|out| out.holder == Holder::Offered);
        self.next >= self.end && is_at_rest && self.waiting.iter().all(|piece| piece.losses > 0)
    }

    /// Whether anybody but the process that leads holds a range.
    pub(super) fn is_awaited(&self) -> bool {
        self.out.values().any(|out| out.holder != Holder::Own)
    }

    /// Whether there is something to hand out.
    pub(super) fn has_more(&self) -> bool {
        self.out.len() < OUT_MAX && (self.next < self.end || !self.waiting.is_empty())
    }

    /// Takes a range for a worker that will be asked, until it had time to answer.
    pub(super) fn offer(&mut self, until: Duration) -> Option<(LeaseId, Range)> {
        let waits = (!self.waiting.is_empty()).then_some(0);
        self.hand_out(waits, self.size, Holder::Offered, until)
    }

    /// Takes one place for the process that leads: others wait at the end of a hunt, so its own share is small. What cost
    /// a worker is left to workers.
    pub(super) fn take_own(&mut self) -> Option<(LeaseId, u64)> {
        let waits = self.waiting.iter().position(|piece| piece.losses == 0);
        self.hand_out(waits, 1, Holder::Own, Duration::MAX).map(|(lease, range)| (lease, range.from))
    }

    /// A place that the process that leads took is done.
    pub(super) fn own_is_done(&mut self, lease: LeaseId) {
        self.out.remove(&lease);
    }

    /// Takes an offer back that nobody wanted.
    pub(super) fn take_back(&mut self, lease: LeaseId) {
        if self.out.get(&lease).is_some_and(|out| out.holder == Holder::Offered)
            && let Some(Out { mut piece, is_again, .. }) = self.out.remove(&lease)
        {
            if is_again {
                // It is with whoever lost it as before, who may yet be heard of.
                self.again -= 1;
                piece.is_lost = true;
                piece.leases.pop();
            }
            self.waiting.push_front(piece);
        }
    }

    /// A worker works on a range. Returns whether it should go on: not if the range is somebody else's by now.
    pub(super) fn renew(&mut self, lease: LeaseId, worker: WorkerId, now: Duration) -> bool {
        let until = now.saturating_add(LEASE);
        if let Some(out) = self.out.get_mut(&lease) {
            let may = matches!(out.holder, Holder::Offered) || out.holder == Holder::Worker(worker);
            if may {
                (out.holder, out.until) = (Holder::Worker(worker), until);
            }
            return may;
        }
        // Its word came late, but before anybody else had the range: what it did so far is not lost.
        let still_waits = |piece: &Piece| piece.leases.last() == Some(&lease);
        let Some(piece) = self.waiting.iter().position(still_waits).and_then(|at| self.waiting.remove(at)) else {
            return false;
        };
        self.out.insert(lease, Out { piece: piece.found(), holder: Holder::Worker(worker), until, is_again: false });
        true
    }

    /// Whether somebody may tell of this range on this lease.
    pub(super) fn awaits(&self, lease: LeaseId, worker: WorkerId, range: Range, done: u64) -> bool {
        self.find_told(lease, worker, range, done >= range.count).is_some()
    }

    /// A worker tells the first `done` places of a range that it was given.
    pub(super) fn told(&mut self, lease: LeaseId, worker: WorkerId, range: Range, done: u64) -> Verdict {
        let verdict = match self.remove_told(lease, worker, range, done >= range.count) {
            Some(piece) => {
                if done < range.count {
                    let rest = Range { from: range.from + done, count: range.count - done };
                    // Nothing went wrong with the rest: its worker was asked to end.
                    let piece = if piece.leases.last() == Some(&lease) { piece.found() } else { piece };
                    self.waiting.push_front(Piece { range: rest, leases: Vec::new(), ..piece });
                }
                Verdict::Counts
            }
            None => Verdict::Late,
        };
        self.late += u64::from(verdict == Verdict::Late);
        verdict
    }

    /// Looks for leases that ran out; their ranges wait to be handed out again.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<Lost> {
        let over: Vec<LeaseId> = self.out.iter().filter(|(_, out)| out.until <= now).map(|(lease, _)| *lease).collect();
        over.into_iter().filter_map(|lease| self.lose(lease)).collect()
    }

    /// Gives up what workers took and did not tell of: nothing comes any more.
    pub(super) fn end(&mut self) {
        for (_, Out { piece, holder, .. }) in mem::take(&mut self.out) {
            if piece.losses > 0 || matches!(holder, Holder::Worker(_)) {
                self.give_up(piece.range);
            }
        }
        for piece in mem::take(&mut self.waiting) {
            if piece.losses > 0 {
                self.give_up(piece.range);
            }
        }
    }

    fn give_up(&mut self, range: Range) {
        self.given_up_count += 1;
        if self.given_up.len() < GIVEN_UP_KEPT_MAX {
            self.given_up.push(range);
        }
    }

    fn lose(&mut self, lease: LeaseId) -> Option<Lost> {
        let Out { mut piece, holder, .. } = self.out.remove(&lease)?;
        let range = piece.range;
        // An offer that nobody answered says nothing about the range.
        piece.losses += u32::from(holder != Holder::Offered);
        let is_given_up = piece.losses >= LOSSES_MAX;
        if is_given_up {
            self.give_up(range);
        } else {
            piece.is_lost |= holder != Holder::Offered;
            self.waiting.push_back(piece);
        }
        Some(Lost { holder, range, is_given_up })
    }

    /// Hands out what waits at `waits`, or what is new.
    fn hand_out(
        &mut self,
        waits: Option<usize>,
        most: u64,
        holder: Holder,
        until: Duration,
    ) -> Option<(LeaseId, Range)> {
        if self.out.len() >= OUT_MAX {
            return None;
        }
        let mut is_again = false;
        let mut piece = if let Some(mut piece) = waits.and_then(|at| self.waiting.remove(at)) {
            is_again = mem::take(&mut piece.is_lost);
            self.again += u64::from(is_again);
            self.cut(piece, most)
        } else {
            if self.next >= self.end {
                return None;
            }
            let range = Range { from: self.next, count: most.min(self.end - self.next) };
            self.next += range.count;
            Piece { range, leases: Vec::new(), losses: 0, is_lost: false }
        };
        self.leases += 1;
        let (lease, range) = (self.leases, piece.range);
        // Of offers that were not taken there may be many; of those that were, the last ones matter.
        if piece.leases.len() > LOSSES_MAX as usize {
            piece.leases.remove(0);
        }
        piece.leases.push(lease);
        self.out.insert(lease, Out { piece, holder, until, is_again });
        Some((lease, range))
    }

    /// Cuts a range that is larger than asked for; the rest waits.
    fn cut(&mut self, mut piece: Piece, most: u64) -> Piece {
        if piece.range.count > most {
            let rest = Range { from: piece.range.from + most, count: piece.range.count - most };
            self.waiting.push_front(Piece { range: rest, leases: Vec::new(), ..piece.clone() });
            // Who holds all of it from before tells all of it or nothing, so none of the parts is theirs.
            (piece.range.count, piece.leases) = (most, Vec::new());
        }
        piece
    }

    /// Removes what a worker tells of.
    fn remove_told(&mut self, lease: LeaseId, worker: WorkerId, range: Range, is_whole: bool) -> Option<Piece> {
        match self.find_told(lease, worker, range, is_whole)? {
            Spot::Out(lease) => self.out.remove(&lease).map(|out| out.piece),
            Spot::Waiting(at) => self.waiting.remove(at),
        }
    }

    /// Finds what a worker tells of, wherever it is on its way.
    fn find_told(&self, lease: LeaseId, worker: WorkerId, range: Range, is_whole: bool) -> Option<Spot> {
        let is_it = |piece: &Piece| piece.range == range && piece.leases.contains(&lease);
        if let Some(out) = self.out.get(&lease) {
            let may = matches!(out.holder, Holder::Offered) || out.holder == Holder::Worker(worker);
            return (may && is_it(&out.piece)).then_some(Spot::Out(lease));
        }
        if let Some(at) = self.waiting.iter().position(is_it) {
            return Some(Spot::Waiting(at));
        }
        // Somebody else has it by now, and will be told to leave it.
        let again = self.out.iter().find(|(_, out)| is_whole && is_it(&out.piece));
        again.map(|(lease, _)| Spot::Out(*lease))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn range(from: u64, count: u64) -> Range {
        Range { from, count }
    }

    /// Offers a range and lets a worker take it.
    fn give(ledger: &mut Ledger, worker: WorkerId, now: Duration) -> (LeaseId, Range) {
        let (lease, range) = ledger.offer(now + SECOND).expect("there is something to hand out");
        assert!(ledger.renew(lease, worker, now));
        (lease, range)
    }

    #[test]
    fn ranges_follow_each_other_to_the_end_and_the_last_one_is_what_is_left() {
        let mut ledger = Ledger::new(Some(10), 4);
        let given: Vec<Range> = (0..3).map(|_| give(&mut ledger, 1, Duration::ZERO).1).collect();
        assert_eq!(given, [range(0, 4), range(4, 4), range(8, 2)]);
        assert_eq!(ledger.offer(SECOND), None);
        assert!(!ledger.is_done());
    }

    #[test]
    fn a_lease_that_runs_out_is_handed_out_again() {
        let mut ledger = Ledger::new(Some(4), 4);
        let (_, lost) = give(&mut ledger, 1, Duration::ZERO);
        assert_eq!(ledger.expire(SECOND), []);
        assert_eq!(ledger.expire(LEASE), [Lost { holder: Holder::Worker(1), range: lost, is_given_up: false }]);
        let (lease, again) = give(&mut ledger, 2, LEASE);
        assert_eq!(again, lost);
        assert_eq!(ledger.again(), 1);
        assert_eq!(ledger.told(lease, 2, again, 4), Verdict::Counts);
        assert!(ledger.is_done());
    }

    #[test]
    fn a_worker_that_is_heard_of_keeps_its_range_however_long_it_takes() {
        let mut ledger = Ledger::new(None, 4);
        let (lease, _) = give(&mut ledger, 1, Duration::ZERO);
        for beat in 1..100 {
            assert!(ledger.renew(lease, 1, SECOND * beat));
            assert_eq!(ledger.expire(SECOND * beat), []);
        }
    }

    #[test]
    fn a_late_result_of_a_range_that_somebody_else_did_is_counted_once() {
        let mut ledger = Ledger::new(Some(4), 4);
        let (first, it) = give(&mut ledger, 1, Duration::ZERO);
        ledger.expire(LEASE);
        let (second, _) = give(&mut ledger, 2, LEASE);
        assert_eq!(ledger.told(second, 2, it, 4), Verdict::Counts);
        assert_eq!(ledger.told(first, 1, it, 4), Verdict::Late);
        assert_eq!(ledger.told(second, 2, it, 4), Verdict::Late, "told twice, because the answer was lost");
        assert_eq!(ledger.late(), 2);
        assert!(ledger.is_done());
    }

    #[test]
    fn a_late_result_that_comes_first_counts_and_frees_who_does_it_again() {
        let mut ledger = Ledger::new(Some(4), 4);
        let (first, it) = give(&mut ledger, 1, Duration::ZERO);
        ledger.expire(LEASE);
        let (second, _) = give(&mut ledger, 2, LEASE);
        assert_eq!(ledger.told(first, 1, it, 4), Verdict::Counts);
        assert!(!ledger.renew(second, 2, LEASE), "it has nothing to do any more");
        assert_eq!(ledger.told(second, 2, it, 4), Verdict::Late);
        assert!(ledger.is_done());
    }

    #[test]
    fn a_worker_that_is_heard_of_before_its_range_has_another_holder_keeps_it() {
        let mut ledger = Ledger::new(Some(4), 4);
        let (lease, it) = give(&mut ledger, 1, Duration::ZERO);
        ledger.expire(LEASE);
        assert!(ledger.renew(lease, 1, LEASE));
        assert_eq!(ledger.offer(LEASE), None);
        assert_eq!(ledger.told(lease, 1, it, 4), Verdict::Counts);
    }

    #[test]
    fn an_offer_that_nobody_takes_costs_the_range_nothing() {
        let mut ledger = Ledger::new(Some(4), 4);
        for _ in 0..100 {
            let (lease, _) = ledger.offer(SECOND).expect("it is there again");
            ledger.take_back(lease);
        }
        let (lease, it) = ledger.offer(SECOND).expect("it is there again");
        assert_eq!(ledger.expire(SECOND), [Lost { holder: Holder::Offered, range: it, is_given_up: false }]);
        assert_eq!((ledger.again(), ledger.given_up()), (0, [].as_slice()));
        assert_eq!(ledger.told(lease, 3, it, 4), Verdict::Counts, "its answer was lost, its result was not");
    }

    #[test]
    fn what_a_worker_leaves_undone_is_handed_out_again_and_nothing_else() {
        let mut ledger = Ledger::new(Some(10), 10);
        let (lease, it) = give(&mut ledger, 1, Duration::ZERO);
        assert_eq!(ledger.told(lease, 1, it, 7), Verdict::Counts);
        assert_eq!(give(&mut ledger, 2, Duration::ZERO).1, range(7, 3));
        assert_eq!(ledger.again(), 0, "nobody was lost");
    }

    #[test]
    fn whoever_leads_never_takes_up_what_cost_a_worker() {
        let mut ledger = Ledger::new(Some(6), 4);
        let (_, deadly) = give(&mut ledger, 1, Duration::ZERO);
        ledger.expire(LEASE);
        let places: Vec<u64> = std::iter::from_fn(|| ledger.take_own()).map(|(_, place)| place).collect();
        assert_eq!(places, [4, 5], "new ground alone");
        assert!(!ledger.waits_for_workers(), "its own runs go on");
        (2..=3).for_each(|lease| ledger.own_is_done(lease));
        assert!(ledger.waits_for_workers() && ledger.has_more());
        assert_eq!(give(&mut ledger, 2, LEASE).1, deadly);
        assert!(!ledger.waits_for_workers() && ledger.again() == 1);
        ledger.expire(LEASE * 2);
        ledger.end();
        assert_eq!((ledger.given_up(), ledger.given_up_count()), ([deadly].as_slice(), 1));
        assert!(ledger.is_done());
    }

    #[test]
    fn whoever_leads_takes_up_what_a_worker_left_in_peace() {
        let mut ledger = Ledger::new(Some(4), 4);
        let (lease, it) = give(&mut ledger, 1, Duration::ZERO);
        assert_eq!(ledger.told(lease, 1, it, 1), Verdict::Counts);
        let places: Vec<u64> = std::iter::from_fn(|| ledger.take_own()).map(|(_, place)| place).collect();
        assert_eq!(places, [1, 2, 3]);
    }

    #[test]
    fn a_range_whose_worker_was_cut_off_for_a_while_cost_nobody() {
        let mut ledger = Ledger::new(Some(4), 4);
        let (lease, it) = give(&mut ledger, 1, Duration::ZERO);
        for outage in 1..=2 * LOSSES_MAX {
            let now = LEASE * outage;
            assert_eq!(ledger.expire(now), [Lost { holder: Holder::Worker(1), range: it, is_given_up: false }]);
            assert!(ledger.renew(lease, 1, now));
        }
        ledger.expire(LEASE * 100);
        let (offered, _) = ledger.offer(LEASE * 101).expect("it waits");
        ledger.take_back(offered);
        assert_eq!(ledger.again(), 0, "nobody took it");
        assert_eq!(ledger.told(lease, 1, it, 1), Verdict::Counts);
        assert_eq!(ledger.take_own().map(|(_, place)| place), Some(1));
    }

    #[test]
    fn what_a_worker_took_and_did_not_tell_of_by_the_end_is_given_up() {
        let mut ledger = Ledger::new(None, 4);
        let (_, taken) = give(&mut ledger, 1, Duration::ZERO);
        ledger.offer(SECOND).expect("there is more");
        ledger.take_own().expect("there is more");
        ledger.end();
        assert_eq!(ledger.given_up(), [taken], "what nobody began is no loss");
    }

    #[test]
    fn of_ranges_that_are_given_up_the_first_are_kept_and_all_are_counted() {
        let mut ledger = Ledger::new(None, 1);
        let ranges = GIVEN_UP_KEPT_MAX + 7;
        for _ in 0..ranges {
            give(&mut ledger, 1, Duration::ZERO);
        }
        ledger.end();
        assert_eq!((ledger.given_up().len(), ledger.given_up_count()), (GIVEN_UP_KEPT_MAX, ranges as u64));
    }

    #[test]
    fn only_what_is_out_or_waits_is_awaited() {
        let mut ledger = Ledger::new(Some(8), 4);
        let (lease, it) = give(&mut ledger, 1, Duration::ZERO);
        assert!(ledger.awaits(lease, 1, it, 4));
        assert!(!ledger.awaits(lease, 2, it, 4) && !ledger.awaits(lease + 1, 1, it, 4));
        assert!(!ledger.awaits(lease, 1, range(u64::MAX - 4, 4), 4));
        assert_eq!(ledger.told(lease, 1, it, 4), Verdict::Counts);
        assert!(!ledger.awaits(lease, 1, it, 4));
    }

    #[test]
    fn a_range_that_costs_every_worker_is_given_up_by_name() {
        let mut ledger = Ledger::new(Some(4), 4);
        for worker in 1..=u64::from(LOSSES_MAX) {
            give(&mut ledger, worker, LEASE * worker as u32);
            let lost = ledger.expire(LEASE * (worker as u32 + 1));
            assert_eq!(lost.len(), 1);
            assert_eq!(lost[0].is_given_up, worker == u64::from(LOSSES_MAX));
        }
        assert_eq!(ledger.given_up(), [range(0, 4)]);
        assert!(ledger.is_done());
    }

    #[test]
    fn nobody_tells_of_a_range_that_is_another_workers() {
        let mut ledger = Ledger::new(Some(8), 4);
        let (lease, it) = give(&mut ledger, 1, Duration::ZERO);
        assert!(!ledger.renew(lease, 2, SECOND));
        assert_eq!(ledger.told(lease, 2, it, 4), Verdict::Late);
        assert_eq!(ledger.told(lease + 7, 1, it, 4), Verdict::Late);
        assert_eq!(ledger.told(lease, 1, range(0, 3), 3), Verdict::Late);
        assert_eq!(ledger.told(lease, 1, it, 4), Verdict::Counts);
    }

    #[test]
    fn no_more_is_out_than_the_limit() {
        let mut ledger = Ledger::new(None, 4);
        let given = std::iter::from_fn(|| ledger.offer(SECOND)).take(OUT_MAX + 1).count();
        assert_eq!(given, OUT_MAX);
        assert_eq!(ledger.expire(SECOND).len(), OUT_MAX);
        assert_eq!(ledger.offer(SECOND).map(|(_, range)| range), Some(range(0, 4)), "what waits goes out first");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Offer(WorkerId),
        Own,
        Beat(usize),
        Tell(usize, u64),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1..4_u64).prop_map(Step::Offer),
            Just(Step::Own),
            (0..64_usize).prop_map(Step::Beat),
            (0..64_usize, 0..8_u64).prop_map(|(which, done)| Step::Tell(which, done)),
            (1..8_u64).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn every_place_is_counted_once_or_given_up_whatever_happens(steps in prop::collection::vec(step(), 0..200)) {
            const PLACES: u64 = 30;
            let mut ledger = Ledger::new(Some(PLACES), 4);
            let mut now = Duration::ZERO;
            let mut ever: Vec<(LeaseId, WorkerId, Range)> = Vec::new();
            let mut counted: Vec<u64> = Vec::new();
            for step in steps {
                match step {
                    Step::Offer(worker) => if let Some((lease, range)) = ledger.offer(now + SECOND) {
                        ledger.renew(lease, worker, now);
                        ever.push((lease, worker, range));
                    },
                    Step::Own => if let Some((lease, place)) = ledger.take_own() {
                        counted.push(place);
                        ledger.own_is_done(lease);
                    },
                    Step::Beat(which) => if let Some((lease, worker, _)) = ever.get(which) {
                        ledger.renew(*lease, *worker, now);
                    },
                    Step::Tell(which, done) => if let Some((lease, worker, range)) = ever.get(which) {
                        let done = done.min(range.count);
                        if ledger.told(*lease, *worker, *range, done) == Verdict::Counts {
                            counted.extend(range.from..range.from + done);
                        }
                    },
                    Step::Wait(seconds) => {
                        now += SECOND * seconds as u32;
                        ledger.expire(now);
                    }
                }
            }
            // Whoever is left ends it.
            ledger.expire(Duration::MAX);
            while let Some((lease, place)) = ledger.take_own() {
                counted.push(place);
                ledger.own_is_done(lease);
            }
            prop_assert!(ledger.waits_for_workers());
            ledger.end();
            prop_assert!(ledger.is_done());
            let given_up = ledger.given_up().iter().flat_map(|range| range.from..range.from + range.count);
            counted.extend(given_up);
            let different: BTreeSet<u64> = counted.iter().copied().collect();
            prop_assert_eq!(different.len(), counted.len(), "a place was counted twice: {:?}", counted);
            prop_assert_eq!(different, (0..PLACES).collect::<BTreeSet<u64>>());
        }
    }
}
