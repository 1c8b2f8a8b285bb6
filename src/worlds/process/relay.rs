//! Relays between processes: each is reached through a door of ours, for datagrams and streams alike.
//!
//! A process listens behind its door and tells others the address of the door. So a datagram comes to the door of whom it is
//! for, and goes on from the door of who sent it: whoever receives it sees the address that it knows. Who sent a
//! datagram is told by the port that it comes from, and who dialled a stream by its greeting.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use delian_sim::outcome::Counts;
use delian_sim::scenario::{Latency, LinkQuality, Rate};
use delian_sim::worlds::{Link, LinkMatrix, Passage};
use tokio::net::{TcpListener, UdpSocket};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use super::scale::Scale;
use super::stream;
use crate::draws::Draws;

/// Doors, and what lies behind them, are at these ports and those after them: below the ports that a system gives out.
const DOOR_PORTS: u16 = 7400;
const NODE_PORTS: u16 = 7500;
const API_PORTS: u16 = 7600;

/// How many datagrams may wait on held links; more are lost.
const HELD_MAX: u64 = 4096;

/// How long tasks may take to let go of the doors: none of them does anything but wait.
const CLOSING_MAX: Duration = Duration::from_secs(5);

/// How long doors are waited for that somebody holds, and the pause between two tries.
const OPENING_MAX: Duration = Duration::from_secs(5);
const OPEN_AGAIN: Duration = Duration::from_millis(20);

/// No datagram is longer.
const DATAGRAM_BYTES: usize = 64 * 1024;

/// Where one cluster is: an address of its own within the loopback network, so that no two clusters meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(Ipv4Addr);

impl Place {
    /// Returns the place of a cluster of this program, by its number among those that run at a time.
    pub(super) fn of(cluster: u8) -> Self {
        // Linux gives 22 bits to process identities at most, and two of them that differ by half of that hardly meet.
        let number = (std::process::id() & 0x1f_ffff) << 3 | u32::from(cluster & 7);
        let [_, a, b, c] = number.to_be_bytes();
        Self(Ipv4Addr::new(127, a, b, c))
    }

    /// Returns where others reach a process.
    pub(super) fn door(self, process: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.0), DOOR_PORTS + process)
    }

    /// Returns where the process listens itself.
    pub(super) fn node(self, process: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.0), NODE_PORTS + process)
    }

    /// Returns where its API answers.
    pub(super) fn api(self, process: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.0), API_PORTS + process)
    }

    /// Returns which process sends from an address.
    fn process_at(self, address: SocketAddr, size: u16) -> Option<u16> {
        (1..=size).find(|process| self.node(*process) == address)
    }
}

/// The doors of one cluster. They close when this is dropped.
#[derive(Debug)]
pub(super) struct Relays {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

/// What all tasks of the relays share.
#[derive(Debug)]
pub(super) struct Shared {
    place: Place,
    size: u16,
    scale: Scale,
    links: watch::Sender<LinkMatrix>,
    doors: Vec<UdpSocket>,
    draws: Mutex<Draws>,
    /// When links of a limited rate will have carried what was sent so far.
    occupied: Mutex<BTreeMap<(u16, u16), Instant>>,
    is_closing: AtomicBool,
    pub(super) tally: Tally,
}

/// What became of messages; a part of a stream counts as one.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) messages: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) duplicated: AtomicU64,
    pub(super) reordered: AtomicU64,
    pub(super) cut: AtomicU64,
    pub(super) held: AtomicU64,
    queued: AtomicU64,
    waiting: AtomicU64,
}

