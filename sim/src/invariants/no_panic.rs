//! No input may make a node panic: what it cannot go on from, it halts for. Whoever runs a world catches the panic.

use super::Invariant;

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub struct NoPanic;

impl Invariant for NoPanic {
    const NAME: &'static str = "no-panic";
    const SENTENCE: &'static str = "No message, no disk and no clock makes a node panic.";
}
