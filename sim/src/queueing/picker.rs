//! What a balancer is asked and told in the simulation.

use delian_core::Time;
use delian_core::balance::Answer;

use super::server::{Server, Told};

/// One balancer. Servers are numbered from zero.
pub(super) trait Picker {
    /// Takes a server for a request, which is then sent. `truth` is how the servers are, which no balancer knows.
    fn pick(&mut self, now: Time, number: u64, truth: &[Server]) -> usize;

    /// Hears how a request ended.
    fn finish(&mut self, now: Time, server: usize, answer: Answer);

    /// Hears how busy a server says that it is.
    fn hear(&mut self, now: Time, server: usize, told: &Told);

    /// Hears that a server goes away. Whoever does not listen is served on by it.
    fn leave(&mut self, _now: Time, _server: usize) {}

    /// Hears that it is back.
    fn rejoin(&mut self, _now: Time, _server: usize) {}
}
