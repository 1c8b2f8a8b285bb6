use std::path::PathBuf;

use crate::scenario::arbitrary::scenarios;
use crate::scenario::{Action, Direction, Family, Fault, Mix, Scenario, Shape, Target, millis, secs};
use crate::story::Story;
use crate::worlds::WorldKind;
use proptest::prelude::*;

const FULL: &str = r#"
about = "A minority side commits nothing, and healing leaves one history."

[cluster]
voters = 5
learners = 1
absent = [6]

[config]
log_bytes_max = "16KiB"
trailing_entries = 8
command_timeout = "1.5s"

[run]
chaos = "60s"
settle = "30s"
seed = 17

[worlds]
in = ["des", "madsim"]
not_in = { process = "its clients have no sessions" }
differs = { "n3 is silent" = "its \"first\" words take longer" }
scale = "50%"

[network]
latency = "1ms..10ms"
shape = "uniform"
loss = "0.5%"

[disk]
flush = "5ms"

[workload]
clients = 3
interval = "500ms"
subjects = 8
mix = { register = 5, read = 2 }

[swarm]
families = ["partition", "slow-disk"]
interval = "5s"
lasting = "10s"

[[step]]
at = "10s"
for = "5s"
every = "20s"
times = 2
fault = "isolate"
target = "leader"
direction = "inbound"

[[step]]
at = "5s"
fault = "start"
target = "n6"

[[operation]]
at = "5s"
client = 1
via = "n6"
do = "register"
subject = 4

[expect]
at_least = { elections = 2, fault.isolate = 1 }
at_most = { "fault.partition" = 9 }
everywhere = [4]
"#;

/// Returns every problem of a text, each as `line:column message`.
fn problems(text: &str) -> Vec<String> {
    let error = Scenario::from_toml(text, "x.toml").expect_err("the text is wrong");
    let place = |spot: &crate::scenario::Spot| format!("{}:{} ", spot.line, spot.column);
    let shown = |problem: &crate::scenario::Problem| {
        format!("{}{}", problem.spot.as_ref().map_or(String::new(), place), problem.message)
    };
    error.problems.iter().map(shown).collect()
}

