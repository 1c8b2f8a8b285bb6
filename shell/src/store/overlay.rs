//! A file that can be read and seemingly written: what is written stays in memory, and the file is left as it is.
//!
//! So a database can be opened, repaired and checked by whoever only wants to look at it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Seek, SeekFrom};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// What is kept in memory at once; the database writes whole pages of this size.
const BLOCK_BYTES: usize = 4096;

/// A file under what was written since.
#[derive(Debug)]
pub(super) struct Overlay(Mutex<Layers>);

#[derive(Debug)]
struct Layers {
    file: File,
    /// Up to where the file still shows through; behind it there are zeros.
    file_bytes: u64,
    bytes: u64,
    blocks: BTreeMap<u64, Box<[u8; BLOCK_BYTES]>>,
}

impl Overlay {
    pub(super) fn over(file: File) -> Result<Self, Error> {
        let bytes = file.metadata()?.len();
        Ok(Self(Mutex::new(Layers { file, file_bytes: bytes, bytes, blocks: BTreeMap::new() })))
    }

    fn layers(&self) -> MutexGuard<'_, Layers> {
        // Whoever panicked with it panicked between two whole steps.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Layers {
    fn load(&mut self, block: u64) -> Result<Box<[u8; BLOCK_BYTES]>, Error> {
        if let Some(written) = self.blocks.get(&block) {
            return Ok(written.clone());
        }
        let mut bytes = Box::new([0; BLOCK_BYTES]);
        let start = block * BLOCK_BYTES as u64;
        let shown = self.file_bytes.saturating_sub(start).min(BLOCK_BYTES as u64) as usize;
        if shown > 0 {
            self.file.seek(SeekFrom::Start(start))?;
            self.file.read_exact(&mut bytes[..shown])?;
        }
        Ok(bytes)
    }

    fn end(&self, offset: u64, length: usize) -> Result<u64, Error> {
        let end = offset.checked_add(length as u64).filter(|end| *end <= self.bytes);
        end.ok_or_else(|| Error::new(ErrorKind::UnexpectedEof, format!("the file ends before byte {offset}+{length}")))
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.layers().bytes)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let mut layers = self.layers();
        layers.end(offset, out.len())?;
        for (block, within, part) in parts(offset, out.len()) {
            let bytes = layers.load(block)?;
            out[part.clone()].copy_from_slice(&bytes[within..within + part.len()]);
        }
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> Result<(), Error> {
        let mut layers = self.layers();
        if bytes < layers.bytes {
            let cut = bytes / BLOCK_BYTES as u64;
            let within = (bytes % BLOCK_BYTES as u64) as usize;
            drop(layers.blocks.split_off(&(cut + u64::from(within > 0))));
            if let Some(last) = layers.blocks.get_mut(&cut) {
                last[within..].fill(0);
            }
            layers.file_bytes = layers.file_bytes.min(bytes);
        }
        layers.bytes = bytes;
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let mut layers = self.layers();
        layers.end(offset, data.len())?;
        for (block, within, part) in parts(offset, data.len()) {
            let mut bytes = layers.load(block)?;
            bytes[within..within + part.len()].copy_from_slice(&data[part]);
            layers.blocks.insert(block, bytes);
        }
        Ok(())
    }
}

/// Divides a stretch into what lies in each block: the block, where it begins in it, and which part of the stretch it is.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == length {
            return None;
        }
        let at = offset + done as u64;
        let within = (at % BLOCK_BYTES as u64) as usize;
        let part = done..length.min(done + BLOCK_BYTES - within);
        done = part.end;
        Some((at / BLOCK_BYTES as u64, within, part))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_the_file_stays_as_it_was() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let before: Vec<u8> = (0..10_000_u32).map(|number| number as u8).collect();
        file.write_all(&before).unwrap();
        let overlay = Overlay::over(file.reopen().unwrap()).unwrap();
        overlay.write(4090, &[7; 20]).unwrap();
        overlay.set_len(9000).unwrap();
        overlay.set_len(9100).unwrap();
        let mut expected = before.clone();
        expected[4090..4110].fill(7);
        expected.truncate(9000);
        expected.resize(9100, 0);
        let mut found = vec![0; 9100];
        overlay.read(0, &mut found).unwrap();
        assert_eq!(found, expected);
        assert!(overlay.read(9099, &mut [0; 2]).is_err(), "a read past the end");
        assert_eq!(std::fs::read(file.path()).unwrap(), before);
    }
}
