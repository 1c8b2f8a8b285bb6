//! What really happened, as far as a property remembers it; and what members claim, which must go back to it.

use delian_core::NodeId;
use delian_core::swim::packet::Body;
use delian_core::swim::{Incarnation, News, Packet, State};

use crate::invariants::{Breach, Invariant};

/// What happened so far. Every part of it only grows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Truth {
    /// The greatest incarnation that each identity took itself, in order of identities.
    pub(super) issued: Vec<(NodeId, Incarnation)>,
    /// Who got no answer from a member, in which incarnation: the members, sorted.
    accused: Vec<(NodeId, Incarnation)>,
    /// Who left in which incarnation, sorted.
    left: Vec<(NodeId, Incarnation)>,
}

/// Something that a member holds or says of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) of: NodeId,
    pub(super) incarnation: Incarnation,
    pub(super) state: State,
}

/// What one step adds to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Deeds {
    pub(super) issued: Option<(NodeId, Incarnation)>,
    pub(super) accused: Option<(NodeId, Incarnation)>,
    pub(super) left: Option<(NodeId, Incarnation)>,
}

struct IncarnationsHaveAnOrigin;

impl Invariant for IncarnationsHaveAnOrigin {
    const NAME: &'static str = "incarnations-have-an-origin";
    const SENTENCE: &'static str =
        "No view, no news and no packet holds an incarnation of a member that the member itself never took.";
}

struct AccusationsHaveAnOrigin;

impl Invariant for AccusationsHaveAnOrigin {
    const NAME: &'static str = "accusations-have-an-origin";
    const SENTENCE: &'static str =
        "Whoever is held suspect or dead in an incarnation did not answer somebody's probe in that very incarnation.";
}

struct LeavesHaveAnOrigin;

impl Invariant for LeavesHaveAnOrigin {
    const NAME: &'static str = "leaves-have-an-origin";
    const SENTENCE: &'static str = "Whoever is said to have left in an incarnation left in that very incarnation.";
}

impl Truth {
    /// Returns the greatest incarnation that an identity ever took.
    pub(super) fn issued(&self, id: NodeId) -> Option<Incarnation> {
        self.issued.iter().find(|(of, _)| *of == id).map(|(_, incarnation)| *incarnation)
    }

    /// Returns whether these deeds are known already.
    pub(super) fn knows(&self, deeds: &Deeds) -> bool {
        let among = |list: &[_], deed: Option<_>| deed.is_none_or(|deed| list.contains(&deed));
        deeds.issued.is_none_or(|(id, incarnation)| self.issued(id) >= Some(incarnation))
            && among(&self.accused, deeds.accused)
            && among(&self.left, deeds.left)
    }

    /// Adds what was done.
    pub(super) fn learn(&mut self, deeds: &Deeds) {
        if let Some((id, incarnation)) = deeds.issued {
            match self.issued.iter_mut().find(|(of, _)| *of == id) {
                Some((_, highest)) => *highest = incarnation.max(*highest),
                None => self.issued.push((id, incarnation)),
            }
            self.issued.sort_unstable();
        }
        for (list, deed) in [(&mut self.accused, deeds.accused), (&mut self.left, deeds.left)] {
            if let Some(deed) = deed.filter(|deed| !list.contains(deed)) {
                list.push(deed);
                list.sort_unstable();
            }
        }
    }

    /// Judges what a member holds or says.
    pub(super) fn judge(&self, by: NodeId, claims: &[Claim]) -> Result<(), Breach> {
        for claim in claims {
            let Claim { of, incarnation, state } = *claim;
            let fact = |what: String| vec![format!("{by} holds or says {of}{incarnation} {state:?}"), what];
            let issued = self.issued(of);
            if issued < Some(incarnation) {
                let highest = issued.map_or("none".to_owned(), |highest| highest.to_string());
                let fact = fact(format!("the highest incarnation that {of} took is {highest}"));
                return Err(IncarnationsHaveAnOrigin::breach(fact));
            }
            let is_accusation = matches!(state, State::Suspect | State::Dead);
            if is_accusation && !self.accused.contains(&(of, incarnation)) {
                return Err(AccusationsHaveAnOrigin::breach(fact(format!("accusations: {:?}", self.accused))));
            }
            if state == State::Left && !self.left.contains(&(of, incarnation)) {
                return Err(LeavesHaveAnOrigin::breach(fact(format!("leaves: {:?}", self.left))));
            }
        }
        Ok(())
    }
}

/// Adds what news claims.
pub(super) fn claims_of_news<'a>(news: impl Iterator<Item = &'a News>, into: &mut Vec<Claim>) {
    for piece in news {
        let (of, incarnation, state) = match piece {
            News::Alive { incarnation, card } => (card.id, *incarnation, State::Alive),
            News::Suspect { member, incarnation, .. } => (*member, *incarnation, State::Suspect),
            News::Dead { member, incarnation } => (*member, *incarnation, State::Dead),
            News::Left { member, incarnation } => (*member, *incarnation, State::Left),
            News::Broadcast(_) => continue,
        };
        claim(Claim { of, incarnation, state }, into);
    }
}

/// Adds what a packet claims.
pub(super) fn claims_of_packet(packet: &Packet, into: &mut Vec<Claim>) {
    let state = if matches!(packet.body, Body::Leave) { State::Left } else { State::Alive };
    claim(Claim { of: packet.from, incarnation: packet.incarnation, state }, into);
    claims_of_news(packet.news.iter(), into);
}

pub(super) fn claim(claim: Claim, into: &mut Vec<Claim>) {
    if !into.contains(&claim) {
        into.push(claim);
    }
}
