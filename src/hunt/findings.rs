//! What a hunt found: each invariant once in each scenario, and each story once, however often chance comes upon it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{fs, mem};

use delian_sim::outcome::Violation;
use delian_sim::story::Story;
use serde::Serialize;

use super::ground::Failed;
use crate::answer::Problem;
use crate::shrink::prove;

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

/// All findings, each with its smallest story once that is known.
#[derive(Default)]
pub(super) struct Findings(Mutex<Vec<(Finding, Option<String>)>>);

impl Findings {
    /// Takes in a failure that so many runs came upon. One that is known by its invariant and scenario is counted alone;
    /// of one that is new, the place is returned, for [`Findings::settle`].
    pub(super) fn begin(&self, failure: &Failure<'_>, times: u64) -> Option<usize> {
        let Failure { story, seed, failed } = failure;
        let mut known = self.known();
        let is_it = |finding: &Finding| {
            finding.invariant == failed.invariant && finding.scenarios.iter().any(|name| name == story.name())
        };
        if let Some((finding, _)) = known.iter_mut().find(|(finding, _)| is_it(finding)) {
            finding.times = finding.times.saturating_add(times);
            return None;
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
        known.push((finding, None));
        Some(known.len() - 1)
    }

    /// Looks for the smallest story of what is new, which may be that of another finding. Returns it if it is new all
    /// the same.
    pub(super) fn settle(&self, place: usize, failure: &Failure<'_>, folder: &Path) -> Option<Finding> {
        // Before anything is locked, for both take long.
        let small = smallest(failure).and_then(|small| Ok((prove_small(failure, &small, folder)?, small)));
        let mut known = self.known();
        let told = small.as_ref().ok().map(|(_, small)| small.tale.clone());
        let twin = told.as_ref().and_then(|told| {
            known.iter().position(|(it, tale)| it.invariant == failure.failed.invariant && tale.as_ref() == Some(told))
        });
        if let Some(twin) = twin {
            // What is left of it only says that it is known.
            let again = mem::take(&mut known[place].0.scenarios);
            let times = mem::take(&mut known[place].0.times);
            known[twin].0.scenarios.extend(again);
            known[twin].0.times = known[twin].0.times.saturating_add(times);
            return None;
        }
        let saved = small.and_then(|(file, small)| write(&file, &small.text).map(|()| file));
        let (finding, tale) = &mut known[place];
        *tale = told;
        match saved {
            Ok(file) => finding.file = Some(file),
            Err(why) => finding.unsaved = Some(why.to_string()),
        }
        Some(finding.clone())
    }

    /// Returns what was found, as it was found.
    pub(super) fn into_list(self) -> Vec<Finding> {
        let all = self.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.into_iter().map(|(finding, _)| finding).filter(|finding| finding.times > 0).collect()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Vec<(Finding, Option<String>)>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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
