//! One observer: what it heard of, whom it asks, and what it adopts.
//!
//! An observer has one question open at a time, begins after a short random pause, so that a thousand do not ask at once,
//! and asks a member drawn anew every round. It holds at most three topologies: that of its log, the adopted one, and a
//! candidate.

use alloc::collections::VecDeque;
use core::time::Duration;

use super::announce::{Announcement, MEMORY};
use super::candidate::{self, Candidate, Followed, Refused, RefusedBecause};
use super::message::{Fingerprint, Form, News, Pull, PullAnswer};
use crate::ids::{Epoch, NodeId};
use crate::rng::{Seed, Stream};
use crate::time::Time;
use crate::topology::Topology;

/// The mean pause between two questions of an observer that is behind: a round of gossip within a region.
pub const PULL_INTERVAL: Duration = Duration::from_millis(200);

/// The longest mean pause, of an observer that has long asked in vain.
const PULL_INTERVAL_MAX: Duration = Duration::from_secs(5);

/// How long a member may take to answer before another one is asked; doubled with each in a row that did not but the first,
/// for what is slow may be the way.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(600);

/// How often a timeout or a pause is doubled at most: the former to 38 s.
const DOUBLINGS_MAX: u32 = 6;

/// The most announcements that an observer remembers; the one that was heard longest ago gives way.
pub const ANNOUNCED_MAX: usize = 8;

/// Who may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whom {
    /// Any member but the one that leads.
    NotTheLeader,
    /// Any member, the leader as likely as others.
    Anybody,
}

/// How often an observer asks others in vain before it may ask the leader: more often than a rumour takes to reach nearly
/// all of so many members.
pub fn patience(members: usize) -> u32 {
    4 + 2 * (usize::BITS - members.leading_zeros())
}

/// What an observer knows and is about to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Observer {
    random: Stream,
    announced: Announced,
    /// What was adopted, while it is newer than the node's own log tells.
    adopted: Option<Candidate>,
    candidate: Option<Candidate>,
    asked: Option<Asked>,
    form: Form,
    /// Who told what was refused last, and is not asked next.
    avoided: Option<NodeId>,
    /// How many questions in a row led to nothing.
    fruitless: u32,
    /// How many of them may lead to nothing before the leader may be asked.
    patience: u32,
    /// How many questions in a row went unanswered.
    unanswered: u32,
    /// When the next question is due; never, if the observer is not behind.
    due_at: Time,
}

/// The question that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Asked {
    peer: NodeId,
    number: u64,
    have: Epoch,
    until: Time,
}

/// The announcements of epochs that the observer does not hold, in the order in which they were heard last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Announced(VecDeque<Heard>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Heard {
    epoch: Epoch,
    fingerprint: Fingerprint,
    /// Whether another announcement of this epoch said something else.
    disputed: bool,
    by: NodeId,
    last_at: Time,
}

impl Observer {
    /// Begins with nothing. No two runs of any node share a seed.
    pub fn new(seed: Seed) -> Self {
        Self {
            random: Stream::new(seed, "observe"),
            announced: Announced::default(),
            adopted: None,
            candidate: None,
            asked: None,
            form: Form::Delta,
            avoided: None,
            fruitless: 0,
            patience: 0,
            unanswered: 0,
            due_at: Time::NEVER,
        }
    }

    /// Returns the newer one of what was adopted and what the log tells.
    pub fn topology<'a>(&'a self, log: &'a Topology) -> &'a Topology {
        self.adopted.as_ref().map(|adopted| &adopted.topology).filter(|it| it.epoch() > log.epoch()).unwrap_or(log)
    }

    /// Returns what was adopted, with its fingerprint, while it is newer than what the log tells.
    pub fn told(&self) -> Option<(&Topology, Fingerprint)> {
        self.adopted.as_ref().map(|adopted| (&adopted.topology, adopted.fingerprint))
    }

    /// Returns when the observer wants to act.
    pub fn next_wake(&self) -> Time {
        self.asked.map_or(self.due_at, |asked| asked.until)
    }

    /// Takes in how far the log came: what it tells as well is given up.
    pub fn reach(&mut self, log: &Topology) {
        self.adopted.take_if(|adopted| adopted.topology.epoch() <= log.epoch());
        self.candidate.take_if(|candidate| candidate.topology.epoch() <= log.epoch());
    }

    /// Asks nobody, for the log comes by itself. What was adopted stays until the log reaches it.
    pub fn rest(&mut self) {
        if self.due_at != Time::NEVER || self.asked.is_some() || !self.announced.0.is_empty() {
            (self.due_at, self.asked, self.candidate) = (Time::NEVER, None, None);
            self.announced = Announced::default();
        }
    }

