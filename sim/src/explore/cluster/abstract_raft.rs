//! Raft without messages: what a single step may do to a node, read off the nodes alone (Raft, figure 2; Ongaro 2014,
//! sections 3.4 to 3.6, 4.1 and 5).
//!
//! The abstract state of a node is its term, its vote, whether it leads, the terms along its log, and its commit index;
//! that of the cluster is its nodes and what was ever committed. A step of the real node may take several abstract ones,
//! such as learning of a term, voting in it and counting itself, so each rule judges one part of the state, and the step
//! is named after the last rule that had something to judge. Messages, disks and clocks do not occur: a rule asks whether
//! what was decided is right, not how the node came to know it.

use std::sync::Arc;

use delian_core::raft::{Raft, Recovered, Role};
use delian_core::{LogIndex, NodeId, Position, Term};

use crate::invariants::{Breach, Invariant, Ledger, holds};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct Refinement;

impl Invariant for Refinement {
    const NAME: &'static str = "every-step-refines-abstract-raft";
    const SENTENCE: &'static str = "Every step of a node is one that Raft without messages allows.";
}

/// The cluster around a step.
pub(super) struct Around<'a> {
    /// The other nodes as they are.
    pub(super) other: &'a dyn Fn(NodeId) -> Option<&'a Raft>,
    /// What was on the disks of a node that were lost.
    pub(super) graves: &'a dyn Fn(NodeId) -> &'a [Arc<Recovered>],
    /// What was committed before.
    pub(super) committed: &'a Ledger,
}

impl Around<'_> {
    /// Returns whether a member is as it should be, seen from a node: as it runs, or as its disk was when that was lost,
    /// if the node's configuration admitted the memory that is lost.
    fn is(
        &self,
        seen_from: &Raft,
        member: NodeId,
        runs: impl Fn(&Raft) -> bool,
        lies: impl Fn(&Recovered) -> bool,
    ) -> bool {
        let admitted = seen_from.configuration().incarnation(member);
        let present = if member == seen_from.id() { Some(seen_from) } else { (self.other)(member) };
        if let Some(present) = present.filter(|present| present.incarnation() == admitted) {
            return runs(present);
        }
        let is_it = |disk: &Recovered| disk.hard_state.incarnation == Some(admitted);
        (self.graves)(member).iter().any(|disk| is_it(disk) && lies(disk))
    }
}

