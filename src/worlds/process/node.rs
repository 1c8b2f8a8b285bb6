//! One `delian node` process.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use delian_sim::scenario::Scenario;
use delian_sim::worlds::Trouble;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::relay::Place;
use super::scale::Scale;
use crate::client::pause;
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

/// How long a process is waited for that has not said that it listens: it has begun, and its disk may hang.
const LISTENING_MAX: Duration = Duration::from_secs(2);

/// The same where it is known that its disk hangs.
const HANGING_MAX: Duration = Duration::from_millis(100);

/// How long a process may take to say that it did as it was told: on a busy machine it may have only begun.
const HEEDING_MAX: Duration = Duration::from_secs(15);

/// How a process ended that nobody told to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It said why in its log, and stopped.
    Halted,
    /// No node does this by itself.
    Died(ExitStatus),
}

/// The pause between two looks at whether a process has ended that says nothing any more.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The status of a node that stopped itself for good.
const HALTED: i32 = 1;

/// A running process. It ends with this.
#[derive(Debug)]
pub(super) struct Node {
    child: Arc<Mutex<Child>>,
    input: Option<ChildStdin>,
    /// The lines that it says.
    said: Receiver<String>,
    is_told_to_end: Arc<AtomicBool>,
    on_end: Sender<OnEnd>,
}

/// What is done when a process has ended without being told to.
type OnEnd = Box<dyn FnOnce(End) + Send>;

impl Node {
    /// Starts a process, and waits until it listens, or for some seconds.
    pub(super) fn start(site: &Site, process: u16, founds: bool, faults: &Faults) -> Result<Self, Trouble> {
        let log = site.folder.join(format!("node-{process}.log"));
        let failed = |why: String| Trouble::new(format!("n{process} does not start: {why}; see {}", log.display()));
        let mut command = site.command(process, founds, faults).map_err(|error| failed(error.to_string()))?;
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let input = child.stdin.take();
        let errors = child.stderr.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let child = Arc::new(Mutex::new(child));
        let (line, said) = mpsc::channel();
        let (on_end, ends) = mpsc::channel();
        let node = Self { child: Arc::clone(&child), input, said, is_told_to_end: Arc::default(), on_end };
        let file = fs::OpenOptions::new().create(true).append(true).open(&log);
        let mut file = file.map_err(|error| failed(error.to_string()))?;
        // What it logs must be read, or it would stand still.
        thread::spawn(move || drop(io::copy(&mut BufReader::new(errors), &mut file)));
        let is_told_to_end = Arc::clone(&node.is_told_to_end);
        thread::spawn(move || follow(output, line, &child, &is_told_to_end, &ends));
        match node.said.recv_timeout(if faults.disk_hangs { HANGING_MAX } else { LISTENING_MAX }) {
            Ok(_) | Err(RecvTimeoutError::Timeout) => Ok(node),
            Err(RecvTimeoutError::Disconnected) => {
                let status = lock(&node.child).wait().map_err(|error| failed(error.to_string()))?;
                Err(failed(status.to_string()))
            }
        }
    }

    /// Has that be done if it ends without being told to, or has ended so already.
    pub(super) fn on_end(&self, ended: impl FnOnce(End) + Send + 'static) {
        // Who has ended because it was told to needs to hear nothing.
        let _ = self.on_end.send(Box::new(ended));
    }

    /// Tells it what to do to itself, and waits until it has. One that cannot answer now will find it when it goes on.
    pub(super) fn tell(&mut self, faults: &Faults, can_answer: bool) -> Result<(), Trouble> {
        let Some(input) = &mut self.input else { return Ok(()) };
        let line = document(faults);
        // One that has ended is told nothing.
        if writeln!(input, "{line}").and_then(|()| input.flush()).is_err() || !can_answer {
            return Ok(());
        }
        loop {
            match self.said.recv_timeout(HEEDING_MAX) {
                Ok(said) if said == line => return Ok(()),
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Trouble::new(format!("does not do as it is told: {line}")));
                }
            }
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

    /// Sends it a signal. Who has ended feels nothing, and its number may be another's by now.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), Trouble> {
        let mut child = lock(&self.child);
        if child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return Ok(());
        }
        let id = i32::try_from(child.id()).expect("a process identity");
        kill(Pid::from_raw(id), signal).map_err(|error| Trouble::new(format!("{signal} cannot be sent: {error}")))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.is_told_to_end.store(true, Ordering::Relaxed);
        // Who has ended already cannot be killed, and need not be.
        let mut child = lock(&self.child);
        drop(child.kill());
        drop(child.wait());
    }
}

fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes on what a process says, and how it ended.
fn follow(
    output: impl BufRead,
    line: Sender<String>,
    child: &Mutex<Child>,
    is_told_to_end: &AtomicBool,
    ends: &Receiver<OnEnd>,
) {
    for said in output.lines().map_while(Result::ok) {
        // It must be read even where nobody listens any more.
        let _ = line.send(said);
    }
    // Whoever waits for more hears that nothing comes.
    drop(line);
    if is_told_to_end.load(Ordering::Relaxed) {
        return;
    }
    // It says nothing more, so it has ended, or is about to. Whoever wants to kill it meanwhile must not wait for this.
    let status = loop {
        let looked = lock(child).try_wait();
        match looked {
            Ok(Some(status)) => break status,
            Ok(None) => pause(LOOK_AGAIN),
            Err(_) => return,
        }
    };
    if let Ok(ended) = ends.recv() {
        ended(if status.code() == Some(HALTED) { End::Halted } else { End::Died(status) });
    }
}
