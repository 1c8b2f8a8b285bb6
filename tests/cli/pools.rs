//! Scenarios of pools, which every subcommand takes like those of clusters.

use crate::desk::Desk;

/// Nobody crashes for good, so nobody may stay away.
const CALM: &str = "\
about = \"A member that crashed is one of them again.\"
[pool]
members = 5
seeds = 2
[run]
seeds_max = 3
[[step]]
at = \"5s..10s\"
for = \"5s..20s\"
fault = \"crash\"
[expect]
at_least = { restarts = 1 }
";

#[test]
fn a_pool_is_run_for_no_more_seeds_than_it_asks_for() {
    let desk = Desk::new("pools-sim");
    desk.write("pools/calm.toml", CALM);
    desk.delian("sim pools --seeds 50").with(0).says("ok  calm").says("1 scenario over 3 seeds: every invariant held.");
    desk.delian("scenarios pools").with(0).says("pools/calm.toml  5m  1.00min  A member that crashed");
}

#[test]
fn a_run_of_a_pool_is_told_and_traced() {
    let desk = Desk::new("pools-replay");
    desk.write("calm.toml", CALM);
    let told =
        desk.delian("replay calm.toml --seed 2").with(0).says("pool       5 members").says("plan       1 fault in");
    told.says("injected   crash").says("Every invariant held.");
    desk.delian("replay calm.toml --seed 2 --trace -").with(0).says("  m1    send     to m").says(" fault    crash m");
    desk.delian("replay calm.toml --seed 2 --fork 5s:plain:1").with(2).complains("a run of a pool does not fork");
}

#[test]
fn a_pool_that_fails_becomes_a_small_file_that_fails_alike() {
    let desk = Desk::new("pools-shrink");
    desk.write("red.toml", &CALM.replace("at_least = { restarts = 1 }", "at_most = { died = 0 }"));
    let told = desk.delian("shrink red.toml --seed 1 --out somebody-dies.toml").with(0);
    told.says("it breaks the same invariant").says("members          5").says("fault = \"crash\"");
    desk.delian("replay somebody-dies.toml").with(1).says("what-was-set-up-happened");
}
