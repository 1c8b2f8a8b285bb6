//! Instants by slot, the earliest first.

use alloc::collections::{BTreeMap, BTreeSet};

use super::directory::Slot;
use crate::time::Time;

/// At most one instant for each slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Deadlines {
    by_slot: BTreeMap<Slot, Time>,
    due: BTreeSet<(Time, Slot)>,
}

impl Deadlines {
    /// Sets the instant of a slot, in place of an earlier one.
    pub(super) fn set(&mut self, slot: Slot, at: Time) {
        self.clear(slot);
        self.by_slot.insert(slot, at);
        self.due.insert((at, slot));
    }

    /// Takes the instant of a slot away.
    pub(super) fn clear(&mut self, slot: Slot) {
        if let Some(at) = self.by_slot.remove(&slot) {
            self.due.remove(&(at, slot));
        }
    }

    /// Takes out a slot whose instant has come.
    pub(super) fn take_due(&mut self, now: Time) -> Option<Slot> {
        let (_, slot) = *self.due.first().filter(|(at, _)| *at <= now)?;
        self.clear(slot);
        Some(slot)
    }

    /// Takes out the slot with the earliest instant, come or not.
    pub(super) fn take_first(&mut self) -> Option<Slot> {
        let (_, slot) = *self.due.first()?;
        self.clear(slot);
        Some(slot)
    }

    /// Returns the instant of a slot.
    pub(super) fn at(&self, slot: Slot) -> Option<Time> {
        self.by_slot.get(&slot).copied()
    }

    /// Returns the earliest instant.
    pub(super) fn next_at(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Replaces every instant.
    pub(super) fn map_instants(&mut self, mut map: impl FnMut(Slot, Time) -> Time) {
        self.by_slot.iter_mut().for_each(|(slot, at)| *at = map(*slot, *at));
        self.due = self.by_slot.iter().map(|(slot, at)| (*at, *slot)).collect();
    }

    /// Returns how many slots have an instant.
    pub(super) fn len(&self) -> usize {
        self.by_slot.len()
    }
}
