//! Leaders answer reads under leases.

use delian_core::projection::Deadline;
use delian_core::{Config, Consistency};

use super::super::cluster::model::{Budgets, Forget, Goal, Model, Network, Tier};
use super::{counts, led, reduced};

/// What may be due where leases run out.
const LEASES: &[Deadline] =
    &[Deadline::Election, Deadline::Presumption, Deadline::Heartbeat, Deadline::Lease, Deadline::TransferAbort];

/// Returns the models.
pub(super) fn models() -> Vec<Model> {
    let silent = Budgets { terms: 2, elections: 1, reads: 1, heartbeats: 1, ..Budgets::NONE };
    let handed = Budgets { terms: 2, reads: 1, transfers: 1, heartbeats: 1, ..Budgets::NONE };
    vec![
        Model {
            name: "leases",
            sentence: "A read under a lease while another may lead and a follower be told to forget its leader.",
            network: Network::Delay { deviations: 3 },
            budgets: Budgets { forgets: 1, ..silent },
            goals: &[Goal::SecondLeader, Goal::LeaseRead],
            pinned: Some(counts(1_827_205, 3_753_805, 44)),
            ..under_leases()
        },
        Model {
            name: "leases-links",
            sentence: "A read under a lease while one stands and a follower be told to forget, over links that lose any.",
            network: Network::Fifo { cap: 1 },
            // Nobody leads a second term: whoever promised something keeps to it.
            deadlines: &[Deadline::Election, Deadline::Heartbeat, Deadline::Lease],
            budgets: Budgets { forgets: 1, ..silent },
            goals: &[Goal::LeaseRead],
            symmetry: reduced(counts(402_712, 2_251_896, 19)),
            pinned: Some(counts(391_974, 2_203_796, 19)),
            ..under_leases()
        },
        Model {
            name: "leases-crash",
            sentence: "A voter may crash beside a read under a lease, and come back without its memory of what it promised.",
            network: Network::Delay { deviations: 3 },
            budgets: Budgets { crashes: 1, ..silent },
            goals: &[Goal::SecondLeader, Goal::LeaseRead, Goal::Recovered],
            tier: Tier::Deep,
            pinned: Some(counts(6_905_505, 13_488_447, 47)),
            ..under_leases()
        },
        Model {
            name: "leases-transfer",
            sentence: "A read under a lease while the leader hands over.",
            budgets: handed,
            goals: &[Goal::SecondLeader, Goal::LeaseRead, Goal::Transferred],
            pinned: Some(counts(181_330, 309_708, 34)),
            ..under_leases()
        },
        Model {
            name: "leases-transfer-links",
            sentence: "The same, over links that hold one message and lose any.",
            network: Network::Fifo { cap: 1 },
            deadlines: &[Deadline::Heartbeat, Deadline::Lease],
            budgets: handed,
            goals: &[Goal::SecondLeader, Goal::LeaseRead, Goal::Transferred],
            symmetry: reduced(counts(2_566_154, 11_750_786, 28)),
            pinned: Some(counts(2_313_497, 10_629_759, 27)),
            ..under_leases()
        },
    ]
}

/// The model of a leader that is there from the beginning on, with leases, which nobody has promised yet.
fn under_leases() -> Model {
    Model {
        config: leased,
        reads: Consistency::Lease,
        deadlines: LEASES,
        forget: &[Forget::WriteNumbers, Forget::Hearing, Forget::Levels],
        ..led()
    }
}

/// No clock drifts by more than a hundredth.
fn leased(config: &mut Config) {
    config.clock_drift_max_ppm = Some(10_000);
}
