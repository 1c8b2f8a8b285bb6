//! The one history: every entry ever written, and which of them are committed.
//!
//! The ledger is built from writes and commit events alone. Each written entry remembers the term of the one before it,
//! so from any position the whole log below it follows; log matching is what makes that chain unique, and is checked
//! on the way in. The same chain tells which configuration is in force at a position: the last one at or before it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use delian_core::projection::Names;
use delian_core::raft::{Configuration, Payload, Record};
use delian_core::{LogIndex, NodeId, Position, Term, Time};

use super::log_matching::LogMatching;
use super::state_machine::StateMachineSafety;
use super::{Breach, Invariant, View};

/// Every entry ever written, and the committed ones in order.
#[derive(Clone, Debug, Default, Hash)]
pub struct Ledger {
    /// Who decides before any entry says so.
    founding: Arc<Configuration>,
    written: BTreeMap<Position, Written>,
    /// The entries among them that carry a configuration.
    configurations: BTreeSet<Position>,
    committed: Vec<Term>,
}

#[derive(Clone, Debug, Hash)]
struct Written {
    previous: Term,
    payload: Payload,
    /// The entry that brought the configuration in force here; zero for the founding one.
    configured: Position,
    by: NodeId,
    at: Time,
}

impl Ledger {
    /// Begins the history of a cluster that is founded with these members.
    pub(super) fn new(founding: Configuration) -> Self {
        Self { founding: Arc::new(founding), ..Self::default() }
    }

    /// Returns the last committed position.
    pub fn tip(&self) -> Position {
        self.position(LogIndex::new(self.committed.len() as u64)).unwrap_or(Position::ZERO)
    }

    /// Returns the committed position at an index, if it is committed.
    pub fn position(&self, index: LogIndex) -> Option<Position> {
        let place = usize::try_from(index.get().checked_sub(1)?).ok()?;
        self.committed.get(place).map(|term| Position::new(*term, index))
    }

    /// Returns what a written entry carries.
    pub fn payload(&self, position: Position) -> Option<&Payload> {
        self.written.get(&position).map(|written| &written.payload)
    }

    /// Returns whether an entry is committed; the founding always is.
    pub fn is_committed(&self, position: Position) -> bool {
        position == Position::ZERO || self.position(position.index) == Some(position)
    }

    /// Returns the configuration in force at a position, and the entry that brought it; zero for the founding.
    pub fn configuration(&self, position: Position) -> (Position, &Configuration) {
        let at = self.written.get(&position).map_or(Position::ZERO, |written| written.configured);
        match self.payload(at) {
            Some(Payload::Configuration(configuration)) => (at, configuration),
            Some(Payload::Noop | Payload::Command(_) | Payload::Session(_) | Payload::Level(_)) | None => {
                (Position::ZERO, &self.founding)
            }
        }
    }

    /// Returns the committed configuration: the one in force at the last committed position.
    pub fn committed_configuration(&self) -> (Position, &Configuration) {
        self.configuration(self.tip())
    }

