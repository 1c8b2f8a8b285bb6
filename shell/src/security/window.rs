//! Which packets came before: a sliding bitmap for each run of each sender (RFC 4303, section 3.4.3; RFC 6479).
//!
//! A packet is named by its sender, the number that the sender's process drew when it began (its run) and a counter. Within
//! a run every counter is accepted once, and none that lies further back than the window reaches. Of each sender the
//! newest runs have windows, newest by when they were first heard; those before them are remembered by number and refused.
//!
//! There are as many senders as there may be: beyond that the one that was silent for longest is forgotten. What was
//! recorded of a forgotten sender, or of a run that so many others followed, is accepted once more when it is played
//! again. That is why packets are things that may come late or twice: pools and heartbeats take either as old news. To end
//! it for good, change the key.

use std::collections::{BTreeMap, VecDeque};

/// The words of a bitmap. One of them is being cleared while the window slides, so it counts for nothing.
const WORDS: usize = 17;

/// How many counters back a packet may come. A sender counts its packets to everyone: a thousand of them are about a second
/// of a busy one, and no path delays packets of one sender against each other by more.
pub(super) const REACH: u64 = (WORDS as u64 - 1) * 64;

/// Of how many runs of a sender there are windows: packets of the one before are on their way while it starts again.
const RUNS_MAX: usize = 2;

/// How many earlier runs of a sender are remembered and refused.
const PAST_RUNS_MAX: usize = 64;

/// The name of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number {
    pub(super) sender: u64,
    pub(super) run: u64,
    pub(super) counter: u64,
}

/// What is known of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was not here before.
    Fresh,
    /// It was.
    Replayed,
    /// Nobody remembers whether it was.
    Stale,
}

/// The counters of one run.
#[derive(Clone, Debug)]
struct Window {
    top: u64,
    words: [u64; WORDS],
}

impl Window {
    fn beginning_with(counter: u64) -> Self {
        let mut window = Self { top: counter, words: [0; WORDS] };
        window.mark(counter);
        window
    }

    const fn place(counter: u64) -> (usize, u64) {
        ((counter / 64) as usize % WORDS, 1 << (counter % 64))
    }

    const fn judge(&self, counter: u64) -> Verdict {
        if counter > self.top {
            return Verdict::Fresh;
        }
        if self.top - counter >= REACH {
            return Verdict::Stale;
        }
        let (word, bit) = Self::place(counter);
        if self.words[word] & bit == 0 { Verdict::Fresh } else { Verdict::Replayed }
    }

    fn mark(&mut self, counter: u64) {
        if counter > self.top {
            let slid = (counter / 64 - self.top / 64).min(WORDS as u64);
            for step in 1..=slid {
                // Counted from the old top: beyond a whole turn every word is cleared, wherever it begins.
                self.words[((self.top / 64 + step) % WORDS as u64) as usize] = 0;
            }
            self.top = counter;
        }
        let (word, bit) = Self::place(counter);
        self.words[word] |= bit;
    }
}

/// What is remembered of one sender.
#[derive(Clone, Debug)]
struct Sender {
    /// When it was heard last, in packets.
    heard_at: u64,
    /// The newest runs, the newest first.
    runs: VecDeque<(u64, Window)>,
    /// Earlier ones, the newest first.
    past: VecDeque<u64>,
}

impl Sender {
    fn judge(&self, run: u64, counter: u64) -> Verdict {
        if let Some((_, window)) = self.runs.iter().find(|(its, _)| *its == run) {
            return window.judge(counter);
        }
        if self.past.contains(&run) { Verdict::Stale } else { Verdict::Fresh }
    }

    fn mark(&mut self, run: u64, counter: u64) {
        if let Some((_, window)) = self.runs.iter_mut().find(|(its, _)| *its == run) {
            return window.mark(counter);
        }
        self.runs.push_front((run, Window::beginning_with(counter)));
        if self.runs.len() > RUNS_MAX
            && let Some((oldest, _)) = self.runs.pop_back()
        {
            self.past.push_front(oldest);
            self.past.truncate(PAST_RUNS_MAX);
        }
    }
}

/// What is remembered of all senders.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    senders: BTreeMap<u64, Sender>,
    /// Senders by when they were heard last.
    by_age: BTreeMap<u64, u64>,
    heard: u64,
    senders_max: usize,
}

impl Windows {
    /// Remembers nothing yet, and so many senders at most.
    pub(super) const fn new(senders_max: usize) -> Self {
        Self { senders: BTreeMap::new(), by_age: BTreeMap::new(), heard: 0, senders_max }
    }

    /// Says what is known of a packet, without remembering it: nobody vouches for its number yet.
    pub(super) fn judge(&self, number: Number) -> Verdict {
        self.senders.get(&number.sender).map_or(Verdict::Fresh, |sender| sender.judge(number.run, number.counter))
    }

