//! The way back from every visited state: where it was first met from, and by which of the actions there.
//!
//! Six bytes each. A state is known by its index, the order in which states were met; the initial one has index 0.
//! Breadth-first search expands states in that order, so the indices of parents never fall, and what was met from one
//! state lies side by side.

/// How many pointers lie in one piece. Small, so that what is reserved and unused is little.
const CHUNK: usize = 1 << 12;

/// A parent pointer: the index of the state that was expanded and the place of the action, in little-endian bytes.
type Pointer = [u8; 6];

/// One parent pointer per visited state.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail {
    chunks: Vec<Vec<Pointer>>,
}

impl Trail {
    /// Returns how many states have their pointer.
    pub(super) fn len(&self) -> u64 {
        self.chunks.last().map_or(0, |last| ((self.chunks.len() - 1) * CHUNK + last.len()) as u64)
    }

    /// Returns the bytes of all pointers, with those that are reserved.
    pub(super) fn bytes(&self) -> u64 {
        (self.chunks.len() * CHUNK * size_of::<Pointer>()) as u64
    }

    /// Returns how many bytes one more pointer would take.
    pub(super) fn growth(&self) -> u64 {
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            (CHUNK * size_of::<Pointer>()) as u64
        } else {
            0
        }
    }

    /// Appends the pointer of the state that was met next. That of the initial state means nothing.
    pub(super) fn push(&mut self, parent: u32, place: u16) {
        if self.growth() > 0 {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let mut pointer = [0; 6];
        pointer[..4].copy_from_slice(&parent.to_le_bytes());
        pointer[4..].copy_from_slice(&place.to_le_bytes());
        self.chunks.last_mut().expect("a chunk with room").push(pointer);
    }

    /// Returns the parent of a state and the place of the action that led from there.
    pub(super) fn get(&self, index: u32) -> (u32, u16) {
        let [parent @ .., low, high] = self.chunks[index as usize / CHUNK][index as usize % CHUNK];
        (u32::from_le_bytes(parent), u16::from_le_bytes([low, high]))
    }

    /// Returns the places of the actions from the initial state to this one.
    pub(super) fn path(&self, index: u32) -> Vec<u16> {
        let mut places = Vec::new();
        let mut at = index;
        while at > 0 {
            let (parent, place) = self.get(at);
            places.push(place);
            at = parent;
        }
        places.reverse();
        places
    }

    /// Returns all pointers in the order of their states.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u16)> {
        (0..self.len()).map(|index| self.get(index as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_back_to_the_initial_state() {
        let mut trail = Trail::default();
        for (parent, place) in [(0, 0), (0, 3), (0, 65_535), (2, 7), (3, 1)] {
            trail.push(parent, place);
        }
        assert_eq!(trail.path(0), Vec::<u16>::new());
        assert_eq!(trail.path(1), [3]);
        assert_eq!(trail.path(4), [65_535, 7, 1]);
    }

    #[test]
    fn a_pointer_takes_six_bytes_and_a_chunk_is_announced() {
        let mut trail = Trail::default();
        for index in 0..=3 * CHUNK as u32 {
            let (before, growth) = (trail.bytes(), trail.growth());
            trail.push(index / 2, 5);
            assert_eq!(trail.bytes(), before + growth);
            assert_eq!(trail.len(), u64::from(index) + 1);
        }
        assert_eq!(trail.bytes(), 4 * 6 * CHUNK as u64);
        assert_eq!(trail.get(3 * CHUNK as u32), (3 * CHUNK as u32 / 2, 5));
        assert_eq!(trail.iter().nth(9), Some((4, 5)));
    }
}
