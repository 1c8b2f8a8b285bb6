//! Scenarios and seeds as the command line names them.

use std::path::{Path, PathBuf};

use delian_sim::story::Story;

use crate::answer::Problem;
use crate::cli::RunArguments;

/// Where scenarios are when nobody names any.
const SCENARIOS: &str = "scenarios";

/// Reads scenarios; those of the folder `scenarios` if no path is given.
///
/// # Errors
/// Everything that is wrong with all files, or a missing folder.
pub(crate) fn scenarios(paths: &[PathBuf]) -> Result<Vec<Story>, Problem> {
    if paths.is_empty() && !Path::new(SCENARIOS).is_dir() {
        return Err(Problem::new(format!(
            "there is no folder `{SCENARIOS}` here: run this where it is, or name scenario files or folders"
        )));
    }
    Story::load_all(paths).map_err(Problem::Scenarios)
}

/// Reads a scenario, settles its seed and lets it fork.
///
/// # Errors
/// What is wrong with the file or with the forks; a seed that is missing, or another than the one that the scenario is pinned to.
pub(crate) fn run(arguments: &RunArguments) -> Result<(Story, u64), Problem> {
    let scenario = Story::load(&arguments.path)?;
    let path = scenario.path();
    let seed = match (scenario.seed(), arguments.seed) {
        (None, None) => {
            return Err(Problem::new(format!("{path} tells another story for every seed: say which, with --seed S")));
        }
        (Some(seed), _) | (None, Some(seed)) => seed,
    };
    refuse_other_seed(&scenario, arguments.seed)?;
    Ok((scenario.forked(&arguments.forks)?, seed))
}

/// # Errors
/// When a seed is asked for that is not the one the scenario is pinned to.
pub(crate) fn refuse_other_seed(scenario: &Story, asked: Option<u64>) -> Result<(), Problem> {
    match (scenario.seed(), asked) {
        (Some(pinned), Some(seed)) if pinned != seed => Err(Problem::new(format!(
            "{} is pinned to seed {pinned}, so seed {seed} is not its story: leave --seed out",
            scenario.path()
        ))),
        (Some(_) | None, _) => Ok(()),
    }
}
