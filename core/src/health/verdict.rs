//! In which condition a node is, as one who leads sees it: a pure function of the evidence.

use super::heartbeat::Score;
use super::settings::HealthSettings;
use super::silence::SilenceLevel;
use crate::condition::{Cause, Condition};

/// Whether anybody reaches the process, as the failure detector says. Whoever is merely suspected is reachable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// There is no failure detector, or it does not know the node.
    #[default]
    Unknown,
    /// It is a live member of a pool.
    Reachable,
    /// It is held dead.
    Unreachable,
}

/// What is known of a node when it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Evidence {
    /// For how long it has been silent, in levels.
    pub level: SilenceLevel,
    /// What its score counts for.
    pub score: Score,
    /// Whether anybody reaches it.
    pub reach: Reach,
    /// What the federation agreed on last.
    pub agreed: Condition,
}

impl Evidence {
    /// Judges the node: reachability goes before silence, and silence before what it said when it still spoke.
    pub fn judge(&self, settings: &HealthSettings) -> (Condition, Cause) {
        if self.reach == Reach::Unreachable {
            return (Condition::Unreachable, Cause::HeldDead);
        }
        if self.level > SilenceLevel::NONE {
            let failed = self.level >= settings.silence_levels;
            return (
                if failed { Condition::Silent } else { Condition::Degraded },
                Cause::Silence { level: self.level.get() },
            );
        }
        // Who was found degraded must do clearly better, or a score that trembles would be a change each time.
        let bound = if self.agreed == Condition::Degraded { settings.healthy_from } else { settings.degraded_below };
        if self.score < bound {
            return (Condition::Degraded, Cause::LowScore { permille: self.score.permille() });
        }
        (Condition::Healthy, Cause::Beats)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::settings;
    use super::*;
    use proptest::prelude::*;

    const GOOD: Evidence =
        Evidence { level: SilenceLevel::NONE, score: Score::BEST, reach: Reach::Reachable, agreed: Condition::Healthy };

    fn score(permille: u16) -> Score {
        Score::new(permille).unwrap()
    }

    #[test]
    fn each_condition_has_its_evidence() {
        let silent = |steps| Evidence { level: SilenceLevel::new(steps), ..GOOD };
        let judge = |evidence: Evidence| evidence.judge(&settings());
        assert_eq!(judge(GOOD), (Condition::Healthy, Cause::Beats));
        assert_eq!(judge(silent(1)), (Condition::Degraded, Cause::Silence { level: 1 }));
        assert_eq!(judge(silent(5)), (Condition::Silent, Cause::Silence { level: 5 }));
        let dead = Evidence { reach: Reach::Unreachable, ..silent(5) };
        assert_eq!(judge(dead), (Condition::Unreachable, Cause::HeldDead));
        let poor = Evidence { score: score(499), ..GOOD };
        assert_eq!(judge(poor), (Condition::Degraded, Cause::LowScore { permille: 499 }));
    }

    #[test]
    fn a_score_that_trembles_at_the_edge_is_one_change() {
        let mut agreed = Condition::Healthy;
        let mut changes = 0;
        for permille in [510, 490, 510, 490, 590, 480, 599, 600, 590, 510] {
            let (found, _) = Evidence { score: score(permille), agreed, ..GOOD }.judge(&settings());
            changes += usize::from(found != agreed);
            agreed = found;
        }
        assert_eq!((changes, agreed), (2, Condition::Healthy));
    }

    proptest! {
        #[test]
        fn no_score_that_a_node_gives_itself_makes_it_failed(permille in 0u16..=1000) {
            let (found, _) = Evidence { score: score(permille), ..GOOD }.judge(&settings());
            prop_assert!(found <= Condition::Degraded);
        }
    }
}
