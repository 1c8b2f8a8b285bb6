//! The page as a program asks for it, byte by byte, and as a browser shows it.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use delian_sim::explore::cluster::model::{Model, UNBOUNDED};
use delian_sim::explore::{Limits, models};
use serde_json::Value;

use super::Server;
use super::site::STEPS_MAX;

/// Longer than any test takes.
const IDLE: Duration = Duration::from_mins(10);

/// A page that is served while a test looks at it.
struct Served {
    address: SocketAddr,
    waiting: JoinHandle<()>,
}

impl Served {
    fn model(name: &str) -> Self {
        Self::this(model(name), IDLE)
    }

    fn this(model: Model, idle: Duration) -> Self {
        let limits = Limits { states_max: 200_000, ..Limits::default() };
        let server = Server::start(model, limits, 0).expect("some port is free");
        Self { address: server.address(), waiting: thread::spawn(move || server.wait(idle)) }
    }

    /// Sends bytes and returns the status, the head and the body of the answer.
    fn send(&self, bytes: &[u8]) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.write_all(bytes).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers with text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a head begins with the status");
        (status, head.to_owned(), body.to_owned())
    }

    fn get(&self, target: &str) -> (u16, Value) {
        let (status, _, body) =
            self.send(format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).as_bytes());
        (status, serde_json::from_str(&body).expect("answers are JSON"))
    }

    /// Requires a refusal with these words.
    fn refuses(&self, bytes: &str, with: u16, words: &str) {
        let (status, _, body) = self.send(bytes.as_bytes());
        let told: Value = serde_json::from_str(&body).expect("refusals are JSON");
        let why = told["error"].as_str().expect("a refusal says why");
        assert!(status == with && why.contains(words), "{status} {why}");
    }

    /// Stops it as the button does.
    fn stop(self) {
        let asked = format!("POST /stop HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\n\r\n", self.address);
        assert_eq!(self.send(asked.as_bytes()).0, 200);
        self.waiting.join().expect("it ends");
    }
}

fn model(name: &str) -> Model {
    models::all().into_iter().find(|model| model.name == name).expect("there is such a model")
}

/// Returns the place of the first action whose words begin so.
fn place_of(state: &Value, words: &str) -> u64 {
    let actions = state["actions"].as_array().expect("a list");
    let found = actions.iter().find(|action| action["what"].as_str().is_some_and(|what| what.starts_with(words)));
    found.unwrap_or_else(|| panic!("no {words} in {actions:?}"))["place"].as_u64().expect("a place")
}

#[test]
fn a_model_and_its_states_keep_their_shape() {
    let served = Served::model("replication-disks");
    let (status, about) = served.get("/api/model");
    assert_eq!(status, 200);
    insta::assert_json_snapshot!("model", about);
    let (_, begun) = served.get("/api/state?path=");
    let place = place_of(&begun, "n1 is given command");
    let (status, state) = served.get(&format!("/api/state?path={place}"));
    assert_eq!(status, 200);
    insta::assert_json_snapshot!("state", state);
    served.stop();
}

#[test]
fn a_search_finds_ways_that_can_be_walked() {
    let served = Served::model("replication-disks");
    let jumps = loop {
        let (status, jumps) = served.get("/api/search");
        assert_eq!(status, 200);
        if jumps["stage"] != "searching" {
            break jumps;
        }
        thread::yield_now();
    };
    insta::assert_json_snapshot!("search", jumps);
    for goal in jumps["goals"].as_array().expect("a list") {
        let places: Vec<String> =
            goal["path"].as_array().expect("each goal is met").iter().map(ToString::to_string).collect();
        let (_, state) = served.get(&format!("/api/state?path={}", places.join(",")));
        let met = |met: &&Value| met["name"] == goal["name"];
        assert_eq!(
            state["goals"].as_array().and_then(|goals| goals.iter().find(met)).map(|met| &met["is_met"]),
            Some(&Value::Bool(true))
        );
    }
    served.stop();
}

#[test]
fn a_bad_request_is_told_why() {
    let served = Served::model("elections-3");
    let here = format!("Host: {}\r\n\r\n", served.address);
    served.refuses(&format!("GET /api/nothing HTTP/1.1\r\n{here}"), 404, "there is nothing at /api/nothing");
    served.refuses(&format!("POST /api/state HTTP/1.1\r\n{here}"), 405, "by GET, not POST");
    served.refuses(&format!("GET /stop HTTP/1.1\r\n{here}"), 405, "by POST, not GET");
    for (path, words) in [
        ("0,x", "`x` is not a number"),
        ("-1", "`-1` is not a number"),
        ("70000", "`70000` is not a number from 0 to 65535"),
        ("0,,1", "`` is not a number"),
        ("65535", "step 1 takes the action at place 65535, but only"),
        ("0,%2e", "`%2e` is not a number"),
    ] {
        served.refuses(&format!("GET /api/state?path={path} HTTP/1.1\r\n{here}"), 400, words);
    }
    let long = vec!["0"; STEPS_MAX + 1].join(",");
    served.refuses(&format!("GET /api/state?path={long} HTTP/1.1\r\n{here}"), 400, "above the limit of 1000");
    served.refuses("GET / HTTP/1.1\r\n\r\n", 400, "no Host");
    served.refuses("\u{1}\u{2} what is this\r\n\r\n", 400, "this is no request");
    // As long as what is read of it, so that all of it is read before the answer comes.
    let endless = format!("GET /{} HTTP/1.1\r\n", "a".repeat((16 << 10) - 16));
    served.refuses(&endless, 400, "above 16384 bytes");
    served.stop();
}

