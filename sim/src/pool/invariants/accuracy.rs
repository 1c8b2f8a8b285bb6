//! Once the network is well, nobody who is well is taken for dead.

use std::time::Duration;

use delian_core::Time;

use super::history::History;
use super::{Breach, Property, Told};

/// See [`Property::RULE`].
pub(super) struct Accuracy;

impl Property for Accuracy {
    const NAME: &'static str = "who-is-well-is-not-buried";
    const RULE: &'static str = "A while after the last fault no member that is well says that another one died that is \
                                well (eventually perfect accuracy).";
}

/// Counts a death, and judges it if everyone has been well for long.
pub(super) fn on_death(history: &mut History, told: &Told) -> Result<(), Breach> {
    let node = history.subject(told.subject).node;
    let truth = &history.truth;
    history.facts.deaths += 1;
    let Some(home) = truth.home_of(node) else {
        if let Some((at, super::super::truth::End::Crashed)) = truth.end_of(node) {
            history.facts.detect(told.now, node, at);
        }
        return Ok(());
    };
    let life = truth.life(home).expect("it lives there");
    let outlived = history.subject(told.subject).outlived;
    if told.incarnation < life.incarnation || outlived.is_some_and(|outlived| told.incarnation <= outlived) {
        // An earlier life died indeed, or may have: nothing tells two lives in one incarnation apart.
        return Ok(());
    }
    history.facts.false_deaths_of_any += 1;
    let patience = history.bounds.suspicion();
    if !well_for(history, home, told.now, patience) {
        return Ok(());
    }
    history.facts.false_deaths += 1;
    if !well_for(history, told.observer, told.now, patience) {
        return Ok(());
    }
    history.facts.false_deaths_at_healthy += 1;
    let (well, over) = history.truth.census();
    let span = history.bounds.stabilisation(well, over);
    let stable = history.truth.untroubled_since().is_some_and(|since| since + span <= told.now);
    if !stable || !well_for(history, home, told.now, span) || !well_for(history, told.observer, told.now, span) {
        return Ok(());
    }
    let facts = format!(
        "{} says that {node} died in {}, which is up at place {home} since {:?}; no path was in trouble since {:?}, for \
         longer than {span:?}",
        history.who(told.observer),
        told.incarnation,
        life_since(history, home),
        history.truth.untroubled_since().unwrap_or(Time::ZERO),
    );
    Err(Accuracy::breach(told.now, facts))
}

/// Takes note of a second in which a death of anyone who is well would be a breach.
pub(super) fn on_sample(history: &mut History, now: Time) {
    let (well, over) = history.truth.census();
    let span = history.bounds.stabilisation(well, over);
    let stable = history.truth.untroubled_since().is_some_and(|since| since + span <= now);
    if stable && (0..history.truth.size()).any(|place| well_for(history, place, now, span)) {
        history.facts.judge(Accuracy::NAME);
    }
}

fn life_since(history: &History, place: u32) -> Time {
    history.truth.life(place).map_or(Time::NEVER, |life| life.since)
}

/// Returns whether a place has been up, and its path in no trouble, for so long.
fn well_for(history: &History, place: u32, now: Time, span: Duration) -> bool {
    history.truth.well_since(place).is_some_and(|since| since + span <= now)
}

#[cfg(test)]
mod tests {
    use super::super::Word;
    use super::super::fixture::{at, history, tell, tell_in};
    use super::super::history::History;
    use super::*;
    use delian_core::swim::Incarnation;

    fn counts(history: &History) -> [u64; 4] {
        let facts = &history.facts;
        [facts.deaths, facts.false_deaths_of_any, facts.false_deaths, facts.false_deaths_at_healthy]
    }

    #[test]
    fn a_false_death_is_counted_by_who_is_healthy_and_is_a_breach_once_all_are_well() {
        let mut history = history(5);
        history.truth.troubled(at(1), 3);
        history.truth.troubled(at(1), 4);
        assert_eq!(on_death(&mut history, &tell(100, 0, 3, Word::Died)), Ok(()));
        assert_eq!(counts(&history), [1, 1, 0, 0], "of one in trouble");
        assert_eq!(on_death(&mut history, &tell(100, 4, 1, Word::Died)), Ok(()));
        assert_eq!(counts(&history), [2, 2, 1, 0], "by one in trouble");
        assert_eq!(on_death(&mut history, &tell(100, 0, 1, Word::Died)), Ok(()));
        assert_eq!(counts(&history), [3, 3, 2, 1], "while others are in trouble");
        history.truth.eased(at(100), 3);
        history.truth.eased(at(100), 4);
        assert_eq!(on_death(&mut history, &tell(110, 0, 1, Word::Died)), Ok(()), "so soon after");
        let breach = on_death(&mut history, &tell(1000, 0, 1, Word::Died)).unwrap_err();
        assert_eq!(breach.invariant, Accuracy::NAME);
    }

    #[test]
    fn a_death_that_may_be_of_an_earlier_life_is_no_false_one() {
        let mut history = history(3);
        history.subjects[2].outlived = Some(Incarnation::new(1));
        assert_eq!(on_death(&mut history, &tell_in(1, 100, 0, 2, Word::Died)), Ok(()));
        assert_eq!(counts(&history), [1, 0, 0, 0]);
        assert_eq!(on_death(&mut history, &tell_in(2, 100, 0, 2, Word::Died)), Ok(()));
        assert_eq!(counts(&history), [2, 1, 1, 1]);
    }

    #[test]
    fn calm_is_counted_once_it_has_lasted() {
        let mut history = history(3);
        for second in [10, 1000, 1001] {
            on_sample(&mut history, at(second));
        }
        assert_eq!(history.facts.judged[Accuracy::NAME], 2);
        history.truth.troubled(at(1001), 1);
        on_sample(&mut history, at(1002));
        assert_eq!(history.facts.judged[Accuracy::NAME], 2);
    }

    #[test]
    fn the_death_of_one_that_crashed_is_a_detection() {
        let mut history = history(3);
        history.truth.stopped(at(50), 2);
        for (second, observer) in [(57, 0), (58, 1)] {
            assert_eq!(on_death(&mut history, &tell(second, observer, 2, Word::Died)), Ok(()));
        }
        let found = history.facts.detections[0];
        assert_eq!((found.first.as_secs(), found.last.as_secs(), found.observers), (7, 8, 2));
        assert_eq!(counts(&history), [2, 0, 0, 0]);
    }
}
