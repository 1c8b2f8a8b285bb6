//! Other programs and the time they take: the only file here that starts processes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::Problem;

/// The root of the workspace this command belongs to.
///
/// # Panics
/// When the package does not lie directly below the root, which its own manifest path rules out.
pub(crate) fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&package).parent().expect("xtask/ lies directly below the root").to_path_buf()
}

/// A cargo of the same toolchain, started in `directory`.
pub(crate) fn cargo(directory: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(directory);
    command
}

/// Runs `command` on the caller's own terminal and says whether it succeeded.
///
/// # Errors
/// When the program cannot be started.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool, Problem> {
    command.status().map(|status| status.success()).map_err(|error| cannot_start(command, &error))
}

/// Runs `command` unseen and says whether it succeeded; a program that is not there did not.
pub(crate) fn answers(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|it| it.success())
}

/// Runs `command` unseen and returns all it said.
///
/// # Errors
/// When the program cannot be started.
pub(crate) fn listen(command: &mut Command) -> Result<Output, Problem> {
    command.stdin(Stdio::null()).output().map_err(|error| cannot_start(command, &error))
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Problem {
    format!("cannot start {}: {error}", command.get_program().display())
}

/// Real time since it was made, for people to read; nothing decides by it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "a developer command reports how long its steps really took")]
    pub(crate) fn start() -> Stopwatch {
        Stopwatch(std::time::Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
