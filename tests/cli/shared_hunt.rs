//! `delian hunt --nats`: real processes and a real server of NATS on loopback, where one is installed.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::desk::{Desk, RED};

/// Where distributions put the server, the second of which is not in everybody's path, and where the gates do.
const SERVERS: [&str; 3] = [
    "nats-server",
    "/usr/sbin/nats-server",
    concat!(env!("CARGO_TARGET_TMPDIR"), "/../nats-server/usr/sbin/nats-server"),
];

/// Far above what anything here takes.
const PATIENCE: Duration = Duration::from_mins(3);

/// How many seeds the hunt has that runs to its end.
const SEEDS: u64 = 400;

/// A process that ends with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map(Self)
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).expect("a number of a process"));
        kill(pid, signal).expect("it runs");
    }

    /// Waits until it ends. Returns its exit code, and what it wrote to standard output and error.
    fn end(mut self) -> (Option<i32>, String, String) {
        let errors = self.0.stderr.take().map(|pipe| thread::spawn(move || text_of(pipe)));
        let output = self.0.stdout.take().map_or_else(String::new, text_of);
        let errors = errors.map_or_else(String::new, |reads| reads.join().expect("it reads to the end"));
        (self.0.wait().expect("it was started").code(), output, errors)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended is not there to be ended.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn text_of(mut pipe: impl Read) -> String {
    let mut text = String::new();
    pipe.read_to_string(&mut text).expect("the command prints UTF-8");
    text
}

/// A server of NATS of this test alone.
struct Server {
    running: Running,
    port: u16,
}

impl Server {
    /// Starts one at a free port, if one is installed; says aloud if not.
    fn start() -> Option<Self> {
        Self::start_with("-1", &[])
    }

    /// The same, at a port and with more arguments.
    fn start_with(port: &str, more: &[&str]) -> Option<Self> {
        let server = Self::start_at(port, more);
        if server.is_none() {
            // Past the harness, which hides what tests print that pass.
            let note = "NOT TESTED: no nats-server is installed here (Debian: apt-get install nats-server)";
            writeln!(io::stderr(), "{note}").expect("standard error can be written");
        }
        server
    }

    fn start_at(port: &str, more: &[&str]) -> Option<Self> {
        let start = |program: &&str| {
            let mut command = Command::new(program);
            match Running::start(command.args(["--addr", "127.0.0.1", "--port", port]).args(more)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                started => Some(started.expect("the server can be started")),
            }
        };
        let mut running = SERVERS.iter().find_map(start)?;
        let log = BufReader::new(running.0.stderr.take().expect("it is a pipe"));
        let (found, port) = mpsc::channel();
        // To the end, so that the server never waits for a reader.
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if let Some((_, port)) = line.split_once("Listening for client connections on 127.0.0.1:") {
                    drop(found.send(port.trim().to_string()));
                }
            }
        });
        let port = port.recv_timeout(PATIENCE).expect("the server says where it listens");
        Some(Self { running, port: port.parse().expect("a port") })
    }

    fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

/// Whoever listens in, and may say anything.
struct Witness {
    reader: BufReader<TcpStream>,
}