impl Tally {
    pub(super) fn note(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Relays {
    /// Opens the doors of so many processes.
    pub(super) fn open(place: Place, links: LinkMatrix, size: u16, scale: Scale, seed: u64) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (doors, listeners) = runtime.block_on(doors(place, size))?;
        let (links, draws) = (watch::Sender::new(links), Mutex::new(Draws::new(seed)));
        let shared = Arc::new(Shared {
            place,
            size,
            scale,
            links,
            doors,
            draws,
            occupied: Mutex::default(),
            is_closing: AtomicBool::default(),
            tally: Tally::default(),
        });
        for (process, listener) in (1..).zip(listeners) {
            runtime.spawn(datagrams(Arc::clone(&shared), process));
            runtime.spawn(stream::serve(Arc::clone(&shared), process, listener));
        }
        Ok(Self { shared, runtime: Some(runtime) })
    }

    pub(super) fn set_links(&self, links: &LinkMatrix) {
        self.shared.links.send_replace(links.clone());
    }

    pub(super) fn counts(&self) -> Counts {
        let tally = &self.shared.tally;
        let mut counts = Counts::default();
        for (fact, counter) in [
            ("messages", &tally.messages),
            ("lost", &tally.lost),
            ("duplicated", &tally.duplicated),
            ("reordered", &tally.reordered),
            ("cut", &tally.cut),
            ("held", &tally.held),
            ("queued", &tally.queued),
        ] {
            counts.add(fact, counter.load(Ordering::Relaxed));
        }
        counts
    }
}

impl Drop for Relays {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            self.shared.is_closing.store(true, Ordering::Relaxed);
            // Nothing that still waits on a link is of use to anybody, but the doors must be free for the next cluster.
            runtime.shutdown_timeout(CLOSING_MAX);
        }
    }
}

impl Shared {
    pub(super) const fn place(&self) -> Place {
        self.place
    }

    /// Returns whether the doors are to be closed.
    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    pub(super) const fn size(&self) -> u16 {
        self.size
    }

    pub(super) fn link(&self, from: u16, to: u16) -> Link {
        self.links.borrow().get(from, to)
    }

    /// Waits until a link lets anything through, or at least holds nothing back.
    pub(super) async fn until(&self, from: u16, to: u16, is_so: impl Fn(Passage) -> bool) {
        let mut links = self.links.subscribe();
        // The sender lives as long as this does.
        let _ = links.wait_for(|links| is_so(links.get(from, to).passage)).await;
    }

    /// Draws whether something of this probability happens.
    pub(super) fn happens(&self, permille: u16) -> bool {
        self.draws().happens(permille)
    }

    /// Draws how long something travels.
    pub(super) fn delay(&self, latency: Latency) -> Duration {
        self.scale.real(self.draws().span(latency))
    }

    /// Returns when a datagram that is sent now has left, which waits for what was sent before it over a link of a limited
    /// rate; nothing for one that would wait for too long.
    fn leaves_or_is_lost(&self, link: (u16, u16), rate: Option<Rate>, bytes: usize) -> Option<Instant> {
        self.occupy(link, rate, bytes, self.scale.real(Rate::QUEUE_MAX))
    }

    /// Returns when a part of a stream that is sent now has left: a stream loses nothing, whoever sends too much waits.
    pub(super) fn leaves(&self, link: (u16, u16), rate: Option<Rate>, bytes: usize) -> Instant {
        self.occupy(link, rate, bytes, Duration::MAX).unwrap_or_else(Instant::now)
    }

    /// Puts something at the end of what a link is to carry, unless it would wait for longer than that.
    fn occupy(&self, link: (u16, u16), rate: Option<Rate>, bytes: usize, longest: Duration) -> Option<Instant> {
        let now = Instant::now();
        let mut occupied = self.occupied.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(rate) = rate else {
            occupied.remove(&link);
            return Some(now);
        };
        let begins = occupied.get(&link).map_or(now, |until| now.max(*until));
        if begins - now > longest {
            return None;
        }
        if begins > now {
            Tally::note(&self.tally.queued);
        }
        let ends = begins + self.scale.real(rate.occupied_by(bytes));
        occupied.insert(link, ends);
        Some(ends)
    }

    fn draws(&self) -> MutexGuard<'_, Draws> {
        self.draws.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the doors of a place, for datagrams and for streams. Those of the cluster before may be held for a moment longer by
/// a process that was just started beside it: between its beginning and its program it has all that its parent has.
async fn doors(place: Place, size: u16) -> io::Result<(Vec<UdpSocket>, Vec<TcpListener>)> {
    let since = Instant::now();
    loop {
        match doors_at_once(place, size).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && since.elapsed() < OPENING_MAX => {
                sleep_until(Instant::now() + OPEN_AGAIN).await;
            }
            opened => return opened,
        }
    }
}

