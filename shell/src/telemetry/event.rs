//! Events as documents: each has a kind, a severity, a sentence, the node it is about, and its parts by name.
//!
//! Kinds are what scripts and alerts hold on to, so they never change: [`KINDS`] lists all. A sentence may change with any
//! release. An event of a newer core that is not known here is `other`, in its debug form.

use delian_core::health::Doubt;
use delian_core::io::{SessionEnd, StepDown};
use delian_core::topology::Changed;
use delian_core::{Event, Halt};

use super::pool;
use super::told::Told;
use crate::journal::Entry;
use crate::shapes::{EventDocument, Severity};

/// Every kind, in order.
pub const KINDS: [&str; 69] = [
    "autopilot_proposed",
    "became_leader",
    "changed",
    "committed",
    "compacted",
    "condition_set",
    "deregistered",
    "drain_moved",
    "drained",
    "election_started",
    "evicted",
    "follows_leader",
    "halted",
    "heartbeat_rejected",
    "leader_changed",
    "leader_forgotten",
    "leader_kept",
    "level_raised",
    "memory_lost",
    "node_failed",
    "node_recovered",
    "other",
    "peer_contradicted",
    "pool_broadcast_dropped",
    "pool_broadcast_too_large",
    "pool_departed",
    "pool_died",
    "pool_foreign",
    "pool_full",
    "pool_health_changed",
    "pool_implausible",
    "pool_isolated",
    "pool_joined",
    "pool_left",
    "pool_metadata_too_large",
    "pool_name_conflict",
    "pool_other",
    "pool_recovered",
    "pool_refuted",
    "pool_reunited",
    "pool_suspected",
    "pool_updated",
    "pool_yielded",
    "pre_vote_started",
    "quorum_changed",
    "refused",
    "registered",
    "repeated",
    "ring_changed",
    "ring_stays",
    "self_suspicion_began",
    "self_suspicion_ended",
    "self_suspicion_overcome",
    "session_ended",
    "session_opened",
    "session_refused",
    "snapshot_installed",
    "snapshot_refused",
    "snapshot_sent",
    "started",
    "stepped_down",
    "told_to_stand",
    "topology_followed",
    "topology_refused",
    "transfer_aborted",
    "transfer_began",
    "truncated",
    "turned_away",
    "updated",
];

/// Returns the document of an entry.
pub fn document(entry: &Entry) -> EventDocument {
    let Told { kind, severity, text, node, fields } = describe(&entry.event);
    EventDocument {
        sequence: entry.sequence,
        epoch: entry.epoch.get(),
        at_ms: entry.at.as_unix_millis(),
        kind: kind.to_string(),
        severity,
        text,
        node: node.map(|node| node.to_string()),
        fields,
    }
}

/// Returns the kind of an event and how much it matters.
pub fn kind(event: &Event) -> (&'static str, Severity) {
    let told = describe(event);
    (told.kind, told.severity)
}

