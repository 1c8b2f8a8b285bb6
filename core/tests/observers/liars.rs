//! An observer among liars: whatever they announce and answer, it panics at nothing, holds little and goes back never.

use std::sync::Arc;

use delian_core::node::Tier;
use delian_core::observe::{ANSWER_COSTS_MAX, Announcement, Fingerprint, Form, News, Pull, PullAnswer};
use delian_core::raft::Recovered;
use delian_core::swim::packet::Body;
use delian_core::swim::{self, Broadcast, Card, Carrier, Incarnation, Packet, Urgency};
use delian_core::{Blob, Effect, Epoch, Input, Message, Node, Outbox, Seed, Term, Time};
use proptest::prelude::*;

use super::messages::message;
use super::network::{address, config, id};

/// What a liar does next.
#[derive(Clone, Debug)]
enum Lie {
    Says(Message),
    /// It answers what was asked last with this.
    Answers(Message),
    Announces(Announcement),
    /// It broadcasts bytes that may be no announcement.
    Broadcasts(Vec<u8>),
    Waits,
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..9_u64, any::<u64>()]
}

fn lie() -> impl Strategy<Value = Lie> {
    let announcement = (number(), number(), number(), number()).prop_map(|(term, number, epoch, fingerprint)| {
        let (term, epoch, fingerprint) = (Term::new(term), Epoch::new(epoch), Fingerprint::new(fingerprint));
        Announcement { term, number, epoch, fingerprint }
    });
    prop_oneof![
        message().prop_map(Lie::Says),
        message().prop_filter("answers", |said| matches!(said, Message::PullAnswer(_))).prop_map(Lie::Answers),
        announcement.prop_map(Lie::Announces),
        proptest::collection::vec(0..3u8, 0..50).prop_map(Lie::Broadcasts),
        Just(Lie::Waits),
        Just(Lie::Waits),
    ]
}

/// Node 4, which is outside of the log and knows members 1 to 3.
struct Bench {
    now: Time,
    node: Node,
    asked: Option<(delian_core::NodeId, Pull)>,
    broadcasts: u64,
}

impl Bench {
    fn new() -> Self {
        let settings = Arc::new(config(4).check().expect("the numbers make sense"));
        let mut out = Outbox::new();
        let node = Node::start(Time::ZERO, id(4), settings, Seed::new(7), Recovered::founding(), &mut out);
        let mut bench = Self { now: Time::ZERO, node, asked: None, broadcasts: 0 };
        for number in 1..=3 {
            let card = Card::new(id(number), format!("m{number}"), address(Tier::Local, number));
            let news = swim::News::Alive { incarnation: Incarnation::ZERO, card: Arc::new(card) };
            bench.packet(number, news);
        }
        bench
    }

    fn packet(&mut self, from: u64, news: swim::News) {
        let (swim, _) = self.node.pool(Tier::Local).expect("it is in one");
        let label = swim.settings().label();
        let packet =
            Packet { label, from: id(from), incarnation: Incarnation::ZERO, body: Body::Gossip, news: vec![news] };
        let input = swim::Input::Receive(address(Tier::Local, from), Carrier::Datagram, packet);
        self.step(Input::Pool(Tier::Local, Box::new(input)));
    }

    fn broadcast(&mut self, payload: Vec<u8>) {
        self.broadcasts += 1;
        let (origin, payload) = (id(2), Blob::from(payload));
        let broadcast = Broadcast { origin, number: self.broadcasts, urgency: Urgency::Normal, payload };
        self.packet(2, swim::News::Broadcast(Arc::new(broadcast)));
    }

    fn step(&mut self, input: Input) -> Vec<Effect> {
        let before = self.node.topology().epoch();
        let mut out = Outbox::new();
        self.node.step(self.now, input, &mut out);
        self.node.assert_invariants();
        assert!(self.node.topology().epoch() >= before, "it went back from {before}");
        let effects: Vec<Effect> = out.drain().collect();
        for effect in &effects {
            if let Effect::Send(to, Message::Pull(pull)) = effect {
                self.asked = Some((*to, *pull));
            }
        }
        effects
    }

    fn suffer(&mut self, lie: Lie) {
        match lie {
            Lie::Says(message) => drop(self.step(Input::Receive(id(2), message))),
            Lie::Answers(Message::PullAnswer(answer)) => {
                let Some((from, pull)) = self.asked else { return };
                let answer = PullAnswer { number: pull.number, ..*answer };
                self.step(Input::Receive(from, Message::PullAnswer(Box::new(answer))));
            }
            Lie::Answers(_) => unreachable!("only answers are drawn"),
            Lie::Announces(announcement) => self.broadcast(announcement.encode_into(vec![1])),
            Lie::Broadcasts(payload) => self.broadcast(payload),
            Lie::Waits => {
                self.now = self.node.next_wake().map_or(self.now, |wake| self.now.max(wake.at));
                self.step(Input::Wake);
            }
        }
    }
}

proptest! {
    #[test]
    fn an_observer_among_liars_keeps_its_own_promises(lies in proptest::collection::vec(lie(), 0..80)) {
        let mut bench = Bench::new();
        for lie in lies {
            bench.suffer(lie);
        }
    }
}

/// The lies are not in vain: some are asked for, judged and refused.
#[test]
fn an_observer_that_hears_a_false_announcement_asks_and_refuses_what_it_is_told() {
    let mut bench = Bench::new();
    let (term, epoch, fingerprint) = (Term::new(1), Epoch::new(5), Fingerprint::new(6));
    bench.suffer(Lie::Announces(Announcement { term, number: 1, epoch, fingerprint }));
    while bench.asked.is_none() {
        bench.suffer(Lie::Waits);
    }
    let (from, pull) = bench.asked.expect("it asked");
    let news = News::Whole { bytes: Blob::from([1].as_slice()), fingerprint };
    let answer = PullAnswer { number: pull.number, news };
    let effects = bench.step(Input::Receive(from, Message::PullAnswer(Box::new(answer))));
    let refused =
        |effect: &Effect| matches!(effect, Effect::Emit(delian_core::Event::TopologyRefused(it)) if it.peer == from);
    assert!(effects.iter().any(refused), "{effects:?}");
    assert_eq!(bench.node.topology().epoch(), Epoch::ZERO);
}

#[test]
fn every_question_is_answered_once_also_by_a_member_that_has_nothing_to_tell() {
    let mut bench = Bench::new();
    for number in 0..2 * ANSWER_COSTS_MAX as u64 {
        let pull = Pull { number, have: Epoch::ZERO, form: Form::Delta };
        let effects = bench.step(Input::Receive(id(2), Message::Pull(pull)));
        let answers = |effect: &&Effect| matches!(effect, Effect::Send(to, Message::PullAnswer(answer)) if *to == id(2) && answer.number == number);
        assert_eq!(effects.iter().filter(answers).count(), 1);
    }
}
