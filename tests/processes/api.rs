//! A node's API, as a program with no library of ours would use it.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use serde_json::Value;

/// Longer than a node takes for anything; shorter than a test may hang.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a watch may say nothing: keep-alives come sooner.
const WATCH_TIMEOUT: Duration = Duration::from_mins(1);

/// An answer: its status, its text, and that as a document, which is nothing if it is none.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) document: Value,
    pub(crate) text: String,
}

/// A way to one node.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    base: String,
    agent: ureq::Agent,
}

impl Api {
    pub(crate) fn new(base: &str) -> Self {
        Self::with_patience(base, ANSWER_TIMEOUT)
    }

    /// Returns one that gives up on an answer after so long.
    pub(crate) fn with_patience(base: &str, patience: Duration) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(patience));
        Self { base: base.trim_end_matches('/').to_owned(), agent: config.build().new_agent() }
    }

    pub(crate) fn get(&self, path: &str) -> Option<Answer> {
        read(self.agent.get(format!("{}{path}", self.base)).call())
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Option<Answer> {
        read(self.agent.put(format!("{}{path}", self.base)).send_json(body))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Option<Answer> {
        read(self.agent.post(format!("{}{path}", self.base)).send_json(body))
    }

    pub(crate) fn delete(&self, path: &str) -> Option<Answer> {
        read(self.agent.delete(format!("{}{path}", self.base)).call())
    }

    /// Returns the first event of one kind that the node remembers, or waits for one for a while.
    pub(crate) fn event(&self, kind: &str) -> Option<Value> {
        let config = ureq::Agent::config_builder().timeout_recv_body(Some(ANSWER_TIMEOUT));
        let asked = config.build().new_agent().get(format!("{}/v1/watch?after=0&kind={kind}", self.base)).call();
        let stream = asked.expect("the node answers").into_body().into_reader();
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        lines.find_map(|line| serde_json::from_str(line.strip_prefix("data:")?).ok())
    }

    /// Follows the node's events: looks before the first, and after each line of the stream until `is_so`. Returns whether
    /// it came to be so before the stream ended.
    pub(crate) fn watch_until(&self, mut is_so: impl FnMut() -> bool) -> bool {
        let config = ureq::Agent::config_builder().timeout_recv_body(Some(WATCH_TIMEOUT));
        let Ok(stream) = config.build().new_agent().get(format!("{}/v1/watch", self.base)).call() else {
            return is_so();
        };
        if is_so() {
            return true;
        }
        let lines = BufReader::new(stream.into_body().into_reader()).lines();
        // An empty line ends an event; a keep-alive is as good a moment to look.
        lines.map_while(Result::ok).filter(|line| line.is_empty() || line.starts_with(':')).any(|_| is_so())
    }
}

/// Returns an answer; nothing if the node could not be reached or went away.
fn read(answered: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Option<Answer> {
    let response = answered.ok()?;
    let status = response.status().as_u16();
    let text = response.into_body().read_to_string().ok()?;
    Some(Answer { status, document: serde_json::from_str(&text).unwrap_or(Value::Null), text })
}

impl Answer {
    /// Requires this status.
    pub(crate) fn with(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.document);
        self.document
    }
}
