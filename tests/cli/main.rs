//! The command as a user drives it: real processes, real files, real exit codes.

mod api;
mod asking;
mod balance;
mod cert;
mod check;
mod desk;
mod node;
mod other;
mod pools;
mod replay;
mod ring;
mod shrink;
mod hunt;
#[cfg(all(unix, feature = "nats"))]
mod shared_hunt;
mod sim;
mod store;
