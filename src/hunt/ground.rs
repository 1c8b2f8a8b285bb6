//! What a hunt runs: scenarios seed by seed, each run at a place with a number.
//!
//! Whoever has the same scenarios, the same first seed and the same guide finds the same run at a place, so a hunt is
//! shared by numbers alone. The order is that of the scenarios' names, wherever their files are.

use delian_sim::guide::Guide;
use delian_sim::plan::Fork;
use delian_sim::story::Story;

use crate::answer::Problem;

/// Scenarios, and the seeds to run of them.
pub(super) struct Ground {
    stories: Vec<Story>,
    first_seed: u64,
    guide: Guide,
}

/// What was seen at a place.
pub(super) struct Look {
    /// How many runs there were: that of the seed, and those beside it.
    pub(super) runs: u64,
    /// How much virtual time passed in the seed's own run.
    pub(super) virtual_nanos: u64,
    /// What failed.
    pub(super) failures: Vec<Failed>,
}

/// A run that failed, of the seed at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    /// Where it left the run of the seed; none if it is that run.
    pub(super) forks: Vec<Fork>,
    /// What it broke.
    pub(super) invariant: &'static str,
    /// That, in one sentence.
    pub(super) sentence: &'static str,
}

impl Ground {
    /// Takes the scenarios that have something to draw.
    ///
    /// # Errors
    /// When none has.
    pub(super) fn new(mut stories: Vec<Story>, first_seed: u64, guide: Guide) -> Result<Self, Problem> {
        stories.retain(|story| story.seed().is_none());
        if stories.is_empty() {
            return Err(Problem::new(
                "all of these scenarios are pinned to a seed, so there is nothing to hunt: `delian sim` runs them",
            ));
        }
        stories.sort_by(|one, other| one.name().cmp(other.name()));
        Ok(Self { stories, first_seed, guide })
    }

    pub(super) const fn first_seed(&self) -> u64 {
        self.first_seed
    }

    /// Returns how many scenarios there are.
    pub(super) const fn scenarios(&self) -> usize {
        self.stories.len()
    }

    /// Returns the run at a place: seed by seed across all scenarios, those that want few seeds in the first rounds alone.
    pub(super) fn at(&self, place: u64) -> Option<(&Story, u64)> {
        let mut left = place;
        for round in 0.. {
            let taking_part = self.stories.iter().filter(|story| story.seeds(u64::MAX) > round);
            let columns = taking_part.clone().count() as u64;
            if columns == 0 {
                return None;
            }
            if columns == self.endless() {
                // From here on all rounds are alike.
                let story = taking_part.clone().nth((left % columns) as usize)?;
                return Some((story, self.first_seed.wrapping_add(round).wrapping_add(left / columns)));
            }
            if left < columns {
                return Some((taking_part.clone().nth(left as usize)?, self.first_seed.wrapping_add(round)));
            }
            left -= columns;
        }
        None
    }

    /// Runs a seed, and what the guide looks at beside it.
    pub(super) fn look(&self, story: &Story, seed: u64) -> Look {
        let explored = story.explore(seed, self.guide);
        let own = explored.trunk.violation.iter().map(|violation| (violation, Vec::new()));
        let branches = explored.branches.iter();
        let beside = branches.filter_map(|branch| Some((branch.violation.as_ref()?, branch.forks.clone())));
        let failures = own.chain(beside).map(|(violation, forks)| Failed {
            forks,
            invariant: violation.invariant,
            sentence: violation.sentence,
        });
        Look {
            runs: 1 + explored.branches.len() as u64,
            virtual_nanos: u64::try_from(explored.trunk.virtual_time.as_nanos()).unwrap_or(u64::MAX),
            failures: failures.collect(),
        }
    }

    /// Returns how many scenarios take part for ever.
    fn endless(&self) -> u64 {
        self.stories.iter().filter(|story| story.seeds(u64::MAX) == u64::MAX).count() as u64
    }
}

#[cfg(feature = "nats")]
impl Ground {
    /// The same scenarios, from the first seed and with the guide that somebody else has.
    pub(super) fn shared(&self, first_seed: u64, guide: Guide) -> Self {
        Self { stories: self.stories.clone(), first_seed, guide }
    }

    pub(super) const fn guide(&self) -> Guide {
        self.guide
    }

    pub(super) fn stories(&self) -> &[Story] {
        &self.stories
    }

    /// Returns how many places there are; nothing if they have no end.
    pub(super) fn places(&self) -> Option<u64> {
        let seeds = || self.stories.iter().map(|story| story.seeds(u64::MAX));
        (self.endless() == 0).then(|| seeds().fold(0, u64::saturating_add))
    }
}
