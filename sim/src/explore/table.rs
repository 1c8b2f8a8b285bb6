//! What a search keeps under a hash: a fixed number of slots, and one of them for each key. What comes later takes the place
//! of what was there.

use std::sync::Arc;

/// A table with one slot for each key.
#[derive(Debug)]
pub(in crate::explore) struct Table<T> {
    slots: Vec<Option<(u128, T)>>,
    /// How many slots hold something.
    filled: u64,
}

impl<T> Table<Arc<T>> {
    /// Returns the value that is there under this key, or else this one, and keeps it.
    pub(in crate::explore) fn share(&mut self, key: u128, value: Arc<T>) -> Arc<T> {
        if let Some(known) = self.get(key) {
            return Arc::clone(known);
        }
        self.keep(key, Arc::clone(&value));
        value
    }
}

impl<T> Table<T> {
    pub(in crate::explore) const fn none() -> Self {
        Self { slots: Vec::new(), filled: 0 }
    }

    /// Returns whether it ever keeps anything.
    pub(in crate::explore) const fn keeps(&self) -> bool {
        !self.slots.is_empty()
    }

    pub(in crate::explore) fn with_bits(bits: u32) -> Self {
        Self { slots: (0..1_usize << bits).map(|_| None).collect(), filled: 0 }
    }

    pub(in crate::explore) fn get(&self, key: u128) -> Option<&T> {
        let (known, value) = self.slots.get(self.slot(key))?.as_ref()?;
        (*known == key).then_some(value)
    }

    pub(in crate::explore) fn keep(&mut self, key: u128, value: T) {
        let slot = self.slot(key);
        if let Some(slot) = self.slots.get_mut(slot) {
            self.filled += u64::from(slot.is_none());
            *slot = Some((key, value));
        }
    }

    /// Returns how many bytes it takes, with this weight of what a value owns.
    pub(in crate::explore) const fn bytes(&self, owned: u64) -> u64 {
        (self.slots.len() * size_of::<Option<(u128, T)>>()) as u64 + self.filled * owned
    }

    /// The number of slots is a power of two, or zero, which has none.
    fn slot(&self, key: u128) -> usize {
        key as usize & self.slots.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_table_gives_what_was_kept_last_under_a_key_or_nothing(keys in prop::collection::vec(0_u128..64, 0..200)) {
            let mut table = Table::with_bits(4);
            let mut naive = BTreeMap::new();
            for (value, key) in keys.into_iter().enumerate() {
                // Spread over more than the bits that choose the slot.
                let key = key << 2;
                table.keep(key, value);
                naive.insert(key, value);
                prop_assert_eq!(table.get(key), Some(&value));
                prop_assert!(naive.iter().all(|(key, value)| table.get(*key).is_none_or(|kept| kept == value)));
                prop_assert_eq!(table.slots.len(), 16);
            }
        }
    }

    #[test]
    fn equal_values_are_shared_while_the_first_of_them_is_kept() {
        let mut table = Table::with_bits(1);
        let first = table.share(6, Arc::new("one"));
        assert!(Arc::ptr_eq(&first, &table.share(6, Arc::new("one"))));
        table.keep(4, Arc::new("another"));
        assert!(!Arc::ptr_eq(&first, &table.share(6, Arc::new("one"))));
    }
}
