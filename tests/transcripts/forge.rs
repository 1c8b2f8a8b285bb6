//! Messages that no correct peer would send, or not there and then.

use delian_core::ids::{ReplicationSession, Round};
use delian_core::raft::{Append, Appended, Body, Candidacy, Configuration, Entries, Entry, Message, Payload};
use delian_core::raft::{Snapshot, SnapshotIdentity};
use delian_core::{Blob, FeatureLevel, Input, LogIndex, Term};

use crate::words::{self, Line};
use crate::world::World;

/// Changes one byte of what a message carries of a snapshot, as no network does that keeps checksums.
pub(crate) fn damage(message: &mut delian_core::Message) {
    if let delian_core::Message::Raft(Message { body: Body::Chunk { bytes, .. }, .. }) = message {
        let mut damaged = bytes.to_vec();
        if let Some(last) = damaged.last_mut() {
            *last ^= 1;
        }
        *bytes = Blob::from(damaged);
    }
}

/// Hands a made-up message to a node, such as `forge append from=n2 to=n1 term=3 prev=t1/i2 entries=3,3 commit=2`.
pub(crate) fn forge(world: &mut World, mut line: Line) -> Result<(), String> {
    let from = words::node(&line.option("from").ok_or("from= is missing")?)?;
    let to = words::node(&line.option("to").ok_or("to= is missing")?)?;
    let term = Term::new(line.number("term", 0)?);
    let commit = LogIndex::new(line.number("commit", 0)?);
    let last = line.option("last").map_or(Ok(delian_core::Position::ZERO), |text| words::position(&text))?;
    let session = ReplicationSession::new(line.number("session", 0)?);
    let body = match line.word(1)? {
        "heartbeat" => Body::Heartbeat { commit, round: Round::new(line.number("round", 0)?) },
        "vote" => Body::Vote { last, candidacy: Candidacy::Silence },
        "heartbeat-answer" => {
            let round = Round::new(line.number("round", 0)?);
            Body::HeartbeatAnswer { round, level: FeatureLevel::FIRST }
        }
        "timeout-now" => Body::TimeoutNow { reaches: LogIndex::new(line.number("reaches", 0)?) },
        "pre-vote" => Body::PreVote { last },
        "outdated" => Body::Outdated,
        "matched" => {
            Body::AppendAnswer { session, appended: Appended::Matched(LogIndex::new(line.number("index", 0)?)) }
        }
        "conflict" => {
            let refused = LogIndex::new(line.number("refused", 0)?);
            Body::AppendAnswer { session, appended: Appended::Conflict { refused, hint: last } }
        }
        "append" => {
            let prev = line.option("prev").map_or(Ok(delian_core::Position::ZERO), |text| words::position(&text))?;
            let terms = words::terms(&line.option("entries").unwrap_or_default())?;
            let entries: Vec<_> = terms.into_iter().map(|term| Entry { term, payload: Payload::Noop }).collect();
            Body::Append(Append { session, prev, entries: Entries::from(entries), commit })
        }
        "snapshot" => {
            // The state of a real snapshot in the cluster, if the story made one, under a last position of its own.
            let states = world.machines.values().filter_map(|machine| machine.node.as_ref()?.raft().log().snapshot());
            let state = states.map(|snapshot| snapshot.state.clone()).next().unwrap_or_else(Blob::default);
            let (configuration, level) = (Configuration::default(), FeatureLevel::new(line.number("level", 1)?));
            Body::Snapshot { session, snapshot: std::sync::Arc::new(Snapshot { last, configuration, level, state }) }
        }
        "chunk" => {
            let identity = SnapshotIdentity { last, bytes: line.number("size", 0)?, checksum: 0 };
            let bytes = vec![7; line.number("bytes", 1)? as usize];
            Body::Chunk { session, identity, offset: line.number("offset", 0)?, bytes: Blob::from(bytes) }
        }
        other => return Err(format!("nobody forges {other}")),
    };
    line.finish()?;
    world.step(to, Input::Receive(from, delian_core::Message::Raft(Message { term, to: None, body })))
}