#[test]
fn a_page_from_elsewhere_gets_nothing() {
    let served = Served::model("elections-3");
    let port = served.address.port();
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost.", "[::1]", "127.0.0.1:", "localhost:x"] {
        served.refuses(&format!("GET /api/model HTTP/1.1\r\nHost: {host}\r\n\r\n"), 403, "no name of this machine");
    }
    let stop = |origin: &str| format!("POST /stop HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: {origin}\r\n\r\n");
    for origin in ["http://evil.example".to_owned(), "null".to_owned(), format!("http://127.0.0.1:{port}")] {
        served.refuses(&stop(&origin), 403, "may not ask");
    }
    let (status, head, body) = served.send(format!("GET / HTTP/1.1\r\nhost: LOCALHOST:{port}\r\n\r\n").as_bytes());
    assert!(status == 200 && head.contains("Content-Security-Policy: default-src 'none'"), "{head}");
    assert!(body.starts_with("<!doctype html>") && !body.contains("://"), "the page names another place");
    served.stop();
}

#[test]
fn whoever_says_nothing_or_goes_away_keeps_nobody_from_being_answered() {
    let served = Served::model("elections-3");
    let silent: Vec<TcpStream> = (0..8).filter_map(|_| TcpStream::connect(served.address).ok()).collect();
    let half = TcpStream::connect(served.address).expect("it listens");
    (&half).write_all(b"GET /api/mo").expect("it reads");
    half.shutdown(Shutdown::Both).expect("it was open");
    assert_eq!(served.get("/api/model").0, 200);
    drop(silent);
    served.stop();
}

#[test]
fn it_ends_by_itself_when_nobody_asks() {
    Served::this(model("elections-3"), Duration::from_millis(1)).waiting.join().expect("it ends");
}

/// Returns headless Chromium, if this machine has one.
fn chromium() -> Option<Command> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let answers =
        |name: &&&str| Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    let mut command = Command::new(names.iter().find(answers)?);
    let profile = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/tmp/explore-browser");
    drop(fs::remove_dir_all(&profile));
    command.arg(format!("--user-data-dir={}", profile.display()));
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
    command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    command.args(["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--virtual-time-budget=20000"]);
    Some(command)
}

/// Returns the page as it is once its script has run: the text of its elements, scripts of the page included.
fn seen(mut chromium: Command, served: &Served, fragment: &str) -> String {
    chromium.arg("--dump-dom").arg(format!("http://{}/#{fragment}", served.address));
    let ended = chromium.stderr(Stdio::null()).output().expect("it answered before");
    String::from_utf8(ended.stdout).expect("a page is text")
}

/// Returns the path that takes the first action with each of these words.
fn walked(served: &Served, words: &[&str]) -> String {
    let mut places: Vec<String> = Vec::new();
    for word in words {
        let (_, state) = served.get(&format!("/api/state?path={}", places.join(",")));
        places.push(place_of(&state, word).to_string());
    }
    places.join(",")
}

/// Commands are numbered, so a model that gives clients commands without end trips over the first: a panic like any.
fn broken_model() -> Model {
    let mut model = model("replication-disks");
    model.budgets.commands = UNBOUNDED;
    model
}

#[test]
fn a_browser_shows_each_step_with_its_differences_and_what_is_broken() {
    let served = Served::this(broken_model(), IDLE);
    let words = ["n1 sends heartbeats", "n2 receives n1 Heartbeat", "n1 is given command"];
    for (steps, marked, broken) in [
        (0, None, false),
        (1, Some("<ins>n1 to n2 Heartbeat"), false),
        (2, Some("<ins>n2 to n1 HeartbeatAnswer"), false),
        (3, None, true),
    ] {
        let Some(browser) = chromium() else {
            eprintln!("skipped: no chromium on this machine, so nobody looked at the page of `check --explore`");
            return served.stop();
        };
        let path = walked(&served, &words[..steps]);
        let page = seen(browser, &served, &path);
        assert!(page.contains(&format!("data-steps=\"{steps}\"")), "step {steps} is not shown:\n{page}");
        assert_eq!(page.contains("<span class=\"mark\">BROKEN</span>no-panic"), broken, "{page}");
        assert!(marked.is_none_or(|marked| page.contains(marked)), "{marked:?} is not in:\n{page}");
        let differs =
            page.contains("changed\" data-row=\"") || page.contains("<span><ins>") || page.contains("<span><del>");
        assert_eq!(differs, steps > 0 && !broken, "differences after {steps} steps:\n{page}");
        assert_eq!(page.contains("<button type=\"button\" data-place=\"0\">"), !broken, "{page}");
    }
    served.stop();
}
