//! A hunt that several machines share through a server of NATS.
//!
//! One process leads. It numbers all runs of the hunt, hands them out as ranges, folds, shrinks and saves what anybody
//! finds, and hunts itself meanwhile, so a hunt without workers, or whose server is away, goes on as on one machine.
//! Workers run ranges and tell what they came to. Seeds alone travel: the leader shrinks and saves a failure by its own
//! run of that seed, and tells that it could not when that does not fail in the same way, so nothing that comes from the
//! network ever becomes a file.
//!
//! Core NATS forgets what nobody takes, so all that matters is asked and answered, and asked again:
//! - `delian.hunt.NAME.hello`: a worker says what it runs, and is welcomed into this session of the hunt or refused;
//! - `….SESSION.ranges`, with the queue group `workers`: each free hand of a worker waits for one message there, so the
//!   server gives an offered range to whoever is free, and says at once when nobody is;
//! - `….SESSION.lead.beat`: every second, the ranges a worker works on, which keeps their leases; the answer says which
//!   of them are somebody else's by now, and whether the hunt ends;
//! - `….SESSION.lead.told`: what a range came to, told again until it is answered, and counted once;
//! - `….SESSION.lead.free` and `….SESSION.ends`: hints that save waiting, and may be lost or made up.
//!
//! A range whose worker is silent for [`ledger::LEASE`] is handed out again, to workers alone: a run that kills its process
//! costs a worker, never the leader and with it the hunt. What no worker comes back from is named at the end, as seeds
//! that were not run. A leader that begins anew is another session, and its workers greet again.

mod words;
mod ledger;
mod lead;
mod leader;
mod worker;

use std::fs;
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, Message, ServerAddr, Subscriber};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::time::timeout;

use self::words::{MESSAGE_MAX, Session};
use crate::answer::Problem;

pub(super) use self::leader::{Course, lead};
pub(super) use self::worker::help;

/// How long a server has to take this program in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an answer may take; whoever is asked answers at once, so this is for the way.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// How many messages of a subscription may wait to be looked at, each as large as the server lets it be; more are lost,
/// and asked again.
const UNREAD_MAX: usize = 64;

/// How many messages may wait to be sent; they are of this program, which makes none above [`MESSAGE_MAX`].
const UNSENT_MAX: usize = 1_024;

/// How many changes of the connection may wait to be told.
const WEATHER_MAX: usize = 16;

/// The queue group of all free hands.
const WORKERS: &str = "workers";

/// The queue group of whoever answers a greeting: should two begin to lead at once, one of them.
const LEADERS: &str = "leaders";

/// Where a hunt is shared.
pub(super) struct Place {
    server: ServerAddr,
    pass: Pass,
    name: String,
}

/// What a server is told of who comes.
#[derive(Debug, PartialEq, Eq)]
enum Pass {
    Nothing,
    Token(String),
    User(String, String),
}

impl Place {
    /// Reads the URL of a server, or the file that holds it.
    ///
    /// # Errors
    /// When it is no such URL. What it says of passwords is not repeated.
    pub(super) fn new(nats: &str, name: &str) -> Result<Self, Problem> {
        let url = match nats.strip_prefix('@') {
            Some(file) => fs::read_to_string(file)
                .map_err(|error| Problem::new(format!("cannot read the URL of --nats from {file}: {error}")))?,
            None => nats.to_string(),
        };
        let right = "it must be like nats://10.0.0.9:4222, with user:password@ or token@ before the host where the \
                     server asks for it, or with tls:// for TLS";
        let server: ServerAddr = url
            .trim()
            .parse()
            .map_err(|error| Problem::new(format!("--nats is no URL of a server: {error}; {right}")))?;
        if !["nats", "tls"].contains(&server.scheme()) || server.host().is_empty() {
            return Err(Problem::new(format!("--nats is no URL of a server; {right}")));
        }
        let pass = Pass::of(&server).map_err(|_| Problem::new("--nats names a user or a password that is no UTF-8"))?;
        Ok(Self { server, pass, name: name.to_string() })
    }

    /// Returns the URL without what is secret in it.
    fn shown(&self) -> String {
        format!("{}://{}:{}", self.server.scheme(), self.server.host(), self.server.port())
    }
}

