//! What a member says of itself reaches all who are well, within a bound.

use delian_core::Time;
use delian_core::swim::Incarnation;

use super::history::History;
use super::{Breach, Property};

/// See [`Property::RULE`].
pub(super) struct Dissemination;

impl Property for Dissemination {
    const NAME: &'static str = "news-reaches-everyone";
    const RULE: &'static str = "While nobody comes, goes or is in trouble, a new incarnation of a member is known to all of \
                                its pool within a bound: by gossip, or by an exchange of views.";
}

/// How many pieces of news are followed at a time.
const FOLLOWED_MAX: usize = 64;

/// A new incarnation on its way to all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spreading {
    subject: u32,
    incarnation: Incarnation,
    since: Time,
}

/// Begins to follow a new incarnation.
pub(super) fn on_raise(history: &mut History, now: Time, subject: u32, incarnation: Incarnation) {
    if history.spreading.len() < FOLLOWED_MAX && history.keeps_pairs() {
        history.spreading.push(Spreading { subject, incarnation, since: now });
    }
}

/// Judges the news that is on its way.
pub(super) fn on_sample(history: &mut History, now: Time) -> Result<(), Breach> {
    if history.spreading.is_empty() {
        return Ok(());
    }
    let (calm_since, bound) = (history.truth.calm_since(), history.bounds.news());
    let (well, over) = history.truth.census();
    let healing = history.bounds.stabilisation(well, over);
    for it in std::mem::take(&mut history.spreading) {
        let subject = history.subject(it.subject);
        let (node, label) = (subject.node, subject.label);
        // Someone came, went or was in trouble since: the bounds of other properties hold.
        if calm_since.is_none_or(|since| since > it.since) || history.truth.home_of(node).is_none() {
            continue;
        }
        let lacks = |place: &u32| {
            let pool = history.truth.life(*place).and_then(|life| history.subject(history.find(life.node)?).label);
            history.truth.is_up(*place)
                && pool == label
                && history.pair(*place, it.subject).incarnation < it.incarnation
        };
        let Some(lacking) = (0..history.truth.size()).find(lacks) else {
            history.facts.spreads.push(now.since(it.since));
            continue;
        };
        history.facts.judge(Dissemination::NAME);
        // Whoever was out of reach is found again first.
        let found = calm_since.map_or(it.since, |since| it.since.max(since + healing));
        if now > found + bound {
            let facts = format!(
                "{node} is in {} since {:?}, but {} holds it in {}",
                it.incarnation,
                it.since,
                history.who(lacking),
                history.pair(lacking, it.subject).incarnation
            );
            return Err(Dissemination::breach(now, facts));
        }
        history.spreading.push(it);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, history, record};
    use super::*;
    use delian_core::swim::State;

    #[test]
    fn news_that_does_not_reach_a_member_is_noticed() {
        let mut history = history(3);
        on_raise(&mut history, at(10), 0, Incarnation::new(1));
        for holder in [0, 1] {
            history.hold(at(11), holder, 0, record(1, State::Alive));
        }
        assert_eq!(on_sample(&mut history, at(20)), Ok(()));
        assert!(on_sample(&mut history.clone(), at(400)).unwrap_err().facts.contains("place 2"));
        let mut told = history.clone();
        told.hold(at(21), 2, 0, record(1, State::Alive));
        assert_eq!(on_sample(&mut told, at(22)), Ok(()));
        assert_eq!(told.facts.spreads, [std::time::Duration::from_secs(12)]);
        history.truth.troubled(at(30), 1);
        assert_eq!(on_sample(&mut history, at(400)), Ok(()), "a path is in trouble");
    }
}
