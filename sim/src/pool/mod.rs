//! A world of pools: thousands of members on simulated links and clocks.
//!
//! The world of [`crate::world`] runs a few whole nodes with their disks; this one runs very many members of a
//! membership protocol and nothing else. It is generic over the protocol, so that a peer's can be measured on the same
//! network, under the same faults, by the same oracle. One thread, one ordered queue, all randomness from one seed.

mod wheel;
mod network;
mod participant;
mod member;
mod shared;
mod world;
mod truth;
mod invariants;
mod calibration;
pub mod scenario;
pub mod plan;
mod watch;
mod stage;
mod run;

pub use self::calibration::FalseSuspicion;
pub use self::invariants::{Breach, Detection, Facts, Oracle, catalogue};
pub use self::member::{Life, Member, address_of, card_of, home_of};
pub use self::network::{Links, Path};
pub use self::participant::{Carrier, Letter, Note, Participant, Sink};
pub use self::run::{pool_catalogue, run_pool, run_pool_plan, run_pool_traced};
pub use self::shared::SharedView;
pub use self::truth::{End, Lifetime, Truth};
pub use self::wheel::{Ordering, Queue};
pub use self::world::{Service, Traffic, Watcher, World};
