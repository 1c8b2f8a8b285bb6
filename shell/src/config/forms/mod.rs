//! How a value is written, one form per kind of value.
//!
//! A form reads what was written into the type that a key sets, and writes it back. A text from the environment or a flag
//! is read as TOML would have it without quotes; lists and tables may be written as TOML, or with commas.

mod tokens;
mod word;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(super) use self::tokens::Tokens;
pub(super) use self::word::{Weighing, Word};

use delian_core::ring::PointsPerUnit;
use delian_core::topology::Microdegrees;
use delian_core::{FeatureLevel, NodeId};

use super::options::{Endpoint, Founder};
use super::plain::Plain;
use super::words::{read_bytes, read_degrees, read_id, read_span, write_bytes, write_span};

/// A way of writing.
pub(super) trait Form {
    /// Says in a few words what is written.
    fn kind() -> String;

    /// Returns what a text without quotes is meant as.
    fn meant(text: &str) -> Plain {
        Plain::text(text)
    }

    /// Returns it without what must not be shown.
    fn redacted(plain: Plain) -> Plain {
        plain
    }
}

/// A form that writes values of a type.
pub(super) trait Writes<T>: Form {
    /// Reads a value; else says what would be right, in words that follow "but".
    fn read(plain: &Plain) -> Result<T, String>;

    /// Writes a value.
    fn write(value: &T) -> Plain;
}

/// Any text, also an empty one.
pub(super) struct Text;

impl Form for Text {
    fn kind() -> String {
        "text".to_string()
    }
}

impl Writes<String> for Text {
    fn read(plain: &Plain) -> Result<String, String> {
        text(plain, "must be a text in quotes").map(str::to_string)
    }

    fn write(value: &String) -> Plain {
        Plain::text(value)
    }
}

/// A file or folder.
pub(super) struct Path;

impl Form for Path {
    fn kind() -> String {
        "path".to_string()
    }
}

impl Writes<PathBuf> for Path {
    fn read(plain: &Plain) -> Result<PathBuf, String> {
        text(plain, "must be a path in quotes").map(PathBuf::from)
    }

    fn write(value: &PathBuf) -> Plain {
        // Paths come from texts alone, so nothing is lost.
        Plain::text(value.to_string_lossy())
    }
}

/// A whole number.
pub(super) struct Count;

impl Form for Count {
    fn kind() -> String {
        "number".to_string()
    }

    fn meant(text: &str) -> Plain {
        text.parse().map_or_else(|_| Plain::text(text), Plain::Integer)
    }
}

/// A type for whole numbers.
pub(super) trait Whole: Copy + TryFrom<i128> + Into<i128> {
    const MAX: Self;
}

macro_rules! whole {
    ($($number:ty),*) => { $(impl Whole for $number { const MAX: Self = <$number>::MAX; })* };
}

whole!(u8, u16, u32, u64);

impl<T: Whole> Writes<T> for Count {
    fn read(plain: &Plain) -> Result<T, String> {
        let number = if let Plain::Integer(number) = plain { T::try_from(*number).ok() } else { None };
        number.ok_or_else(|| format!("must be a whole number from 0 to {}", T::MAX.into()))
    }

    fn write(value: &T) -> Plain {
        Plain::Integer((*value).into())
    }
}

/// As many things as memory may hold: a number that is a `usize`, and reads alike on every machine.
impl Writes<usize> for Count {
    fn read(plain: &Plain) -> Result<usize, String> {
        let number: u64 = Self::read(plain)?;
        usize::try_from(number).map_err(|_| format!("must be a whole number from 0 to {}", usize::MAX))
    }

    fn write(value: &usize) -> Plain {
        Plain::Integer(*value as i128)
    }
}

impl Writes<FeatureLevel> for Count {
    fn read(plain: &Plain) -> Result<FeatureLevel, String> {
        Self::read(plain).map(FeatureLevel::new)
    }

    fn write(value: &FeatureLevel) -> Plain {
        Self::write(&value.get())
    }
}

impl Writes<PointsPerUnit> for Count {
    fn read(plain: &Plain) -> Result<PointsPerUnit, String> {
        let points: Result<u16, String> = Self::read(plain);
        let points = points.ok().and_then(|points| PointsPerUnit::new(points).ok());
        points.ok_or_else(|| format!("must be a whole number from 1 to {}", PointsPerUnit::MAX.get()))
    }

