//! What a hunt found: each invariant once in each scenario, and each story once, however often chance comes upon it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, mem};

use delian_sim::outcome::Violation;
use delian_sim::story::Story;
use serde::Serialize;

use super::ground::Failed;
use crate::answer::Problem;
use crate::shrink::prove;

/// How many more failures are tried when the first one of a fault could not be shrunk or saved: what somebody else told may
/// be wrong, and a disk may be full, but a story that cannot be shrunk takes long each time.
const MORE_TRIES_MAX: u32 = 3;

/// A fault that was found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    /// What was broken.
    pub(super) invariant: String,
    /// Why, in one sentence.
    pub(super) sentence: String,
    /// The scenarios in which it was, by name, the one that found it first.
    pub(super) scenarios: Vec<String>,
    /// The seed that found it.
    pub(super) seed: u64,
    /// How many runs came upon it.
    pub(super) times: u64,
    /// Where its smallest story is, if it could be saved.
    pub(super) file: Option<PathBuf>,
    /// Why it could not be.
    pub(super) unsaved: Option<String>,
}

/// A run that failed.
pub(super) struct Failure<'a> {
    pub(super) story: &'a Story,
    pub(super) seed: u64,
    pub(super) failed: &'a Failed,
}

/// A finding on its way.
struct Known {
    finding: Finding,
    /// Its smallest story, once that is known.
    tale: Option<String>,
    /// How many failures were tried beside the first one.
    more_tries: u32,
}

/// What became of a finding.
pub(super) struct Settled {
    pub(super) finding: Finding,
    /// Whether this is the first that is said of it.
    pub(super) is_first: bool,
}

/// All findings, each with its smallest story once that is known.
#[derive(Default)]
pub(super) struct Findings(Mutex<Vec<Known>>);

impl Findings {
    /// Takes in a failure that so many runs came upon. One that is known by its invariant and scenario is counted alone,
    /// unless the one before could not be shrunk or saved; of one that is new, the place is returned, for
    /// [`Findings::settle`].
    pub(super) fn begin(&self, failure: &Failure<'_>, times: u64) -> Option<usize> {
        let Failure { story, seed, failed } = failure;
        let mut all = self.known();
        let is_it = |Known { finding, .. }: &Known| {
            finding.invariant == failed.invariant && finding.scenarios.iter().any(|name| name == story.name())
        };
        if let Some(at) = all.iter().position(is_it) {
            let Known { finding, more_tries, .. } = &mut all[at];
            finding.times = finding.times.saturating_add(times);
            if finding.unsaved.is_none() || *more_tries >= MORE_TRIES_MAX {
                return None;
            }
            *more_tries += 1;
            // While this is tried, others are counted alone.
            finding.unsaved = None;
            finding.seed = *seed;
            return Some(at);
        }
        let finding = Finding {
            invariant: failed.invariant.to_string(),
            sentence: failed.sentence.to_string(),
            scenarios: vec![story.name().to_string()],
            seed: *seed,
            times,
            file: None,
            unsaved: None,
        };
        all.push(Known { finding, tale: None, more_tries: 0 });
        Some(all.len() - 1)
    }

    /// Looks for the smallest story of what is new, which may be that of another finding. Returns it if there is
    /// something new to say of it.
    pub(super) fn settle(&self, place: usize, failure: &Failure<'_>, folder: &Path) -> Option<Settled> {
        // Before anything is locked, for both take long.
        let small = smallest(failure).and_then(|small| Ok((prove_small(failure, &small, folder)?, small)));
        let mut all = self.known();
        let told = small.as_ref().ok().map(|(_, small)| small.tale.clone());
        let is_twin = |(at, it): (usize, &Known)| {
            at != place && it.finding.invariant == failure.failed.invariant && it.tale.is_some() && it.tale == told
        };
        if let Some(twin) = all.iter().enumerate().position(is_twin) {
            // What is left of it only says that it is known.
            let again = mem::take(&mut all[place].finding.scenarios);
            let times = mem::take(&mut all[place].finding.times);
            all[twin].finding.scenarios.extend(again);
            all[twin].finding.times = all[twin].finding.times.saturating_add(times);
            return None;
        }
        let saved = small.and_then(|(file, small)| write(&file, &small.text).map(|()| file));
        let Known { finding, tale, more_tries } = &mut all[place];
        *tale = told;
        match saved {
            Ok(file) => finding.file = Some(file),
            Err(why) => finding.unsaved = Some(why.to_string()),
        }
        let is_first = *more_tries == 0;
        (is_first || finding.file.is_some()).then(|| Settled { finding: finding.clone(), is_first })
    }

