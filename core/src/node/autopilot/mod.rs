//! Who should vote: the rules that keep a target number of healthy voters, spread over regions, datacenters and racks.
//!
//! The [`Autopilot`] of the leader looks at what the leader knows of each node and advises at most one change at a time,
//! with its reason. It follows four rules, in this order:
//!
//! 1. *No harm.* After a change of the voters a majority of them is fit, no fewer voters are fit than a majority of the
//!    present ones needs, and no single failure of a rack, datacenter or region kills a majority that would have survived
//!    it before.
//! 2. *Repair.* A fit learner takes a vacant seat or the seat of a voter that is gone; voters above the target lose
//!    theirs.
//! 3. *Spread.* While all voters are fit, one of them gives its seat to a learner if the failure of some rack, datacenter
//!    or region then costs fewer voters.
//! 4. *Provide.* Outsiders become learners, only as many as rules 2 and 3 will need; learners that are gone are removed.
//!
//! Changes of more than one voter are one [`crate::raft::QuorumChange::Replace`], so the voters never pass through an even or worse
//! spread state between two halves of a swap. The module refuses to know how a change is agreed on, and keeps nothing
//! but since when each member has been fit or not. In reading order: `advice`, `watch`, `spread`, `quorum`.

mod advice;
mod watch;
mod spread;
mod quorum;

use alloc::collections::BTreeMap;

pub use self::advice::{Absence, Advice, Crowd, Domain, Fault, Reason};

use self::quorum::{Candidate, Member, Quorum};
use self::spread::{Place, Seat};
use self::watch::Watch;
use crate::config::AutopilotSettings;
use crate::ids::{Incarnation, NodeId};
use crate::projection::Deadline;
use crate::time::Time;
use crate::topology::Topology;

/// Which part a node has in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It decides.
    Voter,
    /// It receives the log without a voice.
    Learner,
    /// It is registered in the topology and in no configuration.
    Outside,
}

/// What the leader knows of one member or candidate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Prospect {
    /// The node.
    pub node: NodeId,
    /// Its part in the configuration.
    pub standing: Standing,
    /// The life of an outsider that said hello; an outsider without one is not addressed.
    pub incarnation: Option<Incarnation>,
    /// Whether the leader heard from it within the last election timeout; true for the leader itself.
    pub answers: bool,
    /// How many entries it is behind the leader's commit. It says nothing about an outsider, which receives none.
    pub lag: u64,
    /// Whether it lost its disk: it says that it is a stranger under an id that the configuration knows. False for an
    /// outsider, whose earlier lives bind nobody; one for which it is true is not admitted.
    pub forgot: bool,
}

/// The memory of the rules: since when each member has been fit, or not.
///
/// Only a leader has one that is not empty. A new leader starts to count anew, so no voter is replaced on hearsay.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Autopilot {
    watches: BTreeMap<NodeId, Watch>,
    review_at: Option<Time>,
}

impl Autopilot {
    /// Takes in what the leader knows and returns the change it should propose, if any.
    ///
    /// `prospects` are in strict order of id; what they say about standings is the latest configuration in the log.
    /// Spans are counted from call to call, so it is called at every heartbeat, also while a change is under way; its
    /// advice is then to be dropped.
    ///
    /// # Panics
    ///
    /// Panics if `prospects` are out of order or name a node twice: equal knowledge must lead to equal advice.
    pub fn advise(
        &mut self,
        now: Time,
        settings: &AutopilotSettings,
        leader: NodeId,
        prospects: &[Prospect],
        topology: &Topology,
    ) -> Option<Advice> {
        assert!(prospects.is_sorted_by(|one, next| one.node < next.node), "prospects are out of order: {prospects:?}");
        self.observe(now, settings, prospects, topology);
        let members = prospects.iter().filter_map(|prospect| {
            let watch = self.watches.get(&prospect.node)?;
            Some(Member::new(prospect, place_of(prospect.node, topology), watch, now, settings))
        });
        let quorum = Quorum::new(leader, settings.voters_target, members);
        if !quorum.is_reached() {
            return None;
        }
        let candidates = prospects.iter().filter_map(|prospect| candidate(prospect, settings, topology));
        quorum.change().or_else(|| quorum.admission(candidates)).or_else(|| quorum.dismissal())
    }

    /// Returns when the advice may differ although nothing else changes: a span runs out then.
    pub const fn next_review(&self) -> Option<Time> {
        self.review_at
    }

    pub(super) fn map_instants(&mut self, map: &mut dyn FnMut(Deadline, Time) -> Time) {
        for watch in self.watches.values_mut() {
            watch.turned_at = map(Deadline::Autopilot, watch.turned_at);
            watch.fault_at = map(Deadline::Autopilot, watch.fault_at);
        }
        if let Some(review_at) = &mut self.review_at {
            *review_at = map(Deadline::Autopilot, *review_at);
        }
    }

    /// Forgets everything: on losing leadership, since a follower does not hear from the others.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    fn observe(&mut self, now: Time, settings: &AutopilotSettings, prospects: &[Prospect], topology: &Topology) {
        // Outsiders are not watched: an outsider that becomes a learner has to prove itself as a learner, and there may be
        // thousands of them.
        let mut watches = BTreeMap::new();
        let mut review_at: Option<Time> = None;
        for prospect in prospects.iter().filter(|prospect| prospect.standing != Standing::Outside) {
            let fault = watch::fault_of(prospect, settings, topology);
            let watch = match self.watches.get(&prospect.node) {
                Some(watch) => watch.seen(now, fault),
                None => Watch::new(now, fault),
            };
            let reviews = watch.reviews(prospect.standing, settings).into_iter().flatten().filter(|at| *at > now);
            review_at = reviews.chain(review_at).min();
            watches.insert(prospect.node, watch);
        }
        *self = Self { watches, review_at };
    }
}

/// Returns an outsider that may become a learner: registered, fit as far as an outsider can be, and of a known life.
fn candidate<'a>(prospect: &Prospect, settings: &AutopilotSettings, topology: &'a Topology) -> Option<Candidate<'a>> {
    let is_outside = prospect.standing == Standing::Outside;
    let incarnation = prospect.incarnation.filter(|_| is_outside)?;
    let place = place_of(prospect.node, topology);
    let is_fit = place != Place::Nowhere && watch::fault_of(prospect, settings, topology).is_none();
    is_fit.then_some(Candidate { seat: Seat { node: prospect.node, place }, incarnation })
}

fn place_of(node: NodeId, topology: &Topology) -> Place<'_> {
    topology.get(node).map_or(Place::Nowhere, |member| {
        let at = &member.registration;
        Place::At([&at.region, &at.datacenter, &at.rack])
    })
}
