//! The set of fingerprints that were met, in 20 to 24 bytes each and a little slack.
//!
//! Open addressing with linear probing, ordered (Amble and Knuth, 1974): the home of a fingerprint rises with the
//! fingerprint, and each run of taken slots is sorted. A look-up of what is absent therefore ends as early as one of what
//! is present, growth is one pass from the front, and the set lists itself in order whatever the order of arrival was.
//!
//! The set is parted by the leading bits, and each part grows alone by a fifth, so a growth holds one part twice and
//! never the whole.

/// How many leading bits choose the part.
const PART_BITS: u32 = 6;
/// How many parts there are.
const PARTS: usize = 1 << PART_BITS;
/// How many homes a part begins with.
const FIRST_HOMES: usize = 16;
/// Slots behind the last home, for what is pushed past it. At the highest load the chance that a part needs more is
/// about 10⁻⁶, and it grows then.
const OVERHANG: usize = 32;
/// How many slots from its home on a key is looked for at once: as many as a line of memory holds, or two halves.
const NEAR: usize = 4;
/// No fingerprint.
const EMPTY: u128 = 0;
const SLOT_BYTES: u64 = size_of::<u128>() as u64;

/// A set of spread fingerprints.
#[derive(Clone, Debug)]
pub(super) struct Visited {
    parts: Vec<Part>,
    slots: u64,
}

impl Visited {
    pub(super) fn new() -> Self {
        Self::of((0..PARTS).map(|_| Part::of(&[])).collect())
    }

    fn of(parts: Vec<Part>) -> Self {
        let slots = parts.iter().map(|part| part.slots.len() as u64).sum();
        Self { parts, slots }
    }

    /// Returns the bytes of all slots.
    pub(super) fn bytes(&self) -> u64 {
        self.slots * SLOT_BYTES
    }

    pub(super) fn contains(&self, key: Key) -> bool {
        self.part(key).contains(key)
    }

    /// Loads the home of each key, one load independent of the other. A table is larger than any cache, and waiting for
    /// several lines of memory at once takes as long as waiting for one.
    pub(super) fn touch(&self, keys: impl Iterator<Item = Key>) {
        let met = keys.fold(0, |met, key| {
            let part = self.part(key);
            let home = part.home(key);
            met ^ part.slots[home] ^ part.slots[home + NEAR - 1]
        });
        std::hint::black_box(met);
    }

    /// Returns how many bytes a growth would take that inserting this key would cause.
    pub(super) fn growth(&self, key: Key) -> u64 {
        let part = self.part(key);
        if part.is_full() { (more(part.homes) + OVERHANG) as u64 * SLOT_BYTES } else { 0 }
    }

    /// Inserts a key. Returns whether it was absent.
    pub(super) fn insert(&mut self, key: Key) -> bool {
        let part = &mut self.parts[key.part()];
        let before = part.slots.len();
        let is_new = part.insert(key);
        self.slots += (part.slots.len() - before) as u64;
        is_new
    }

    /// Returns all keys in rising order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Key> {
        self.parts.iter().flat_map(Part::iter)
    }

    fn part(&self, key: Key) -> &Part {
        &self.parts[key.part()]
    }
}

/// A fingerprint whose bits were spread over all 128, so that even a packed state falls anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u128);

impl Key {
    /// Spreads a fingerprint. Each step can be undone, so no two fingerprints become one, but for the one that would be
    /// the empty slot.
    pub(super) const fn spread(fingerprint: u128) -> Self {
        // Odd factors; a product carries low bits up and the shift brings high bits down.
        const FIRST: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
        const SECOND: u128 = 0xD1B5_4A32_D192_ED03_ABC9_8388_FB8F_AC03;
        let mut bits = (fingerprint ^ SECOND).wrapping_mul(FIRST);
        bits ^= bits >> 67;
        bits = bits.wrapping_mul(SECOND);
        Self(if bits == EMPTY { 1 } else { bits })
    }

