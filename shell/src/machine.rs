//! The embedder's own replicated state.

use delian_core::{Applied, NodeId};

/// A deterministic state machine that every member of the log holds a copy of.
///
/// The driver calls it on its own task, in the order of the log, so what it does must be quick: hand long work on.
pub trait StateMachine: Send + 'static {
    /// Takes in a committed [`Custom`](delian_core::topology::Command::Custom) command. All copies get the same commands
    /// in the same order, and must come to the same state: no clocks, no chance, nothing read from elsewhere.
    fn apply(&mut self, applied: Applied, command: &[u8]);

    /// Returns the state as of the last command, as bytes from which [`StateMachine::restore`] makes the same state.
    fn capture(&self) -> Vec<u8>;

    /// Replaces the state by one that a copy captured; no bytes mean the state before the first command.
    fn restore(&mut self, state: &[u8]);

    /// Hears what another node's embedder said to all members of its pool: gossip, neither ordered nor agreed on, so it
    /// must change nothing of the state.
    fn hear(&mut self, _from: NodeId, _said: &[u8]) {}
}

/// No state: for a federation that agrees on its topology alone. It ignores every command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoState;

impl StateMachine for NoState {
    fn apply(&mut self, _applied: Applied, _command: &[u8]) {}

    fn capture(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&mut self, _state: &[u8]) {}
}
