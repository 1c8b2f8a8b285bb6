//! The table of the first experiment, which this simulation reproduces.
//!
//! It had one seed and averaged latencies by sample, a tenth of each answer, where the core's average forgets by time; it
//! counted as [`Run`](super::Run) does. Means and 99th percentiles are in service times. Rows and columns that it did not
//! have are not here.

/// What the first experiment measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    /// The mean time in the system.
    pub mean: f64,
    /// The time that 99 of 100 stayed below.
    pub p99: f64,
}

/// The settings of the first experiment, in its order.
const COLUMNS: [&str; 6] =
    ["equal-70", "equal-85", "equal-85-stale", "half-speed-70", "half-speed-85", "half-speed-70-many"];

/// By policy: the mean and the 99th percentile in each of these settings.
const ROWS: [(&str, [(f64, f64); 6]); 9] = [
    ("random", [(3.3, 15.0), (6.8, 33.0), (6.8, 33.0), (130.0, 1_229.0), (153.0, 1_676.0), (130.0, 1_229.0)]),
    ("round-robin", [(2.5, 10.0), (4.0, 17.0), (4.0, 17.0), (129.0, 1_242.0), (154.0, 1_704.0), (137.0, 1_288.0)]),
    ("power-of-two-choices", [(2.8, 11.0), (4.1, 14.0), (4.1, 14.0), (3.0, 13.0), (4.6, 17.0), (3.5, 16.0)]),
    ("resource-aware", [(24.6, 83.0), (130.0, 517.0), (352.0, 2_083.0), (28.7, 159.0), (125.0, 569.0), (28.7, 159.0)]),
    ("resource-aware-no-cliff", [(3.3, 15.0), (6.8, 30.0), (10.6, 94.0), (8.3, 75.0), (26.0, 241.0), (8.3, 75.0)]),
    (
        "best-score",
        [
            (1_325.0, 4_952.0),
            (1_006.0, 4_033.0),
            (524.0, 3_437.0),
            (1_391.0, 5_309.0),
            (962.0, 4_481.0),
            (1_391.0, 5_309.0),
        ],
    ),
    ("two-reported", [(9.0, 40.0), (17.0, 66.0), (118.0, 461.0), (11.8, 104.0), (19.0, 91.0), (11.8, 104.0)]),
    ("two-in-flight", [(2.4, 9.7), (3.5, 12.0), (3.5, 12.0), (3.5, 21.0), (5.3, 30.0), (11.2, 90.0)]),
    ("bound-two-true", [(1.6, 6.6), (2.2, 8.1), (2.2, 8.1), (2.0, 9.7), (2.8, 13.0), (2.0, 9.7)]),
];

/// Returns what the first experiment measured of a policy in a setting, if it did.
pub fn known(policy: &str, column: &str) -> Option<Known> {
    if policy == "bound-shortest" {
        // Of the bound by all queues it tells of equal servers alone.
        return match column {
            "equal-70" => Some(Known { mean: 1.0, p99: 4.6 }),
            "equal-85" | "equal-85-stale" => Some(Known { mean: 1.0, p99: 4.7 }),
            _ => None,
        };
    }
    let place = COLUMNS.iter().position(|name| *name == column)?;
    let (_, row) = ROWS.iter().find(|(name, _)| *name == policy)?;
    let (mean, p99) = row[place];
    Some(Known { mean, p99 })
}
