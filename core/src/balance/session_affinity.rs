//! The same node for all requests of a session, for as long as it may be asked: around any policy.
//!
//! A session keeps its node through changes of load, weight and nearness, and loses it when the node leaves, may not be
//! asked or is excluded by the request; then the inner policy picks, and the session keeps that one. Sessions are kept in
//! a table of a fixed size: beyond it, whoever was silent for longest is forgotten, as is who is silent for too long.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use super::Strategy;
use super::choice::{Choice, NoCandidate, Why};
use super::context::{Context, Session};
use super::health::Health;
use super::roster::{Change, Roster, Seat, Slot};
use crate::time::Time;

/// How many sessions are remembered unless it is said otherwise: some 10 MiB.
const SESSIONS_MAX: usize = 1 << 16;
/// For how long a silent session is remembered unless it is said otherwise.
const SILENCE_MAX: Duration = Duration::from_mins(30);

/// Keeps sessions with the nodes that another policy picked for them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionAffinity<S> {
    inner: S,
    sessions_max: usize,
    silence_max: Duration,
    kept: BTreeMap<Session, Kept>,
    /// The same, the longest silent one first.
    silent: BTreeSet<(Time, Session)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kept {
    seat: Seat,
    heard_at: Time,
}

impl<S: Strategy> SessionAffinity<S> {
    /// Returns the policy around another one, with the default limits.
    pub const fn new(inner: S) -> Self {
        Self::with_limits(inner, SESSIONS_MAX, SILENCE_MAX)
    }

    /// Returns the policy around another one; it remembers so many sessions for so long.
    pub const fn with_limits(inner: S, sessions_max: usize, silence_max: Duration) -> Self {
        Self { inner, sessions_max, silence_max, kept: BTreeMap::new(), silent: BTreeSet::new() }
    }

    /// Returns how many sessions are remembered.
    pub fn sessions(&self) -> usize {
        self.kept.len()
    }

    /// Returns the policy inside, such as to give it another ring.
    pub const fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    fn keep(&mut self, now: Time, session: Session, seat: Seat) {
        if let Some(before) = self.kept.insert(session, Kept { seat, heard_at: now }) {
            self.silent.remove(&(before.heard_at, session));
        }
        self.silent.insert((now, session));
        while self.kept.len() > self.sessions_max {
            self.forget_first();
        }
        // One that is new forgets at most two that are old, so no pick pays for all of them at once.
        for _ in 0..2 {
            if self.silent.first().is_some_and(|(heard_at, _)| now.since(*heard_at) > self.silence_max) {
                self.forget_first();
            }
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, session)) = self.silent.pop_first() {
            self.kept.remove(&session);
        }
    }
}

impl<S: Strategy> Strategy for SessionAffinity<S> {
    fn name(&self) -> &'static str {
        "session-affinity"
    }

    fn follow(&mut self, now: Time, roster: &Roster, change: Change) {
        self.inner.follow(now, roster, change);
    }

    fn select(&mut self, context: &Context<'_>) -> Result<Choice, NoCandidate> {
        let named = |refusal| NoCandidate { policy: "session-affinity", ..refusal };
        let Some(session) = context.request.session else { return self.inner.select(context).map_err(named) };
        if let Some(Kept { seat, heard_at }) = self.kept.get(&session).copied()
            && context.now.since(heard_at) <= self.silence_max
            && context.roster.holds(seat)
            && context.may_keep(seat.slot)
        {
            self.keep(context.now, session, seat);
            return Ok(context.choice(seat.slot, Why::Kept));
        }
        let choice = self.inner.select(context).map_err(named)?;
        self.keep(context.now, session, choice.seat);
        Ok(choice)
    }

    fn report(&mut self, now: Time, node: Slot, health: &Health) {
        self.inner.report(now, node, health);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::fixtures::{Field, stream};
    use crate::balance::{Random, Request};
    use crate::ids::NodeId;

    fn policy() -> SessionAffinity<Random> {
        SessionAffinity::with_limits(Random::new(&mut stream()), 10, Duration::from_mins(1))
    }

    fn pick(field: &Field, policy: &mut SessionAffinity<Random>, session: u64) -> Choice {
        let request = Request { session: Some(Session(session)), ..Request::default() };
        policy.select(&field.context_of(&request)).unwrap()
    }

    #[test]
    fn a_session_keeps_its_node_until_that_may_not_be_asked() {
        let mut field = Field::of(50);
        let mut policy = policy();
        let first = pick(&field, &mut policy, 1);
        for _ in 0..50 {
            let again = pick(&field, &mut policy, 1);
            assert_eq!((again.node, again.why), (first.node, Why::Kept));
        }
        field.eligible.exclude(first.seat.slot);
        let second = pick(&field, &mut policy, 1);
        assert_ne!(second.node, first.node);
        field.eligible.admit(first.seat.slot);
        assert_eq!(pick(&field, &mut policy, 1).node, second.node, "it stays where it went");
    }

    #[test]
    fn a_successor_in_the_same_slot_does_not_inherit_sessions() {
        let mut field = Field::of(1);
        let mut policy = policy();
        pick(&field, &mut policy, 1);
        field.roster.leave(NodeId::new(0)).unwrap();
        field.join(crate::balance::Candidate::new(NodeId::new(7)));
        assert_eq!(pick(&field, &mut policy, 1).why, Why::Drawn);
    }

    #[test]
    fn the_longest_silent_session_gives_way_and_silence_ends_it() {
        let mut field = Field::of(1);
        let mut policy = policy();
        for session in 0..11 {
            field.now = Time::from_millis(session);
            pick(&field, &mut policy, session);
        }
        assert_eq!(policy.sessions(), 10);
        assert_eq!(pick(&field, &mut policy, 1).why, Why::Kept);
        assert_eq!(pick(&field, &mut policy, 0).why, Why::Drawn);
        field.now = Time::from_millis(100_000);
        assert_eq!(pick(&field, &mut policy, 1).why, Why::Drawn);
        for _ in 0..10 {
            pick(&field, &mut policy, 1);
        }
        assert_eq!(policy.sessions(), 1);
    }
}
