//! The copy of the tree in which bugs are planted, and the programs run in it.
//!
//! One copy and one build folder serve all bugs, and files whose bytes already agree are left alone, so a build after a
//! patch compiles only what the patch touched. The copy holds what git tracks or would track: uncommitted work included.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::catalogue::{self, Bug, SimCheck, Suite, Tale};
use super::libtest::Outcomes;
use crate::{Problem, madsim, process};

/// Where the bugs live, from the root.
const CATALOGUE: &str = "tests/bugs";
/// The build profile of the copy.
const PROFILE: &str = "bugs";

/// Reads every description of the catalogue, in the order of names.
///
/// # Errors
/// When the folder cannot be read, a file lacks its partner or a description is wrong.
pub(super) fn catalogue(root: &Path) -> Result<Vec<Bug>, Problem> {
    let folder = root.join(CATALOGUE);
    let entries = fs::read_dir(&folder).map_err(|error| about(&folder, &error))?;
    let files: BTreeSet<PathBuf> = entries
        .map(|entry| entry.map(|it| it.path()))
        .collect::<Result<_, _>>()
        .map_err(|error| about(&folder, &error))?;
    let with =
        |extension: &'static str| files.iter().filter(move |file| file.extension().is_some_and(|it| it == extension));
    if let Some(alone) = with("patch").find(|patch| !files.contains(&patch.with_extension("toml"))) {
        return Err(format!("{}: the description beside it is missing", alone.display()));
    }
    with("toml")
        .map(|file| {
            let patch = file.with_extension("patch");
            if !files.contains(&patch) {
                return Err(format!("{}: the patch beside it is missing", file.display()));
            }
            catalogue::parse(patch, &fs::read_to_string(file).map_err(|error| about(file, &error))?)
        })
        .collect()
}

/// A copy of the tree that may be broken at will.
pub(super) struct Scratch {
    root: PathBuf,
    tree: PathBuf,
    build: PathBuf,
    report: PathBuf,
}

impl Scratch {
    /// Makes the copy, or brings the one of an earlier run up to date.
    ///
    /// # Errors
    /// When git cannot list the files or one cannot be copied.
    pub(super) fn prepare(root: &Path) -> Result<Scratch, Problem> {
        let home = root.join("target").join("bugs");
        let scratch = Scratch {
            root: root.to_path_buf(),
            tree: home.join("tree"),
            build: home.join("build"),
            report: home.join("report"),
        };
        fs::create_dir_all(&scratch.tree).map_err(|error| about(&scratch.tree, &error))?;
        scratch.restore()?;
        Ok(scratch)
    }

    /// Makes the copy equal to the tree again.
    ///
    /// # Errors
    /// When git cannot list the files or one cannot be copied or removed.
    pub(super) fn restore(&self) -> Result<(), Problem> {
        let wanted = self.tracked()?;
        for name in &wanted {
            copy_if_different(&self.root.join(name), &self.tree.join(name))?;
        }
        let mut present = Vec::new();
        files_below(&self.tree, &mut present)?;
        for file in present {
            let name = file.strip_prefix(&self.tree).expect("listed below the tree");
            if !wanted.contains(name) {
                fs::remove_file(&file).map_err(|error| about(&file, &error))?;
            }
        }
        Ok(())
    }

    /// Asks git whether the patch of `bug` applies, and changes nothing.
    ///
    /// # Errors
    /// When it does not, with git's words.
    pub(super) fn would_plant(&self, bug: &Bug) -> Result<(), Problem> {
        self.apply(bug, &["--check"])
    }

    /// Breaks the copy.
    ///
    /// # Errors
    /// When the patch does not apply, with git's words.
    pub(super) fn plant(&self, bug: &Bug) -> Result<(), Problem> {
        self.apply(bug, &[])
    }

    /// Builds the command in the copy; `what` names the state of the copy in a complaint.
    ///
    /// # Errors
    /// When it does not build, with the compiler's words.
    pub(super) fn build(&self, what: &str) -> Result<(), Problem> {
        let mut cargo = process::cargo(&self.tree);
        // Of a test build, for some scenarios bend the clocks and disks of real processes.
        cargo.args(["build", "--quiet", "--package", "delian", "--features", "faults", "--profile", PROFILE]);
        let output = process::listen(cargo.env("CARGO_TARGET_DIR", &self.build))?;
        if output.status.success() { Ok(()) } else { Err(format!("{what} does not build:\n{}", said(&output))) }
    }

