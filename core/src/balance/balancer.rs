//! Members and guards around any policy.
//!
//! It keeps who is there ([`Roster`]) and who of them may be asked: whoever is alive and not ejected. A pick then takes
//! these steps, none of which looks at all members:
//!
//! 1. *Panic.* If fewer than half of the members may be asked, all are, dead or not: the few would be overrun, and most
//!    likely it is the detector that is wrong.
//! 2. *Preference.* If the request prefers a region, or the balancer those who are near, the pick is narrowed to these for
//!    the share of picks that they can bear: 1.4 times the part of them that may be asked (as Envoy has it for priorities).
//!    So a region that loses its nodes sheds its load little by little.
//! 3. *The policy* picks.
//! 4. *Slow start.* Whoever is new gives way in part of its picks, and the policy picks again.
//!
//! Before all this, a [`Subset`] may leave only a few of all candidates as members. The balancer has no clock: deadlines
//! are state, [`Balancer::next_wake`] tells the next one, and a late wake does late what was due.

mod nearness;

use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::num::NonZeroUsize;
use core::time::Duration;

use self::nearness::Nearness;
use super::Strategy;
use super::choice::{Among, Choice, NoCandidate};
use super::context::{Context, Narrow, Request};
use super::dice::Dice;
use super::eligible::Eligible;
use super::health::{Answer, Health, Ratio};
use super::outliers::{Cause, OutlierConfig, Outliers, Verdict};
use super::reports::{Reception, Reports, STALE_AFTER};
use super::roster::{Candidate, Change, Proximity, Roster, RosterError, Seat, Slot};
use super::slow_start::{GIVING_WAY_MAX, SlowStart};
use super::subset::{Subset, Swap};
use crate::config::ConfigError;
use crate::ids::NodeId;
use crate::rng::Stream;
use crate::time::Time;

/// What an operator may set of the guards.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BalancerConfig {
    /// Below which part of the members those who may be asked are not relied on. Default 50 %; zero never panics.
    pub panic_below: Ratio,
    /// When nodes are ejected; none never ejects. Default as [`OutlierConfig`] says.
    pub outliers: Option<OutlierConfig>,
    /// How long it takes a newcomer to get its full share. Default 30 s; zero gives it at once.
    pub slow_start: Duration,
    /// Up to where a node counts as near and is preferred. Default none: where callers are spread other than servers,
    /// those who are near to many would get more than their share.
    pub near: Option<Proximity>,
    /// How many members the balancer of this node uses at most. Default none: all.
    pub subset: Option<(NodeId, NonZeroUsize)>,
    /// For how long what a node reports of its load counts for [`Request::load_max`]. Default 30 s.
    pub stale_after: Duration,
}

impl Default for BalancerConfig {
    fn default() -> Self {
        Self {
            panic_below: Ratio::HALF,
            outliers: Some(OutlierConfig::default()),
            slow_start: Duration::from_secs(30),
            near: None,
            subset: None,
            stale_after: STALE_AFTER,
        }
    }
}

/// Whether a node is held alive, by whoever detects failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Liveness {
    /// It may be asked.
    Alive,
    /// It may not.
    Dead,
}

/// What a balancer decided beside its picks, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A node is left alone for a while.
    Ejected {
        /// Which one.
        node: NodeId,
        /// For what.
        cause: Cause,
        /// Until when.
        until: Time,
    },
    /// A node would be ejected, but as many are as may be.
    Spared {
        /// Which one.
        node: NodeId,
        /// For what.
        cause: Cause,
    },
    /// An ejected node may be asked again.
    Restored(NodeId),
    /// So few may be asked that all are.
    PanicBegan {
        /// How many may be asked.
        eligible: usize,
        /// How many there are.
        members: usize,
    },
    /// Those who may be asked are enough again.
    PanicEnded,
    /// What a node said came behind something newer and was dropped.
    ReportDropped(NodeId),
}