    fn write(value: &PointsPerUnit) -> Plain {
        Self::write(&value.get())
    }
}

/// A number of bytes.
pub(super) struct Size;

impl Form for Size {
    fn kind() -> String {
        "size".to_string()
    }

    fn meant(text: &str) -> Plain {
        Count::meant(text)
    }
}

impl Writes<u64> for Size {
    fn read(plain: &Plain) -> Result<u64, String> {
        if let Plain::Integer(number) = plain {
            return u64::try_from(*number).map_err(|_| "must be from 0 to less than 2^64".to_string());
        }
        read_bytes(plain.as_text().unwrap_or_default())
    }

    fn write(value: &u64) -> Plain {
        Plain::text(write_bytes(*value))
    }
}

impl Writes<usize> for Size {
    fn read(plain: &Plain) -> Result<usize, String> {
        let bytes: u64 = Self::read(plain)?;
        usize::try_from(bytes).map_err(|_| format!("must be at most {} on this machine", usize::MAX))
    }

    fn write(value: &usize) -> Plain {
        Self::write(&(*value as u64))
    }
}

/// A length of time.
pub(super) struct Span;

impl Form for Span {
    fn kind() -> String {
        "time".to_string()
    }
}

impl Writes<Duration> for Span {
    fn read(plain: &Plain) -> Result<Duration, String> {
        read_span(plain.as_text().unwrap_or_default())
    }

    fn write(value: &Duration) -> Plain {
        Plain::text(write_span(*value))
    }
}

/// Yes or no.
pub(super) struct Truth;

impl Form for Truth {
    fn kind() -> String {
        "true or false".to_string()
    }

    fn meant(text: &str) -> Plain {
        text.parse().map_or_else(|_| Plain::text(text), Plain::Truth)
    }
}

impl Writes<bool> for Truth {
    fn read(plain: &Plain) -> Result<bool, String> {
        if let Plain::Truth(truth) = plain { Ok(*truth) } else { Err("must be true or false".to_string()) }
    }

    fn write(value: &bool) -> Plain {
        Plain::Truth(*value)
    }
}

/// An identity.
pub(super) struct Id;

impl Form for Id {
    fn kind() -> String {
        "identity".to_string()
    }
}

impl Writes<NodeId> for Id {
    fn read(plain: &Plain) -> Result<NodeId, String> {
        read_id(plain.as_text().unwrap_or_default())
    }

    fn write(value: &NodeId) -> Plain {
        Plain::text(value.to_string())
    }
}

/// An IP address and a port.
pub(super) struct Address;

impl Form for Address {
    fn kind() -> String {
        "address".to_string()
    }
}

impl Writes<SocketAddr> for Address {
    fn read(plain: &Plain) -> Result<SocketAddr, String> {
        let right = r#"must be an IP address and a port, such as "127.0.0.1:7400" or "[::1]:7400""#;
        text(plain, right)?.parse().map_err(|_| right.to_string())
    }

    fn write(value: &SocketAddr) -> Plain {
        Plain::text(value.to_string())
    }
}

/// A host and a port.
pub(super) struct Host;

impl Form for Host {
    fn kind() -> String {
        "host and port".to_string()
    }
}

impl Writes<Endpoint> for Host {
    fn read(plain: &Plain) -> Result<Endpoint, String> {
        plain.as_text().unwrap_or_default().parse()
    }

    fn write(value: &Endpoint) -> Plain {
        Plain::text(value.to_string())
    }
}

/// An identity and where it is reached.
pub(super) struct IdAtHost;

impl Form for IdAtHost {
    fn kind() -> String {
        "ID@ADDRESS".to_string()
    }
}

impl Writes<Founder> for IdAtHost {
    fn read(plain: &Plain) -> Result<Founder, String> {
        let right = || r#"must be an identity at a host and port, such as "n1@10.0.0.1:7400""#.to_string();
        let (id, address) = plain.as_text().and_then(|text| text.split_once('@')).ok_or_else(right)?;
        let (id, address) = (read_id(id).map_err(|_| right())?, address.parse().map_err(|_| right())?);
        Ok(Founder { id, address })
    }

