//! Heartbeats over madsim's UDP, written as its own examples are: a task that receives and a loop that sends.
//!
//! It must be built with `--cfg madsim`; without it madsim is the real network, which measures something else.

#[path = "../../work.rs"]
mod work;
#[cfg(madsim)]
#[path = "../../heartbeat.rs"]
mod heartbeat;

#[cfg(not(madsim))]
compile_error!("build this with `--cfg madsim`, as `cargo xtask bench sim` does");

#[cfg(madsim)]
fn main() {
    let work = work::Work::read(&std::env::args().collect::<Vec<_>>());
    work.measure(|seed| traffic::run(work, seed));
}

#[cfg(not(madsim))]
fn main() {}

#[cfg(madsim)]
mod traffic {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use madsim::net::UdpSocket;
    use madsim::runtime::Runtime;
    use madsim::time::{Instant, sleep, sleep_until};

    use crate::heartbeat::{first_at, rounds, sent_at, stamp};
    use crate::work::{INTERVAL, LATENCY, LOSS_PERMILLE, PAYLOAD_BYTES, Tally, Work};

    /// How long after the last sending everything has arrived, whatever the socket adds.
    const DRAIN: Duration = Duration::from_secs(2);

    pub fn run(work: Work, seed: u64) -> Tally {
        let mut config = madsim::Config::default();
        config.net.packet_loss_rate = f64::from(LOSS_PERMILLE) / 1_000.0;
        config.net.send_latency = LATENCY.0..LATENCY.1;
        let runtime = Runtime::with_seed_and_config(seed, config);
        let tally = Arc::new(Mutex::new(Tally::default()));
        let nodes: Vec<_> =
            (0..work.nodes).map(|number| runtime.create_node().ip(address(number).ip()).build()).collect();
        runtime.block_on(async {
            let begin = Instant::now();
            for (number, node) in nodes.iter().enumerate() {
                let number = u8::try_from(number).expect("the number of a u8 of nodes");
                node.spawn(talk(work, number, begin, Arc::clone(&tally)));
            }
            sleep(Duration::from_secs(work.seconds) + DRAIN).await;
        });
        *tally.lock().expect("nobody panics")
    }

    async fn talk(work: Work, own: u8, begin: Instant, tally: Arc<Mutex<Tally>>) {
        let socket = Arc::new(UdpSocket::bind(address(own)).await.expect("the address is free"));
        madsim::task::spawn(listen(Arc::clone(&socket), begin, Arc::clone(&tally)));
        for round in 0..rounds(work) {
            sleep_until(begin + first_at(work, own) + INTERVAL * round).await;
            for to in (0..work.nodes).filter(|to| *to != own) {
                let payload = stamp(begin.elapsed());
                socket.send_to(address(to), &payload).await.expect("UDP takes it");
                tally.lock().expect("nobody panics").sent += 1;
            }
        }
    }

    async fn listen(socket: Arc<UdpSocket>, begin: Instant, tally: Arc<Mutex<Tally>>) {
        let mut payload = [0; PAYLOAD_BYTES];
        while let Ok((bytes, _)) = socket.recv_from(&mut payload).await {
            let travelled = begin.elapsed().saturating_sub(sent_at(&payload[..bytes]));
            let mut tally = tally.lock().expect("nobody panics");
            tally.delivered += 1;
            tally.travelled += travelled;
        }
    }

    fn address(number: u8) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, number + 1)), 7_000)
    }
}