impl Witness {
    fn new(server: &Server, subject: &str) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a time");
        let begin = format!("CONNECT {{\"verbose\":false}}\r\nSUB {subject} 1\r\nPING\r\n");
        stream.write_all(begin.as_bytes()).expect("the server reads");
        let mut witness = Self { reader: BufReader::new(stream) };
        // From here on nothing is missed.
        while witness.line() != "PONG" {}
        witness
    }

    fn say(&mut self, subject: &str, words: &[u8]) {
        let head = format!("PUB {subject} {}\r\n", words.len());
        let message = [head.as_bytes(), words, b"\r\n"].concat();
        self.reader.get_mut().write_all(&message).expect("the server reads");
    }

    /// Returns the subject and the words of the next message.
    fn next(&mut self) -> (String, Value) {
        loop {
            let line = self.line();
            let mut parts = line.split(' ');
            match parts.next() {
                Some("PING") => self.reader.get_mut().write_all(b"PONG\r\n").expect("the server reads"),
                Some("MSG") => {
                    let subject = parts.next().expect("a message has a subject").to_string();
                    let size: usize = parts.next_back().and_then(|size| size.parse().ok()).expect("a size");
                    let mut words = vec![0; size + 2];
                    self.reader.read_exact(&mut words).expect("the server sends all of it");
                    return (subject, serde_json::from_slice(&words).expect("a message is JSON"));
                }
                _ => {}
            }
        }
    }

    /// Waits for a beat of a worker that has just begun a range. Returns the worker and the session's subject.
    fn fresh_range(&mut self, worker: impl Fn(u64) -> bool) -> (u64, String) {
        let mut before: Vec<Value> = Vec::new();
        loop {
            let (subject, beat) = self.next();
            let Some(session) = subject.strip_suffix(".lead.beat") else { continue };
            let id = beat["worker"].as_u64().expect("a worker has a number");
            if worker(id) {
                let leases = beat["leases"].as_array().expect("a beat names leases").clone();
                if leases.iter().any(|lease| !before.contains(lease)) {
                    return (id, session.to_string());
                }
                before = leases;
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let length = self.reader.read_line(&mut line).expect("the server says something in time");
        assert!(length > 0, "the server hung up");
        line.trim_end().to_string()
    }
}

/// A desk with a scenario whose runs take some time and all fail; of so many seeds, if they are limited.
fn desk(test: &str, seeds: Option<u64>) -> Desk {
    let desk = Desk::new(test);
    // Where they are few, each takes longer, so that all who should take part are there before the last.
    let length = if seeds.is_some() { "3000s" } else { "300s" };
    let seeds = seeds.map_or_else(String::new, |seeds| format!("\nseeds_max = {seeds}"));
    desk.write("red.toml", &RED.replace("chaos = \"5s\"", &format!("chaos = \"{length}\"{seeds}")));
    desk.write("found/.keep", "");
    desk
}

fn start(desk: &Desk, server: &Server, words: &str) -> Running {
    let words = format!("hunt red.toml --nats {} --jobs 1 {words}", server.url());
    Running::start(desk.command().args(words.split_whitespace())).expect("the command was built")
}

/// Whether this is a beat of a worker that works on something.
fn is_at_work((subject, words): &(String, Value)) -> bool {
    subject.ends_with(".lead.beat") && words["leases"].as_array().is_some_and(|leases| !leases.is_empty())
}

fn document(output: &str) -> Value {
    serde_json::from_str(output).unwrap_or_else(|error| panic!("{error} in:\n{output}"))
}

#[test]
fn a_hunt_that_loses_a_worker_tells_every_seed_once() {
    let desk = desk("hunt-shared", Some(SEEDS));
    let Some(server) = Server::start() else { return };
    let mut witness = Witness::new(&server, "delian.hunt.>");
    let leader = start(&desk, &server, "--for 1h --first-seed 7 --guide none --range 64 --save found --json");
    let doomed = start(&desk, &server, "--worker");
    let (first, _) = witness.fresh_range(|_| true);
    let other = start(&desk, &server, "--worker --json");
    witness.fresh_range(|worker| worker != first);
    witness.fresh_range(|worker| worker == first);
    doomed.signal(Signal::SIGKILL);

    let (code, output, errors) = leader.end();
    assert_eq!(code, Some(1), "output:\n{output}\nerrors:\n{errors}");
    let told = document(&output);
    assert_eq!(told["runs"], SEEDS, "{told:#}");
    let findings = told["findings"].as_array().expect("a list");
    assert_eq!(findings.len(), 1, "one fault, whoever came upon it: {findings:#?}");
    assert_eq!(findings[0]["invariant"], "what-was-set-up-happened");
    assert_eq!(findings[0]["times"], SEEDS, "every seed fails, and each is counted once");
    let shared = &told["shared"];
    assert!(shared["ranges_handed_out_again"].as_u64() >= Some(1), "{shared:#}");
    assert_eq!(shared["ranges_given_up"], json!([]));
    assert_eq!(shared["workers"].as_array().map(Vec::len), Some(2));
    assert!(shared["workers"][first as usize - 1]["ranges_lost"].as_u64() >= Some(1), "{shared:#}");
    assert!(errors.contains("was not heard of for 10 s: 1 range is handed out again"), "{errors}");

    let file = findings[0]["file"].as_str().expect("it was saved");
    desk.delian(&format!("replay {file}")).with(1).says("what-was-set-up-happened");
    let saved = fs::read_dir(desk.path("found")).expect("it is a folder").count();
    assert_eq!(saved, 2, "the finding once, and .keep");

    let (code, output, errors) = other.end();
    assert_eq!(code, Some(0), "output:\n{output}\nerrors:\n{errors}");
    assert_eq!(document(&output)["is_over"], true);
    assert!(document(&output)["runs"].as_u64() > Some(0));
}

#[test]
fn ctrl_c_at_whoever_leads_ends_the_workers_and_tells_what_they_had_begun() {
    let desk = desk("hunt-shared-interrupted", None);
    let Some(server) = Server::start() else { return };
    let mut witness = Witness::new(&server, "delian.hunt.night.>");
    let worker = start(&desk, &server, "--worker --name night --json");
    let leader = start(&desk, &server, "--for 1h --guide none --range 256 --save found --json --name night");
    let (_, session) = witness.fresh_range(|_| true);

    // Meanwhile nobody else can lead it, help with something else, or confuse it.
    let again = start(&desk, &server, "--name night --save found").end();
    assert_eq!(again.0, Some(2));
    assert!(again.2.contains("somebody leads a hunt of the name night"), "{}", again.2);
    let other = Desk::new("hunt-shared-other");
    let refused = start(&other, &server, "--worker --name night").end();
    assert_eq!(refused.0, Some(2));
    assert!(refused.2.contains("refuses this worker: the texts differ of red"), "{}", refused.2);
    for subject in ["delian.hunt.night.hello", &format!("{session}.lead.beat"), &format!("{session}.lead.told")] {
        witness.say(subject, b"{\"noise\":1}");
    }
    witness.say(&format!("{session}.ends"), b"null");
    // Later beats were answered behind what was said before, and the worker works on, whoever says that it is over.
    for _ in 0..3 {
        while !is_at_work(&witness.next()) {}
    }

    leader.signal(Signal::SIGINT);
    let (code, output, errors) = leader.end();
    assert_eq!(code, Some(1), "output:\n{output}\nerrors:\n{errors}");
    let (worker_code, worker_output, worker_errors) = worker.end();
    assert_eq!(worker_code, Some(0), "output:\n{worker_output}\nerrors:\n{worker_errors}");
    let (told, helped) = (document(&output), document(&worker_output));
    assert_eq!(told["shared"]["workers"][0]["runs"], helped["runs"], "what was begun was told: {told:#}");
    assert!(helped["runs"].as_u64() > Some(0));
    assert_eq!(told["shared"]["workers_refused"], 1);
    assert_eq!(told["shared"]["messages_ignored"], 3);
    assert_eq!(told["shared"]["ranges_handed_out_again"], 0);
}

#[test]
fn whoever_asks_twice_for_the_end_does_not_wait_for_others() {
    let desk = desk("hunt-shared-at-once", None);
    let Some(server) = Server::start() else { return };
    let mut witness = Witness::new(&server, "delian.hunt.>");
    let leader = start(&desk, &server, "--for 1h --guide none --range 256 --save found --json");
    let worker = start(&desk, &server, "--worker");
    witness.fresh_range(|_| true);
    worker.signal(Signal::SIGSTOP);
    leader.signal(Signal::SIGINT);
    while witness.next().0.rsplit('.').next() != Some("ends") {}
    leader.signal(Signal::SIGINT);
    let (code, output, errors) = leader.end();
    assert_eq!(code, Some(1), "output:\n{output}\nerrors:\n{errors}");
    assert!(!errors.contains("was not heard of"), "it did not wait for that: {errors}");
    let told = document(&output);
    assert_eq!(told["shared"]["ranges_given_up_count"], 1, "{told:#}");
    assert_eq!(told["shared"]["ranges_given_up"][0]["runs"], 256, "{told:#}");
    assert_eq!(told["ok"], false);
}

#[test]
fn a_server_that_comes_back_finds_the_hunt_going_on() {
    let desk = desk("hunt-shared-server", None);
    let Some(server) = Server::start() else { return };
    let mut witness = Witness::new(&server, "delian.hunt.>");
    let leader = start(&desk, &server, "--for 1h --guide none --range 256 --save found --json");
    let worker = start(&desk, &server, "--worker --json");
    witness.fresh_range(|_| true);
    let port = server.port;
    drop(server.running);
    let server = Server::start_with(&port.to_string(), &[]).expect("it was installed a moment ago");
    let mut witness = Witness::new(&server, "delian.hunt.*.*.lead.beat");
    witness.next();
    worker.signal(Signal::SIGINT);
    let (code, output, errors) = worker.end();
    assert_eq!(code, Some(0), "output:\n{output}\nerrors:\n{errors}");
    assert_eq!(document(&output)["is_over"], false, "it was this worker that ended");
    assert!(document(&output)["runs"].as_u64() > Some(0), "{output}");
    leader.signal(Signal::SIGTERM);
    let (code, output, errors) = leader.end();
    assert_eq!(code, Some(1), "output:\n{output}\nerrors:\n{errors}");
    assert!(errors.contains("is gone: this machine hunts alone until it is back"), "{errors}");
    assert!(errors.contains("is back."), "{errors}");
}

#[test]
fn a_worker_goes_over_to_whoever_leads_next() {
    let desk = desk("hunt-shared-led-again", None);
    let Some(server) = Server::start() else { return };
    let mut witness = Witness::new(&server, "delian.hunt.*.*.lead.beat");
    let leader = start(&desk, &server, "--for 1h --guide none --save found");
    let worker = start(&desk, &server, "--worker --json");
    let (_, first) = witness.fresh_range(|_| true);
    // Who listens in on a session is somebody there for the server, and this is about nobody being there.
    drop(witness);
    leader.signal(Signal::SIGKILL);
    drop(leader);
    let mut witness = Witness::new(&server, "delian.hunt.*.hello");
    let leader = start(&desk, &server, "--for 1h --guide none --save found --json");
    witness.next();
    let (_, second) = Witness::new(&server, "delian.hunt.*.*.lead.beat").fresh_range(|_| true);
    assert_ne!(first, second);
    leader.signal(Signal::SIGTERM);
    let (code, output, errors) = leader.end();
    assert_eq!(code, Some(1), "output:\n{output}\nerrors:\n{errors}");
    assert_eq!(document(&output)["shared"]["workers"].as_array().map(Vec::len), Some(1));
    let (code, output, errors) = worker.end();
    assert_eq!(code, Some(0), "output:\n{output}\nerrors:\n{errors}");
    assert!(errors.contains("is gone: greets anew"), "{errors}");
}

#[test]
fn a_server_that_asks_who_comes_is_told_what_the_url_says() {
    let desk = desk("hunt-shared-password", Some(2));
    let Some(server) = Server::start_with("-1", &["--user", "me", "--pass", "p@ss"]) else { return };
    let hunt = |url: &str| desk.delian(&format!("hunt red.toml --guide none --save found --json --nats {url}"));
    let at = |who: &str| server.url().replace("//", &format!("//{who}@"));
    desk.write("url", &format!("{}\n", at("me:p%40ss")));
    assert_eq!(hunt("@url").with(1).json()["runs"], 2);
    for wrong in [server.url(), at("me:wrong"), at("me")] {
        let told = hunt(&wrong).with(2).complains("turns this program away: put user:password@");
        assert!(!told.errors.contains("wrong"), "{}", told.errors);
    }
}

#[test]
fn a_server_that_is_not_there_is_told_at_once() {
    let desk = desk("hunt-shared-nowhere", None);
    let nowhere = "hunt red.toml --save found --nats nats://me:secret@127.0.0.1:1";
    for words in [nowhere.to_string(), nowhere.replace("--save found", "--worker")] {
        let told = desk.delian(&words).with(2).complains("no server of NATS answers at nats://127.0.0.1:1");
        assert!(!told.errors.contains("secret"), "{}", told.errors);
    }
}