async fn doors_at_once(place: Place, size: u16) -> io::Result<(Vec<UdpSocket>, Vec<TcpListener>)> {
    let (mut doors, mut listeners) = (Vec::new(), Vec::new());
    for process in 1..=size {
        doors.push(UdpSocket::bind(place.door(process)).await?);
        listeners.push(TcpListener::bind(place.door(process)).await?);
    }
    Ok((doors, listeners))
}

/// Carries the datagrams that come to the door of one process.
async fn datagrams(shared: Arc<Shared>, to: u16) {
    let mut bytes = vec![0; DATAGRAM_BYTES];
    loop {
        let Ok((length, source)) = shared.doors[usize::from(to - 1)].recv_from(&mut bytes).await else {
            // A door of a runtime that ends can do nothing but fail, and whoever went on at once would hold it for ever.
            if shared.is_closing() {
                return;
            }
            // One that cannot receive for a moment loses what was sent, as a network may.
            yield_now().await;
            continue;
        };
        let Some(from) = shared.place.process_at(source, shared.size) else { continue };
        Tally::note(&shared.tally.messages);
        let Link { passage, quality } = shared.link(from, to);
        if passage == Passage::Cut {
            Tally::note(&shared.tally.cut);
            continue;
        }
        if shared.happens(quality.loss) {
            Tally::note(&shared.tally.lost);
            continue;
        }
        let Some(leaves_at) = shared.leaves_or_is_lost((from, to), quality.rate, length) else {
            Tally::note(&shared.tally.lost);
            continue;
        };
        let datagram: Arc<[u8]> = bytes[..length].into();
        if shared.happens(quality.duplicate) {
            Tally::note(&shared.tally.duplicated);
            tokio::spawn(deliver(Arc::clone(&shared), (from, to), quality, leaves_at, Arc::clone(&datagram)));
        }
        tokio::spawn(deliver(Arc::clone(&shared), (from, to), quality, leaves_at, datagram));
    }
}

/// Brings a datagram to its receiver, late.
async fn deliver(
    shared: Arc<Shared>,
    (from, to): (u16, u16),
    quality: LinkQuality,
    leaves_at: Instant,
    datagram: Arc<[u8]>,
) {
    let mut delay = shared.delay(quality.latency);
    if shared.happens(quality.reorder) {
        Tally::note(&shared.tally.reordered);
        delay += 4 * shared.delay(quality.latency);
    }
    sleep_until(leaves_at + delay).await;
    if shared.link(from, to).passage == Passage::Held {
        Tally::note(&shared.tally.held);
        if shared.tally.waiting.fetch_add(1, Ordering::Relaxed) < HELD_MAX {
            shared.until(from, to, |passage| passage != Passage::Held).await;
        }
        shared.tally.waiting.fetch_sub(1, Ordering::Relaxed);
    }
    if shared.link(from, to).passage != Passage::Open {
        return Tally::note(&shared.tally.cut);
    }
    // Nobody may be there, which is as good as lost.
    let _ = shared.doors[usize::from(from - 1)].send_to(&datagram, shared.place.node(to)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors_that_somebody_holds_for_a_moment_are_waited_for() {
        let place = Place::of(7);
        let open = move || {
            let worlds = delian_sim::scenario::Worlds::default();
            let links = LinkMatrix::new(3, LinkQuality::HEALTHY);
            Relays::open(place, links, 3, Scale::of(&worlds), 1)
        };
        let before = open().expect("nobody holds them");
        let next = std::thread::spawn(move || open().map(drop));
        // However soon it tries, it finds them held, or just let go.
        crate::client::pause(3 * OPEN_AGAIN);
        drop(before);
        let opened = next.join().expect("it does not panic");
        assert!(opened.is_ok(), "{opened:?}");
    }
}