/// A policy with its members and guards.
///
/// ```
/// use core::time::Duration;
/// use delian_core::balance::{
///     Answer, Balancer, BalancerConfig, Candidate, Health, Liveness, Outcome, PowerOfTwoChoices, PowerOfTwoConfig, Request,
/// };
/// use delian_core::{NodeId, Seed, Stream, Time};
///
/// let (now, mut events) = (Time::ZERO, Vec::new());
/// let mut stream = Stream::new(Seed::new(1), "balance");
/// let policy = PowerOfTwoChoices::new(&PowerOfTwoConfig::default(), &mut stream)?;
/// let mut balancer = Balancer::new(now, policy, BalancerConfig::default(), &mut stream)?;
/// for node in 1..=3 {
///     balancer.join(now, Candidate::new(NodeId::new(node)), &mut events)?;
/// }
/// balancer.set_liveness(now, NodeId::new(2), Liveness::Dead, &mut events);
///
/// // A request goes to the choice, and its end is told.
/// let choice = balancer.pick(now, &Request::default())?;
/// assert_ne!(choice.node, NodeId::new(2));
/// let answer = Answer { latency: Duration::from_millis(3), outcome: Outcome::Success };
/// balancer.report(now, choice.seat, &Health::Finished(answer), &mut events);
///
/// // Nobody else is asked in its place, if there is nobody.
/// let excluded = [NodeId::new(1), NodeId::new(3)];
/// let refusal = balancer.pick(now, &Request { excluded: &excluded, ..Request::default() }).unwrap_err();
/// assert_eq!(refusal.to_string(), "power-of-two-choices finds nobody among 3 members: 1 ineligible, 2 excluded");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Balancer<S> {
    policy: S,
    panic_below: Ratio,
    roster: Roster,
    subset: Option<Subset>,
    /// All members.
    everyone: Eligible,
    /// Those who are alive and not ejected.
    eligible: Eligible,
    /// Of all candidates, those who are not in the subset among them.
    dead: BTreeSet<NodeId>,
    reports: Reports,
    outliers: Option<Outliers>,
    slow_start: SlowStart,
    nearness: Nearness,
    is_panicking: bool,
    dice: Dice,
}

impl<S: Strategy> Balancer<S> {
    /// Returns a balancer without members.
    ///
    /// # Errors
    ///
    /// Returns the first number of `config` that makes no sense.
    pub fn new(now: Time, policy: S, config: BalancerConfig, stream: &mut Stream) -> Result<Self, ConfigError> {
        if let Some(outliers) = &config.outliers {
            outliers.check()?;
        }
        if config.stale_after == Duration::ZERO {
            return Err(ConfigError { field: "stale_after", problem: "is 0ns, but must be positive".to_string() });
        }
        Ok(Self {
            policy,
            panic_below: config.panic_below,
            roster: Roster::default(),
            subset: config.subset.map(|(owner, size)| Subset::new(owner, size)),
            everyone: Eligible::default(),
            eligible: Eligible::default(),
            dead: BTreeSet::new(),
            reports: Reports::new(config.stale_after),
            outliers: config.outliers.map(|outliers| Outliers::new(now, outliers)),
            slow_start: SlowStart::new(config.slow_start),
            nearness: Nearness::new(config.near),
            is_panicking: false,
            dice: Dice::new(stream),
        })
    }

    /// Takes in a candidate, alive.
    ///
    /// # Errors
    ///
    /// Refuses one that is there already, and one more than there is room for.
    pub fn join(&mut self, now: Time, candidate: Candidate, events: &mut Vec<Event>) -> Result<(), RosterError> {
        let swap = match &mut self.subset {
            Some(subset) => subset.join(candidate)?,
            None => Swap { leaves: None, enters: Some(candidate) },
        };
        self.swap(now, swap, events)
    }

    /// Replaces what is known of a candidate, such as its distance or weight.
    ///
    /// # Errors
    ///
    /// Refuses one that is not there.
    pub fn alter(&mut self, now: Time, candidate: Candidate) -> Result<(), RosterError> {
        let is_used = self.subset.as_mut().map_or(Ok(true), |subset| subset.alter(candidate))?;
        if !is_used {
            return Ok(());
        }
        let slot = self.roster.seat(candidate.node).ok_or(RosterError::Stranger(candidate.node))?.slot;
        let is_eligible = self.eligible.contains(slot);
        self.nearness.leave(self.roster.candidate(slot), is_eligible);
        self.roster.alter(candidate)?;
        self.nearness.join(&candidate, is_eligible);
        self.policy.follow(now, &self.roster, Change::Altered(slot));
        Ok(())
    }

    /// Lets a candidate go.
    ///
    /// # Errors
    ///
    /// Refuses one that is not there.
    pub fn leave(&mut self, now: Time, node: NodeId, events: &mut Vec<Event>) -> Result<(), RosterError> {
        let swap = match &mut self.subset {
            Some(subset) => subset.leave(node)?,
            None => Swap { leaves: Some(node), enters: None },
        };
        self.swap(now, swap, events)?;
        self.dead.remove(&node);
        Ok(())
    }

