//! The descriptions of planted bugs: what `tests/bugs/NAME.toml` says, and which of them were asked for.
//!
//! Pure: texts in, bugs or a worded complaint out. Reading the folder is the business of `scratch`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Problem;

/// One planted bug.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Bug {
    /// Its name, also the stem of both files.
    pub(super) name: String,
    /// Where in the field the bug was real.
    pub(super) source: String,
    /// What goes wrong, in one sentence.
    pub(super) wrong: String,
    /// The invariant that must trip, or where a test judges, the full name of that test.
    pub(super) invariant: String,
    /// Other invariants, or tests of the same suite, that may trip in its place.
    pub(super) also: Vec<String>,
    /// What judges the broken tree by running it; nothing where only the explorer does.
    pub(super) check: Option<Check>,
    /// What the explorer makes of it, if the description says.
    pub(super) explore: Option<Explore>,
    /// The patch that plants it.
    #[serde(skip)]
    pub(super) patch: PathBuf,
}

/// What judges a broken tree.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Check {
    /// A scenario over a number of seeds.
    Sim(SimCheck),
    /// A scenario over a number of seeds, told to whole shells.
    Shells(SimCheck),
    /// A scenario, told once to real processes beside discrete events.
    Processes(Tale),
    /// Tests of a suite: those that the bug names as its invariants.
    Test(Suite),
}

/// What the explorer makes of a bug.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Explore {
    /// These models kill it, at least one.
    Kills(Vec<Kill>),
    /// No run can tell it from the correct code, for this reason.
    Equivalent(String),
    /// It needs what no model has, which is this.
    OutOfScope(String),
}

/// Which model kills a bug, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Kill {
    /// The model that is explored.
    pub(super) model: String,
    /// What shows the bug.
    pub(super) sign: Sign,
    /// How many states to visit at most.
    pub(super) max_states: Option<u64>,
}

/// What shows a bug to the explorer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sign {
    /// This invariant breaks.
    Invariant(String),
    /// This goal, which correct code reaches, is reached by no state.
    Goal(String),
}

/// A scenario over a number of seeds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SimCheck {
    /// The scenario file, from the root of the tree.
    pub(super) scenario: String,
    /// How many seeds to try.
    pub(super) seeds: u64,
}

/// A scenario that is told once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tale {
    /// The scenario file, from the root of the tree.
    pub(super) scenario: String,
}

/// The tests that one program runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Suite {
    /// The package that they prove.
    pub(super) package: String,
    /// Where they lie in it: `lib` beside the code, or else the name of a folder or file below `tests/`.
    pub(super) suite: String,
}

impl Suite {
    /// How cargo is told of the suite.
    pub(super) fn target(&self) -> Vec<&str> {
        match self.suite.as_str() {
            "lib" => vec!["--package", &self.package, "--lib"],
            target => vec!["--package", &self.package, "--test", target],
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "suite `{}` of {}", self.suite, self.package)
    }
}

impl Bug {
    /// Everything that may trip: the invariant first, then the others.
    pub(super) fn signs(&self) -> Vec<&str> {
        std::iter::once(&self.invariant).chain(&self.also).map(String::as_str).collect()
    }

    /// Whether a test, whole shells or real processes judge it, so that no model need have what it breaks.
    pub(super) fn is_of_no_model(&self) -> bool {
        matches!(self.check, Some(Check::Test(_) | Check::Shells(_) | Check::Processes(_)))
    }
}

/// The file as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    name: String,
    source: String,
    wrong: String,
    invariant: String,
    #[serde(default)]
    also: Vec<String>,
    check: Option<Check>,
    explore: Option<Section>,
}

/// The section `explore` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    model: Option<String>,
    invariant: Option<String>,
    goal: Option<String>,
    max_states: Option<u64>,
    #[serde(default)]
    also: Vec<Another>,
    equivalent: Option<String>,
    out_of_scope: Option<String>,
}

/// Another model that kills the bug, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Another {
    model: String,
    invariant: Option<String>,
    goal: Option<String>,
    max_states: Option<u64>,
}