    /// Returns what was found, as it was found.
    pub(super) fn to_list(&self) -> Vec<Finding> {
        let told = |known: &Known| {
            let mut finding = known.finding.clone();
            if finding.file.is_none() && finding.unsaved.is_none() {
                finding.unsaved = Some("the hunt ended before it was shrunk".to_string());
            }
            finding
        };
        self.known().iter().map(told).filter(|finding| finding.times > 0).collect()
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The smallest story of a failure.
struct Small {
    /// As a file.
    text: String,
    /// What happens in it, whatever seed and scenario it is of: by this two stories are the same.
    tale: String,
    /// How it breaks.
    violation: Violation,
}

fn smallest(failure: &Failure<'_>) -> Result<Small, Problem> {
    let Failure { story, seed, failed } = failure;
    let script = if failed.forks.is_empty() { story.script(*seed) } else { story.forked(&failed.forks)?.script(*seed) };
    let shrunk = script.shrink(&|_| ());
    let (small, violation, _) = shrunk.ok_or_else(|| Problem::new("its run from the start breaks nothing"))?;
    if violation.invariant != failed.invariant {
        return Err(Problem::new(format!("its run from the start breaks {} instead", violation.invariant)));
    }
    let name = name_of(failure);
    let about = format!("{} (Shrunk from seed {seed} of {}.)", violation.sentence, story.name());
    let text = format!(
        "# Found by `delian hunt`, and not looked into yet: say here what it taught, and give it the name of the fact.\n{}",
        small.to_toml(&name, &about)
    );
    let pinned = format!("seed = {}", small.seed());
    let tale = small.to_toml("story", "What happens.").lines().filter(|line| *line != pinned).collect();
    Ok(Small { text, tale, violation })
}

/// Runs a story again from its text. Returns where it belongs.
fn prove_small(failure: &Failure<'_>, small: &Small, folder: &Path) -> Result<PathBuf, Problem> {
    let file = folder.join(format!("{}.toml", name_of(failure)));
    prove(&small.text, &file, &small.violation).map(|_| file)
}

/// Writes a file that is not there yet.
fn write(file: &Path, text: &str) -> Result<(), Problem> {
    let made = fs::File::create_new(file).and_then(|mut made| made.write_all(text.as_bytes()));
    made.map_err(|error| Problem::new(format!("cannot write {}: {error}", file.display())))
}

/// Names a file: by the invariant and the seed, until a person knows better.
fn name_of(failure: &Failure<'_>) -> String {
    let invariant = failure.failed.invariant;
    format!("found-{invariant}-in-{}-by-{}", failure.story.name(), failure.seed)
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::time::Duration;

    use delian_sim::plan::{Fork, Redraw};

    use super::*;

    const BROKEN: &str = "what-was-set-up-happened";
    const RED: &str = "about = \"Too much to ask for.\"\n[cluster]\nvoters = 1\n[run]\nchaos = \"1s\"\n[expect]\nat_least = \
                       { elections = 1000 }\n";

    fn story(name: &str) -> Story {
        Story::from_toml(RED, &format!("{name}.toml")).expect("it makes sense")
    }

    fn failed(invariant: &'static str, forks: Vec<Fork>) -> Failed {
        Failed { forks, invariant, sentence: "It is." }
    }

    /// A failure that somebody made up.
    fn made_up() -> Failed {
        failed("no-panic", Vec::new())
    }

    #[test]
    fn a_fault_that_cannot_be_shrunk_is_tried_again_a_few_times() {
        let (findings, story, failed) = (Findings::default(), story("red"), made_up());
        let folder = env::temp_dir();
        let mut tries = 0;
        for seed in 0..10 {
            let failure = Failure { story: &story, seed, failed: &failed };
            if let Some(at) = findings.begin(&failure, 1) {
                assert_eq!(findings.begin(&failure, 1), None, "it is being tried");
                assert_eq!(findings.settle(at, &failure, &folder).map(|it| it.is_first), (tries == 0).then_some(true));
                tries += 1;
            }
        }
        assert_eq!(tries, 1 + MORE_TRIES_MAX);
        let list = findings.to_list();
        assert_eq!((list.len(), list[0].times, list[0].seed), (1, 10 + u64::from(tries), u64::from(MORE_TRIES_MAX)));
        assert!(list[0].unsaved.as_ref().is_some_and(|why| why.contains(BROKEN)), "{list:?}");
    }

    #[test]
    fn a_fault_whose_first_failure_was_wrong_is_shrunk_from_the_next() {
        let findings = Findings::default();
        let folder = env::temp_dir().join(format!("delian-findings-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("the folder can be made");
        let story = story("red");
        // Behind the end of the chaos, where no run leaves another.
        let forks = vec![Fork { at: Duration::from_secs(9), redraw: Redraw::Swarm, number: 1 }];
        let (wrong, right) = (failed(BROKEN, forks), failed(BROKEN, Vec::new()));
        let (wrong, right) =
            (Failure { story: &story, seed: 1, failed: &wrong }, Failure { story: &story, seed: 2, failed: &right });
        let at = findings.begin(&wrong, 1).expect("it is new");
        let settled = findings.settle(at, &wrong, &folder).expect("it is new");
        assert!(settled.is_first && settled.finding.unsaved.is_some());
        assert_eq!(findings.begin(&right, 1), Some(at));
        let settled = findings.settle(at, &right, &folder).expect("it could be saved");
        assert_eq!((settled.is_first, settled.finding.seed, settled.finding.times), (false, 2, 2));
        assert!(settled.finding.file.is_some_and(|file| file.is_file()));
        assert_eq!(findings.begin(&right, 1), None, "it is known");
        fs::remove_dir_all(&folder).expect("the folder is this test's");
    }

    #[test]
    fn what_was_not_shrunk_by_the_end_says_so() {
        let (findings, story, failed) = (Findings::default(), story("red"), made_up());
        findings.begin(&Failure { story: &story, seed: 7, failed: &failed }, 3);
        let list = findings.to_list();
        assert_eq!(list[0].unsaved.as_deref(), Some("the hunt ended before it was shrunk"));
    }
}
