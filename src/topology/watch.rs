//! `delian topology watch`: what happens at a node, as it happens.
//!
//! One thread reads the stream; this one shows what came and minds the time. When the stream breaks, it is opened again
//! after the last event that was seen; where that is not possible, a line says that something may be missing.

use std::io::BufReader;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use delian_shell::shapes::{EventDocument, Problem as Refusal, Severity};
use serde_json::{Value, json};

use super::arguments::WatchArguments;
use crate::answer::{Answer, Problem};
use crate::client::{Client, Frame, Frames, Reply, cause, clock, nobody, pause};
use crate::screen::{self, Screen};
use crate::stopwatch::Stopwatch;

/// How many events may wait to be shown; beyond that the stream is held up.
const WAITING_MAX: usize = 64;

/// How many attempts to open the stream may fail in a row.
const ATTEMPTS_MAX: u32 = 8;

/// The pause after the first attempt that failed; it doubles up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(3);

/// How long to wait where nobody gave a limit: then it begins anew.
const FOREVER: Duration = Duration::from_hours(24);

pub(super) fn run(arguments: &WatchArguments) -> Result<Answer, Problem> {
    let client = Client::new(&arguments.client)?;
    let mut watch = Watch {
        client: &client,
        arguments,
        screen: Screen::of_output(),
        began: Stopwatch::start(),
        base: 0,
        last: None,
        failures: Vec::new(),
    };
    watch.run()
}

struct Watch<'a> {
    client: &'a Client,
    arguments: &'a WatchArguments,
    screen: Screen,
    began: Stopwatch,
    /// Which node is followed.
    base: usize,
    /// The last event that was seen, as that node numbers them.
    last: Option<String>,
    /// Why attempts failed, since the last that did not.
    failures: Vec<String>,
}

/// How a stream ended.
enum End {
    /// All that was asked for was shown.
    Answered(Answer),
    /// It broke.
    Broken(String),
}