impl Section {
    /// Understands the section; `invariant` is the one that the bug names for all who judge it.
    fn understood(self, invariant: &str) -> Result<Explore, &'static str> {
        match self {
            Section {
                model: Some(model),
                invariant: own,
                goal,
                max_states,
                also,
                equivalent: None,
                out_of_scope: None,
            } => {
                let first = Another { model, invariant: own, goal, max_states };
                let kills = std::iter::once(first).chain(also).map(|another| another.understood(invariant));
                let kills = kills.collect::<Result<Vec<Kill>, _>>()?;
                let models: BTreeSet<&str> = kills.iter().map(|kill| kill.model.as_str()).collect();
                if models.len() == kills.len() { Ok(Explore::Kills(kills)) } else { Err("a model is named twice") }
            }
            Section { model: None, invariant: None, goal: None, max_states: None, also, equivalent, out_of_scope }
                if also.is_empty() =>
            {
                match (equivalent, out_of_scope) {
                    (Some(why), None) => Ok(Explore::Equivalent(why)),
                    (None, Some(why)) => Ok(Explore::OutOfScope(why)),
                    _ => Err("give one of `model`, `equivalent` and `out_of_scope`"),
                }
            }
            _ => Err(
                "`invariant`, `goal`, `max_states` and `also` belong to a `model`, and no reason belongs beside one",
            ),
        }
    }
}

impl Another {
    fn understood(self, invariant: &str) -> Result<Kill, &'static str> {
        let Self { model, invariant: own, goal, max_states } = self;
        let sign = match (own, goal) {
            (Some(_), Some(_)) => return Err("give `invariant` or `goal`, not both"),
            (None, Some(goal)) => Sign::Goal(goal),
            (own, None) => Sign::Invariant(own.unwrap_or_else(|| invariant.to_owned())),
        };
        match max_states {
            Some(0) => Err("`max_states` is 0, no state can show anything"),
            Some(_) if matches!(sign, Sign::Goal(_)) => {
                Err("a missing `goal` shows only when every state was met: drop `max_states`")
            }
            max_states => Ok(Kill { model, sign, max_states }),
        }
    }
}

/// Reads one description; `patch` is the file beside it with the same stem.
///
/// # Errors
/// When the text is no description, or names another bug than its file.
pub(super) fn parse(patch: PathBuf, text: &str) -> Result<Bug, Problem> {
    let file = patch.with_extension("toml");
    let Description { name, source, wrong, invariant, also, check, explore } =
        toml::from_str(text).map_err(|error| format!("{}: {error}", file.display()))?;
    if file.file_stem().is_none_or(|stem| stem != name.as_str()) {
        return Err(format!("{}: `name` is `{name}`, it must be the file's own name", file.display()));
    }
    if let Some(Check::Sim(SimCheck { seeds: 0, .. }) | Check::Shells(SimCheck { seeds: 0, .. })) = check {
        return Err(format!("{}: `seeds` is 0, no seed can catch anything", file.display()));
    }
    let explore = explore.map(|section| section.understood(&invariant)).transpose();
    let explore = explore.map_err(|why| format!("{}: section `explore`: {why}", file.display()))?;
    if check.is_none() && !matches!(explore, Some(Explore::Kills(_))) {
        return Err(format!("{}: nothing judges it: give it a `check`, or `explore` with a `model`", file.display()));
    }
    Ok(Bug { name, source, wrong, invariant, also, check, explore, patch })
}

/// The bugs called `names`, or all of them when none is named, in the order of the catalogue.
///
/// # Errors
/// When the catalogue is empty or lacks one of the names.
pub(super) fn select(bugs: Vec<Bug>, names: &[String]) -> Result<Vec<Bug>, Problem> {
    if bugs.is_empty() {
        return Err("tests/bugs holds no bug".to_owned());
    }
    if let Some(unknown) = names.iter().find(|name| bugs.iter().all(|bug| bug.name != **name)) {
        let nearest = bugs.iter().map(|bug| bug.name.as_str()).min_by_key(|name| strsim::levenshtein(name, unknown));
        let nearest = nearest.expect("the catalogue is not empty");
        return Err(format!("no bug is called `{unknown}`; the nearest is `{nearest}`, `--list` shows all"));
    }
    Ok(bugs.into_iter().filter(|bug| names.is_empty() || names.contains(&bug.name)).collect())
}

/// Each scenario once, with the most seeds that any of `checks` gives it.
pub(super) fn widest<'a>(checks: impl Iterator<Item = &'a SimCheck>) -> Vec<SimCheck> {
    let mut seeds_of = BTreeMap::<&str, u64>::new();
    for check in checks {
        let seeds = seeds_of.entry(&check.scenario).or_default();
        *seeds = check.seeds.max(*seeds);
    }
    seeds_of.into_iter().map(|(scenario, seeds)| SimCheck { scenario: scenario.to_owned(), seeds }).collect()
}

