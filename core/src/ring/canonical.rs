//! The bytes of a ring, and the number that tells rings apart.
//!
//! A ring follows from its members, so these are its bytes: a version, the algorithm, the epoch, the points per unit and
//! the members in order, in postcard's format, then the fingerprint in eight bytes. Whoever reads them places the points
//! itself and compares. So two releases that place points differently notice it, and not by a lost key.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::{Member, Place, PointsPerUnit, PointsPerUnitError, Ring, RingError, Weight, WeightError};
use crate::codec::grow_vec;
use crate::ids::Epoch;

/// The first byte: the version of the format that follows.
const VERSION: u8 = 1;
/// The second byte: points at the `XXH32` of `{node}:{i}`, ranked by the `XXH64` of it and the name.
const ALGORITHM: u8 = 1;
/// The bytes of the fingerprint at the end.
const FINGERPRINT_BYTES: usize = 8;
/// How many points are hashed at once.
const POINTS_HASHED: usize = 256;

/// How large a ring may be that is read from bytes: a few of them may ask for very many points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limits {
    /// The most members.
    pub members_max: usize,
    /// The most points.
    pub points_max: usize,
}

impl Default for Limits {
    /// 100,000 members of weight one with 150 points each are within the limits.
    fn default() -> Self {
        Self { members_max: 100_000, points_max: 1 << 24 }
    }
}

/// Why bytes are no ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Another release wrote them.
    Version(u8),
    /// They place points by a rule that is not known here.
    Algorithm(u8),
    /// They are damaged, cut short, too long, or not the canonical form of what they say.
    Malformed {
        /// How many bytes there were.
        bytes: usize,
    },
    /// The number of points per unit has no meaning.
    PointsPerUnit(PointsPerUnitError),
    /// A weight has no meaning.
    Weight(WeightError),
    /// There are more members than the limits allow.
    TooManyMembers {
        /// How many there are.
        members: usize,
        /// How many there may be.
        max: usize,
    },
    /// The members have more points than the limits allow.
    TooManyPoints {
        /// How many there are.
        points: u64,
        /// How many there may be.
        max: usize,
    },
    /// The members cannot form a ring.
    Ring(RingError),
    /// The points that the members have here are not those that they had for the writer.
    Fingerprint {
        /// The fingerprint in the bytes.
        stated: u64,
        /// The fingerprint of the ring that the members form.
        derived: u64,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "ring has format {version}, but this release reads format {VERSION}"),
            Self::Algorithm(algorithm) => {
                write!(f, "ring places points by rule {algorithm}, but this release knows rule {ALGORITHM}")
            }
            Self::Malformed { bytes } => write!(f, "these {bytes} bytes are not the canonical form of a ring"),
            Self::PointsPerUnit(error) => error.fmt(f),
            Self::Weight(error) => error.fmt(f),
            Self::TooManyMembers { members, max } => write!(f, "{members} members are above the limit of {max}"),
            Self::TooManyPoints { points, max } => write!(f, "{points} points are above the limit of {max}"),
            Self::Ring(error) => error.fmt(f),
            Self::Fingerprint { stated, derived } => {
                write!(f, "the members form the ring {derived:016x}, but the bytes say {stated:016x}")
            }
        }
    }
}

impl core::error::Error for DecodeError {}

/// What is written and read.
#[derive(Serialize, Deserialize)]
struct Form<'a> {
    epoch: Epoch,
    points_per_unit: u16,
    #[serde(borrow, deserialize_with = "grow_vec")]
    members: Vec<MemberForm<'a>>,
}

#[derive(Serialize, Deserialize)]
struct MemberForm<'a> {
    name: &'a str,
    weight: u32,
    region: &'a str,
    datacenter: &'a str,
    rack: &'a str,
}

