//! The explorer against systems whose numbers are known by other means.

mod checkpoints;
mod counts;
mod doubts;
mod graphs;
mod interruptions;
mod systems;

use std::ops::ControlFlow;

use super::*;

/// Searches all of a system, whatever is broken.
fn whole() -> Options {
    Options { on_breach: OnBreach::GoOn, ..Options::default() }
}

/// Searches up to so many states.
fn up_to(states_max: u64, on_breach: OnBreach) -> Options {
    Options { limits: Limits { states_max, ..Limits::default() }, on_breach, ..Options::default() }
}

fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
