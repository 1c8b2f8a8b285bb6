//! Where following the topology from outside of the log meets the log and the pools: who leads announces in its pools, who
//! is in the log answers, and who is not asks the members of its pools.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Node;
use super::pools::Tier;
use crate::ids::NodeId;
use crate::io::{Effect, Event, Outbox};
use crate::observe::{Announcement, Answers, Followed, Herald, Observer, Place, Published, Pull, PullAnswer, Refused};
use crate::rng::Seed;
use crate::time::Time;
use crate::topology::Topology;
use crate::wire::Message;

/// What one node announces, tells and follows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Observe {
    pub(super) observer: Observer,
    pub(super) published: Published,
    herald: Herald,
    answers: Answers,
}

impl Observe {
    pub(super) fn new(seed: Seed, log: &Topology) -> Self {
        Self {
            observer: Observer::new(seed),
            published: Published::new(log),
            herald: Herald::default(),
            answers: Answers::default(),
        }
    }

    pub(super) fn next_wake(&self) -> Time {
        self.observer.next_wake().min(self.herald.next_wake())
    }
}

impl Node {
    pub(super) fn on_pull(&mut self, now: Time, from: NodeId, pull: &Pull, out: &mut Outbox) {
        let Some(observe) = &mut self.observe else { return };
        let told = observe.published.told().into_iter().chain(observe.observer.told());
        let newest = told.max_by_key(|(topology, _)| topology.epoch());
        let answer = observe.answers.answer(now, pull, newest);
        out.push(Effect::Send(from, Message::PullAnswer(Box::new(answer))));
    }

    pub(super) fn on_pull_answer(&mut self, now: Time, from: NodeId, answer: PullAnswer, out: &mut Outbox) {
        let Some(observe) = &mut self.observe else { return };
        emit(observe.observer.answered(now, from, answer, &self.topology), out);
    }

    /// Takes in what the pools heard and how far the log came, announces, and asks.
    pub(super) fn tend_observation(&mut self, now: Time, out: &mut Outbox) {
        let Some(mut observe) = self.observe.take() else { return };
        refuse(observe.published.reach(&self.topology), out);
        observe.observer.reach(&self.topology);
        let follows = self.is_outside_of_the_log();
        for (tier, by, announcement) in self.take_announcements() {
            if observe.herald.hear(now, place_of(tier), announcement) {
                self.announce(now, tier_at(place_of(tier).other()), &announcement, out);
            }
            if follows {
                emit(observe.observer.hear(now, by, &announcement, &self.topology), out);
            } else {
                refuse(observe.published.hear(by, &announcement), out);
            }
        }
        if self.raft.is_leader() {
            let (term, epoch, published) = (self.raft.term(), self.topology.epoch(), &mut observe.published);
            if let Some(announcement) = observe.herald.lead(now, term, epoch, || published.announce()) {
                for tier in [Tier::Local, Tier::Wide] {
                    self.announce(now, tier, &announcement, out);
                }
            }
        } else {
            observe.herald.follow();
        }
        if !follows {
            observe.observer.rest();
        } else if let Some(pools) = &self.pools {
            let asked = observe.observer.pull(now, &self.topology, pools.reachable(), |random, whom, unwanted| {
                pools.draw(random, whom, unwanted)
            });
            if let Some((peer, pull)) = asked {
                out.push(Effect::Send(peer, Message::Pull(pull)));
            }
        }
        self.observe = Some(observe);
    }

    /// Returns whether no log comes to this node, as far as it knows: it is in no configuration that it has.
    pub(super) fn is_outside_of_the_log(&self) -> bool {
        !self.raft.is_leader() && !self.raft.configuration().is_member(self.raft.id())
    }

    fn take_announcements(&mut self) -> Vec<(Tier, NodeId, Announcement)> {
        self.pools.as_mut().map(|pools| pools.take_announcements()).unwrap_or_default()
    }

    fn announce(&mut self, now: Time, tier: Tier, announcement: &Announcement, out: &mut Outbox) {
        if let Some(pools) = &mut self.pools {
            pools.announce(now, tier, announcement, out);
        }
    }
}

const fn place_of(tier: Tier) -> Place {
    match tier {
        Tier::Local => Place::Near,
        Tier::Wide => Place::Far,
    }
}

const fn tier_at(place: Place) -> Tier {
    match place {
        Place::Near => Tier::Local,
        Place::Far => Tier::Wide,
    }
}

fn emit(outcome: Option<Result<Followed, Refused>>, out: &mut Outbox) {
    match outcome {
        Some(Ok(followed)) => out.emit(Event::TopologyFollowed(followed)),
        Some(Err(refused)) => refuse(Some(refused), out),
        None => {}
    }
}

fn refuse(refused: Option<Refused>, out: &mut Outbox) {
    if let Some(refused) = refused {
        out.emit(Event::TopologyRefused(Box::new(refused)));
    }
}
