//! A queueing simulation of load balancers: how long requests stay, by policy and setting.
//!
//! Requests arrive at random (Poisson) at several balancers, each of which picks a server by a policy of
//! [`delian_core::balance`] with what it itself has seen and what servers report, late. A server works off its queue, first
//! come, first served, and how long a request takes is exponential with a mean of one service time. Some settings have
//! servers of half the speed, some that fail at once, and some that die in silence.
//!
//! What it does not have: messages take no time, a server works on one request at a time, and nobody retries. Policies
//! that decide by place or wrap others ([`Nearest`], [`SessionAffinity`], [`CapabilityAware`]) have no row: where servers are
//! alike they show nothing.
//!
//! To read it: a [`Column`] is a setting and a [`Policy`] who is compared; [`simulate`] runs one in the other from a seed;
//! a [`Study`] does so for many and estimates; [`judge`] says whether what is promised of the policies holds, also by
//! [`known`] numbers.
//!
//! [`Nearest`]: delian_core::balance::Nearest
//! [`SessionAffinity`]: delian_core::balance::SessionAffinity
//! [`CapabilityAware`]: delian_core::balance::CapabilityAware

mod settings;
mod column;
mod policy;
mod exponential;
mod server;
mod picker;
mod guarded;
mod reference;
mod by_reports;
mod world;
mod run;
mod estimate;
mod study;
mod dead_share;
mod known;
mod judge;
#[cfg(test)]
mod tests;

pub use self::column::{COLUMNS, Column, Guards, Sickness};
pub use self::dead_share::{DeadShare, Others, dead_shares};
pub use self::estimate::Estimate;
pub use self::judge::{Judged, judge};
pub use self::known::{Known, known, why_it_differs};
pub use self::policy::{Origin, POLICIES, Policy, RANDOM, RECOMMENDED};
pub use self::run::Run;
pub use self::settings::Settings;
pub use self::study::{Cell, Findings, Study};
pub use self::world::simulate;
