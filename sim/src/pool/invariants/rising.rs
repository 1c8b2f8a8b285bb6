//! What one member holds of another never goes back, neither in incarnation nor, within one, from worse to better.

use delian_core::Time;
use delian_core::swim::{Record, State};

use super::history::History;
use super::{Breach, Property};

/// See [`Property::RULE`].
pub(super) struct Rising;

impl Property for Rising {
    const NAME: &'static str = "records-never-go-back";
    const RULE: &'static str = "As long as a member remembers another, the incarnation that it holds of it does not fall, \
                                and within one incarnation alive, suspect, dead and left follow in this order.";
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
    let Some(state) = before.state else { return Ok(()) };
    if (record.incarnation, record.state) >= (before.incarnation, state) {
        return Ok(());
    }
    // Whoever is gone is forgotten after a while, and then anything may be said of it.
    if !state.is_reachable() && now >= before.since + history.bounds.horizon() {
        return Ok(());
    }
    let (node, who) = (history.subject(subject).node, history.who(observer));
    let facts = format!(
        "{who} held {node} {state:?} in {} since {:?}, and holds it {:?} in {}",
        before.incarnation, before.since, record.state, record.incarnation
    );
    Err(Rising::breach(now, facts))
}

/// Returns whether a state is one of those that are over.
pub(super) fn is_gone(state: Option<State>) -> bool {
    state.is_some_and(|state| !state.is_reachable())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, history, record};
    use super::*;

    fn judge(before: Record, after: Record, seconds: u64) -> Result<(), Breach> {
        let mut history = history(2);
        history.hold(at(1), 0, 1, before);
        on_record(&history, at(seconds), 0, 1, after)
    }

    #[test]
    fn an_incarnation_that_falls_is_noticed() {
        let breach = judge(record(2, State::Alive), record(1, State::Dead), 2).unwrap_err();
        assert_eq!(breach.invariant, Rising::NAME);
        assert_eq!(judge(record(1, State::Dead), record(2, State::Alive), 2), Ok(()));
    }

    #[test]
    fn a_suspicion_that_ends_without_a_refutation_is_noticed() {
        assert!(judge(record(1, State::Suspect), record(1, State::Alive), 2).is_err());
        assert!(judge(record(1, State::Left), record(1, State::Dead), 2).is_err());
        assert_eq!(judge(record(1, State::Dead), record(1, State::Left), 2), Ok(()));
    }

    #[test]
    fn who_is_forgotten_may_come_again_as_anyone() {
        let day = 24 * 3600;
        assert!(judge(record(5, State::Dead), record(0, State::Alive), day).is_err());
        assert_eq!(judge(record(5, State::Dead), record(0, State::Alive), day + 1), Ok(()));
    }
}
