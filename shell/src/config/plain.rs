//! A value as it is written, before anybody knows what it means.

use std::collections::BTreeMap;
use std::fmt;

use toml::de::DeValue;

/// A value of a configuration, in the forms that TOML has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    Text(String),
    Integer(i128),
    /// A number with decimals, as it was written.
    Float(String),
    Truth(bool),
    /// A date or a time of day, which no key takes.
    Moment(String),
    List(Vec<Self>),
    Table(BTreeMap<String, Self>),
}

impl Plain {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Takes a value of a parsed document.
    pub(super) fn of(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::text(text.as_ref()),
            // Beyond 128 bits an integer is out of every range here, as the greatest one is.
            DeValue::Integer(integer) => {
                Self::Integer(i128::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(i128::MAX))
            }
            DeValue::Float(float) => Self::Float(float.as_str().to_string()),
            DeValue::Boolean(truth) => Self::Truth(*truth),
            DeValue::Datetime(moment) => Self::Moment(moment.to_string()),
            DeValue::Array(items) => Self::List(items.iter().map(|item| Self::of(item.get_ref())).collect()),
            DeValue::Table(table) => {
                let entries = table.iter().map(|(key, value)| (key.get_ref().to_string(), Self::of(value.get_ref())));
                Self::Table(entries.collect())
            }
        }
    }

    /// Takes a text that is written as TOML writes a value, such as `["a", "b"]`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        DeValue::parse(text).ok().map(|value| Self::of(value.get_ref()))
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Integer(_) | Self::Float(_) | Self::Truth(_) | Self::Moment(_) | Self::List(_) | Self::Table(_) => {
                None
            }
        }
    }

    /// Returns it as JSON has it.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) | Self::Moment(text) => text.as_str().into(),
            Self::Integer(number) => match u64::try_from(*number) {
                Ok(number) => number.into(),
                Err(_) => number.to_string().into(),
            },
            Self::Float(text) => text.parse::<f64>().map_or_else(|_| text.as_str().into(), Into::into),
            Self::Truth(truth) => (*truth).into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Table(table) => table.iter().map(|(key, value)| (key.clone(), value.to_json())).collect(),
        }
    }
}

/// Writes it as TOML has it, on one line.
impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write_text(f, text),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(text) | Self::Moment(text) => f.write_str(text),
            Self::Truth(truth) => write!(f, "{truth}"),
            Self::List(items) => {
                f.write_str("[")?;
                for (number, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if number == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Table(table) if table.is_empty() => f.write_str("{}"),
            Self::Table(table) => {
                f.write_str("{ ")?;
                for (number, (key, value)) in table.iter().enumerate() {
                    f.write_str(if number == 0 { "" } else { ", " })?;
                    write_key(f, key)?;
                    write!(f, " = {value}")?;
                }
                f.write_str(" }")
            }
        }
    }
}

fn write_key(f: &mut fmt::Formatter<'_>, key: &str) -> fmt::Result {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.is_empty() && key.bytes().all(is_bare) { f.write_str(key) } else { write_text(f, key) }
}

/// Writes a basic string (TOML 1.0, section String).
fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for letter in text.chars() {
        match letter {
            '"' | '\\' => write!(f, "\\{letter}")?,
            _ if letter.is_control() => write!(f, "\\u{:04X}", u32::from(letter))?,
            _ => write!(f, "{letter}")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plains() -> impl Strategy<Value = Plain> {
        let leaves = prop_oneof![
            any::<String>().prop_map(Plain::Text),
            any::<i64>().prop_map(|number| Plain::Integer(number.into())),
            any::<bool>().prop_map(Plain::Truth),
        ];
        leaves.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Plain::List),
                prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(Plain::Table),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_toml_and_reads_back(plain in plains()) {
            prop_assert_eq!(Plain::parse(&plain.to_string()), Some(plain));
        }
    }
}
