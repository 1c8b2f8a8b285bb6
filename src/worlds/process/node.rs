//! One `delian node` process.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use delian_sim::scenario::Scenario;
use delian_sim::worlds::Trouble;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::relay::Place;
use super::scale::Scale;
use crate::faults::{self, Faults};

/// What every process is started with, so that clients and watchers are not turned away for being quick.
const SETTINGS: [&str; 5] = [
    "cluster.autopilot_settle=500ms",
    "http.requests_per_second=100000",
    "http.requests_burst=100000",
    "journal.events_kept=65536",
    "pool.gossip_interval=100ms",
];

/// Where all that one cluster leaves behind is kept, and under which settings it runs.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) folder: PathBuf,
    pub(super) place: Place,
    voters: u16,
    size: u16,
    settings: Vec<String>,
    /// Whether nodes are told to do something to themselves, which only test builds do.
    is_bent: bool,
}

impl Site {
    /// Prepares an empty folder.
    pub(super) fn prepare(folder: &Path, place: Place, scenario: &Scenario, scale: Scale) -> Result<Self, Trouble> {
        let failed = |error: io::Error| Trouble::new(format!("{}: {error}", folder.display()));
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(failed)?;
        }
        fs::create_dir_all(folder).map_err(failed)?;
        let cluster = &scenario.cluster;
        let (voters, size) = (cluster.voters, cluster.processes());
        let is_bent = scenario.steps.iter().any(|step| faults::is_told(&step.fault));
        let (folder, settings) = (folder.to_path_buf(), settings(scenario, scale));
        Ok(Self { folder, place, voters, size, settings, is_bent })
    }

    /// Returns how a process is started: as a founder, or to find the others.
    fn command(&self, process: u16, founds: bool, faults: &Faults) -> io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["node", "--dev", "--json", "--until-eof", "--name", &format!("node-{process}"), "--data"]);
        command.arg(self.folder.join(format!("node-{process}")));
        command.args(["--listen", &self.place.node(process).to_string()]);
        command.args(["--http", &self.place.api(process).to_string()]);
        let set = |command: &mut Command, setting: &str| {
            command.args(["--set", setting]);
        };
        set(&mut command, &format!("node.id=n{process}"));
        set(&mut command, &format!("network.advertise={}", self.place.door(process)));
        for setting in SETTINGS.iter().copied().chain(self.settings.iter().map(String::as_str)) {
            set(&mut command, setting);
        }
        let door = |other: u16| self.place.door(other).to_string();
        if process <= self.voters {
            let founders: Vec<String> = (1..=self.voters).map(|other| format!("n{other}@{}", door(other))).collect();
            set(&mut command, &format!("cluster.founders={}", founders.join(",")));
        }
        if founds {
            command.arg("--found");
        }
        if self.is_bent {
            command.args(["--faults", &document(faults)]);
        }
        // A founder has no `--join`; the key says where it finds the pool, which its fellow founders are in, too.
        let others: Vec<String> = (1..=self.size).filter(|other| *other != process).map(door).collect();
        set(&mut command, &format!("cluster.join={}", others.join(",")));
        // Ctrl-C is for the program that started it, which ends it then.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        Ok(command)
    }

    /// Removes the stores; what was logged stays.
    pub(super) fn clear(&self) {
        for process in 1..=self.size {
            // One that never ran has left nothing.
            drop(fs::remove_dir_all(self.folder.join(format!("node-{process}"))));
        }
    }
}

