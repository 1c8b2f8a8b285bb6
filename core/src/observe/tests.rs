//! Facts and laws of one observer among members who are right, behind, busy or wrong.

use alloc::boxed::Box;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::fixtures::{Source, empty, register};
use super::{Announcement, Answers, Fingerprint, Followed, Form, News, Observer, Pull, PullAnswer};
use super::{Refused, RefusedBecause, Whom, patience};
use crate::ids::{Blob, Epoch, NodeId};
use crate::rng::Seed;
use crate::time::Time;
use crate::topology::{Delta, DeltaError, Topology};

const LEADER: NodeId = NodeId::new(1);
const ADA: NodeId = NodeId::new(2);
const BOB: NodeId = NodeId::new(3);

/// An observer with its clock; its log tells nothing.
struct Bench {
    now: Time,
    observer: Observer,
    log: Topology,
}

impl Bench {
    fn new() -> Self {
        Self { now: Time::ZERO, observer: Observer::new(Seed::new(7)), log: empty() }
    }

    fn hear(&mut self, announcement: &Announcement) -> Option<Result<Followed, Refused>> {
        let heard = self.observer.hear(self.now, LEADER, announcement, &self.log);
        self.observer.assert_invariants(&self.log);
        heard
    }

    /// Waits for the next question, which goes to `peer`.
    fn asks(&mut self, peer: NodeId) -> Pull {
        for _ in 0..3 {
            self.now = self.now.max(self.observer.next_wake());
            assert_ne!(self.now, Time::NEVER, "it asks nobody");
            if let Some((asked, pull)) = self.observer.pull(self.now, &self.log, 9, |_, _, _| Some(peer)) {
                assert_eq!(asked, peer);
                return pull;
            }
        }
        panic!("it does not ask when it wants to act");
    }

    fn told(&mut self, from: NodeId, pull: &Pull, news: News) -> Option<Result<Followed, Refused>> {
        let before = self.epoch();
        let answer = PullAnswer { number: pull.number, news };
        let outcome = self.observer.answered(self.now, from, answer, &self.log);
        self.observer.assert_invariants(&self.log);
        assert!(self.epoch() >= before, "it went back from {before} to {}", self.epoch());
        outcome
    }

    fn epoch(&self) -> Epoch {
        self.observer.topology(&self.log).epoch()
    }

    fn is_at_rest(&self) -> bool {
        self.observer.next_wake() == Time::NEVER
    }
}

/// What a member answers that holds this.
fn honest(pull: &Pull, holds: &Topology) -> News {
    Answers::default().answer(Time::ZERO, pull, Some((holds, Fingerprint::of(holds)))).news
}

/// Says the right fingerprint of the wrong thing: a delta that begins where it should, without its first change.
fn incomplete(pull: &Pull, holds: &Topology) -> News {
    let News::Delta { delta, fingerprint } = honest(pull, holds) else { panic!("there is no delta") };
    let changed = delta.changed[1..].to_vec();
    News::Delta { delta: Box::new(Delta { changed, ..*delta }), fingerprint }
}

#[test]
fn what_was_announced_is_adopted_as_soon_as_one_member_tells_it() {
    let (source, mut bench) = (Source::with_changes(5), Bench::new());
    assert!(bench.is_at_rest());
    assert_eq!(bench.hear(&source.announcement(5)), None);
    let pull = bench.asks(ADA);
    assert_eq!((pull.have, pull.form), (Epoch::ZERO, Form::Delta));
    let fingerprint = Fingerprint::of(source.now());
    let followed = Followed { from: Epoch::ZERO, to: Epoch::new(5), fingerprint, source: ADA };
    assert_eq!(bench.told(ADA, &pull, honest(&pull, source.now())), Some(Ok(followed)));
    assert_eq!(bench.observer.topology(&bench.log), source.now());
    assert!(bench.is_at_rest());
    assert_eq!(bench.hear(&source.announcement(5)), None, "a repetition is no news");
    assert!(bench.is_at_rest());
}