    /// Builds an example of the simulator in the copy and returns where it lies.
    ///
    /// # Errors
    /// When it does not build, with the compiler's words.
    pub(super) fn build_example(&self, what: &str, example: &str) -> Result<PathBuf, Problem> {
        let mut cargo = process::cargo(&self.tree);
        cargo.args(["build", "--quiet", "--package", "delian-sim", "--example", example, "--profile", PROFILE]);
        let output = process::listen(cargo.env("CARGO_TARGET_DIR", &self.build))?;
        if !output.status.success() {
            return Err(format!("{what} does not build:\n{}", said(&output)));
        }
        let program = self.build.join(PROFILE).join("examples").join(example);
        Ok(program.with_extension(std::env::consts::EXE_EXTENSION))
    }

    /// Builds whole shells in a simulated world in the copy.
    ///
    /// # Errors
    /// When they do not build; the compiler has said why.
    pub(super) fn build_shells(&self, what: &str) -> Result<(), Problem> {
        madsim::build(&self.tree, Some(&self.build)).map(drop).map_err(|problem| format!("{what}: {problem}"))
    }

    /// Tells a scenario to the shells that were built last, with as many seeds as it asks for, and says of each seed which
    /// invariant did not hold.
    ///
    /// # Errors
    /// When they do not build.
    pub(super) fn tell_shells(&self, check: &SimCheck) -> Result<Vec<(u64, Option<String>)>, Problem> {
        let program = madsim::build(&self.tree, Some(&self.build))?;
        Ok(madsim::broken(&program, &self.file(&check.scenario), check.seeds))
    }

    /// Tells a scenario to processes of the command that was built last, beside discrete events, and returns the JSON
    /// document of that.
    ///
    /// # Errors
    /// When it neither passed nor found anything.
    pub(super) fn tell_processes(&self, tale: &Tale) -> Result<String, Problem> {
        let mut delian = Command::new(self.build.join(PROFILE).join("delian"));
        delian.current_dir(&self.tree).args(["sim", &tale.scenario, "--world", "process", "--seeds", "5"]);
        let output = process::listen(delian.args(["--json", "--report"]).arg(&self.report))?;
        match output.status.code() {
            Some(0 | 1) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            _ => Err(format!("delian sim {} ended with {}:\n{}", tale.scenario, output.status, said(&output))),
        }
    }

    /// Builds a suite of tests in the copy.
    ///
    /// # Errors
    /// When it does not build, with the compiler's words: what no compiler takes, no test caught.
    pub(super) fn build_suite(&self, what: &str, suite: &Suite) -> Result<(), Problem> {
        let output = process::listen(self.cargo_test(suite).args(["--quiet", "--no-run"]))?;
        if output.status.success() { Ok(()) } else { Err(format!("{what} does not build:\n{}", said(&output))) }
    }

    /// Runs these tests of a suite that was built last, and no others.
    ///
    /// # Errors
    /// When one of them did not run to its end.
    pub(super) fn test(&self, suite: &Suite, tests: &[&str]) -> Result<Outcomes, Problem> {
        let mut cargo = self.cargo_test(suite);
        cargo.args(["--", "--exact", "--color", "never"]).args(tests);
        // What a test prints must not come between the lines that tell how tests ended.
        let output = process::listen(cargo.env_remove("RUST_TEST_NOCAPTURE"))?;
        Outcomes::parse(&String::from_utf8_lossy(&output.stdout), tests, output.status.success())
            .map_err(|problem| format!("{suite}: {problem}\n{}", said(&output)))
    }

    fn cargo_test(&self, suite: &Suite) -> Command {
        let mut cargo = process::cargo(&self.tree);
        cargo.arg("test").args(suite.target()).args(["--profile", PROFILE]);
        cargo.env("CARGO_TARGET_DIR", &self.build);
        cargo
    }

