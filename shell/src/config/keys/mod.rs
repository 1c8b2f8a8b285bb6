//! Every key, in the order in which it is printed: its name, how it is written, what it sets and what it is for.
//!
//! A key stands here once. Its default is that of [`Options::default`]; the sentence beside it says what the value is for
//! and why the default is what it is.

mod node;
mod network;
mod raft;
mod pool;
mod health;

use super::options::Options;
use super::plain::Plain;

/// A key of the configuration.
#[derive(Debug)]
pub struct Key {
    /// Section and name, such as `http.listen`.
    pub name: &'static str,
    /// What it is for, and why the default is what it is.
    pub about: &'static str,
    /// Which part of the options it sets.
    pub(super) path: &'static [&'static str],
    pub(super) kind: fn() -> String,
    pub(super) meant: fn(&str) -> Plain,
    pub(super) redacted: fn(Plain) -> Plain,
    pub(super) get: fn(&Options) -> Plain,
    pub(super) set: fn(&mut Options, &Plain) -> Result<(), String>,
}

/// The keys of each section, in their order.
const SECTIONS: [&[Key]; 12] = [
    node::NODE,
    node::CLUSTER,
    network::NETWORK,
    network::SECURITY,
    network::HTTP,
    raft::RAFT,
    raft::TOPOLOGY,
    pool::POOL,
    pool::WIDE_POOL,
    health::HEALTH,
    health::RING,
    node::LOG,
];

/// Returns every key, section by section.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    SECTIONS.into_iter().flatten()
}

impl Key {
    /// Returns the key of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        keys().find(|key| key.name == name)
    }

    /// Returns the section, such as `http`.
    pub fn section(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(section, _)| section)
    }

    /// Returns the name within the section, such as `listen`.
    pub fn stem(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(_, stem)| stem)
    }

    /// Returns the variable of the environment that sets it, such as `DELIAN_HTTP_LISTEN`.
    pub fn variable(&self) -> String {
        format!("{}{}", super::layers::ENVIRONMENT_PREFIX, self.name.replace('.', "_").to_uppercase())
    }

    /// Says in a few words how it is written.
    pub fn kind(&self) -> String {
        (self.kind)()
    }

    /// Returns the default as TOML writes it.
    pub fn default_value(&self) -> String {
        (self.get)(&Options::default()).to_string()
    }

    /// Returns the key that sets this part of the options.
    pub(super) fn of_path(path: &[&str]) -> Option<&'static Self> {
        keys().find(|key| key.path == path)
    }
}

/// Writes a table of keys: form, name, part of the options, sentence.
macro_rules! table {
    ($($form:ty, $name:expr, $($path:ident).+, $about:expr;)*) => {
        &[$(crate::config::keys::Key {
            name: $name,
            about: $about,
            path: &[$(stringify!($path)),+],
            kind: <$form as crate::config::forms::Form>::kind,
            meant: <$form as crate::config::forms::Form>::meant,
            redacted: <$form as crate::config::forms::Form>::redacted,
            get: |options| <$form as crate::config::forms::Writes<_>>::write(&options.$($path).+),
            set: |options, plain| {
                options.$($path).+ = <$form as crate::config::forms::Writes<_>>::read(plain)?;
                Ok(())
            },
        }),*]
    };
}

use table;
