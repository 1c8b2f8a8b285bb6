//! Values that are one of a few words, and what a node weighs.

use delian_core::Bytes;
use delian_core::node::Weigh;
use delian_core::ring::{Level, Rule};
use delian_core::swim::Fallback;

use super::super::options::{LogFormat, Mode, Role};
use super::super::plain::Plain;
use super::super::words::{choice, nearest, read_bytes, write_bytes};
use super::{Form, Writes};

/// One of a few words.
pub(in crate::config) struct Word;

impl Form for Word {
    fn kind() -> String {
        "word".to_string()
    }
}

/// A type whose values have words.
pub(super) trait Worded: Copy + PartialEq + 'static {
    /// Every value with its word.
    const WORDS: &'static [(&'static str, Self)];
}

impl Worded for Mode {
    const WORDS: &'static [(&'static str, Self)] = &[("tls", Self::Tls), ("dev", Self::Dev)];
}

impl Worded for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("human", Self::Human), ("json", Self::Json)];
}

impl Worded for Fallback {
    const WORDS: &'static [(&'static str, Self)] = &[("stream", Self::Stream), ("none", Self::None)];
}

impl Worded for Role {
    const WORDS: &'static [(&'static str, Self)] = &[("read", Self::Read), ("operate", Self::Operate)];
}

impl Worded for Rule {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("nodes", Self::Nodes),
        ("apart:rack", Self::Apart(Level::Rack)),
        ("apart:datacenter", Self::Apart(Level::Datacenter)),
        ("apart:region", Self::Apart(Level::Region)),
        ("spread:rack", Self::Spread(Level::Rack)),
        ("spread:datacenter", Self::Spread(Level::Datacenter)),
        ("spread:region", Self::Spread(Level::Region)),
    ];
}

impl<T: Worded> Writes<T> for Word {
    fn read(plain: &Plain) -> Result<T, String> {
        let words = || T::WORDS.iter().map(|(word, _)| *word);
        let typed = plain.as_text().unwrap_or_default();
        T::WORDS.iter().find(|(word, _)| *word == typed).map(|(_, value)| *value).ok_or_else(|| {
            let guess = nearest(typed, words()).map(|word| format!(": did you mean `{word}`?")).unwrap_or_default();
            format!("must be {}{guess}", choice(words()))
        })
    }

    fn write(value: &T) -> Plain {
        let word = T::WORDS.iter().find(|(_, other)| other == value).expect("every value has a word").0;
        Plain::text(word)
    }
}

/// What a node weighs in the ring.
pub(in crate::config) struct Weighing;

impl Form for Weighing {
    fn kind() -> String {
        "\"alike\", \"storage:SIZE\" or \"tag:NAME\"".to_string()
    }
}

impl Writes<Weigh> for Weighing {
    fn read(plain: &Plain) -> Result<Weigh, String> {
        let right = || r#"must be "alike", "storage:SIZE" such as "storage:1TiB", or "tag:NAME""#.to_string();
        match plain.as_text().map(|text| text.split_once(':').unwrap_or((text, ""))) {
            Some(("alike", "")) => Ok(Weigh::Alike),
            Some(("storage", size)) => match read_bytes(size) {
                Ok(unit) if unit > 0 => Ok(Weigh::ByStorage { unit: Bytes::new(unit) }),
                Ok(_) | Err(_) => Err(right()),
            },
            Some(("tag", name)) if !name.is_empty() => Ok(Weigh::ByTag(name.to_string())),
            Some(_) | None => Err(right()),
        }
    }

    fn write(value: &Weigh) -> Plain {
        Plain::text(match value {
            Weigh::Alike => "alike".to_string(),
            Weigh::ByStorage { unit } => format!("storage:{}", write_bytes(unit.get())),
            Weigh::ByTag(name) => format!("tag:{name}"),
        })
    }
}