    /// Returns the key with these bits, unless they are those of an empty slot.
    pub(super) fn from_bits(bits: u128) -> Option<Self> {
        (bits != EMPTY).then_some(Self(bits))
    }

    pub(super) const fn bits(self) -> u128 {
        self.0
    }

    const fn part(self) -> usize {
        (self.0 >> (u128::BITS - PART_BITS)) as usize
    }
}

/// Builds a set from keys in rising order, part by part.
#[derive(Debug, Default)]
pub(super) struct Builder {
    parts: Vec<Part>,
    keys: Vec<u128>,
}

impl Builder {
    /// Appends a key. Returns whether it is above all before it; if not, it is left out.
    pub(super) fn push(&mut self, key: Key) -> bool {
        if key.part() < self.parts.len() {
            return false;
        }
        while self.parts.len() < key.part() {
            self.close();
        }
        let rises = self.keys.last().is_none_or(|last| *last < key.0);
        if rises {
            self.keys.push(key.0);
        }
        rises
    }

    pub(super) fn finish(mut self) -> Visited {
        while self.parts.len() < PARTS {
            self.close();
        }
        Visited::of(self.parts)
    }

    fn close(&mut self) {
        self.parts.push(Part::of(&self.keys));
        self.keys.clear();
    }
}

#[derive(Clone, Debug)]
struct Part {
    slots: Vec<u128>,
    homes: usize,
    taken: usize,
}

impl Part {
    /// Lays out keys in rising order, with the room that a part has which they came into one by one.
    fn of(keys: &[u128]) -> Self {
        let mut homes = FIRST_HOMES;
        while !fits(keys.len(), homes) {
            homes = more(homes);
        }
        Self::laid_out(keys.iter().copied(), homes)
    }

    /// Lays out keys in rising order.
    fn laid_out(keys: impl Iterator<Item = u128>, homes: usize) -> Self {
        let mut part = Self { slots: vec![EMPTY; homes + OVERHANG], homes, taken: 0 };
        let mut free = 0;
        for key in keys {
            let at = part.home(Key(key)).max(free);
            part.keep_end_empty(at);
            part.slots[at] = key;
            part.taken += 1;
            free = at + 1;
        }
        part
    }

    /// Sees that a slot is not the last one, which stays empty: it ends every look-up.
    fn keep_end_empty(&mut self, at: usize) {
        if at + 1 == self.slots.len() {
            self.slots.reserve_exact(OVERHANG);
            self.slots.resize(self.slots.len() + OVERHANG, EMPTY);
        }
    }

    /// Returns where a look-up of this key begins: the bits behind those of the part, scaled to the homes.
    fn home(&self, key: Key) -> usize {
        let bits = (key.0 << PART_BITS >> 64) as u64;
        ((u128::from(bits) * self.homes as u128) >> 64) as usize
    }

    /// Says whether the key is there.
    fn contains(&self, key: Key) -> bool {
        let home = self.home(key);
        // Most keys lie within a few slots of their home. To compare these all costs less than to guess where to stop.
        let near = &self.slots[home..home + NEAR];
        near.iter().map(|slot| u8::from(*slot == key.0)).sum::<u8>() > 0
            || (near[NEAR - 1] != EMPTY && near[NEAR - 1] < key.0 && self.seek(key, home + NEAR).is_none())
    }

    /// Returns where the key belongs, seeking from a slot that is not behind that, or nothing if it is there.
    fn seek(&self, key: Key, from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let slot = self.slots[at];
            if slot == key.0 {
                return None;
            }
            if slot == EMPTY || slot > key.0 {
                return Some(at);
            }
            at += 1;
        }
    }

    fn is_full(&self) -> bool {
        !fits(self.taken + 1, self.homes)
    }

    fn insert(&mut self, key: Key) -> bool {
        let Some(mut at) = self.seek(key, self.home(key)) else { return false };
        if self.is_full() {
            self.grow();
            at = self.seek(key, self.home(key)).expect("growth adds no key");
        }
        let run = self.slots[at..].iter().position(|slot| *slot == EMPTY).expect("the last slot is empty");
        self.keep_end_empty(at + run);
        self.slots.copy_within(at..at + run, at + 1);
        self.slots[at] = key.0;
        self.taken += 1;
        true
    }

    fn grow(&mut self) {
        *self = Self::laid_out(self.iter().map(Key::bits), more(self.homes));
    }

    fn iter(&self) -> impl Iterator<Item = Key> {
        self.slots.iter().copied().filter_map(Key::from_bits)
    }
}

