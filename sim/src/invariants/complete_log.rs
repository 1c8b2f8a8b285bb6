//! A vote goes only to a log at least as complete as the voter's own (Raft, section 5.4.1).
//!
//! Pre-vote asks the same before, and hides a voter that does not look for most of the time. Not for all of it: a
//! candidate needs the pre-votes of a majority, and then asks everyone.

use std::collections::BTreeMap;
use std::sync::Arc;

use delian_core::projection::Names;
use delian_core::raft::{Ballot, Body};
use delian_core::{Message, NodeId, Position, Term};

use super::{Breach, Invariant, View};

/// The log that each candidate named.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct CompleteLog {
    named: BTreeMap<(Term, NodeId), Position>,
}

impl Invariant for CompleteLog {
    const NAME: &'static str = "votes-go-to-complete-logs";
    const SENTENCE: &'static str = "A node votes only for a candidate whose log is at least as complete as its own.";
}

impl CompleteLog {
    pub(super) fn map_ids(&mut self, names: Names<'_>) {
        self.named = self.named.iter().map(|((term, id), last)| ((*term, names(*id)), *last)).collect();
    }

    pub(super) fn on_send(
        self: &mut Arc<Self>,
        id: NodeId,
        to: NodeId,
        message: &Message,
        view: &impl View,
    ) -> Result<(), Breach> {
        let Message::Raft(message) = message else { return Ok(()) };
        if let Body::Vote { last, candidacy: _ } = message.body {
            let candidate = (message.term, id);
            if self.named.get(&candidate) != Some(&last) {
                Arc::make_mut(self).named.insert(candidate, last);
            }
        }
        if !matches!(message.body, Body::VoteAnswer(Ballot::Granted)) {
            return Ok(());
        }
        let Some(raft) = view.node(id).map(delian_core::Node::raft) else { return Ok(()) };
        let Some(named) = self.named.get(&(message.term, to)) else { return Ok(()) };
        // A grant waits for the disk; only a leader of the term could have changed the log since, and then it is moot.
        let unchanged = raft.term() == message.term && raft.leader().is_none();
        if !unchanged || raft.log().last() <= *named {
            return Ok(());
        }
        Err(Self::breach(vec![
            format!("{to} asked for votes of {} for a log that ends at {named}", message.term),
            format!("{id} voted for it, although its own log ends at {}", raft.log().last()),
        ]))
    }
}
