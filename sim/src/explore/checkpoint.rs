//! A search as bytes.
//!
//! `magic, version, model | counters | seal | fingerprints | trail | seal`, all numbers in little-endian. A seal is the
//! xxh3 of every byte before it. The first one stands before anything large, so a damaged count is met before it is
//! believed. Fingerprints are written in rising order, so the bytes depend on what was found and on nothing else.
//!
//! States are not written: [`resume`](super::resume) makes those that wait again, by replaying their paths. What was
//! found broken is written as its path alone, for the same reason.

use std::fmt;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};

use xxhash_rust::xxh3::Xxh3;

use super::System;
use super::path::Path;
use super::search::{Counts, Search};
use super::trail::Trail;
use super::visited::{Builder, Key, Visited};

const MAGIC: [u8; 8] = *b"delianex";
const VERSION: u32 = 1;
/// Stands for a goal that no state showed. No state has this index.
const NO_INDEX: u32 = u32::MAX;

/// Why a checkpoint could not be gone on with.
#[derive(Debug)]
pub enum CheckpointError {
    /// It could not be read.
    Io(io::Error),
    /// These are the bytes of something else.
    NotACheckpoint,
    /// It was written in another version of the format.
    Version {
        /// The version in the bytes.
        found: u32,
    },
    /// It is of another model.
    Model {
        /// The digest in the bytes.
        found: u64,
        /// The digest that was asked for.
        expected: u64,
    },
    /// It ends too early.
    Truncated,
    /// Its bytes are not those that were written, or contradict each other.
    Corrupt(&'static str),
    /// A path does not lead to a state that was visited: the system is not the one that was searched.
    Strayed {
        /// The places that were replayed.
        path: Path,
    },
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the checkpoint could not be read: {error}"),
            Self::NotACheckpoint => write!(f, "not a checkpoint"),
            Self::Version { found } => write!(f, "version {found} of the checkpoint format is not {VERSION}"),
            Self::Model { found, expected } => write!(f, "a checkpoint of model {found:016x}, not of {expected:016x}"),
            Self::Truncated => write!(f, "the checkpoint ends too early"),
            Self::Corrupt(what) => write!(f, "the checkpoint is corrupt: {what}"),
            Self::Strayed { path } => write!(f, "the path `{path}` does not lead where it led: another model"),
        }
    }
}

impl std::error::Error for CheckpointError {}

impl From<io::Error> for CheckpointError {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::UnexpectedEof { Self::Truncated } else { Self::Io(error) }
    }
}

/// What a checkpoint holds.
pub(super) struct Saved {
    pub(super) seed: u64,
    pub(super) counts: Counts,
    pub(super) levels: Vec<u64>,
    pub(super) witnesses: Vec<Option<u32>>,
    pub(super) found: Vec<Path>,
    pub(super) visited: Visited,
    pub(super) trail: Trail,
}

impl<S: System> Search<'_, S> {
    /// Writes all that [`resume`](Search::resume) needs, with a digest of whatever decides how the model behaves.
    ///
    /// # Errors
    ///
    /// If the bytes cannot be written.
    pub fn save(&self, model: u64, into: impl Write) -> io::Result<()> {
        let mut out = Sealed::new(BufWriter::new(into));
        out.put(&MAGIC)?;
        out.put(&VERSION.to_le_bytes())?;
        let Counts { generated, terminals, expanded, place, frontier_peak, memory_peak } = self.counts;
        let states = self.trail.len();
        for number in
            [model, self.seed, states, generated, terminals, expanded, place as u64, frontier_peak, memory_peak]
        {
            out.put(&number.to_le_bytes())?;
        }
        out.put(&(self.levels.len() as u64).to_le_bytes())?;
        for level in &self.levels {
            out.put(&level.to_le_bytes())?;
        }
        out.put(&(self.witnesses.len() as u64).to_le_bytes())?;
        for witness in &self.witnesses {
            out.put(&witness.unwrap_or(NO_INDEX).to_le_bytes())?;
        }
        out.put(&(self.found.len() as u64).to_le_bytes())?;
        for (path, _) in &self.found {
            out.put(&(path.0.len() as u64).to_le_bytes())?;
            for place in &path.0 {
                out.put(&place.to_le_bytes())?;
            }
        }
        out.seal()?;
        for key in self.visited.iter() {
            out.put(&key.bits().to_le_bytes())?;
        }
        for (parent, place) in self.trail.iter() {
            out.put(&parent.to_le_bytes())?;
            out.put(&place.to_le_bytes())?;
        }
        out.seal()?;
        out.stream.flush()
    }
}

