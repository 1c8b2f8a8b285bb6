//! A suspicion is as short as its distinct accusers make it, and no shorter; whoever tells a death makes it the shortest.

use delian_core::NodeId;
use delian_core::swim::packet::Body;
use delian_core::swim::{News, Packet};

use super::bounds::Bounds;
use super::history::History;
use super::{Breach, Property, Told, Word};

/// See [`Property::RULE`].
pub(super) struct Confirmations;

impl Property for Confirmations {
    const NAME: &'static str = "accusers-count-once";
    const RULE: &'static str = "A member buries nobody on hearsay, and a suspect no sooner than Lifeguard's formula says \
                                for the distinct accusers that it has heard of, or for all there can be if it heard of \
                                the death; and nobody accuses itself.";
}

/// Takes note of the accusers that a packet brings to a member.
pub(super) fn on_arrival(history: &mut History, observer: u32, packet: &Packet) {
    let merged = matches!(packet.body, Body::SyncOffer(_) | Body::SyncAnswer(_) | Body::SyncPush);
    for news in &packet.news {
        let (member, incarnation, accuser) = match news {
            News::Suspect { member, incarnation, accuser } => (*member, *incarnation, *accuser),
            // A death is an accusation by whoever tells it.
            News::Dead { member, incarnation } => (*member, *incarnation, packet.from),
            News::Alive { .. } | News::Left { .. } | News::Broadcast(_) => continue,
        };
        let Some(subject) = history.find(member).filter(|_| accuser != member) else { continue };
        if matches!(news, News::Dead { .. }) && !merged {
            history.pair_mut(observer, subject).told_dead = Some(incarnation);
        }
        let Some(known) = history.find(accuser) else { continue };
        let told_of = packet.news.iter().any(|other| other.member() == accuser);
        if !history.pair(observer, known).phase.is_up() && !told_of {
            // Whoever is gone in this view confirms nothing.
            continue;
        }
        if let Some(suspicion) = history.suspicions.get_mut(&(observer, subject))
            && suspicion.incarnation == incarnation
            && !suspicion.accusers.contains(&accuser)
        {
            suspicion.accusers.push(accuser);
        }
    }
}

/// Judges an event.
pub(super) fn on_told(history: &History, told: &Told) -> Result<(), Breach> {
    let node = history.subject(told.subject).node;
    match told.word {
        Word::Suspected(accuser) if accuser == node => {
            let facts = format!("{} suspects {node}, which it says accuses itself", history.who(told.observer));
            Err(Confirmations::breach(told.now, facts))
        }
        Word::Died if told.woke => on_deadline(history, told, node),
        Word::Died => {
            let facts = format!("{} buries {node} because somebody said so", history.who(told.observer));
            Err(Confirmations::breach(told.now, facts))
        }
        Word::Suspected(_) | Word::Joined(_) | Word::Updated(_) | Word::Recovered | Word::Left { .. } => Ok(()),
    }
}

fn on_deadline(history: &History, told: &Told, node: NodeId) -> Result<(), Breach> {
    let row = &history.rows[told.observer as usize];
    let (Some(suspicion), Some(settings)) = (history.suspicions.get(&(told.observer, told.subject)), &row.settings)
    else {
        return Ok(());
    };
    let own = history.truth.life(told.observer).map(|life| life.node);
    // The observer may have confirmed it itself, of which it tells nobody at once.
    let itself = usize::from(own.is_some_and(|own| !suspicion.accusers.contains(&own)));
    let told_dead = history.pair(told.observer, told.subject).told_dead == Some(suspicion.incarnation);
    let confirmations = if told_dead { usize::MAX } else { suspicion.accusers.len() - 1 + itself };
    let (fewest, most) = suspicion.members;
    let spans = [fewest, most].map(|members| Bounds::suspicion_after(settings, members, confirmations));
    let least = spans[0].min(spans[1]);
    let lasted = told.now.since(suspicion.since);
    if lasted >= least {
        return Ok(());
    }
    let facts = format!(
        "{} buries {node} after {lasted:?}, but with {fewest} to {most} members and {} accusers it takes {least:?}",
        history.who(told.observer),
        suspicion.accusers.len()
    );
    Err(Confirmations::breach(told.now, facts))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, gossip, history, node, suspect, tell};
    use super::*;
    use delian_core::swim::Incarnation;

    /// Judges a death of member 1 at member 0, which it suspects since the first second and these others accuse.
    fn judge(seconds: u64, accusers: &[u64]) -> Result<(), Breach> {
        let mut history = history(9);
        suspect(&mut history, 1, 0, 1, node(2));
        for accuser in accusers {
            let (member, accuser) = (node(1), NodeId::new(*accuser));
            let news = News::Suspect { member, incarnation: Incarnation::ZERO, accuser };
            on_arrival(&mut history, 0, &gossip(3, vec![news]));
        }
        assert_eq!(history.suspicions[&(0, 1)].since, at(1));
        on_told(&history, &Told { woke: true, ..tell(seconds, 0, 1, Word::Died) })
    }

    #[test]
    fn a_deadline_that_comes_too_soon_for_its_accusers_is_noticed() {
        let [one, other] = [node(3).get(), node(4).get()];
        assert_eq!(judge(4, &[one, other]), Ok(()), "with itself there are enough");
        assert!(judge(4, &[one]).is_err());
        assert!(judge(4, &[one, one, one]).is_err(), "one accuser three times");
        assert!(judge(4, &[one, node(1).get()]).is_err(), "the suspect itself");
        assert!(judge(4, &[one, 777]).is_err(), "one whom nobody knows");
        assert_eq!(judge(16, &[]), Ok(()));
    }

    #[test]
    fn a_death_that_is_told_makes_a_suspicion_the_shortest_and_buries_nobody() {
        for (body, seconds, is_right) in
            [(Body::Gossip, 5, true), (Body::Gossip, 2, false), (Body::SyncPush, 5, false), (Body::SyncPush, 16, true)]
        {
            let mut history = history(9);
            suspect(&mut history, 1, 0, 1, node(2));
            let news = News::Dead { member: node(1), incarnation: Incarnation::ZERO };
            on_arrival(&mut history, 0, &Packet { body, ..gossip(2, vec![news]) });
            let died = tell(seconds, 0, 1, Word::Died);
            assert_eq!(on_told(&history, &Told { woke: true, ..died }).is_ok(), is_right, "after {seconds} s");
            assert!(on_told(&history, &Told { woke: false, ..died }).is_err(), "on hearsay");
        }
    }

    #[test]
    fn one_that_accuses_itself_is_noticed() {
        assert!(on_told(&history(3), &tell(1, 0, 1, Word::Suspected(node(1)))).is_err());
    }
}
