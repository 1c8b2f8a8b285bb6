//! A policy of the core in its [`Balancer`], as an embedder drives it.

use std::time::Duration;

use delian_core::balance::{
    Answer, Balancer, BalancerConfig, Candidate, Change, Choice, Context, Event, Health, NoCandidate, Ratio, Request,
    Roster, Seat, Slot, Strategy,
};
use delian_core::{Stream, Time};

use super::column::Guards;
use super::picker::Picker;
use super::server::{Server, Told};

/// A policy in its balancer.
pub(super) struct Guarded {
    balancer: Balancer<Any>,
    /// By server, as the seats are.
    candidates: Vec<Candidate>,
    /// Of who left, its last one, by which nothing is heard.
    seats: Vec<Seat>,
    /// What the balancer told since the last call; nobody asks for it.
    events: Vec<Event>,
}

impl Guarded {
    pub(super) fn new(
        strategy: Box<dyn Strategy>,
        guards: Guards,
        candidates: Vec<Candidate>,
        stream: &mut Stream,
    ) -> Self {
        let (now, mut events) = (Time::ZERO, Vec::new());
        let config = config(guards);
        let mut balancer = Balancer::new(now, Any(strategy), config, stream).expect("the guards make sense");
        let seats = candidates.iter().map(|candidate| {
            balancer.join(now, *candidate, &mut events).expect("each candidate is another one");
            balancer.seat(candidate.node).expect("it has just joined")
        });
        let seats: Vec<Seat> = seats.collect();
        Self { balancer, candidates, seats, events: Vec::new() }
    }

    fn wake(&mut self, now: Time) {
        if now >= self.balancer.next_wake() {
            self.balancer.wake(now, &mut self.events);
        }
        self.events.clear();
    }

    fn report(&mut self, now: Time, server: usize, health: &Health) {
        self.wake(now);
        self.balancer.report(now, self.seats[server], health, &mut self.events);
    }
}

impl Picker for Guarded {
    fn pick(&mut self, now: Time, number: u64, _: &[Server]) -> usize {
        self.wake(now);
        let request = Request { key: &number.to_le_bytes(), ..Request::default() };
        let choice = self.balancer.pick(now, &request).expect("all servers are members, and few are ejected");
        choice.node.get() as usize
    }

    fn finish(&mut self, now: Time, server: usize, answer: Answer) {
        self.report(now, server, &Health::Finished(answer));
    }

    fn hear(&mut self, now: Time, server: usize, told: &Told) {
        self.report(now, server, &Health::Load(told.load));
    }

    fn leave(&mut self, now: Time, server: usize) {
        self.wake(now);
        self.balancer.leave(now, self.candidates[server].node, &mut self.events).expect("it is a member");
    }

    fn rejoin(&mut self, now: Time, server: usize) {
        self.wake(now);
        let candidate = self.candidates[server];
        self.balancer.join(now, candidate, &mut self.events).expect("it left");
        self.seats[server] = self.balancer.seat(candidate.node).expect("it has just joined");
    }
}

fn config(guards: Guards) -> BalancerConfig {
    match guards {
        Guards::Default => BalancerConfig::default(),
        Guards::Off => BalancerConfig {
            panic_below: Ratio::NONE,
            outliers: None,
            slow_start: Duration::ZERO,
            ..BalancerConfig::default()
        },
        Guards::WithoutSlowStart => BalancerConfig { slow_start: Duration::ZERO, ..BalancerConfig::default() },
    }
}

/// Any policy.
struct Any(Box<dyn Strategy>);

impl Strategy for Any {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn follow(&mut self, now: Time, roster: &Roster, change: Change) {
        self.0.follow(now, roster, change);
    }

    fn select(&mut self, context: &Context<'_>) -> Result<Choice, NoCandidate> {
        self.0.select(context)
    }

    fn report(&mut self, now: Time, node: Slot, health: &Health) {
        self.0.report(now, node, health);
    }
}
