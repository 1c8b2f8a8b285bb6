//! What is wrong with a scenario, said to the person who wrote it.

use std::fmt;
use std::ops::Range;

/// Everything that is wrong with one scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file, or the name of a scenario that was built in Rust.
    pub path: String,
    /// What is wrong, in order of place; never empty.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands, if it stands in a file.
    pub spot: Option<Spot>,
    /// The key, its value and what would be right.
    pub message: String,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters are at fault, at least 1.
    pub width: usize,
    /// The whole line.
    pub excerpt: String,
}

impl ScenarioError {
    /// Says that a file as a whole cannot be used.
    pub(crate) fn of_file(path: &str, message: String) -> Self {
        Self { path: path.to_string(), problems: vec![Problem { spot: None, message }] }
    }
}

impl Spot {
    /// Finds the line and column of a range of bytes.
    pub(crate) fn locate(text: &str, range: &Range<usize>) -> Self {
        let start = text.floor_char_boundary(range.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let excerpt = text[line_start..].lines().next().unwrap_or("");
        let line_end = line_start + excerpt.len();
        let end = text.floor_char_boundary(range.end).clamp(start, line_end.max(start));
        Self {
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            width: text[start..end].chars().count().max(1),
            excerpt: excerpt.to_string(),
        }
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.problems.iter().enumerate() {
            if position > 0 {
                writeln!(f)?;
            }
            match &problem.spot {
                Some(spot) => write!(f, "{}:{}:{}: {}\n{spot}", self.path, spot.line, spot.column, problem.message)?,
                None => write!(f, "{}: {}", self.path, problem.message)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioError {}

/// Writes the line with carets under what is at fault.
impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gutter = self.line.to_string().len();
        // A tab before the fault stays a tab, so that the carets line up however wide tabs are.
        let indent: String =
            self.excerpt.chars().take(self.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        writeln!(f, "{:gutter$} |", "")?;
        writeln!(f, "{} | {}", self.line, self.excerpt)?;
        write!(f, "{:gutter$} | {indent}{}", "", "^".repeat(self.width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spot_shows_its_line_with_carets_under_the_fault() {
        let text = "about = \"ä\"\n\tvoters = 9 # nine\n";
        let start = text.find('9').expect("it is there");
        let spot = Spot::locate(text, &(start..start + 1));
        assert_eq!((spot.line, spot.column), (2, 11));
        assert_eq!(spot.to_string(), "  |\n2 | \tvoters = 9 # nine\n  | \t         ^");
    }

    #[test]
    fn a_spot_at_the_very_end_is_still_a_spot() {
        let spot = Spot::locate("a = ", &(4..4));
        assert_eq!((spot.line, spot.column, spot.width), (1, 5, 1));
        assert_eq!(Spot::locate("", &(0..7)).width, 1);
    }
}
