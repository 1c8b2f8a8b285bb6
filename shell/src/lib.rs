//! The shell of Delian: it carries everything and decides nothing.
//!
//! ```text
//!  sockets ──▶ transport ──▶ ┌────────┐ ──▶ transport ──▶ sockets
//!  disk ◀──▶ store ────────▶ │ driver │ ──▶ store
//!  Handle ─────────────────▶ │  Node  │ ──▶ replies, journal of events, the embedder's state machine
//!  clock ──────────────────▶ └────────┘
//! ```
//!
//! One task per node, the [`driver`], turns what happens into inputs of [`delian_core::Node`] and carries out every effect.
//! Whatever it stands on can be replaced: [`transport::Network`] sends, [`store::Store`] keeps, [`clock::Clock`] tells the
//! time, [`host::Host`] is the machine under a daemon and [`machine::StateMachine`] the embedder's own replicated state.
//! [`Cluster::builder`] puts them together; [`Handle`] is how a program, the HTTP API and the command line talk to a
//! running node.
#![cfg_attr(madsim, expect(deprecated, reason = "a simulated world runs at once what would block, and warns of it"))]

pub mod clock;
pub mod host;
pub mod machine;
pub mod store;
pub mod security;
pub mod transport;
pub mod journal;
pub mod handle;
pub mod driver;
pub mod cluster;
pub mod config;
pub mod daemon;
pub mod shapes;
pub mod telemetry;
pub mod http;
pub mod dashboard;

pub use delian_core;

pub use cluster::{Builder, Cluster, StartError};
pub use handle::{Failure, Handle};