    /// Takes in what was announced. Returns what comes of it at once: a candidate of that epoch is adopted or refused.
    pub fn hear(
        &mut self,
        now: Time,
        by: NodeId,
        announcement: &Announcement,
        log: &Topology,
    ) -> Option<Result<Followed, Refused>> {
        let own = self.topology(log).epoch();
        if announcement.epoch <= own {
            return None;
        }
        let goal = self.announced.highest();
        let noted = self.announced.note(now, by, announcement);
        if goal.is_none_or(|goal| goal < announcement.epoch) {
            self.due_at = self.due_at.min(now + self.random.span(Duration::ZERO, PULL_INTERVAL));
        }
        if let Err(refused) = noted {
            return Some(Err(refused));
        }
        let candidate = self.candidate.take_if(|candidate| candidate.topology.epoch() == announcement.epoch)?;
        Some(self.judge(now, candidate, None, log))
    }

    /// Asks a member, if that is due. `draw` draws one of the members, who may be asked and not this one.
    pub fn pull(
        &mut self,
        now: Time,
        log: &Topology,
        members: usize,
        draw: impl FnOnce(&mut Stream, Whom, Option<NodeId>) -> Option<NodeId>,
    ) -> Option<(NodeId, Pull)> {
        self.patience = patience(members);
        self.announced.forget(now);
        if self.asked.take_if(|asked| asked.until <= now).is_some() {
            self.unanswered = self.unanswered.saturating_add(1);
            self.in_vain(now);
        }
        if self.announced.highest().is_none_or(|goal| goal <= self.topology(log).epoch()) {
            self.due_at = Time::NEVER;
        }
        if self.asked.is_some() || now < self.due_at {
            return None;
        }
        let whom = if self.fruitless < self.patience { Whom::NotTheLeader } else { Whom::Anybody };
        // Whoever told the candidate cannot be the second one who confirms it.
        let unwanted = self.candidate.as_ref().map(|candidate| candidate.source).or(self.avoided);
        let Some(peer) = draw(&mut self.random, whom, unwanted) else {
            self.in_vain(now);
            return None;
        };
        let have = self.candidate.as_ref().map_or_else(|| self.topology(log).epoch(), |held| held.topology.epoch());
        let timeout = ANSWER_TIMEOUT * (1 << self.unanswered.saturating_sub(1).min(DOUBLINGS_MAX));
        let number = self.random.next_u64();
        self.asked = Some(Asked { peer, number, have, until: now + timeout });
        Some((peer, Pull { number, have, form: self.form }))
    }

    /// Takes in what a member answered. What nobody asked for, or too late, is ignored.
    pub fn answered(
        &mut self,
        now: Time,
        from: NodeId,
        answer: PullAnswer,
        log: &Topology,
    ) -> Option<Result<Followed, Refused>> {
        let asked = self.asked.take_if(|asked| asked.peer == from && asked.number == answer.number)?;
        self.unanswered = 0;
        let held = self.candidate.take();
        let base = held.as_ref().map_or_else(|| self.topology(log), |held| &held.topology);
        if base.epoch() != asked.have {
            // The log or an announcement was quicker: what the question was about is not held.
            self.candidate = held;
            self.in_vain(now);
            return None;
        }
        let builds = matches!(answer.news, News::Delta { .. });
        if let News::Nothing { epoch, fingerprint } = answer.news {
            return self.compare(now, from, (epoch, fingerprint), held, log);
        }
        match candidate::build(from, answer.news, base) {
            None => {
                self.candidate = held;
                self.in_vain(now);
                None
            }
            Some(Err(refused)) => {
                let built_on = held.filter(|_| builds).map(|held| held.source);
                Some(Err(self.refuse(now, Refused { built_on, ..refused })))
            }
            Some(Ok(candidate)) if self.announced.at(candidate.topology.epoch()).is_some() => {
                let built_on = held.filter(|_| builds).map(|held| held.source);
                Some(self.judge(now, candidate, built_on, log))
            }
            Some(Ok(candidate)) => {
                // That it builds on what another one told confirms nothing: it may replace whatever is wrong there.
                self.candidate = Some(candidate);
                self.progress(now);
                None
            }
        }
    }

    /// Asserts what must hold between any two steps.
    ///
    /// # Panics
    ///
    /// Panics if the machine is wrong; no peer can bring that about.
    pub fn assert_invariants(&self, log: &Topology) {
        let count = self.announced.0.len();
        assert!(count <= ANNOUNCED_MAX, "{count} announcements are held, above the bound of {ANNOUNCED_MAX}");
        let own = self.topology(log).epoch();
        if let Some(candidate) = &self.candidate {
            let epoch = candidate.topology.epoch();
            assert!(epoch > own, "the candidate of {epoch} is no news at {own}");
        }
    }

