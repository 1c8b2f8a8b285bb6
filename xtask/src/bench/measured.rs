//! What a measuring program says.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::{Problem, process};

/// The numbers that one measurement printed, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measured(BTreeMap<String, u64>);

impl Measured {
    /// Runs a measuring program once.
    ///
    /// # Errors
    /// When it cannot be started, fails, or says something that is not a line of `name=number` words.
    pub(crate) fn of(program: &Path, arguments: &str) -> Result<Measured, Problem> {
        let output = process::listen(Command::new(program).args(arguments.split(' ')))?;
        let name = program.display();
        if !output.status.success() {
            return Err(format!("{name} {arguments} failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        let said = String::from_utf8_lossy(&output.stdout);
        Measured::read(&said).ok_or_else(|| format!("{name} {arguments} said {said:?}, not `name=number` words"))
    }

    fn read(line: &str) -> Option<Measured> {
        let word =
            |word: &str| word.split_once('=').and_then(|(name, number)| Some((name.to_owned(), number.parse().ok()?)));
        let numbers: Option<BTreeMap<String, u64>> = line.split_whitespace().map(word).collect();
        numbers.filter(|numbers| numbers.get("cpu_ns").is_some_and(|cpu| *cpu > 0)).map(Measured)
    }

    /// Returns a number by its name; zero for one that the program does not know.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Returns the names of all numbers.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the sums of all numbers of both.
    pub(crate) fn plus(&self, other: &Measured) -> Measured {
        let mut sum = self.0.clone();
        for (name, number) in &other.0 {
            *sum.entry(name.clone()).or_default() += number;
        }
        Measured(sum)
    }

    /// Returns how many `name` there were in a second of CPU time.
    pub(crate) fn per_cpu_second(&self, name: &str) -> f64 {
        self.number(name) as f64 * 1e9 / self.number("cpu_ns") as f64
    }

    /// Returns how many seconds were simulated in a second of CPU time.
    pub(crate) fn speed(&self) -> f64 {
        self.number("simulated_ns") as f64 / self.number("cpu_ns") as f64
    }
}

#[cfg(test)]
impl Measured {
    /// A measurement that printed these numbers.
    pub(crate) fn sample(line: &str) -> Measured {
        Measured::read(line).expect("the line is well formed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_words_is_read_and_told_by_cpu_time() {
        let measured = Measured::sample("cpu_ns=500000000 simulated_ns=60000000000 messages=1000\n");
        assert_eq!(measured.number("messages"), 1_000);
        assert_eq!(measured.number("unheard"), 0);
        assert!((measured.per_cpu_second("messages") - 2_000.0).abs() < 1e-6);
        assert!((measured.speed() - 120.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_no_line_of_numbers_is_refused() {
        for line in ["", "cpu_ns=0", "messages=5", "cpu_ns=1 messages=many", "cpu_ns=1 oops"] {
            assert_eq!(Measured::read(line), None, "{line:?}");
        }
    }
}
