//! Which configuration is in force where in the log.
//!
//! A configuration takes effect when its entry is appended (Ongaro 2014, section 4.1), committed or not, and goes out of
//! force when that entry is truncated, be it one change or several. Those that a snapshot covers are folded into the one
//! the log starts with.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::configuration::Configuration;
use super::log::Log;
use super::message::Payload;
use crate::ids::LogIndex;
use crate::projection::Names;

/// The configurations of the log in memory, in order; the last one is in force.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Configurations {
    /// What is in force before any of `logged`.
    first: Logged,
    logged: Vec<Logged>,
}

/// A configuration and the entry that brought it; index zero stands for the founding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Logged {
    index: LogIndex,
    configuration: Arc<Configuration>,
}

impl Configurations {
    /// Begins with what is in force at `index`, by a snapshot or by the founding.
    pub(super) fn new(index: LogIndex, configuration: Configuration) -> Self {
        Self { first: Logged { index, configuration: Arc::new(configuration) }, logged: Vec::new() }
    }

    /// Finds those of a log that the disk gave back; `first` is in force before any that it holds.
    pub(super) fn recover(log: &Log, first: Configuration) -> Self {
        let covered = log.covered().index;
        let mut configurations = match log.snapshot() {
            Some(snapshot) => Self::new(covered, snapshot.configuration.clone()),
            None => Self::new(LogIndex::ZERO, first),
        };
        for place in covered.next().get()..=log.last().index.get() {
            let index = LogIndex::new(place);
            if let Some(Payload::Configuration(found)) = log.entry(index).map(|entry| &entry.payload) {
                configurations.push(index, Arc::clone(found));
            }
        }
        configurations
    }

    /// Takes up the configuration of the entry at `index`.
    pub(super) fn push(&mut self, index: LogIndex, configuration: Arc<Configuration>) {
        let last = self.changed_at();
        assert!(index > last, "the configuration of {index} comes after that of {last}");
        self.logged.push(Logged { index, configuration });
    }

    /// Takes back what entries after `index` brought. Returns whether that changed the one in force.
    pub(super) fn truncate_after(&mut self, index: LogIndex) -> bool {
        let before = self.logged.len();
        self.logged.retain(|logged| logged.index <= index);
        self.logged.len() < before
    }

    /// Folds those that a snapshot of `index` covers into the first.
    pub(super) fn compact(&mut self, index: LogIndex) {
        let covered = self.logged.iter().take_while(|logged| logged.index <= index).count();
        if let Some(last) = self.logged.drain(..covered).next_back() {
            self.first = last;
        }
    }

    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        for logged in self.logged.iter_mut().chain([&mut self.first]) {
            Arc::make_mut(&mut logged.configuration).map_ids(names);
        }
    }

    /// Returns the one in force.
    pub(super) fn latest(&self) -> &Arc<Configuration> {
        &self.logged.last().unwrap_or(&self.first).configuration
    }

    /// Returns the one that was in force before the latest, if the log still tells.
    pub(super) fn previous(&self) -> Option<&Configuration> {
        let before = self.logged.len().checked_sub(1)?;
        Some(&self.logged[..before].last().unwrap_or(&self.first).configuration)
    }

    /// Returns the entry that brought the one in force; zero if no entry and no snapshot did.
    pub(super) fn changed_at(&self) -> LogIndex {
        self.logged.last().unwrap_or(&self.first).index
    }

    /// Returns the one in force at `index`.
    pub(super) fn at(&self, index: LogIndex) -> &Arc<Configuration> {
        let logged = self.logged.iter().rev().find(|logged| logged.index <= index);
        &logged.unwrap_or(&self.first).configuration
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;

    fn of(voters: u64) -> Arc<Configuration> {
        Arc::new(Configuration::founding((1..=voters).map(NodeId::new).collect(), [].into()))
    }

    fn three_in_a_row() -> Configurations {
        let mut configurations = Configurations::new(LogIndex::ZERO, Configuration::clone(&of(1)));
        configurations.push(LogIndex::new(4), of(2));
        configurations.push(LogIndex::new(7), of(3));
        configurations
    }

    #[test]
    fn the_last_appended_is_in_force() {
        assert_eq!(three_in_a_row().latest(), &of(3));
        assert_eq!(three_in_a_row().changed_at(), LogIndex::new(7));
        assert_eq!(three_in_a_row().at(LogIndex::new(6)), &of(2));
        assert_eq!(three_in_a_row().at(LogIndex::new(3)), &of(1));
    }

    #[test]
    fn a_truncation_over_two_changes_takes_both_back() {
        let mut configurations = three_in_a_row();
        assert!(!configurations.truncate_after(LogIndex::new(7)));
        assert!(configurations.truncate_after(LogIndex::new(2)));
        assert_eq!(configurations.latest(), &of(1));
        assert_eq!(configurations.changed_at(), LogIndex::ZERO);
    }

    #[test]
    fn a_snapshot_keeps_the_configuration_that_it_covers() {
        let mut configurations = three_in_a_row();
        configurations.compact(LogIndex::new(5));
        assert_eq!(configurations.at(LogIndex::new(5)), &of(2));
        configurations.truncate_after(LogIndex::new(5));
        assert_eq!(configurations.latest(), &of(2));
    }
}
