//! Determinism: without it no other finding can be shown again. Judged by running a seed twice, in two processes.

use super::Invariant;

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub struct EqualRuns;

impl Invariant for EqualRuns {
    const NAME: &'static str = "equal-seeds-give-equal-runs";
    const SENTENCE: &'static str = "A scenario and a seed give the same run, event for event, in every process.";
}
