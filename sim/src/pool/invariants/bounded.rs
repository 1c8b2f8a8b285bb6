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
                                broadcasts, and forgets the dead and the gone after the horizon.";
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

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, glance, history, record};
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
}
