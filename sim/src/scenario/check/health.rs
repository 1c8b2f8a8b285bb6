//! Checks of what concerns the health of nodes and their pool: nothing is silenced that never speaks.

use super::{Checker, SCORES, Section, outside};
use crate::scenario::settings::HEALTH_SETTINGS;
use crate::scenario::{Cluster, Family, Fault, Swarm};

/// Returns the part of a scenario that a field of the settings belongs to.
pub(super) fn section_of(field: &str) -> Section {
    let is_of_health = HEALTH_SETTINGS.iter().any(|(key, _)| *key == field);
    if is_of_health { Section::Health } else { Section::Config }
}

impl Checker<'_> {
    /// Checks what a cluster says about health and pools beside the settings themselves.
    pub(super) fn watched(&mut self, cluster: &Cluster) {
        if cluster.config.pools.is_some() {
            let message = "pools of the config must be left empty: the cluster says whether there is a pool";
            self.find(Section::Config, "pools", message.to_string());
        }
        if cluster.observers > 0 && !cluster.pool {
            let message = "observers need a pool, or nobody would hear of them: say pool = true";
            self.find(Section::Cluster, "observers", message.to_string());
        }
        if cluster.registers_again && cluster.config.health.is_none() {
            let message = "registers_again needs a [health]: nobody registers by itself without";
            self.find(Section::Health, "registers_again", message.to_string());
        }
    }

    /// Checks that a swarm silences nobody who never speaks.
    pub(super) fn health_of_swarm(&mut self, swarm: &Swarm) {
        if swarm.families.contains(&Family::Health) && self.scenario.cluster.config.health.is_none() {
            let message = "families names `health`, but nobody watches it: add a [health] section";
            self.find(Section::Swarm, "families", message.to_string());
        }
    }

    /// Checks that there is something to silence.
    pub(super) fn silence(&mut self, section: Section, fault: &Fault) {
        let cluster = &self.scenario.cluster;
        let (kind, is_of_pool) = (fault.kind(), matches!(fault, Fault::MutePool(_) | Fault::DeafenPool(_)));
        if is_of_pool && !cluster.pool {
            self.find(section, "fault", format!("`{kind}` needs a pool: say pool = true in [cluster]"));
        } else if !is_of_pool && cluster.config.health.is_none() {
            self.find(section, "fault", format!("`{kind}` needs heartbeats: add a [health] section"));
        }
        if let Fault::Score(_, score) = fault
            && !SCORES.contains(score)
        {
            self.find(section, "score", outside("score", score, &SCORES));
        }
    }
}

#[cfg(test)]
mod tests {
    use delian_core::health::HealthConfig;

    use crate::scenario::{Builder, Scenario, Swarm, Target, secs};

    use super::*;

    fn story() -> Builder {
        Scenario::build("a-fact").about("Somebody is silenced.").at(secs(5)).lasting(secs(5))
    }

    fn refusal(story: Builder) -> String {
        story.finish().expect_err("something is wrong").to_string()
    }

    #[test]
    fn nobody_is_silenced_who_never_speaks() {
        let mute = Fault::Mute(Target::Leader);
        assert_eq!(
            refusal(story().pool().fault(mute.clone())),
            "a-fact: in the step mute at 5s: `mute` needs heartbeats: add a [health] section"
        );
        let watched = || story().health(HealthConfig::default());
        assert_eq!(
            refusal(watched().fault(Fault::MutePool(Target::Leader))),
            "a-fact: in the step mute-pool at 5s: `mute-pool` needs a pool: say pool = true in [cluster]"
        );
        assert!(watched().fault(mute).finish().is_ok());
        let swarm = Swarm { families: vec![Family::Health], ..Swarm::default() };
        assert_eq!(
            refusal(story().swarm(swarm)),
            "a-fact: in [swarm]: families names `health`, but nobody watches it: add a [health] section"
        );
    }

    #[test]
    fn what_makes_no_sense_of_health_is_found_in_its_section() {
        let hasty = HealthConfig { beat_interval: secs(10), ..HealthConfig::default() };
        assert_eq!(
            refusal(story().health(hasty)),
            "a-fact: in [health]: silence_after is 30s, but must be above three beat_intervals of 10s: two heartbeats \
             may get lost"
        );
        assert_eq!(
            refusal(story().registers_again()),
            "a-fact: in [health]: registers_again needs a [health]: nobody registers by itself without"
        );
        let proud = Fault::Score(Target::Leader, 1001);
        assert_eq!(
            refusal(story().health(HealthConfig::default()).fault(proud)),
            "a-fact: in the step score at 5s: score is 1001, but must be from 0 to 1000"
        );
    }
}
