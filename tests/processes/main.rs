//! Real processes on loopback: what the shell promises when they are killed, stopped, wiped, damaged and shouted at.

#![expect(clippy::disallowed_methods, reason = "real processes are waited for in real time")]

mod api;
mod demo;
mod disks;
mod failures;
mod federation;
mod forming;
mod history;
mod hostile;
mod worlds;
