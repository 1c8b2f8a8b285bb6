//! Delian for embedders: the deciding core and the simulator that tries to break it, under one name.
//!
//! [`delian_core`] is the state machine that a driver runs; [`delian_sim`] runs it in a virtual world. The types that
//! nearly every embedder names are here at the top.
//!
//! A state machine of your own, fed by `Custom` commands, is proven like the topology: implement
//! [`Embedder`], write a scenario, run it over seeds.
//!
//! ```
//! use std::sync::Arc;
//!
//! use delian::delian_core::Applied;
//! use delian::delian_sim::report::Color;
//! use delian::{Action, Embedder, EmbedderFactory, Scenario, Target, run_seeds, secs};
//!
//! /// Counts the commands that were committed.
//! struct Counter(u64);
//!
//! impl Embedder for Counter {
//!     fn apply(&mut self, _: Applied, _: &[u8]) {
//!         self.0 += 1;
//!     }
//!     fn capture(&self) -> Vec<u8> {
//!         self.0.to_le_bytes().to_vec()
//!     }
//!     fn restore(&mut self, state: &[u8]) {
//!         self.0 = state.try_into().map_or(0, u64::from_le_bytes);
//!     }
//!     fn fingerprint(&self) -> u64 {
//!         self.0
//!     }
//!     fn fork(&self) -> Box<dyn Embedder> {
//!         Box::new(Counter(self.0))
//!     }
//! }
//!
//! let scenario = Scenario::build("every-node-counts-the-same")
//!     .about("A command is counted once on every node.")
//!     .chaos(secs(20))
//!     .at(secs(5))
//!     .operation(1, Target::Leader, Action::Custom(b"count me".to_vec()))
//!     .expect_at_least("acknowledged", 1)
//!     .finish()
//!     .expect("the scenario makes sense");
//! let counters: EmbedderFactory = Arc::new(|| Box::new(Counter(0)));
//! let report = run_seeds(&Arc::new(scenario), 0..3, &counters);
//! assert!(report.ok(), "{}", report.to_terminal(100, Color::Off));
//! ```

pub use delian_core;
pub use delian_sim;

pub use delian_core::{Config, Effect, Event, Input, Node, NodeId, Outbox, Seed, Settings, Time, Topology};
pub use delian_sim::embedder::Embedder;
pub use delian_sim::report::Report;
pub use delian_sim::run::run_seeds;
pub use delian_sim::scenario::{Action, Fault, Scenario, Target, millis, secs};
pub use delian_sim::world::EmbedderFactory;