    /// Judges a candidate by the announcement of its epoch, which there is and which nobody disputes.
    fn judge(
        &mut self,
        now: Time,
        candidate: Candidate,
        built_on: Option<NodeId>,
        log: &Topology,
    ) -> Result<Followed, Refused> {
        let (epoch, found) = (candidate.topology.epoch(), candidate.fingerprint);
        let announced = self.announced.at(epoch).unwrap_or(found);
        if announced == found {
            return Ok(self.adopt(now, candidate, log));
        }
        let why = RefusedBecause::NotAsAnnounced { announced, found };
        Err(self.refuse(now, Refused { peer: candidate.source, built_on, epoch, why }))
    }

    /// Compares a candidate with what a member says that it holds.
    fn compare(
        &mut self,
        now: Time,
        from: NodeId,
        said: (Epoch, Fingerprint),
        held: Option<Candidate>,
        log: &Topology,
    ) -> Option<Result<Followed, Refused>> {
        let (epoch, said) = said;
        match held {
            Some(held) if held.topology.epoch() == epoch && held.source != from => {
                if held.fingerprint == said {
                    return Some(Ok(self.adopt(now, held, log)));
                }
                let why = RefusedBecause::NotConfirmed { said, held: held.fingerprint };
                Some(Err(self.refuse(now, Refused { peer: from, built_on: Some(held.source), epoch, why })))
            }
            held => {
                self.candidate = held;
                self.in_vain(now);
                None
            }
        }
    }

    fn adopt(&mut self, now: Time, candidate: Candidate, log: &Topology) -> Followed {
        let (from, to) = (self.topology(log).epoch(), candidate.topology.epoch());
        assert!(to > from, "an observer at {from} would go back to {to}");
        let followed = Followed { from, to, fingerprint: candidate.fingerprint, source: candidate.source };
        self.adopted = Some(candidate);
        self.announced.0.retain(|heard| heard.epoch > to);
        self.progress(now);
        if self.announced.0.is_empty() {
            self.due_at = Time::NEVER;
        }
        followed
    }

    fn refuse(&mut self, now: Time, refused: Refused) -> Refused {
        self.candidate = None;
        self.form = Form::Whole;
        self.avoided = Some(refused.peer);
        self.in_vain(now);
        refused
    }

    fn progress(&mut self, now: Time) {
        (self.form, self.avoided) = (Form::Delta, None);
        self.fruitless = 0;
        self.due_at = now + self.pause();
    }

    fn in_vain(&mut self, now: Time) {
        self.fruitless = self.fruitless.saturating_add(1);
        self.due_at = now + self.pause();
    }

    fn pause(&mut self) -> Duration {
        let doublings = self.fruitless.saturating_sub(self.patience).min(DOUBLINGS_MAX);
        let mean = (PULL_INTERVAL * (1 << doublings)).min(PULL_INTERVAL_MAX);
        self.random.span(mean / 2, mean * 3 / 2)
    }
}

impl Announced {
    /// Takes in an announcement; one that contradicts another takes the worth of both.
    fn note(&mut self, now: Time, by: NodeId, announcement: &Announcement) -> Result<(), Refused> {
        let Announcement { epoch, fingerprint, .. } = *announcement;
        let place = self.0.iter().position(|heard| heard.epoch == epoch);
        let known = place.and_then(|place| self.0.remove(place));
        let mut heard = known.unwrap_or(Heard { epoch, fingerprint, disputed: false, by, last_at: now });
        heard.last_at = now;
        let was_disputed = heard.disputed;
        heard.disputed |= heard.fingerprint != fingerprint;
        let is_new_dispute = heard.disputed && !was_disputed;
        self.0.push_back(heard);
        if self.0.len() > ANNOUNCED_MAX {
            self.0.pop_front();
        }
        if is_new_dispute {
            let why = RefusedBecause::Disputed { first: heard.fingerprint, second: fingerprint };
            return Err(Refused { peer: by, built_on: Some(heard.by), epoch, why });
        }
        Ok(())
    }

    /// Forgets what nobody repeated.
    fn forget(&mut self, now: Time) {
        while self.0.front().is_some_and(|heard| heard.last_at + MEMORY <= now) {
            self.0.pop_front();
        }
    }

    fn highest(&self) -> Option<Epoch> {
        self.0.iter().map(|heard| heard.epoch).max()
    }

    /// Returns the fingerprint that was announced of an epoch, unless that is disputed.
    fn at(&self, epoch: Epoch) -> Option<Fingerprint> {
        self.0.iter().find(|heard| heard.epoch == epoch && !heard.disputed).map(|heard| heard.fingerprint)
    }
}
