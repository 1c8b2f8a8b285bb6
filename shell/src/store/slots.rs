//! Which of its two states a database of redb is opened in: the newer one, if that is whole.
//!
//! A redb file keeps the last two states, each in a slot with a checksum, and one bit without one says which of them
//! counts. After a commit in two phases redb believes that bit. If it rots, or the disk loses the write that set it, the
//! state before an acknowledged write would come back, whole and without a word. So whoever opens a database looks first:
//! where the slot that does not count is whole and newer, redb is told to take the newer of the two whose pages fit their
//! checksums. After a crash between the phases that may bring a batch that nobody was told of, as a whole.
//!
//! What lies where is from redb's `docs/design.md`, file format 3. Of another form nothing is touched.

use std::io::Error;

use redb::StorageBackend;
use xxhash_rust::xxh3::xxh3_128;

/// What every file of redb begins with.
const MAGIC: [u8; 9] = *b"redb\x1a\x0a\xa9\x0d\x0a";

/// The byte of marks, which no checksum covers.
const MARKS: usize = MAGIC.len();

/// The mark that the second slot counts, and not the first.
const SECOND_COUNTS: u8 = 1;

/// The mark that the slot that counts was written in two phases.
const TWO_PHASES: u8 = 4;

/// Where the slots begin, and how long each is.
const SLOTS: [usize; 2] = [64, 192];
const SLOT_BYTES: usize = 128;

/// What the first byte of a slot says.
const FILE_FORMAT: u8 = 3;

/// Where in a slot the number of its transaction is, and behind it the checksum of all before it.
const TRANSACTION: usize = 104;
const CHECKSUM: usize = 112;

/// Has a database be opened in the newer one of its states that is whole. There is nothing to do but after a crash
/// between two flushes, and on a disk that lost what it kept.
pub(super) fn prefer_the_newer(backend: &impl StorageBackend) -> Result<(), Error> {
    let mut front = [0; SLOTS[1] + SLOT_BYTES];
    if backend.len()? < front.len() as u64 {
        return Ok(());
    }
    backend.read(0, &mut front)?;
    let marks = front[MARKS];
    if front[..MAGIC.len()] != MAGIC || marks & TWO_PHASES == 0 {
        return Ok(());
    }
    let [first, second] = SLOTS.map(|at| transaction(&front[at..at + SLOT_BYTES]));
    let (counts, other) = if marks & SECOND_COUNTS == 0 { (first, second) } else { (second, first) };
    // One that counts and is broken is damage, whatever lies beside it.
    if counts.is_some() && other > counts {
        backend.write(MARKS as u64, &[marks & !TWO_PHASES])?;
        backend.sync_data()?;
    }
    Ok(())
}

/// Returns the number of a slot's transaction, if the slot is whole.
fn transaction(slot: &[u8]) -> Option<u64> {
    let number = slot[TRANSACTION..CHECKSUM].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let is_whole = slot[0] == FILE_FORMAT && slot[CHECKSUM..] == xxh3_128(&slot[..CHECKSUM]).to_le_bytes();
    number.filter(|_| is_whole)
}

#[cfg(test)]
mod tests {
    use delian_core::NodeId;

    use super::super::disk::Disk;
    use super::super::{Opening, Owner, RedbStore};
    use super::*;

    /// Returns a database as a crash leaves it.
    fn left() -> Vec<u8> {
        let disk = Disk::default();
        let owner = Owner { id: NodeId::new(7), cluster: "blue".to_owned() };
        let store = RedbStore::over(disk.clone(), "the disk", Opening::Create(owner)).unwrap();
        let bytes = disk.bytes();
        drop(store);
        bytes
    }

    /// Returns the marks that a database is opened with.
    fn marks(bytes: Vec<u8>) -> u8 {
        let disk = Disk::of(bytes);
        prefer_the_newer(&disk).unwrap();
        disk.bytes()[MARKS]
    }

    #[test]
    fn the_form_that_is_looked_for_is_the_one_that_is_written() {
        let bytes = left();
        assert_eq!(bytes[..MAGIC.len()], MAGIC);
        let numbers = SLOTS.map(|at| transaction(&bytes[at..at + SLOT_BYTES]).expect("each slot is whole"));
        let counts = usize::from(bytes[MARKS] & SECOND_COUNTS);
        assert!(numbers[counts] > numbers[1 - counts], "{numbers:?}, and {counts} counts");
        assert_eq!(bytes[MARKS] & TWO_PHASES, TWO_PHASES);
    }

    #[test]
    fn only_a_newer_slot_that_is_whole_is_preferred_to_a_whole_one_that_counts() {
        let bytes = left();
        assert_eq!(marks(bytes.clone()), bytes[MARKS], "the newer one counts");
        let mut turned = bytes.clone();
        turned[MARKS] ^= SECOND_COUNTS;
        assert_eq!(marks(turned.clone()), turned[MARKS] & !TWO_PHASES, "the older one counts");
        for at in SLOTS {
            let mut broken = turned.clone();
            broken[at + TRANSACTION] ^= 1;
            assert_eq!(marks(broken.clone()), broken[MARKS], "the slot at {at} is broken");
        }
        for other in [Vec::new(), vec![0; 100], vec![0xff; 4096]] {
            let disk = Disk::of(other.clone());
            prefer_the_newer(&disk).unwrap();
            assert_eq!(disk.bytes(), other);
        }
    }
}
