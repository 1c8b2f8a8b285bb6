//! The form of what the store keeps beside the core's own records: the owner, the format, how far the log goes, the
//! parts of a snapshot, the checksums of all that there is.
//!
//! A version byte, a byte for what it is, the content, and 8 bytes of xxh3 over all of that. What is in the place of
//! something else does not fit, even if it is whole.

use xxhash_rust::xxh3::xxh3_64;

/// The version of this form.
const SEAL_VERSION: u8 = 1;

/// The bytes before the content.
const FRONT_BYTES: usize = 2;

/// The bytes of the checksum that ends it.
const CHECKSUM_BYTES: usize = 8;

/// How many bytes a seal adds to a content.
pub(super) const SEAL_BYTES: usize = FRONT_BYTES + CHECKSUM_BYTES;

/// What a content is. The numbers are on disks: none is ever used for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Format = 1,
    Owner = 2,
    Extent = 3,
    SnapshotHead = 4,
    SnapshotChunk = 5,
    Sums = 6,
}

/// Returns a content under its seal.
pub(super) fn seal(kind: Kind, parts: &[&[u8]]) -> Vec<u8> {
    let content: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = Vec::with_capacity(content + SEAL_BYTES);
    bytes.extend([SEAL_VERSION, kind as u8]);
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes.extend(xxh3_64(&bytes).to_le_bytes());
    bytes
}

/// Returns the content under a seal.
///
/// # Errors
///
/// Returns what does not fit.
pub(super) fn unseal(kind: Kind, bytes: &[u8]) -> Result<&[u8], String> {
    let whole = bytes.split_last_chunk::<CHECKSUM_BYTES>();
    let Some((sealed, checksum)) = whole.filter(|(sealed, _)| sealed.len() >= FRONT_BYTES) else {
        return Err(format!("{} bytes are too few", bytes.len()));
    };
    if xxh3_64(sealed) != u64::from_le_bytes(*checksum) {
        return Err("the checksum does not fit the bytes".to_owned());
    }
    if sealed[0] != SEAL_VERSION {
        return Err(format!("its form is {}, and {SEAL_VERSION} is read here", sealed[0]));
    }
    if sealed[1] != kind as u8 {
        return Err(format!("something of kind {} lies in the place of kind {}", sealed[1], kind as u8));
    }
    Ok(&sealed[FRONT_BYTES..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_or_a_missing_byte_breaks_a_seal() {
        let bytes = seal(Kind::Owner, &[b"n", b"7"]);
        assert_eq!(unseal(Kind::Owner, &bytes), Ok(b"n7".as_slice()));
        for cut in 0..bytes.len() {
            assert!(unseal(Kind::Owner, &bytes[..cut]).is_err(), "cut at {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal(Kind::Owner, &damaged).is_err(), "bit {bit} flipped");
        }
    }

    #[test]
    fn a_whole_content_in_a_wrong_place_does_not_fit() {
        let bytes = seal(Kind::Extent, &[&[0; 24]]);
        assert_eq!(
            unseal(Kind::SnapshotHead, &bytes),
            Err("something of kind 3 lies in the place of kind 4".to_owned())
        );
    }

    /// If these bytes change, the stores of the last release become unreadable: raise `SEAL_VERSION` and keep reading
    /// the old form.
    #[test]
    fn the_bytes_of_a_seal_never_move() {
        let golden = [1, 1, 9, 47, 147, 71, 123, 177, 138, 20, 162];
        assert_eq!(seal(Kind::Format, &[&[9]]), golden);
    }
}
