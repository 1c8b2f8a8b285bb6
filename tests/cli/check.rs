//! `delian check`: what it explores, tells and refuses.

use crate::desk::Desk;

#[test]
fn models_are_listed_with_what_they_are_about() {
    let desk = Desk::new("check-list");
    let ended = desk.delian("check --list").with(0).says("replication ").says("reads-links").says("deep");
    assert!(ended.output.lines().count() >= 20, "{}", ended.output);
    desk.delian("check no-such-model").with(2).complains("there is no model `no-such-model`; there are elections-3,");
}

#[test]
fn a_model_that_is_explored_whole_is_green_and_one_that_is_not_says_so() {
    let desk = Desk::new("check-sessions");
    let whole = desk.delian("check sessions --json --report out").with(0).json();
    let model = &whole["models"][0];
    assert_eq!((&model["name"], &model["complete"], &model["ok"]), (&"sessions".into(), &true.into(), &true.into()));
    assert_eq!(model["goals"]["a repeated command is told apart"], true);
    assert!(desk.has("out/check.md") && desk.has("out/check.json"), "the reports are written");
    assert!(!desk.has("out/sessions.path"), "nothing is broken, so there is no path to follow");
    let part = desk.delian("check sessions --max-states 1000 --report out").with(1);
    part.says("stopped at the limit of 1000 states: not every state was met");
}

#[test]
fn states_that_differ_by_names_alone_are_one_unless_they_are_told_apart() {
    let desk = Desk::new("check-names");
    let explored = |options: &str| {
        let told = desk.delian(&format!("check elections-3 --json --report out{options}")).with(0).json();
        let model = &told["models"][0];
        (model["symmetry"].as_bool(), model["unique_states"].as_u64(), model["depth"].as_u64())
    };
    let (one, apart) = (explored(""), explored(" --no-symmetry"));
    assert_eq!((one.0, apart.0, one.2), (Some(true), Some(false), apart.2));
    let (one, apart) = (one.1.expect("a number"), apart.1.expect("a number"));
    assert!(5 * one < apart && apart < 6 * one, "{one} and {apart}");
    let listed = desk.delian("check --list --json").with(0).json();
    let of = |name: &str| {
        let models = listed["models"].as_array().expect("a list");
        models.iter().find(|model| model["name"] == name).map(|model| model["symmetry"].clone())
    };
    assert_eq!((of("elections-3"), of("replication")), (Some(true.into()), Some(false.into())));
    desk.delian("check elections-3 --list").with(0).says("states but for the names of nodes.");
}

#[test]
fn a_path_is_followed_step_by_step_and_a_wrong_one_is_refused_by_its_step() {
    let desk = Desk::new("check-replay");
    desk.write("some.path", "# the first steps\n0 # whatever comes first\n0\n");
    desk.delian("check sessions --replay some.path").with(0).says("sessions: 2 steps, and every invariant holds.");
    let told = desk.delian("check sessions --replay some.path --json").with(0).json();
    assert_eq!((&told["ok"], &told["path"]), (&true.into(), &"0 0".into()));
    assert_eq!(told["story"].as_array().map(Vec::len), Some(2));
    desk.write("some.path", "0 999\n");
    let step = "some.path of sessions: step 2 takes the action at place 999, but only";
    desk.delian("check sessions --replay some.path").with(2).complains(step);
    desk.write("some.path", "0\nzero\n");
    desk.delian("check sessions --replay some.path").with(2).complains("line 2: `zero` is not a number");
    desk.delian("check sessions --replay none.path").with(2).complains("cannot read the path in none.path");
    desk.delian("check --replay some.path").with(2).complains("`--replay` is about one model: name it");
}
