//! Words to people and programs: standard output, standard error, and what the terminal can show.
//!
//! A reader that has seen enough closes the pipe; that is no error, so writing to it then does nothing.

use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::iter;

use delian_sim::report::Color;

use crate::answer::Problem;

/// How wide tables are when nobody says how wide the terminal is.
const WIDTH_USUAL: usize = 100;

/// What standard output, or standard error, can show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// How many columns it has; none for a file or a pipe.
    pub(crate) columns: Option<usize>,
    /// Whether it shows colour.
    pub(crate) color: Color,
}

impl Screen {
    /// Looks at standard output.
    pub(crate) fn of_output() -> Self {
        let stream = io::stdout();
        Self::of(stream.is_terminal(), terminal_size::terminal_size_of(stream))
    }

    /// Looks at standard error.
    pub(crate) fn of_error() -> Self {
        let stream = io::stderr();
        Self::of(stream.is_terminal(), terminal_size::terminal_size_of(stream))
    }

    fn of(is_terminal: bool, size: Option<(terminal_size::Width, terminal_size::Height)>) -> Self {
        let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            columns: is_terminal.then(|| size.map_or(WIDTH_USUAL, |(width, _)| usize::from(width.0))),
            color: if is_terminal && !plain { Color::On } else { Color::Off },
        }
    }

    /// Returns how wide a table may be.
    pub(crate) fn width(self) -> usize {
        self.columns.unwrap_or(WIDTH_USUAL)
    }

    /// Returns the text in bold.
    pub(crate) fn strong(self, text: &str) -> String {
        self.painted("1", text)
    }

    /// Returns the text in green.
    pub(crate) fn good(self, text: &str) -> String {
        self.painted("32", text)
    }

    /// Returns the text in red.
    pub(crate) fn bad(self, text: &str) -> String {
        self.painted("1;31", text)
    }

    fn painted(self, code: &str, text: &str) -> String {
        match self.color {
            Color::On => format!("\x1b[{code}m{text}\x1b[0m"),
            Color::Off => text.to_string(),
        }
    }
}

/// Writes to standard output.
///
/// # Errors
/// If it cannot be written for another reason than a reader that has gone.
pub(crate) fn say(text: &str) -> Result<(), Problem> {
    let mut output = io::stdout().lock();
    forgive(output.write_all(text.as_bytes()).and_then(|()| output.flush()))
        .map_err(|error| Problem::new(format!("cannot write to standard output: {error}")))
}

/// Writes a line to standard error, if anybody is there.
pub(crate) fn complain(text: &str) {
    // Where this fails there is nobody left to tell.
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Takes a reader that has gone for one that has read all.
pub(crate) fn forgive(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Stands for a space at which no line is broken.
pub(crate) const FIRM_SPACE: char = '\u{a0}';

/// Breaks a text at spaces into lines of at most `width`; a longer word keeps a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let length = |text: &str| text.chars().count();
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(last) if length(last) + 1 + length(word) <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

/// Returns a row: a label, and a text beside it that is wrapped to what is left of `width`.
pub(crate) fn row(label: &str, label_width: usize, text: &str, width: usize) -> String {
    let parts = wrapped(text, width.saturating_sub(label_width + 2));
    let labels = iter::once(label).chain(iter::repeat(""));
    labels.zip(parts).map(|(label, part)| format!("{label:label_width$}  {part}\n").replace(FIRM_SPACE, " ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_keeps_its_label_to_the_left() {
        assert_eq!(row("ran", 5, "one two three", 15), "ran    one two\n       three\n");
        let firm = format!("one two{FIRM_SPACE}three");
        assert_eq!(row("ran", 5, &firm, 15), "ran    one\n       two three\n");
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error() {
        assert!(forgive(Err(ErrorKind::BrokenPipe.into())).is_ok());
        assert!(forgive(Err(ErrorKind::StorageFull.into())).is_err());
    }
}
