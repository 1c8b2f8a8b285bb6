//! `delian check MODEL --replay FILE`: a path through a model, step by step, and what lies at its end.

use std::fmt::Debug;
use std::fs;
use std::path::Path as FilePath;

use delian_sim::explore::catalogue::{Model, Work};
use delian_sim::explore::shipped::{Told, in_lines};
use delian_sim::explore::{Path, Shipped, follow};
use delian_sim::invariants::Breach;
use delian_sim::report::exploration;
use delian_sim::report::human::plural;
use serde_json::json;

use crate::answer::{Answer, Problem};
use crate::check::remove_if_there;
use crate::screen::{self, Screen};

/// What a file begins with that this command wrote: each of its steps names its action.
const HEADER: &str = "# delian check";

/// Follows the path in a file.
pub(crate) fn run(model: Model, hash_seed: u64, file: &FilePath, as_json: bool) -> Result<Answer, Problem> {
    model.prepare(hash_seed).with(Retelling { file, as_json })
}

/// What is asked for.
struct Retelling<'a> {
    file: &'a FilePath,
    as_json: bool,
}

impl Work for Retelling<'_> {
    type Output = Result<Answer, Problem>;

    fn work<S: Shipped>(self, system: &S) -> Self::Output {
        let (name, file) = (system.listing().name, self.file);
        let refused = |error: &dyn std::fmt::Display| Problem::new(format!("{} of {name}: {error}", file.display()));
        let text = fs::read_to_string(file)
            .map_err(|error| Problem::new(format!("cannot read the path in {}: {error}", file.display())))?;
        let path: Path = text.parse().map_err(|error| refused(&error))?;
        let walk = follow(system, &path.0).map_err(|error| refused(&error))?;
        is_as_written(&text, &walk.actions).map_err(|error| refused(&error))?;
        let story = system.story(&path);
        if self.as_json {
            screen::say(&document(name, &path, &story, walk.breach.as_ref()))?;
        } else {
            screen::say(&told(name, &story, walk.breach.as_ref(), Screen::of_output()))?;
        }
        Ok(if walk.breach.is_none() { Answer::Yes } else { Answer::No })
    }
}

/// Compares the actions that a path takes with those that it took when this command wrote it.
fn is_as_written<A: Debug>(text: &str, actions: &[A]) -> Result<(), String> {
    if !text.starts_with(HEADER) {
        return Ok(());
    }
    let steps = text.lines().filter_map(|line| line.split_once('#')).filter(|(place, _)| !place.is_empty());
    for (step, ((_, written), action)) in steps.zip(actions).enumerate() {
        let (step, written, taken) = (step + 1, written.trim(), format!("{action:?}"));
        if written != taken {
            return Err(format!(
                "step {step} was {written} when it was written and is {taken} here: the path is of another build or model"
            ));
        }
    }
    Ok(())
}

/// Removes the path of a counter-example that is none any more.
pub(crate) fn forget<S: Shipped>(system: &S, directory: &FilePath) -> Result<(), Problem> {
    let file = directory.join(format!("{}.path", system.listing().name));
    remove_if_there(&file)
}

/// Writes the path of a counter-example beside the reports, to be followed again. Returns what does so.
pub(crate) fn keep<S: Shipped>(system: &S, path: &Path, directory: &FilePath) -> Result<String, Problem> {
    let name = system.listing().name;
    let file = directory.join(format!("{name}.path"));
    let text = format!("{HEADER} {name} --replay {}\n{}", file.display(), path.told(system));
    fs::write(&file, text).map_err(|error| Problem::new(format!("cannot write {}: {error}", file.display())))?;
    Ok(format!("delian check {name} --replay {}", file.display()))
}

fn told(name: &str, story: &[Told], breach: Option<&Breach>, screen: Screen) -> String {
    let steps = plural(story.len() as u64, "step");
    let end = match breach {
        None => screen.good(&format!("{name}: {steps}, and every invariant holds.")),
        Some(Breach { invariant, sentence, facts }) => {
            let headline = screen.bad(&format!("{name}: {invariant} is broken after {steps}."));
            let facts = facts.iter().map(|fact| format!("- {fact}"));
            [headline, (*sentence).to_owned()].into_iter().chain(facts).collect::<Vec<_>>().join("\n")
        }
    };
    format!("{}\n{end}\n", in_lines(story))
}

fn document(name: &str, path: &Path, story: &[Told], breach: Option<&Breach>) -> String {
    let story = exploration::story_to_json(story);
    let breach = breach.map(|breach| json!({"invariant": breach.invariant, "facts": breach.facts}));
    format!(
        "{:#}\n",
        json!({"name": name, "ok": breach.is_none(), "path": path.to_string(), "violation": breach, "story": story})
    )
}

#[cfg(test)]
mod tests {
    use delian_sim::explore::cluster::Cluster;
    use delian_sim::explore::cluster::model::{Budgets, Model as ClusterModel};
    use delian_sim::explore::{Options, Search, models, silent};

    use super::*;

    /// A cluster with a lease and a clock that drifts further than anyone may: the one thing here that is broken.
    fn broken() -> ClusterModel {
        let leases = models::all().into_iter().find(|model| model.name == "leases").expect("it is shipped");
        let budgets = Budgets { drifts: 1, ..leases.budgets };
        ClusterModel { budgets, goals: &[], ..leases }
    }

    #[test]
    fn a_path_that_was_kept_leads_to_the_same_violation_again() {
        let directory = std::env::temp_dir().join(format!("delian-retell-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("temporary files can be written");
        let cluster = Cluster::new(broken(), 0);
        let report = Search::new(&cluster, 0).run(&Options::default(), &mut silent);
        let found = report.breaches.first().expect("a lease that clocks break");
        let again = keep(&cluster, &found.path, &directory).expect("it can be written");
        let file = directory.join("leases.path");
        assert_eq!(again, format!("delian check leases --replay {}", file.display()));
        let text = fs::read_to_string(&file).expect("it was written");
        let path: Path = text.parse().expect("comments are no steps");
        assert_eq!(path, found.path);
        let walk = follow(&cluster, &path.0).expect("it can be walked");
        assert_eq!(walk.breach.as_ref(), Some(&found.breach));
        let told = told(
            "leases",
            &cluster.story(&path),
            walk.breach.as_ref(),
            Screen { columns: None, color: Screen::of_output().color },
        );
        assert!(told.contains("leases: reads-reflect-what-was-committed is broken after"), "{told}");
        assert!(
            matches!(run(Model::Cluster(broken()), 1, &file, false), Ok(Answer::No)),
            "under another hash seed too"
        );
        fs::remove_dir_all(&directory).expect("it is ours");
    }
}
