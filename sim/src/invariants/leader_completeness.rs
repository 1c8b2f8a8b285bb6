//! Leader completeness (Raft, section 5.4): what is committed is in the log of every later leader.

use delian_core::{NodeId, Position, Term};

use super::ledger::Ledger;
use super::{Breach, Invariant, View};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct LeaderCompleteness;

impl Invariant for LeaderCompleteness {
    const NAME: &'static str = "leader-completeness";
    const SENTENCE: &'static str = "A new leader's log holds every entry committed before its term.";
}

/// The last committed entry stands for all: with log matching, a log that holds it holds the ones below.
pub(super) fn on_leader(id: NodeId, term: Term, ledger: &Ledger, view: &impl View) -> Result<(), Breach> {
    let tip = ledger.tip();
    let Some(node) = view.node(id) else { return Ok(()) };
    let log = node.raft().log();
    // A position below what the node forgot is behind its snapshot, which holds committed entries only.
    if tip == Position::ZERO || tip.term >= term || tip.index <= log.covered().index || log.contains(tip) {
        return Ok(());
    }
    Err(LeaderCompleteness::breach(vec![
        format!("{tip} is committed"),
        format!("{id} became leader of {term} with a log that ends at {} and lacks it", log.last()),
    ]))
}
