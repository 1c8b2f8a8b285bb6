//! A while after the last change all who are up hold the same, and it is the truth.

use std::collections::BTreeMap;

use delian_core::Time;
use delian_core::swim::members::Digest;
use delian_core::swim::{PoolLabel, Record, State};

use super::history::{Glance, History};
use super::{Breach, Property};

/// See [`Property::RULE`].
pub(super) struct Agreement;

impl Property for Agreement {
    const NAME: &'static str = "views-agree-with-the-truth";
    const RULE: &'static str = "A bound after the last time that anyone came, went or was in trouble, every member that is \
                                up reaches exactly those of its pool that are up, in their own incarnations, and their \
                                cards are known.";
}

/// What a view of a pool has to be.
#[derive(Default)]
struct Expected {
    digest: Digest,
    members: usize,
}

/// Judges all views, by their digests first.
pub(super) fn on_sample(history: &mut History, now: Time, glances: &[Glance]) -> Result<(), Breach> {
    let contested = history.subjects.iter().any(|subject| subject.contested_since.is_some());
    let Some(calm_since) = history.truth.calm_since().filter(|_| !contested) else { return Ok(()) };
    let expected = expected(history, glances);
    let differs = |glance: &&Glance| {
        let expected = &expected[&glance.label];
        glance.sums != *expected.digest.sums() || glance.reachable != expected.members || !glance.card_is_known
    };
    let up = || glances.iter().filter(|glance| history.truth.is_up(glance.place));
    let Some(wrong) = up().find(differs) else {
        history.facts.judge(Agreement::NAME);
        if history.agreed_in != Some(calm_since) {
            history.agreed_in = Some(calm_since);
            history.facts.settled.push(now.since(calm_since));
        }
        return Ok(());
    };
    let (well, over) = history.truth.census();
    let span = history.bounds.agreement(well, over);
    let news = history.bounds.news();
    // A refutation or a change of a card is on its way to all.
    let fresh = history.subjects.iter().any(|subject| subject.raised_at + news > now);
    if now <= calm_since + span || fresh {
        return Ok(());
    }
    let facts = format!(
        "{} reaches {} members of {}, {span:?} after the last change at {calm_since:?}; {}",
        history.who(wrong.place),
        wrong.reachable,
        expected[&wrong.label].members,
        difference(history, wrong, glances)
    );
    Err(Agreement::breach(now, facts))
}

fn expected(history: &History, glances: &[Glance]) -> BTreeMap<PoolLabel, Expected> {
    let mut expected: BTreeMap<PoolLabel, Expected> = BTreeMap::new();
    for glance in glances.iter().filter(|glance| history.truth.is_up(glance.place)) {
        let pool = expected.entry(glance.label).or_default();
        let record = Record { incarnation: glance.incarnation, state: State::Alive };
        pool.digest.add(history.subject(glance.subject).node, record);
        pool.members += 1;
    }
    expected
}

/// Says what a view holds otherwise, as far as pairs are kept.
fn difference(history: &History, wrong: &Glance, glances: &[Glance]) -> String {
    if !wrong.card_is_known {
        return "its own card is not known".to_owned();
    }
    for (subject, number) in history.subjects.iter().zip(0u32..) {
        let pair = history.pair(wrong.place, number);
        let is = glances.iter().find(|glance| glance.subject == number && history.truth.is_up(glance.place));
        let shown = pair.state.is_some_and(State::is_reachable);
        let same_pool = subject.label == Some(wrong.label);
        if same_pool && (shown != is.is_some() || is.is_some_and(|is| is.incarnation != pair.incarnation)) {
            let truth = is.map_or_else(|| "is not up".to_owned(), |is| format!("is up in {}", is.incarnation));
            return format!("it holds {} {:?} in {}, which {truth}", subject.node, pair.state, pair.incarnation);
        }
    }
    "the views differ in what is not kept".to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, glances, history};
    use super::*;
    use delian_core::swim::Incarnation;

    fn judge(seconds: u64, change: impl FnOnce(&mut Glance)) -> (Result<(), Breach>, History) {
        let mut history = history(4);
        let mut glances = glances(&history);
        change(&mut glances[2]);
        (on_sample(&mut history, at(seconds), &glances), history)
    }

    #[test]
    fn equal_views_that_are_true_are_an_agreement() {
        let (judged, history) = judge(7, |_| ());
        assert_eq!((judged, history.facts.settled), (Ok(()), vec![std::time::Duration::from_secs(7)]));
    }

    #[test]
    fn a_view_that_differs_for_long_is_noticed() {
        let changes: [fn(&mut Glance); 3] =
            [|it| it.sums[5] += 1, |it| it.reachable -= 1, |it| it.card_is_known = false];
        for change in changes {
            assert_eq!(judge(60, change).0, Ok(()));
            assert_eq!(judge(1000, change).0.unwrap_err().invariant, Agreement::NAME);
        }
    }

    #[test]
    fn equal_views_that_are_wrong_are_noticed() {
        let breach = judge(1000, |it| it.incarnation = Incarnation::new(3)).0.unwrap_err();
        assert!(breach.facts.contains("is up in @3"), "{}", breach.facts);
    }

    #[test]
    fn nothing_is_asked_while_someone_is_in_trouble() {
        let mut history = history(4);
        history.truth.troubled(at(1), 0);
        let mut glances = glances(&history);
        glances[1].reachable = 1;
        assert_eq!(on_sample(&mut history, at(1000), &glances), Ok(()));
    }
}