    /// Returns the committed configuration, and every one behind the committed log that may still come to be.
    pub fn configurations_in_play(&self) -> impl Iterator<Item = &Configuration> + '_ {
        let tip = self.tip();
        let beyond = self.configurations.iter().filter(move |position| position.index > tip.index);
        beyond.map(|position| self.configuration(*position).1).chain([self.committed_configuration().1])
    }

    /// Returns the configuration in force in a node's log as far as that has been written: by now the node may have
    /// appended more in the same step.
    pub(super) fn in_force(&self, id: NodeId, view: &impl View) -> (Position, &Configuration) {
        let Some(log) = view.node(id).map(|node| node.raft().log()) else { return (Position::ZERO, &self.founding) };
        let mut index = log.last().index;
        while let Some(position) = log.term_at(index).map(|term| Position::new(term, index)) {
            if self.written.contains_key(&position) {
                return self.configuration(position);
            }
            if index == LogIndex::ZERO {
                break;
            }
            index = index.previous();
        }
        (Position::ZERO, &self.founding)
    }

    /// Returns the position before a written one.
    pub(super) fn before(&self, position: Position) -> Position {
        let index = position.index.previous();
        self.written.get(&position).map_or(Position::ZERO, |written| Position::new(written.previous, index))
    }

    /// Returns the committed entries in order.
    pub fn committed(&self) -> impl Iterator<Item = (Position, &Payload)> + '_ {
        self.committed_after(LogIndex::ZERO)
    }

    /// Returns the committed entries after an index, in order.
    pub(super) fn committed_after(&self, index: LogIndex) -> impl Iterator<Item = (Position, &Payload)> + '_ {
        let skipped = index.get() as usize;
        self.committed.iter().enumerate().skip(skipped).filter_map(|(place, term)| {
            let position = Position::new(*term, LogIndex::new(place as u64 + 1));
            self.payload(position).map(|payload| (position, payload))
        })
    }

    /// Notes the entries of a write, made at `now` by node `id`, and checks that equal positions hold equal entries.
    pub(super) fn on_write(
        self: &mut Arc<Self>,
        now: Time,
        id: NodeId,
        record: &Record,
        view: &impl View,
    ) -> Result<(), Breach> {
        let Record::Append { after, entries } = record else { return Ok(()) };
        // Unknown only where a follower forgot it in the same step, and then the leader has written the entry before.
        let mut previous = view.node(id).and_then(|node| node.raft().log().term_at(*after));
        for (offset, entry) in entries.iter().enumerate() {
            let position = Position::new(entry.term, after.advanced_by(offset).next());
            if let Some(known) = self.written.get(&position) {
                if known.payload != entry.payload || previous.is_some_and(|previous| previous != known.previous) {
                    return Err(LogMatching::breach(vec![
                        format!("{} wrote {position} first", known.by),
                        format!("{id} wrote another entry, or one after another term, at {position}"),
                    ]));
                }
            } else {
                let previous = previous.unwrap_or_default();
                let payload = entry.payload.clone();
                let ledger = Arc::make_mut(self);
                let configured = match payload {
                    Payload::Configuration(_) => {
                        ledger.configurations.insert(position);
                        position
                    }
                    Payload::Noop | Payload::Command(_) | Payload::Session(_) | Payload::Level(_) => {
                        ledger.configuration(Position::new(previous, position.index.previous())).0
                    }
                };
                ledger.written.insert(position, Written { previous, payload, configured, by: id, at: now });
            }
            previous = Some(entry.term);
        }
        Ok(())
    }

    /// Extends the committed history up to `last`. Returns when `last` was first written.
    pub(super) fn on_commit(self: &mut Arc<Self>, id: NodeId, last: Position) -> Result<Option<Time>, Breach> {
        let created = self.written.get(&last).map(|written| written.at);
        let mut newly = Vec::new();
        let mut position = last;
        while position.index.get() > self.committed.len() as u64 {
            let Some(written) = self.written.get(&position) else {
                return Err(StateMachineSafety::breach(vec![
                    format!("{id} committed up to {last}"),
                    format!("nobody ever wrote {position}"),
                ]));
            };
            newly.push(position.term);
            position = Position::new(written.previous, position.index.previous());
        }
        if position.index > LogIndex::ZERO && self.position(position.index) != Some(position) {
            let committed = self.position(position.index).unwrap_or_default();
            return Err(StateMachineSafety::breach(vec![
                format!("{committed} was committed first"),
                format!("{id} committed {last}, whose log holds {position} there"),
            ]));
        }
        if !newly.is_empty() {
            newly.reverse();
            Arc::make_mut(self).committed.append(&mut newly);
        }
        Ok(created)
    }

    /// What is committed binds all that comes; what was written and lost again is a record.
    /// Renames the nodes; see [`delian_core::Node::map_ids`].
    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        Arc::make_mut(&mut self.founding).map_ids(names);
        for written in self.written.values_mut() {
            written.by = names(written.by);
            written.payload.map_ids(names);
        }
    }

    pub(super) fn hash_history(&self, hasher: &mut impl Hasher) {
        self.committed().for_each(|entry| entry.hash(hasher));
    }
}
