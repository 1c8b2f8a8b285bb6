//! The scenarios of `delian-sim` on the shell that ships: its driver, transport, certificates and store, on a network, a
//! clock and disks that a seed decides.
//!
//! It is a crate of its own because it needs both the simulator, for scenarios and plans, and the shell, which must not
//! know the simulator and which the simulator may do without. What runs is in `shells`, which exists only in a build
//! with `--cfg madsim` (`cargo xtask madsim` makes one); what judges and what is refused is plain code that every build
//! tests.
//!
//! One seed is one process: tokio's `select!` draws from a counter of the whole process, so that a second run in it would
//! not repeat what a first one did.

pub mod ability;
pub mod laid;
pub mod ledger;
pub mod verdict;
#[cfg(madsim)]
pub mod shells;

/// Fails the build where `cargo xtask madsim` asked for a simulated world and a `RUSTFLAGS` variable of the environment
/// took `--cfg madsim` away again: then nothing would run, and all of it would be green.
#[cfg(not(madsim))]
const _: () = assert!(
    option_env!("DELIAN_MADSIM").is_none(),
    "this build was to have `--cfg madsim` and does not: unset RUSTFLAGS, which overrides it"
);
