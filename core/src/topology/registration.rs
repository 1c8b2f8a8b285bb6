//! What a node says about itself when it registers, and which of it is acceptable.
//!
//! A registration is checked by the same rules where it is proposed, where it is applied and where it is decoded. The
//! rules look at nothing but the registration and the settings, so every replica decides alike.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use core::fmt;

use serde::{Deserialize, Serialize};

use super::refusal::{Field, Refusal};
use crate::config::TopologySettings;
use crate::ids::{Bytes, NodeId};
use crate::time::WallTime;

/// What the federation knows about one node, as the node or its operator stated it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Registration {
    /// The identity of the node; never zero.
    pub node: NodeId,
    /// The name by which people and the ring call the node; unique while the node is registered.
    pub name: String,
    /// The host name or IP address at which peers reach the node.
    pub address: String,
    /// The port at that address; never zero.
    pub port: u16,
    /// The rack, identified within its datacenter.
    pub rack: String,
    /// The datacenter, identified within its region.
    pub datacenter: String,
    /// The region.
    pub region: String,
    /// The place on the globe.
    pub coordinates: Coordinates,
    /// The storage of the node.
    pub total: Bytes,
    /// The part of the storage that was free at registration.
    pub free: Bytes,
    /// What an operator adds, such as `disk = nvme`. A map, so that a question about a key has at most one answer; a
    /// bare label is a key with an empty value.
    pub tags: BTreeMap<String, String>,
    /// When the node registered by its own wall clock.
    pub registered_at: WallTime,
}

impl Registration {
    /// Checks everything that can be judged without knowing the other registrations.
    ///
    /// # Errors
    ///
    /// Returns the first field that is not acceptable, with its value and the mend.
    pub fn validate(&self, settings: &TopologySettings) -> Result<(), Refusal> {
        if self.node == NodeId::ZERO {
            return Err(Refusal::NoIdentity);
        }
        let texts = [
            (Field::Name, &self.name),
            (Field::Address, &self.address),
            (Field::Rack, &self.rack),
            (Field::Datacenter, &self.datacenter),
            (Field::Region, &self.region),
        ];
        for (field, text) in texts {
            check_filled(field, text)?;
            check_text(field, text, settings.text_bytes_max)?;
        }
        if self.port == 0 {
            return Err(Refusal::NoPort);
        }
        if !self.coordinates.lie_on_the_globe() {
            return Err(Refusal::OffTheGlobe(self.coordinates));
        }
        if self.free > self.total {
            return Err(Refusal::FreeAboveTotal { free: self.free, total: self.total });
        }
        self.validate_tags(settings)
    }

    fn validate_tags(&self, settings: &TopologySettings) -> Result<(), Refusal> {
        if self.tags.len() > settings.tags_max {
            return Err(Refusal::TooManyTags { tags: self.tags.len(), max: settings.tags_max });
        }
        for (key, value) in &self.tags {
            check_filled(Field::TagKey, key)?;
            check_text(Field::TagKey, key, settings.text_bytes_max)?;
            check_text(Field::TagValue, value, settings.text_bytes_max)?;
        }
        Ok(())
    }
}

fn check_filled(field: Field, text: &str) -> Result<(), Refusal> {
    if text.chars().all(char::is_whitespace) { Err(Refusal::Blank(field)) } else { Ok(()) }
}

fn check_text(field: Field, text: &str, max: usize) -> Result<(), Refusal> {
    if text.len() > max {
        // The answer to an overlong text must not be as long itself.
        let starts = text.chars().take(32).collect();
        return Err(Refusal::TooLong { field, starts, bytes: text.len(), max });
    }
    if text.chars().any(char::is_control) {
        return Err(Refusal::ControlCharacter { field, text: text.to_string() });
    }
    Ok(())
}

/// An angle on the globe in millionths of a degree, about 11 cm at the equator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Microdegrees(i32);

impl Microdegrees {
    /// Wraps a number of millionths of a degree.
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// Returns the plain number of millionths of a degree.
    pub const fn get(self) -> i32 {
        self.0
    }
}

/// Writes degrees with six decimals, such as `-73.985656`.
impl fmt::Display for Microdegrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let size = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:06}", size / 1_000_000, size % 1_000_000)
    }
}

