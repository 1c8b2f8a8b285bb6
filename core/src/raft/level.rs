//! Feature levels: how a federation of several releases comes to speak a newer form (a rolling upgrade).
//!
//! Every answer to a heartbeat tells the highest level that a member speaks. When all members, voters of both sets and
//! learners, speak a level above the one in force, the leader puts it into the log, and it is in force on each node once
//! applied. A newer form is sent only at a level that is in force, to a peer that speaks it.
//!
//! A node that learns of a level in force above its own maximum halts, for it could neither read what it is sent nor write
//! what others read. So does a member that is added later and speaks less: as a learner, without harm, since it is not
//! promoted. A level is never lowered.

use super::change::QuorumRefusal;
use super::message::Payload;
use super::progress::Progress;
use super::{Raft, Role};
use crate::ids::{FeatureLevel, LogIndex, NodeId, Position};
use crate::io::{Event, Halt, Outbox};

impl Raft {
    /// Returns the feature level in force.
    pub const fn feature_level(&self) -> FeatureLevel {
        self.level
    }

    /// Takes in a level that an applied entry or an installed snapshot says is in force.
    pub(crate) fn raise_level(&mut self, position: Position, level: FeatureLevel, out: &mut Outbox) {
        if level <= self.level {
            return;
        }
        if self.halt_if_unknown(level, out) {
            return;
        }
        self.level = level;
        out.emit(Event::LevelRaised { position, level });
    }

    /// Stops a node that does not speak the level in force. Returns whether it did.
    pub(super) fn halt_if_unknown(&mut self, level: FeatureLevel, out: &mut Outbox) -> bool {
        let max = self.settings.raft.feature_level_max;
        let unknown = level > max;
        if unknown {
            self.halt(Halt::LevelUnknown { level, max }, out);
        }
        unknown
    }

    /// Proposes the highest level that all members speak, if it is above the one in force.
    pub(super) fn propose_level(&mut self, out: &mut Outbox) {
        let Role::Leader(leadership) = &self.role else { return };
        if leadership.transfer.is_some() {
            // What the target would have to catch up with must not grow.
            return;
        }
        let spoken = leadership.progress().iter().map(|(_, progress)| progress.level.unwrap_or(FeatureLevel::ZERO));
        let spoken = spoken.fold(self.settings.raft.feature_level_max, FeatureLevel::min);
        let own_term_applied = self.log.term_at(self.applied) == Some(self.term());
        if spoken > self.level && own_term_applied && !self.level_is_pending() {
            self.append_own(Payload::Level(spoken), out);
        }
    }

    /// Whether the log holds a level that is not applied yet.
    fn level_is_pending(&self) -> bool {
        let places = self.applied.next().get()..=self.log.last().index.get();
        let mut entries = places.filter_map(|place| self.log.entry(LogIndex::new(place)));
        entries.any(|entry| matches!(entry.payload, Payload::Level(_)))
    }

    /// Returns why a node must not get a voice: it is known to speak less than the level in force.
    pub(super) fn level_lacking_at(&self, node: NodeId) -> Option<QuorumRefusal> {
        let Role::Leader(leadership) = &self.role else { return None };
        let spoken = leadership.progress().get(node).and_then(|progress| progress.level)?;
        let needed = self.level;
        (spoken < needed).then_some(QuorumRefusal::LevelTooLow { node, level: spoken, needed })
    }

    /// Returns the level in force at an applied index that the log still holds or its snapshot covers.
    pub(super) fn level_at(&self, index: LogIndex) -> FeatureLevel {
        let first = self.log.snapshot().map_or(FeatureLevel::FIRST, |snapshot| snapshot.level);
        let places = self.log.covered().index.next().get()..=index.get();
        let entries = places.filter_map(|place| self.log.entry(LogIndex::new(place)));
        let raised = entries.filter_map(|entry| match &entry.payload {
            Payload::Level(level) => Some(*level),
            Payload::Noop | Payload::Command(_) | Payload::Session(_) | Payload::Configuration(_) => None,
        });
        raised.fold(first, FeatureLevel::max)
    }
}

impl Progress {
    /// Returns whether the peer reads chunks, or nothing if it has not said so in this term.
    pub(super) fn reads_chunks(&self) -> Option<bool> {
        self.level.map(|level| level >= FeatureLevel::CHUNKS)
    }
}
