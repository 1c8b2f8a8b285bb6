//! Why a node is in its condition: what was agreed on, and what speaks for another one.

use core::fmt;

use crate::condition::{Cause, Condition, Drain};
use crate::health::{Explanation, Reach, Score};
use crate::ids::{Epoch, NodeId};
use crate::time::Time;

/// The evidence about a registered node, as one node has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Why {
    /// The node.
    pub node: NodeId,
    /// The epoch that began its life.
    pub registered: Epoch,
    /// What was agreed on.
    pub condition: Condition,
    /// Since which epoch.
    pub since: Epoch,
    /// What spoke for it.
    pub cause: Cause,
    /// How far it has handed over what it holds, if it is leaving.
    pub drain: Option<Drain>,
    /// The instant of the question.
    pub now: Time,
    /// What this node heard and finds itself; nothing if it watches nobody. Only a voter hears heartbeats.
    pub evidence: Option<Explanation>,
}

/// Writes a line for each piece of evidence.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, registered, condition, since, cause, .. } = self;
        write!(f, "{node} is {condition} since {since}: {cause}\nregistered in {registered}")?;
        if let Some(Drain { within, moved }) = self.drain {
            write!(f, "\nhanded over {moved} ‰ of what it held")?;
            if let Some(within) = within {
                write!(f, ", to be removed within {within:?}")?;
            }
        }
        let Some(Explanation { seen, evidence, finding, cause, held_until, withheld, removed_at }) = self.evidence
        else {
            return Ok(());
        };
        write!(f, "\nlast heartbeat {:?} ago, number {}", seen.age, seen.sequence)?;
        if let Some(report) = seen.report {
            write!(f, ", which gave it {}", report.score)?;
        }
        if evidence.score < seen.report.map_or(Score::BEST, |report| report.score) {
            write!(f, "; by now that counts for {}", evidence.score)?;
        }
        f.write_str(match evidence.reach {
            Reach::Unknown => "\nno failure detector knows it",
            Reach::Reachable => "\nthe failure detector reaches it",
            Reach::Unreachable => "\nthe failure detector holds it dead",
        })?;
        if finding != self.condition {
            write!(f, "\nfound {finding} here: {cause}")?;
        }
        if withheld {
            f.write_str("\nthat is withheld, for too many are silent at once")?;
        }
        if let Some(until) = held_until {
            write!(f, "\ngood news is held back for another {:?}, for it comes and goes", until.since(self.now))?;
        }
        match removed_at {
            Some(at) => write!(f, "\nto be removed in {:?}, if nothing changes", at.since(self.now)),
            None => Ok(()),
        }
    }
}
