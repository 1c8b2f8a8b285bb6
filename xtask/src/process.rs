//! Other programs and the time they take: the only file here that starts processes.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
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

/// The folder into which cargo builds for the workspace at `root`.
pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// A cargo of the same toolchain, started in `directory`.
pub(crate) fn cargo(directory: &Path) -> Command {
    let mut command = untold(&PathBuf::from(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())));
    command.current_dir(directory);
    command
}

/// A program that is not told what cargo told this process of its own package: build scripts that look at it would run anew,
/// and all that stands on them be built again.
pub(crate) fn untold(program: &Path) -> Command {
    let mut command = Command::new(program);
    let told = std::env::vars_os().map(|(name, _)| name).filter(|name| {
        name.to_str().is_some_and(|name| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|own| name.starts_with(own)))
    });
    for name in told {
        command.env_remove(name);
    }
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

/// Runs `command` unseen and returns all it said, and the CPU time that it took until it had said it, in seconds.
///
/// # Errors
/// When the program cannot be started, or does not end.
pub(crate) fn listen_and_measure(command: &mut Command) -> Result<(Output, f64), Problem> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cannot_start(command, &error))?;
    let complaint = child.stderr.take().expect("it was asked for by a pipe");
    let mut said = Vec::new();
    // Both are read at once: a program that cannot say what it has to say does not end.
    let stderr = std::thread::scope(|scope| {
        let listener = scope.spawn(|| {
            let mut complained = Vec::new();
            // A pipe that breaks ends what is heard.
            let _read = BufReader::new(complaint).read_to_end(&mut complained);
            complained
        });
        let mut output = child.stdout.take().expect("it was asked for by a pipe");
        let _read = output.read_to_end(&mut said);
        listener.join().unwrap_or_default()
    });
    // It has closed its output and is not waited for yet, so the system still tells of it.
    let seconds = cpu_seconds(child.id()).unwrap_or(0.0);
    let status = child.wait().map_err(|error| error.to_string())?;
    Ok((Output { status, stdout: said, stderr }, seconds))
}

/// A program that serves until this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    /// Kept open, for a program that cannot say what it has to say may end.
    said: Option<BufReader<ChildStdout>>,
}

impl Running {
    /// Starts `command` and reads what it says until `wanted` finds in a line what the caller waits for.
    ///
    /// # Errors
    /// When the program cannot be started, or ends before it said that.
    pub(crate) fn start<T>(
        command: &mut Command,
        mut wanted: impl FnMut(&str) -> Option<T>,
    ) -> Result<(Running, T), Problem> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| cannot_start(command, &error))?;
        let mut said = BufReader::new(child.stdout.take().expect("the output was asked for by a pipe"));
        let mut running = Running { child, said: None };
        let mut line = String::new();
        loop {
            line.clear();
            let read = said.read_line(&mut line).map_err(|error| cannot_start(command, &error))?;
            if read == 0 {
                return Err(format!("{} ended before it served", command.get_program().display()));
            }
            if let Some(found) = wanted(line.trim_end()) {
                running.said = Some(said);
                return Ok((running, found));
            }
        }
    }

    /// Starts `command`, which says nothing when it is ready.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn start_silent(command: &mut Command) -> Result<Running, Problem> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().map_err(|error| cannot_start(command, &error))?;
        Ok(Running { child, said: None })
    }

    /// Returns the number by which the system knows it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Says whether it still runs.
    ///
    /// # Errors
    /// When the system does not say.
    pub(crate) fn runs(&mut self) -> Result<bool, Problem> {
        self.child.try_wait().map(|ended| ended.is_none()).map_err(|error| error.to_string())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where it has ended by itself, which is as good.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Problem {
    format!("cannot start {}: {error}", command.get_program().display())
}

/// Lets real time pass, while others are measured.
#[expect(clippy::disallowed_methods, reason = "a developer command watches programs that run in real time")]
pub(crate) fn wait(span: Duration) {
    std::thread::sleep(span);
}

/// Returns the CPU time that a process has taken, in seconds.
///
/// # Errors
/// When the system does not say.
pub(crate) fn cpu_seconds(process: u32) -> Result<f64, Problem> {
    let text = read(process, "stat")?;
    // The name in parentheses may contain anything; what follows it are numbers, of which two are ticks of CPU time.
    let numbers = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = numbers.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_SECOND)
}

/// Returns what a process has resident, in megabytes.
///
/// # Errors
/// When the system does not say.
pub(crate) fn resident_megabytes(process: u32) -> Result<f64, Problem> {
    let text = read(process, "status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kibibytes.map(|kibibytes| kibibytes * 1024.0 / 1e6).ok_or_else(|| format!("process {process} tells no VmRSS"))
}

/// How finely Linux tells CPU time, on every architecture that it tells of in this way.
const TICKS_PER_SECOND: f64 = 100.0;

fn read(process: u32, file: &str) -> Result<String, Problem> {
    let path = format!("/proc/{process}/{file}");
    std::fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))
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
