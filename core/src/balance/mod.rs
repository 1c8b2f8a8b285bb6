//! Who serves a request: one policy per file, all behind [`Strategy`].
//!
//! A policy takes one of those who may be asked, and says why; if there is nobody, it says what kept everyone out. It
//! never takes anyone else, whatever nodes claim of themselves. Members change by [`Change`]s when the topology does, who
//! may be asked is a set beside them ([`Eligible`]), and no pick compares lists. Decisions are made in integers from a
//! seed and the receiver's clock, so equal inputs lead to equal picks on every machine.
//!
//! What a policy goes by matters more than how cleverly. Picks by what nodes report herd: everybody sends everything to
//! whoever looked idle a report ago. Picks by what this node itself has in flight are stable, so
//! [`PowerOfTwoChoices`] is the one to begin with, and reports may only shift slow weights.
//!
//! The module refuses to know how nodes are found dead, where regions lie and how a distance comes about: all of it comes
//! in as plain data.
//!
//! To read it: [`roster`], [`eligible`], [`capabilities`] and [`health`] are the vocabulary; [`context`] and [`choice`]
//! are a pick's question and answer; then come the policies. [`SessionAffinity`] and [`CapabilityAware`] go around any of
//! them, and [`Balancer`] keeps members and guards around all of it: panic, ejection, slow start, nearness, subsets.

pub mod capabilities;
pub mod roster;
pub mod eligible;
pub mod health;
pub mod reports;
pub mod context;
pub mod choice;
pub mod dice;
mod sample;
pub mod lottery;
mod ewma;
mod random;
mod weighted_random;
mod round_robin;
mod weighted;
mod least_connections;
mod power_of_two;
mod nearest;
mod consistent_hash;
pub mod resource_aware;
mod capability_aware;
mod session_affinity;
pub mod outliers;
mod slow_start;
pub mod subset;
pub mod balancer;
#[cfg(test)]
mod fixtures;

pub use self::balancer::{Balancer, BalancerConfig, Event, Liveness};
pub use self::capabilities::{Capabilities, CapabilityError};
pub use self::capability_aware::CapabilityAware;
pub use self::choice::{Among, Choice, Filtered, NoCandidate, Why};
pub use self::consistent_hash::ConsistentHash;
pub use self::context::{Context, Narrow, Request, Session};
pub use self::dice::Dice;
pub use self::eligible::Eligible;
pub use self::health::{Answer, Claim, Health, Junk, LoadReport, Outcome, Ratio, ReportNumber};
pub use self::least_connections::LeastConnections;
pub use self::lottery::Lottery;
pub use self::nearest::Nearest;
pub use self::outliers::{Cause, OutlierConfig};
pub use self::power_of_two::{PowerOfTwoChoices, PowerOfTwoConfig};
pub use self::random::Random;
pub use self::reports::{Reception, Reports};
pub use self::resource_aware::{Failures, Overload, ResourceAware, ResourceAwareConfig, Shares, Unknown};
pub use self::roster::{Candidate, Change, MEMBERS_MAX, Proximity, Region, Roster, RosterError, Seat, Slot};
pub use self::round_robin::RoundRobin;
pub use self::session_affinity::SessionAffinity;
pub use self::subset::{Subset, Swap};
pub use self::weighted::Weighted;
pub use self::weighted_random::WeightedRandom;

use crate::time::Time;

/// A policy that takes one of those who may serve a request.
pub trait Strategy {
    /// Returns the policy's name, such as `round-robin`.
    fn name(&self) -> &'static str;

    /// Follows one change of the members, which the roster has seen already.
    fn follow(&mut self, now: Time, roster: &Roster, change: Change);

    /// Takes a node for a request. That it was sent there is reported when it was: another pick may replace this one.
    ///
    /// # Errors
    ///
    /// Returns what kept each member out, if that leaves nobody.
    fn select(&mut self, context: &Context<'_>) -> Result<Choice, NoCandidate>;

    /// Hears how the member in a slot is. What it cannot use it ignores.
    fn report(&mut self, now: Time, node: Slot, health: &Health);
}
