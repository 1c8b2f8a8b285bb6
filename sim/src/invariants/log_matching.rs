//! Log matching (Raft, section 5.3), by induction: equal positions hold equal entries after entries of equal terms.

use super::Invariant;

/// See [`Invariant::SENTENCE`]; the ledger checks it on every write.
#[derive(Clone, Debug)]
pub(super) struct LogMatching;

impl Invariant for LogMatching {
    const NAME: &'static str = "log-matching";
    const SENTENCE: &'static str = "If two logs hold an entry of the same index and term, they are equal up to it.";
}
