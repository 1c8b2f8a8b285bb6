//! What a run came to, as the program says it and as `cargo xtask madsim` reads it.

use std::time::Duration;

use delian_sim::outcome::Counts;
use delian_sim::scenario::Expectations;
use delian_sim::worlds::{Facts, WorldKind};
use serde_json::{Value, json};

use crate::ledger::Breach;

/// The result of one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The scenario, by its name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// What went wrong, if anything did.
    pub breach: Option<Breach>,
    /// What the run came to, as every world tells it.
    pub facts: Facts,
    /// The running fingerprint over every event with its simulated time.
    pub fingerprint: u64,
    /// How many events went into it.
    pub events: u64,
    /// Families of random faults that were left out, for this world lacks them.
    pub without: Vec<&'static str>,
    /// Facts that the scenario expects and that nobody counts here.
    pub unjudged: Vec<String>,
}

impl Verdict {
    /// Returns the verdict as one line of JSON.
    pub fn to_json(&self) -> Value {
        let millis = |span: Duration| span.as_micros() as f64 / 1e3;
        let breach = self.breach.as_ref().map(|breach| {
            let at = breach.at.as_nanos() as f64 / 1e9;
            json!({ "invariant": breach.invariant, "at_seconds": at, "facts": breach.facts })
        });
        let counts: serde_json::Map<String, Value> = self
            .facts
            .counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(fact, count)| (fact.to_owned(), count.into()))
            .collect();
        json!({
            "scenario": self.scenario,
            "seed": self.seed,
            "verdict": if self.breach.is_none() { "green" } else { "red" },
            "breach": breach,
            "counts": counts,
            "simulated_seconds": self.facts.lasted.as_secs_f64(),
            "settled_after_millis": self.facts.settled_after.map(millis),
            "fingerprint": format!("{:016x}", self.fingerprint),
            "events": self.events,
            "without": self.without,
            "unjudged": self.unjudged,
            "facts": self.facts,
        })
    }
}

/// Returns the facts that a scenario expects of each run and that nobody counts here.
pub fn unjudged(expect: &Expectations) -> Vec<String> {
    let facts = expect.at_least.keys().chain(expect.at_most.keys());
    facts.filter(|fact| !WorldKind::Madsim.counts(fact)).cloned().collect()
}

/// Returns what a run should have done and did not, a sentence each.
pub fn missed(expect: &Expectations, counts: &Counts) -> Vec<String> {
    let known = |(fact, _): &(&String, &u64)| WorldKind::Madsim.counts(fact);
    let too_few = expect.at_least.iter().filter(known).filter(|(fact, least)| counts.get(fact) < **least);
    let few = too_few.map(|(fact, least)| format!("{fact} is {}, at least {least} were expected", counts.get(fact)));
    let too_many = expect.at_most.iter().filter(known).filter(|(fact, most)| counts.get(fact) > **most);
    let many = too_many.map(|(fact, most)| format!("{fact} is {}, at most {most} were expected", counts.get(fact)));
    few.chain(many).collect()
}

#[cfg(test)]
mod tests {
    use delian_core::Time;
    use delian_sim::worlds::{Fate, Named, Reached};

    use super::*;

    #[test]
    fn what_nobody_counts_here_is_named_and_not_held_against_a_run() {
        let mut expect = Expectations::default();
        expect.at_least.extend([("elections".to_owned(), 2), ("replayed".to_owned(), 9)]);
        expect.at_most.insert("crashes".to_owned(), 0);
        let mut counts = Counts::default();
        counts.add("elections", 1);
        counts.add("crashes", 1);
        assert_eq!(unjudged(&expect), ["replayed"]);
        assert_eq!(missed(&expect, &counts).len(), 2);
        counts.add("elections", 1);
        assert_eq!(missed(&expect, &counts), ["crashes is 1, at most 0 were expected"]);
    }

    #[test]
    fn a_red_verdict_says_what_and_when() {
        let breach = Breach { invariant: "settles", at: Time::from_millis(1500), facts: vec!["so it is".to_owned()] };
        let verdict = Verdict {
            scenario: "a".to_owned(),
            seed: 7,
            breach: Some(breach),
            facts: Facts::new(WorldKind::Madsim),
            fingerprint: 255,
            events: 3,
            without: Vec::new(),
            unjudged: Vec::new(),
        };
        let said = verdict.to_json();
        assert_eq!((&said["verdict"], &said["breach"]["at_seconds"]), (&json!("red"), &json!(1.5)));
        assert_eq!(said["fingerprint"], "00000000000000ff");
    }

    #[test]
    fn facts_that_are_written_down_are_read_as_they_were() {
        let mut facts = Facts::new(WorldKind::Madsim);
        facts.leaders.insert(3, [1, 2].into());
        facts.fates.push(("5s register m11 through leader".to_owned(), Fate::Refused("busy".to_owned())));
        facts.subjects.insert(11, "healthy".to_owned());
        let reached = Reached { who: Named::Process(2), condition: "silent".to_owned() };
        facts.conditions.insert(reached, Duration::from_nanos(1_500_000_001));
        facts.settled_after = Some(Duration::from_millis(50));
        facts.counts.add("elections", 2);
        let written = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<Facts>(&written).unwrap(), facts);
    }

    #[test]
    fn counts_of_what_nobody_knows_are_refused_by_name() {
        let mut written = serde_json::to_value(Facts::new(WorldKind::Madsim)).unwrap();
        written["counts"] = json!({ "miracles": 1 });
        let refused = serde_json::from_value::<Facts>(written).unwrap_err();
        assert_eq!(refused.to_string(), "there is no fact miracles");
    }
}
