//! The API of whole nodes, as a program asks it: nodes in this process, over a network of channels, each with a server on
//! the loopback interface.

mod access;
mod bad_input;
mod client;
mod cluster;
mod limits;
mod reads;
mod watching;
mod writes;
