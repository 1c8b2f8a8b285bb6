//! The deterministic simulator of Delian: a scenario and a seed in; a trace, a verdict and a report out.
//!
//! To read it: a [`scenario`] is what a person writes and a [`plan`] is what a seed makes of it; [`world`] runs the real
//! nodes on a simulated network, disks and clocks while [`invariants`] watch; [`run`] turns one plan into an
//! [`outcome`], [`guide`] looks further from where a run got, [`fleet`] runs many on all cores, [`report`] says what came of it, and [`shrink`] makes a failure small.
//!
//! A [`pool`] is a world of its own, of very many members that do nothing but watch each other; a [`story`] is a
//! scenario of either kind.
//!
//! A scenario may run elsewhere, too: [`worlds`] has the border that the shipped code is driven through, and sets what came of
//! it beside what came of discrete events.
//!
//! A [`placement`] is a ring alone, as a person lists its nodes, and how evenly its keys lie.
//!
//! Beside all that, [`explore`] samples nothing: it visits every state that a small system can reach; and
//! [`abstract_trace`] lets a judge of another kind look at a run.
#![cfg_attr(
    not(feature = "explore"),
    expect(dead_code, reason = "the explorer asks more of invariants than a run does")
)]

pub mod scenario;
pub mod plan;
mod random;
mod fingerprint;
mod network;
pub mod links;
pub mod clock;
mod disk;
pub mod embedder;
pub mod trace;
pub mod trace_diff;
pub mod world;
pub mod traffic;
pub mod invariants;
pub mod linearizability;
pub mod outcome;
pub mod noticed;
mod panics;
pub mod run;
pub mod abstract_trace;
pub mod guide;
pub mod pool;
pub mod queueing;
pub mod placement;
pub mod story;
pub mod fleet;
pub mod report;
pub mod shrink;
pub mod worlds;
#[cfg(feature = "explore")]
pub mod explore;