impl Watch<'_> {
    fn run(&mut self) -> Result<Answer, Problem> {
        loop {
            let broken = match self.open()? {
                Opened::Stream(frames) => match self.follow(&frames)? {
                    End::Answered(answer) => return Ok(answer),
                    End::Broken(why) => why,
                },
                Opened::Refused(answer) => return Ok(answer),
                Opened::Failed(why) => why,
            };
            self.failures.push(format!("{}: {broken}", self.client.bases()[self.base]));
            if self.failures.len() as u32 >= ATTEMPTS_MAX {
                return Err(nobody(&self.failures));
            }
            let grown = PAUSE_MIN.saturating_mul(1 << self.failures.len().min(10));
            let Some(left) = self.left() else { return Ok(self.out_of_time()) };
            pause(grown.min(PAUSE_MAX).min(left));
            self.elsewhere()?;
        }
    }

    /// Goes on to the next node, if there is one, whose numbers are others.
    fn elsewhere(&mut self) -> Result<(), Problem> {
        let bases = self.client.bases();
        if bases.len() > 1 {
            self.base = (self.base + 1) % bases.len();
            if self.last.take().is_some() {
                self.note(
                    "reset",
                    &json!({ "text": format!("asking {} from here on: something may be missing", bases[self.base]) }),
                )?;
            }
        }
        Ok(())
    }

    fn open(&mut self) -> Result<Opened, Problem> {
        let base = &self.client.bases()[self.base];
        let mut response = match self.client.stream(base, "/v1/watch", self.last.as_deref()) {
            Ok(response) => response,
            Err(error) => return Ok(Opened::Failed(cause(&error))),
        };
        if !response.status().is_success() {
            let text = response.body_mut().read_to_string().unwrap_or_default();
            let refusal: Option<Refusal> = serde_json::from_str(&text).ok();
            let why = refusal.map_or_else(|| format!("it answers with status {}", response.status()), |it| it.detail);
            // Who asks too much, and who asks a node that is not ready, may come again.
            if response.status().is_server_error() || response.status().as_u16() == 429 {
                return Ok(Opened::Failed(why));
            }
            return self.client.refused(&Reply::new(base, response.status().as_u16(), text)).map(Opened::Refused);
        }
        let (sender, frames) = sync_channel(WAITING_MAX);
        let stream = BufReader::new(response.into_body().into_with_config().limit(u64::MAX).reader());
        thread::spawn(move || pump(stream, &sender));
        Ok(Opened::Stream(frames))
    }

    fn follow(&mut self, frames: &Receiver<Result<Frame, String>>) -> Result<End, Problem> {
        loop {
            let Some(left) = self.left() else { return Ok(End::Answered(self.out_of_time())) };
            match frames.recv_timeout(left) {
                Ok(Ok(frame)) => {
                    self.failures.clear();
                    if let Some(answer) = self.show(frame)? {
                        return Ok(End::Answered(answer));
                    }
                }
                Ok(Err(why)) => return Ok(End::Broken(why)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(End::Broken("the stream ended".to_string())),
            }
        }
    }

    /// Shows an event, and says whether it is the one that was waited for.
    fn show(&mut self, frame: Frame) -> Result<Option<Answer>, Problem> {
        if frame.event == "reset" || frame.event == "cut" {
            if frame.event == "reset" {
                self.last = frame.id;
            }
            let said = serde_json::from_str(&frame.data).unwrap_or(Value::String(frame.data));
            self.note(&frame.event, &said)?;
            return Ok(None);
        }
        self.last = frame.id;
        let event: EventDocument = serde_json::from_str(&frame.data).map_err(|error| {
            Problem::new(format!("an event is none that a node sends: {error}: is it of another release?"))
        })?;
        let is_awaited = self.arguments.until.as_ref() == Some(&event.kind);
        if is_awaited || event.severity >= Severity::from(self.arguments.severity) {
            let line = if self.client.shows_json() { compact(&frame.data) } else { self.line(&event) };
            screen::say(&format!("{line}\n"))?;
        }
        Ok(is_awaited.then_some(Answer::Yes))
    }

    fn line(&self, event: &EventDocument) -> String {
        let severity = match event.severity {
            Severity::Routine => "routine".to_string(),
            Severity::Info => "info   ".to_string(),
            Severity::Warning => self.screen.strong("warning"),
            Severity::Error => self.screen.bad("error  "),
        };
        format!("{}  e{:<5} {severity}  {:20}  {}", clock(event.at_ms), event.epoch, event.kind, event.text)
    }

    /// Shows that the stream is not whole.
    fn note(&self, kind: &str, said: &Value) -> Result<(), Problem> {
        if self.client.shows_json() {
            return screen::say(&format!("{}\n", json!({ "kind": kind, "said": said })));
        }
        let why =
            said["text"].as_str().or_else(|| said["detail"].as_str()).or_else(|| said.as_str()).unwrap_or_default();
        let meaning = match kind {
            "cut" => "the node cut this watch, which read too slowly; it goes on where it was",
            _ => "some events are forgotten; what follows is whole from here on",
        };
        let line = if why.is_empty() { format!("-- {kind}: {meaning}") } else { format!("-- {kind}: {why}") };
        screen::say(&format!("{}\n", self.screen.strong(&line)))
    }

    /// Returns how long the watch may still go on; nothing if its time is over.
    fn left(&self) -> Option<Duration> {
        let Some(span) = self.arguments.span else { return Some(FOREVER) };
        let passed = Duration::try_from_secs_f64(self.began.wall_seconds()).unwrap_or(span);
        span.checked_sub(passed).filter(|left| !left.is_zero())
    }

    /// Returns what it comes to that the time is over.
    fn out_of_time(&self) -> Answer {
        match &self.arguments.until {
            Some(kind) => {
                screen::complain(&format!("no event {kind} came"));
                Answer::No
            }
            None => Answer::Yes,
        }
    }
}

/// What came of an attempt to follow a node.
enum Opened {
    Stream(Receiver<Result<Frame, String>>),
    Refused(Answer),
    Failed(String),
}

/// Reads a stream until it ends or nobody listens.
fn pump(stream: impl std::io::BufRead, sender: &SyncSender<Result<Frame, String>>) {
    for frame in Frames::new(stream) {
        let frame = frame.map_err(|error| error.to_string());
        let is_last = frame.is_err();
        if sender.send(frame).is_err() || is_last {
            return;
        }
    }
}

/// Returns a document on one line.
fn compact(document: &str) -> String {
    serde_json::from_str::<Value>(document).map_or_else(|_| document.replace('\n', " "), |value| value.to_string())
}
