//! A leave is no failure.

use super::super::truth::End;
use super::history::{History, Phase};
use super::{Breach, Property, Told};

/// See [`Property::RULE`].
pub(super) struct Leaving;

impl Property for Leaving {
    const NAME: &'static str = "a-leave-is-no-failure";
    const RULE: &'static str = "No member that is well says that a node died which left, and of whose leave another that \
                                is well has known for as long as the shortest suspicion, unless a path was in trouble.";
}

/// Judges a death.
pub(super) fn on_death(history: &mut History, told: &Told) -> Result<(), Breach> {
    let node = history.subject(told.subject).node;
    let truth = &history.truth;
    let lives = truth.lives_of(node);
    let left = lives.filter_map(|(place, life)| Some((life.asked_to_leave?, place, life.ended))).max();
    let Some((asked_at, home, ended)) = left.filter(|_| truth.home_of(node).is_none()) else { return Ok(()) };
    let untroubled = truth.untroubled_since().is_some_and(|since| since <= asked_at);
    let well = truth.well_since(told.observer).is_some_and(|since| since <= asked_at);
    let crashed = matches!(ended, Some((_, End::Crashed | End::Yielded)));
    if !untroubled || !well || crashed || truth.eased_since(home).is_none_or(|since| since > asked_at) {
        return Ok(());
    }
    history.facts.judge(Leaving::NAME);
    let shortest = history.bounds.settings().suspicion_min(2);
    let knows = |place: u32| {
        let pair = history.pair(place, told.subject);
        let for_long = pair.phase == Phase::Left && pair.since + shortest <= told.now;
        for_long && history.truth.well_since(place).is_some_and(|since| since <= asked_at)
    };
    let Some(holder) = (0..history.truth.size()).find(|place| knows(*place)) else { return Ok(()) };
    let facts = format!(
        "{} says that {node} died in {}, which was asked to leave at {asked_at:?}; {} knows that it left",
        history.who(told.observer),
        told.incarnation,
        history.who(holder)
    );
    Err(Leaving::breach(told.now, facts))
}

#[cfg(test)]
mod tests {
    use super::super::Word;
    use super::super::fixture::{at, history, record, tell};
    use super::*;
    use delian_core::swim::State;

    fn left() -> History {
        let mut history = history(3);
        history.truth.asked_to_leave(at(10), 2);
        history.truth.end(at(11), 2, End::Left);
        history.hold(at(11), 1, 2, record(0, State::Left));
        history.pair_mut(1, 2).phase = Phase::Left;
        history
    }

    #[test]
    fn a_death_of_one_that_left_is_noticed() {
        let breach = on_death(&mut left(), &tell(15, 0, 2, Word::Died)).unwrap_err();
        assert_eq!(breach.invariant, Leaving::NAME);
    }

    #[test]
    fn who_cannot_have_heard_of_a_leave_may_take_it_for_a_death() {
        assert_eq!(on_death(&mut left(), &tell(12, 0, 2, Word::Died)), Ok(()), "it left just before");
        let mut cut_off = left();
        cut_off.truth.troubled(at(10), 0);
        cut_off.truth.eased(at(14), 0);
        assert_eq!(on_death(&mut cut_off, &tell(15, 0, 2, Word::Died)), Ok(()));
        let mut alone = left();
        alone.pair_mut(1, 2).phase = Phase::Up;
        assert_eq!(on_death(&mut alone, &tell(15, 0, 2, Word::Died)), Ok(()), "nobody knows");
    }
}
