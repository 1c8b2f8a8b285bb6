//! `delian balance`: what it compares, tells and refuses.

use crate::desk::Desk;

#[test]
fn policies_and_settings_are_listed_with_what_they_are() {
    let desk = Desk::new("balance-list");
    let listed = desk.delian("balance --list").with(0).says("Policies:\nrandom ").says("Settings:\nequal-70 ");
    assert!(listed.output.lines().count() > 20, "{}", listed.output);
    let one = desk.delian("balance --list --policy random --column dying --json").with(0).json();
    assert_eq!(one["policies"][0]["name"], "random");
    assert_eq!((one["policies"].as_array().map(Vec::len), one["columns"].as_array().map(Vec::len)), (Some(1), Some(1)));
}

#[test]
fn a_comparison_is_told_and_written_and_the_same_on_any_number_of_threads() {
    let desk = Desk::new("balance-small");
    let small = "balance --policy random --policy power-of-two-choices --column equal-70 --arrivals 20000 --seeds 2";
    let told = desk.delian(&format!("{small} --report one --jobs 1")).with(0);
    let told = told.says("equal-70").says("2 policies in 1 setting over 2 seeds: every rule holds");
    assert!(told.output.ends_with("See one/balance.md, balance.html and balance.json.\n"), "{}", told.output);
    let document = desk.delian(&format!("{small} --out two --jobs 3 --json")).with(0).json();
    assert_eq!((&document["ok"], &document["arrivals"], &document["seeds"]), (&true.into(), &20_000.into(), &2.into()));
    assert_eq!(document["cells"].as_array().map(Vec::len), Some(2));
    for file in ["balance.md", "balance.html", "balance.json"] {
        assert_eq!(desk.read(&format!("one/{file}")), desk.read(&format!("two/{file}")), "{file}");
    }
}

#[test]
fn a_broken_rule_is_a_finding() {
    let desk = Desk::new("balance-broken");
    // With a memory of a millisecond and services of a second it takes whoever it knows nothing of.
    let broken = "balance --policy power-of-two-choices --column half-speed-70-many --arrivals 20000 --seeds 1 \
                  --service-time 1s --decay 1ms --report out";
    desk.delian(broken).with(1).says("BROKEN in half-speed-70-many: The recommended policy").says("answered with no");
}

#[test]
fn bad_input_is_named() {
    let desk = Desk::new("balance-bad");
    desk.delian("balance --policy fastest").with(2).complains("there is no policy `fastest`; there are random,");
    desk.delian("balance --column none").with(2).complains("there is no setting `none`; there are equal-70,");
    desk.delian("balance --arrivals 10").with(2).complains("1000..=10000000");
    desk.delian("balance --service-time 1h").with(2).complains("must be from 1us to 10s");
    desk.delian("balance --decay 0s").with(2).complains("`--decay` is 0ns, but must be from 1ms to 3600s");
    desk.write("taken", "a file");
    desk.delian("balance --report taken").with(2).complains("cannot write the report to taken");
}
