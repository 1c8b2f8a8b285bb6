//! Scenario files: TOML in, [`Scenario`] out; the grammar by example is `scenarios/README.md`.
//!
//! A file is read to its end whatever is wrong with it, so that one look shows every problem, each with its line, its
//! column, the value and what would be right.

pub(crate) mod sections;
pub(crate) mod steps;
pub(crate) mod table;

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::DeTable;

use self::table::{Reader, Table};
use super::check::{Finding, Section, check, check_parts};
use super::error::{Problem, ScenarioError, Spot};
use super::{Operation, Scenario, Step};

/// The most problems of one file that are shown: whoever has more has one cause.
const PROBLEMS_MAX: usize = 20;

impl Scenario {
    /// Reads a scenario from the text of a file; `path` gives the name and appears in errors.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the text.
    ///
    /// ```
    /// use delian_sim::scenario::Scenario;
    ///
    /// let text = "about = \"Nothing goes wrong.\"\n[cluster]\nvoters = 9\n";
    /// let error = Scenario::from_toml(text, "scenarios/quiet.toml").expect_err("nine voters are too many");
    /// assert_eq!(
    ///     error.to_string(),
    ///     "scenarios/quiet.toml:3:10: voters is 9, but must be from 1 to 7\n  |\n3 | voters = 9\n  |          ^",
    /// );
    /// ```
    pub fn from_toml(text: &str, path: &str) -> Result<Self, ScenarioError> {
        let document = parse(text, path)?;
        let mut draft = Draft { scenario: Self::plain(stem_of(path)), steps: Vec::new(), operations: Vec::new() };
        draft.scenario.path = path.to_string();
        let mut reader = Reader::new(text);
        let top = Table::new(&mut reader, Section::Top, "a scenario", 0..0, document.get_ref());
        let frame = draft.read(&mut reader, top);
        draft.sort();

        let findings = match frame {
            // Without knowing who takes part and for how long, every target and time would look wrong.
            Frame::Broken => Vec::new(),
            Frame::Whole if reader.problem_count() > 0 => check_parts(&draft.scenario),
            Frame::Whole => check(&draft.scenario),
        };
        complete(text, path, reader, findings, |reader, finding| draft.place(reader, finding))?;
        Ok(draft.scenario)
    }

    /// Reads one file.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the file.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        load(path, Self::from_toml)
    }
}

/// Reads one file.
///
/// # Errors
///
/// Returns everything that is wrong with the file.
pub(crate) fn load<T>(path: &Path, read: impl Fn(&str, &str) -> Result<T, ScenarioError>) -> Result<T, ScenarioError> {
    let shown = path.display().to_string();
    let text =
        fs::read_to_string(path).map_err(|error| ScenarioError::of_file(&shown, format!("cannot be read: {error}")))?;
    read(&text, &shown)
}

/// Returns the file itself, or every `*.toml` below a folder in order of path.
pub(crate) fn files_below(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    let mut files = Vec::new();
    for entry in entries {
        if entry.is_dir() {
            files.extend(files_below(&entry)?);
        } else if entry.extension().is_some_and(|extension| extension == "toml") {
            files.push(entry);
        }
    }
    Ok(files)
}

/// Parses the text of a file.
///
/// # Errors
///
/// Returns what is no TOML.
pub(crate) fn parse<'t>(text: &'t str, path: &str) -> Result<Spanned<DeTable<'t>>, ScenarioError> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(document);
    }
    let problems = errors.iter().map(|error| (error.span().unwrap_or(0..0), error.message().to_string()));
    Err(refusal(text, path, problems.collect(), Vec::new()))
}

/// Returns the name of a scenario that was read from a path.
pub(crate) fn stem_of(path: &str) -> &str {
    Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or("")
}

/// Ends the reading of a file: puts each finding at its place.
///
/// # Errors
///
/// Returns everything that is wrong with the file.
pub(crate) fn complete<'t>(
    text: &str,
    path: &str,
    mut reader: Reader<'t>,
    findings: Vec<Finding>,
    place: impl Fn(&Reader<'t>, &Finding) -> Option<Range<usize>>,
) -> Result<(), ScenarioError> {
    let mut unplaced = Vec::new();
    for finding in findings {
        match place(&reader, &finding) {
            Some(span) => reader.find(span, finding.message),
            None => unplaced.push(finding.message),
        }
    }
    let problems = reader.into_problems();
    if problems.is_empty() && unplaced.is_empty() { Ok(()) } else { Err(refusal(text, path, problems, unplaced)) }
}

/// Returns what was found in a text, in order of place.
pub(crate) fn refusal(
    text: &str,
    path: &str,
    mut found: Vec<(Range<usize>, String)>,
    unplaced: Vec<String>,
) -> ScenarioError {
    found.sort_by_key(|(span, _)| (span.start, span.end));
    // The first thing that is wrong with a value is the cause of whatever else seems wrong with it.
    found.dedup_by_key(|(span, _)| span.clone());
    let hidden = found.len().saturating_sub(PROBLEMS_MAX);
    let placed = |(span, message)| Problem { spot: Some(Spot::locate(text, &span)), message };
    let mut problems: Vec<Problem> = found.into_iter().take(PROBLEMS_MAX).map(placed).collect();
    problems.extend(unplaced.into_iter().map(|message| Problem { spot: None, message }));
    if hidden > 0 {
        problems.push(Problem { spot: None, message: format!("{hidden} more problems are not shown") });
    }
    ScenarioError { path: path.to_string(), problems }
}

/// Whether the parts that all others refer to could be read: who takes part and for how long.
enum Frame {
    Whole,
    Broken,
}

/// A scenario while it is read. A table may stand for many steps, so each step remembers its table.
struct Draft {
    scenario: Scenario,
    steps: Vec<(Step, usize)>,
    operations: Vec<(Operation, usize)>,
}

impl Draft {
    fn sort(&mut self) {
        self.steps.sort_by_key(|(step, _)| step.at);
        self.operations.sort_by_key(|(operation, _)| operation.at);
        self.scenario.steps = self.steps.iter().map(|(step, _)| step.clone()).collect();
        self.scenario.operations = self.operations.iter().map(|(operation, _)| operation.clone()).collect();
    }

    /// Returns the place in the file that a finding is about.
    fn place(&self, reader: &Reader<'_>, finding: &Finding) -> Option<Range<usize>> {
        let section = if let Section::Step(position) = finding.section {
            Section::Step(self.steps[position].1)
        } else if let Section::Operation(position) = finding.section {
            Section::Operation(self.operations[position].1)
        } else {
            finding.section
        };
        // The name comes from the path, so no line of the file is at fault.
        if finding.key == "name" { None } else { reader.place(section, &finding.key) }
    }
}

#[cfg(test)]
mod tests;
