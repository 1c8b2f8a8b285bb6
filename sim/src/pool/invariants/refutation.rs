//! A refutation counts: no death of an earlier incarnation, and no deadline of one, touches a later one.

use delian_core::Time;

use super::history::History;
use super::{Breach, Property, Told, Word};

/// See [`Property::RULE`].
pub(super) struct Refutation;

impl Property for Refutation {
    const NAME: &'static str = "a-refutation-counts";
    const RULE: &'static str = "A death never takes the place of a life in a later incarnation, a deadline buries only the \
                                incarnation that it was set for, and every suspicion ends.";
}

/// How many of the longest suspicions one may last at most: a member that hears nobody is patient for one and starts anew.
const LONGEST: u32 = 3;

/// Judges an event against what was held before it.
pub(super) fn on_told(history: &History, told: &Told) -> Result<(), Breach> {
    let (before, node) = (history.pair(told.observer, told.subject), history.subject(told.subject).node);
    match told.word {
        Word::Died if before.phase.is_up() && told.incarnation < before.incarnation => {
            let facts = format!(
                "{} held {node} in {} and says that it died in {}",
                history.who(told.observer),
                before.incarnation,
                told.incarnation
            );
            Err(Refutation::breach(told.now, facts))
        }
        Word::Died if told.woke => {
            let suspicion = history.suspicions.get(&(told.observer, told.subject));
            if suspicion.is_some_and(|it| it.incarnation == told.incarnation) {
                return Ok(());
            }
            let suspected = suspicion.map_or_else(
                || "was not suspected".to_owned(),
                |it| format!("is suspected in {} since {:?}", it.incarnation, it.since),
            );
            let facts = format!(
                "a deadline of {} buries {node} in {}, which {suspected}",
                history.who(told.observer),
                told.incarnation
            );
            Err(Refutation::breach(told.now, facts))
        }
        Word::Recovered if told.incarnation <= before.incarnation => {
            let facts = format!(
                "{} says that {node} recovered in {}, and suspected it in {}",
                history.who(told.observer),
                told.incarnation,
                before.incarnation
            );
            Err(Refutation::breach(told.now, facts))
        }
        Word::Joined(_) | Word::Updated(_) | Word::Suspected(_) | Word::Recovered | Word::Died | Word::Left { .. } => {
            Ok(())
        }
    }
}

/// Judges the suspicions that are under way.
pub(super) fn on_sample(history: &mut History, now: Time) -> Result<(), Breach> {
    let Some(untroubled_since) = history.truth.untroubled_since() else { return Ok(()) };
    let longest = history.bounds.suspicion() * LONGEST + history.bounds.news();
    for ((observer, subject), suspicion) in &history.suspicions {
        let well_since = history.truth.well_since(*observer);
        let Some(since) = well_since.map(|since| since.max(untroubled_since).max(suspicion.since)) else { continue };
        if since + longest < now {
            let facts = format!(
                "{} suspects {} in {} since {:?}",
                history.who(*observer),
                history.subject(*subject).node,
                suspicion.incarnation,
                suspicion.since
            );
            return Err(Refutation::breach(now, facts));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, history, node, record, suspect, tell, tell_in};
    use super::*;
    use delian_core::swim::State;

    #[test]
    fn a_death_of_an_earlier_incarnation_is_noticed() {
        let mut history = history(3);
        history.hold(at(1), 0, 1, record(2, State::Alive));
        assert!(on_told(&history, &tell_in(1, 2, 0, 1, Word::Died)).is_err());
        assert_eq!(on_told(&history, &tell_in(2, 2, 0, 1, Word::Died)), Ok(()));
    }

    #[test]
    fn a_deadline_that_was_set_for_another_incarnation_is_noticed() {
        let mut history = history(3);
        suspect(&mut history, 1, 0, 1, node(2));
        let died = |incarnation| Told { woke: true, ..tell_in(incarnation, 30, 0, 1, Word::Died) };
        assert_eq!(on_told(&history, &died(0)), Ok(()));
        assert!(on_told(&history, &died(1)).is_err());
        history.suspicions.clear();
        assert!(on_told(&history, &died(0)).is_err());
    }

    #[test]
    fn a_recovery_without_a_refutation_is_noticed() {
        let mut history = history(3);
        suspect(&mut history, 1, 0, 1, node(2));
        assert!(on_told(&history, &tell(2, 0, 1, Word::Recovered)).is_err());
        assert_eq!(on_told(&history, &tell_in(1, 2, 0, 1, Word::Recovered)), Ok(()));
    }

    #[test]
    fn a_suspicion_that_never_ends_is_noticed() {
        let mut history = history(3);
        suspect(&mut history, 1, 0, 1, node(2));
        assert_eq!(on_sample(&mut history, at(60)), Ok(()));
        assert!(on_sample(&mut history, at(300)).is_err());
        history.truth.troubled(at(1), 0);
        assert_eq!(on_sample(&mut history, at(300)), Ok(()), "who is in trouble may wait");
    }
}
