//! No packet and no view says more of a node than the node itself: no incarnation above those that it issued.

use delian_core::Time;
use delian_core::swim::{Incarnation, News, Packet};

use super::history::History;
use super::{Breach, Property};

/// See [`Property::RULE`].
pub(super) struct Provenance;

impl Property for Provenance {
    const NAME: &'static str = "only-a-node-makes-its-incarnations";
    const RULE: &'static str = "No packet and no view holds an incarnation of a node above those that the node issued, a \
                                leave that it did not say, or an accuser that never was.";
}

/// Judges what a member holds of a node.
pub(super) fn on_record(
    history: &History,
    now: Time,
    observer: u32,
    subject: u32,
    incarnation: Incarnation,
) -> Result<(), Breach> {
    let issued = history.subject(subject).issued;
    if incarnation <= issued {
        return Ok(());
    }
    let node = history.subject(subject).node;
    let facts = format!("{} holds {node} in {incarnation}, but {node} issued {issued} at most", history.who(observer));
    Err(Provenance::breach(now, facts))
}

/// Judges what a member sends.
pub(super) fn on_packet(history: &History, now: Time, from: u32, packet: &Packet) -> Result<(), Breach> {
    let said = packet.news.iter().filter_map(|news| match news {
        News::Alive { incarnation, card } => Some((card.id, *incarnation)),
        News::Suspect { member, incarnation, .. }
        | News::Dead { member, incarnation }
        | News::Left { member, incarnation } => Some((*member, *incarnation)),
        News::Broadcast(_) => None,
    });
    for (node, incarnation) in said.chain([(packet.from, packet.incarnation)]) {
        let issued = history.find(node).map(|subject| history.subject(subject).issued);
        if issued.is_none_or(|issued| incarnation > issued) {
            let most = issued.map_or_else(|| "none".to_owned(), |issued| format!("{issued} at most"));
            let facts = format!("{} sends {node} in {incarnation}, but {node} issued {most}", history.who(from));
            return Err(Provenance::breach(now, facts));
        }
    }
    packet.news.iter().try_for_each(|news| on_claim(history, now, from, news))
}

/// Judges a leave or an accusation that a member tells of.
fn on_claim(history: &History, now: Time, from: u32, news: &News) -> Result<(), Breach> {
    match news {
        News::Left { member, incarnation } => {
            let left = history.find(*member).and_then(|subject| history.subject(subject).left);
            if left.is_none_or(|left| left < *incarnation) {
                let left = left.map_or_else(|| "did not leave".to_owned(), |left| format!("left in {left} at most"));
                let facts = format!("{} says that {member} left in {incarnation}, but it {left}", history.who(from));
                return Err(Provenance::breach(now, facts));
            }
        }
        News::Suspect { member, accuser, .. } if accuser == member || history.find(*accuser).is_none() => {
            let facts = format!("{} says that {accuser} accuses {member}", history.who(from));
            return Err(Provenance::breach(now, facts));
        }
        News::Suspect { .. } | News::Alive { .. } | News::Dead { .. } | News::Broadcast(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, gossip, history, node};
    use super::*;

    fn judge(news: News) -> Result<(), Breach> {
        let mut history = history(3);
        history.subjects[1].issued = Incarnation::new(4);
        history.subjects[1].left = Some(Incarnation::new(3));
        on_packet(&history, at(1), 0, &gossip(0, vec![news]))
    }

    #[test]
    fn an_incarnation_that_was_never_issued_is_noticed() {
        let dead = |number| News::Dead { member: node(1), incarnation: Incarnation::new(number) };
        assert_eq!(judge(dead(4)), Ok(()));
        let breach = judge(dead(5)).unwrap_err();
        assert_eq!(breach.invariant, Provenance::NAME);
        assert!(breach.facts.contains("@5") && breach.facts.contains("@4 at most"), "{}", breach.facts);
        assert!(on_record(&history(3), at(1), 0, 1, Incarnation::new(1)).is_err());
    }

    #[test]
    fn a_leave_that_its_subject_did_not_say_is_noticed() {
        let left = |number| News::Left { member: node(1), incarnation: Incarnation::new(number) };
        assert_eq!(judge(left(3)), Ok(()));
        assert!(judge(left(4)).is_err());
        let breach = judge(News::Left { member: node(2), incarnation: Incarnation::ZERO }).unwrap_err();
        assert!(breach.facts.contains("did not leave"), "{}", breach.facts);
    }

    #[test]
    fn an_accuser_that_never_was_or_accuses_itself_is_noticed() {
        let by = |accuser| News::Suspect { member: node(1), incarnation: Incarnation::ZERO, accuser };
        assert_eq!(judge(by(node(2))), Ok(()));
        assert!(judge(by(node(1))).is_err());
        assert!(judge(by(node(77))).is_err());
    }
}
