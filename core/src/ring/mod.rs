//! Where a key lives: consistent hashing with virtual nodes.
//!
//! Each node has points on a circle, 150 for each unit of its weight, and a key belongs to the first point at its token
//! or clockwise after it (Karger et al., STOC 1997; Dynamo, SOSP 2007, section 4.2). The distinct nodes that follow are
//! its preference list. A [`Ring`] is a pure function of its members: in whatever order they came, and whoever came and
//! went meanwhile, two rings of the same members are equal in every byte. Points that collide are all kept, in an order
//! that prefers nobody, so a member that leaves gives the token to the next one and takes away nobody else's point.
//!
//! The ring refuses to know who is healthy, what a request costs and where the members come from. Whoever is not to be
//! asked is walked past ([`Eligible`]), and the keys come back unmoved. A ring is never changed under its readers: they
//! share it in an [`Arc`], and a writer changes the copy that [`Arc::make_mut`] gives it, without any lock.
//!
//! To read it: [`token`], [`weight`] and [`place`] are the vocabulary; `point` says where points lie, `packed` how they
//! are kept, `collision` who is first; `lookup` and [`replicas`] find owners, [`bounded`] heeds their load, [`eligible`]
//! leaves some out; `change` follows the members, [`mod@diff`] says what moves and [`plan`] in which steps, [`canonical`] turns rings into bytes.

pub mod token;
pub mod weight;
pub mod place;
mod point;
mod packed;
mod collision;
mod lookup;
pub mod eligible;
pub mod replicas;
pub mod bounded;
mod change;
pub mod diff;
pub mod plan;
pub mod canonical;
mod error;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use xxhash_rust::xxh3::xxh3_64_with_seed;

pub use self::bounded::{Bound, Loads, Overload};
pub use self::canonical::{DecodeError, Limits};
pub use self::diff::{Move, diff, diff_replicas};
pub use self::eligible::Eligible;
pub use self::error::RingError;
pub use self::place::{Level, Place};
pub use self::plan::{Plan, Step};
pub use self::point::NAME_BYTES_MAX;
pub use self::replicas::{REPLICAS_MAX, Rule, Shortage};
pub use self::token::{Token, TokenRange};
pub use self::weight::{CapacityFactor, CapacityFactorError, PointsPerUnit, PointsPerUnitError, Weight, WeightError};

use self::packed::Points;
use self::place::Domains;
use crate::ids::Epoch;

/// The most points of a ring: as many as a million nodes of weight 0.4, in a quarter of a gibibyte.
pub const POINTS_MAX: usize = 1 << 26;

/// The place of a member among the names of one ring, from zero: a number for as long as the members stay the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u32);

impl Slot {
    /// Wraps a place.
    pub const fn new(place: u32) -> Self {
        Self(place)
    }

    /// Returns the plain place.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Returns the place as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a ring knows of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// The name, which alone says where the points of the node lie; unique among the members.
    pub name: Arc<str>,
    /// How much of the circle the node asks for.
    pub weight: Weight,
    /// Where the node stands.
    pub place: Place,
}

impl Member {
    /// Returns a member of weight one.
    pub fn new(name: &str, place: Place) -> Self {
        Self { name: name.into(), weight: Weight::UNIT, place }
    }
}

/// The points of all members on the circle.
///
/// ```
/// use delian_core::ring::{Eligible, Level, Member, Place, PointsPerUnit, Ring, Rule};
///
/// let rack = |rack| Place::new("eu", "zrh1", rack);
/// let members = [Member::new("ada", rack("r1")), Member::new("bob", rack("r1")), Member::new("eve", rack("r2"))];
/// let mut ring = Ring::build(PointsPerUnit::default(), members)?;
/// let owner = ring.owner(b"a key").expect("a ring with members has an owner for every key");
///
/// // Two replicas never share a rack, and the first one is the owner.
/// let copies: [_; 2] = ring.replicas(b"a key", Rule::Apart(Level::Rack))?;
/// assert_eq!(copies[0], owner);
/// assert_ne!(ring.place(copies[0]), ring.place(copies[1]));
///
/// // Whoever is not eligible is walked past; the ring stays as it is.
/// let mut healthy = Eligible::all(&ring);
/// healthy.exclude(&ring, owner);
/// assert_ne!(ring.owner_among(b"a key", &healthy), Some(owner));
///
/// ring.leave("bob")?;
/// assert_eq!(ring.len(), 2);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Ring {
    epoch: Epoch,
    points_per_unit: PointsPerUnit,
    /// In order: the place of a name is the slot of its member.
    names: Vec<Arc<str>>,
    /// By slot.
    weights: Vec<Weight>,
    /// The sum of all weights, in thousandths.
    weight: u64,
    domains: Domains,
    /// The sum of a hash of each member: who looks by slot checks by it that the slots are those of this ring.
    roster: u64,
    points: Points,
}

