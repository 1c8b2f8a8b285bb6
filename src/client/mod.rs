//! Questions to the API of a node, over HTTP and without a runtime.
//!
//! Several nodes may be named; they are tried in turn until one answers. A read goes on to the next node whenever one
//! fails; a command does so only if it cannot have been taken, for else it might take effect twice. What a node refuses
//! comes back as one sentence with the mend.

mod arguments;
mod refusal;
mod frames;
mod words;

use std::fs;
use std::io::ErrorKind;
use std::sync::mpsc;
use std::time::Duration;
use std::{env, iter};

pub(crate) use self::arguments::{ClientArguments, EXIT_CODES, ReadArguments};
pub(crate) use self::frames::{Frame, Frames};
pub(crate) use self::words::{age, called, clock, micros, place, span, thousandths};

use delian_shell::shapes::Problem as Refusal;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::Method;
use ureq::{Agent, Body, Timeout, http};

use crate::answer::{Answer, Problem};
use crate::screen;

/// Where the API of a node answers when nobody says.
const API: &str = "http://127.0.0.1:8400";

/// The most bytes of an answer: a topology of the most nodes there may be, several times over.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// How long a stream may be silent before it is taken for dead: a node says something four times as often.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// A way to a federation.
pub(crate) struct Client {
    bases: Vec<String>,
    agent: Agent,
    token: Option<String>,
    json: bool,
}

/// What a node said.
pub(crate) struct Reply {
    base: String,
    status: u16,
    text: String,
}

/// An answer as it is shown, and what it comes to.
pub(crate) struct Told {
    pub(crate) text: String,
    pub(crate) answer: Answer,
}

impl Told {
    pub(crate) const fn yes(text: String) -> Self {
        Self { text, answer: Answer::Yes }
    }
}

impl Client {
    /// # Errors
    /// If what was said about where to ask makes no sense.
    pub(crate) fn new(arguments: &ClientArguments) -> Result<Self, Problem> {
        let named = if arguments.api.is_empty() {
            let variable = env::var("DELIAN_API").unwrap_or_default();
            variable.split(',').map(str::trim).filter(|base| !base.is_empty()).map(str::to_string).collect()
        } else {
            arguments.api.clone()
        };
        let named = if named.is_empty() { vec![API.to_string()] } else { named };
        let bases = named.iter().map(|base| base_of(base)).collect::<Result<_, _>>()?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(arguments.timeout))
            .max_redirects(0)
            .max_redirects_will_error(false)
            // Nodes are asked directly: a proxy of the environment is for the world outside.
            .proxy(None)
            .user_agent(concat!("delian/", env!("CARGO_PKG_VERSION")));
        Ok(Self {
            bases,
            agent: Agent::new_with_config(config.build()),
            token: token(arguments)?,
            json: arguments.json,
        })
    }

    /// Says whether documents are shown as they came.
    pub(crate) const fn shows_json(&self) -> bool {
        self.json
    }

    /// Reads: asks one node after another until one answers.
    ///
    /// # Errors
    /// If none does.
    pub(crate) fn read(&self, path: &str) -> Result<Reply, Problem> {
        let mut failures = Vec::new();
        let mut unready = None;
        for base in &self.bases {
            match self.once(&Method::GET, base, path, None) {
                // A node without a leader may stand beside one that has one.
                Ok(reply) if reply.status == 503 => unready = unready.or(Some(reply)),
                Ok(reply) => return Ok(reply),
                Err(error) => failures.push(format!("{base}: {}", cause(&error))),
            }
        }
        unready.ok_or_else(|| nobody(&failures))
    }

    /// Has a node do something: the first that can be reached.
    ///
    /// # Errors
    /// If none can be reached, or if nobody knows what became of it.
    pub(crate) fn command(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Reply, Problem> {
        let mut failures = Vec::new();
        for base in &self.bases {
            match self.once(method, base, path, body) {
                Ok(reply) => return Ok(reply),
                Err(error) if is_unsent(&error) => failures.push(format!("{base}: {}", cause(&error))),
                Err(error) => {
                    return Err(Problem::new(format!(
                        "{base}: {}: nobody knows whether it took effect: look before you try again",
                        cause(&error)
                    )));
                }
            }
        }
        Err(nobody(&failures))
    }

    /// Opens a stream of events at one node, after the event of this id.
    ///
    /// # Errors
    /// Why it cannot be followed.
    pub(crate) fn stream(
        &self,
        base: &str,
        path: &str,
        after: Option<&str>,
    ) -> Result<http::Response<Body>, ureq::Error> {
        let mut request = self.agent.get(format!("{base}{path}")).header("accept", "text/event-stream");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        request.config().timeout_global(None).timeout_per_read(Some(SILENCE_MAX)).build().call()
    }

    /// Returns where nodes are asked, the first first.
    pub(crate) fn bases(&self) -> &[String] {
        &self.bases
    }

    fn once(&self, method: &Method, base: &str, path: &str, body: Option<&Value>) -> Result<Reply, ureq::Error> {
        let mut request = http::Request::builder().method(method).uri(format!("{base}{path}"));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let text = body.map(Value::to_string);
        if text.is_some() {
            request = request.header("content-type", "application/json");
        }
        let mut response = match text {
            Some(text) => self.agent.run(request.body(text)?)?,
            None => self.agent.run(request.body(())?)?,
        };
        let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).lossy_utf8(true).read_to_string()?;
        Ok(Reply::new(base, response.status().as_u16(), text))
    }

    /// Shows an answer: as the document that came, or in words.
    ///
    /// # Errors
    /// If the node could not be asked what was asked, or said something that is no answer.
    pub(crate) fn tell<T: DeserializeOwned>(
        &self,
        reply: &Reply,
        told: impl FnOnce(T) -> Told,
    ) -> Result<Answer, Problem> {
        if !reply.is_done() {
            return self.refused(reply);
        }
        let Told { text, answer } = told(reply.document()?);
        screen::say(&if self.json { format!("{}\n", reply.text.trim_end()) } else { text })?;
        Ok(answer)
    }

    /// Shows a refusal.
    ///
    /// # Errors
    /// If the question itself was not admitted: then it is the error.
    pub(crate) fn refused(&self, reply: &Reply) -> Result<Answer, Problem> {
        let (sentence, answer) = refusal::sentence(reply, self.token.is_some());
        if self.json && serde_json::from_str::<Value>(&reply.text).is_ok() {
            screen::say(&format!("{}\n", reply.text.trim_end()))?;
        }
        match answer {
            Some(answer) => {
                screen::complain(&sentence);
                Ok(answer)
            }
            None => Err(Problem::new(sentence)),
        }
    }
}

