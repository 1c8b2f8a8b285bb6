//! Follows what a process says that happens.

use std::io::BufReader;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use delian_shell::shapes::EventDocument;
use delian_sim::worlds::{Change, Happened, Heard, Named, What};
use serde_json::Value;

use super::relay::Place;
use super::scale::Clock;
use crate::client::{Frames, pause};

/// Subjects are registered under identities from here on, so that none is that of a process.
pub(super) const SUBJECTS: u64 = 1000;

/// The pause before a stream that ended is opened again.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Follows one run of a process until it is dropped.
#[derive(Debug)]
pub(super) struct Watcher(Arc<AtomicBool>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Watcher {
    /// Begins with the first event of the run.
    pub(super) fn start(place: Place, process: u16, clock: Clock, sender: Sender<Heard>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        thread::spawn(move || {
            let mut after = "0".to_string();
            while !ends.load(Ordering::Relaxed) {
                // A process that is gone ends the stream; one that is busy ends it, too, and is asked again.
                if follow(place, process, clock, &sender, &mut after, &ends).is_none() {
                    return;
                }
                pause(AGAIN_AFTER);
            }
        });
        Self(is_over)
    }
}

/// Follows a stream until it ends. Returns nothing if nobody listens any more.
fn follow(
    place: Place,
    process: u16,
    clock: Clock,
    sender: &Sender<Heard>,
    after: &mut String,
    ends: &AtomicBool,
) -> Option<()> {
    let agent = ureq::Agent::config_builder().proxy(None).build().new_agent();
    let url = format!("http://{}/v1/watch?after={after}", place.api(process));
    let Ok(stream) = agent.get(url).call() else { return Some(()) };
    for frame in Frames::new(BufReader::new(stream.into_body().into_reader())) {
        let Ok(frame) = frame else { return Some(()) };
        if ends.load(Ordering::Relaxed) {
            return None;
        }
        if let Some(id) = frame.id {
            *after = id;
        }
        let Ok(event) = serde_json::from_str::<EventDocument>(&frame.data) else { continue };
        if let Some(happened) = happened(process, &event) {
            sender.send(Heard { at: clock.now(), what: What::Happened(process, happened) }).ok()?;
        }
    }
    Some(())
}

/// Returns what an event says; nothing for those that no fact is about.
fn happened(process: u16, event: &EventDocument) -> Option<Happened> {
    let number = |field: &str| event.fields.get(field).and_then(Value::as_u64);
    let about = || event.node.as_deref().and_then(identity);
    let leads = |leader: u16| Some(Happened::Leads { term: number("term")?, leader });
    let changed = |change: Change| Some(Happened::Changed(number("epoch")?, change));
    match event.kind.as_str() {
        "became_leader" => leads(process),
        "leader_changed" | "follows_leader" => leads(u16::try_from(about()?).ok()?),
        "stepped_down" => Some(Happened::SteppedDown(number("term")?)),
        "committed" => Some(Happened::Committed(number("last")?)),
        "registered" | "updated" => changed(Change::Registered),
        "deregistered" | "evicted" => changed(Change::Removed { drained: false }),
        "drained" => changed(Change::Removed { drained: true }),
        "condition_set" => {
            let condition = event.fields.get("condition").and_then(Value::as_str)?;
            changed(Change::Condition(named(about()?)?, condition.to_string()))
        }
        "changed" | "drain_moved" => changed(Change::Other),
        kind => counted(kind).map(Happened::Counted),
    }
}

fn counted(kind: &str) -> Option<&'static str> {
    let facts = [
        ("truncated", "truncations"),
        ("compacted", "compactions"),
        ("snapshot_sent", "snapshots_sent"),
        ("snapshot_installed", "snapshots_installed"),
        ("transfer_aborted", "transfers_aborted"),
        ("node_failed", "failures"),
    ];
    facts.into_iter().find(|(name, _)| *name == kind).map(|(_, fact)| fact)
}

/// Returns the number in an identity such as `n7`.
pub(super) fn identity(text: &str) -> Option<u64> {
    text.strip_prefix('n')?.parse().ok()
}

/// Returns who has an identity.
pub(super) fn named(identity: u64) -> Option<Named> {
    match identity.checked_sub(SUBJECTS) {
        Some(subject) => u16::try_from(subject).ok().map(Named::Subject),
        None => u16::try_from(identity).ok().map(Named::Process),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, node: Option<&str>, fields: &Value) -> EventDocument {
        let document = serde_json::json!({
            "sequence": 1, "epoch": 1, "at_ms": 1, "kind": kind, "severity": "info", "text": "it happened",
            "node": node, "fields": fields,
        });
        serde_json::from_value(document).expect("it is an event")
    }

    #[test]
    fn events_of_nodes_become_what_a_campaign_hears() {
        let said = |kind, node, fields| happened(2, &event(kind, node, &fields));
        let term = || serde_json::json!({ "term": 7 });
        assert_eq!(said("became_leader", None, term()), Some(Happened::Leads { term: 7, leader: 2 }));
        assert_eq!(said("leader_changed", Some("n3"), term()), Some(Happened::Leads { term: 7, leader: 3 }));
        let condition = serde_json::json!({ "epoch": 9, "index": 12, "condition": "leaving" });
        let leaving = |who| Happened::Changed(9, Change::Condition(who, "leaving".to_string()));
        assert_eq!(said("condition_set", Some("n1011"), condition.clone()), Some(leaving(Named::Subject(11))));
        assert_eq!(said("condition_set", Some("n3"), condition), Some(leaving(Named::Process(3))));
        assert_eq!(said("truncated", None, term()), Some(Happened::Counted("truncations")));
        assert_eq!(said("ring_changed", None, term()), None);
    }
}
