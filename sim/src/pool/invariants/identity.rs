//! Of two processes with one identity one stays.

use delian_core::Time;

use super::super::truth::End;
use super::history::History;
use super::{Breach, Property, Told, Word};

/// See [`Property::RULE`].
pub(super) struct Identity;

impl Property for Identity {
    const NAME: &'static str = "one-process-keeps-an-identity";
    const RULE: &'static str = "Of two processes with one identity exactly one goes on once all is well, the other yields \
                                to it and to nobody else, and no member changes its mind more than three times, or for \
                                each process beyond two twice more.";
}

/// How often an observer may change its mind of so many processes: each claims the identity at most once, and each but one
/// once more, after another did.
const fn flips_max(claimants: u32) -> u32 {
    2 * claimants - 1
}

/// Returns whether there may be news on its way of a process that ended then, or goes on.
fn is_heard_of(history: &History, now: Time, ended: Option<(Time, End)>) -> bool {
    ended.is_none_or(|(at, _)| at + history.bounds.news() + super::bounds::REPLAY_WITHIN >= now)
}

/// Judges that a process yields, which is not noted yet.
pub(super) fn on_yield(history: &History, now: Time, place: u32) -> Result<(), Breach> {
    let Some(life) = history.truth.life(place) else { return Ok(()) };
    let mut others = history.truth.lives_of(life.node).filter(|(other, _)| *other != place);
    if others.any(|(_, other)| is_heard_of(history, now, other.ended) && other.since <= now) {
        return Ok(());
    }
    let facts = format!("{} yields, and no other process bears or of late bore its identity", history.who(place));
    Err(Identity::breach(now, facts))
}

/// Judges where a member says that a node is.
pub(super) fn on_told(history: &mut History, told: &Told) -> Result<(), Breach> {
    let (Word::Joined(address) | Word::Updated(address)) = told.word else { return Ok(()) };
    if history.subject(told.subject).contested_since.is_none() {
        return Ok(());
    }
    let (known, flips) = history.contested.entry((told.observer, told.subject)).or_insert((address, 0));
    *flips += u32::from(*known != address);
    *known = address;
    let flips = *flips;
    let subject = history.subject(told.subject);
    let claimants = (subject.lives - subject.settled_lives).max(2);
    if flips <= flips_max(claimants) {
        return Ok(());
    }
    let facts = format!(
        "{} changed its mind {flips} times where {} is, of which there were {claimants} processes",
        history.who(told.observer),
        subject.node
    );
    Err(Identity::breach(told.now, facts))
}

/// Judges how many processes bear each identity.
pub(super) fn on_sample(history: &mut History, now: Time) -> Result<(), Breach> {
    let calm_since = history.truth.calm_since();
    let (well, over) = history.truth.census();
    let span = history.bounds.agreement(well, over);
    for number in 0..history.subjects.len() {
        let node = history.subjects[number].node;
        let bearers = history.truth.lives_of(node).filter(|(_, life)| life.ended.is_none()).count();
        if bearers < 2 {
            if history.subjects[number].contested_since.take().is_some() {
                history.contested.retain(|(_, subject), _| *subject as usize != number);
            }
            continue;
        }
        let lives = history.truth.lives_of(node).filter(|(_, life)| is_heard_of(history, now, life.ended));
        let heard_of = lives.count() as u32;
        let subject = &mut history.subjects[number];
        if subject.contested_since.is_none() {
            subject.settled_lives = subject.lives.saturating_sub(heard_of);
        }
        let since = *subject.contested_since.get_or_insert(now);
        let Some(calm_since) = calm_since else { continue };
        history.facts.judge(Identity::NAME);
        if since.max(calm_since) + span < now {
            let facts = format!("{bearers} processes bear {node} since {since:?}");
            return Err(Identity::breach(now, facts));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, history, node, tell};
    use super::*;
    use crate::pool::address_of as place_address;
    use delian_core::swim::Incarnation;

    fn contested() -> History {
        let mut history = history(4);
        history.truth.started(at(10), 3, node(1), Incarnation::ZERO);
        on_sample(&mut history, at(10)).unwrap();
        history
    }

    #[test]
    fn two_processes_that_both_stay_are_noticed() {
        let mut history = contested();
        assert_eq!(on_sample(&mut history, at(60)), Ok(()));
        assert!(on_sample(&mut history, at(1000)).is_err());
        history.truth.end(at(60), 1, End::Yielded);
        assert_eq!(on_sample(&mut history, at(1000)), Ok(()));
    }

    #[test]
    fn a_process_that_yields_to_nobody_is_noticed() {
        let history = contested();
        assert_eq!(on_yield(&history, at(20), 1), Ok(()));
        assert!(on_yield(&history, at(20), 0).is_err());
    }

    #[test]
    fn a_member_that_changes_its_mind_again_and_again_is_noticed() {
        let mut history = contested();
        let addresses = [1, 3, 1, 3, 1].map(place_address);
        let judged = addresses.map(|it| on_told(&mut history, &tell(11, 0, 1, Word::Updated(it))).is_ok());
        assert_eq!(judged, [true, true, true, true, false]);
        let mut of_three = contested();
        (of_three.subjects[1].lives, of_three.subjects[1].settled_lives) = (4, 1);
        let addresses = [1, 3, 2, 1, 3, 2, 1].map(place_address);
        let judged = addresses.map(|it| on_told(&mut of_three, &tell(11, 0, 1, Word::Updated(it))).is_ok());
        assert_eq!(judged, [true, true, true, true, true, true, false]);
    }
}