impl Reply {
    pub(crate) fn new(base: &str, status: u16, text: String) -> Self {
        Self { base: base.to_string(), status, text }
    }

    /// Says whether what was asked was done.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self.status, 200..300)
    }

    /// Returns the document.
    ///
    /// # Errors
    /// If it is not what was asked for.
    pub(crate) fn document<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_str(&self.text).map_err(|error| {
            Problem::new(format!(
                "{} answers something else than a node does: {error}: is it of another release?",
                self.base
            ))
        })
    }

    fn refusal(&self) -> Option<Refusal> {
        serde_json::from_str(&self.text).ok()
    }
}

/// Waits for a while.
pub(crate) fn pause(span: Duration) {
    let (_kept, never) = mpsc::channel::<()>();
    // Nobody ever sends, so this ends with the time.
    let _ = never.recv_timeout(span);
}

/// Returns what stands before every path.
fn base_of(named: &str) -> Result<String, Problem> {
    let whole = if named.contains("://") { named.to_string() } else { format!("http://{named}") };
    if whole.starts_with("https://") {
        return Err(Problem::new(format!(
            "{named}: nodes answer plain HTTP: use http://, or a tunnel to the node's machine"
        )));
    }
    let uri: Option<http::Uri> = whole.parse().ok();
    let is_sound =
        uri.is_some_and(|uri| uri.scheme_str() == Some("http") && uri.host().is_some_and(|host| !host.is_empty()));
    if !is_sound || whole.contains(['?', '#']) {
        return Err(Problem::new(format!("{named:?} is no address of an API: write it as {API}")));
    }
    Ok(whole.trim_end_matches('/').to_string())
}

fn token(arguments: &ClientArguments) -> Result<Option<String>, Problem> {
    let token = match (&arguments.token, &arguments.token_file) {
        (Some(token), _) => Some(token.clone()),
        (None, Some(path)) => Some(
            fs::read_to_string(path)
                .map_err(|error| Problem::new(format!("cannot read the token in {}: {error}", path.display())))?,
        ),
        (None, None) => env::var("DELIAN_TOKEN").ok(),
    };
    let token = token.map(|token| token.trim().to_string()).filter(|token| !token.is_empty());
    match token {
        Some(token) if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(Problem::new("the token holds something else than plain letters: is it the right file?"))
        }
        token => Ok(token),
    }
}

/// Says whether no node can have heard of what was asked.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is open, and what is not known to be unsent may have been sent"
)]
fn is_unsent(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::BadUri(_)
        | ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => true,
        ureq::Error::Io(error) => matches!(
            error.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::AddrNotAvailable
        ),
        _ => false,
    }
}

/// Says in a few words why a node did not answer.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is open, and the library words the rest")]
pub(crate) fn cause(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "there is no such host".to_string(),
        ureq::Error::ConnectionFailed => "it cannot be reached".to_string(),
        ureq::Error::Timeout(_) => "it did not answer in time".to_string(),
        ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => "nobody listens there".to_string(),
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// Says that no node answers.
pub(crate) fn nobody(failures: &[String]) -> Problem {
    let mend = "start one with `delian node`, or say where one is with --api or DELIAN_API";
    let lines: Vec<&str> = iter::once("no node answers").chain(failures.iter().map(String::as_str)).collect();
    Problem::new(format!("{}\n{mend}", lines.join("\n  ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_an_api_needs_no_more_than_host_and_port() {
        let base = |named| base_of(named).map_err(|problem| problem.to_string());
        assert_eq!(base("127.0.0.1:8400"), Ok("http://127.0.0.1:8400".to_string()));
        assert_eq!(base("http://[::1]:8400/"), Ok("http://[::1]:8400".to_string()));
        assert_eq!(base("http://gate/delian/"), Ok("http://gate/delian".to_string()));
        for wrong in ["", "http://", "ftp://a", "a b", "http://a?b", "https://a"] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }
}
