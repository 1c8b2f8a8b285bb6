//! The processes of a demonstration.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{self, Child, Command, Stdio};
use std::time::Duration;

use delian_shell::daemon::Listens;
use delian_shell::shapes::{AppliedDocument, RegistrationRequest, StatusDocument};

use super::lifelines::Lifelines;
use crate::answer::Problem;
use crate::stopwatch::Stopwatch;

/// How long a node may take for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// Quicker than the defaults where a demonstration would otherwise bore: how long a learner is watched before it votes.
const SETTINGS: [&str; 3] = ["cluster.autopilot_settle=500ms", "log.filter=warn", "node.region=eu"];

struct Process {
    child: Child,
    listens: Listens,
}

/// All of them, by number; they end with this value.
pub(super) struct Nodes {
    folder: PathBuf,
    count: u64,
    running: BTreeMap<u64, Process>,
    lifelines: Lifelines,
    agent: ureq::Agent,
}

impl Nodes {
    pub(super) fn new(count: u64, lifelines: Lifelines) -> Result<Self, Problem> {
        let folder = env::temp_dir().join(format!("delian-demo-{}", process::id()));
        fs::create_dir_all(&folder).map_err(|error| Problem::new(format!("{}: {error}", folder.display())))?;
        // Nodes are asked directly: a proxy of the environment is for the world outside.
        let agent = ureq::Agent::config_builder().timeout_global(Some(ANSWER_TIMEOUT)).proxy(None).build().new_agent();
        Ok(Self { folder, count, running: BTreeMap::new(), lifelines, agent })
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        1..=self.count
    }

    fn process(&self, number: u64) -> &Process {
        self.running.get(&number).expect("the story starts a node before it names it")
    }

    pub(super) fn api(&self, number: u64) -> &str {
        self.process(number).listens.http.trim_end_matches('/')
    }

    pub(super) fn id(&self, number: u64) -> &str {
        &self.process(number).listens.id
    }

    /// Starts a node and waits until it listens. Its API is at this port; at any if 0.
    pub(super) fn start(&mut self, number: u64, port: u16, more: &[&str]) -> Result<(), Problem> {
        let program = env::current_exe().map_err(|error| Problem::new(format!("cannot find this program: {error}")))?;
        let mut command = Command::new(program);
        let before = self.running.get(&number).map(|process| &process.listens);
        let listen = before.map_or_else(|| "127.0.0.1:0".to_owned(), |listens| listens.listen.to_string());
        let http = before.map_or_else(
            || format!("127.0.0.1:{port}"),
            |listens| listens.http.trim_start_matches("http://").trim_end_matches('/').to_owned(),
        );
        command.args(["node", "--dev", "--json", "--until-eof", "--name", &format!("node-{number}")]);
        command.args(["--listen", &listen, "--http", &http, "--data"]).arg(self.folder.join(format!("node-{number}")));
        let rack = format!("node.rack=r{number}");
        let settings = SETTINGS.iter().copied().chain(["node.datacenter=zrh1", &rack]);
        command.args(settings.flat_map(|setting| ["--set", setting])).args(more);
        // Ctrl-C is for this process, which then ends the others in its own time.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let failed = |why: String| Problem::new(format!("node-{number} does not start: {why}"));
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        self.lifelines.hold(number, child.stdin.take());
        let output = child.stdout.take().expect("it is piped");
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string());
        let said = read.and_then(|_| serde_json::from_str(&line).map_err(|_| "it says why above".to_owned()));
        let listens = match said {
            Ok(listens) => listens,
            Err(why) => {
                // What does not start is not left behind.
                drop(child.kill().and_then(|()| child.wait()));
                return Err(failed(why));
            }
        };
        self.running.insert(number, Process { child, listens });
        Ok(())
    }

    /// Starts a node that joins the others, where it was if it ran before.
    pub(super) fn join(&mut self, number: u64) -> Result<(), Problem> {
        let others = self.running.iter().filter(|(other, _)| **other != number);
        let others: Vec<String> = others.map(|(_, process)| process.listens.listen.to_string()).collect();
        let flags: Vec<&str> = others.iter().flat_map(|address| ["--join", address.as_str()]).collect();
        self.start(number, 0, &flags)
    }

    /// Kills a node as a power cut does.
    pub(super) fn kill(&mut self, number: u64) -> Result<(), Problem> {
        let process = self.running.get_mut(&number).expect("the story starts a node before it kills it");
        let killed = process.child.kill().and_then(|()| process.child.wait());
        killed.map(drop).map_err(|error| Problem::new(format!("node-{number} cannot be killed: {error}")))
    }

    pub(super) fn status(&self, number: u64) -> Result<StatusDocument, Problem> {
        let answered = self.agent.get(format!("{}/v1/status", self.api(number))).call();
        answered.and_then(|response| response.into_body().read_json()).map_err(|error| lost(number, &error))
    }

    pub(super) fn register(
        &self,
        via: u64,
        id: &str,
        request: &RegistrationRequest,
    ) -> Result<AppliedDocument, Problem> {
        let answered = self.agent.put(format!("{}/v1/nodes/{id}", self.api(via))).send_json(request);
        answered.and_then(|response| response.into_body().read_json()).map_err(|error| lost(via, &error))
    }

    pub(super) fn deregister(&self, via: u64, id: &str) -> Result<(), Problem> {
        let answered = self.agent.delete(format!("{}/v1/nodes/{id}", self.api(via))).call();
        answered.map(drop).map_err(|error| lost(via, &error))
    }

    /// Waits until a node's status is so: looks after each of its events.
    pub(super) fn wait(
        &self,
        number: u64,
        what: &str,
        patience: Duration,
        is_so: impl Fn(&StatusDocument) -> bool,
    ) -> Result<StatusDocument, Problem> {
        let watch = Stopwatch::start();
        let config = ureq::Agent::config_builder().timeout_recv_body(Some(patience)).proxy(None);
        let stream = config.build().new_agent().get(format!("{}/v1/watch", self.api(number))).call();
        let stream = stream.map_err(|error| lost(number, &error))?;
        let status = self.status(number)?;
        if is_so(&status) {
            return Ok(status);
        }
        for line in BufReader::new(stream.into_body().into_reader()).lines() {
            let Ok(line) = line else { break };
            // An empty line ends an event, and a comment keeps the stream alive.
            if line.is_empty() || line.starts_with(':') {
                let status = self.status(number)?;
                if is_so(&status) {
                    return Ok(status);
                }
                if watch.elapsed() > patience {
                    break;
                }
            }
        }
        Err(Problem::new(format!("node-{number} does not come to it that {what}, within {patience:?}")))
    }

    /// Returns the number of the node that leads, by word of the first that answers.
    pub(super) fn leader(&self, patience: Duration) -> Result<u64, Problem> {
        let asked = self.numbers().find(|number| self.status(*number).is_ok()).unwrap_or(1);
        let number_of = |status: &StatusDocument| {
            let leader = status.leader.as_ref()?;
            self.running.iter().find(|(_, process)| process.listens.id == leader.id).map(|(number, _)| *number)
        };
        let status = self.wait(asked, "a leader is known", patience, |status| number_of(status).is_some())?;
        number_of(&status).ok_or_else(|| Problem::new("nobody leads"))
    }
}

fn lost(number: u64, error: &ureq::Error) -> Problem {
    Problem::new(format!("node-{number} does not answer: {error}"))
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.lifelines.let_go();
        for process in self.running.values_mut() {
            drop(process.child.wait());
        }
        drop(fs::remove_dir_all(&self.folder));
    }
}