/// Describes an event.
// Long on purpose: one arm per event, so that the compiler sees a kind that is missing.
#[expect(clippy::too_many_lines, reason = "one arm per event, so that the compiler sees a kind that is missing")]
pub(super) fn describe(event: &Event) -> Told {
    match event {
        Event::Started { boot, last } => {
            let told = Told::info("started", format!("the node started for the {}. time", boot.get()));
            told.with("boot", boot.get()).with("last", last.index.get()).with("last_term", last.term.get())
        }
        Event::PreVoteStarted { term } => {
            Told::info("pre_vote_started", format!("the node asks whether it could win {term}"))
                .with("term", term.get())
        }
        Event::ElectionStarted { term } => {
            Told::info("election_started", format!("the node stands for election in {term}")).with("term", term.get())
        }
        Event::BecameLeader { term } => {
            Told::info("became_leader", format!("the node leads {term}")).with("term", term.get())
        }
        Event::FollowsLeader { term, leader } => {
            let told = Told::info("follows_leader", format!("the node follows {leader} in {term}")).about(*leader);
            told.with("term", term.get())
        }
        Event::SteppedDown { term, reason } => {
            let why = match reason {
                StepDown::NewerTerm(newer) => format!("{newer} has begun"),
                StepDown::QuorumLost => "it heard of too few voters".to_string(),
                StepDown::Removed => "it has no voice any more".to_string(),
            };
            let told = Told::warning("stepped_down", format!("the node ceased to lead {term}: {why}"));
            told.with("term", term.get()).with("reason", why)
        }
        Event::LeaderChanged { term, leader } => {
            let told = Told::info("leader_changed", format!("{leader} leads {term}")).about(*leader);
            told.with("term", term.get())
        }
        Event::TransferBegan { term, target } => {
            let text = format!("the leader of {term} hands over to {target}");
            Told::info("transfer_began", text).about(*target).with("term", term.get())
        }
        Event::ToldToStand { term, target } => {
            let text = format!("{target} was told to stand for election after {term}");
            Told::info("told_to_stand", text).about(*target).with("term", term.get())
        }
        Event::TransferAborted { term, target } => {
            let text = format!("{target} did not take over from the leader of {term} in time");
            Told::warning("transfer_aborted", text).about(*target).with("term", term.get())
        }
        Event::LeaderForgotten { term, leader } => {
            let text = format!("the node forgot {leader}, the leader of {term}, as it was asked to");
            Told::info("leader_forgotten", text).about(*leader).with("term", term.get())
        }
        Event::LeaderKept { term, leader } => {
            let text = format!("the node keeps {leader}, the leader of {term}, which may hold a lease");
            Told::info("leader_kept", text).about(*leader).with("term", term.get())
        }
        Event::Committed { last } => {
            let told = Told::routine("committed", format!("entries up to {} are committed", last.index));
            told.with("last", last.index.get()).with("term", last.term.get())
        }
        Event::Truncated { after } => {
            let text = format!("entries after {after} were replaced by a newer leader's");
            Told::warning("truncated", text).with("after", after.get())
        }
        Event::QuorumChanged { position, configuration } => {
            let list = |nodes: &mut dyn Iterator<Item = delian_core::NodeId>| {
                nodes.map(|node| node.to_string()).collect::<Vec<_>>()
            };
            let voters = list(&mut configuration.voters.iter().copied());
            let told = Told::info("quorum_changed", format!("the voters are {}", voters.join(", ")));
            told.with("index", position.index.get())
                .with("voters", voters)
                .with("outgoing", list(&mut configuration.outgoing.iter().copied()))
                .with("learners", list(&mut configuration.learners.iter().copied()))
        }
        Event::MemoryLost { node, incarnation } => {
            let text = format!("{node} lost its disk: it counts for nothing until it is taken in again");
            Told::error("memory_lost", text).about(*node).text("incarnation", incarnation)
        }
        Event::AutopilotProposed { advice } => {
            let told = Told::info("autopilot_proposed", format!("the autopilot proposes: {}", advice.reason));
            told.text("reason", &advice.reason).with("change", format!("{:?}", advice.change))
        }
        Event::LevelRaised { position, level } => {
            let told = Told::info("level_raised", format!("feature level {level} is in force"));
            told.with("level", level.get()).with("index", position.index.get())
        }
        Event::Changed { position, epoch, what } => {
            changed(*what).with("index", position.index.get()).with("epoch", epoch.get())
        }
        Event::Refused { position, refusal } => {
            let told = Told::info("refused", format!("a command was refused: {refusal}"));
            told.with("index", position.index.get()).text("refusal", refusal)
        }
        Event::SessionOpened { position } => {
            let told = Told::routine("session_opened", format!("session {} was opened", position.index.get()));
            told.with("session", position.index.get())
        }
        Event::SessionEnded { session, why } => {
            let why = match why {
                SessionEnd::Closed => "its client closed it",
                SessionEnd::Silent => "its client was silent for too long",
                SessionEnd::Crowded => "there were too many",
            };
            let told = Told::routine("session_ended", format!("session {session} is over: {why}"));
            told.with("session", session.get()).with("why", why)
        }
        Event::Repeated { position, operation } => {
            let text = format!("{} of session {} had its outcome already", operation.sequence, operation.session);
            let told = Told::routine("repeated", text).with("session", operation.session.get());
            told.with("sequence", operation.sequence.get()).with("index", position.index.get())
        }
        Event::SessionRefused { position, rejected } => {
            let told = Told::info("session_refused", format!("a session's request was refused: {rejected}"));
            told.with("index", position.index.get()).text("rejected", rejected)
        }
        Event::TurnedAway { rejected } => {
            let told = Told::info("turned_away", format!("a command was turned away: {rejected}"));
            told.text("rejected", rejected)
        }
        Event::Compacted { last, bytes } => {
            let text = format!("a snapshot of {bytes} bytes took the place of the log up to {}", last.index);
            Told::info("compacted", text).with("last", last.index.get()).with("bytes", *bytes)
        }
        Event::SnapshotSent { to, last } => {
            let text = format!("a snapshot up to {} was sent to {to}, which is behind", last.index);
            Told::info("snapshot_sent", text).about(*to).with("last", last.index.get())
        }
        Event::SnapshotRefused { by, last } => {
            let text = format!("{by} refused the snapshot up to {}", last.index);
            Told::warning("snapshot_refused", text).about(*by).with("last", last.index.get())
        }
        Event::SnapshotInstalled { last, epoch } => {
            let told = Told::info("snapshot_installed", format!("a snapshot of {epoch} took the place of the state"));
            told.with("last", last.index.get()).with("epoch", epoch.get())
        }
        Event::TopologyFollowed(followed) => {
            let text = format!("the node follows the topology to {}, as {} told it", followed.to, followed.source);
            let told = Told::routine("topology_followed", text).about(followed.source);
            told.with("from", followed.from.get())
                .with("to", followed.to.get())
                .text("fingerprint", followed.fingerprint)
        }
        Event::TopologyRefused(refused) => {
            let text = format!("what {} told of {} was refused: {}", refused.peer, refused.epoch, refused.why);
            let told = Told::warning("topology_refused", text).about(refused.peer);
            let told = told.with("epoch", refused.epoch.get()).text("why", &refused.why);
            match refused.built_on {
                Some(other) => told.text("built_on", other),
                None => told,
            }
        }
        Event::Pool { tier, event } => pool::describe(*tier, event),
        Event::NodeFailed { node, epoch, condition } => {
            let told = Told::error("node_failed", format!("it was agreed that {node} is {condition}")).about(*node);
            told.with("registered_epoch", epoch.get()).text("condition", condition)
        }
        Event::NodeRecovered { node, epoch } => {
            let told = Told::info("node_recovered", format!("it was agreed that {node} is back")).about(*node);
            told.with("registered_epoch", epoch.get())
        }
        Event::HeartbeatRejected { from, why } => {
            let text = format!("a heartbeat of {from} changed nothing: {why:?}");
            Told::routine("heartbeat_rejected", text).about(*from).with("why", format!("{why:?}"))
        }
        Event::RingChanged { epoch, members } => {
            let told = Told::info("ring_changed", format!("the ring of {epoch} has {members} members"));
            told.with("epoch", epoch.get()).with("members", *members)
        }
        Event::RingStays { epoch, why } => {
            let told = Told::warning("ring_stays", format!("the ring of {epoch} stays: {why}"));
            told.with("epoch", epoch.get()).text("why", why)
        }
        Event::SelfSuspicion { doubt, watched, overdue } => {
            let of = format!("{overdue} of {watched} nodes are overdue");
            let told = match doubt {
                Doubt::Began => Told::warning(
                    "self_suspicion_began",
                    format!("{of}: the node lays that to its own account and withholds bad news"),
                ),
                Doubt::Ended => {
                    Told::info("self_suspicion_ended", format!("{of}: the node believes what it sees again"))
                }
                Doubt::Overcome => Told::warning(
                    "self_suspicion_overcome",
                    format!("{of}, and have been for long: the node believes what it sees"),
                ),
            };
            told.with("watched", *watched).with("overdue", *overdue)
        }
        Event::PeerContradicted { peer, claim } => {
            let text = format!("{peer} said what cannot be, which was ignored: {claim:?}");
            Told::warning("peer_contradicted", text).about(*peer).with("claim", format!("{claim:?}"))
        }
        Event::Halted(halt) => {
            let told = Told::error("halted", format!("the node stopped for good: {halt}")).text("why", halt);
            match halt {
                Halt::SecondLeader(peer, _) | Halt::CommittedEntryDenied(peer, _) => told.about(*peer),
                Halt::AcknowledgedEntryLost { leader, .. } => told.about(*leader),
                Halt::DiskFailed(_)
                | Halt::DiskContradicted(_)
                | Halt::RecoveryContradicted(_)
                | Halt::LevelUnknown { .. } => told,
            }
        }
        other => Told::info("other", format!("{other:?}")),
    }
}

fn changed(what: Changed) -> Told {
    match what {
        Changed::Registered(node) => Told::info("registered", format!("{node} is registered")).about(node),
        Changed::Updated(node) => Told::info("updated", format!("{node} is registered anew")).about(node),
        Changed::Deregistered(node) => Told::info("deregistered", format!("{node} was deregistered")).about(node),
        Changed::Evicted(node) => {
            Told::warning("evicted", format!("{node} was removed: nobody reached it")).about(node)
        }
        Changed::ConditionSet(node, condition) => {
            let told = Told::info("condition_set", format!("{node} is {condition}")).about(node);
            told.text("condition", condition)
        }
        Changed::Custom => Told::routine("changed", "a command of the embedder was ordered"),
        Changed::Moved(node, permille) => {
            let text = format!("{permille} ‰ of what {node} held is elsewhere");
            Told::info("drain_moved", text).about(node).with("moved_permille", permille)
        }
        Changed::Drained(node) => {
            Told::info("drained", format!("{node} handed everything over and was removed")).about(node)
        }
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