#[test]
fn an_epoch_of_which_no_announcement_came_waits_for_it_or_for_a_second_member() {
    let (source, mut bench) = (Source::with_changes(9), Bench::new());
    bench.hear(&source.announcement(3));
    let pull = bench.asks(ADA);
    assert_eq!(bench.told(ADA, &pull, honest(&pull, source.at(5))), None);
    assert_eq!(bench.epoch(), Epoch::ZERO, "one member alone is not believed");
    let pull = bench.asks(ADA);
    assert_eq!(pull.have, Epoch::new(5));
    assert_eq!(bench.told(ADA, &pull, honest(&pull, source.at(5))), None, "it confirms nothing of its own");
    let pull = bench.asks(BOB);
    assert_eq!(bench.told(BOB, &pull, honest(&pull, source.at(6))), None, "who is ahead replaces what may be wrong");
    let pull = bench.asks(ADA);
    let followed = bench.told(ADA, &pull, honest(&pull, source.at(6))).expect("it confirms").expect("it fits");
    assert_eq!((followed.to, followed.source), (Epoch::new(6), BOB));
    assert_eq!(bench.observer.topology(&bench.log), source.at(6));
    bench.hear(&source.announcement(7));
    let pull = bench.asks(ADA);
    assert_eq!(bench.told(ADA, &pull, honest(&pull, source.at(8))), None);
    let followed = bench.hear(&source.announcement(8)).expect("it is announced").expect("it is right");
    assert_eq!((followed.from, followed.to), (Epoch::new(6), Epoch::new(8)));
}

#[test]
fn a_second_member_at_the_same_epoch_confirms_or_contradicts() {
    let source = Source::with_changes(9);
    for right in [true, false] {
        let mut bench = Bench::new();
        bench.hear(&source.announcement(3));
        let pull = bench.asks(ADA);
        bench.told(ADA, &pull, honest(&pull, source.at(5)));
        let pull = bench.asks(BOB);
        let held = Fingerprint::of(source.at(5));
        let said = if right { held } else { Fingerprint::new(1) };
        let outcome = bench.told(BOB, &pull, News::Nothing { epoch: Epoch::new(5), fingerprint: said });
        let why = RefusedBecause::NotConfirmed { said, held };
        let refused = Refused { peer: BOB, built_on: Some(ADA), epoch: Epoch::new(5), why };
        match outcome.expect("it compares") {
            Ok(followed) => assert!(right && followed.to == Epoch::new(5)),
            Err(found) => assert!(!right && found == refused),
        }
        assert_eq!(bench.epoch(), Epoch::new(if right { 5 } else { 0 }));
    }
}

#[test]
fn a_wrong_fingerprint_is_refused_by_name_and_another_member_is_asked_for_the_whole() {
    let (source, mut bench) = (Source::with_changes(5), Bench::new());
    bench.hear(&source.announcement(5));
    let pull = bench.asks(ADA);
    let lie = incomplete(&pull, source.now());
    let claimed = Fingerprint::of(source.now());
    let refused = bench.told(ADA, &pull, lie).expect("it judges").expect_err("it is wrong");
    assert!(
        matches!(refused, Refused { peer: ADA, built_on: None, why: RefusedBecause::NotAsClaimed { claimed: said, found }, .. }
            if said == claimed && found != claimed),
        "{refused:?}"
    );
    assert_eq!(bench.epoch(), Epoch::ZERO);
    let mut avoided = None;
    bench.now = bench.observer.next_wake();
    let asked = bench.observer.pull(bench.now, &bench.log, 9, |_, _, unwanted| {
        avoided = unwanted;
        Some(BOB)
    });
    let (_, pull) = asked.expect("it is due");
    assert_eq!((avoided, pull.form), (Some(ADA), Form::Whole));
    assert!(bench.told(BOB, &pull, honest(&pull, source.now())).expect("it judges").is_ok());
    assert_eq!(bench.observer.topology(&bench.log), source.now());
}

/// A member may hold something else and say so truly: then the announcement decides.
#[test]
fn what_differs_from_the_announcement_is_refused_although_its_member_believes_it() {
    let (source, mut bench) = (Source::with_changes(5), Bench::new());
    let mut other = source.at(4).clone();
    other.apply(&register(99)).unwrap();
    bench.hear(&source.announcement(5));
    let pull = bench.asks(ADA);
    let refused = bench.told(ADA, &pull, honest(&pull, &other)).expect("it judges").expect_err("it is wrong");
    let (announced, found) = (Fingerprint::of(source.now()), Fingerprint::of(&other));
    assert_eq!((refused.peer, refused.why), (ADA, RefusedBecause::NotAsAnnounced { announced, found }));
    // Where it comes first, it waits, and the announcement finds it out.
    let mut bench = Bench::new();
    bench.hear(&source.announcement(3));
    let pull = bench.asks(ADA);
    assert_eq!(bench.told(ADA, &pull, honest(&pull, &other)), None);
    let refused = bench.hear(&source.announcement(5)).expect("it judges").expect_err("it is wrong");
    assert_eq!((refused.peer, bench.epoch()), (ADA, Epoch::ZERO));
}

