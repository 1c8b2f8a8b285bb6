//! What is asked of balancers: who serves a request.

use std::convert::Infallible;
use std::hint::{black_box, select_unpredictable};
use std::time::Duration;

use delian_core::balance::reports::STALE_AFTER;
use delian_core::balance::{
    Answer, Candidate, Change, Choice, Context, Dice, Eligible, Health, Lottery, NoCandidate, Outcome,
    PowerOfTwoChoices, PowerOfTwoConfig, Reports, Request, Roster, Slot, Strategy, WeightedRandom,
};
use delian_core::ring::Weight;
use delian_core::{NodeId, Seed, Stream, Time};
use rand::TryRng;
use rand_distr::Distribution;
use rand_distr::weighted::{WeightedAliasIndex, WeightedIndex};

use crate::race::{Bits, Contender, Peers, race};

/// How many picks a slice has.
const PICKS: usize = 1 << 16;

/// How far the clock moves between two picks, in nanoseconds.
const STEP: u64 = 1_000;

/// For how long an average of latencies keeps `1/e` of what it was.
const DECAY: Duration = Duration::from_secs(10);

/// Members, all of whom may be asked.
struct Field {
    roster: Roster,
    eligible: Eligible,
    reports: Reports,
}

impl Field {
    fn of(nodes: u32) -> Self {
        let mut roster = Roster::default();
        for node in 0..nodes {
            let candidate = Candidate { weight: weight(node), ..Candidate::new(NodeId::new(u64::from(node))) };
            roster.join(candidate).expect("the nodes differ");
        }
        let eligible = roster.slots().collect();
        Self { roster, eligible, reports: Reports::new(STALE_AFTER) }
    }

    fn slots(&self) -> impl Iterator<Item = Slot> {
        self.roster.slots()
    }

    fn introduce<S: Strategy>(&self, mut policy: S) -> S {
        self.slots().for_each(|slot| policy.follow(Time::ZERO, &self.roster, Change::Joined(slot)));
        policy
    }

    /// A contender that takes whole decisions, as whoever drives a policy by its trait gets them.
    fn contender<'a>(&'a self, name: &'static str, mut policy: impl Strategy + 'a) -> Contender<'a> {
        let request = Request::default();
        Contender::new(name, PICKS, move |place, count| {
            let mut context = Context::new(Time::ZERO, &self.roster, &self.eligible, &self.reports, &request);
            for pick in place..place + count {
                context.now = Time::from_nanos(STEP * pick as u64);
                black_box(&decide(&mut policy, black_box(&context)));
            }
            0
        })
    }
}

/// A whole decision, apart as in any program: nobody decides in a loop, and a compiler takes it for one that could be
/// foretold there.
#[inline(never)]
fn decide(policy: &mut impl Strategy, context: &Context<'_>) -> Result<Choice, NoCandidate> {
    policy.select(context)
}

/// Weights from a half to one and a half.
fn weight(node: u32) -> Weight {
    let thousandths = 500 + Bits(u64::from(node)).next() % 1001;
    Weight::of_thousandths(u32::try_from(thousandths).expect("it is small")).expect("it is no weight of zero")
}

fn weights(nodes: u32) -> Vec<u32> {
    (0..nodes).map(|node| weight(node).thousandths()).collect()
}

fn stream() -> Stream {
    Stream::new(Seed::new(1), "bench")
}

/// The limit of all picks: one draw, and one random read of eight bytes in a table of eight bytes for each node.
fn limit(nodes: u32) -> Contender<'static> {
    let mut bits = Bits(2);
    let table: Vec<u64> = (0..nodes).map(|_| bits.next()).collect();
    Contender::new("limit", PICKS, move |_, count| {
        let place = |bits: u64| usize::try_from(((bits >> 32) * table.len() as u64) >> 32).expect("it is a place");
        (0..count).map(|_| table[place(bits.next())]).fold(0, u64::wrapping_add)
    })
}

/// What the peers draw from: the same steps as ours.
struct Random(Bits);

impl TryRng for Random {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.0.next() >> 32) as u32)
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.0.next().to_le_bytes()[..chunk.len()]));
        Ok(())
    }
}

/// A contender that only draws the place of a node, and reads nothing of it.
fn drawing(name: &'static str, distribution: impl Distribution<usize> + 'static) -> Contender<'static> {
    let mut random = Random(Bits(3));
    Contender::new(name, PICKS, move |_, count| {
        (0..count).map(|_| distribution.sample(&mut random) as u64).fold(0, u64::wrapping_add)
    })
}

