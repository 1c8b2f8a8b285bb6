//! Some `delian node` processes of one test.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::api::Api;

/// A wait that takes this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Timings for processes that share a small machine, quick enough for a test.
const TIMINGS: [&str; 7] = [
    "raft.heartbeat_interval=100ms",
    "raft.election_timeout_min=600ms",
    "raft.election_timeout_max=1200ms",
    "cluster.autopilot_settle=500ms",
    "cluster.autopilot_dead_after=3s",
    "pool.gossip_interval=100ms",
    "health.registration_burst=1000",
];

/// One process and where it is reached.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) id: String,
    pub(crate) listen: String,
    pub(crate) http: String,
}

/// How nodes know each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Security {
    Plain,
    Certificates,
}

/// Nodes by number; they end with this.
#[derive(Debug)]
pub(crate) struct Federation {
    folder: PathBuf,
    nodes: BTreeMap<u64, Process>,
    /// What every node is started with.
    settings: Vec<String>,
    /// Whether nodes prove who they are.
    security: Security,
}

impl Federation {
    /// Returns one without a node, in an empty folder of this test alone.
    pub(crate) fn new(test: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("processes").join(test);
        // A folder that is not there is as empty as it should be.
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).expect("the folder of the target can be written");
        Self { folder, nodes: BTreeMap::new(), settings: TIMINGS.map(str::to_owned).into(), security: Security::Plain }
    }

    /// Returns one whose nodes prove who they are, with an authority and a key ring of its own.
    pub(crate) fn secure(test: &str) -> Self {
        let mut federation = Self::new(test);
        federation.security = Security::Certificates;
        federation.cert(&["authority", "--out", "authority"]);
        federation.cert(&["key", "--out", "keyring"]);
        federation
    }

    /// Makes something that nodes prove themselves with, in the folder of this test.
    pub(crate) fn cert(&self, words: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_delian"));
        let made = command.current_dir(&self.folder).arg("cert").args(words).output().expect("the command was built");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// Makes the certificate of a node, by one of the authorities in the folder.
    pub(crate) fn certify(&self, number: u64, authority: &str) {
        let (name, out) = (format!("node-{number}"), self.data(number));
        let out = out.to_string_lossy();
        self.cert(&["node", "--authority", authority, "--name", &name, "--keyring", "keyring", "--out", &out]);
    }

    /// Founds a federation and lets as many join as are asked for, until all are registered and as many as may vote.
    pub(crate) fn found(test: &str, nodes: u64) -> Self {
        let mut federation = Self::new(test);
        federation.start(1, &["--found"]);
        for number in 2..=nodes {
            federation.join(number);
        }
        let voters = nodes.min(3) as usize;
        for number in 1..=nodes {
            federation.wait(number, "all are registered, and vote", |status| {
                let members = status["log_members"].as_array().into_iter().flatten();
                status["members"] == nodes
                    && status["log_settled"] == true
                    && members.filter(|member| member["votes"] == true).count() == voters
            });
        }
        federation
    }

    pub(crate) fn data(&self, number: u64) -> PathBuf {
        self.folder.join(format!("node-{number}"))
    }

    /// Starts every node from here on with this setting, too.
    pub(crate) fn set(&mut self, setting: &str) {
        self.settings.push(setting.to_owned());
    }

    /// Returns the command that runs a node, at the place where it was if it ran before.
    pub(crate) fn command(&self, number: u64, more: &[&str]) -> Command {
        let (listen, http) = match self.nodes.get(&number) {
            Some(before) => (before.listen.as_str(), before.http.trim_start_matches("http://").trim_end_matches('/')),
            None => ("127.0.0.1:0", "127.0.0.1:0"),
        };
        self.command_at(number, listen, http, more)
    }

    /// Returns the command that runs a node at a place.
    pub(crate) fn command_at(&self, number: u64, listen: &str, http: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_delian"));
        command.args(["node", "--json", "--until-eof", "--name", &format!("node-{number}"), "--data"]);
        command.arg(self.data(number));
        if self.security == Security::Plain {
            command.arg("--dev");
        }
        command.args(["--listen", listen, "--http", http]);
        command.args(self.settings.iter().flat_map(|setting| ["--set", setting.as_str()])).args(more);
        // They end with this process, however it ends.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts a node, at the place where it was if it ran before, and waits until it listens.
    pub(crate) fn start(&mut self, number: u64, more: &[&str]) {
        let command = self.command(number, more);
        self.run(number, command);
    }

    /// Runs such a command as this node.
    pub(crate) fn run(&mut self, number: u64, mut command: Command) {
        let mut child = command.spawn().expect("the command was built");
        let stderr = child.stderr.take().expect("it is piped");
        // What it logs must be read, or it would stand still; it is kept for whoever reads a failed test.
        let log = self.folder.join(format!("node-{number}.log"));
        thread::spawn(move || {
            let mut log = fs::OpenOptions::new().create(true).append(true).open(log).expect("the folder is writable");
            drop(std::io::copy(&mut BufReader::new(stderr), &mut log));
        });
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it speaks UTF-8");
        thread::spawn(move || drop(std::io::copy(&mut stdout, &mut std::io::sink())));
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|error| {
            panic!(
                "node {number} said {line:?} in place of where it listens ({error}); see its log in {}",
                self.folder.display()
            )
        });
        let text = |key: &str| said[key].as_str().unwrap_or_else(|| panic!("no {key} in {said}")).to_owned();
        let process = Process { child, id: text("id"), listen: text("listen"), http: text("http") };
        self.nodes.insert(number, process);
    }

    /// Starts a node that joins the others.
    pub(crate) fn join(&mut self, number: u64) {
        let others: Vec<_> = self
            .nodes
            .iter()
            .filter(|(other, _)| **other != number)
            .flat_map(|(_, node)| ["--join", &node.listen])
            .collect();
        let command = self.command(number, &others);
        self.run(number, command);
    }

    /// Starts a node that is to end by itself, and returns how it ended and what it complained of.
    pub(crate) fn fails(&self, number: u64, more: &[&str]) -> (Option<i32>, String) {
        // Should it start after all, it ends at once, for its input has ended.
        let mut command = self.command(number, more);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("the command was built");
        let mut errors = String::new();
        child.stderr.take().expect("it is piped").read_to_string(&mut errors).expect("it speaks UTF-8");
        let status: ExitStatus = child.wait().expect("it was started here");
        (status.code(), errors)
    }

    pub(crate) fn node(&self, number: u64) -> &Process {
        self.nodes.get(&number).unwrap_or_else(|| panic!("node {number} was not started"))
    }

    pub(crate) fn api(&self, number: u64) -> Api {
        Api::new(&self.node(number).http)
    }

    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.nodes.keys().copied().collect()
    }

    pub(crate) fn signal(&self, number: u64, signal: Signal) {
        let pid = i32::try_from(self.node(number).child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("it was started here and not waited for");
    }

    /// Kills a node as a power cut does.
    pub(crate) fn kill(&mut self, number: u64) {
        let node = self.nodes.get_mut(&number).expect("it was started");
        node.child.kill().expect("it was started here");
        node.child.wait().expect("it was started here");
    }

    /// Asks a node to end and waits until it has. Returns its exit code.
    pub(crate) fn end(&mut self, number: u64) -> Option<i32> {
        self.signal(number, Signal::SIGTERM);
        let node = self.nodes.get_mut(&number).expect("it was started");
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = node.child.try_wait().expect("it was started here") {
                return status.code();
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        panic!("node {number} was asked to end and did not; logs are in {}", self.folder.display())
    }

    /// Returns what a node has logged.
    pub(crate) fn log(&self, number: u64) -> String {
        fs::read_to_string(self.folder.join(format!("node-{number}.log"))).expect("the node was started")
    }

    /// Waits until a node's status is so, looking after each of its events.
    pub(crate) fn wait(&self, number: u64, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let (api, began) = (self.api(number), Instant::now());
        let mut last = Value::Null;
        while began.elapsed() < PATIENCE {
            let came = api.watch_until(|| {
                if let Some(answer) = api.get("/v1/status").filter(|answer| answer.status == 200) {
                    last = answer.document;
                }
                is_so(&last) || began.elapsed() > PATIENCE
            });
            if came && is_so(&last) {
                return last;
            }
            thread::yield_now();
        }
        panic!("node {number}: {what}: did not come about: {last:#}; logs are in {}", self.folder.display())
    }

    /// Waits until what a node says there is so.
    pub(crate) fn wait_for_text(&self, number: u64, path: &str, what: &str, is_so: impl Fn(&str) -> bool) {
        let (api, began) = (self.api(number), Instant::now());
        while !api.get(path).is_some_and(|answer| is_so(&answer.text)) {
            assert!(began.elapsed() < PATIENCE, "node {number}: {what}: did not come about");
            thread::yield_now();
        }
    }

    /// Waits until one of these nodes leads and all of them follow it. Returns its number.
    pub(crate) fn leader_among(&self, numbers: &[u64]) -> u64 {
        let ids: Vec<_> = numbers.iter().map(|number| self.node(*number).id.clone()).collect();
        let mut leader = String::new();
        for number in numbers {
            let status = self.wait(*number, "a live leader is known", |status| {
                status["leader"]["id"].as_str().is_some_and(|leader| ids.iter().any(|id| id == leader))
            });
            status["leader"]["id"].as_str().unwrap_or_default().clone_into(&mut leader);
        }
        let place = ids.iter().position(|id| *id == leader).expect("it was waited for");
        numbers[place]
    }
}

impl Drop for Federation {
    fn drop(&mut self) {
        for node in self.nodes.values_mut() {
            // Who has ended already cannot be killed, and need not be.
            drop(node.child.kill());
            drop(node.child.wait());
        }
    }
}

/// Returns what registers a node that has no process.
pub(crate) fn registration(name: &str) -> Value {
    serde_json::json!({
        "name": name,
        "address": "192.0.2.7",
        "port": 7000,
        "place": {
            "region": "eu", "datacenter": "zrh1", "rack": "r1",
            "latitude_microdegrees": 47_376_900, "longitude_microdegrees": 8_541_700,
        },
        "total_bytes": 1000,
        "free_bytes": 400,
    })
}