    /// Hears that a candidate is held alive or dead; of strangers there is nothing to hear.
    pub fn set_liveness(&mut self, now: Time, node: NodeId, liveness: Liveness, events: &mut Vec<Event>) {
        let is_news = match liveness {
            Liveness::Dead => self.is_candidate(node) && self.dead.insert(node),
            Liveness::Alive => self.dead.remove(&node),
        };
        if is_news && let Some(Seat { slot, .. }) = self.roster.seat(node) {
            if let Some(outliers) = &mut self.outliers {
                // The dead are no outliers, and leave room for those who are.
                outliers.forget(slot);
            }
            self.settle(now, slot);
            self.settle_panic(events);
        }
    }

    /// Takes a node for a request and counts the request as sent there: [`Health::Finished`] is to follow.
    ///
    /// # Errors
    ///
    /// Returns what kept each member out, if that leaves nobody.
    #[inline]
    pub fn pick(&mut self, now: Time, request: &Request<'_>) -> Result<Choice, NoCandidate> {
        let (set, narrow) = if self.is_panicking {
            (&self.everyone, Narrow::Anywhere)
        } else {
            (&self.eligible, self.nearness.narrow(request.region, &mut self.dice))
        };
        let context = Context::new(now, &self.roster, set, &self.reports, request);
        let (mut choice, context) = match self.policy.select(&context.narrowed(narrow)) {
            Ok(choice) => (choice, context.narrowed(narrow)),
            Err(_) if narrow != Narrow::Anywhere => (self.policy.select(&context)?, context),
            Err(refusal) => return Err(refusal),
        };
        let mut passed = [choice.seat.slot; GIVING_WAY_MAX];
        for count in 0..GIVING_WAY_MAX {
            let slot = choice.seat.slot;
            if choice.why.is_placed() || !self.slow_start.gives_way(now, slot, &mut self.dice) {
                break;
            }
            passed[count] = slot;
            let Ok(next) = self.policy.select(&context.without(&passed[..=count])) else { break };
            choice = next;
        }
        if self.is_panicking {
            choice.among = Among::Everyone;
        }
        self.policy.report(now, choice.seat.slot, &Health::Started);
        Ok(choice)
    }

    /// Hears how a member is; what is about a node that left is dropped.
    pub fn report(&mut self, now: Time, seat: Seat, health: &Health, events: &mut Vec<Event>) {
        if !self.roster.holds(seat) {
            return;
        }
        let slot = seat.slot;
        match health {
            Health::Started => {}
            Health::Finished(Answer { outcome, .. }) => {
                let members = self.roster.len();
                let lives = !self.dead.contains(&self.roster.candidate(slot).node);
                let outliers = self.outliers.as_mut().filter(|_| lives);
                let judged = outliers.and_then(|outliers| outliers.observe(now, slot, *outcome, members));
                if let Some(verdict) = judged {
                    self.execute(now, slot, verdict, events);
                    self.settle_panic(events);
                }
            }
            Health::Load(report) => match self.reports.take(now, slot, *report) {
                Reception::Taken => {}
                Reception::Reordered => {
                    return events.push(Event::ReportDropped(self.roster.candidate(slot).node));
                }
            },
        }
        self.policy.report(now, slot, health);
    }

    /// Does what is due.
    pub fn wake(&mut self, now: Time, events: &mut Vec<Event>) {
        self.restore(now, events);
        let members = self.roster.len();
        let verdicts = self.outliers.as_mut().map_or_else(Vec::new, |outliers| outliers.compare(now, members));
        for (slot, verdict) in verdicts {
            self.execute(now, slot, verdict, events);
        }
        self.settle_panic(events);
    }

    /// Returns from when on a wake does something.
    pub fn next_wake(&self) -> Time {
        self.outliers.as_ref().map_or(Time::NEVER, Outliers::next_at)
    }

    /// Returns the seat of a member, by which it is reported on.
    pub fn seat(&self, node: NodeId) -> Option<Seat> {
        self.roster.seat(node)
    }

    /// Returns the members.
    pub const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Returns those who are alive and not ejected.
    pub const fn eligible(&self) -> &Eligible {
        &self.eligible
    }

    /// Returns how many members are ejected.
    pub fn ejected(&self) -> usize {
        self.outliers.as_ref().map_or(0, Outliers::ejected)
    }

    /// Returns the policy.
    pub const fn policy(&self) -> &S {
        &self.policy
    }