impl fmt::Debug for Microdegrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A place on the globe. Integers, because a float would not compare equal on every replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Coordinates {
    /// Degrees north of the equator: −90 to 90.
    pub latitude: Microdegrees,
    /// Degrees east of Greenwich: −180 to 180.
    pub longitude: Microdegrees,
}

impl Coordinates {
    /// Pairs a latitude with a longitude, both in millionths of a degree.
    pub const fn new(latitude: i32, longitude: i32) -> Self {
        Self { latitude: Microdegrees::new(latitude), longitude: Microdegrees::new(longitude) }
    }

    /// Says whether both angles are within their range.
    pub const fn lie_on_the_globe(self) -> bool {
        self.latitude.get().unsigned_abs() <= 90_000_000 && self.longitude.get().unsigned_abs() <= 180_000_000
    }
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.latitude, self.longitude)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::super::fixtures::{registration, settings};
    use super::*;

    fn refusal(change: impl FnOnce(&mut Registration)) -> String {
        let mut changed = registration(1, "ada");
        change(&mut changed);
        changed.validate(&settings()).expect_err("the change is not acceptable").to_string()
    }

    #[test]
    fn a_plain_registration_is_acceptable() {
        assert_eq!(registration(1, "ada").validate(&settings()), Ok(()));
    }

    #[test]
    fn the_limits_themselves_are_acceptable() {
        let mut full = registration(u64::MAX, "12345678");
        full.port = u16::MAX;
        full.coordinates = Coordinates::new(-90_000_000, 180_000_000);
        full.free = full.total;
        full.tags = [("12345678", "12345678"), ("label", "")].map(|(k, v)| (k.to_string(), v.to_string())).into();
        assert_eq!(full.validate(&settings()), Ok(()));
    }

    #[test]
    fn an_identity_of_zero_belongs_to_nobody() {
        assert_eq!(refusal(|r| r.node = NodeId::ZERO), "node n0 belongs to nobody: draw another identity");
    }

    #[test]
    fn every_text_is_filled_short_and_printable() {
        assert_eq!(refusal(|r| r.name = "  ".to_string()), "name is blank: give it a value");
        assert_eq!(refusal(|r| r.address = String::new()), "address is blank: give it a value");
        let long = refusal(|r| r.rack = "123456789".to_string());
        assert_eq!(long, "rack \"123456789\" has 9 bytes, but at most 8 fit: shorten it");
        let bell = refusal(|r| r.datacenter = "a\u{7}".to_string());
        assert_eq!(bell, "datacenter \"a\\u{7}\" contains a control character: use printable text");
        let feed = refusal(|r| r.region = "a\nb".to_string());
        assert_eq!(feed, "region \"a\\nb\" contains a control character: use printable text");
    }

    #[test]
    fn an_overlong_text_is_quoted_in_part() {
        let long = refusal(|r| r.name = "é".repeat(1000));
        assert!(long.contains(&"é".repeat(32)) && !long.contains(&"é".repeat(33)), "{long}");
    }

    #[test]
    fn numbers_stay_within_their_ranges() {
        assert_eq!(refusal(|r| r.port = 0), "port 0 reaches nobody: use 1 to 65535");
        let pole = "coordinates 90.000001, 0.000000 lie off the globe: \
                    latitude runs from -90 to 90 degrees, longitude from -180 to 180";
        assert_eq!(refusal(|r| r.coordinates = Coordinates::new(90_000_001, 0)), pole);
        assert!(refusal(|r| r.coordinates = Coordinates::new(0, i32::MIN)).starts_with("coordinates 0.000000, -2147"));
        let free = refusal(|r| r.free = Bytes::new(r.total.get() + 1));
        assert_eq!(free, "free storage of 1001 bytes exceeds the total of 1000 bytes: lower it");
    }

    #[test]
    fn tags_are_few_filled_and_printable() {
        let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let many = refusal(|r| r.tags = tags(&[("a", ""), ("b", ""), ("c", "")]));
        assert_eq!(many, "3 tags are above the maximum of 2: drop some");
        assert_eq!(refusal(|r| r.tags = tags(&[(" ", "x")])), "tag key is blank: give it a value");
        let value = refusal(|r| r.tags = tags(&[("a", "\0")]));
        assert_eq!(value, "tag value \"\\0\" contains a control character: use printable text");
    }
}
