//! The API of whole nodes, as a program asks it: nodes in this process, over a network of channels, each with a server on
//! the loopback interface.

#![expect(clippy::unwrap_used, reason = "whatever is none in a test ends it")]

mod access;
mod bad_input;
mod client;
mod cluster;
mod limits;
mod reads;
mod watching;
mod writes;
