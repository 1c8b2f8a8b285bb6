//! Heartbeats over turmoil's UDP, written as its own examples are: hosts with a socket, one task that receives.
//!
//! Two things cannot be asked of turmoil: latencies follow an exponential curve instead of a uniform one, and a loss is
//! a link that fails and is repaired. The rates are set so that about as much gets lost.

#[path = "../../work.rs"]
mod work;
#[path = "../../heartbeat.rs"]
mod heartbeat;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use turmoil::net::UdpSocket;

use crate::heartbeat::{first_at, rounds, sent_at, stamp};
use crate::work::{INTERVAL, LATENCY, LOSS_PERMILLE, PAYLOAD_BYTES, Tally, Work};

/// The port of every host.
const PORT: u16 = 7_000;

/// How long after the last sending everything has arrived.
const DRAIN: Duration = Duration::from_secs(1);

fn main() {
    let work = Work::read(&std::env::args().collect::<Vec<_>>());
    work.measure(|seed| run(work, seed));
}

fn run(work: Work, seed: u64) -> Tally {
    let lasts = Duration::from_secs(work.seconds) + DRAIN;
    let mut simulation = turmoil::Builder::new()
        .simulation_duration(lasts + DRAIN)
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(LATENCY.0)
        .max_message_latency(LATENCY.1)
        .fail_rate(f64::from(LOSS_PERMILLE) / 1_000.0)
        .repair_rate(1.0)
        .udp_capacity(1_024)
        .rng_seed(seed)
        .build();
    let tally = Arc::new(Mutex::new(Tally::default()));
    for own in 0..work.nodes {
        let tally = Arc::clone(&tally);
        simulation.host(name(own), move || talk(work, own, Arc::clone(&tally)));
    }
    while simulation.elapsed() < lasts {
        simulation.step().expect("no host fails");
    }
    *tally.lock().expect("nobody panics")
}

async fn talk(work: Work, own: u8, tally: Arc<Mutex<Tally>>) -> turmoil::Result {
    let socket = Arc::new(UdpSocket::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT)).await?);
    tokio::spawn(listen(Arc::clone(&socket), Arc::clone(&tally)));
    let peers: Vec<IpAddr> = (0..work.nodes).filter(|to| *to != own).map(|to| turmoil::lookup(name(to))).collect();
    tokio::time::sleep(first_at(work, own)).await;
    let mut ticks = tokio::time::interval(INTERVAL);
    for _ in 0..rounds(work) {
        ticks.tick().await;
        for peer in &peers {
            socket.send_to(&stamp(turmoil::elapsed()), (*peer, PORT)).await?;
            tally.lock().expect("nobody panics").sent += 1;
        }
    }
    std::future::pending().await
}

async fn listen(socket: Arc<UdpSocket>, tally: Arc<Mutex<Tally>>) {
    let mut payload = [0; PAYLOAD_BYTES];
    while let Ok((bytes, _)) = socket.recv_from(&mut payload).await {
        let travelled = turmoil::elapsed().saturating_sub(sent_at(&payload[..bytes]));
        let mut tally = tally.lock().expect("nobody panics");
        tally.delivered += 1;
        tally.travelled += travelled;
    }
}

fn name(number: u8) -> String {
    format!("node-{number}")
}
