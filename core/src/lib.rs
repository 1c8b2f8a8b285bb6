#![no_std]
//! The sans-IO core of Delian: it decides everything and does nothing.
//!
//! ```text
//!                Input                       Effect
//!  sockets ────────────▶ ┌──────────────┐ ────────────▶ sockets
//!  disk acknowledgements │     Node     │               disk
//!  commands, deadlines   │ raft·topology│               replies
//!                        └──────────────┘               events
//! ```
//!
//! A driver feeds one [`Input`] at a time to a [`Node`] and carries out the [`Effect`]s it finds in the [`Outbox`].
//! The core has no clock, no socket, no disk and no randomness but its seed, so equal inputs make equal decisions on
//! every machine, and the same code runs in production, in the simulator and in the model checker.
//!
//! To read it: [`io`] is the whole border; [`time`], [`ids`], [`condition`], [`rng`] and [`config`] are its vocabulary; [`raft`] agrees
//! on a log, [`topology`] is what the log builds, [`node`] joins the two, and [`wire`] turns messages into bytes. Beside
//! them, [`swim`] says who can be reached, [`health`] who fares how, [`ring`] where a key lives, and [`balance`] who serves
//! a request:
//!
//! ```text
//!  registered names ──▶ topology ──▶ Ring ──▶ owner, replicas, what moves
//!                                     ▲
//!                        Eligible ────┘ who must not be asked is walked past
//!                                     │
//!  request, candidates ──▶ balance::Balancer ──▶ Choice: who, and why
//!                              ▲
//!            answers, reports ─┘ liveness
//! ```

extern crate alloc;

pub mod time;
pub mod ids;
pub mod condition;
pub mod rng;
pub mod config;
mod codec;
pub mod projection;
pub mod io;
pub mod wire;
pub mod raft;
pub mod swim;
pub mod ring;
pub mod balance;
pub mod health;
pub mod topology;
pub mod observe;
pub mod node;

pub use config::{Config, ConfigError, Settings};
pub use ids::{Blob, Boot, Bytes, Epoch, FeatureLevel, Incarnation, LogIndex, NodeId, Position, RequestId};
pub use ids::{Sequence, SessionId, Term, WriteId};
pub use io::{Applied, Consistency, Effect, Event, Halt, Input, Outbox, ReadAt, Rejected, Wake, WakeReason};
pub use node::{Node, Operation, RoleName, SessionRequest, Sessions, Status};
pub use rng::{Seed, Stream};
pub use time::{Time, WallTime};
pub use topology::Topology;
pub use wire::{DecodeError, Message};
