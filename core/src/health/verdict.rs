//! In which condition a node is, as one who leads sees it: a pure function of the evidence.

use core::fmt;

use super::heartbeat::Score;
use super::settings::HealthSettings;
use super::silence::SilenceLevel;

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

/// What speaks for a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It beats, and its score is good.
    Beats,
    /// Its own score is too low.
    LowScore(Score),
    /// It has been silent for this long.
    Silence(SilenceLevel),
    /// The failure detector holds it dead.
    HeldDead,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beats => f.write_str("it beats and its score is good"),
            Self::LowScore(score) => write!(f, "it gives itself {score} only"),
            Self::Silence(level) => write!(f, "its heartbeats stay away, {level}"),
            Self::HeldDead => f.write_str("the failure detector holds it dead"),
        }
    }
}

/// How a node fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Finding {
    /// It beats and keeps up.
    Healthy,
    /// It beats too late, or says itself that it does badly: it takes what nobody else can.
    Degraded,
    /// It has been silent for as long as a failure takes: it takes nothing new.
    Silent,
    /// Nobody reaches it: it takes nothing new.
    Unreachable,
    /// It is about to leave and takes nothing new, as was agreed on: nobody finds that, and nothing else is found of it.
    Leaving,
}

impl Finding {
    /// Returns whether whoever is in this condition has failed, by its silence or because nobody reaches it.
    pub const fn is_failed(self) -> bool {
        matches!(self, Self::Silent | Self::Unreachable)
    }
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
    pub agreed: Finding,
}

impl Evidence {
    /// Judges the node: reachability goes before silence, and silence before what it said when it still spoke.
    pub fn judge(&self, settings: &HealthSettings) -> (Finding, Reason) {
        if self.reach == Reach::Unreachable {
            return (Finding::Unreachable, Reason::HeldDead);
        }
        if self.level > SilenceLevel::NONE {
            let failed = self.level >= settings.silence_levels;
            return (if failed { Finding::Silent } else { Finding::Degraded }, Reason::Silence(self.level));
        }
        // Who was found degraded must do clearly better, or a score that trembles would be a change each time.
        let bound = if self.agreed == Finding::Degraded { settings.healthy_from } else { settings.degraded_below };
        if self.score < bound {
            return (Finding::Degraded, Reason::LowScore(self.score));
        }
        (Finding::Healthy, Reason::Beats)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::settings;
    use super::*;
    use proptest::prelude::*;

    const GOOD: Evidence =
        Evidence { level: SilenceLevel::NONE, score: Score::BEST, reach: Reach::Reachable, agreed: Finding::Healthy };

    fn score(permille: u16) -> Score {
        Score::new(permille).unwrap()
    }

    #[test]
    fn each_condition_has_its_evidence() {
        let silent = |steps| Evidence { level: SilenceLevel::new(steps), ..GOOD };
        let judge = |evidence: Evidence| evidence.judge(&settings());
        assert_eq!(judge(GOOD), (Finding::Healthy, Reason::Beats));
        assert_eq!(judge(silent(1)), (Finding::Degraded, Reason::Silence(SilenceLevel::new(1))));
        assert_eq!(judge(silent(5)), (Finding::Silent, Reason::Silence(SilenceLevel::new(5))));
        let dead = Evidence { reach: Reach::Unreachable, ..silent(5) };
        assert_eq!(judge(dead), (Finding::Unreachable, Reason::HeldDead));
        let poor = Evidence { score: score(499), ..GOOD };
        assert_eq!(judge(poor), (Finding::Degraded, Reason::LowScore(score(499))));
    }

    #[test]
    fn a_score_that_trembles_at_the_edge_is_one_change() {
        let mut agreed = Finding::Healthy;
        let mut changes = 0;
        for permille in [510, 490, 510, 490, 590, 480, 599, 600, 590, 510] {
            let (found, _) = Evidence { score: score(permille), agreed, ..GOOD }.judge(&settings());
            changes += usize::from(found != agreed);
            agreed = found;
        }
        assert_eq!((changes, agreed), (2, Finding::Healthy));
    }

    proptest! {
        #[test]
        fn no_score_that_a_node_gives_itself_makes_it_failed(permille in 0u16..=1000) {
            let (found, _) = Evidence { score: score(permille), ..GOOD }.judge(&settings());
            prop_assert!(found <= Finding::Degraded);
        }
    }
}
