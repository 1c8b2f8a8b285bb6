//! Whoever crashed is buried by everyone who is well, within a bound.

use delian_core::Time;
use delian_core::swim::State;

use super::history::History;
use super::{Breach, Property};

/// See [`Property::RULE`].
pub(super) struct Completeness;

impl Property for Completeness {
    const NAME: &'static str = "who-crashed-is-buried";
    const RULE: &'static str = "A node that runs nowhere is held dead, gone or unknown within a bound by every member that \
                                is well (strong completeness).";
}

/// Judges what all who are well hold of those who run nowhere.
pub(super) fn on_sample(history: &mut History, now: Time) -> Result<(), Breach> {
    let ended: Vec<(u32, Time)> = (0..history.subjects.len() as u32)
        .filter_map(|subject| Some((subject, history.truth.end_of(history.subject(subject).node)?.0)))
        .filter(|(subject, _)| history.subject(*subject).buried_at.is_none())
        .collect();
    if ended.is_empty() {
        return Ok(());
    }
    let (well, over) = history.truth.census();
    let span = history.bounds.detection(well, over);
    for (subject, ended_at) in ended {
        for observer in 0..history.truth.size() {
            let pair = history.pair(observer, subject);
            let Some(well_since) = history.truth.well_since(observer) else { continue };
            if !pair.state.is_some_and(State::is_reachable) {
                continue;
            }
            history.facts.judge(Completeness::NAME);
            if now > ended_at.max(well_since).max(pair.since) + span {
                let facts = format!(
                    "{} ended at {ended_at:?}, but {}, which is well since {well_since:?}, holds it {:?} in {} since {:?}",
                    history.subject(subject).node,
                    history.who(observer),
                    pair.state,
                    pair.incarnation,
                    pair.since
                );
                return Err(Completeness::breach(now, facts));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, history, record};
    use super::*;

    #[test]
    fn one_that_crashed_and_is_shown_for_ever_is_noticed() {
        let mut history = history(3);
        history.truth.stopped(at(10), 2);
        history.hold(at(20), 1, 2, record(0, State::Dead));
        assert_eq!(on_sample(&mut history, at(30)), Ok(()));
        let breach = on_sample(&mut history, at(500)).unwrap_err();
        assert_eq!(breach.invariant, Completeness::NAME);
        history.truth.troubled(at(400), 0);
        history.truth.eased(at(450), 0);
        assert_eq!(on_sample(&mut history, at(500)), Ok(()), "it was in trouble");
        history.hold(at(500), 0, 2, record(0, State::Dead));
        assert_eq!(on_sample(&mut history, at(5000)), Ok(()));
    }
}
