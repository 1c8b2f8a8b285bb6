//! Logs: one line per event of the node, beside what the shell says itself.
//!
//! A line of the journal has the target `delian::event` and the fields of [`EventDocument`].
//! Filters are those of tracing-subscriber: `info`, or `warn,delian::event=info,audit=info`.

use std::error::Error;
use std::io::IsTerminal;

use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::{Identity, Layered, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use super::Follower;
use super::event::document;
use crate::journal::Entry;
use crate::shapes::{EventDocument, Severity};

/// Whom logs are written for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// People: a line with colours at a terminal, and without them elsewhere.
    #[default]
    People,
    /// Programs: a JSON document per line.
    Json,
}

/// Why logs cannot be set up.
#[derive(Debug)]
pub enum LogsError {
    /// The filter makes no sense.
    Filter {
        /// The filter.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// Somebody set them up already.
    Taken(TryInitError),
}

impl std::fmt::Display for LogsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Filter { filter, source } => {
                write!(f, "log filter {filter:?}: {source}: write levels and targets, such as info,delian::event=debug")
            }
            Self::Taken(_) => write!(f, "logs are set up already: do it once per process"),
        }
    }
}

impl Error for LogsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Filter { source, .. } => Some(source),
            Self::Taken(source) => Some(source),
        }
    }
}

/// Has everything that is logged in this process written to the standard error, as far as it passes a filter.
///
/// # Errors
///
/// Returns what is wrong with the filter, or that logs are set up already.
pub fn set_up(form: Form, filter: &str) -> Result<(), LogsError> {
    set_up_with(form, filter, None::<Identity>)
}

/// As [`set_up`], and has somebody else take the same lines.
///
/// # Errors
///
/// As [`set_up`].
pub fn set_up_with<L>(form: Form, filter: &str, other: Option<L>) -> Result<(), LogsError>
where
    L: Layer<Layered<EnvFilter, Registry>> + Send + Sync,
{
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match form {
        Form::People => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        Form::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    tracing_subscriber::registry().with(parse(filter)?).with(other).with(lines).try_init().map_err(LogsError::Taken)
}

/// Reads a filter.
fn parse(filter: &str) -> Result<EnvFilter, LogsError> {
    EnvFilter::try_new(filter).map_err(|source| LogsError::Filter { filter: filter.to_string(), source })
}

/// Writes every event of a journal into the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines;

impl Follower for Lines {
    fn take(&mut self, entry: &Entry) {
        write(&document(entry));
    }

    fn missed(&mut self, events: u64) {
        tracing::warn!(target: "delian::event", events, "events were forgotten before they were logged");
    }
}

/// Writes one line. The level of a line is fixed where it is written, hence one place per level.
fn write(event: &EventDocument) {
    let EventDocument { sequence, epoch, at_ms, kind, severity, text, node, fields } = event;
    let (node, fields) = (node.as_deref().unwrap_or_default(), serde_json::to_string(fields).unwrap_or_default());
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(target: "delian::event", kind, node, epoch, sequence, at_ms, fields, "{text}")
        };
    }
    match severity {
        Severity::Routine => line!(debug),
        Severity::Info => line!(info),
        Severity::Warning => line!(warn),
        Severity::Error => line!(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use delian_core::topology::Condition;
    use delian_core::{Epoch, Event, NodeId, WallTime};
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Written {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn entry() -> Entry {
        let event = Event::NodeFailed { node: NodeId::new(7), epoch: Epoch::new(1), condition: Condition::Silent };
        Entry { sequence: 3, epoch: Epoch::new(2), at: WallTime::from_unix_millis(5), event }
    }

    #[test]
    fn an_event_is_one_line_with_its_fields_at_the_level_of_its_severity() {
        let written = Written::default();
        let lines = tracing_subscriber::fmt().with_env_filter(parse("info").unwrap()).with_writer(written.clone());
        let subscriber = lines.json().flatten_event(true).finish();
        tracing::subscriber::with_default(subscriber, || Lines.take(&entry()));
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "ERROR");
        assert_eq!(line["message"], "it was agreed that n7 is silent");
        assert_eq!((&line["kind"], &line["node"], &line["sequence"]), (&"node_failed".into(), &"n7".into(), &3.into()));
        assert_eq!(line["fields"], r#"{"condition":"silent","registered_epoch":1}"#);
    }

    #[test]
    fn a_filter_that_makes_no_sense_is_quoted_with_a_mend() {
        let error = parse("delian=loud").unwrap_err().to_string();
        assert!(error.contains("\"delian=loud\"") && error.contains("info,delian::event=debug"), "{error}");
    }
}