    fn write(value: &Founder) -> Plain {
        Plain::text(format!("{}@{}", value.id, value.address))
    }
}

/// A value, or the word `none`.
pub(super) struct Optional<F>(F);

/// What stands for nothing.
const NONE: &str = "none";

impl<F: Form> Form for Optional<F> {
    fn kind() -> String {
        format!("{} or \"{NONE}\"", F::kind())
    }

    fn meant(text: &str) -> Plain {
        if text == NONE { Plain::text(text) } else { F::meant(text) }
    }
}

impl<T, F: Writes<T>> Writes<Option<T>> for Optional<F> {
    fn read(plain: &Plain) -> Result<Option<T>, String> {
        if plain.as_text() == Some(NONE) {
            return Ok(None);
        }
        F::read(plain).map(Some).map_err(|right| format!("{right}, or \"{NONE}\""))
    }

    fn write(value: &Option<T>) -> Plain {
        value.as_ref().map_or_else(|| Plain::text(NONE), F::write)
    }
}

/// Several values.
pub(super) struct ListOf<F>(F);

impl<F: Form> Form for ListOf<F> {
    fn kind() -> String {
        format!("list of {}", F::kind())
    }

    fn meant(text: &str) -> Plain {
        // An address of IPv6 begins with a bracket, too, and is no list.
        if let Some(list @ Plain::List(_)) = Plain::parse(text) {
            return list;
        }
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        Plain::List(items.map(F::meant).collect())
    }
}

impl<T, F: Writes<T>> Writes<Vec<T>> for ListOf<F> {
    fn read(plain: &Plain) -> Result<Vec<T>, String> {
        let Plain::List(items) = plain else { return Err(format!("must be a {}, in brackets", Self::kind())) };
        let item = |item: &Plain| F::read(item).map_err(|right| format!("{item} in it {right}"));
        items.iter().map(item).collect()
    }

    fn write(value: &Vec<T>) -> Plain {
        Plain::List(value.iter().map(F::write).collect())
    }
}

/// Texts by key.
pub(super) struct Labels;

impl Form for Labels {
    fn kind() -> String {
        "table of texts".to_string()
    }

    fn meant(text: &str) -> Plain {
        if let Some(table @ Plain::Table(_)) = Plain::parse(text) {
            return table;
        }
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let pair = |item: &str| {
            let (key, value) = item.split_once('=').unwrap_or((item, ""));
            (key.trim().to_string(), Plain::text(value.trim()))
        };
        Plain::Table(items.map(pair).collect())
    }
}

impl Writes<BTreeMap<String, String>> for Labels {
    fn read(plain: &Plain) -> Result<BTreeMap<String, String>, String> {
        let right = r#"must be a table of texts, such as { disk = "nvme" }"#;
        let Plain::Table(table) = plain else { return Err(right.to_string()) };
        table.iter().map(|(key, value)| Ok((key.clone(), text(value, right)?.to_string()))).collect()
    }

    fn write(value: &BTreeMap<String, String>) -> Plain {
        Plain::Table(value.iter().map(|(key, value)| (key.clone(), Plain::text(value))).collect())
    }
}

/// Degrees with at most six decimals.
pub(super) struct Degrees;

impl Form for Degrees {
    fn kind() -> String {
        "degrees".to_string()
    }

    fn meant(text: &str) -> Plain {
        text.parse().map_or_else(|_| Plain::Float(text.to_string()), Plain::Integer)
    }
}

impl Writes<Microdegrees> for Degrees {
    fn read(plain: &Plain) -> Result<Microdegrees, String> {
        let written = match plain {
            Plain::Integer(whole) => whole.to_string(),
            Plain::Float(written) => written.clone(),
            Plain::Text(_) | Plain::Truth(_) | Plain::Moment(_) | Plain::List(_) | Plain::Table(_) => String::new(),
        };
        read_degrees(&written)
    }

    fn write(value: &Microdegrees) -> Plain {
        Plain::Float(value.to_string())
    }
}

fn text<'p>(plain: &'p Plain, right: &str) -> Result<&'p str, String> {
    plain.as_text().ok_or_else(|| right.to_string())
}
