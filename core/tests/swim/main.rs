//! The rules of a pool, one member at a time: what it believes, whom it tells, and what it never does.

mod bench;
mod hostile;
mod leaving;
mod probing;
mod pairs;
mod trust;
mod rules;