/// Returns the settings that a scenario asks for, as flags have them.
fn settings(scenario: &Scenario, scale: Scale) -> Vec<String> {
    let config = &scenario.cluster.config;
    let span = |key: &str, span: Duration| format!("{key}={}us", scale.real(span).as_micros());
    let mut settings = vec![
        format!("cluster.autopilot_voters={}", scenario.cluster.voters),
        span("raft.heartbeat_interval", config.heartbeat_interval),
        span("raft.election_timeout_min", config.election_timeout_min),
        span("raft.election_timeout_max", config.election_timeout_max),
        span("raft.command_timeout", config.command_timeout),
        format!("raft.log_bytes_max={}", config.log_bytes_max),
        format!("raft.trailing_entries={}", config.trailing_entries),
    ];
    if let Some(drift) = config.clock_drift_max_ppm {
        settings.push(format!("raft.clock_drift_max_ppm={drift}"));
    }
    match &config.health {
        Some(health) => settings.extend([
            span("health.beat_interval", health.beat_interval),
            span("health.silence_after", health.silence_after),
            span("health.silence_step", health.silence_step),
            format!("health.registration_burst={}", health.registration_burst),
        ]),
        // Nodes watch each other anyway; subjects that never beat must not fall silent where nobody asked for it.
        None => settings.extend(["health.silence_after=10m", "health.registration_burst=100000"].map(str::to_string)),
    }
    settings
}

/// Returns what a node is told, without the end of its line.
fn document(faults: &Faults) -> String {
    serde_json::to_string(faults).expect("numbers have a JSON form")
}

/// A running process. It ends with this.
#[derive(Debug)]
pub(super) struct Node {
    child: Child,
    /// What it says after its first line, until somebody follows that.
    output: Option<BufReader<ChildStdout>>,
    /// Whether it was told to end.
    is_told_to_end: Arc<AtomicBool>,
}

impl Node {
    /// Starts a process, and waits until it listens.
    pub(super) fn start(site: &Site, process: u16, founds: bool, faults: &Faults) -> Result<Self, Trouble> {
        let failed = |why: String| {
            let log = site.folder.join(format!("node-{process}.log"));
            Trouble::new(format!("n{process} does not start: {why}; see {}", log.display()))
        };
        let mut command = site.command(process, founds, faults).map_err(|error| failed(error.to_string()))?;
        let child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let mut node = Self { child, output: None, is_told_to_end: Arc::default() };
        let errors = node.child.stderr.take().expect("it is piped");
        let log = site.folder.join(format!("node-{process}.log"));
        let log = fs::OpenOptions::new().create(true).append(true).open(log);
        let mut log = log.map_err(|error| failed(error.to_string()))?;
        // What it logs must be read, or it would stand still.
        thread::spawn(move || drop(io::copy(&mut BufReader::new(errors), &mut log)));
        let mut output = BufReader::new(node.child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        output.read_line(&mut line).map_err(|error| failed(error.to_string()))?;
        if line.is_empty() {
            let status = node.child.wait().map_err(|error| failed(error.to_string()))?;
            return Err(failed(status.to_string()));
        }
        node.output = Some(output);
        Ok(node)
    }

    /// Has that be done if it ends without being told to.
    pub(super) fn on_end(&mut self, ended: impl FnOnce() + Send + 'static) {
        let Some(mut output) = self.output.take() else { return };
        let is_told_to_end = Arc::clone(&self.is_told_to_end);
        thread::spawn(move || {
            // It says nothing more, so this lasts as long as it does.
            drop(io::copy(&mut output, &mut io::sink()));
            if !is_told_to_end.load(Ordering::Relaxed) {
                ended();
            }
        });
    }

    /// Tells it what to do to itself; one that has ended is told nothing.
    pub(super) fn tell(&mut self, faults: &Faults) {
        if let Some(input) = &mut self.child.stdin {
            let line = document(faults) + "\n";
            drop(input.write_all(line.as_bytes()).and_then(|()| input.flush()));
        }
    }

    /// Kills it, as a loss of power would.
    ///
    /// # Errors
    ///
    /// Why that cannot be done.
    pub(super) fn end(self) -> Result<(), Trouble> {
        self.is_told_to_end.store(true, Ordering::Relaxed);
        self.signal(Signal::SIGKILL)
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), Trouble> {
        let id = i32::try_from(self.child.id()).expect("a process identity");
        kill(Pid::from_raw(id), signal).map_err(|error| Trouble::new(format!("{signal} cannot be sent: {error}")))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Who has ended already cannot be killed, and need not be.
        self.is_told_to_end.store(true, Ordering::Relaxed);
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
