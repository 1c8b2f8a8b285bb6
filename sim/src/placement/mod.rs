//! The members of a ring as a person lists them, and what their ring comes to in numbers.
//!
//! A [`NodeList`] is a file turned into the [`Ring`](delian_core::ring::Ring) that ships, with everything that is wrong
//! with the file. Shares of the circle are counted token by token and are exact; what is measured with sample keys says
//! so. The numbers are for people, so they may be floats: no decision rests on them.
//!
//! To read it: [`nodes`] and its forms, then [`evenness`] with [`collisions`] and [`sample`], which say how evenly keys
//! lie, [`movement`], which says what another list changes, and [`bins`] and [`plot`], which draw it.

pub mod nodes;
mod list;
mod table;
pub mod collisions;
pub mod evenness;
pub mod sample;
pub mod movement;
pub mod bins;
pub mod plot;

pub use self::bins::Bins;
pub use self::collisions::Collisions;
pub use self::evenness::{Evenness, Foretold, copies_borne};
pub use self::movement::{Flow, Movement};
pub use self::nodes::{Form, NodeList};
pub use self::sample::Sample;

/// How many tokens the circle has.
pub const CIRCLE: u64 = 1 << 32;

/// Returns a number of tokens as a part of the circle.
pub fn share(tokens: u64) -> f64 {
    tokens as f64 / CIRCLE as f64
}