/// Reads what [`Search::save`] wrote.
pub(super) fn read(model: u64, from: impl Read) -> Result<Saved, CheckpointError> {
    let mut source = Sealed::new(BufReader::new(from));
    if source.get()? != MAGIC {
        return Err(CheckpointError::NotACheckpoint);
    }
    let found = u32::from_le_bytes(source.get()?);
    if found != VERSION {
        return Err(CheckpointError::Version { found });
    }
    let found = source.number()?;
    if found != model {
        return Err(CheckpointError::Model { found, expected: model });
    }
    let (seed, states) = (source.number()?, source.number()?);
    let counts = Counts {
        generated: source.number()?,
        terminals: source.number()?,
        expanded: source.number()?,
        place: source.number()? as usize,
        frontier_peak: source.number()?,
        memory_peak: source.number()?,
    };
    let levels = source.list(Sealed::number)?;
    let witnesses = source.list(|source| {
        let index = u32::from_le_bytes(source.get()?);
        Ok((index != NO_INDEX).then_some(index))
    })?;
    let found = source.list(|source| Ok(Path(source.list(|source| Ok(u16::from_le_bytes(source.get()?)))?)))?;
    source.check_seal()?;
    let visited = source.fingerprints(states)?;
    let trail = source.trail(states)?;
    source.check_seal()?;
    if source.stream.read(&mut [0])? > 0 {
        return Err(CheckpointError::Corrupt("bytes follow its end"));
    }
    Ok(Saved { seed, counts, levels, witnesses, found, visited, trail })
}

/// A stream and the hash of what went through it.
struct Sealed<T> {
    stream: T,
    hash: Xxh3,
}

impl<T> Sealed<T> {
    fn new(stream: T) -> Self {
        Self { stream, hash: Xxh3::new() }
    }
}

impl<W: Write> Sealed<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.stream.write_all(bytes)
    }

    fn seal(&mut self) -> io::Result<()> {
        self.put(&self.hash.digest().to_le_bytes())
    }
}

impl<R: Read> Sealed<R> {
    fn get<const N: usize>(&mut self) -> Result<[u8; N], CheckpointError> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes)?;
        self.hash.update(&bytes);
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u64, CheckpointError> {
        Ok(u64::from_le_bytes(self.get()?))
    }

    /// Reads a count and so many items. The count may be damaged, so memory is taken as items come.
    fn list<V>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<V, CheckpointError>,
    ) -> Result<Vec<V>, CheckpointError> {
        let count = self.number()?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn check_seal(&mut self) -> Result<(), CheckpointError> {
        let expected = self.hash.digest();
        if self.number()? == expected { Ok(()) } else { Err(CheckpointError::Corrupt("a checksum does not match")) }
    }

    fn fingerprints(&mut self, states: u64) -> Result<Visited, CheckpointError> {
        let mut builder = Builder::default();
        for _ in 0..states {
            let key = Key::from_bits(u128::from_le_bytes(self.get()?));
            if !key.is_some_and(|key| builder.push(key)) {
                return Err(CheckpointError::Corrupt("fingerprints do not rise"));
            }
        }
        Ok(builder.finish())
    }

    fn trail(&mut self, states: u64) -> Result<Trail, CheckpointError> {
        let mut trail = Trail::default();
        for _ in 0..states {
            trail.push(u32::from_le_bytes(self.get()?), u16::from_le_bytes(self.get()?));
        }
        Ok(trail)
    }
}
