//! Scenarios of pools as people write them, and what they are told when something is wrong.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::pool::plan::PoolPlan;

fn read(text: &str) -> Result<PoolScenario, String> {
    PoolScenario::from_toml(text, "a-fact.toml").map_err(|error| error.to_string())
}

fn wrong(text: &str) -> String {
    read(&format!("about = \"It holds.\"\n{text}")).expect_err("something is wrong")
}

/// Every kind of fault, with all of its keys.
const EVERYTHING: &str = r#"
about = "It holds."
[pool]
members = 9
preloaded = false
seeds = 2
absent = 2
strangers = 3
tier = "wide"
fallback = "none"
probe_timeout = "2s"
relays_max = 7
[run]
chaos = "90s"
settle = "2m"
seeds_max = 20
rediscover = true
[network]
latency = "1ms..5ms"
loss = "1%"
duplicate = "2%"
replay = "0.5%"
[swarm]
faults = ["crash", "clone"]
interval = "5s"
lasting = "7s"
[[step]]
fault = "crash"
[[step]]
at = "1s..5s"
for = "1s..2s"
fault = "crash"
incarnation = "lost"
address = "new"
target = "10%"
[[step]]
at = "2s"
for = "1s"
fault = "replace"
target = "half"
[[step]]
at = "3s"
every = "5s"
times = 3
fault = "pause"
target = "all"
[[step]]
at = "4s"
fault = "block"
[[step]]
at = "4s"
fault = "block"
closed = "8.2s"
[[step]]
at = "5s"
fault = "partition"
target = ["m1", "m7"]
[[step]]
at = "6s"
fault = "one-way"
direction = "mute"
[[step]]
at = "7s"
fault = "flip-flop"
each = "15s"
[[step]]
at = "8s"
fault = "loss"
loss = "80%"
target = "some:2"
[[step]]
at = "9s"
fault = "slow"
by = "1s"
[[step]]
at = "9s"
fault = "slow-service"
takes = "20ms"
queue = 8
[[step]]
at = "10s"
fault = "join"
target = "m8"
[[step]]
at = "11s"
for = "5s"
fault = "leave"
[[step]]
at = "12s"
fault = "churn"
interval = "5s"
away = "4s"
[[step]]
at = "13s"
fault = "clone"
[[step]]
at = "14s"
fault = "rename"
to = "m1"
[[step]]
at = "15s"
fault = "metadata"
[[step]]
at = "16s"
fault = "broadcast"
[[step]]
at = "17s"
fault = "stray"
[[step]]
at = "18s"
fault = "replay"
replay = "50%"
[expect]
at_least = { restarts = 1, "fault.crash" = 1 }
at_most = { full = 0 }
suite = { yielded = 1 }
"#;

#[test]
fn what_was_written_reads_back_as_it_was() {
    let scenario = read(EVERYTHING).unwrap_or_else(|error| panic!("{error}"));
    let kinds: std::collections::BTreeSet<_> = scenario.steps.iter().map(|step| step.fault.kind()).collect();
    assert_eq!(kinds.len(), Fault::KINDS.len(), "a kind is missing in {kinds:?}");
    let text = scenario.to_toml();
    assert_eq!(read(&text), Ok(scenario), "{text}");
}

