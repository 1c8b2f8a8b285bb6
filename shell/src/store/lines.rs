//! A store's records as JSON documents, for programs and for people with `jq`.
//!
//! Identities are texts, as in the API. Each document has the bytes that were decoded, in hexadecimal digits, so nothing
//! is lost where a command cannot be read. What is inside of a command keeps the form that it has in the core.

use std::fmt::Write;
use std::iter;

use delian_core::raft::{Configuration, Entry, HardState, Payload, Snapshot};
use delian_core::topology::Command;
use delian_core::{LogIndex, NodeId, Position, SessionRequest};
use serde_json::{Value, json};

use super::survey::Survey;

impl Survey {
    /// Returns each record as a document: the owner, the hard state, the snapshot if there is one, and the entries.
    pub fn documents(&self) -> impl Iterator<Item = Value> {
        let owner = json!({
            "record": "owner", "id": self.owner.id.to_string(), "cluster": self.owner.cluster, "format": self.format,
        });
        let recovered = &self.recovered;
        let snapshot = recovered.snapshot.iter().map(|snapshot| {
            let mut document = snapshot_document(snapshot);
            document["record"] = json!("snapshot");
            document["dropped"] = position_document(recovered.dropped);
            document["state"] = json!(hexadecimal(&snapshot.state));
            document
        });
        let indexes = iter::successors(Some(recovered.dropped.index.next()), |index| Some(index.next()));
        let entries = indexes.zip(&recovered.entries).map(|(index, entry)| entry_document(index, entry));
        let mut hard_state = hard_state_document(&recovered.hard_state);
        hard_state["record"] = json!("hard_state");
        [owner, hard_state].into_iter().chain(snapshot).chain(entries)
    }

    /// Returns what `delian store inspect` and `verify` say, but for how it is called.
    pub fn document(&self) -> Value {
        let Self { recovered, .. } = self;
        let last = recovered.dropped.index.advanced_by(recovered.entries.len());
        let snapshot = recovered.snapshot.as_ref().map(|snapshot| {
            let mut document = snapshot_document(snapshot);
            document["bytes"] = json!(self.snapshot_bytes);
            document["chunks"] = json!(self.snapshot_chunks);
            document
        });
        json!({
            "place": self.place.display().to_string(),
            "owner": { "id": self.owner.id.to_string(), "cluster": self.owner.cluster },
            "format": self.format,
            "hard_state": hard_state_document(&recovered.hard_state),
            "snapshot": snapshot,
            "log": {
                "dropped": position_document(recovered.dropped),
                "last": last.get(),
                "last_term": recovered.entries.last().map_or(recovered.dropped.term, |entry| entry.term).get(),
                "entries": recovered.entries.len(),
                "bytes": self.entry_bytes,
            },
            "file_bytes": self.file_bytes,
            "closed": self.repair == super::Repair::Nothing,
        })
    }
}

fn hard_state_document(hard_state: &HardState) -> Value {
    let HardState { term, voted_for, boot, incarnation } = hard_state;
    json!({
        "term": term.get(),
        "voted_for": voted_for.map(|node| node.to_string()),
        "boot": boot.get(),
        "incarnation": incarnation.map(|incarnation| incarnation.to_string()),
    })
}

fn snapshot_document(snapshot: &Snapshot) -> Value {
    json!({
        "position": position_document(snapshot.last),
        "level": snapshot.level.get(),
        "configuration": configuration_document(&snapshot.configuration),
        "state_bytes": snapshot.state.len(),
    })
}

fn entry_document(index: LogIndex, entry: &Entry) -> Value {
    let mut document = json!({ "record": "entry", "index": index.get(), "term": entry.term.get() });
    let fields = match &entry.payload {
        Payload::Noop => vec![("kind", json!("noop"))],
        Payload::Command(bytes) => {
            vec![("kind", json!("command")), ("command", command_document(bytes)), ("bytes", json!(hexadecimal(bytes)))]
        }
        Payload::Configuration(configuration) => {
            vec![("kind", json!("configuration")), ("configuration", configuration_document(configuration))]
        }
        Payload::Session(bytes) => {
            vec![("kind", json!("session")), ("request", session_document(bytes)), ("bytes", json!(hexadecimal(bytes)))]
        }
        Payload::Level(level) => vec![("kind", json!("level")), ("level", json!(level.get()))],
    };
    for (name, value) in fields {
        document[name] = value;
    }
    document
}

/// Returns a command as far as it can be read; null if it cannot.
fn command_document(bytes: &[u8]) -> Value {
    match Command::decode(bytes) {
        // The embedder's bytes mean something to the embedder alone.
        Ok(Command::Custom(custom)) => json!({ "Custom": hexadecimal(&custom) }),
        Ok(command) => serde_json::to_value(command).unwrap_or(Value::Null),
        Err(_) => Value::Null,
    }
}

fn session_document(bytes: &[u8]) -> Value {
    match SessionRequest::decode(bytes) {
        Ok(SessionRequest::Open) => json!("open"),
        Ok(SessionRequest::Close(session)) => json!({ "close": session.get() }),
        Ok(SessionRequest::Do { operation, command }) => json!({
            "session": operation.session.get(),
            "sequence": operation.sequence.get(),
            "awaited_from": operation.awaited_from.get(),
            "command": command_document(&command),
        }),
        Err(_) => Value::Null,
    }
}

fn configuration_document(configuration: &Configuration) -> Value {
    let Configuration { voters, outgoing, learners, learners_next, incarnations } = configuration;
    let names =
        |nodes: &std::collections::BTreeSet<NodeId>| -> Vec<String> { nodes.iter().map(NodeId::to_string).collect() };
    let incarnations: serde_json::Map<String, Value> =
        incarnations.iter().map(|(node, incarnation)| (node.to_string(), json!(incarnation.to_string()))).collect();
    json!({
        "voters": names(voters),
        "outgoing": names(outgoing),
        "learners": names(learners),
        "learners_next": names(learners_next),
        "incarnations": incarnations,
    })
}

fn position_document(position: Position) -> Value {
    json!({ "term": position.term.get(), "index": position.index.get() })
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(digits, "{byte:02x}").expect("a text takes all digits");
    }
    digits
}
