//! Whom all have buried nobody shows alive again, unless it raised its incarnation itself.

use delian_core::Time;
use delian_core::swim::{Record, State};

use super::bounds::REPLAY_WITHIN;
use super::history::History;
use super::rising::is_gone;
use super::{Breach, Property, Told, Word};

/// See [`Property::RULE`].
pub(super) struct Resurrection;

impl Property for Resurrection {
    const NAME: &'static str = "the-dead-stay-dead";
    const RULE: &'static str = "A member that holds a node dead or gone holds it alive again in a later incarnation only; \
                                and once all who are up hold a node gone that runs nowhere, none shows it again.";
}

/// Judges the next record that an observer holds of a node.
pub(super) fn on_record(
    history: &History,
    now: Time,
    observer: u32,
    subject: u32,
    record: Record,
) -> Result<(), Breach> {
    let before = history.pair(observer, subject);
    let rises = is_gone(before.state) && record.state.is_reachable();
    let forgotten = now >= before.since + history.bounds.horizon();
    if !rises || record.incarnation > before.incarnation || forgotten {
        return Ok(());
    }
    let (node, who) = (history.subject(subject).node, history.who(observer));
    let facts = format!(
        "{who} held {node} {:?} in {}, and holds it {:?} in {}",
        before.state.unwrap_or(State::Dead),
        before.incarnation,
        record.state,
        record.incarnation
    );
    Err(Resurrection::breach(now, facts))
}

/// Judges an event: whoever joins is not one whom all have buried.
pub(super) fn on_told(history: &History, told: &Told) -> Result<(), Breach> {
    let subject = history.subject(told.subject);
    let Some(buried_at) = subject.buried_at.filter(|_| matches!(told.word, Word::Joined(_))) else { return Ok(()) };
    // What a block held or the network kept may yet arrive, and those who were out of reach may hold anything.
    let Some(untroubled_since) = history.truth.untroubled_since() else { return Ok(()) };
    if history.truth.end_of(subject.node).is_none() || told.now <= buried_at.max(untroubled_since) + REPLAY_WITHIN {
        return Ok(());
    }
    let (node, who) = (subject.node, history.who(told.observer));
    let facts = format!(
        "{node} runs nowhere and all held it gone at {buried_at:?}, yet {who} says that it joined in {}",
        told.incarnation
    );
    Err(Resurrection::breach(told.now, facts))
}

/// Takes note of whom all have buried.
pub(super) fn on_sample(history: &mut History, now: Time) {
    for number in 0..history.subjects.len() {
        let gone = history.truth.end_of(history.subjects[number].node).is_some();
        if !gone {
            history.subjects[number].buried_at = None;
        } else if history.subjects[number].buried_at.is_none() {
            let shown = (0..history.truth.size())
                .filter(|place| history.truth.life(*place).is_some_and(|life| life.ended.is_none()))
                .any(|place| {
                    let pair = history.pair(place, number as u32);
                    pair.phase.is_up() || pair.state.is_some_and(State::is_reachable)
                });
            history.subjects[number].buried_at = (!shown).then_some(now);
            if !shown {
                history.facts.judge(Resurrection::NAME);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, history, join, record};
    use super::super::history::Phase;
    use super::*;

    #[test]
    fn a_life_in_an_incarnation_that_was_buried_is_noticed() {
        let mut history = history(2);
        history.hold(at(1), 0, 1, record(1, State::Dead));
        assert!(on_record(&history, at(2), 0, 1, record(1, State::Alive)).is_err());
        assert_eq!(on_record(&history, at(2), 0, 1, record(2, State::Alive)), Ok(()));
    }

    #[test]
    fn a_node_that_all_have_buried_and_one_shows_again_is_noticed() {
        let mut history = history(3);
        history.truth.stopped(at(1), 2);
        on_sample(&mut history, at(2));
        assert_eq!(history.subject(2).buried_at, None, "two members show it");
        for observer in [0, 1] {
            history.hold(at(10), observer, 2, record(0, State::Dead));
            history.pair_mut(observer, 2).phase = Phase::Died;
        }
        on_sample(&mut history, at(10));
        assert_eq!(on_told(&history, &join(70, 0, 2)), Ok(()), "a packet of old may be under way");
        assert!(on_told(&history, &join(71, 0, 2)).unwrap_err().facts.contains("runs nowhere"));
    }
}
