//! One run: requests arrive, balancers pick, servers work them off.
//!
//! All policies meet the same requests: when each arrives, at which balancer, and how much work it is are drawn from
//! streams that no pick disturbs. So two policies differ in their picks alone, and a difference between them shows with
//! far fewer seeds. Time is in nanoseconds and everything drawn is an integer, so a run is the same on every machine.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use delian_core::balance::{Answer, Outcome};
use delian_core::{Seed, Time};

use super::column::{AWAY, COLD, Column, Sickness, TIMEOUT};
use super::exponential::exponential;
use super::picker::Picker;
use super::policy::Policy;
use super::run::{Run, Tally};
use super::server::{Queued, Server, State};
use super::settings::Settings;
use crate::random::Random;

/// Runs a policy in a setting.
pub fn simulate(policy: Policy, column: Column, settings: &Settings, seed: u64) -> Run {
    let mut world = World::new(policy, column, settings, Seed::new(seed));
    world.run();
    let unanswered = world.unanswered();
    world.tally.finish(unanswered)
}

struct World {
    column: Column,
    service: Duration,
    arrivals: u64,
    /// From which request on they are measured.
    measured_from: u64,
    balancers: Vec<Box<dyn Picker>>,
    servers: Vec<Server>,
    agenda: BinaryHeap<Reverse<(Time, u64, Due)>>,
    /// How many things were put on the agenda: what breaks ties.
    planned: u64,
    /// Requests to the dead.
    waiting: Vec<Queued>,
    times: Random,
    routes: Random,
    works: Random,
    tally: Tally,
}

/// What happens at some instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A server is done with the request that it works on.
    Done(usize),
    /// A server says how it is.
    Report(usize),
    /// Whoever sent the request at this place among those that wait gives it up; it went to this server.
    GiveUp(usize, usize),
    /// A server that left comes back.
    Return(usize),
}

impl World {
    fn new(policy: Policy, column: Column, settings: &Settings, seed: Seed) -> Self {
        let state = |server| match column.sickness {
            Sickness::Failing(count) if server < count => State::Failing,
            Sickness::None | Sickness::Failing(_) | Sickness::Dying(_) | Sickness::Rejoining(_) => State::Well,
        };
        let balancer = |number| policy.balancer(&column, settings, seed.derive("balancer", number));
        let mut world = Self {
            column,
            service: settings.service,
            arrivals: settings.arrivals,
            measured_from: settings.arrivals / 5,
            balancers: (0..column.balancers as u64).map(balancer).collect(),
            servers: (0..column.servers).map(|server| Server::new(state(server))).collect(),
            agenda: BinaryHeap::new(),
            planned: 0,
            waiting: Vec::new(),
            times: Random::new(seed, "queueing.times"),
            routes: Random::new(seed, "queueing.routes"),
            works: Random::new(seed, "queueing.works"),
            tally: Tally::new(settings.arrivals),
        };
        // Nobody makes servers report together: they begin one after another.
        let every = world.report_interval();
        for server in 0..column.servers {
            world.plan(Time::ZERO + every * (server as u32 + 1) / column.servers as u32, Due::Report(server));
        }
        world
    }

    fn run(&mut self) {
        let pause = self.column.arrival_nanos(self.service);
        let mut now = Time::ZERO;
        for number in 0..self.arrivals {
            now = now + Duration::from_nanos(exponential(pause, &mut self.times));
            while let Some(Reverse((at, _, _))) = self.agenda.peek()
                && *at <= now
            {
                let Some(Reverse((at, _, due))) = self.agenda.pop() else { break };
                self.execute(at, due);
            }
            if number == self.measured_from {
                self.strike(now);
            }
            self.arrive(now, number);
        }
    }

    fn arrive(&mut self, now: Time, number: u64) {
        let balancer = self.routes.below(self.column.balancers as u64) as usize;
        let work = Duration::from_nanos(exponential(crate::random::nanos(self.service), &mut self.works));
        let server = self.balancers[balancer].pick(now, number, &self.servers);
        let work = if self.column.is_half_speed(server) { 2 * work } else { work };
        let request = Queued { number, balancer, sent_at: now, work };
        if self.is_measured(number) {
            self.tally.send(server < self.column.sick());
        }
        match self.servers[server].state {
            State::Well => {
                if let Some(done_at) = self.servers[server].push(now, request) {
                    self.plan(done_at, Due::Done(server));
                }
            }
            State::Failing => {
                self.servers[server].fail();
                self.end(now, server, request, Outcome::Failure);
            }
            State::Dead => self.wait(now, server, request),
        }
    }

    fn execute(&mut self, now: Time, due: Due) {
        match due {
            Due::Done(server) => {
                let Some((request, next)) = self.servers[server].pop(now) else { return };
                if let Some(done_at) = next {
                    self.plan(done_at, Due::Done(server));
                }
                self.end(now, server, request, Outcome::Success);
            }
            Due::Report(server) => {
                if self.servers[server].state == State::Dead {
                    return;
                }
                let report = self.servers[server].report(now);
                for balancer in &mut self.balancers {
                    balancer.hear(now, server, &report);
                }
                self.plan(now + self.report_interval(), Due::Report(server));
            }
            Due::GiveUp(place, server) => self.end(now, server, self.waiting[place], Outcome::Failure),
            Due::Return(server) => {
                self.servers[server].cool(now, self.service * COLD);
                for balancer in &mut self.balancers {
                    balancer.rejoin(now, server);
                }
            }
        }
    }

    fn end(&mut self, now: Time, server: usize, request: Queued, outcome: Outcome) {
        let latency = now.since(request.sent_at);
        self.balancers[request.balancer].finish(now, server, Answer { latency, outcome });
        if self.is_measured(request.number) {
            self.tally.end(server, latency, outcome);
        }
    }

    /// Lets die whoever is to die, and leave whoever is to leave.
    fn strike(&mut self, now: Time) {
        match self.column.sickness {
            Sickness::None | Sickness::Failing(_) => {}
            Sickness::Dying(count) => {
                for server in 0..count {
                    for request in self.servers[server].die() {
                        self.wait(now, server, request);
                    }
                }
            }
            Sickness::Rejoining(count) => {
                for server in 0..count {
                    for balancer in &mut self.balancers {
                        balancer.leave(now, server);
                    }
                    self.plan(now + self.service * AWAY, Due::Return(server));
                }
            }
        }
    }

    /// Leaves a request without an answer, until its sender gives it up.
    fn wait(&mut self, now: Time, server: usize, request: Queued) {
        let give_up_at = (request.sent_at + self.service * TIMEOUT).max(now);
        self.plan(give_up_at, Due::GiveUp(self.waiting.len(), server));
        self.waiting.push(request);
    }

    fn plan(&mut self, at: Time, due: Due) {
        self.agenda.push(Reverse((at, self.planned, due)));
        self.planned += 1;
    }

    fn report_interval(&self) -> Duration {
        self.service * self.column.report_every
    }

    /// Says whether a request counts: the first ones find queues that are empty.
    fn is_measured(&self, number: u64) -> bool {
        number >= self.measured_from
    }

    fn unanswered(&self) -> u64 {
        self.servers.iter().map(|server| server.len() as u64).sum()
    }
}
