//! The programs that measure: how each is built, and what it says.
//!
//! Delian's is an example of the simulator. The peers live in `bench/`, a workspace of its own, and one that cannot be
//! built is left out aloud.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Problem, process};

/// A simulator that can be given work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Simulator {
    Delian,
    Madsim,
    Turmoil,
}

/// The numbers that one measurement printed, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measured(BTreeMap<String, u64>);

impl Simulator {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Simulator::Delian => "Delian",
            Simulator::Madsim => "madsim",
            Simulator::Turmoil => "turmoil",
        }
    }

    /// Builds the program. Returns where it lies, or nothing if it cannot be built here.
    ///
    /// # Errors
    /// When cargo cannot be started.
    pub(crate) fn build(self, root: &Path) -> Result<Option<PathBuf>, Problem> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let mut cargo = process::cargo(root);
        cargo.args(["build", "--release", "--locked"]);
        let program = match self {
            Simulator::Delian => {
                cargo.args(["--package", "delian-sim", "--example", "bench"]);
                target.join("release/examples/bench")
            }
            Simulator::Madsim | Simulator::Turmoil => {
                let package = format!("traffic-on-{}", self.name());
                let folder = target.join("peers");
                cargo.args(["--manifest-path", "bench/Cargo.toml", "--package", &package, "--target-dir"]).arg(&folder);
                folder.join("release").join(package)
            }
        };
        if self == Simulator::Madsim {
            // A variable of the environment would take the place of the flag, and madsim be the real network.
            cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
            cargo.args(["--config", "target.'cfg(all())'.rustflags=['--cfg', 'madsim']"]);
        }
        let built = process::succeeds(&mut cargo)?;
        Ok(built.then(|| program.with_extension(std::env::consts::EXE_EXTENSION)))
    }
}

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
