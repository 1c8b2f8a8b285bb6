//! What a hunt came to, for people and for programs.

use std::collections::BTreeMap;
use std::time::Duration;

use delian_sim::report::human::{grouped, plural, span};
use serde_json::{Map, Value, json};

use super::findings::Finding;
use crate::answer::{Answer, Problem};
use crate::screen;

/// What a hunt came to.
pub(super) struct Told {
    pub(super) runs: u64,
    pub(super) first_seed: u64,
    pub(super) scenarios: usize,
    pub(super) wall: Duration,
    pub(super) virtual_time: Duration,
    pub(super) findings: Vec<Finding>,
    /// What else there is to tell, in lines: of those who shared in it.
    pub(super) beside: String,
    /// The same, for programs.
    pub(super) fields: Map<String, Value>,
    /// Whether everything was run that was begun, and heard of.
    pub(super) is_whole: bool,
}

impl Told {
    pub(super) fn tell(&self, as_json: bool) -> Result<Answer, Problem> {
        let text = if as_json { format!("{:#}\n", self.to_json()) } else { self.to_text() };
        screen::say(&text)?;
        Ok(if self.is_ok() { Answer::Yes } else { Answer::No })
    }

    const fn is_ok(&self) -> bool {
        self.findings.is_empty() && self.is_whole
    }

    fn to_text(&self) -> String {
        let mut text = format!(
            "{} of {} from seed {} on, {} of virtual time in {}.\n{}",
            plural(self.runs, "run"),
            plural(self.scenarios as u64, "scenario"),
            self.first_seed,
            span(self.virtual_time),
            span(self.wall),
            self.beside,
        );
        if self.findings.is_empty() {
            text.push_str(if self.is_whole {
                "Every invariant held.\n"
            } else {
                "Every invariant held in what was run and heard of.\n"
            });
            return text;
        }
        let mut by_invariant: BTreeMap<&str, u64> = BTreeMap::new();
        for finding in &self.findings {
            let times = by_invariant.entry(&finding.invariant).or_default();
            *times = times.saturating_add(finding.times);
        }
        let broken = by_invariant.into_iter();
        text.extend(broken.map(|(invariant, times)| format!("{invariant} broke in {}.\n", plural(times, "run"))));
        let files = self.findings.iter().filter_map(|finding| finding.file.as_ref());
        text.extend(files.map(|file| format!("  cargo run --release -- replay {}\n", file.display())));
        text.extend([grouped(self.findings.len() as u64), " found.\n".to_string()]);
        text
    }

    fn to_json(&self) -> Value {
        let mut document = json!({
            "runs": self.runs,
            "scenarios": self.scenarios,
            "first_seed": self.first_seed,
            "wall_seconds": self.wall.as_secs_f64(),
            "virtual_seconds": self.virtual_time.as_secs_f64(),
            "findings": self.findings,
            "ok": self.is_ok(),
        });
        if let Value::Object(fields) = &mut document {
            fields.extend(self.fields.clone());
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hunt_with_gaps_does_not_say_that_all_is_well() {
        let whole = Told {
            runs: 7,
            first_seed: 1,
            scenarios: 1,
            wall: Duration::ZERO,
            virtual_time: Duration::ZERO,
            findings: Vec::new(),
            beside: String::new(),
            fields: Map::new(),
            is_whole: true,
        };
        assert!(whole.is_ok() && whole.to_text().ends_with("Every invariant held.\n"));
        let gaps = Told { is_whole: false, ..whole };
        assert!(!gaps.is_ok() && gaps.to_text().ends_with("Every invariant held in what was run and heard of.\n"));
        assert_eq!(gaps.to_json()["ok"], false);
    }
}
