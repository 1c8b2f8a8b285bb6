//! Where nodes stand, and what fails together with them.
//!
//! Racks of the same name in two datacenters are two racks, so a failure domain is known by the whole way to it. Domains
//! of one level are numbered in the order of these ways, which depends on the members alone.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::Slot;

/// How far a failure reaches, from the widest to the narrowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A region.
    Region,
    /// A datacenter of a region.
    Datacenter,
    /// A rack of a datacenter.
    Rack,
}

impl Level {
    /// All levels, the widest first.
    pub const ALL: [Self; 3] = [Self::Region, Self::Datacenter, Self::Rack];

    /// Returns this level and the wider ones.
    pub(super) fn and_wider(self) -> &'static [Self] {
        &Self::ALL[..=self as usize]
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Region => "region",
            Self::Datacenter => "datacenter",
            Self::Rack => "rack",
        })
    }
}

/// Where a node stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The region.
    pub region: Arc<str>,
    /// The datacenter, identified within its region.
    pub datacenter: Arc<str>,
    /// The rack, identified within its datacenter.
    pub rack: Arc<str>,
}

impl Place {
    /// Returns the rack of a datacenter of a region.
    pub fn new(region: &str, datacenter: &str, rack: &str) -> Self {
        Self { region: region.into(), datacenter: datacenter.into(), rack: rack.into() }
    }

    /// Returns the way to the domain of a level, blank below it.
    fn way(&self, level: Level) -> [&str; 3] {
        match level {
            Level::Region => [&self.region, "", ""],
            Level::Datacenter => [&self.region, &self.datacenter, ""],
            Level::Rack => [&self.region, &self.datacenter, &self.rack],
        }
    }

    /// Returns the place with what lies below a level left blank.
    fn down_to(&self, level: Level) -> Self {
        let [region, datacenter, rack] = self.way(level);
        if level == Level::Rack { self.clone() } else { Self::new(region, datacenter, rack) }
    }
}

/// Writes `region/datacenter/rack`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.region, self.datacenter, self.rack)
    }
}

/// The number of a failure domain among those of its level.
pub(super) type DomainIndex = u32;

/// The failure domains of all members, by level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Domains {
    levels: [Domain; 3],
}

/// The failure domains of one level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Domain {
    /// In order, each with the number of its nodes. What lies below the level is blank.
    ways: Vec<(Place, u32)>,
    /// By slot.
    of: Vec<DomainIndex>,
}

impl Domains {
    /// Returns the domains of members that stand at these places, by slot.
    pub(super) fn build(places: &[&Place]) -> Self {
        Self { levels: Level::ALL.map(|level| Domain::build(level, places)) }
    }

    /// Puts in the member at a new slot: those from it on move up by one.
    pub(super) fn insert(&mut self, slot: Slot, place: &Place) {
        for level in Level::ALL {
            self.levels[level as usize].insert(slot, level, place);
        }
    }

    /// Takes out the member at a slot: those behind it move down by one.
    pub(super) fn remove(&mut self, slot: Slot) {
        for domain in &mut self.levels {
            domain.remove(slot);
        }
    }

    /// Returns the number of the domain in which a member stands.
    #[inline]
    pub(super) fn of(&self, level: Level, slot: Slot) -> DomainIndex {
        self.levels[level as usize].of[slot.index()]
    }

    /// Returns how many domains a level has.
    pub(super) fn count(&self, level: Level) -> usize {
        self.levels[level as usize].ways.len()
    }

    /// Returns how many nodes each domain of a level has.
    pub(super) fn nodes(&self, level: Level) -> impl Iterator<Item = u32> {
        self.levels[level as usize].ways.iter().map(|(_, nodes)| *nodes)
    }

    /// Returns where a member stands.
    pub(super) fn place(&self, slot: Slot) -> &Place {
        let racks = &self.levels[Level::Rack as usize];
        &racks.ways[racks.of[slot.index()] as usize].0
    }
}

impl Domain {
    fn build(level: Level, places: &[&Place]) -> Self {
        let mut slots: BTreeMap<[&str; 3], Vec<usize>> = BTreeMap::new();
        for (slot, place) in places.iter().enumerate() {
            slots.entry(place.way(level)).or_default().push(slot);
        }
        let mut of = vec![0; places.len()];
        let number = |(slots, index): (Vec<usize>, DomainIndex)| {
            for slot in &slots {
                of[*slot] = index;
            }
            (places[slots[0]].down_to(level), slots.len() as u32)
        };
        let ways = slots.into_values().zip(0..).map(number).collect();
        Self { ways, of }
    }

    fn insert(&mut self, slot: Slot, level: Level, place: &Place) {
        let found = self.ways.binary_search_by(|(way, _)| way.way(level).cmp(&place.way(level)));
        let index = match found {
            Ok(index) => {
                self.ways[index].1 += 1;
                index
            }
            Err(index) => {
                self.ways.insert(index, (place.down_to(level), 1));
                self.of.iter_mut().for_each(|of| *of += u32::from(*of >= index as DomainIndex));
                index
            }
        };
        self.of.insert(slot.index(), index as DomainIndex);
    }

    fn remove(&mut self, slot: Slot) {
        let index = self.of.remove(slot.index());
        let nodes = &mut self.ways[index as usize].1;
        *nodes -= 1;
        if *nodes == 0 {
            self.ways.remove(index as usize);
            self.of.iter_mut().for_each(|of| *of -= u32::from(*of > index));
        }
    }
}
