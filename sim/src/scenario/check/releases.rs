//! Checks against what a release promises: the feature levels that it speaks, and the clocks that its leases count on.
//!
//! A lease is safe while no clock drifts further than `clock_drift_max_ppm` says. A scenario that drifts further shows
//! nothing but that the operator was wrong, so it is refused rather than run.

use std::time::Duration;

use super::{Checker, DRIFT, LEVELS, Section, outside};
use crate::scenario::words::write_span;
use crate::scenario::{Cluster, Family, Swarm};

impl Checker<'_> {
    /// Checks that the processes of older releases exist and speak a level that there is.
    pub(super) fn levels(&mut self, cluster: &Cluster) {
        let processes: Vec<u16> = cluster.levels.keys().copied().collect();
        self.processes(Section::Cluster, "levels", &processes);
        for level in cluster.levels.values() {
            self.number(Section::Cluster, "levels", level.get(), &LEVELS);
        }
    }

    /// Checks that a clock runs, and drifts no further than leases allow.
    pub(super) fn drift(&mut self, section: Section, ppm: i32) {
        if !DRIFT.contains(&i64::from(ppm)) {
            return self.find(section, "ppm", outside("ppm", ppm, &DRIFT));
        }
        if let Some(bound) = self.drift_bound().filter(|bound| ppm.unsigned_abs() > *bound) {
            let message = format!(
                "ppm is {ppm}, but leases count on clocks that drift {bound} at most, as clock_drift_max_ppm says: \
                 drift less, or raise it"
            );
            self.find(section, "ppm", message);
        }
    }

    /// Checks that no clock leaps where leases count on clocks that drift within a bound.
    pub(super) fn leap(&mut self, section: Section, by: Duration) {
        if let Some(bound) = self.drift_bound() {
            let message = format!(
                "by is {}, but leases count on clocks that never leap and drift {bound} ppm at most, as \
                 clock_drift_max_ppm says: use `drift`",
                write_span(by)
            );
            self.find(section, "by", message);
        }
    }

    /// Checks that a swarm draws no leap or drift beyond what leases count on.
    pub(super) fn clocks_of_swarm(&mut self, swarm: &Swarm) {
        if let Some(bound) = self.drift_bound().filter(|_| swarm.families.contains(&Family::Clock)) {
            let message = format!(
                "families names `clock`, whose clocks leap and drift up to 50000 ppm, but leases count on {bound} at \
                 most, as clock_drift_max_ppm says: use `drift` steps"
            );
            self.find(Section::Swarm, "families", message);
        }
    }

    /// Returns how far clocks may drift in parts per million, where leases count on it.
    fn drift_bound(&self) -> Option<u32> {
        self.scenario.cluster.config.clock_drift_max_ppm
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::{Builder, Fault, Scenario, Swarm, Target, secs};
    use delian_core::FeatureLevel;

    fn with_leases() -> Builder {
        let scenario = Scenario::build("a-lease").about("Leases count on clocks.").at(secs(3));
        scenario.config(|config| config.clock_drift_max_ppm = Some(40_000))
    }

    fn refusal(builder: Builder) -> String {
        builder.finish().expect_err("it makes no sense").to_string()
    }

    #[test]
    fn a_drift_beyond_the_bound_of_leases_is_refused_with_both_numbers() {
        for ppm in [40_001, -40_001] {
            assert_eq!(
                refusal(with_leases().fault(Fault::Drift(Target::Everyone, ppm))),
                format!(
                    "a-lease: in the step drift at 3s: ppm is {ppm}, but leases count on clocks that drift 40000 at \
                     most, as clock_drift_max_ppm says: drift less, or raise it"
                )
            );
        }
        assert!(with_leases().fault(Fault::Drift(Target::Everyone, -40_000)).finish().is_ok());
    }

    #[test]
    fn a_clock_that_leaps_is_refused_where_there_are_leases() {
        assert_eq!(
            refusal(with_leases().fault(Fault::MonotonicJump(Target::Leader, secs(30)))),
            "a-lease: in the step monotonic-jump at 3s: by is 30s, but leases count on clocks that never leap and drift \
             40000 ppm at most, as clock_drift_max_ppm says: use `drift`"
        );
        assert!(refusal(with_leases().swarm(Swarm::default())).contains("families names `clock`"));
    }

    #[test]
    fn an_older_release_must_be_a_process_and_speak_a_level_that_there_is() {
        let build = || Scenario::build("old").about("Somebody is old.");
        assert_eq!(
            refusal(build().level(4, FeatureLevel::FIRST)),
            "old: in [cluster]: levels names process 4, but they are n1 to n3"
        );
        assert_eq!(
            refusal(build().level(3, FeatureLevel::new(9))),
            "old: in [cluster]: levels is 9, but must be from 1 to 2"
        );
    }
}
