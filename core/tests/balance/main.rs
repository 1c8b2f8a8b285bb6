//! What holds of every balancer, and of what stands around it.

mod bounded;
mod guards;
mod junk;
mod laws;

use std::time::Duration;

use delian_core::balance::{
    Answer, Balancer, BalancerConfig, Candidate, Choice, Claim, Event, Health, LoadReport, NoCandidate, Outcome,
    PowerOfTwoChoices, PowerOfTwoConfig, ReportNumber, Request, Strategy,
};
use delian_core::{Boot, NodeId, Seed, Stream, Time, WallTime};

/// A balancer with a clock of its own.
struct World<S> {
    now: Time,
    balancer: Balancer<S>,
    events: Vec<Event>,
}

impl<S: Strategy> World<S> {
    fn new(policy: S, config: BalancerConfig) -> Self {
        let balancer = Balancer::new(Time::ZERO, policy, config, &mut stream(2)).expect("the configuration is sound");
        Self { now: Time::ZERO, balancer, events: Vec::new() }
    }

    /// Returns a world of so many ordinary nodes, numbered from zero, who are warm.
    fn of(count: u64, policy: S, config: BalancerConfig) -> Self {
        let mut world = Self::new(policy, config);
        (0..count).for_each(|node| world.join(Candidate::new(NodeId::new(node))));
        world.sleep(60);
        world
    }

    fn join(&mut self, candidate: Candidate) {
        self.balancer.join(self.now, candidate, &mut self.events).expect("there is room for a stranger");
        self.balancer.assert_invariants();
    }

    fn sleep(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        self.balancer.wake(self.now, &mut self.events);
        self.balancer.assert_invariants();
    }

    fn pick_for(&mut self, request: &Request<'_>) -> Result<Choice, NoCandidate> {
        self.balancer.pick(self.now, request)
    }

    fn pick(&mut self) -> Choice {
        self.pick_for(&Request::default()).expect("someone may be asked")
    }

    fn finish(&mut self, choice: Choice, millis: u64, outcome: Outcome) {
        let health = Health::Finished(Answer { latency: Duration::from_millis(millis), outcome });
        self.balancer.report(self.now, choice.seat, &health, &mut self.events);
    }

    fn say(&mut self, node: u64, claim: Claim) {
        let seat = self.balancer.seat(NodeId::new(node)).expect("only members speak");
        let report = LoadReport::new(claim).expect("the claim is sound");
        self.balancer.report(self.now, seat, &Health::Load(report), &mut self.events);
    }

    /// How often each node is picked in so many picks that are served at once.
    fn tally(&mut self, nodes: usize, picks: usize, request: &Request<'_>) -> Vec<usize> {
        let mut counts = vec![0; nodes];
        for _ in 0..picks {
            let choice = self.pick_for(request).expect("someone may be asked");
            self.finish(choice, 10, Outcome::Success);
            counts[choice.node.get() as usize] += 1;
        }
        counts
    }
}

fn stream(seed: u64) -> Stream {
    Stream::new(Seed::new(seed), "balance")
}

fn power_of_two() -> PowerOfTwoChoices {
    PowerOfTwoChoices::new(&PowerOfTwoConfig::default(), &mut stream(1)).expect("the default is sound")
}

fn claim(sequence: u64, cpu_percent: i64) -> Claim {
    Claim {
        number: ReportNumber { boot: Boot::new(1), sequence },
        taken_at: WallTime::from_unix_millis(1_700_000_000_000),
        cpu_millionths: cpu_percent * 10_000,
        memory_millionths: 0,
        connections: 0,
        latency_nanos: 0,
    }
}
