//! How many suspicions of members that are well a network that loses datagrams must bring about.
//!
//! A simulator that injects nothing finds every protocol accurate. What a probe's failure takes is known in closed form
//! (SWIM, section 4.1), so the number of suspicions in a run is a test of the world, not of the protocol.

use statrs::distribution::{Binomial, DiscreteCDF};

/// The chance that a probe of a member that is well ends in a suspicion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FalseSuspicion {
    per_probe: f64,
}

/// How improbable a number of suspicions is that is laid to the world and not to chance, on each side.
const TAIL: f64 = 0.000_5;

impl FalseSuspicion {
    /// Returns the chance where each datagram is lost with a chance of `loss`, independently, and a member that does not
    /// answer is asked through `helpers` others: a ping and its answer are two datagrams, and by way of a helper four.
    pub fn with(loss: f64, helpers: u8) -> Self {
        let arrives = 1.0 - loss;
        Self { per_probe: (1.0 - arrives.powi(2)) * (1.0 - arrives.powi(4)).powi(i32::from(helpers)) }
    }

    /// Returns the chance per probe.
    pub const fn per_probe(self) -> f64 {
        self.per_probe
    }

    /// Returns whether so many suspicions of so many probes are within the interval that holds 99.9 % of all outcomes.
    pub fn explains(self, suspicions: u64, probes: u64) -> bool {
        let Ok(outcomes) = Binomial::new(self.per_probe, probes) else { return false };
        let at_most = outcomes.cdf(suspicions);
        let at_least = suspicions.checked_sub(1).map_or(1.0, |fewer| outcomes.sf(fewer));
        at_most >= TAIL && at_least >= TAIL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closed_form_gives_the_chances_that_were_published() {
        let chances = [0.01, 0.03, 0.05].map(|loss| FalseSuspicion::with(loss, 3).per_probe());
        for (chance, published) in chances.into_iter().zip([1.22e-6, 8.9e-5, 6.2e-4]) {
            assert!((chance / published - 1.0).abs() < 0.01, "{chance} is not {published}");
        }
    }

    #[test]
    fn numbers_beyond_the_interval_are_not_explained() {
        let chance = FalseSuspicion { per_probe: 0.01 };
        assert!(chance.explains(100, 10_000) && chance.explains(70, 10_000) && chance.explains(132, 10_000));
        assert!(!chance.explains(66, 10_000) && !chance.explains(136, 10_000));
        assert!(!chance.explains(0, 10_000));
    }
}
