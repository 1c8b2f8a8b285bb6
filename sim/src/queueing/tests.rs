//! Laws that hold of queues whoever draws the numbers, at a size that takes seconds.

use std::time::Duration;

use super::*;

const ARRIVALS: u64 = 40_000;

fn settings() -> Settings {
    Settings { arrivals: ARRIVALS, ..Settings::default() }
}

fn column(name: &str) -> Column {
    Column::named(name).expect("there is such a setting")
}

fn policy(name: &str) -> Policy {
    Policy::named(name).expect("there is such a policy")
}

fn study(policies: &[&str], columns: &[&str]) -> Study {
    let policies = policies.iter().map(|name| policy(name)).collect();
    Study { policies, columns: columns.iter().map(|name| column(name)).collect(), seeds: 5, settings: settings() }
}

fn run(study: Study) -> Findings {
    study.run(2, &|_, _| {})
}

fn mean(findings: &Findings, policy: &str, column: &str) -> f64 {
    findings.cell(policy, column).expect("it was run").mean.mean
}

#[test]
fn uniform_draws_over_equal_servers_are_queues_of_theory() {
    let findings = run(study(&["random"], &["equal-70"]));
    let cell = &findings.cells()[0];
    let theory = 1.0 / 0.3;
    assert!(cell.mean.covers(theory) && cell.mean.half_width < 0.3, "{:?} is not {theory}", cell.mean);
    // The time in an M/M/1 queue is exponential, so its 99th percentile is ln(100) times the mean.
    assert!((cell.p99.mean / (theory * f64::ln(100.0)) - 1.0).abs() < 0.1, "{:?}", cell.p99);
}

#[test]
fn draws_by_the_true_speeds_keep_slow_servers_stable() {
    // Each server is a queue of load .7, and 80 of 90 requests go to the fast ones.
    let theory = (80.0 + 10.0 * 2.0) / 90.0 / 0.3;
    let findings = run(study(&["random", "weighted-random"], &["half-speed-70"]));
    let told = mean(&findings, "weighted-random", "half-speed-70");
    assert!((told / theory - 1.0).abs() < 0.06, "{told} is not {theory}");
    assert!(mean(&findings, "random", "half-speed-70") > 3.0 * told);
}

#[test]
fn policies_rank_as_what_they_know() {
    let ranked = ["bound-shortest", "bound-two-true", "power-of-two-choices", "random", "resource-aware"];
    let findings = run(study(&ranked, &["equal-70"]));
    let means: Vec<f64> = ranked.iter().map(|name| mean(&findings, name, "equal-70")).collect();
    assert!(means.is_sorted(), "{means:?}");
    // Whoever knows all queues and has a hundred servers finds an idle one, almost always.
    assert!((0.97..1.06).contains(&means[0]), "{means:?}");
    assert!(judge(&findings).iter().all(|judged| judged.holds), "{:?}", judge(&findings));
}

#[test]
fn who_goes_by_old_reports_alone_sends_everyone_to_the_same_server() {
    let findings = run(study(&["best-score", "two-reported", "two-in-flight", "random"], &["equal-70"]));
    let of = |name| mean(&findings, name, "equal-70");
    assert!(of("best-score") > 20.0 * of("random"), "{}", of("best-score"));
    assert!(of("two-reported") > of("random") && of("two-in-flight") < of("random"));
}

#[test]
fn the_sick_get_their_share_of_whoever_counts_no_errors_and_hardly_anything_of_the_default() {
    let findings =
        run(study(&["random", "power-of-two-choices", "resource-aware"], &["failing", "dying", "dying-guarded"]));
    let sick = |policy, column| findings.cell(policy, column).expect("it was run").sick_share();
    assert!((0.009..0.011).contains(&sick("random", "failing")));
    assert!(sick("resource-aware", "failing") > 0.015, "the idle look healthy");
    assert!(sick("power-of-two-choices", "failing") < 0.001);
    assert!(sick("power-of-two-choices", "dying") < 0.02);
    assert!(sick("random", "dying-guarded") < sick("random", "dying") / 2.0, "ejection works for any policy");
    let failed = findings.cell("random", "dying").expect("it was run").failed_share();
    assert!(failed > 0.02, "requests to the dead time out: {failed}");
}

#[test]
fn who_comes_back_cold_drags_those_down_who_do_not_see_it_and_slow_start_spares_them() {
    let policies = ["random", "power-of-two-choices"];
    let mut study = study(&policies, &["equal-70", "rejoining", "rejoining-slowly"]);
    // The servers come back after 200 service times, and what they are late with shows for some hundred.
    (study.settings.arrivals, study.seeds) = (120_000, 2);
    let findings = run(study);
    let of = |policy, column| mean(&findings, policy, column);
    assert!(of("random", "rejoining") > 3.0 * of("random", "equal-70"), "the cold are slow");
    assert!(of("random", "rejoining-slowly") < of("random", "rejoining") / 2.0, "the cold are spared");
    assert!(of(RECOMMENDED, "rejoining-slowly") <= of(RECOMMENDED, "rejoining"));
    let share = |column| findings.cell("random", column).expect("it was run").sick_share();
    assert!(share("rejoining-slowly") < share("rejoining") && share("rejoining") < 0.1, "they were away");
}

#[test]
fn equal_seeds_give_equal_runs_whatever_the_threads_and_other_seeds_others() {
    let asked = || study(&["random", "power-of-two-choices", "resource-aware-stable"], &["equal-70", "dying-guarded"]);
    let (one, three) = (asked().run(1, &|_, _| {}), asked().run(3, &|_, _| {}));
    assert_eq!(one, three);
    let runs = &one.cells()[0].runs;
    assert_ne!(runs[0].fingerprint, runs[1].fingerprint);
}

/// Golden: a change here is one of behaviour, in the core or in the simulation.
#[test]
fn the_digest_of_a_known_run_never_moves() {
    let run = simulate(policy("power-of-two-choices"), column("dying-guarded"), &settings(), 7);
    assert_eq!(run.fingerprint, 0x0eff_ae8d_a0d0_5f0a, "{run:?}");
}

#[test]
fn all_policies_meet_the_same_requests() {
    let all = POLICIES.map(|policy| simulate(policy, column("equal-70"), &settings(), 3));
    for run in &all {
        assert_eq!((run.sent, run.sent_to_sick, run.failed), (ARRIVALS / 5 * 4, 0, 0));
        assert!(run.served <= run.sent && run.served + run.unanswered >= run.sent, "{run:?}");
    }
}

#[test]
fn what_a_service_takes_matters_only_beside_what_the_core_counts_in_seconds() {
    let of = |service| {
        let settings = Settings { service, ..settings() };
        simulate(policy("random"), column("equal-70"), &settings, 1).mean.as_secs_f64() / service.as_secs_f64()
    };
    let (short, long) = (of(Duration::from_millis(1)), of(Duration::from_millis(100)));
    assert!((short - long).abs() < 0.001, "{short} and {long}");
}