impl Pass {
    /// Reads what the client itself leaves in the URL.
    fn of(server: &ServerAddr) -> Result<Self, std::str::Utf8Error> {
        let read = |text: &str| percent_decode_str(text).decode_utf8().map(String::from);
        Ok(match (server.username(), server.password()) {
            (None, None) => Self::Nothing,
            (Some(token), None) => Self::Token(read(token)?),
            (user, Some(password)) => Self::User(read(user.unwrap_or_default())?, read(password)?),
        })
    }

    fn shown_at_the_door(&self, options: ConnectOptions) -> ConnectOptions {
        match self {
            Self::Nothing => options,
            Self::Token(token) => options.token(token.clone()),
            Self::User(user, password) => options.user_and_password(user.clone(), password.clone()),
        }
    }
}

/// Why nobody answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Unanswered {
    /// The server knows nobody there.
    Nobody,
    /// Nothing came in time.
    Silence,
    /// It could not even be asked.
    Unasked(String),
}

/// How the connection fares.
enum Weather {
    /// It is gone; the client looks for it by itself.
    Gone,
    /// It is there.
    Back,
    /// The server complains.
    Complaint(String),
}

/// A connection to the server of a hunt.
#[derive(Clone)]
struct Line {
    client: Client,
    root: String,
}

impl Line {
    /// Connects, and returns where changes of the connection are told.
    async fn connect(place: &Place, role: &str) -> Result<(Self, mpsc::Receiver<Weather>), Problem> {
        let (changes, weather) = mpsc::channel(WEATHER_MAX);
        let options = ConnectOptions::new()
            .name(format!("delian hunt {}: {role}", place.name))
            .subscription_capacity(UNREAD_MAX)
            .client_capacity(UNSENT_MAX)
            .event_callback(move |event| {
                let changes = changes.clone();
                async move {
                    if let Some(change) = weather_of(&event) {
                        // What nobody has read yet says enough.
                        drop(changes.try_send(change));
                    }
                }
            });
        let connected =
            timeout(CONNECT_TIMEOUT, place.pass.shown_at_the_door(options).connect(place.server.clone())).await;
        let at = place.shown();
        match connected {
            Err(_) => Err(Problem::new(format!(
                "no server of NATS took this program in at {at} within {} s: see that one runs there, or leave --nats out",
                CONNECT_TIMEOUT.as_secs()
            ))),
            Ok(Err(error)) => Err(match error.kind() {
                ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => Problem::new(format!(
                    "the server of NATS at {at} turns this program away: put user:password@ or token@ before the host"
                )),
                ConnectErrorKind::ServerParse
                | ConnectErrorKind::Dns
                | ConnectErrorKind::TimedOut
                | ConnectErrorKind::Tls
                | ConnectErrorKind::Io
                | ConnectErrorKind::MaxReconnects => Problem::new(format!(
                    "no server of NATS answers at {at}: {error}: start one there, or leave --nats out"
                )),
            }),
            Ok(Ok(client)) => Ok((Self { client, root: format!("delian.hunt.{}", place.name) }, weather)),
        }
    }

    fn hello(&self) -> String {
        format!("{}.hello", self.root)
    }

    fn leads(&self) -> String {
        format!("{}.leads", self.root)
    }

    /// A subject of one session alone.
    fn of(&self, session: Session, what: &str) -> String {
        format!("{}.{:x}.{what}", self.root, session.0)
    }

    async fn subscribe(&self, subject: String) -> Result<Subscriber, Problem> {
        bounded(self.client.subscribe(subject)).await
    }

    async fn join(&self, subject: String, group: &str) -> Result<Subscriber, Problem> {
        bounded(self.client.queue_subscribe(subject, group.to_string())).await
    }

    /// Waits in a group for one message; the next one is for others.
    async fn wait_once(&self, subject: String, group: &str) -> Result<Subscriber, Problem> {
        let mut subscriber = self.join(subject, group).await?;
        bounded(subscriber.unsubscribe_after(1)).await?;
        Ok(subscriber)
    }

    /// Says something that may be lost.
    async fn say(&self, subject: String, message: &impl Serialize) {
        // Where it does not arrive, whoever should have heard it asks again.
        drop(timeout(ANSWER_TIMEOUT, self.client.publish(subject, words::write(message).into())).await);
    }

    /// Answers a message, if it asks for that.
    async fn answer(&self, message: &Message, answer: &impl Serialize) {
        if let Some(reply) = &message.reply {
            self.say(reply.to_string(), answer).await;
        }
    }

