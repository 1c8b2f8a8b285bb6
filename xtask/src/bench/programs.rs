//! The simulators that measure, and how each is built.
//!
//! Delian's is an example of the simulator. The peers live in `bench/`, a workspace of its own, and one that cannot be
//! built is left out aloud.

use std::path::{Path, PathBuf};

use crate::bench::peers;
use crate::{Problem, process};

/// A simulator that can be given work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Simulator {
    Delian,
    Madsim,
    Turmoil,
}

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
        let (mut cargo, program) = match self {
            Simulator::Delian => {
                let target = process::target(root);
                let mut cargo = process::cargo(root);
                cargo.args(["build", "--release", "--locked", "--package", "delian-sim", "--example", "bench"]);
                (cargo, target.join("release/examples/bench").with_extension(std::env::consts::EXE_EXTENSION))
            }
            Simulator::Madsim | Simulator::Turmoil => {
                let package = format!("traffic-on-{}", self.name());
                (peers::cargo(root, &package), peers::program(root, &package))
            }
        };
        if self == Simulator::Madsim {
            // A variable of the environment would take the place of the flag, and madsim be the real network.
            cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
            cargo.args(["--config", "target.'cfg(all())'.rustflags=['--cfg', 'madsim']"]);
        }
        let built = process::succeeds(&mut cargo)?;
        Ok(built.then_some(program))
    }
}