impl Ring {
    /// Returns the ring of nobody, at epoch zero.
    pub fn new(points_per_unit: PointsPerUnit) -> Self {
        Self {
            epoch: Epoch::ZERO,
            points_per_unit,
            names: Vec::new(),
            weights: Vec::new(),
            weight: 0,
            domains: Domains::default(),
            roster: 0,
            points: Points::pack(packed::bits(0, 0), core::iter::empty()),
        }
    }

    /// Returns the ring of these members, in whatever order they come, at epoch zero.
    ///
    /// # Errors
    ///
    /// Returns the first member that cannot be in the ring beside the others; see [`RingError`].
    pub fn build(points_per_unit: PointsPerUnit, members: impl IntoIterator<Item = Member>) -> Result<Self, RingError> {
        let mut members: Vec<Member> = members.into_iter().collect();
        members.sort_unstable();
        let mut ring = Self::new(points_per_unit);
        let mut count = 0;
        for (member, slot) in members.iter().zip((0..).map(Slot::new)) {
            error::check_name(&member.name)?;
            if ring.names.last() == Some(&member.name) {
                return Err(RingError::NameTaken(member.name.clone()));
            }
            count = error::check_points(count, points_per_unit.points(member.weight))?;
            ring.list(slot, member);
        }
        let places: Vec<&Place> = members.iter().map(|member| &member.place).collect();
        ring.domains = Domains::build(&places);
        ring.place_all(count);
        Ok(ring)
    }