#[test]
fn changes_that_do_not_fit_are_refused() {
    let (source, mut bench) = (Source::with_changes(9), Bench::new());
    bench.hear(&source.announcement(9));
    let pull = bench.asks(ADA);
    let fingerprint = Fingerprint::of(source.now());
    let later = Box::new(source.now().delta(Epoch::new(4)).unwrap());
    let refused = bench.told(ADA, &pull, News::Delta { delta: later, fingerprint }).unwrap().unwrap_err();
    let misplaced = DeltaError::Misplaced { from: Epoch::new(4), current: Epoch::ZERO };
    assert_eq!(refused.why, RefusedBecause::Delta(misplaced));
    let pull = bench.asks(BOB);
    let junk = News::Whole { bytes: Blob::from([1, 2, 3].as_slice()), fingerprint };
    assert!(matches!(bench.told(BOB, &pull, junk).unwrap().unwrap_err().why, RefusedBecause::Bytes(_)));
    // What leads nowhere is right in itself, and would be no news if it were confirmed.
    let (nowhere, fingerprint) = (source.at(0).delta(Epoch::ZERO).unwrap(), Fingerprint::of(source.at(0)));
    let idle = News::Delta { delta: Box::new(nowhere), fingerprint };
    let stale = RefusedBecause::Delta(DeltaError::Stale { to: Epoch::ZERO, current: Epoch::ZERO });
    let pull = bench.asks(ADA);
    assert_eq!(bench.told(ADA, &pull, idle).unwrap().unwrap_err().why, stale);
    let whole = News::Whole { bytes: Blob::from(source.at(0).to_bytes()), fingerprint };
    let pull = bench.asks(BOB);
    assert_eq!(bench.told(BOB, &pull, whole).unwrap().unwrap_err().why, stale);
    assert_eq!(bench.epoch(), Epoch::ZERO);
}

#[test]
fn answers_that_nobody_asked_for_come_twice_or_too_late_change_nothing() {
    let (source, mut bench) = (Source::with_changes(5), Bench::new());
    bench.hear(&source.announcement(5));
    let pull = bench.asks(ADA);
    let right = honest(&pull, source.now());
    let before = bench.observer.clone();
    assert_eq!(bench.told(BOB, &pull, right.clone()), None, "another one was asked");
    let other = Pull { number: pull.number ^ 1, ..pull };
    assert_eq!(bench.told(ADA, &other, right.clone()), None, "another question was asked");
    assert_eq!(bench.observer, before);
    assert!(bench.told(ADA, &pull, right.clone()).is_some());
    let before = bench.observer.clone();
    assert_eq!(bench.told(ADA, &pull, right), None, "it was answered before");
    assert_eq!(bench.observer, before);
}

#[test]
fn an_observer_goes_back_neither_to_an_older_announcement_nor_to_an_older_log() {
    let (source, mut bench) = (Source::with_changes(9), Bench::new());
    bench.hear(&source.announcement(6));
    let pull = bench.asks(ADA);
    assert!(bench.told(ADA, &pull, honest(&pull, source.at(6))).is_some());
    assert_eq!(bench.hear(&source.announcement(4)), None);
    assert!(bench.is_at_rest());
    // It becomes a learner, whose log catches up from the beginning.
    bench.observer.rest();
    for epoch in 0..=9 {
        bench.log = source.at(epoch).clone();
        bench.observer.reach(&bench.log);
        assert_eq!(bench.epoch(), Epoch::new(epoch.max(6)));
    }
    assert_eq!(bench.observer.topology(&empty()).epoch(), Epoch::ZERO, "what the log tells is held once");
}

#[test]
fn two_announcements_of_one_epoch_that_differ_count_for_nothing() {
    let (source, mut bench) = (Source::with_changes(5), Bench::new());
    let first = source.announcement(5);
    let second = Announcement { fingerprint: Fingerprint::new(1), ..first };
    bench.hear(&first);
    let why = RefusedBecause::Disputed { first: first.fingerprint, second: second.fingerprint };
    let refused = Refused { peer: LEADER, built_on: Some(LEADER), epoch: Epoch::new(5), why };
    assert_eq!(bench.hear(&second), Some(Err(refused)));
    assert_eq!(bench.hear(&second), None, "it is said once");
    let pull = bench.asks(ADA);
    assert_eq!(bench.told(ADA, &pull, honest(&pull, source.now())), None);
    let pull = bench.asks(BOB);
    assert!(bench.told(BOB, &pull, honest(&pull, source.now())).is_some(), "two members agree");
    assert_eq!(bench.observer.topology(&bench.log), source.now());
}

