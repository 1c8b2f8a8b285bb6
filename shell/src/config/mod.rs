//! What a node runs under: layers of settings, of which the stronger wins.
//!
//! Defaults are weakest, then comes a TOML file, then the environment, then flags. One table, [`keys`], says of every key
//! what it is called, how it is written, what it sets and what it is for; reading, printing and the reference below follow
//! from it. Whatever is wrong is refused, all of it at once, with its place and the mend; nothing is guessed. What comes
//! out is an [`Effective`] configuration, whose numbers make sense together.
//!
//! This module opens no sockets and no stores, and it reads no files but the one that [`Sources::read_file`] is given.
#![doc = include_str!("reference.md")]

mod words;
mod plain;
mod forms;
mod options;
mod keys;
mod problem;
mod layers;
mod derive;
mod check;
mod print;
mod effective;

pub use effective::Effective;
pub use keys::{Key, keys};
pub use layers::{ENVIRONMENT_PREFIX, Flag, Plaintext, Sources};
pub use options::{
    ClusterOptions, Endpoint, Founder, HttpOptions, JournalOptions, LogFormat, LogOptions, Mode, NetworkOptions,
    NodeOptions, Options, Role, SecurityOptions, Token, TokenSecret,
};
pub use print::{Secrets, reference};
pub use problem::{Origin, Problem, Refused, Spot};
pub use words::{read_bytes, read_degrees, read_id, read_span, write_bytes, write_span};

#[cfg(test)]
mod tests;
