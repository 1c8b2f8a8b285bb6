//! What the pages of a small study say.

use super::*;
use crate::queueing::{COLUMNS, POLICIES, Settings};

fn sample(seeds: u64) -> Balance {
    let study = Study {
        policies: POLICIES.to_vec(),
        columns: vec![COLUMNS[0], COLUMNS[3], COLUMNS[6], COLUMNS[10], COLUMNS[11]],
        seeds,
        settings: Settings { arrivals: 2_000, ..Settings::default() },
    };
    Balance::new(study.run(2, &|_, _| {}))
}

#[test]
fn every_page_tells_of_every_policy_and_setting() {
    let balance = sample(2);
    let pages = [to_markdown(&balance), to_terminal(&balance), html::page(&balance), to_json(&balance).to_string()];
    for page in &pages {
        for name in POLICIES.map(|policy| policy.name).into_iter().chain([
            "equal-70",
            "half-speed-70",
            "failing",
            "rejoining-slowly",
            "89.9 % busy",
        ]) {
            assert!(page.contains(name), "{name} is missing in\n{page}");
        }
    }
    assert_eq!(html::page(&balance).matches("<svg").count(), 5);
    assert!(pages.iter().take(3).all(|page| page.contains(" % to the sick")), "{}", pages[0]);
}

#[test]
fn equal_studies_give_equal_bytes() {
    let (one, other) = (sample(2), sample(2));
    assert_eq!(to_markdown(&one), to_markdown(&other));
    assert_eq!(html::page(&one), html::page(&other));
    assert_eq!(to_json(&one), to_json(&other));
}

#[test]
fn a_broken_rule_is_told_everywhere() {
    let mut balance = sample(1);
    balance.judged.truncate(1);
    balance.judged[0].holds = false;
    assert!(!balance.ok());
    assert!(to_markdown(&balance).contains("| BROKEN |"));
    assert!(to_terminal(&balance).contains("BROKEN in equal-70"));
    assert!(html::page(&balance).contains("A rule is broken"));
    assert_eq!(to_json(&balance)["ok"], false);
}

#[test]
fn numbers_keep_three_digits_and_one_seed_has_no_interval() {
    assert_eq!(
        [1.0, 2.634, 9.996, 24.04, 99.96, 1_325.4].map(digits),
        ["1.00", "2.63", "10.0", "24.0", "100", "1,325"]
    );
    assert_eq!(estimated(&Estimate { mean: 2.634, half_width: 0.0241 }), "2.63 ±0.02");
    assert_eq!(estimated(&Estimate { mean: 130.2, half_width: 4.1 }), "130 ±5");
    assert_eq!(estimated(&Estimate { mean: 2.0, half_width: f64::INFINITY }), "2.00");
}
