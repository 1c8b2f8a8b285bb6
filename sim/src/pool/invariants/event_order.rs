//! The events about one node, at one member, tell a story in order.

use delian_core::Time;
use delian_core::swim::{Record, State};

use super::history::{History, Phase};
use super::{Breach, Property, Told, Word};

/// See [`Property::RULE`].
pub(super) struct EventOrder;

impl Property for EventOrder {
    const NAME: &'static str = "events-tell-a-story";
    const RULE: &'static str = "Of each other node a member tells that it joined, then any number of updates, suspicions \
                                and recoveries from them, then at most once that it died or left, and so on; who died may \
                                be said to have left, late and once.";
}

/// Judges an event and returns where the story stands after it.
pub(super) fn on_told(history: &History, told: &Told) -> Result<Phase, Breach> {
    let phase = history.pair(told.observer, told.subject).phase;
    let own = history.truth.life(told.observer).is_some_and(|life| life.node == history.subject(told.subject).node);
    if let Some(next) = after(phase, &told.word).filter(|_| !own) {
        return Ok(next);
    }
    let (node, who) = (history.subject(told.subject).node, history.who(told.observer));
    let facts = format!("{who} says of {node}: {:?} in {}, and had it {phase:?}", told.word, told.incarnation);
    Err(EventOrder::breach(told.now, facts))
}

/// Judges the record that an observer holds against what it told: the view is the story's end.
pub(super) fn on_record(
    history: &History,
    now: Time,
    observer: u32,
    subject: u32,
    record: Record,
) -> Result<(), Breach> {
    let (phase, node) = (history.pair(observer, subject).phase, history.subject(subject).node);
    let own = history.truth.life(observer).is_some_and(|life| life.node == node);
    let untold = record.state.is_reachable() != phase.is_up() || (record.state == State::Left && phase == Phase::Died);
    if own || !untold {
        return Ok(());
    }
    let facts = format!("{} holds {node} {:?} and told that it is {phase:?}", history.who(observer), record.state);
    Err(EventOrder::breach(now, facts))
}

const fn after(phase: Phase, word: &Word) -> Option<Phase> {
    match (phase, word) {
        (Phase::Unknown | Phase::Died | Phase::Left, Word::Joined(_))
        | (Phase::Up, Word::Updated(_))
        | (Phase::Suspected, Word::Recovered) => Some(Phase::Up),
        (Phase::Suspected, Word::Updated(_)) | (Phase::Up | Phase::Suspected, Word::Suspected(_)) => {
            Some(Phase::Suspected)
        }
        (Phase::Up | Phase::Suspected, Word::Died) => Some(Phase::Died),
        // Of a stranger that died nothing is told until it turns out to have left.
        (Phase::Up | Phase::Suspected, Word::Left { late: false })
        | (Phase::Died | Phase::Unknown, Word::Left { late: true }) => Some(Phase::Left),
        (
            _,
            Word::Joined(_) | Word::Updated(_) | Word::Suspected(_) | Word::Recovered | Word::Died | Word::Left { .. },
        ) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, history, node, record, tell};
    use super::*;
    use crate::pool::address_of;

    /// Returns how many words are told before one is out of order.
    fn in_order(words: &[Word]) -> usize {
        let mut history = history(3);
        history.pair_mut(0, 1).phase = Phase::Unknown;
        for (count, word) in words.iter().enumerate() {
            match on_told(&history, &tell(1, 0, 1, *word)) {
                Ok(next) => history.pair_mut(0, 1).phase = next,
                Err(breach) => {
                    assert_eq!(breach.invariant, EventOrder::NAME);
                    return count;
                }
            }
        }
        words.len()
    }

    #[test]
    fn each_word_has_its_place() {
        let (joined, suspected, late) =
            (Word::Joined(address_of(1)), Word::Suspected(node(2)), Word::Left { late: true });
        let story =
            [joined, suspected, suspected, Word::Recovered, Word::Updated(address_of(1)), Word::Died, late, joined];
        assert_eq!(in_order(&story), story.len());
        assert_eq!(in_order(&[joined, joined]), 1, "twice");
        assert_eq!(in_order(&[joined, Word::Recovered]), 1, "of no suspicion");
        assert_eq!(in_order(&[suspected]), 0, "of a stranger");
        assert_eq!(in_order(&[joined, Word::Died, Word::Died]), 2, "dies twice");
        assert_eq!(in_order(&[joined, Word::Died, late, late]), 3, "leaves twice");
        assert_eq!(in_order(&[joined, late]), 1, "late and was not dead");
    }

    #[test]
    fn a_view_that_is_not_what_was_told_is_noticed() {
        let mut history = history(2);
        let judge = |history: &History, state| on_record(history, at(1), 0, 1, record(0, state));
        assert_eq!(judge(&history, State::Suspect), Ok(()));
        assert!(judge(&history, State::Dead).is_err(), "nobody told that it died");
        history.pair_mut(0, 1).phase = Phase::Died;
        assert_eq!(judge(&history, State::Dead), Ok(()));
        assert!(judge(&history, State::Left).is_err(), "a leave was told as a death");
    }

    #[test]
    fn a_member_that_tells_of_itself_is_noticed() {
        assert!(on_told(&history(2), &tell(1, 1, 1, Word::Died)).is_err());
    }
}
