#![no_std]
//! The sans-IO core of Delian.
extern crate alloc;

pub mod config;
pub mod ids;
pub mod rng;
pub mod time;

pub use config::{Config, ConfigError, Settings};
pub use ids::{Blob, Boot, Epoch, LogIndex, NodeId, Position, RequestId, Term, WriteId};
pub use rng::{Seed, Stream};
pub use time::Time;
