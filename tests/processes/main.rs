//! Real processes on loopback: what the shell promises when they are killed, stopped, wiped, damaged and shouted at.

mod api;
mod disks;
mod failures;
mod federation;
mod forming;
mod history;
mod hostile;