/// Returns the only problem of a text that has `about` in its first line.
fn problem(rest: &str) -> String {
    let mut problems = problems(&format!("about = \"x\"\n{rest}"));
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

#[test]
fn every_section_is_read() {
    let scenario = Scenario::from_toml(FULL, "scenarios/topology/one-history.toml").expect("it makes sense");
    assert_eq!(scenario.name, "one-history");
    assert_eq!(scenario.path, "scenarios/topology/one-history.toml");
    assert_eq!((scenario.cluster.voters, scenario.cluster.learners), (5, 1));
    assert_eq!(scenario.cluster.absent, [6]);
    assert_eq!(scenario.cluster.config.log_bytes_max, 16 * 1024);
    assert_eq!(scenario.cluster.config.command_timeout, millis(1500));
    assert_eq!((scenario.chaos, scenario.settle, scenario.seed), (secs(60), secs(30), Some(17)));
    assert_eq!(scenario.worlds.run_in, [WorldKind::Des, WorldKind::Madsim].into());
    assert_eq!(scenario.worlds.not_in[&WorldKind::Process], "its clients have no sessions");
    assert_eq!(scenario.worlds.differs["n3 is silent"], "its \"first\" words take longer");
    assert_eq!(scenario.worlds.scale, 500);
    assert_eq!((scenario.network.loss, scenario.network.latency.shape), (5, Shape::Uniform));
    assert_eq!((scenario.flush.least, scenario.flush.most), (millis(5), millis(5)));
    let workload = scenario.workload.expect("there are clients");
    assert_eq!(workload.mix, Mix { register: 5, read: 2, ..Mix::NOTHING });
    assert_eq!(scenario.swarm.expect("there is a swarm").families, [Family::Partition, Family::SlowDisk]);
    let steps: Vec<_> = scenario.steps.iter().map(|step| (step.at, step.fault.clone())).collect();
    let isolate = Fault::Isolate(Target::Leader, Direction::Inbound);
    let start = Fault::Start(Target::Process(6));
    assert_eq!(steps, [(secs(5), start), (secs(10), isolate.clone()), (secs(30), isolate)]);
    assert_eq!(scenario.operations[0].action, Action::Register(4));
    assert_eq!(scenario.expect.at_least["fault.isolate"], 1);
    assert_eq!(scenario.expect.at_most["fault.partition"], 9);
}

#[test]
fn worlds_are_named_with_their_line_and_the_fix() {
    assert_eq!(
        problem("[worlds]\nin = [\"des\", \"proces\"]\nnot_in = { madsim = \"slow\" }"),
        "3:14 in is \"proces\", but must be `des`, `madsim` or `process`: did you mean `process`?"
    );
    assert_eq!(
        problem("[worlds]\nin = [\"des\", \"process\"]"),
        "3:6 in leaves `madsim` out without a reason: add it, or say why not: not_in = { madsim = \"…\" }"
    );
    let rots = "[worlds]\nin = [\"des\", \"process\"]\nnot_in = { madsim = \"slow\" }\n[[step]]\nat = \"5s\"\n";
    assert_eq!(
        problem(&format!("{rots}fault = \"corrupt-disk\"\ntarget = \"n1\"")),
        "7:9 `corrupt-disk` does not happen in `process`: its nodes that found their disks damaged are another test's"
    );
    assert_eq!(
        problem("[worlds]\nin = [\"des\", \"madsim\", \"process\"]\ndiffers = { \"n3 is silent\" = 7 }"),
        "4:30 differs is 7, but must say why, such as { \"n3 is silent\" = \"it dials first\" }"
    );
    assert!(problem("[worlds]\nnot_in = { proces = \"x\" }\nin = [\"des\", \"madsim\"]").contains("not_in names"));
}

#[test]
fn a_misspelt_key_gets_the_nearest_one() {
    assert_eq!(problem("[cluster]\nvoter = 3"), "3:1 [cluster] has no `voter`: did you mean `voters`?");
    assert_eq!(problem("[clusters]\nvoters = 3"), "2:2 a scenario has no `clusters`: did you mean `cluster`?");
    assert_eq!(
        problem("[config]\nheartbeat = \"1s\""),
        "3:1 [config] has no `heartbeat`: did you mean `heartbeat_interval`?"
    );
    assert_eq!(
        problem("[config]\nlog_byte_max = 1"),
        "3:1 [config] has no `log_byte_max`: did you mean `log_bytes_max`?"
    );
}

#[test]
fn a_misspelt_word_gets_the_nearest_one() {
    let step = |rest: &str| problem(&format!("[[step]]\nat = \"1s\"\n{rest}"));
    assert_eq!(
        step("fault = \"partiton\"\nsides = 5"),
        "4:9 fault is \"partiton\", but there is no such fault: did you mean `partition`?"
    );
    assert_eq!(
        step("fault = \"crash\"\ntarget = \"leadr\""),
        "5:10 target is \"leadr\", but that is nobody: did you mean `leader`?"
    );
    assert_eq!(
        problem("[swarm]\nfamilies = [\"crash\", \"cluck\"]"),
        "3:22 families is \"cluck\", but must be `partition`, `degrade`, `clog`, `crash`, `pause`, `deafen`, \
         `slow-disk`, `full-disk`, `lose-disk`, `forget`, `clock` or `health`: did you mean `clock`?"
    );
    assert_eq!(
        problem("[expect]\nat_least = { election = 1 }"),
        "3:14 nothing counts `election`: did you mean `elections`?"
    );
}

#[test]
fn a_number_out_of_range_gets_its_range() {
    assert_eq!(problem("[cluster]\nvoters = 9"), "3:10 voters is 9, but must be from 1 to 7");
    assert_eq!(problem("[cluster]\nvoters = -1"), "3:10 voters is -1, but must be from 1 to 7");
    assert_eq!(problem("[cluster]\nvoters = \"3\""), "3:10 voters is \"3\", but must be a whole number from 1 to 7");
    assert_eq!(problem("[network]\nloss = \"101%\""), "3:8 loss is \"101%\", but must be at most 100%");
    assert_eq!(problem("[run]\nchaos = \"25h\""), "3:9 chaos is 25h, but must be at most 24h");
    assert_eq!(
        problem("[run]\nchaos = 60"),
        "3:9 chaos is 60, but must be a time with its unit, such as \"200ms\", \"1.5s\", \"2m\" or \"1h\""
    );
}

#[test]
fn a_step_stays_within_the_cluster_and_the_chaos() {
    let step = |rest: &str| problem(&format!("[[step]]\n{rest}"));
    assert_eq!(
        step("at = \"5s\"\nfault = \"pause\"\ntarget = \"n4\""),
        "5:10 target is n4, but the processes are n1 to n3"
    );
    assert_eq!(
        step("at = \"61s\"\nfault = \"pause\"\ntarget = \"n1\""),
        "3:6 at is 61s, but must not be after the end of the chaos, 60s"
    );
    assert_eq!(
        step("at = \"50s\"\nevery = \"5s\"\ntimes = 4\nfault = \"pause\"\ntarget = \"n1\""),
        "5:9 times is 4, but the last one would come at 65s, after the end of the chaos, 60s"
    );
    assert_eq!(
        step("at = \"5s\"\nfor = \"5s\"\nfault = \"wipe\"\ntarget = \"n1\""),
        "4:7 `wipe` happens at once and does not end: leave `for` out"
    );
    assert_eq!(
        step("at = \"5s\"\nfault = \"bridge\"\ntarget = \"everyone\""),
        "5:10 target is `everyone`, but must be one process, such as `n1`, `leader` or `follower`"
    );
}

#[test]
fn disks_that_are_lost_for_good_stay_within_the_budget() {
    let wipe = |number: u16| format!("[[step]]\nat = \"{number}s\"\nfault = \"wipe\"\ntarget = \"n{number}\"\n");
    assert_eq!(
        problem(&format!("{}{}", wipe(1), wipe(2))),
        "9:10 one disk too many is lost: of 3 voters at most 1 may be lost for good or never come"
    );
    assert_eq!(
        problem("[[step]]\nat = \"5s\"\nfault = \"wipe\"\ntarget = \"leader\""),
        "5:10 target is `leader`, but a disk that is lost for good must be named, such as `n1`"
    );
    assert_eq!(
        problem("[cluster]\nabsent = [1, 2]"),
        "3:10 too many voters are absent and never start: of 3 voters at most 1 may be lost for good or never come"
    );
}

#[test]
fn what_the_core_refuses_is_shown_at_its_line() {
    assert_eq!(
        problem("[config]\nelection_timeout_min = \"300ms\""),
        "3:24 election_timeout_min is 300ms, but must be at least twice heartbeat_interval, 200ms"
    );
    assert_eq!(problem("[config]\nvoters = 3"), "3:10 voters belongs in [cluster], as a number");
}

#[test]
fn all_problems_of_a_file_are_reported_in_order() {
    let text = "[network]\nloss = \"2\"\n[workload]\nclients = 0\nclint = 3\n[[step]]\nfault = \"clog\"\nfrom = \"n9\"";
    assert_eq!(
        problems(text),
        [
            "1:1 a scenario needs `about`: one line that says what must hold, about = \"…\"",
            "2:8 loss is \"2\", but must be a percentage, such as \"1%\" or \"0.5%\"",
            "4:11 clients is 0, but must be from 1 to 1024",
            "5:1 [workload] has no `clint`: did you mean `clients`?",
            "6:1 a [[step]] needs `at`: when, such as at = \"10s\"",
        ]
    );
}

#[test]
fn what_would_not_fit_in_memory_is_refused() {
    assert_eq!(
        problem("[swarm]\ninterval = \"1ms\""),
        "3:12 interval is 1ms, which makes more than 20000 faults per family in 60s: make it longer"
    );
    assert_eq!(
        problem("[workload]\ninterval = \"50us\""),
        "3:12 interval is 50us, which makes more than 2000000 operations in 60s: make it longer"
    );
    assert_eq!(
        problem("[[step]]\nat = \"1s\"\nevery = \"1ms\"\ntimes = 10_001\nfault = \"heal-network\""),
        "5:9 times is 10_001, but must be from 1 to 10000"
    );
    let long = "x".repeat(1024 * 1024 + 1);
    assert_eq!(
        problem(&format!("[[operation]]\nat = \"1s\"\nvia = \"n1\"\ndo = \"custom\"\ntext = \"{long}\"")),
        "6:8 text has 1048577 bytes, but may have at most 1048576"
    );
}

#[test]
fn expectations_that_nothing_can_meet_are_refused() {
    assert_eq!(
        problem("[expect]\nat_least = { commits = 5 }\nat_most = { commits = 4 }"),
        "4:13 commits must be at least 5 and at most 4, which nothing can be"
    );
    assert_eq!(
        problem("[expect]\neverywhere = [4]\nnowhere = [4]"),
        "4:11 nowhere names 4, which everywhere names too"
    );
}

#[test]
fn whoever_is_made_whole_has_a_disk_and_a_majority() {
    assert_eq!(
        problem("[run]\nhealed = [1]"),
        "3:10 healed names 1 of the 3 voters, but must name at least 2, a majority"
    );
    assert_eq!(
        problem("[run]\nhealed = [1, 2, 3]\n[[step]]\nat = \"1s\"\nfault = \"wipe\"\ntarget = \"n2\""),
        "3:10 healed names process 2, but a step destroys its disk for good"
    );
}

#[test]
fn no_more_problems_are_shown_than_a_screen_holds() {
    let many: Vec<String> = (0..30).map(|number| format!("nonsense{number} = 1")).collect();
    let problems = problems(&format!("about = \"x\"\n{}", many.join("\n")));
    assert_eq!(problems.len(), 21);
    assert_eq!(problems[20], "10 more problems are not shown");
}

#[test]
fn broken_toml_is_shown_at_its_place() {
    let problems = problems("about = \"x\"\n[cluster\nvoters = 3\n");
    assert!(problems[0].starts_with("2:9 "), "{problems:?}");
}

#[test]
fn a_name_is_a_fact_in_kebab_case() {
    let error =
        Scenario::from_toml("about = \"x\"", "scenarios/My Test.toml").expect_err("it has a capital and a blank");
    assert_eq!(
        error.to_string(),
        "scenarios/My Test.toml: the name is `My Test`, but must be a fact in kebab case, such as \
         `a-removed-node-disappears`"
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(scenario in scenarios(), cut in 0..1000_usize, junk in "\\PC{0,8}", length in 0_usize..9) {
        let text = scenario.to_toml();
        let at = text.floor_char_boundary(text.len() * cut / 1000);
        let end = text.floor_char_boundary((at + length).min(text.len()));
        let _ = Scenario::from_toml(&format!("{}{junk}{}", &text[..at], &text[end..]), "x.toml").map_err(|e| e.to_string());
    }
}

/// A folder that exists while a test runs.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("delian-scenarios-{name}-{}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("folders can be made");
            std::fs::write(path, text).expect("files can be written");
        }
        Self(root)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_folder_is_read_in_order_of_paths_and_a_file_only_once() {
    let fact = "about = \"x\"";
    let folder = Folder::new("order", &[("b/d.toml", fact), ("a.toml", fact), ("b/c.toml", fact), ("b/e.md", "no")]);
    let all = Story::load_all(&[folder.0.clone(), folder.0.join("b/c.toml")]).expect("all make sense");
    let names: Vec<&str> = all.iter().map(Story::name).collect();
    assert_eq!(names, ["a", "c", "d"]);
}

#[test]
fn two_files_of_one_name_and_missing_files_are_refused() {
    let fact = "about = \"x\"";
    let folder = Folder::new("twice", &[("a/x.toml", fact), ("b/x.toml", fact), ("c/none.md", "")]);
    let errors = Story::load_all(&[folder.0.clone(), folder.0.join("c"), folder.0.join("nowhere")]);
    let shown: Vec<String> = errors.expect_err("three things are wrong").iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 3);
    assert!(shown[0].contains("there is no scenario below"), "{}", shown[0]);
    assert!(shown[1].contains("nowhere: cannot be read"), "{}", shown[1]);
    assert!(shown[2].contains("the name `x` is taken by"), "{}", shown[2]);
}
