//! What a server gets that fell silent, under the rules of `ResourceAware`.
//!
//! All report alike, then one reports no more. Once its report is too old to count, the others report again, and picks are
//! counted.

use std::time::Duration;

use delian_core::balance::{
    Claim, LoadReport, Overload, Ratio, ReportNumber, ResourceAware, ResourceAwareConfig, Unknown,
};
use delian_core::{Boot, Seed, Stream, Time, WallTime};

use super::column::Guards;
use super::guarded::Guarded;
use super::picker::Picker;
use super::policy::candidates;
use super::server::Told;

/// How many picks are counted.
const PICKS: u64 = 400_000;

/// What the silent one of so many servers gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeadShare {
    /// How many servers there are, the silent one included.
    pub servers: usize,
    /// How the others are.
    pub others: Others,
    /// Its share of all picks where it scores one half, as is documented.
    pub documented: f64,
    /// Its share where it scores the average of the others.
    pub average: f64,
}

/// How those are that report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// 70 % of processors, memory and connections used, and a latency of 100 ms.
    Busy,
    /// 89.9 % used, and a latency of 500 ms: right below the thresholds.
    NearThresholds,
}

/// Counts what the silent one gets, of 10, 100 and 1,000 servers.
pub fn dead_shares() -> Vec<DeadShare> {
    let sizes = [10, 100, 1_000].into_iter();
    let all = sizes.flat_map(|servers| [Others::Busy, Others::NearThresholds].map(|others| (servers, others)));
    all.map(|(servers, others)| DeadShare {
        servers,
        others,
        documented: share(servers, others, Unknown::Half),
        average: share(servers, others, Unknown::AverageOfKnown),
    })
    .collect()
}

fn share(servers: usize, others: Others, unknown: Unknown) -> f64 {
    // Without exclusion: where one draws among equals, it must not depend on a threshold.
    let rules = ResourceAwareConfig { overload: Overload::Scored, unknown, ..ResourceAwareConfig::default() };
    let mut stream = Stream::new(Seed::new(0), "dead share");
    let policy = ResourceAware::new(rules, &mut stream).expect("the rules make sense");
    let mut balancer = Guarded::new(Box::new(policy), Guards::Off, candidates(servers, |_| 1_000), &mut stream);
    let silent_for = ResourceAwareConfig::default().stale_after + Duration::from_secs(1);
    let again_at = Time::ZERO + silent_for;
    for server in 0..servers {
        balancer.hear(Time::ZERO, server, &others.told(0));
    }
    for server in 1..servers {
        balancer.hear(again_at, server, &others.told(1));
    }
    let to_silent = (0..PICKS).filter(|number| balancer.pick(again_at, *number, &[]) == 0).count();
    to_silent as f64 / PICKS as f64
}

impl Others {
    /// Says how they are, in a line.
    pub fn about(self) -> &'static str {
        match self {
            Self::Busy => "70 % busy, 100 ms",
            Self::NearThresholds => "89.9 % busy, 500 ms",
        }
    }

    fn told(self, sequence: u64) -> Told {
        let (used, latency) = match self {
            Self::Busy => (700_000, Duration::from_millis(100)),
            Self::NearThresholds => (899_000, Duration::from_millis(500)),
        };
        let used = Ratio::of_millionths(used).expect("a part of the whole");
        let claim = Claim {
            number: ReportNumber { boot: Boot::ZERO, sequence },
            taken_at: WallTime::from_unix_millis(0),
            cpu_millionths: used.millionths().into(),
            memory_millionths: used.millionths().into(),
            // Of the 10,000 at which nothing is left of this part of the score.
            connections: i64::from(used.millionths() / 100),
            latency_nanos: i64::try_from(latency.as_nanos()).expect("less than a second"),
        };
        let load = LoadReport::new(claim).expect("each number is within its bounds");
        Told { load, span: Duration::ZERO, requests: 0, failures: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sicker_the_others_the_more_goes_to_the_silent_one_unless_it_scores_as_they_do() {
        // Scores are .42 and .1808, so one half is 11.7 % and 23.5 % of all that ten score.
        for (others, score) in [(Others::Busy, 0.42), (Others::NearThresholds, 0.1808)] {
            let documented = share(10, others, Unknown::Half);
            assert!((documented - 0.5 / (0.5 + 9.0 * score)).abs() < 0.002, "{documented}");
            assert!((share(10, others, Unknown::AverageOfKnown) - 0.1).abs() < 0.002);
        }
    }
}