#[test]
fn the_leader_may_be_asked_only_after_many_others_were_asked_in_vain() {
    let (source, mut bench) = (Source::with_changes(5), Bench::new());
    bench.hear(&source.announcement(5));
    let mut asked = Vec::new();
    while asked.len() < 40 {
        bench.now = bench.observer.next_wake();
        bench.hear(&source.announcement(5));
        let (observer, log) = (&mut bench.observer, &bench.log);
        observer.pull(bench.now, log, 300, |_, whom, _| {
            asked.push(whom);
            None
        });
    }
    let first = asked.iter().position(|whom| *whom == Whom::Anybody);
    assert_eq!(first, Some(patience(300) as usize));
    assert_eq!(patience(300), 22);
    assert!(asked[22..].iter().all(|whom| *whom == Whom::Anybody));
    assert!(bench.now > Time::from_millis(60_000), "it asks less and less often: {}", bench.now);
}

#[test]
fn announcements_that_nobody_repeats_fade_and_there_are_never_many() {
    // The invariants, which are looked at whenever it hears something, say how many.
    let mut bench = Bench::new();
    let source = Source::with_changes(1);
    for epoch in (1..1000).rev() {
        bench.hear(&Announcement { epoch: Epoch::new(epoch), ..source.announcement(1) });
    }
    let mut questions = 0;
    while !bench.is_at_rest() {
        bench.now = bench.observer.next_wake();
        questions += usize::from(bench.observer.pull(bench.now, &bench.log, 9, |_, _, _| Some(ADA)).is_some());
    }
    assert!((5..60).contains(&questions), "{questions} questions for nothing");
    assert!(bench.now < Time::from_millis(110_000), "{}", bench.now);
}

/// What a member may answer, by a number.
fn answer(kind: u8, pull: &Pull, source: &Source, holds: &Topology) -> News {
    let fingerprint = Fingerprint::of(holds);
    match kind {
        0 => News::Busy,
        1 => News::Nothing { epoch: pull.have, fingerprint: Fingerprint::new(3) },
        2 => News::Whole { bytes: Blob::from([1, 2, 3].as_slice()), fingerprint },
        3 => News::Whole { bytes: Blob::from(holds.to_bytes()), fingerprint: Fingerprint::new(3) },
        4 => match honest(pull, holds) {
            News::Delta { delta, .. } => {
                let removed = Vec::new();
                let delta = Delta { removed, changed: Vec::new(), ..*delta };
                // What the victim will find, if it holds what it said that it holds.
                let mut made_up = source.at(pull.have.get()).clone();
                let found = made_up.apply_delta(&delta).map_or(fingerprint, |()| Fingerprint::of(&made_up));
                News::Delta { delta: Box::new(delta), fingerprint: found }
            }
            other @ (News::Whole { .. } | News::Nothing { .. } | News::Busy) => other,
        },
        5 => News::Delta { delta: Box::new(source.now().delta(Epoch::ZERO).expect("it is kept")), fingerprint },
        _ => {
            let mut made_up = holds.clone();
            made_up.apply(&register(99)).expect("it is acceptable");
            honest(pull, &made_up)
        }
    }
}

proptest! {
    /// Three members are right, each as far as it came; the fourth says what it likes. Whatever the order in which they
    /// are asked, an observer holds nothing that was not committed, never goes back, and arrives.
    #[test]
    fn one_wrong_member_misleads_nobody(
        steps in proptest::collection::vec((0u64..4, 0u8..7, 1u64..30, 0u8..4), 1..60),
    ) {
        let (source, mut bench) = (Source::with_changes(30), Bench::new());
        bench.hear(&source.announcement(2));
        let liar = NodeId::new(13);
        let mut followed = Epoch::ZERO;
        for (member, kind, epoch, announce) in steps {
            if announce == 0 {
                bench.hear(&source.announcement(epoch));
            }
            // It is repeated, or it would fade.
            bench.hear(&source.announcement(30));
            let peer = NodeId::new(10 + member);
            if bench.epoch() < Epoch::new(30) {
                let pull = bench.asks(peer);
                let holds = source.at(epoch);
                let news = if peer == liar { answer(kind, &pull, &source, holds) } else { honest(&pull, holds) };
                bench.told(peer, &pull, news);
            }
            let held = bench.observer.topology(&bench.log);
            prop_assert!(held.epoch() >= followed);
            followed = held.epoch();
            prop_assert_eq!(held, source.at(followed.get()), "it holds what was never committed");
        }
        for turn in 0..6 {
            bench.hear(&source.announcement(30));
            if bench.epoch() < Epoch::new(30) {
                let peer = NodeId::new(10 + turn % 3);
                let pull = bench.asks(peer);
                bench.told(peer, &pull, honest(&pull, source.now()));
            }
        }
        prop_assert_eq!(bench.observer.topology(&bench.log), source.now());
    }
}