/// Says whether so many keys leave a fifth of the homes free.
const fn fits(keys: usize, homes: usize) -> bool {
    keys * 5 <= homes * 4
}

/// Returns how many homes come after so many: a fifth more.
const fn more(homes: usize) -> usize {
    homes + homes.div_ceil(5)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_visited_state_costs_at_most_26_bytes_of_table_from_some_thousands_on() {
        let mut visited = Visited::new();
        for state in 1..=600_000_u64 {
            visited.insert(Key::spread(state.into()));
            let bytes = visited.bytes();
            assert!(state < 1 << 14 || bytes <= 26 * state, "{bytes} bytes for {state} states");
        }
    }

    #[test]
    fn a_growth_holds_a_part_twice_and_never_the_whole() {
        let mut visited = Visited::new();
        let mut grown = 0;
        for state in 1..=200_000_u64 {
            let key = Key::spread(state.into());
            let (before, growth) = (visited.bytes(), visited.growth(key));
            visited.insert(key);
            if growth > 0 {
                grown += 1;
                assert!(visited.bytes() - before < growth);
                assert!(state < 1 << 14 || growth * 32 < before, "{growth} of {before} bytes");
            } else {
                assert_eq!(visited.bytes(), before);
            }
        }
        assert!(grown > PARTS * 20, "{grown} growths");
    }

    #[test]
    fn keys_that_crowd_at_the_end_of_a_part_have_room() {
        let mut visited = Visited::new();
        let crowd: Vec<Key> = (0..200).map(|low| Key(u128::MAX - low)).collect();
        for key in &crowd {
            assert!(visited.insert(*key));
        }
        assert!(crowd.iter().all(|key| visited.contains(*key) && !visited.clone().insert(*key)));
        assert_eq!(visited.iter().count(), 200);
    }

    #[test]
    fn spreading_merges_nothing_and_fills_all_parts_evenly() {
        let keys: BTreeSet<Key> = (0..64_000_u128).map(|packed| Key::spread(packed << 100)).collect();
        assert_eq!(keys.len(), 64_000);
        for part in 0..PARTS {
            let members = keys.iter().filter(|key| key.part() == part).count();
            assert!((500..2000).contains(&members), "{members} of 64,000 in part {part}");
        }
    }

    proptest! {
        #[test]
        fn a_set_is_what_was_put_in(fingerprints in prop::collection::vec(0_u128..600, 0..900)) {
            let mut visited = Visited::new();
            let mut naive = BTreeSet::new();
            for fingerprint in fingerprints {
                let key = Key::spread(fingerprint);
                prop_assert_eq!(visited.contains(key), naive.contains(&key));
                prop_assert_eq!(visited.insert(key), naive.insert(key));
            }
            prop_assert_eq!(visited.iter().collect::<Vec<_>>(), naive.iter().copied().collect::<Vec<_>>());
            let mut builder = Builder::default();
            prop_assert!(visited.iter().all(|key| builder.push(key)));
            let built = builder.finish();
            prop_assert_eq!(built.bytes(), visited.bytes());
            prop_assert_eq!(built.iter().collect::<Vec<_>>(), visited.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_builder_refuses_keys_that_do_not_rise() {
        let (low, high) = (Key(7), Key(u128::MAX - 7));
        for (first, second) in [(high, low), (low, low), (high, high), (Key(8), low)] {
            let mut builder = Builder::default();
            assert!(builder.push(first));
            assert!(!builder.push(second));
        }
    }
}
