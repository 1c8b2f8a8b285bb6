//! Two runs of one plan, compared event for event.
//!
//! Fingerprints say that two runs differ, at no cost; the traces say where. What differs first is the cause, and all
//! that follows is its shadow, so only the first is told.

use delian_core::Time;

use crate::invariants::{EqualRuns, Invariant};
use crate::outcome::Violation;
use crate::trace::Line;

/// How many lines before the difference are shown.
const SHARED_MAX: usize = 18;

/// The first line in which two traces differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// When, in the world's time of the first trace; of its last line, if that one ended early.
    pub at: Time,
    /// The number of the line, from 1.
    pub number: usize,
    /// The line of the first trace, unless it has ended.
    pub first: Option<String>,
    /// The line of the second trace, unless it has ended.
    pub second: Option<String>,
    /// The last lines that both share.
    pub shared: Vec<String>,
}

/// What the traces of two runs with different fingerprints tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// They differ first here.
    Differ(Difference),
    /// They are equal.
    Equal,
    /// Nobody looked: another run of the same scenario was compared.
    Skipped,
}

/// Finds the first line in which two traces differ.
pub fn first_difference<'a>(first: &[Line], second: impl IntoIterator<Item = &'a str>) -> Option<Difference> {
    let mut second = second.into_iter();
    for number in 0..=first.len() {
        let ours = first.get(number).map(Line::to_string);
        let theirs = second.next();
        if ours.as_deref() != theirs {
            let at = first.get(number).or(first.last()).map_or(Time::ZERO, |line| line.at);
            let shared = first[number.saturating_sub(SHARED_MAX)..number].iter().map(Line::to_string).collect();
            return Some(Difference {
                at,
                number: number + 1,
                first: ours,
                second: theirs.map(str::to_string),
                shared,
            });
        }
    }
    None
}

/// Says how a run in this process and one in a fresh process, with these fingerprints, came apart.
pub fn came_apart(here: u64, fresh: u64, comparison: Comparison) -> Violation {
    let line = |line: Option<String>| line.map_or_else(|| "nothing more".to_string(), |line| line.trim().to_string());
    let mut facts = vec![format!("the fingerprint is {here:016x} in this process and {fresh:016x} in a fresh one")];
    let (mut at, mut tail) = (Time::ZERO, Vec::new());
    match comparison {
        Comparison::Differ(difference) => {
            let number = difference.number;
            facts.push(format!("event {number} in this process: {}", line(difference.first)));
            facts.push(format!("event {number} in a fresh process: {}", line(difference.second)));
            (at, tail) = (difference.at, difference.shared);
        }
        Comparison::Equal => facts.push(
            "run again with a trace they tell the same: what differs leaves no line, or did not happen again"
                .to_string(),
        ),
        Comparison::Skipped => {}
    }
    Violation { invariant: EqualRuns::NAME, at, sentence: EqualRuns::SENTENCE, facts, tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: u64) -> Vec<Line> {
        let line = |number| Line { at: Time::from_millis(number), who: None, kind: "fault", facts: number.to_string() };
        (0..count).map(line).collect()
    }

    fn text(lines: &[Line]) -> Vec<String> {
        lines.iter().map(Line::to_string).collect()
    }

    #[test]
    fn equal_traces_do_not_differ() {
        for count in [0, 1, 40] {
            let theirs = text(&lines(count));
            assert_eq!(first_difference(&lines(count), theirs.iter().map(String::as_str)), None);
        }
    }

    #[test]
    fn the_first_of_many_differences_is_told_with_what_came_before() {
        let ours = lines(40);
        let mut theirs = text(&ours);
        theirs[30] = "another".to_string();
        theirs.truncate(35);
        let difference = first_difference(&ours, theirs.iter().map(String::as_str)).expect("they differ");
        assert_eq!((difference.number, difference.at), (31, Time::from_millis(30)));
        assert_eq!(difference.first, Some(ours[30].to_string()));
        assert_eq!(difference.second.as_deref(), Some("another"));
        assert_eq!(difference.shared, text(&ours[12..30]));
    }

    #[test]
    fn a_trace_that_ends_early_differs_at_its_end() {
        let (long, short) = (lines(4), lines(3));
        let (long_text, short_text) = (text(&long), text(&short));
        let difference = first_difference(&long, short_text.iter().map(String::as_str)).expect("one ends early");
        assert_eq!((difference.number, difference.second), (4, None));
        let difference = first_difference(&short, long_text.iter().map(String::as_str)).expect("one ends early");
        assert_eq!((difference.number, difference.first), (4, None));
        assert_eq!(difference.at, Time::from_millis(2));
    }
}