    /// Returns the epoch of the topology that the members were taken from.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Says from which epoch of the topology the members were taken.
    pub fn set_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch;
    }

    /// Returns how many points a unit of weight brings.
    pub const fn points_per_unit(&self) -> PointsPerUnit {
        self.points_per_unit
    }

    /// Returns how many members there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Says whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns the sum of all weights, in thousandths.
    pub const fn weight_of_all(&self) -> u64 {
        self.weight
    }

    /// Returns how many points there are.
    pub fn point_count(&self) -> usize {
        self.points.len()
    }

    /// Returns how many bytes the points take, with what leads to them; members come on top.
    pub fn point_bytes(&self) -> usize {
        self.points.bytes()
    }

    /// Returns the slot of the member with this name.
    pub fn slot(&self, name: &str) -> Option<Slot> {
        self.names.binary_search_by(|held| (**held).cmp(name)).ok().map(|place| Slot::new(place as u32))
    }

    /// Iterates over all slots, which are in the order of the names.
    pub fn slots(&self) -> impl DoubleEndedIterator<Item = Slot> + ExactSizeIterator + use<> {
        (0..self.len() as u32).map(Slot::new)
    }

    /// Returns the name of a member.
    ///
    /// # Panics
    ///
    /// Panics, as everything that takes a slot, if the slot is beyond the members.
    pub fn name(&self, slot: Slot) -> &Arc<str> {
        &self.names[slot.index()]
    }

    /// Returns the weight of a member.
    pub fn weight(&self, slot: Slot) -> Weight {
        self.weights[slot.index()]
    }

    /// Returns where a member stands.
    pub fn place(&self, slot: Slot) -> &Place {
        self.domains.place(slot)
    }

    /// Returns a member.
    pub fn member(&self, slot: Slot) -> Member {
        Member { name: self.name(slot).clone(), weight: self.weight(slot), place: self.place(slot).clone() }
    }

    /// Iterates over all members in the order of their names.
    pub fn members(&self) -> impl ExactSizeIterator<Item = Member> {
        self.slots().map(|slot| self.member(slot))
    }

    /// Iterates over all points with their members, clockwise from token zero.
    ///
    /// Of points at one token the first owns it and what lies before; the others own nothing until that one leaves.
    pub fn points(&self) -> impl Iterator<Item = (Token, Slot)> {
        self.points.iter()
    }

    /// Iterates over what each point owns, clockwise from the first point after token zero; points that own nothing are
    /// left out. Neighbours may be of one member.
    pub fn arcs(&self) -> impl Iterator<Item = (TokenRange, Slot)> {
        let last = self.points.iter().last().map(|(token, _)| token);
        self.points
            .iter()
            .scan((last, false), |(before, begun), (through, slot)| {
                let after = before.replace(through)?;
                // Behind the first point, one at the token of its predecessor owns nothing.
                let owns = !*begun || after != through;
                *begun = true;
                Some(owns.then_some((TokenRange { after, through }, slot)))
            })
            .flatten()
    }

    /// Returns how many of the 2^32 tokens each member owns, by slot.
    pub fn shares(&self) -> Vec<u64> {
        let mut shares = alloc::vec![0; self.len()];
        for (range, slot) in self.arcs() {
            shares[slot.index()] += range.tokens();
        }
        shares
    }

    /// Asserts everything that holds of a ring, in the time that it takes to build one: for tests and simulation.
    ///
    /// # Panics
    ///
    /// Panics if a bug broke an invariant: then the ring differs from the one that is built of its members.
    pub fn assert_invariants(&self) {
        let built = Self::build(self.points_per_unit, self.members()).map(|built| Self { epoch: self.epoch, ..built });
        assert!(built.as_ref() == Ok(self), "{self:?} is not the ring of its members");
    }

    /// Puts a member into all tables but that of the points.
    fn enter(&mut self, slot: Slot, member: &Member) {
        self.list(slot, member);
        self.domains.insert(slot, &member.place);
    }

    /// Puts a member into all tables but those of the points and of the domains.
    fn list(&mut self, slot: Slot, member: &Member) {
        self.names.insert(slot.index(), member.name.clone());
        self.weights.insert(slot.index(), member.weight);
        self.weight += u64::from(member.weight.thousandths());
        self.roster = self.roster.wrapping_add(roster_hash(member));
    }

    /// Takes a member out of all tables but that of the points.
    fn strike(&mut self, slot: Slot) {
        self.roster = self.roster.wrapping_sub(roster_hash(&self.member(slot)));
        self.names.remove(slot.index());
        let weight = self.weights.remove(slot.index());
        self.weight -= u64::from(weight.thousandths());
        self.domains.remove(slot);
    }

    /// Places the points of all members, `count` of them.
    fn place_all(&mut self, count: usize) {
        let mut points: Vec<u64> = Vec::with_capacity(count);
        for (name, slot) in self.names.iter().zip(0u64..) {
            let own = self.points_per_unit.points(self.weights[slot as usize]);
            point::for_each_token(name, own, |token| points.push(u64::from(token.get()) << 32 | slot));
        }
        points.sort_unstable();
        let sorted = points.iter().map(|point| (Token::new((point >> 32) as u32), Slot::new(*point as u32)));
        self.points = Points::pack(packed::bits(self.len(), count), sorted);
        let shared = points.windows(2).filter(|pair| pair[0] >> 32 == pair[1] >> 32);
        let shared: Vec<Token> = shared.map(|pair| Token::new((pair[0] >> 32) as u32)).collect();
        drop(points);
        self.settle(&shared);
    }
}

fn roster_hash(member: &Member) -> u64 {
    let Member { name, weight, place: Place { region, datacenter, rack } } = member;
    let seed = u64::from(weight.thousandths());
    [name, region, datacenter, rack].iter().fold(seed, |seed, text| xxh3_64_with_seed(text.as_bytes(), seed))
}

/// Hashes what the points follow from; equal rings have equal members.
impl Hash for Ring {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.epoch, self.points_per_unit, &self.names, &self.weights, self.roster).hash(state);
    }
}

/// Writes how much there is, for points come in thousands.
impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ring of {} members with {} points at {}", self.len(), self.point_count(), self.epoch)
    }
}