    /// Returns a file of the copy.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.tree.join(name)
    }

    /// Runs the simulator that was built last and returns its JSON document.
    ///
    /// # Errors
    /// When it neither passed nor found a violation.
    pub(super) fn simulate(&self, check: &SimCheck) -> Result<String, Problem> {
        let mut delian = Command::new(self.build.join(PROFILE).join("delian"));
        delian.current_dir(&self.tree).args(["sim", &check.scenario, "--seeds", &check.seeds.to_string()]);
        // What seeds draw by themselves must do: a scenario that needs luck beside it is not about the bug.
        delian.args(["--guide", "none"]);
        let output = process::listen(delian.args(["--json", "--fail-fast", "--report"]).arg(&self.report))?;
        match output.status.code() {
            Some(0 | 1) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            _ => Err(format!("delian sim {} ended with {}:\n{}", check.scenario, output.status, said(&output))),
        }
    }

    /// Explores a model with the command that was built last and returns its JSON document.
    ///
    /// # Errors
    /// When it neither passed nor found anything.
    pub(super) fn explore(&self, model: &str, max_states: Option<u64>) -> Result<String, Problem> {
        let mut arguments = vec!["check".to_owned(), model.to_owned()];
        arguments.extend(max_states.map(|states| format!("--max-states={states}")));
        self.check(&arguments)
    }

    /// Returns the JSON list of all models.
    ///
    /// # Errors
    /// When the command that was built last does not tell.
    pub(super) fn models(&self) -> Result<String, Problem> {
        self.check(&["check".to_owned(), "--list".to_owned()])
    }

    fn check(&self, arguments: &[String]) -> Result<String, Problem> {
        let mut delian = Command::new(self.build.join(PROFILE).join("delian"));
        delian.current_dir(&self.tree).args(arguments);
        let output = process::listen(delian.args(["--json", "--report"]).arg(&self.report))?;
        match output.status.code() {
            Some(0 | 1) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            _ => Err(format!("delian {} ended with {}:\n{}", arguments.join(" "), output.status, said(&output))),
        }
    }

    fn apply(&self, bug: &Bug, options: &[&str]) -> Result<(), Problem> {
        let mut git = git(&self.tree);
        // Git must not find the repository around the copy: inside one, it silently skips what lies outside the index.
        git.env("GIT_CEILING_DIRECTORIES", self.tree.parent().expect("the copy lies below the home of bugs"));
        let output = process::listen(git.args(["apply", "--whitespace=nowarn"]).args(options).arg(&bug.patch))?;
        if output.status.success() {
            return Ok(());
        }
        let patch = bug.patch.strip_prefix(&self.root).unwrap_or(&bug.patch);
        Err(format!("bug `{}`: {} does not apply to this tree:\n{}", bug.name, patch.display(), said(&output)))
    }

    /// The files git tracks or would track, as far as they exist.
    fn tracked(&self) -> Result<BTreeSet<PathBuf>, Problem> {
        let output =
            process::listen(git(&self.root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))?;
        if !output.status.success() {
            return Err(format!("git cannot list the files of {}:\n{}", self.root.display(), said(&output)));
        }
        let names = String::from_utf8_lossy(&output.stdout);
        let names = names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
        Ok(names.filter(|name| self.root.join(name).is_file()).collect())
    }
}

/// A git that listens only to the folder it is started in, even inside a hook.
fn git(directory: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(directory).env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    git
}

/// Leaves a file alone when its bytes agree, so that its time of change, by which cargo judges, stays.
fn copy_if_different(from: &Path, to: &Path) -> Result<(), Problem> {
    let wanted = fs::read(from).map_err(|error| about(from, &error))?;
    match fs::read(to) {
        Ok(present) if present == wanted => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = to.parent().expect("every file of the copy lies in a folder");
            fs::create_dir_all(folder).map_err(|error| about(folder, &error))?;
        }
        Err(error) => return Err(about(to, &error)),
    }
    fs::write(to, wanted).map_err(|error| about(to, &error))
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Problem> {
    for entry in fs::read_dir(folder).map_err(|error| about(folder, &error))? {
        let path = entry.map_err(|error| about(folder, &error))?.path();
        if path.is_dir() {
            files_below(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim_end().to_owned()
}

fn about(path: &Path, error: &std::io::Error) -> Problem {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equal_file_keeps_its_time_of_change() {
        let folder = std::env::temp_dir().join(format!("delian-scratch-{}", std::process::id()));
        let (from, to) = (folder.join("from"), folder.join("deep").join("to"));
        fs::create_dir_all(&folder).expect("a temporary folder");
        fs::write(&from, "one").expect("a writable folder");

        copy_if_different(&from, &to).expect("a first copy");
        let first = fs::metadata(&to).and_then(|it| it.modified()).expect("a copied file");
        copy_if_different(&from, &to).expect("a second copy");
        let second = fs::metadata(&to).and_then(|it| it.modified()).expect("a copied file");
        fs::write(&from, "two").expect("a writable folder");
        copy_if_different(&from, &to).expect("a third copy");

        assert_eq!(first, second);
        assert_eq!(fs::read_to_string(&to).expect("a copied file"), "two");
        fs::remove_dir_all(&folder).expect("a folder of this test alone");
    }
}