    /// Asks, and waits for the answer for a limited time.
    async fn ask(&self, subject: String, question: &impl Serialize) -> Result<Vec<u8>, Unanswered> {
        let question = words::write(question);
        if question.len() > MESSAGE_MAX {
            return Err(Unanswered::Unasked(format!("a message of {} bytes is above {MESSAGE_MAX}", question.len())));
        }
        match timeout(ANSWER_TIMEOUT, self.client.request(subject, question.into())).await {
            Err(_) => Err(Unanswered::Silence),
            Ok(Ok(answer)) => Ok(answer.payload.to_vec()),
            Ok(Err(error)) => Err(match error.kind() {
                RequestErrorKind::NoResponders => Unanswered::Nobody,
                RequestErrorKind::TimedOut => Unanswered::Silence,
                RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded | RequestErrorKind::Other => {
                    Unanswered::Unasked(error.to_string())
                }
            }),
        }
    }

    /// Sees that what was said left this process.
    async fn flush(&self) {
        drop(timeout(ANSWER_TIMEOUT, self.client.flush()).await);
    }
}

/// Waits for what the client does at once, unless it is cut off from its server and full of messages.
async fn bounded<T, E: std::fmt::Display>(subscribes: impl Future<Output = Result<T, E>>) -> Result<T, Problem> {
    match timeout(ANSWER_TIMEOUT, subscribes).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Problem::new(format!("the client of NATS does not subscribe: {error}"))),
        Err(_) => Err(Problem::new("the client of NATS does not subscribe: too many messages wait for the server")),
    }
}

fn weather_of(event: &Event) -> Option<Weather> {
    match event {
        Event::Connected => Some(Weather::Back),
        Event::Disconnected => Some(Weather::Gone),
        Event::ServerError(error) => Some(Weather::Complaint(words::shown(&error.to_string()))),
        Event::LameDuckMode | Event::Draining | Event::Closed | Event::SlowConsumer(_) | Event::ClientError(_) => None,
    }
}

/// Turns changes of the connection into sentences, and says nothing of the first connection.
#[derive(Default)]
struct Forecast {
    is_gone: bool,
}

impl Forecast {
    fn tell(&mut self, change: Weather, place: &Place, meanwhile: &str) -> Option<String> {
        let at = place.shown();
        match change {
            Weather::Gone if !self.is_gone => {
                self.is_gone = true;
                Some(format!("The server of NATS at {at} is gone: {meanwhile} until it is back."))
            }
            Weather::Back if self.is_gone => {
                self.is_gone = false;
                Some(format!("The server of NATS at {at} is back."))
            }
            Weather::Complaint(complaint) => Some(format!("The server of NATS at {at} complains: {complaint}.")),
            Weather::Gone | Weather::Back => None,
        }
    }
}

/// A runtime for messages; runs have threads of their own, so many beside those that the client needs.
fn runtime(jobs: usize) -> Result<Runtime, Problem> {
    /// For look-ups of hosts, and what else blocks in the client.
    const SPARE: usize = 4;
    let mut builder = Builder::new_current_thread();
    builder.enable_all().max_blocking_threads(jobs.saturating_add(SPARE));
    builder.build().map_err(|error| Problem::new(format!("cannot wait for messages: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_in_a_url_is_not_shown() {
        let place = Place::new("nats://me:secret@10.0.0.9:4333", "x").expect("it is a URL");
        assert_eq!(place.shown(), "nats://10.0.0.9:4333");
        assert_eq!(Place::new("tls://token@host", "x").expect("it is a URL").shown(), "tls://host:4222");
    }

    #[test]
    fn a_server_is_told_who_comes_as_the_url_says_it() {
        let pass = |url: &str| Place::new(url, "x").expect("it is a URL").pass;
        assert_eq!(pass("nats://host"), Pass::Nothing);
        assert_eq!(pass("nats://t0ken@host"), Pass::Token("t0ken".to_string()));
        assert_eq!(pass("tls://me:p%40ss@host"), Pass::User("me".to_string(), "p@ss".to_string()));
        assert!(Place::new("nats://me:%ff@host", "x").is_err());
    }

    #[test]
    fn what_is_no_url_of_a_server_is_refused_without_its_secrets() {
        for url in ["http://me:secret@host", "ws://me:secret@host", "nats://me:secret@host:port", "", "nats://"] {
            let problem = Place::new(url, "x").err().expect("it is refused").to_string();
            assert!(problem.contains("nats://10.0.0.9:4222") && !problem.contains("secret"), "{problem}");
        }
    }
}
