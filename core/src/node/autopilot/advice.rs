//! What the autopilot advises, and why, as a person reads it.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::Incarnation;
use crate::ids::NodeId;

/// How the quorum is to change.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum QuorumChange {
    /// An outsider becomes a learner, in one of its lives.
    AddLearner {
        /// The outsider.
        node: NodeId,
        /// Its life.
        incarnation: Incarnation,
    },
    /// A learner becomes a voter.
    Promote(NodeId),
    /// A voter becomes a learner.
    Demote(NodeId),
    /// A member leaves the configuration.
    Remove(NodeId),
    /// Several learners become voters or voters learners at once, by joint consensus (Raft, section 4.3).
    Replace {
        /// All voters afterwards.
        voters: BTreeSet<NodeId>,
    },
}

/// A change that the leader should propose.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Advice {
    /// The change.
    pub change: QuorumChange,
    /// Why.
    pub reason: Reason,
}

/// Why a change is advised; its text is a whole sentence for operators.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// There are fewer voters than there should be.
    Vacant {
        /// The learners that become voters.
        joins: Vec<NodeId>,
        /// How many voters are fit.
        healthy: usize,
        /// How many voters there should be.
        target: usize,
    },
    /// Voters are gone and substitutes are ready.
    Gone {
        /// The learners that become voters.
        joins: Vec<NodeId>,
        /// The voters that lose their seats.
        leaves: Vec<Absence>,
    },
    /// Voters are gone, and the others do better without them.
    Unseated(Vec<Absence>),
    /// There are more voters than there should be.
    TooMany {
        /// The voters that become learners.
        leaves: Vec<NodeId>,
        /// How many voters there are.
        voters: usize,
        /// How many there should be.
        target: usize,
    },
    /// The failure of one domain would cost more voters than it must.
    Crowded {
        /// The learner that becomes a voter.
        joins: NodeId,
        /// The voter that becomes a learner.
        leaves: NodeId,
        /// The domain that is relieved.
        crowd: Crowd,
    },
    /// Voters and learners together are fewer than the voters there should be.
    Needed {
        /// The outsider that becomes a learner.
        node: NodeId,
        /// How many members may fill a seat.
        promising: usize,
        /// How many seats there should be.
        target: usize,
    },
    /// The voters can be spread better with this outsider.
    Wanted {
        /// The outsider that becomes a learner.
        node: NodeId,
        /// The domain that will be relieved.
        crowd: Crowd,
    },
    /// A learner is gone.
    Useless(Absence),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vacant { joins, healthy, target } => {
                let (are, healthy_are) = (plural(joins, "is", "are"), if *healthy == 1 { "is" } else { "are" });
                write!(f, "{} {are} promoted: {healthy} of {target} voters {healthy_are} healthy", List(joins))
            }
            Self::Gone { joins, leaves } => {
                let (take, place) = (plural(joins, "takes", "take"), plural(leaves, "place", "places"));
                write!(f, "{} {take} the {place} of {}", List(joins), Clauses(leaves))
            }
            Self::Unseated(leaves) => {
                let (lose, seat) = (plural(leaves, "loses its", "lose their"), plural(leaves, "seat", "seats"));
                let nodes: Vec<NodeId> = leaves.iter().map(|leaver| leaver.node).collect();
                write!(
                    f,
                    "{} {lose} {seat}: the others are a majority without the {} of {}",
                    List(&nodes),
                    plural(leaves, "vote", "votes"),
                    Clauses(leaves)
                )
            }
            Self::TooMany { leaves, voters, target } => {
                let are = plural(leaves, "is", "are");
                write!(f, "{} {are} demoted: there are {voters} voters, and {target} are enough", List(leaves))
            }
            Self::Crowded { joins, leaves, crowd } => write!(f, "{joins} replaces {leaves}: {crowd}"),
            Self::Needed { node, promising, target } => {
                let are = if *promising == 1 { "is" } else { "are" };
                write!(f, "{node} becomes a learner: {promising} of {target} voters {are} at hand")
            }
            Self::Wanted { node, crowd } => write!(f, "{node} becomes a learner: without it {crowd}"),
            Self::Useless(absence) => write!(f, "{} is removed: as a learner it {}", absence.node, absence.tale()),
        }
    }
}

/// A node that should not vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Absence {
    /// The node.
    pub node: NodeId,
    /// What is wrong with it.
    pub fault: Fault,
    /// For how long, as far as this leader knows.
    pub span: Duration,
}