impl Ring {
    /// Returns the canonical bytes of the ring: equal rings have equal bytes.
    ///
    /// # Panics
    ///
    /// Never: every length is known and memory takes any number of bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let member = |slot| {
            let Place { region, datacenter, rack } = self.place(slot);
            MemberForm { name: self.name(slot), weight: self.weight(slot).thousandths(), region, datacenter, rack }
        };
        let members = self.slots().map(member).collect();
        let form = Form { epoch: self.epoch, points_per_unit: self.points_per_unit.get(), members };
        let mut bytes =
            postcard::to_extend(&form, vec![VERSION, ALGORITHM]).expect("lengths are known and memory takes all bytes");
        bytes.extend(self.fingerprint().to_le_bytes());
        bytes
    }

    /// Reads a ring back from exactly its canonical bytes.
    ///
    /// Never panics, whatever the bytes are, and allocates no more than a small multiple of the bytes and of what the
    /// limits allow.
    ///
    /// # Errors
    ///
    /// Returns why the bytes are no ring within the limits.
    pub fn from_bytes(bytes: &[u8], limits: Limits) -> Result<Self, DecodeError> {
        let malformed = DecodeError::Malformed { bytes: bytes.len() };
        let (body, stated) = match bytes {
            [VERSION, ALGORITHM, rest @ ..] => rest.split_last_chunk::<FINGERPRINT_BYTES>().ok_or(malformed.clone())?,
            [VERSION, algorithm, ..] => return Err(DecodeError::Algorithm(*algorithm)),
            [VERSION] | [] => return Err(malformed),
            [version, ..] => return Err(DecodeError::Version(*version)),
        };
        let form: Form<'_> = postcard::from_bytes(body).map_err(|_| malformed.clone())?;
        let mut ring = Self::of_form(&form, limits)?;
        ring.epoch = form.epoch;
        let (stated, derived) = (u64::from_le_bytes(*stated), ring.fingerprint());
        if stated != derived {
            return Err(DecodeError::Fingerprint { stated, derived });
        }
        // One comparison finds members out of order and numbers with needless zeros.
        if ring.to_bytes() == bytes { Ok(ring) } else { Err(malformed) }
    }

    fn of_form(form: &Form<'_>, limits: Limits) -> Result<Self, DecodeError> {
        let points_per_unit = PointsPerUnit::new(form.points_per_unit).map_err(DecodeError::PointsPerUnit)?;
        let (members, max) = (form.members.len(), limits.members_max);
        if members > max {
            return Err(DecodeError::TooManyMembers { members, max });
        }
        let mut points = 0;
        let mut members = Vec::with_capacity(members);
        for MemberForm { name, weight, region, datacenter, rack } in &form.members {
            let weight = Weight::of_thousandths(*weight).map_err(DecodeError::Weight)?;
            points += u64::from(points_per_unit.points(weight));
            members.push(Member { weight, ..Member::new(name, Place::new(region, datacenter, rack)) });
        }
        if points > limits.points_max as u64 {
            return Err(DecodeError::TooManyPoints { points, max: limits.points_max });
        }
        Self::build(points_per_unit, members).map_err(DecodeError::Ring)
    }

    /// Returns a number that tells rings apart: the XXH3 hash of the rule, the members and every point with its owner.
    ///
    /// The epoch is left out: it says where the members come from, not where keys live. The number is computed from all
    /// points whenever it is asked for, and is no protection against someone who wants two rings to look alike.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Xxh3::new();
        hash.update(&[ALGORITHM]);
        hash.update(&self.points_per_unit.get().to_le_bytes());
        hash.update(&(self.len() as u64).to_le_bytes());
        for slot in self.slots() {
            let Place { region, datacenter, rack } = self.place(slot);
            hash.update(&self.weight(slot).thousandths().to_le_bytes());
            for text in [self.name(slot), region, datacenter, rack] {
                hash.update(&(text.len() as u64).to_le_bytes());
                hash.update(text.as_bytes());
            }
        }
        let mut points: Vec<u8> = Vec::with_capacity(POINTS_HASHED * 8);
        for (token, slot) in self.points() {
            points.extend(token.get().to_le_bytes());
            points.extend(slot.get().to_le_bytes());
            if points.len() == POINTS_HASHED * 8 {
                hash.update(&points);
                points.clear();
            }
        }
        hash.update(&points);
        hash.digest()
    }
}
