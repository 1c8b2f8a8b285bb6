//! One server: a queue, first come, first served, and what it says of itself.

use std::collections::VecDeque;
use std::time::Duration;

use delian_core::Time;
use delian_core::balance::{Claim, LoadReport, Ratio, ReportNumber};
use delian_core::{Boot, WallTime};

/// How full every server's memory is: it tells nothing of the queue, and the documented score counts it.
const MEMORY: Ratio = Ratio::HALF;

/// How many times as long a cold server takes at first.
pub(super) const COLD_FACTOR: u32 = 5;

/// What a server says of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// What the core's policies hear.
    pub(super) load: LoadReport,
    /// Since its last report.
    pub(super) span: Duration,
    /// How many requests it answered in that time, also with an error.
    pub(super) requests: u32,
    /// How many of these with an error.
    pub(super) failures: u32,
}

/// A request in a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    /// Which one it is, in order of arrival.
    pub(super) number: u64,
    /// Who sent it.
    pub(super) balancer: usize,
    /// When.
    pub(super) sent_at: Time,
    /// How long it takes this server.
    pub(super) work: Duration,
}

/// One server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) state: State,
    queue: VecDeque<Queued>,
    /// Since when it is busy, within the time that the next report is about.
    busy_since: Option<Time>,
    busy: Duration,
    reported_at: Time,
    reports: u64,
    /// Of those it answered since its last report.
    latencies: Duration,
    answered: u32,
    /// How many of those it failed.
    failures: u32,
    /// Since when it is cold and for how long, if it came back.
    cold: Option<(Time, Duration)>,
    /// The mean latency that it told last.
    latency: Duration,
}

/// How a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It serves.
    Well,
    /// It answers at once with an error.
    Failing,
    /// It is silent.
    Dead,
}

/// Returns what a server tells of one second.
#[cfg(test)]
pub(super) fn told(cpu_percent: u32, requests: u32, failures: u32) -> Told {
    let mut server = Server::new(State::Well);
    server.busy = Duration::from_secs(1) * cpu_percent / 100;
    (server.answered, server.failures) = (requests - failures, failures);
    server.report(Time::ZERO + Duration::from_secs(1))
}

impl Server {
    pub(super) fn new(state: State) -> Self {
        Self {
            state,
            queue: VecDeque::new(),
            busy_since: None,
            busy: Duration::ZERO,
            reported_at: Time::ZERO,
            reports: 0,
            latencies: Duration::ZERO,
            answered: 0,
            failures: 0,
            cold: None,
            latency: Duration::ZERO,
        }
    }

    /// Returns how many requests it has, the one that it works on included.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Takes a request in; returns when it is done, if the server was idle.
    pub(super) fn push(&mut self, now: Time, request: Queued) -> Option<Time> {
        self.queue.push_back(request);
        if self.queue.len() > 1 {
            return None;
        }
        self.busy_since = Some(now);
        Some(now + self.takes(now, request.work))
    }

    /// Answers the request it works on; returns that and when the next one is done.
    pub(super) fn pop(&mut self, now: Time) -> Option<(Queued, Option<Time>)> {
        let done = self.queue.pop_front()?;
        self.latencies += now.since(done.sent_at);
        self.answered += 1;
        let next = self.queue.front().map(|next| now + self.takes(now, next.work));
        if next.is_none()
            && let Some(since) = self.busy_since.take()
        {
            self.busy += now.since(since);
        }
        Some((done, next))
    }

    /// Falls silent; returns whom it will never answer.
    pub(super) fn die(&mut self) -> VecDeque<Queued> {
        self.state = State::Dead;
        std::mem::take(&mut self.queue)
    }

    /// Answers a request with an error.
    pub(super) fn fail(&mut self) {
        self.failures += 1;
    }

    /// Comes back cold: what it does takes [`COLD_FACTOR`] times as long, and falls in a line over `window`.
    pub(super) fn cool(&mut self, now: Time, window: Duration) {
        self.cold = Some((now, window));
    }

    /// Returns how long work takes that begins at this instant.
    fn takes(&self, now: Time, work: Duration) -> Duration {
        let Some((since, window)) = self.cold else { return work };
        let left = nanos(window).saturating_sub(nanos(now.since(since)));
        let more = u128::from(nanos(work)) * u128::from(COLD_FACTOR - 1) * u128::from(left) / window.as_nanos().max(1);
        work + Duration::from_nanos(u64::try_from(more).unwrap_or(u64::MAX))
    }

    /// Says how it is: busy by as much as since its last report, with the queue and the mean latency of its answers.
    pub(super) fn report(&mut self, now: Time) -> Told {
        if let Some(since) = self.busy_since {
            self.busy += now.since(since);
            self.busy_since = Some(now);
        }
        if let Some(mean) = self.latencies.checked_div(self.answered) {
            self.latency = mean;
        }
        let cpu = Ratio::of(nanos(self.busy), nanos(now.since(self.reported_at)).max(1));
        let claim = Claim {
            number: ReportNumber { boot: Boot::ZERO, sequence: self.reports },
            taken_at: WallTime::from_unix_millis(now.as_nanos() / 1_000_000),
            cpu_millionths: cpu.millionths().into(),
            memory_millionths: MEMORY.millionths().into(),
            connections: i64::try_from(self.len()).unwrap_or(i64::MAX).min(u32::MAX.into()),
            latency_nanos: i64::try_from(nanos(self.latency)).unwrap_or(i64::MAX),
        };
        let told = Told {
            load: LoadReport::new(claim).expect("each number is within its bounds"),
            span: now.since(self.reported_at),
            requests: self.answered + self.failures,
            failures: self.failures,
        };
        (self.busy, self.reported_at) = (Duration::ZERO, now);
        (self.latencies, self.answered, self.failures) = (Duration::ZERO, 0, 0);
        self.reports += 1;
        told
    }
}

fn nanos(span: Duration) -> u64 {
    crate::random::nanos(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_of_the_time_since_the_last_one() {
        let at = Time::from_millis;
        let request = |sent_at, millis| Queued { number: 0, balancer: 0, sent_at, work: Duration::from_millis(millis) };
        let mut server = Server::new(State::Well);
        assert_eq!(server.push(at(10), request(at(10), 20)), Some(at(30)));
        assert_eq!(server.push(at(20), request(at(20), 60)), None);
        let (_, next) = server.pop(at(30)).expect("it worked on one");
        assert_eq!(next, Some(at(90)));
        let report = server.report(at(50)).load;
        assert_eq!((report.cpu(), report.connections()), (Ratio::of_percent(80), 1));
        assert_eq!(report.latency(), Duration::from_millis(20));
        assert!(server.pop(at(90)).is_some_and(|(_, next)| next.is_none()));
        let report = server.report(at(150)).load;
        assert_eq!((report.cpu(), report.connections()), (Ratio::of_percent(40), 0));
        assert_eq!((report.latency(), report.number().sequence), (Duration::from_millis(70), 1));
        assert_eq!(server.report(at(200)).load.cpu(), Ratio::NONE);
    }

    #[test]
    fn a_cold_server_warms_up_in_a_line() {
        let at = Time::from_millis;
        let mut server = Server::new(State::Well);
        let takes = |server: &Server, now| server.takes(at(now), Duration::from_millis(10)).as_millis();
        assert_eq!(takes(&server, 0), 10);
        server.cool(at(1_000), Duration::from_millis(400));
        assert_eq!([1_000, 1_100, 1_200, 1_400, 9_000].map(|now| takes(&server, now)), [50, 40, 30, 10, 10]);
    }
}
