//! What a member keeps is bounded by whom it can have met.

use delian_core::Time;
use delian_core::swim::Record;

use super::history::{Glance, History};
use super::{Breach, Property};

/// See [`Property::RULE`].
pub(super) struct Bounded;

impl Property for Bounded {
    const NAME: &'static str = "views-are-bounded";
    const RULE: &'static str = "A member knows no more members than ever were, keeps no more news than members and \
                                broadcasts, and forgets the dead and the gone after the horizon, and nobody else.";
}

/// How much longer than the horizon a grave may stand: until the next wake.
const GRACE_SECONDS: u64 = 2;

/// Judges how much a member keeps; `Swim::assert_invariants` judges its limits.
pub(super) fn on_sample(history: &History, now: Time, glance: &Glance) -> Result<(), Breach> {
    let most = history.subjects.len();
    let who = || history.who(glance.place);
    if glance.known > most {
        return Err(Bounded::breach(now, format!("{} knows {} members of {most} that ever were", who(), glance.known)));
    }
    if glance.reachable > glance.known {
        let facts = format!("{} reaches {} members and knows {}", who(), glance.reachable, glance.known);
        return Err(Bounded::breach(now, facts));
    }
    Ok(())
}

/// Judges a record that an observer still holds.
pub(super) fn on_record(
    history: &History,
    now: Time,
    observer: u32,
    subject: u32,
    record: Record,
) -> Result<(), Breach> {
    let pair = history.pair(observer, subject);
    let standing = super::rising::is_gone(pair.state) && pair.incarnation == record.incarnation;
    let until = pair.since + history.bounds.horizon() + std::time::Duration::from_secs(GRACE_SECONDS);
    let own = history.truth.life(observer).is_some_and(|life| life.node == history.subject(subject).node);
    if record.state.is_reachable() || !standing || now <= until || own {
        return Ok(());
    }
    let (who, node) = (history.who(observer), history.subject(subject).node);
    Err(Bounded::breach(now, format!("{who} remembers {node} {:?} since {:?}", record.state, pair.since)))
}

/// Judges whom an observer holds no more, by those whom it does hold, and how many it knows; and forgets likewise.
pub(super) fn on_forgotten(
    history: &mut History,
    now: Time,
    observer: u32,
    held: &[bool],
    known: usize,
) -> Result<(), Breach> {
    let row = &history.rows[observer as usize];
    // In a full view the dead make room for the living.
    let made_room = row.looked.is_some_and(|(_, before, _)| before <= known);
    let forgotten = row.pairs.iter().zip(held).zip(0u32..);
    let forgotten = forgotten.filter(|((pair, held), _)| pair.state.is_some() && !**held).map(|(_, subject)| subject);
    for subject in forgotten.collect::<Vec<u32>>() {
        let pair = std::mem::take(history.pair_mut(observer, subject));
        let is_gone = super::rising::is_gone(pair.state);
        if !is_gone || (pair.since + history.bounds.horizon() > now && !made_room) {
            let (who, node) = (history.who(observer), history.subject(subject).node);
            let facts = format!("{who} forgets {node}, which it held {:?} since {:?}", pair.state, pair.since);
            return Err(Bounded::breach(now, facts));
        }
        history.facts.judge(Bounded::NAME);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, glance, history, record};
    use super::super::history::Pair;
    use super::*;
    use delian_core::swim::State;

    #[test]
    fn a_view_of_more_than_ever_were_is_noticed() {
        let history = history(3);
        assert_eq!(on_sample(&history, at(1), &glance(&history, 0)), Ok(()));
        assert!(on_sample(&history, at(1), &Glance { known: 4, ..glance(&history, 0) }).is_err());
    }

    #[test]
    fn a_grave_that_stands_for_ever_is_noticed() {
        let mut history = history(3);
        let dead = record(0, State::Dead);
        history.hold(at(1), 0, 1, dead);
        let day = 24 * 3600;
        assert_eq!(on_record(&history, at(day), 0, 1, dead), Ok(()));
        assert!(on_record(&history, at(day + 5), 0, 1, dead).is_err());
    }
    #[test]
    fn who_is_forgotten_before_the_horizon_is_noticed() {
        let day = 24 * 3600;
        let forget = |state, seconds| {
            let mut history = history(3);
            history.hold(at(1), 0, 1, record(1, state));
            (on_forgotten(&mut history, at(seconds), 0, &[true, false, true], 2), history)
        };
        assert!(forget(State::Dead, day).0.is_err(), "too soon");
        assert!(forget(State::Suspect, day + 1).0.is_err(), "who is reachable is not forgotten");
        let (judged, history) = forget(State::Left, day + 1);
        assert_eq!((judged, history.pair(0, 1), history.facts.judged[Bounded::NAME]), (Ok(()), Pair::default(), 1));
        assert_eq!(history.pair(0, 2).state, Some(State::Alive));
    }
}
