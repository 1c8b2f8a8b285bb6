//! `delian shrink`.

use crate::desk::Desk;

#[test]
fn the_small_story_is_a_file_that_breaks_the_same_invariant() {
    let desk = Desk::new("shrink");
    let ended = desk.delian("shrink red.toml --seed 7 --out too-many-elections.toml").with(0);
    ended
        .says("it breaks the same invariant")
        .says("faults           1       0")
        .says("processes        3       1")
        .says("cargo run --release -- replay too-many-elections.toml --seed 7")
        .says("voters = 1");
    desk.delian("replay too-many-elections.toml").with(1).says("what-was-set-up-happened");
    desk.delian("sim too-many-elections.toml").with(1);
}

#[test]
fn a_seed_that_breaks_nothing_cannot_be_shrunk() {
    let desk = Desk::new("shrink-green");
    desk.delian("shrink scenarios/green.toml --seed 7 --out small.toml").with(2).complains("breaks nothing");
    assert!(!desk.has("small.toml"), "nothing was written");
}

#[test]
fn a_file_is_overwritten_only_by_force() {
    let desk = Desk::new("shrink-force");
    desk.write("small.toml", "precious");
    desk.delian("shrink red.toml --seed 7 --out small.toml").with(2).complains("small.toml exists");
    assert_eq!(desk.read("small.toml"), "precious");
    desk.delian("shrink red.toml --seed 7 --out small.toml --force").with(0);
    assert_ne!(desk.read("small.toml"), "precious");
}

#[test]
fn a_name_that_no_scenario_can_have_is_refused_before_the_search() {
    let desk = Desk::new("shrink-name");
    desk.delian("shrink red.toml --seed 7 --out Small_Story.toml").with(2).complains("Small_Story");
    desk.delian("shrink red.toml --seed 7 --out small").with(2).complains("does not end in .toml");
    desk.delian("shrink red.toml --seed 7 --out no/such/small.toml").with(2).complains("there is no such folder");
}
