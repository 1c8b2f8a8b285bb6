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
mod sim;
mod store;
