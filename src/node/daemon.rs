//! The life of a node as a process.

use std::io::{self, Read};
use std::thread;

use delian_shell::config::{Effective, LogFormat, Options};
use delian_shell::daemon::{Begin, Daemon, DaemonError, Listens, until_interrupted};
use delian_shell::driver::Ended;
use delian_shell::host::{Host, ThisHost};
#[cfg(feature = "opentelemetry")]
use delian_shell::telemetry::collector::Collector;
use delian_shell::telemetry::logs::{self, Form};
use tokio::sync::oneshot;

#[cfg(feature = "faults")]
use super::bent::Bent;
use crate::answer::{Answer, Problem};
#[cfg(feature = "faults")]
use crate::faults::Faults;
use crate::screen;

/// All that the command line decides about a node.
#[derive(Debug)]
pub(super) struct Start {
    /// What it runs under.
    pub(super) effective: Effective,
    /// What it does about its store.
    pub(super) begin: Begin,
    /// How it says where it listens.
    pub(super) says: Says,
    /// Whether it ends with its standard input, beside being told to.
    pub(super) until: Until,
}

/// How a node says where it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// In a sentence.
    Sentence,
    /// In a JSON document.
    Document,
}

/// What ends a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// A signal.
    Told,
    /// A signal, or the end of its standard input: whoever started it has ended.
    Eof,
}

/// Runs a node until it is told to end.
///
/// # Errors
/// Why it cannot start.
pub(super) fn run(start: Start) -> Result<Answer, Problem> {
    run_on(&ThisHost, |_| (), start)
}

/// Runs a node whose clocks and disk do as it is told.
///
/// # Errors
/// Why it cannot start.
#[cfg(feature = "faults")]
pub(super) fn run_bent(start: Start, faults: Faults) -> Result<Answer, Problem> {
    screen::complain("the clocks and the disk of this node do as a test says: give it nothing to keep");
    let host = Bent::new(faults);
    run_on(&host, host.listener(), start)
}

/// Runs a node on a host; what comes on its standard input is heeded.
fn run_on(host: &impl Host, heed: impl FnMut(&[u8]) + Send + 'static, start: Start) -> Result<Answer, Problem> {
    // Dropped at the end: what it was not told yet, a collector of logs is told then.
    let _logs = set_up_logs(start.effective.options())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Problem::new(format!("cannot start a runtime: {error}")))?;
    runtime.block_on(live(host, heed, start))
}

fn form(options: &Options) -> Form {
    match options.log.format {
        LogFormat::Human => Form::People,
        LogFormat::Json => Form::Json,
    }
}

/// Logs that nobody else has to be sent before the end.
#[cfg(not(feature = "opentelemetry"))]
struct Written;

#[cfg(not(feature = "opentelemetry"))]
fn set_up_logs(options: &Options) -> Result<Written, Problem> {
    let set_up = logs::set_up(form(options), &options.log.filter);
    set_up.map(|()| Written).map_err(|error| Problem::new(error.to_string()))
}

#[cfg(feature = "opentelemetry")]
fn set_up_logs(options: &Options) -> Result<Option<Collector>, Problem> {
    let begin = |endpoint| Collector::at(endpoint, &options.node.name);
    let collector = options.log.collector.as_ref().map(begin).transpose();
    let collector = collector.map_err(|error| Problem::new(format!("log.collector: {error}")))?;
    let layer = collector.as_ref().map(Collector::layer);
    logs::set_up_with(form(options), &options.log.filter, layer).map_err(|error| Problem::new(error.to_string()))?;
    Ok(collector)
}

async fn live(host: &impl Host, heed: impl FnMut(&[u8]) + Send + 'static, start: Start) -> Result<Answer, Problem> {
    let Start { effective, begin, says, until } = start;
    // From the beginning, for what is told may be what the start waits for.
    let input = match until {
        Until::Told => None,
        Until::Eof => Some(input_ends(heed)),
    };
    let daemon = Daemon::start_on(host, effective, begin).await.map_err(|error| refused(&error))?;
    announce(daemon.listens(), says)?;
    let told = async {
        match input {
            // An error says that the reader is gone, which is as much as an end.
            Some(input) => tokio::select! { biased; () = until_interrupted() => {}, _ = input => {} },
            None => until_interrupted().await,
        }
    };
    let why = match daemon.run(told).await {
        Ended::Asked => return Ok(Answer::Yes),
        Ended::Halted(halt) => format!("the node stopped for good: {halt}"),
        Ended::Yielded => "another process runs under this identity: stop one of them".to_owned(),
        // No answer of any node: it is told as such, and by its status too.
        Ended::Panicked => {
            return Err(Problem::new("the node panicked, as told above: this is a fault of the program"));
        }
    };
    screen::complain(&format!("error: {why}"));
    Ok(Answer::No)
}

fn refused(error: &DaemonError) -> Problem {
    Problem::new(error.to_string())
}

fn announce(listens: &Listens, says: Says) -> Result<(), Problem> {
    let Listens { id, name, listen, http } = listens;
    match says {
        Says::Sentence => screen::say(&format!("{name} ({id}) listens on {listen}; API and dashboard at {http}/\n")),
        Says::Document => {
            let document = serde_json::to_string(listens).expect("texts have a JSON form");
            screen::say(&format!("{document}\n"))
        }
    }
}

/// Returns what resolves when the standard input has ended; until then, what comes there is heeded. A thread waits for it,
/// which ends with the process.
fn input_ends(mut heed: impl FnMut(&[u8]) + Send + 'static) -> oneshot::Receiver<()> {
    let (ended, waits) = oneshot::channel();
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        let mut bytes = [0; 256];
        while let Ok(count @ 1..) = input.read(&mut bytes) {
            heed(&bytes[..count]);
        }
        drop(heed);
        // Whoever waited may have ended meanwhile.
        let _ = ended.send(());
    });
    waits
}
