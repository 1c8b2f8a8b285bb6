//! A node whose disk was lost forgot what it promised, so it must not promise anew under the same name (Jepsen's
//! analysis of `RethinkDB` 2.2.3 shows what follows: two histories, each with a majority).

use delian_core::NodeId;
use delian_core::raft::Configuration;

use super::{Breach, Invariant};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct LostMemory;

impl Invariant for LostMemory {
    const NAME: &'static str = "a-lost-memory-has-no-voice";
    const SENTENCE: &'static str = "A node whose disk was lost is counted in no majority until a configuration admits what it remembers and gives it a voice.";
}

/// Judges a decision that the admitted memories do not carry: whether those that took their place would.
pub(super) fn judge(
    configuration: &Configuration,
    admitted: impl Fn(NodeId) -> bool,
    present: impl Fn(NodeId) -> bool,
    decision: &str,
) -> Result<(), Breach> {
    if !configuration.is_quorum_of(|voter| admitted(voter) || present(voter)) {
        return Ok(());
    }
    let strangers = configuration.all_voters().filter(|voter| !admitted(*voter) && present(*voter));
    let names: Vec<String> = strangers.map(|voter| voter.to_string()).collect();
    Err(LostMemory::breach(vec![
        decision.to_string(),
        format!("{} decide, and without {} they are no majority", super::voters(configuration), names.join(", ")),
        format!("the configuration admits another memory of {} than the one on its disk", names.join(", ")),
    ]))
}
