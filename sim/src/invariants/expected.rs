//! A pass means something only if what the scenario is about has happened. Judged when a run is over.

use super::Invariant;

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub struct Expected;

impl Invariant for Expected {
    const NAME: &'static str = "what-was-set-up-happened";
    const SENTENCE: &'static str = "The run did what the scenario set out to exercise, and ended as it says.";
}