/// Each suite once, with all tests that a bug of it names.
pub(super) fn suites<'a>(bugs: impl Iterator<Item = (&'a Bug, &'a Suite)>) -> BTreeMap<&'a Suite, BTreeSet<&'a str>> {
    let mut tests_of = BTreeMap::<&Suite, BTreeSet<&str>>::new();
    for (bug, suite) in bugs {
        tests_of.entry(suite).or_default().extend(bug.signs());
    }
    tests_of
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLY_VOTE: &str = r#"
        name = "early_vote"
        source = "a database, 2018"
        wrong = "A vote leaves before it is on disk."
        invariant = "one_leader_per_term"
        check = { kind = "sim", scenario = "scenarios/membership/x.toml", seeds = 50 }
    "#;

    fn bug(name: &str) -> Bug {
        let text = EARLY_VOTE.replace("early_vote", name);
        parse(PathBuf::from(format!("tests/bugs/{name}.patch")), &text).expect("a valid description")
    }

    #[test]
    fn a_description_reads_back_in_full() {
        let bug = bug("early_vote");
        assert_eq!(bug.invariant, "one_leader_per_term");
        assert_eq!(bug.also, Vec::<String>::new());
        let scenario = "scenarios/membership/x.toml".to_owned();
        assert_eq!(bug.check, Some(Check::Sim(SimCheck { scenario, seeds: 50 })));
        assert_eq!(bug.explore, None);
    }

    const LOST_POINT: &str = r#"
        name = "lost_point"
        source = "a router, 2026"
        wrong = "A point that collides is lost."
        invariant = "goldens::both_are_kept"
        check = { kind = "test", package = "core", suite = "ring" }
    "#;

    fn of_a_test(text: &str) -> Result<Bug, Problem> {
        parse(PathBuf::from("lost_point.patch"), text)
    }

    #[test]
    fn a_test_that_judges_is_the_invariant_of_its_bug_and_needs_no_model() {
        let bug = of_a_test(LOST_POINT).expect("a valid description");
        let suite = Suite { package: "core".to_owned(), suite: "ring".to_owned() };
        assert_eq!(suite.target(), ["--package", "core", "--test", "ring"]);
        assert_eq!(Suite { suite: "lib".to_owned(), ..suite.clone() }.target(), ["--package", "core", "--lib"]);
        assert_eq!((bug.check.clone(), bug.explore.clone()), (Some(Check::Test(suite)), None));
        assert!(bug.is_of_no_model() && bug.signs() == ["goldens::both_are_kept"]);
    }

    #[test]
    fn the_check_of_a_test_takes_no_keys_of_a_simulation() {
        assert!(of_a_test(&LOST_POINT.replace("suite = ", "seeds = 5, suite = ")).is_err());
        assert!(of_a_test(&LOST_POINT.replace(", suite = \"ring\"", "")).is_err());
    }

    #[test]
    fn each_suite_runs_once_without_a_bug_with_the_tests_of_all_its_bugs() {
        let one = of_a_test(LOST_POINT).expect("a valid description");
        let also = LOST_POINT.replace("check", "also = [\"goldens::twins\"]\n        check");
        let two = of_a_test(&also).expect("a valid description");
        let other = of_a_test(&LOST_POINT.replace("\"ring\"", "\"lib\"")).expect("a valid description");
        let bugs = [&one, &two, &other].into_iter().filter_map(|bug| match &bug.check {
            Some(Check::Test(suite)) => Some((bug, suite)),
            Some(Check::Sim(_) | Check::Shells(_) | Check::Processes(_)) | None => None,
        });
        let found: Vec<_> = suites(bugs).into_iter().map(|(suite, tests)| (suite.suite.as_str(), tests)).collect();
        let all = BTreeSet::from(["goldens::both_are_kept", "goldens::twins"]);
        assert_eq!(found, [("lib", BTreeSet::from(["goldens::both_are_kept"])), ("ring", all)]);
    }

    fn exploring(section: &str) -> Result<Option<Explore>, Problem> {
        let text = format!("{EARLY_VOTE}\n[explore]\n{section}");
        parse(PathBuf::from("early_vote.patch"), &text).map(|bug| bug.explore)
    }

    #[test]
    fn a_model_kills_by_the_invariant_of_the_bug_unless_it_names_its_own_sign() {
        let kill = |sign: Sign, max_states| {
            Ok(Some(Explore::Kills(vec![Kill { model: "three".to_owned(), sign, max_states }])))
        };
        let invariant = |name: &str| Sign::Invariant(name.to_owned());
        assert_eq!(exploring("model = 'three'"), kill(invariant("one_leader_per_term"), None));
        let own = exploring("model = 'three'\ninvariant = 'log_matching'\nmax_states = 9");
        assert_eq!(own, kill(invariant("log_matching"), Some(9)));
        let goal = exploring("model = 'three'\ngoal = 'a leader is elected'");
        assert_eq!(goal, kill(Sign::Goal("a leader is elected".to_owned()), None));
    }

    #[test]
    fn several_models_may_kill_a_bug_each_by_its_own_sign() {
        let kill = |model: &str, sign, max_states| Kill { model: model.to_owned(), sign, max_states };
        let section = "model = 'three'\nmax_states = 9\n[[explore.also]]\nmodel = 'four'\ngoal = 'a leader is elected'";
        let first = kill("three", Sign::Invariant("one_leader_per_term".to_owned()), Some(9));
        let second = kill("four", Sign::Goal("a leader is elected".to_owned()), None);
        assert_eq!(exploring(section), Ok(Some(Explore::Kills(vec![first, second]))));
    }

    #[test]
    fn a_reason_takes_the_place_of_a_model() {
        assert_eq!(exploring("equivalent = 'so.'"), Ok(Some(Explore::Equivalent("so.".to_owned()))));
        assert_eq!(exploring("out_of_scope = 'so.'"), Ok(Some(Explore::OutOfScope("so.".to_owned()))));
    }

    #[test]
    fn a_section_that_contradicts_itself_is_refused_with_its_file() {
        for section in [
            "",
            "invariant = 'log_matching'",
            "model = 'three'\nequivalent = 'so.'",
            "equivalent = 'so.'\nout_of_scope = 'so.'",
            "equivalent = 'so.'\nmax_states = 9",
            "model = 'three'\ninvariant = 'log_matching'\ngoal = 'a leader is elected'",
            "model = 'three'\nmax_states = 0",
            "model = 'three'\ngoal = 'a leader is elected'\nmax_states = 9",
            "modle = 'three'",
            "model = 'three'\n[[explore.also]]\nmodel = 'three'",
            "model = 'three'\n[[explore.also]]\nmodel = 'four'\nmax_states = 0",
            "equivalent = 'so.'\n[[explore.also]]\nmodel = 'four'",
        ] {
            let problem = exploring(section).expect_err(section);
            assert!(problem.starts_with("early_vote.toml: "), "{problem}");
        }
    }

    #[test]
    fn whatever_nothing_judges_is_refused() {
        let without_check: String = EARLY_VOTE
            .lines()
            .filter(|line| !line.contains("check"))
            .map(str::to_owned)
            .fold(String::new(), |text, line| text + &line + "\n");
        let read = |section: &str| parse(PathBuf::from("early_vote.patch"), &format!("{without_check}{section}"));
        assert_eq!(read("[explore]\nmodel = 'three'").map(|bug| bug.check), Ok(None));
        assert!(read("").is_err());
        assert!(read("[explore]\nequivalent = 'so.'").is_err());
    }

    #[test]
    fn a_misspelt_key_is_refused_with_its_file() {
        let text = EARLY_VOTE.replace("wrong", "wrnog");
        let problem = parse(PathBuf::from("early_vote.patch"), &text).expect_err("an unknown key");
        assert!(problem.starts_with("early_vote.toml: ") && problem.contains("wrnog"), "{problem}");
    }

    #[test]
    fn a_misspelt_key_of_the_check_is_refused() {
        let text = EARLY_VOTE.replace("seeds = 50", "seeds = 50, sedes = 1");
        assert!(parse(PathBuf::from("early_vote.patch"), &text).is_err());
    }

    #[test]
    fn a_name_must_match_its_file() {
        let problem = parse(PathBuf::from("other.patch"), EARLY_VOTE).expect_err("two names");
        assert_eq!(problem, "other.toml: `name` is `early_vote`, it must be the file's own name");
    }

    #[test]
    fn zero_seeds_are_refused() {
        let text = EARLY_VOTE.replace("seeds = 50", "seeds = 0");
        assert!(parse(PathBuf::from("early_vote.patch"), &text).is_err());
    }

    #[test]
    fn no_name_selects_all_and_an_unknown_one_suggests_the_nearest() {
        let bugs = vec![bug("early_vote"), bug("old_term_commit")];
        assert_eq!(select(bugs.clone(), &[]), Ok(bugs.clone()));
        assert_eq!(select(bugs.clone(), &["old_term_commit".to_owned()]), Ok(vec![bugs[1].clone()]));
        let problem = select(bugs, &["early_veto".to_owned()]).expect_err("no such bug");
        assert_eq!(problem, "no bug is called `early_veto`; the nearest is `early_vote`, `--list` shows all");
    }

    #[test]
    fn an_empty_catalogue_proves_nothing() {
        assert!(select(Vec::new(), &[]).is_err());
    }

    #[test]
    fn each_scenario_runs_once_without_a_bug_over_the_most_seeds() {
        let check = |scenario: &str, seeds| SimCheck { scenario: scenario.to_owned(), seeds };
        let (a, b, c) = (check("a", 5), check("b", 2), check("a", 9));
        assert_eq!(widest([&a, &b, &c].into_iter()), [check("a", 9), check("b", 2)]);
    }
}
