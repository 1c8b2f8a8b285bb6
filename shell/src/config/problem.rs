//! Where a value comes from, and what is wrong with it, said to the person who wrote it.

use std::error::Error;
use std::fmt;
use std::ops::Range;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters are meant, at least 1.
    pub width: usize,
    /// The whole line.
    pub excerpt: String,
}

/// Which layer a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// Nobody set it, and it follows from this key.
    Derived(&'static str),
    /// The file.
    File(Spot),
    /// This variable of the environment.
    Environment(String),
    /// This flag.
    Flag(String),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub origin: Origin,
    /// The key, its value and what would be right.
    pub message: String,
}

/// Everything that is wrong with a configuration, so far as it can be told at once; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong, in the order of the layers.
    pub problems: Vec<Problem>,
}

impl Spot {
    /// Finds the line and column of a range of bytes.
    pub(super) fn locate(path: &str, text: &str, range: &Range<usize>) -> Self {
        let start = text.floor_char_boundary(range.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let excerpt = text[line_start..].lines().next().unwrap_or("");
        let line_end = (line_start + excerpt.len()).max(start);
        let end = text.floor_char_boundary(range.end).clamp(start, line_end);
        Self {
            path: path.to_string(),
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            width: text[start..end].chars().count().max(1),
            excerpt: excerpt.to_string(),
        }
    }

    /// Returns the line with carets under what is meant.
    fn picture(&self) -> String {
        let gutter = self.line.to_string().len();
        // A tab before the place stays a tab, so that the carets line up however wide tabs are.
        let before = self.excerpt.chars().take(self.column - 1);
        let indent: String = before.map(|letter| if letter == '\t' { '\t' } else { ' ' }).collect();
        let Self { line, width, excerpt, .. } = self;
        format!("{:gutter$} |\n{line} | {excerpt}\n{:gutter$} | {indent}{}", "", "", "^".repeat(*width))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Derived(key) => write!(f, "from {key}"),
            Self::File(Spot { path, line, .. }) => write!(f, "{path}:{line}"),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = &self.message;
        match &self.origin {
            Origin::Default | Origin::Derived(_) => write!(f, "configuration: {message}"),
            Origin::File(spot) => {
                write!(f, "{}:{}:{}: {message}\n{}", spot.path, spot.line, spot.column, spot.picture())
            }
            Origin::Environment(name) | Origin::Flag(name) => write!(f, "{name}: {message}"),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if number == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spot_shows_its_line_with_carets_under_the_fault() {
        let text = "[node]\n\tname = 9 # ä\n";
        let start = text.find('9').expect("it is there");
        let spot = Spot::locate("node.toml", text, &(start..start + 1));
        let problem = Problem { origin: Origin::File(spot), message: "node.name is 9".to_string() };
        assert_eq!(problem.to_string(), "node.toml:2:9: node.name is 9\n  |\n2 | \tname = 9 # ä\n  | \t       ^");
        assert_eq!(Spot::locate("", "", &(0..7)).width, 1);
        assert_eq!(Spot::locate("", "a = ", &(4..4)).column, 5);
    }
}