impl Absence {
    const fn tale(self) -> Tale {
        Tale(self.fault, self.span)
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, which {}", self.node, self.tale())
    }
}

/// Why a node should not vote, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// It lost its disk, and with it what it voted and acknowledged.
    Forgot,
    /// It is about to deregister.
    Leaving,
    /// The leader does not hear from it.
    Unanswered,
    /// The federation agreed that its heartbeats stay away.
    Silent,
    /// The federation agreed that nobody reaches it.
    Unreachable,
    /// It is too far behind the leader's commit.
    Lagging,
}

/// A fault and its span as the rest of a sentence about a node.
struct Tale(Fault, Duration);

impl fmt::Display for Tale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(fault, span) = self;
        match fault {
            Fault::Forgot => return f.write_str("has lost its disk"),
            Fault::Leaving => return f.write_str("is leaving"),
            Fault::Unanswered => f.write_str("has not answered")?,
            Fault::Silent => f.write_str("has been silent")?,
            Fault::Unreachable => f.write_str("has been unreachable")?,
            Fault::Lagging => f.write_str("has lagged behind")?,
        }
        if span.as_secs() > 0 {
            write!(f, " for {} s", span.as_secs())
        } else {
            write!(f, " for {} ms", span.as_millis())
        }
    }
}

/// A domain whose failure costs several voters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Crowd {
    /// The domain.
    pub domain: Domain,
    /// How many voters it holds.
    pub held: usize,
    /// How many voters there are.
    pub voters: usize,
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} holds ", self.domain)?;
        if self.held == self.voters {
            f.write_str("all voters")
        } else {
            write!(f, "{} of {} voters", self.held, self.voters)
        }
    }
}

/// What fails as one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Domain {
    /// A region.
    Region(String),
    /// A datacenter, behind its region.
    Datacenter([String; 2]),
    /// A rack, behind its region and datacenter.
    Rack([String; 3]),
    /// Where unregistered nodes are.
    Unknown,
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(region) => write!(f, "region {region}"),
            Self::Datacenter([region, datacenter]) => write!(f, "datacenter {region}/{datacenter}"),
            Self::Rack([region, datacenter, rack]) => write!(f, "rack {region}/{datacenter}/{rack}"),
            Self::Unknown => f.write_str("an unknown place"),
        }
    }
}

fn plural<T>(items: &[T], one: &'static str, several: &'static str) -> &'static str {
    if items.len() == 1 { one } else { several }
}

/// Writes `n1`, `n1 and n2` or `n1, n2 and n3`.
struct List<'a>(&'a [NodeId]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, node) in self.0.iter().enumerate() {
            let last = index + 1 == self.0.len();
            f.write_str(if index == 0 {
                ""
            } else if last {
                " and "
            } else {
                ", "
            })?;
            write!(f, "{node}")?;
        }
        Ok(())
    }
}

/// Writes each node with its clause, and a comma before every further one.
struct Clauses<'a>(&'a [Absence]);

impl fmt::Display for Clauses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, absence) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { ", and of " })?;
            write!(f, "{absence}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;

    fn nodes(numbers: &[u64]) -> Vec<NodeId> {
        numbers.iter().copied().map(NodeId::new).collect()
    }

    fn absence(node: u64, fault: Fault, millis: u64) -> Absence {
        Absence { node: NodeId::new(node), fault, span: Duration::from_millis(millis) }
    }

    #[test]
    fn a_reason_is_a_sentence_however_many_nodes_it_names() {
        let one = Reason::Vacant { joins: nodes(&[4, 5, 6]), healthy: 1, target: 5 };
        assert_eq!(one.to_string(), "n4, n5 and n6 are promoted: 1 of 5 voters is healthy");
        let gone = vec![absence(2, Fault::Lagging, 900), absence(3, Fault::Leaving, 0)];
        let two = Reason::Gone { joins: nodes(&[5, 6]), leaves: gone.clone() };
        let text = "n5 and n6 take the places of n2, which has lagged behind for 900 ms, and of n3, which is leaving";
        assert_eq!(two.to_string(), text);
        assert_eq!(
            Reason::Unseated(gone).to_string(),
            "n2 and n3 lose their seats: the others are a majority without the votes of n2, which has lagged behind \
             for 900 ms, and of n3, which is leaving"
        );
        let needed = Reason::Needed { node: NodeId::new(2), promising: 1, target: 3 };
        assert_eq!(needed.to_string(), "n2 becomes a learner: 1 of 3 voters is at hand");
    }
}