/// Returns which rule a step of one node was, the last of several.
pub(super) fn abs_next(around: &Around<'_>, before: &Raft, after: &Raft) -> Result<&'static str, Breach> {
    let rules =
        [term(before, after), vote(around, before, after), lead(around, before, after), log(around, before, after)];
    let mut name = "Stutter";
    for rule in rules.into_iter().chain([commit(around, before, after)]) {
        name = rule.map_err(|why| breach(before, after, why))?.unwrap_or(name);
    }
    Ok(name)
}

/// Returns whether a node may have come back like this: what it had not on disk is gone, what it had is there, and it is
/// nobody in its term.
pub(super) fn abs_restart(before: &Raft, after: &Raft, disk: &Recovered) -> Result<(), Breach> {
    let nothing_new = after.term() <= before.term() && after.commit() <= before.commit();
    let promised = (disk.hard_state.term, disk.hard_state.voted_for) == (after.term(), after.voted_for());
    let last = after.log().last();
    let same_end = disk.dropped.index.advanced_by(disk.entries.len()) == last.index;
    let same_log = same_end && (last == Position::ZERO || holds(disk, last));
    let covered = disk.snapshot.as_ref().map_or(LogIndex::ZERO, |snapshot| snapshot.last.index);
    let is_follower = matches!(after.role(), Role::Follower);
    if nothing_new && promised && same_log && after.commit() >= covered && is_follower {
        Ok(())
    } else {
        Err(breach(before, after, "a restart forgets what is not on disk, and no more"))
    }
}

type Verdict = Result<Option<&'static str>, &'static str>;

/// Terms rise; who stands for election rises by one and votes for itself.
fn term(before: &Raft, after: &Raft) -> Verdict {
    if after.term() < before.term() {
        return Err("a term fell");
    }
    let stands = matches!(after.role(), Role::Candidate(_) | Role::Leader(_));
    if stands && after.voted_for() != Some(after.id()) {
        return Err("a candidate did not vote for itself");
    }
    if after.term() == before.term() {
        return Ok(None);
    }
    if after.voted_for() == Some(after.id()) {
        return if after.term() == before.term().next() {
            Ok(Some("Timeout"))
        } else {
            Err("a candidate skipped a term")
        };
    }
    Ok(Some("Learn"))
}

/// One vote per term, for a candidate of that term whose log is at least as complete.
fn vote(around: &Around<'_>, before: &Raft, after: &Raft) -> Verdict {
    let same_term = after.term() == before.term();
    if same_term && before.voted_for().is_some() && after.voted_for() != before.voted_for() {
        return Err("a vote was taken back");
    }
    let Some(candidate) = after.voted_for().filter(|vote| *vote != after.id()) else { return Ok(None) };
    if same_term && before.voted_for() == Some(candidate) {
        return Ok(None);
    }
    let knows = |other: &Raft| other.term() >= after.term();
    // A candidate asks for votes once its own is on disk.
    if !around.is(after, candidate, knows, |lost| lost.hard_state.term >= after.term()) {
        return Err("a vote went to a node that does not know of that term");
    }
    let is_complete = |other: &Raft| {
        let stands = other.term() == after.term() && matches!(other.role(), Role::Candidate(_) | Role::Leader(_));
        !stands || other.log().last() >= before.log().last()
    };
    // A log that was lost tells no more how complete it was when its node stood.
    if !around.is(after, candidate, is_complete, |_| true) {
        return Err("a vote went to a less complete log");
    }
    Ok(Some("Vote"))
}

/// Who leads has the votes of a quorum of the voters in its log.
fn lead(around: &Around<'_>, before: &Raft, after: &Raft) -> Verdict {
    if !after.is_leader() || (before.is_leader() && before.term() == after.term()) {
        return Ok(None);
    }
    let term = after.term();
    // Who is in a newer term tells no more whom it voted for in this one.
    let backs = |of: Term, vote: Option<NodeId>| of > term || (of == term && vote == Some(after.id()));
    let elects = |voter| {
        let lost = |disk: &Recovered| backs(disk.hard_state.term, disk.hard_state.voted_for);
        around.is(after, voter, |voter| backs(voter.term(), voter.voted_for()), lost)
    };
    // The configuration of the first entry of the term is the one before it.
    let elected = after.configuration().is_quorum_of(elects);
    if elected { Ok(Some("Lead")) } else { Err("a node leads without the votes of a quorum") }
}

/// Leaders add entries of their term; followers replace what conflicts behind the commit, and take snapshots of what is
/// committed.
fn log(around: &Around<'_>, before: &Raft, after: &Raft) -> Verdict {
    let (old, new) = (before.log(), after.log());
    let covered = new.covered();
    if covered.index > before.commit() && !old.contains(covered) {
        // The whole log is a leader's snapshot, and nothing is left to compare with.
        let is_committed = around.committed.is_committed(covered);
        return if is_committed { Ok(Some("Install")) } else { Err("what is not committed was installed") };
    }
    let first = old.dropped().index.max(new.dropped().index).next();
    let agrees = |index: LogIndex| old.term_at(index).is_some() && old.term_at(index) == new.term_at(index);
    let mut index = first;
    while agrees(index) {
        index = index.next();
    }
    let kept_all = index > old.last().index;
    if kept_all && index > new.last().index {
        return Ok(None);
    }
    if !kept_all && index <= before.commit() {
        return Err("a committed entry was replaced");
    }
    // A leader may add its first entry, or its last one and step down, within a step.
    let led = after.is_leader() || (before.is_leader() && before.term() == after.term());
    let last = new.last();
    if led {
        let own = new.term_at(index) == Some(after.term()) && last.term == after.term();
        return if kept_all && own {
            Ok(Some("Propose"))
        } else {
            Err("a leader changed more than the end of its log")
        };
    }
    if !kept_all && new.term_at(index).is_none() {
        return Err("entries were cut off without a conflict");
    }
    if after.leader().is_none() || last.term > after.term() {
        return Err("entries came from nobody who leads");
    }
    Ok(Some("Accept"))
}

/// A leader commits by counting what a quorum holds, in its own term; others follow what is committed.
fn commit(around: &Around<'_>, before: &Raft, after: &Raft) -> Verdict {
    if after.commit() < before.commit() {
        return Err("a commit fell");
    }
    let Some(term) = after.log().term_at(after.commit()).filter(|_| after.commit() > before.commit()) else {
        return Ok(None);
    };
    let last = Position::new(term, after.commit());
    if around.committed.is_committed(last) {
        return Ok(Some("Follow"));
    }
    let leads = after.is_leader() || (before.is_leader() && before.term() == after.term());
    if !leads {
        return Err("a follower committed what no leader has");
    }
    if last.term != after.term() {
        return Err("an entry of an older term was committed by counting");
    }
    let has = |voter: &Raft| voter.log().contains(last) || voter.log().covered().index >= last.index;
    let has_it = |voter| around.is(after, voter, has, |lost| holds(lost, last));
    let replicated = after.configuration().is_quorum_of(has_it);
    if replicated { Ok(Some("Commit")) } else { Err("an entry was committed that no quorum holds") }
}

fn breach(before: &Raft, after: &Raft, why: &'static str) -> Breach {
    let told = |raft: &Raft| {
        let (id, term, role, log) = (raft.id(), raft.term(), raft.role(), raft.log());
        let role = match role {
            Role::Follower => "follower",
            Role::PreCandidate(_) => "pre-candidate",
            Role::Candidate(_) => "candidate",
            Role::Leader(_) => "leader",
        };
        let vote = raft.voted_for().map_or("nobody".to_string(), |vote| vote.to_string());
        format!("{id}: {role} of {term}, voted for {vote}, log up to {}, commit {}", log.last(), raft.commit())
    };
    Refinement::breach(vec![why.to_string(), format!("before, {}", told(before)), format!("after, {}", told(after))])
}
