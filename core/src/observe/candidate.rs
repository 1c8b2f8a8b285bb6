//! What was pulled and is not adopted: it is built beside what the node holds, and judged there.

use core::fmt;

use super::message::{Fingerprint, News};
use crate::ids::{Epoch, NodeId};
use crate::topology::{DecodeError, DeltaError, Topology};

/// A topology that a member told, as yet unconfirmed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Candidate {
    pub(super) topology: Topology,
    pub(super) fingerprint: Fingerprint,
    /// Who told the last part of it.
    pub(super) source: NodeId,
}

/// An observer adopted a topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Followed {
    /// The epoch that it held before.
    pub from: Epoch,
    /// The epoch that it holds.
    pub to: Epoch,
    /// The fingerprint there.
    pub fingerprint: Fingerprint,
    /// Who told it.
    pub source: NodeId,
}

/// An observer refused what a member told it, and asks another one for the whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refused {
    /// The member.
    pub peer: NodeId,
    /// Who told what this was built on or compared with, if that was unconfirmed: the fault may be there.
    pub built_on: Option<NodeId>,
    /// The epoch of what was refused.
    pub epoch: Epoch,
    /// Why.
    pub why: RefusedBecause,
}

/// Why an observer refused what a member told it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RefusedBecause {
    /// The changes do not fit.
    Delta(DeltaError),
    /// The bytes are no topology.
    Bytes(DecodeError),
    /// It has another fingerprint than the member said.
    NotAsClaimed {
        /// What the member said.
        claimed: Fingerprint,
        /// What it has.
        found: Fingerprint,
    },
    /// It has another fingerprint than was announced.
    NotAsAnnounced {
        /// What was announced.
        announced: Fingerprint,
        /// What it has.
        found: Fingerprint,
    },
    /// Another member holds something else at the same epoch.
    NotConfirmed {
        /// What the member holds that was asked.
        said: Fingerprint,
        /// What was told before.
        held: Fingerprint,
    },
    /// Two announcements of one epoch differ, so neither counts.
    Disputed {
        /// The fingerprint in the first one.
        first: Fingerprint,
        /// The fingerprint in the second one.
        second: Fingerprint,
    },
}

impl fmt::Display for RefusedBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delta(why) => why.fmt(f),
            Self::Bytes(why) => why.fmt(f),
            Self::NotAsClaimed { claimed, found } => write!(f, "it is {found}, and the member said {claimed}"),
            Self::NotAsAnnounced { announced, found } => write!(f, "it is {found}, and {announced} was announced"),
            Self::NotConfirmed { said, held } => write!(f, "the member holds {said}, and another one told {held}"),
            Self::Disputed { first, second } => write!(f, "{first} was announced, and then {second}"),
        }
    }
}

/// Builds what a member told beside `base`, which the question was about; nothing if it told nothing to build.
pub(super) fn build(source: NodeId, news: News, base: &Topology) -> Option<Result<Candidate, Refused>> {
    let refused = |epoch, why| Some(Err(Refused { peer: source, built_on: None, epoch, why }));
    let (topology, claimed) = match news {
        News::Delta { delta, fingerprint } => {
            let mut topology = base.clone();
            if let Err(why) = topology.apply_delta(&delta) {
                return refused(delta.to, RefusedBecause::Delta(why));
            }
            (topology, fingerprint)
        }
        News::Whole { bytes, fingerprint } => match Topology::from_bytes(&bytes, base.settings()) {
            Ok(topology) => (topology, fingerprint),
            Err(why) => return refused(base.epoch(), RefusedBecause::Bytes(why)),
        },
        News::Nothing { .. } | News::Busy => return None,
    };
    let (to, current) = (topology.epoch(), base.epoch());
    if to <= current {
        // Also a delta that leads nowhere, which applies: whoever has no news says so.
        return refused(to, RefusedBecause::Delta(DeltaError::Stale { to, current }));
    }
    let found = Fingerprint::of(&topology);
    if found != claimed {
        return refused(topology.epoch(), RefusedBecause::NotAsClaimed { claimed, found });
    }
    Some(Ok(Candidate { topology, fingerprint: found, source }))
}
