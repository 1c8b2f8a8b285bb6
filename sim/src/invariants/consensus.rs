//! The properties of the consensus itself, with what they remember: all that is judged without a clock and without
//! clients.
//!
//! What is remembered is shared and copied when it changes, so that a copy of it, one for each state of an explorer, costs
//! a few counts.

use std::hash::Hasher;
use std::sync::Arc;

use delian_core::projection::Names;
use delian_core::raft::Configuration;
use delian_core::{Event, NodeId, Position, Term, Time};

use super::complete_log::CompleteLog;
use super::ledger::Ledger;
use super::monotonic::NothingGoesBack;
use super::one_leader::OneLeaderPerTerm;
use super::state_machine::StateMachineSafety;
use super::{Breach, Observation, View, bounded, counted, durable_majority, durable_votes, halts, leader_completeness};
use super::{matched, own_term, promises, settled, shared_quorum};

/// What the properties of the consensus remember.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Consensus {
    ledger: Arc<Ledger>,
    one_leader: Arc<OneLeaderPerTerm>,
    monotonic: Arc<NothingGoesBack>,
    state_machine: Arc<StateMachineSafety>,
    complete_log: Arc<CompleteLog>,
}

/// The committed history has grown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    /// Its last position before.
    pub(crate) before: Position,
    /// Its last position.
    pub(crate) last: Position,
    /// When that entry was first written.
    pub(crate) created: Option<Time>,
}

impl Consensus {
    /// Begins to watch a cluster that is founded with these members.
    pub(crate) fn new(founding: Configuration) -> Self {
        Self { ledger: Arc::new(Ledger::new(founding)), ..Self::default() }
    }

    /// Returns the history so far.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns who led each term.
    pub(super) fn leaders(&self) -> impl Iterator<Item = (Term, NodeId)> + '_ {
        self.one_leader.leaders()
    }

    /// Judges one observation. Returns by how much it made the committed history grow, if it did.
    pub(crate) fn observe(
        &mut self,
        now: Time,
        id: NodeId,
        observation: Observation<'_>,
        view: &impl View,
    ) -> Result<Option<Growth>, Breach> {
        match observation {
            Observation::Started => self.monotonic.on_start(id, view)?,
            Observation::Stepped => self.monotonic.on_step(id, view)?,
            Observation::Emitted(event) => return self.on_event(id, event, view),
            Observation::Wrote(record) => {
                self.ledger.on_write(now, id, record, view)?;
                shared_quorum::on_write(id, record, &self.ledger, view)?;
            }
            Observation::Sent(to, message) => {
                self.monotonic.on_send(id, message, view);
                promises::on_send(id, to, message, view)?;
                self.complete_log.on_send(id, to, message, view)?;
            }
            Observation::Sampled => {
                bounded::on_sample(id, view)?;
                counted::on_sample(id, view)?;
                settled::on_sample(id, view)?;
                matched::on_sample(id, view)?;
            }
            Observation::Heard(_)
            | Observation::Asked(..)
            | Observation::Replied(..)
            | Observation::ReadReplied(..)
            | Observation::Called(..)
            | Observation::Concluded(..)
            | Observation::HandedOver(_)
            | Observation::Crashed => {}
        }
        Ok(None)
    }

    fn on_event(&mut self, id: NodeId, event: &Event, view: &impl View) -> Result<Option<Growth>, Breach> {
        match event {
            Event::BecameLeader { term } => {
                self.one_leader.on_leader(id, *term)?;
                durable_votes::on_leader(id, *term, &self.ledger, view)?;
                shared_quorum::on_leader(id, *term, &self.ledger, view)?;
                leader_completeness::on_leader(id, *term, &self.ledger, view)?;
            }
            Event::Committed { last } => {
                let before = self.ledger.tip();
                let created = self.ledger.on_commit(id, *last)?;
                if last.index > before.index {
                    durable_majority::on_commit(id, *last, &self.ledger, view)?;
                    shared_quorum::on_commit(id, before, &self.ledger, view)?;
                    own_term::on_commit(id, *last, view)?;
                    return Ok(Some(Growth { before, last: *last, created }));
                }
            }
            Event::Changed { position, epoch, what } => self.state_machine.on_change(id, *position, *epoch, *what)?,
            Event::Refused { position, refusal } => self.state_machine.on_refusal(id, *position, refusal)?,
            Event::SnapshotInstalled { last, epoch } => self.state_machine.on_install(id, *last, *epoch)?,
            Event::Halted(halt) => halts::on_halt(id, *halt, view)?,
            Event::Started { .. }
            | Event::PreVoteStarted { .. }
            | Event::ElectionStarted { .. }
            | Event::FollowsLeader { .. }
            | Event::SteppedDown { .. }
            | Event::Truncated { .. }
            | Event::Compacted { .. }
            | Event::SnapshotSent { .. }
            | Event::PeerContradicted { .. }
            | Event::QuorumChanged { .. }
            | Event::MemoryLost { .. }
            | _ => {}
        }
        Ok(None)
    }

    /// Returns whether both remember the same because neither has learned anything since one was copied.
    pub(crate) fn is_unchanged_since(&self, copied: &Self) -> bool {
        Arc::ptr_eq(&self.ledger, &copied.ledger)
            && Arc::ptr_eq(&self.one_leader, &copied.one_leader)
            && Arc::ptr_eq(&self.monotonic, &copied.monotonic)
            && Arc::ptr_eq(&self.state_machine, &copied.state_machine)
            && Arc::ptr_eq(&self.complete_log, &copied.complete_log)
    }

    /// Renames the nodes; see [`delian_core::Node::map_ids`].
    pub(crate) fn map_ids(&mut self, names: Names<'_>) {
        // In full, so that a property that is added is decided on here.
        let Self { ledger, one_leader, monotonic, state_machine, complete_log } = self;
        Arc::make_mut(ledger).map_ids(names);
        Arc::make_mut(one_leader).map_ids(names);
        Arc::make_mut(monotonic).map_ids(names);
        Arc::make_mut(state_machine).map_ids(names);
        Arc::make_mut(complete_log).map_ids(names);
    }

    /// Hashes what of the history decides about what may come: who led each term, what is committed, and which terms
    /// were spoken for. The rest is a record: what was written and lost again, what the nodes still show, and what the
    /// committed entries make.
    pub(crate) fn hash_history(&self, hasher: &mut impl Hasher) {
        self.one_leader.hash_history(hasher);
        self.ledger.hash_history(hasher);
        self.monotonic.hash_history(hasher);
    }
}
