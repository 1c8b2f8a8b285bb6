//! `delian hunt`.

use crate::desk::Desk;

#[test]
fn a_hunt_saves_what_it_finds_once_as_a_scenario_that_fails_again() {
    let desk = Desk::new("hunt");
    desk.write("found/.keep", "");
    let told = desk.delian("hunt red.toml --for 300ms --first-seed 7 --jobs 2 --save found --json").with(1).json();
    assert_eq!(told["ok"], false);
    assert!(told["runs"].as_u64() > Some(0));
    let findings = told["findings"].as_array().expect("a list");
    assert_eq!(findings.len(), 1, "one fault, however many seeds: {findings:#?}");
    assert_eq!(findings[0]["invariant"], "what-was-set-up-happened");
    let file = findings[0]["file"].as_str().expect("it was saved");
    desk.delian(&format!("replay {file}")).with(1).says("what-was-set-up-happened");
    assert!(desk.read(file).starts_with("# Found by `delian hunt`"), "every scenario begins with why it is there");
}

#[test]
fn a_hunt_that_finds_nothing_says_what_it_did() {
    let desk = Desk::new("hunt-green");
    let told = desk.delian("hunt scenarios/green.toml --for 200ms --first-seed 0 --guide none --save .").with(0);
    told.says("1 scenario from seed 0 on").says("Every invariant held.");
}

#[test]
fn a_hunt_refuses_before_it_begins() {
    let desk = Desk::new("hunt-refused");
    desk.delian("hunt scenarios/green.toml --for 1s --save nowhere").with(2).complains("there is no folder nowhere");
    desk.delian("hunt scenarios/green.toml --for soon").with(2).complains("soon");
    desk.delian("shrink red.toml --seed 7 --out pinned.toml").with(0);
    desk.delian("hunt pinned.toml --for 1s --save .").with(2).complains("pinned to a seed");
}

#[test]
#[cfg(not(feature = "nats"))]
fn a_program_without_the_feature_says_how_to_get_it() {
    let desk = Desk::new("hunt-without-nats");
    let refused = desk.delian("hunt scenarios/green.toml --nats nats://127.0.0.1:4222 --save .").with(2);
    refused.complains("built without the feature nats").complains("--features nats").says_nothing();
}

#[test]
fn what_only_a_shared_hunt_has_is_refused_in_others() {
    let desk = Desk::new("hunt-alone");
    desk.delian("hunt scenarios/green.toml --worker").with(2).complains("--nats");
    desk.delian("hunt --nats nats://127.0.0.1:1 --name a.b").with(2).complains("letters, digits");
    desk.delian("hunt --nats nats://127.0.0.1:1 --worker --first-seed 1").with(2).complains("--first-seed");
    desk.delian("hunt --nats nats://127.0.0.1:1 --range 257").with(2).complains("257");
}
