use super::*;

/// One step: node, role, then term, vote and log in memory, then the commit, then term, vote and log on disk.
type Step = (u8, &'static str, (u8, u8, &'static str), u8, (u8, u8, &'static str));

/// Three voters elect the second of them, and it commits an entry; the third forgets what it had not written.
const STEPS: [Step; 15] = [
    (1, "follower", (0, 0, ""), 0, (0, 0, "")),
    (2, "follower", (0, 0, ""), 0, (0, 0, "")),
    (3, "follower", (0, 0, ""), 0, (0, 0, "")),
    (2, "candidate", (1, 2, ""), 0, (0, 0, "")),
    (2, "candidate", (1, 2, ""), 0, (1, 2, "")),
    (1, "follower", (1, 2, ""), 0, (0, 0, "")),
    (1, "follower", (1, 2, ""), 0, (1, 2, "")),
    (2, "leader", (1, 2, "1"), 0, (1, 2, "")),
    (2, "leader", (1, 2, "1"), 0, (1, 2, "1")),
    (1, "follower", (1, 2, "1"), 0, (1, 2, "")),
    (1, "follower", (1, 2, "1"), 0, (1, 2, "1")),
    (3, "follower", (1, 0, "1"), 0, (0, 0, "")),
    (2, "leader", (1, 2, "1"), 1, (1, 2, "1")),
    (3, "down", (0, 0, ""), 0, (0, 0, "")),
    (3, "follower", (0, 0, ""), 0, (0, 0, "")),
];

fn module(steps: &[Step]) -> String {
    let kept = |(term, vote, log): (u8, u8, &str)| {
        format!("[term |-> {term}, vote |-> {vote}, keep |-> 0, add |-> <<{log}>>]")
    };
    let records = steps.iter().map(|(node, role, memory, commit, disk)| {
        let (memory, disk) = (kept(*memory), kept(*disk));
        format!("[node |-> {node}, role |-> \"{role}\", memory |-> {memory}, commit |-> {commit}, disk |-> {disk}]")
    });
    let records: Vec<String> = records.collect();
    format!(
        "---- MODULE TraceData ----\nEXTENDS Naturals\nTraceVoters == 1 .. 3\nTraceNodes == 1 .. 3\nTrace == <<\n{}\n>>\n\
         ====\n\\* ends here\n",
        records.join(",\n")
    )
}

/// Asks TLC about the trace with other steps in place of some; nothing where Java or the jar is missing.
fn replayed(name: &str, changes: &[(usize, Step)]) -> Option<Verdict> {
    let mut steps = STEPS;
    for (number, step) in changes {
        steps[number - 1] = *step;
    }
    let root = process::root();
    let jar = std::env::var_os(super::super::JAR).map(PathBuf::from);
    let work = std::env::temp_dir().join(format!("delian-tla-{}-{name}", std::process::id()));
    let judge = Judge::find(jar.as_deref(), &root.join("tests/tla"), &work).expect("a place to work");
    let judge = judge.inspect_err(|missing| println!("skipped: {missing}")).ok()?;
    let verdict = judge.replay(&module(&steps)).expect("TLC judges the trace");
    fs::remove_dir_all(&work).expect("a folder of this test alone");
    Some(verdict)
}

#[track_caller]
fn require_refused(verdict: Option<Verdict>, at: u64, rule: &str) {
    match verdict {
        None => {}
        Some(Verdict::Refused { step, why }) => {
            assert_eq!(step, at, "{why}");
            assert!(why.contains(rule) && why.contains("after"), "{why}");
        }
        Some(Verdict::Consumed(steps)) => panic!("all {steps} steps were taken"),
    }
}

#[test]
fn a_trace_that_keeps_to_the_rules_is_consumed() {
    let verdict = replayed("good", &[]);
    assert!(matches!(verdict, None | Some(Verdict::Consumed(15))), "{verdict:?}");
}

#[test]
fn a_term_that_falls_is_refused() {
    let fallen = (3, "follower", (0, 0, ""), 0, (0, 0, ""));
    let verdict = replayed("term", &[(13, fallen)]);
    require_refused(verdict, 13, "a term fell");
}

#[test]
fn a_second_vote_in_a_term_is_refused() {
    let taken_back = (1, "follower", (1, 3, "1"), 0, (1, 2, ""));
    let verdict = replayed("vote", &[(10, taken_back)]);
    require_refused(verdict, 10, "a vote was taken back");
}

#[test]
fn an_office_without_the_votes_of_a_quorum_on_disk_is_refused() {
    let unwritten = (1, "follower", (1, 2, ""), 0, (0, 0, ""));
    let verdict = replayed("lead", &[(7, unwritten)]);
    require_refused(verdict, 8, "a node leads without the votes of a quorum");
}

#[test]
fn a_commit_that_no_quorum_has_on_disk_is_refused() {
    let unwritten = (1, "follower", (1, 2, "1"), 0, (1, 2, ""));
    let verdict = replayed("commit", &[(11, unwritten)]);
    require_refused(verdict, 13, "an entry was committed that no quorum has on disk");
}

#[test]
fn a_disk_that_holds_what_was_never_in_memory_is_refused() {
    let verdict = replayed("disk", &[(7, (1, "follower", (1, 2, ""), 0, (1, 2, "1")))]);
    require_refused(verdict, 7, "a disk holds a log that was not in memory");
}

#[test]
fn only_a_trace_that_was_taken_whole_counts() {
    let done = "Model checking completed. No error has been found.\n9 states generated, 8 distinct states found, 0 \
                states left on queue.\n";
    assert_eq!(verdict(&format!("<<\"consumed\", 7>>\n{done}")), Ok(Verdict::Consumed(7)));
    verdict(done).expect_err("nothing was consumed");
    verdict("<<\"consumed\", 7>>\n").expect_err("TLC stopped in the middle");
    let problem = verdict("Parsing\nFatal errors while parsing\nCould not find\n").expect_err("there is an error");
    assert_eq!(problem, "TLC did not judge the trace:\nFatal errors while parsing\nCould not find");
}

#[test]
fn a_refusal_tells_the_step_the_rule_and_the_node_before_and_after() {
    let said = "x\n<<\"refused\", 4, \"a term fell\">>\n<<\"node\", 2>>\n<<\"before\", [role |-> \"down\"]>>\n\
                << \"after\",\n   [role |-> 2] >>\nError: Invariant EveryStepIsAbstract is violated.\n";
    let why = "  a term fell\n  <<\"node\", 2>>\n  <<\"before\", [role |-> \"down\"]>>\n  << \"after\",\n     [role |-> 2] >>";
    assert_eq!(verdict(said), Ok(Verdict::Refused { step: 4, why: why.to_owned() }));
    let said = "Error: Invariant StateMachineSafety is violated.\n/\\ at = 3\n/\\ at = 4\n";
    let why = "  StateMachineSafety is violated after a step that every rule takes".to_owned();
    assert_eq!(verdict(said), Ok(Verdict::Refused { step: 3, why }));
}

#[test]
fn states_are_counted_of_what_was_visited_to_the_end() {
    let done = "Model checking completed. No error has been found.\n";
    let counts = "63,001 states generated, 9,120 distinct states found, 0 states left on queue.\n";
    assert_eq!(states(&format!("{done}{counts}")), Ok(9_120));
    states(counts).expect_err("TLC found an error");
    let left = "63,001 states generated, 9,120 distinct states found, 3 states left on queue.\n";
    states(&format!("{done}{left}")).expect_err("some states are left");
}

#[test]
fn without_a_jar_nothing_is_judged_and_a_wrong_one_is_named() {
    let (modules, work) = (Path::new("modules"), Path::new("work"));
    let missing = Judge::find(None, modules, work).map(|found| found.err().unwrap_or_default());
    assert!(missing.is_ok_and(|missing| missing.contains("--jar PATH")));
    let wrong = Judge::find(Some(Path::new("no/such.jar")), modules, work).err().unwrap_or_default();
    assert!(wrong.starts_with("no jar at no/such.jar: "), "{wrong}");
}