    /// Returns the policy, such as to give it another ring. Members and health it hears of through the balancer alone.
    pub const fn policy_mut(&mut self) -> &mut S {
        &mut self.policy
    }

    /// Asserts what holds between any two calls: for tests and simulation.
    ///
    /// # Panics
    ///
    /// Panics if a bug broke an invariant.
    pub fn assert_invariants(&self) {
        let members: BTreeSet<Slot> = self.roster.slots().collect();
        let everyone: BTreeSet<Slot> = self.everyone.slots().iter().copied().collect();
        assert_eq!(members, everyone, "the set of all members is another one than the roster's");
        for slot in &members {
            let node = self.roster.candidate(*slot).node;
            let is_due = !self.dead.contains(&node) && !self.is_ejected(*slot);
            assert_eq!(self.eligible.contains(*slot), is_due, "{node} may be asked or not, and is not or is");
        }
        let eligible = self.eligible.len();
        assert!(eligible <= members.len(), "{eligible} of {} members may be asked", members.len());
        assert_eq!(self.is_panicking, self.panics(), "panic and {eligible} of {} do not agree", members.len());
        self.nearness.assert_counts(&self.roster, &self.eligible);
    }

    fn is_candidate(&self, node: NodeId) -> bool {
        self.roster.seat(node).is_some() || self.subset.as_ref().is_some_and(|subset| subset.is_spare(node))
    }

    fn swap(&mut self, now: Time, swap: Swap, events: &mut Vec<Event>) -> Result<(), RosterError> {
        if let Some(node) = swap.leaves {
            let slot = self.roster.leave(node)?;
            self.everyone.exclude(slot);
            let was_eligible = self.eligible.exclude(slot);
            self.slow_start.end(slot);
            self.nearness.leave(self.roster.candidate(slot), was_eligible);
            self.reports.forget(slot);
            if let Some(outliers) = &mut self.outliers {
                outliers.forget(slot);
            }
            self.policy.follow(now, &self.roster, Change::Left(slot));
        }
        if let Some(candidate) = swap.enters {
            let Seat { slot, .. } = self.roster.join(candidate)?;
            self.everyone.admit(slot);
            self.nearness.join(&candidate, false);
            self.policy.follow(now, &self.roster, Change::Joined(slot));
            self.settle(now, slot);
        }
        self.restore(now, events);
        self.settle_panic(events);
        Ok(())
    }

    /// Lets those come back whose ejection is over or one too many.
    fn restore(&mut self, now: Time, events: &mut Vec<Event>) {
        let members = self.roster.len();
        while let Some(slot) = self.outliers.as_mut().and_then(|outliers| outliers.restore(now, members)) {
            self.settle(now, slot);
            events.push(Event::Restored(self.roster.candidate(slot).node));
        }
    }

    fn execute(&mut self, now: Time, slot: Slot, verdict: Verdict, events: &mut Vec<Event>) {
        let node = self.roster.candidate(slot).node;
        events.push(match verdict {
            Verdict::Ejected(cause, until) => Event::Ejected { node, cause, until },
            Verdict::Spared(cause) => Event::Spared { node, cause },
        });
        self.settle(now, slot);
    }

    /// Admits a member or not, as it should be; whoever comes back warms up.
    fn settle(&mut self, now: Time, slot: Slot) {
        let candidate = self.roster.candidate(slot);
        if self.dead.contains(&candidate.node) || self.is_ejected(slot) {
            if self.eligible.exclude(slot) {
                self.nearness.lose(candidate);
                self.slow_start.end(slot);
            }
        } else if self.eligible.admit(slot) {
            self.nearness.gain(candidate);
            self.slow_start.begin(now, slot);
        }
    }

    fn is_ejected(&self, slot: Slot) -> bool {
        self.outliers.as_ref().is_some_and(|outliers| outliers.is_ejected(slot))
    }

    fn panics(&self) -> bool {
        let (eligible, members) = (self.eligible.len() as u64, self.roster.len() as u64);
        let (below, whole) = (u64::from(self.panic_below.millionths()), u64::from(Ratio::ALL.millionths()));
        eligible * whole < below * members
    }

    fn settle_panic(&mut self, events: &mut Vec<Event>) {
        let is_due = self.panics();
        if is_due != self.is_panicking {
            self.is_panicking = is_due;
            let (eligible, members) = (self.eligible.len(), self.roster.len());
            events.push(if is_due { Event::PanicBegan { eligible, members } } else { Event::PanicEnded });
        }
    }
}
