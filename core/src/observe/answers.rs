//! What a member tells those who ask, and how much of that per second.
//!
//! Each answer costs by what it carries. Whoever asks beyond the limit hears that the member is busy, and asks another:
//! what many want soon many have.

use alloc::boxed::Box;
use core::time::Duration;

use super::message::{Fingerprint, Form, News, Pull, PullAnswer};
use crate::ids::Blob;
use crate::time::Time;
use crate::topology::Topology;

/// What the answers of a second may cost: one for each, and one more for each hundred nodes that it tells of. The last one
/// may exceed it, for the whole of a large topology costs more.
pub const ANSWER_COSTS_MAX: usize = 64;

/// For how many nodes an answer costs one more.
const NODES_PER_COST: usize = 100;

/// Over which span the costs are counted.
const SPAN: Duration = Duration::from_secs(1);

/// What a member answered of late.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Answers {
    counted_from: Time,
    costs: usize,
}

impl Answers {
    /// Answers what was asked by what the member tells; a member that has nothing to tell yet is busy.
    pub fn answer(&mut self, now: Time, pull: &Pull, told: Option<(&Topology, Fingerprint)>) -> PullAnswer {
        let news = told.map_or(News::Busy, |(topology, fingerprint)| self.news(now, pull, topology, fingerprint));
        PullAnswer { number: pull.number, news }
    }

    fn news(&mut self, now: Time, pull: &Pull, topology: &Topology, fingerprint: Fingerprint) -> News {
        if self.counted_from + SPAN <= now {
            (self.counted_from, self.costs) = (now, 0);
        }
        if self.costs >= ANSWER_COSTS_MAX {
            return News::Busy;
        }
        let epoch = topology.epoch();
        let (news, nodes) = if epoch <= pull.have {
            (News::Nothing { epoch, fingerprint }, 0)
        } else if let (Form::Delta, Ok(delta)) = (pull.form, topology.delta(pull.have)) {
            let nodes = delta.changed.len() + delta.removed.len();
            (News::Delta { delta: Box::new(delta), fingerprint }, nodes)
        } else {
            (News::Whole { bytes: Blob::from(topology.to_bytes()), fingerprint }, topology.len())
        };
        self.costs += 1 + nodes / NODES_PER_COST;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Source;
    use super::*;
    use crate::ids::Epoch;

    fn pull(have: u64, form: Form) -> Pull {
        Pull { number: 5, have: Epoch::new(have), form }
    }

    fn news(source: &Source, have: u64, form: Form) -> News {
        let told = Some((source.now(), Fingerprint::of(source.now())));
        let answer = Answers::default().answer(Time::ZERO, &pull(have, form), told);
        assert_eq!(answer.number, 5);
        answer.news
    }

    #[test]
    fn who_is_behind_gets_what_changed_or_the_whole_and_who_is_not_gets_nothing() {
        let source = Source::with_changes(9);
        let fingerprint = Fingerprint::of(source.now());
        let delta = Box::new(source.now().delta(Epoch::new(4)).unwrap());
        let whole = News::Whole { bytes: Blob::from(source.now().to_bytes()), fingerprint };
        assert_eq!(news(&source, 4, Form::Delta), News::Delta { delta, fingerprint });
        assert_eq!(news(&source, 4, Form::Whole), whole);
        let nothing = News::Nothing { epoch: Epoch::new(9), fingerprint };
        assert_eq!(news(&source, 9, Form::Delta), nothing);
        assert_eq!(news(&source, u64::MAX, Form::Whole), nothing);
    }

    #[test]
    fn who_has_nothing_to_tell_is_busy() {
        let answer = Answers::default().answer(Time::ZERO, &pull(0, Form::Delta), None);
        assert_eq!(answer, PullAnswer { number: 5, news: News::Busy });
    }

    #[test]
    fn what_was_forgotten_is_answered_by_the_whole() {
        let source = Source::with_removals(20);
        assert!(source.now().delta(Epoch::new(1)).is_err(), "it is forgotten");
        assert!(matches!(news(&source, 1, Form::Delta), News::Whole { .. }));
    }

    #[test]
    fn who_asks_beyond_the_limit_hears_that_the_member_is_busy_until_a_second_has_passed() {
        let source = Source::with_changes(3);
        let mut answers = Answers::default();
        let told = Some((source.now(), Fingerprint::of(source.now())));
        let mut is_busy = |millis| {
            let answer = answers.answer(Time::from_millis(millis), &pull(0, Form::Delta), told);
            answer.news == News::Busy
        };
        assert_eq!((0..ANSWER_COSTS_MAX + 5).filter(|_| is_busy(2000)).count(), 5);
        assert!(is_busy(2999));
        assert!(!is_busy(3000));
    }
}