    /// Says what is known of a packet whose number is vouched for, and remembers it if it is fresh.
    pub(super) fn take(&mut self, number: Number) -> Verdict {
        let verdict = self.judge(number);
        if verdict != Verdict::Fresh {
            return verdict;
        }
        self.heard += 1;
        let heard_at = self.heard;
        let sender = self.senders.entry(number.sender).or_insert_with(|| Sender {
            heard_at,
            runs: VecDeque::with_capacity(1),
            past: VecDeque::new(),
        });
        self.by_age.remove(&sender.heard_at);
        self.by_age.insert(heard_at, number.sender);
        sender.heard_at = heard_at;
        sender.mark(number.run, number.counter);
        if self.senders.len() > self.senders_max
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.senders.remove(&oldest);
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const fn number(sender: u64, run: u64, counter: u64) -> Number {
        Number { sender, run, counter }
    }

    /// Remembers every counter of a run.
    #[derive(Default)]
    struct Dumb {
        seen: BTreeSet<u64>,
    }

    impl Dumb {
        fn take(&mut self, counter: u64) -> Verdict {
            if self.seen.last().is_some_and(|top| top.saturating_sub(REACH) >= counter && *top >= REACH) {
                Verdict::Stale
            } else if self.seen.insert(counter) {
                Verdict::Fresh
            } else {
                Verdict::Replayed
            }
        }
    }

    /// Steps of a run's counters: mostly near each other, at times far ahead, anywhere at all, or near the ends.
    fn counters() -> impl Strategy<Value = Vec<u64>> {
        let near = (0_u64..3 * REACH).prop_map(|it| it + 5 * REACH);
        let edge = prop_oneof![Just(0), Just(1), Just(63), Just(64), Just(u64::MAX), Just(u64::MAX - REACH)];
        let word = (0_u64..200).prop_map(|it| it * 64);
        prop::collection::vec(
            prop_oneof![8 => near.clone(), 4 => 0_u64..300, 2 => word, 1 => any::<u64>(), 1 => edge],
            1..400,
        )
    }

    proptest! {
        #[test]
        fn a_window_accepts_what_a_memory_without_end_would(counters in counters()) {
            let (mut windows, mut dumb) = (Windows::new(1), Dumb::default());
            for counter in counters {
                let before = windows.judge(number(1, 1, counter));
                let verdict = windows.take(number(1, 1, counter));
                prop_assert_eq!(verdict, before, "looking changed it: {}", counter);
                prop_assert_eq!(verdict, dumb.take(counter), "{}", counter);
            }
        }

        #[test]
        fn no_packet_of_a_remembered_run_is_accepted_twice(
            packets in prop::collection::vec((0_u64..4, 0_u64..3, 0_u64..40), 1..300),
        ) {
            let mut windows = Windows::new(4);
            let mut accepted = BTreeSet::new();
            for (sender, run, counter) in packets {
                if windows.take(number(sender, run, counter)) == Verdict::Fresh {
                    prop_assert!(accepted.insert((sender, run, counter)));
                }
            }
        }
    }

    #[test]
    fn a_run_that_two_others_followed_is_over() {
        let mut windows = Windows::new(8);
        assert_eq!(windows.take(number(1, 10, 5)), Verdict::Fresh);
        assert_eq!(windows.take(number(1, 11, 5)), Verdict::Fresh);
        assert_eq!(windows.take(number(1, 10, 6)), Verdict::Fresh, "it is on its way while the sender starts again");
        assert_eq!(windows.take(number(1, 12, 5)), Verdict::Fresh);
        assert_eq!(windows.take(number(1, 10, 7)), Verdict::Stale);
        assert_eq!(windows.take(number(1, 11, 5)), Verdict::Replayed);
    }

    #[test]
    fn as_many_runs_are_remembered_as_may_be() {
        let mut windows = Windows::new(8);
        let runs = (RUNS_MAX + PAST_RUNS_MAX) as u64;
        for run in 0..=runs {
            assert_eq!(windows.take(number(1, run, 1)), Verdict::Fresh);
        }
        assert_eq!(windows.judge(number(1, 1, 1)), Verdict::Stale);
        assert_eq!(windows.judge(number(1, 0, 1)), Verdict::Fresh, "so many others followed that it is forgotten");
        assert_eq!(windows.senders[&1].past.len(), PAST_RUNS_MAX);
    }

    #[test]
    fn the_sender_that_was_silent_for_longest_gives_way() {
        let mut windows = Windows::new(2);
        for sender in [1, 2, 1, 3] {
            windows.take(number(sender, 1, windows.heard));
        }
        assert_eq!(windows.judge(number(1, 1, 2)), Verdict::Replayed);
        assert_eq!(windows.judge(number(3, 1, 3)), Verdict::Replayed);
        assert_eq!(windows.judge(number(2, 1, 1)), Verdict::Fresh, "it is forgotten");
        assert_eq!((windows.senders.len(), windows.by_age.len()), (2, 2));
    }
}