/// One with a chance in proportion to the weight.
pub(crate) fn weighted(nodes: u32, peers: Peers) -> String {
    let field = Field::of(nodes);
    let mut lottery = Lottery::default();
    lottery.rebuild(weights(nodes).into_iter());
    let (mut dice, request) = (Dice::new(&mut stream()), Request::default());
    let mut contenders = vec![
        field.contender("delian", field.introduce(WeightedRandom::new(&mut stream()))),
        Contender::new("draw", PICKS, |_, count| {
            let context = Context::new(Time::ZERO, &field.roster, &field.eligible, &field.reports, &request);
            let mut draw = || lottery.draw(&context, &mut dice, |_| true).map_or(0, Slot::index) as u64;
            (0..count).map(|_| draw()).fold(0, u64::wrapping_add)
        }),
    ];
    if peers == Peers::With {
        let alias = WeightedAliasIndex::new(weights(nodes)).expect("the weights are positive");
        contenders.push(drawing("rand-alias", alias));
        let prefix = WeightedIndex::new(weights(nodes)).expect("the weights are positive");
        contenders.push(drawing("rand-prefix", prefix));
    }
    race(limit(nodes), contenders)
}

/// The table that weighted picks draw from.
pub(crate) fn table(nodes: u32, peers: Peers) -> String {
    const BUILDS: usize = 64;
    let weights = weights(nodes);
    let mut lottery = Lottery::default();
    let mut contenders = vec![Contender::new("delian", BUILDS, |_, count| {
        for _ in 0..count {
            lottery.rebuild(black_box(&weights).iter().copied());
        }
        black_box(&lottery);
        0
    })];
    if peers == Peers::With {
        contenders.push(Contender::new("rand-alias", BUILDS, |_, count| {
            (0..count).map(|_| u64::from(WeightedAliasIndex::new(weights.clone()).is_ok())).sum()
        }));
        contenders.push(Contender::new("rand-prefix", BUILDS, |_, count| {
            (0..count).map(|_| u64::from(WeightedIndex::new(black_box(&weights)).is_ok())).sum()
        }));
    }
    race(limit(nodes), contenders)
}

/// The cheaper one of two by latency and requests in flight.
pub(crate) fn ewma(nodes: u32, peers: Peers) -> String {
    let field = Field::of(nodes);
    let config = PowerOfTwoConfig { decay: DECAY, ..PowerOfTwoConfig::default() };
    let mut policy = field.introduce(PowerOfTwoChoices::new(&config, &mut stream()).expect("ten seconds are allowed"));
    let mut plain = Plain { members: Vec::new(), bits: Bits(5) };
    for slot in field.slots() {
        let (latency, in_flight) = observed(slot);
        plain.members.push(PlainMember {
            nanos: latency.as_nanos() as f64,
            at: 0,
            in_flight: f64::from(in_flight),
            weight: f64::from(field.roster.candidate(slot).weight.thousandths()),
        });
        (0..=in_flight).for_each(|_| policy.report(Time::ZERO, slot, &Health::Started));
        policy.report(Time::ZERO, slot, &Health::Finished(Answer { latency, outcome: Outcome::Success }));
    }
    let mut contenders = vec![field.contender("delian", policy)];
    if peers == Peers::With {
        contenders.push(Contender::new("plain", PICKS, move |place, count| {
            let times = (place..place + count).map(|pick| STEP * pick as u64);
            times.map(|now| plain.pick(now) as u64).fold(0, u64::wrapping_add)
        }));
    }
    race(limit(nodes), contenders)
}

/// Latencies from one to five milliseconds, and up to three requests in flight: half of the members have none.
fn observed(slot: Slot) -> (Duration, u32) {
    let bits = Bits(slot.index() as u64).next();
    let in_flight = if bits.is_multiple_of(2) { 0 } else { u32::try_from(bits >> 1 & 3).expect("it is at most three") };
    (Duration::from_micros(1000 + (bits >> 3) % 4000), in_flight)
}

/// The straightforward design: two that are drawn, in floating point, with an exponential for each.
struct Plain {
    members: Vec<PlainMember>,
    bits: Bits,
}

struct PlainMember {
    nanos: f64,
    at: u64,
    in_flight: f64,
    weight: f64,
}

impl Plain {
    fn pick(&mut self, now: u64) -> usize {
        let (bits, count) = (self.bits.next(), self.members.len() as u64);
        let first = ((bits >> 32) * count) >> 32;
        let second = ((bits & u64::from(u32::MAX)) * (count - 1)) >> 32;
        let [first, second] = [first, second + u64::from(second >= first)]
            .map(|place| usize::try_from(place).expect("a place in memory"));
        let [one, other] = [first, second].map(|place| self.members[place].cost(now));
        select_unpredictable(one > other, second, first)
    }
}

impl PlainMember {
    fn cost(&self, now: u64) -> f64 {
        let fading = (-((now - self.at) as f64) / DECAY.as_nanos() as f64).exp();
        (self.nanos * fading + 1.0) * (self.in_flight + 1.0) / self.weight
    }
}
