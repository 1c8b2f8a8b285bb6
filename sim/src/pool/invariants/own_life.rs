//! A member that runs never holds itself dead, and its own incarnation never falls.

use delian_core::Time;
use delian_core::swim::{Incarnation, Record, State};

use super::history::History;
use super::{Breach, Property};

/// See [`Property::RULE`].
pub(super) struct OwnLife;

impl Property for OwnLife {
    const NAME: &'static str = "who-runs-knows-that-it-lives";
    const RULE: &'static str = "A member that runs and was not asked to leave holds itself alive, in its own incarnation, \
                                which never falls and rises with every refutation; it leaves only when asked to.";
}

/// What a member holds of itself after a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    pub(super) incarnation: Incarnation,
    pub(super) record: Option<Record>,
    /// Whether it is leaving, has left or has yielded.
    pub(super) leaves: bool,
    /// Whether it said that it refuted something.
    pub(super) refuted: bool,
}

/// Judges what a member holds of itself.
pub(super) fn on_step(history: &History, now: Time, place: u32, own: Own) -> Result<(), Breach> {
    let before = history.rows[place as usize].incarnation;
    let alive = Record { incarnation: own.incarnation, state: State::Alive };
    let who = history.who(place);
    if own.incarnation < before {
        return Err(OwnLife::breach(now, format!("{who} was in {before} and is in {}", own.incarnation)));
    }
    let exhausted = before.next() == before;
    if own.refuted && own.incarnation == before && !exhausted {
        return Err(OwnLife::breach(now, format!("{who} refuted a suspicion and stayed in {before}")));
    }
    if !own.leaves && own.record != Some(alive) {
        let facts = format!("{who} is in {} and holds itself {:?}", own.incarnation, own.record);
        return Err(OwnLife::breach(now, facts));
    }
    Ok(())
}

/// Judges that a member is about to leave.
pub(super) fn on_leave(history: &History, now: Time, place: u32) -> Result<(), Breach> {
    if history.truth.life(place).is_some_and(|life| life.asked_to_leave.is_some()) {
        return Ok(());
    }
    Err(OwnLife::breach(now, format!("{} leaves, and nobody asked it to", history.who(place))))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, history, record};
    use super::*;

    fn judge(incarnation: u32, record: Option<Record>, refuted: bool) -> Result<(), Breach> {
        let mut history = history(2);
        history.rows[0].incarnation = Incarnation::new(3);
        on_step(&history, at(1), 0, Own { incarnation: Incarnation::new(incarnation), record, leaves: false, refuted })
    }

    #[test]
    fn a_member_that_holds_itself_dead_or_does_not_know_itself_is_noticed() {
        assert_eq!(judge(3, Some(record(3, State::Alive)), false), Ok(()));
        assert!(judge(3, Some(record(3, State::Dead)), false).is_err());
        assert!(judge(3, Some(record(2, State::Alive)), false).is_err());
        assert!(judge(3, None, false).is_err());
    }

    #[test]
    fn an_own_incarnation_that_falls_or_does_not_rise_with_a_refutation_is_noticed() {
        assert!(judge(2, Some(record(2, State::Alive)), false).is_err());
        assert!(judge(3, Some(record(3, State::Alive)), true).is_err());
        assert_eq!(judge(4, Some(record(4, State::Alive)), true), Ok(()));
    }

    #[test]
    fn a_member_that_leaves_unasked_is_noticed() {
        let mut history = history(2);
        assert!(on_leave(&history, at(1), 0).is_err());
        history.truth.asked_to_leave(at(1), 0);
        assert_eq!(on_leave(&history, at(1), 0), Ok(()));
    }
}
