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
        let (mut left, mut round) = (place, 0);
        loop {
            let taking_part: Vec<&Story> = self.stories.iter().filter(|story| story.seeds(u64::MAX) > round).collect();
            let columns = taking_part.len() as u64;
            // Until the first of them has had all its seeds, all rounds are alike: others choose places, so nothing here
            // goes round by round.
            let alike = taking_part.iter().map(|story| story.seeds(u64::MAX)).min()? - round;
            if left / columns < alike {
                let story = taking_part[(left % columns) as usize];
                return Some((story, self.first_seed.wrapping_add(round).wrapping_add(left / columns)));
            }
            left -= columns * alike;
            round += alike;
        }
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
        let seeds = self.stories.iter().map(|story| story.seeds(u64::MAX));
        let is_endless = seeds.clone().any(|seeds| seeds == u64::MAX);
        (!is_endless).then(|| seeds.fold(0, u64::saturating_add))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ground(limits: &[Option<u64>]) -> Ground {
        let story = |(number, limit): (usize, &Option<u64>)| {
            let limit = limit.map_or_else(String::new, |limit| format!("seeds_max = {limit}\n"));
            let text = format!("about = \"Nothing.\"\n[cluster]\nvoters = 1\n[run]\nchaos = \"1s\"\n{limit}");
            Story::from_toml(&text, &format!("s{number}.toml")).expect("it makes sense")
        };
        let stories = limits.iter().enumerate().map(story).collect();
        Ground::new(stories, 100, Guide::None).expect("there is something to draw")
    }

    fn at(ground: &Ground, place: u64) -> Option<(&str, u64)> {
        ground.at(place).map(|(story, seed)| (story.name(), seed))
    }

    /// The same, found by walking there.
    fn walked(ground: &Ground, rounds: u64) -> Vec<(&str, u64)> {
        let round = |round| {
            let taking_part = ground.stories.iter().filter(move |story| story.seeds(u64::MAX) > round);
            taking_part.map(move |story| (story.name(), 100 + round))
        };
        (0..rounds).flat_map(round).collect()
    }

    #[test]
    fn scenarios_take_turns_seed_by_seed_until_each_has_had_its_own() {
        for limits in [
            [Some(1), Some(3), Some(3)].as_slice(),
            &[Some(5), None, Some(2), None],
            &[None],
            &[Some(4)],
            &[Some(2), Some(1), Some(9), Some(9), Some(7)],
        ] {
            let ground = ground(limits);
            let walked = walked(&ground, 12);
            for (place, expected) in (0..).zip(&walked) {
                assert_eq!(at(&ground, place), Some(*expected), "place {place} of {limits:?}");
            }
            if !limits.contains(&None) {
                assert_eq!(at(&ground, walked.len() as u64), None, "{limits:?}");
            }
        }
    }

    #[test]
    fn a_place_however_far_is_found_at_once() {
        let far = u64::MAX / 2;
        let ends = ground(&[Some(far), Some(far - 1)]);
        assert_eq!(at(&ends, u64::MAX - 5), Some(("s0", far + 98)));
        assert_eq!(at(&ends, u64::MAX), None);
        let goes_on = ground(&[Some(far), None]);
        assert_eq!(at(&goes_on, u64::MAX - 1).map(|(name, _)| name), Some("s1"));
    }
}