#[test]
fn regions_read_back_as_they_were_and_have_as_many_members_as_there_are() {
    let text = "about = \"It holds.\"\n\n[pool]\nseeds = 2\n\n[[region]]\nmembers = 5\ngateways = 2\n\n\
                [[region]]\nmembers = 4\ngateways = 1\n";
    let scenario = read(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((scenario.population.members, scenario.regions.len()), (9, 2));
    assert_eq!(scenario.to_toml(), text);
}

#[test]
fn a_scenario_says_only_what_is_not_usual() {
    let text = "about = \"It holds.\"\n\n[pool]\nmembers = 5\n";
    assert_eq!(read(text).map(|scenario| scenario.to_toml()), Ok(text.to_string()));
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_the_mend() {
    let told = [
        ("[pool]\nmembrs = 9\n", "a-fact.toml:3:1: [pool] has no `membrs`: did you mean `members`?"),
        ("[pool]\nmembers = 0\n", "members is 0, but must be from 1 to 4096"),
        ("[pool]\nmembers = 3\nseeds = 4\n", "a-fact.toml:4:9: seeds is 4, but must be from 1 to 3"),
        ("[pool]\nprobe_timeout = \"900ms\"\n", "probe_timeout is 900ms, but must be at most two thirds"),
        ("[pool]\n[[step]]\nfault = \"crsh\"\n", "there is no such fault: did you mean `crash`?"),
        ("[pool]\n[[step]]\nfault = \"stray\"\n", "nobody can stray: set `strangers` in [pool]"),
        ("[pool]\n[[step]]\nfault = \"join\"\n", "nobody is left to join: set `absent` in [pool]"),
        ("[pool]\n[[step]]\nfault = \"pause\"\ntarget = \"m9\"\n", "target is m9, but `pause` can hit m1 to m5"),
        ("[pool]\n[[step]]\nfault = \"pause\"\ntarget = \"some:6\"\n", "`pause` can hit from 1 to 5"),
        ("[pool]\n[[step]]\nfault = \"pause\"\ntarget = \"haf\"\n", "that is nobody: did you mean `half`?"),
        ("[pool]\n[[step]]\nat = \"61s\"\nfault = \"pause\"\n", "at is 61s, after the end of the chaos, 60s"),
        ("[pool]\n[[step]]\nfor = \"1s\"\nfault = \"metadata\"\n", "`metadata` happens at once and does not end"),
        ("[pool]\n[[step]]\nfault = \"slow-service\"\nqueue = 0\n", "must be from 1 to 65536"),
        ("[pool]\n[[step]]\nfault = \"block\"\nopen = \"64ms\"\n", "`open` needs `closed`"),
        ("[pool]\n[[region]]\nmembers = 3\ngateways = 4\n", "gateways is 4, but must be from 1 to 3"),
        ("[pool]\nseeds = 4\n[[region]]\nmembers = 3\n", "seeds is 4, but must be from 1 to 3"),
        ("[pool]\nmembers = 9\n[[region]]\nmembers = 3\n", "members is 9, but the regions have 3 in all"),
        ("[pool]\nstrangers = 1\n[[region]]\n", "strangers is 1, but regions have none"),
        ("[pool]\ntier = \"wide\"\n[[region]]\n", "tier is wide, but regions have local pools"),
        ("[pool]\n[expect]\nat_least = { yeilded = 1 }\n", "nothing counts `yeilded`: did you mean `yielded`?"),
        ("[pool]\n[workload]\n", "a scenario of a pool has no `workload`"),
    ];
    for (text, message) in told {
        let error = wrong(text);
        assert!(error.contains(message), "{text} is told as\n{error}");
    }
}

#[test]
fn every_kind_of_fault_that_a_plan_keeps_is_counted() {
    let taken_apart = ["flip-flop", "churn"];
    for kind in Fault::KINDS.into_iter().filter(|kind| !taken_apart.contains(kind)) {
        assert!(fact_names().any(|name| name.strip_prefix("fault.") == Some(kind)), "{kind} is not counted");
    }
}

fn handbook() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/pools/README.md");
    std::fs::read_to_string(path).expect("scenarios/pools/README.md is there")
}

#[test]
fn the_readme_shows_every_kind_of_fault_and_can_be_read() {
    let text = handbook();
    let snippets = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or(""));
    let mut shown = std::collections::BTreeSet::new();
    for snippet in snippets {
        let about = if snippet.contains("about =") { "" } else { "about = \"A snippet.\"\n" };
        let scenario = read(&format!("{about}{snippet}")).unwrap_or_else(|error| panic!("{error}\n\n{snippet}"));
        shown.extend(scenario.steps.iter().map(|step| step.fault.kind()));
    }
    assert_eq!(shown, std::collections::BTreeSet::from(Fault::KINDS));
}

#[test]
fn the_readme_names_every_setting_with_its_usual_value_and_every_fact() {
    let text = handbook();
    let section = text.split("## `[pool]`").nth(1).and_then(|rest| rest.split("```toml\n").nth(1));
    let shown = section.and_then(|rest| rest.split("```").next()).expect("it is there");
    for (key, _) in super::settings::SETTINGS {
        assert!(shown.contains(&format!("\n{key} = ")), "scenarios/pools/README.md does not show {key}");
    }
    let usual = read(&format!("about = \"As usual.\"\n{shown}")).expect("it was read before");
    let plain = PoolScenario {
        about: usual.about.clone(),
        path: usual.path.clone(),
        ..PoolScenario::plain("a-fact", Tier::Local)
    };
    assert_eq!(usual, plain);
    for (fact, counts) in FACTS {
        let row = format!("| `{fact}` | {counts} |");
        assert!(text.contains(&row), "scenarios/pools/README.md does not have the row\n{row}");
    }
}

proptest! {
    #[test]
    fn a_plan_saved_as_a_scenario_is_drawn_again_as_it_was(seed: u64, other: u64) {
        let scenario = Arc::new(read(EVERYTHING).expect("it makes sense"));
        let plan = PoolPlan::draw(&scenario, seed);
        prop_assert_eq!(&PoolPlan::draw(&scenario, seed), &plan);
        let saved = plan.to_scenario("saved", "What a seed drew.").to_toml();
        let read = PoolScenario::from_toml(&saved, "saved.toml");
        let read = read.map_err(|error| TestCaseError::fail(format!("{error}\n\n{saved}")))?;
        prop_assert_eq!(read.seed, Some(seed));
        prop_assert_eq!(PoolPlan::draw(&Arc::new(read), other).steps, plan.steps);
    }

    #[test]
    fn everything_that_is_drawn_happens_in_order_and_to_somebody(seed: u64) {
        let plan = PoolPlan::draw(&Arc::new(read(EVERYTHING).expect("it makes sense")), seed);
        prop_assert!(plan.steps.is_sorted_by_key(|step| step.at));
        for step in &plan.steps {
            prop_assert_eq!(step.at.least, step.at.most);
            prop_assert!(step.at.most <= plan.scenario.chaos);
            let named = matches!(&step.target, Target::These(members) if !members.is_empty());
            prop_assert!(named || step.fault.is_everywhere(), "{:?}", step);
        }
    }
}
