//! The properties of what clients are told, as far as they are judged by single answers and without a clock.

use std::hash::Hasher;

use delian_core::projection::Names;
use delian_core::{Event, NodeId};

use super::acknowledged::AcknowledgedSurvive;
use super::consensus::Growth;
use super::fresh_reads::FreshReads;
use super::ledger::Ledger;
use super::once::AtMostOnce;
use super::outcomes::OneOutcome;
use super::sessions::OncePerSequence;
use super::{Breach, Observation, View};

/// What the properties of answers remember.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Clients {
    acknowledged: AcknowledgedSurvive,
    outcomes: OneOutcome,
    once: AtMostOnce,
    sessions: OncePerSequence,
    fresh_reads: FreshReads,
}

impl Clients {
    /// Says that nodes judge each other's health.
    pub(super) const fn expect_findings(&mut self) {
        self.once.expect_findings();
    }

    /// Returns whether an observation says anything about clients; all others leave what is remembered as it is.
    pub(crate) const fn concerns(observation: Observation<'_>) -> bool {
        match observation {
            Observation::Asked(..)
            | Observation::Replied(..)
            | Observation::ReadReplied(..)
            | Observation::HandedOver(_)
            | Observation::Emitted(Event::Changed { .. } | Event::Refused { .. })
            | Observation::Crashed => true,
            Observation::Started
            | Observation::Stepped
            | Observation::Emitted(_)
            | Observation::Wrote(_)
            | Observation::Sent(..)
            | Observation::Heard(_)
            | Observation::Called(..)
            | Observation::Concluded(..)
            | Observation::Sampled => false,
        }
    }

    /// Judges one observation against the history so far.
    pub(crate) fn observe(&mut self, id: NodeId, observation: Observation<'_>, ledger: &Ledger) -> Result<(), Breach> {
        match observation {
            Observation::Asked(request, asked) => {
                self.acknowledged.on_ask(request, asked);
                self.outcomes.on_ask(id, request);
                self.once.on_ask(request, asked);
                self.sessions.on_ask(request, asked);
                self.fresh_reads.on_ask(request, asked, ledger);
                Ok(())
            }
            Observation::Replied(request, outcome) => {
                self.outcomes.on_reply(id, request, outcome)?;
                self.once.on_reply(request, outcome)?;
                self.sessions.on_reply(id, request, outcome)?;
                self.acknowledged.on_reply(id, request, outcome, ledger)
            }
            Observation::ReadReplied(request, outcome) => {
                self.outcomes.on_reply(id, request, outcome)?;
                self.fresh_reads.on_reply(id, request, outcome)
            }
            Observation::HandedOver(applied) => self.sessions.on_effect(id, applied.position, ledger),
            Observation::Emitted(Event::Changed { position, .. } | Event::Refused { position, .. }) => {
                self.sessions.on_effect(id, *position, ledger)
            }
            Observation::Crashed => {
                self.outcomes.on_crash(id);
                Ok(())
            }
            Observation::Started
            | Observation::Stepped
            | Observation::Emitted(_)
            | Observation::Wrote(_)
            | Observation::Sent(..)
            | Observation::Heard(_)
            | Observation::Called(..)
            | Observation::Concluded(..)
            | Observation::Sampled => Ok(()),
        }
    }

    /// Judges the entries that were just committed.
    pub(crate) fn on_growth(&mut self, growth: &Growth, ledger: &Ledger) -> Result<(), Breach> {
        for (_, payload) in ledger.committed_after(growth.before.index) {
            self.once.on_commit(payload)?;
        }
        Ok(())
    }

    /// Judges who has been waiting for too long, once a second.
    pub(super) fn on_second(&mut self, id: NodeId, view: &impl View) -> Result<(), Breach> {
        self.outcomes.on_sample(id, view)
    }

    /// Renames the nodes; see [`delian_core::Node::map_ids`].
    pub(crate) fn map_ids(&mut self, names: Names<'_>) {
        // In full, so that a property that is added is decided on here.
        let Self { acknowledged, outcomes, once: _, sessions, fresh_reads: _ } = self;
        acknowledged.map_ids(names);
        outcomes.map_ids(names);
        sessions.map_ids(names);
    }

    /// Hashes what of the answers decides about those to come: what is still open, and what may still be committed.
    pub(crate) fn hash_history(&self, hasher: &mut impl Hasher) {
        self.outcomes.hash_history(hasher);
        self.once.hash_history(hasher);
        self.sessions.hash_history(hasher);
        self.fresh_reads.hash_history(hasher);
    }
}
