//! The autopilot: its rules, one fact each, and its laws against a deliberately dumb cluster.

mod cluster;
mod facts;
mod laws;
