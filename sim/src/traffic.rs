//! Plain traffic without nodes: what the queue and the network model cost by themselves.
//!
//! Every process, each at its own moments, sends a heartbeat to every other at a fixed interval, through the very queue,
//! links and slots that a world uses; nobody answers. So its speed is an upper bound for any world, and a measure that
//! other simulators can be held to on the same work.

use std::time::Duration;

use delian_core::wire::{Forward, Request, Ticket};
use delian_core::{Blob, Boot, Incarnation, Message, NodeId, Seed, Term, Time};

use crate::network::{LinkState, Load, Network, Packet};
use crate::random::nanos;
use crate::scenario::LinkQuality;
use crate::world::{Happening, Queue};

/// How many bytes a heartbeat carries; the first eight say when it was sent.
pub const PAYLOAD_BYTES: usize = 64;

/// Heartbeats from everyone to everyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// How many processes there are.
    pub processes: u16,
    /// How long each waits between two rounds of heartbeats; at least a nanosecond.
    pub interval: Duration,
    /// For how long they send; what is under way then still arrives.
    pub lasts: Duration,
    /// What every link is like.
    pub quality: LinkQuality,
}

/// What became of the heartbeats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Those handed to the network.
    pub sent: u64,
    /// Those that arrived, copies included.
    pub delivered: u64,
    /// Those of which nothing arrives.
    pub lost: u64,
    /// The sum of the time that the delivered ones were under way.
    pub travelled: Duration,
}

impl Traffic {
    /// Runs it to the end; equal seeds give equal tallies.
    pub fn run(&self, seed: u64) -> Tally {
        let network = Network::new(self.processes.into(), self.quality, Seed::new(seed));
        let mut run = Run { queue: Queue::default(), network, tally: Tally::default() };
        let (interval, end) = (nanos(self.interval).max(1), Time::ZERO + self.lasts);
        // Evenly out of step: timers of separate machines do not fire at one instant.
        for process in 0..self.processes {
            let begin = interval * u64::from(process) / u64::from(self.processes);
            run.queue.schedule(Time::from_nanos(begin), Happening::Wake { process, run: 0 });
        }
        while let Some((now, happening)) = run.queue.pop() {
            if let Happening::Arrival(slot) = happening {
                run.arrive(now, slot);
            } else if let Happening::Wake { process, .. } = happening
                && now < end
            {
                let heartbeat = heartbeat(now);
                for to in (0..self.processes).filter(|to| *to != process) {
                    run.send(now, process, to, heartbeat.clone());
                }
                run.queue.schedule(Time::from_nanos(now.as_nanos() + interval), happening);
            }
        }
        run.tally
    }
}

impl Tally {
    /// Returns how long a delivered heartbeat was under way in the mean, or nothing if none arrived.
    pub fn mean_latency(&self) -> Option<Duration> {
        let mean = self.travelled.as_nanos().checked_div(self.delivered.into())?;
        Some(Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX)))
    }
}

/// Traffic that flows.
struct Run {
    queue: Queue,
    network: Network,
    tally: Tally,
}

impl Run {
    fn send(&mut self, now: Time, from: u16, to: u16, message: Message) {
        self.tally.sent += 1;
        let mut fate = self.network.fate(from, to);
        let [sender, receiver] = [from, to].map(|process| NodeId::new(u64::from(process) + 1));
        let packet = Packet { from, to, sender, receiver, load: Load::Message(message) };
        self.network.queue(now, &packet, &mut fate);
        self.tally.lost += u64::from(fate.arrives.is_none());
        for delay in [fate.again, fate.replayed].into_iter().flatten() {
            self.deliver_after(now, delay, packet.clone());
        }
        if let Some(delay) = fate.arrives {
            self.deliver_after(now, delay, packet);
        }
    }

    fn deliver_after(&mut self, now: Time, delay: u64, packet: Packet) {
        let slot = self.network.in_flight.put(packet);
        self.queue.schedule(Time::from_nanos(now.as_nanos() + delay), Happening::Arrival(slot));
    }

    fn arrive(&mut self, now: Time, slot: u32) {
        let packet = self.network.in_flight.take(slot);
        if self.network.state(packet.from, packet.to) != LinkState::Open {
            return;
        }
        let Load::Message(Message::Forward(Forward { request: Request::Command(command), .. })) = &packet.load else {
            return;
        };
        let Some((sent_at, _)) = command.split_first_chunk() else { return };
        self.tally.delivered += 1;
        self.tally.travelled += now.since(Time::from_nanos(u64::from_le_bytes(*sent_at)));
    }
}

/// Makes the heartbeat of one round; all who get it share its bytes, as those share an entry that a leader sends them.
fn heartbeat(now: Time) -> Message {
    let mut payload = [0; PAYLOAD_BYTES];
    payload[..8].copy_from_slice(&now.as_nanos().to_le_bytes());
    let ticket = Ticket { incarnation: Incarnation::FOUNDING, boot: Boot::ZERO, number: 0 };
    Message::Forward(Forward {
        term: Term::ZERO,
        to: Incarnation::FOUNDING,
        ticket,
        request: Request::Command(Blob::from(payload.as_slice())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Latency, Shape, millis, secs};

    fn traffic(loss: u16, duplicate: u16) -> Traffic {
        let latency = Latency { least: millis(1), most: millis(10), shape: Shape::Uniform };
        let quality = LinkQuality { latency, loss, duplicate, reorder: 0, replay: 0, rate: None };
        Traffic { processes: 5, interval: millis(100), lasts: secs(600), quality }
    }

    #[test]
    fn every_heartbeat_arrives_on_perfect_links() {
        let tally = traffic(0, 0).run(1);
        assert_eq!((tally.sent, tally.delivered, tally.lost), (5 * 4 * 6_000, 5 * 4 * 6_000, 0));
    }

    #[test]
    fn heartbeats_get_lost_and_take_their_time_as_asked() {
        let tally = traffic(10, 0).run(2);
        assert_eq!(tally.sent, 5 * 4 * 6_000);
        assert_eq!(tally.delivered + tally.lost, tally.sent);
        assert!((1_000..1_400).contains(&tally.lost), "{} of 120,000 were lost at 1 %", tally.lost);
        let mean = tally.mean_latency().expect("some arrived").as_micros();
        assert!((5_450..5_550).contains(&mean), "the mean of 1 ms to 10 ms was {mean} µs");
    }

    #[test]
    fn copies_arrive_beside_the_originals() {
        let tally = traffic(0, 500).run(3);
        assert!((179_000..181_000).contains(&tally.delivered), "{} arrived of 120,000 and copies", tally.delivered);
    }

    #[test]
    fn a_process_alone_talks_to_nobody() {
        let tally = Traffic { processes: 1, ..traffic(0, 0) }.run(4);
        assert_eq!(tally, Tally::default());
        assert_eq!(tally.mean_latency(), None);
    }
}
