//! The pool that processes may be in: where each of them is, how it joins, and how its packets travel.
//!
//! Packets take the links that messages take, and share their faults. They are for an address: whoever is there when one
//! arrives takes it in, whatever life or node it was meant for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;

use delian_core::io::Parcel;
use delian_core::node::{PoolsConfig, Tier};
use delian_core::swim::{self, Carrier, Packet as PoolPacket, PoolConfig};
use delian_core::{Input, NodeId};

use super::World;
use super::effects::WIRE_SAMPLE;
use super::queue::Happening;
use crate::network::{Load, Packet};

/// What the pool is called.
const NAME: &str = "sim";

/// The port at which packets are taken.
const PORT: u16 = 7400;

/// The port that streams come from, which takes nothing.
const STREAM_PORT: u16 = 50_000;

/// Through whom everyone joins, by their numbers from 0.
const CONTACTS: Range<u16> = 0..3;

/// Returns the pools of a process; a stranger in its place has a name of its own.
pub(super) fn config(number: u16, id: NodeId) -> PoolsConfig {
    PoolsConfig { name: id.to_string(), local: (PoolConfig::local(NAME), address_of(number)), wide: None }
}

fn address_of(number: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0001 + u32::from(number))), PORT)
}

/// Returns the number of the process at an address.
fn number_at(address: SocketAddr) -> Option<u16> {
    let IpAddr::V4(ip) = address.ip() else { return None };
    let number = ip.to_bits().checked_sub(0x0a00_0001).filter(|_| address.port() == PORT)?;
    u16::try_from(number).ok()
}

impl World {
    /// Lets a process that has started look for the others, if there is a pool.
    pub(super) fn begin_pool(&mut self, number: u16) {
        let process = &self.processes[usize::from(number)];
        if self.plan.scenario.cluster.pool && process.is_up() {
            self.queue.schedule(self.now, Happening::JoinPool { process: number, run: process.run });
        }
    }

    pub(super) fn join_pool(&mut self, number: u16, run: u32) {
        if !self.is_run(number, run) || self.waits_frozen(number, Happening::JoinPool { process: number, run }) {
            return;
        }
        let is_there = |contact: &u16| *contact != number && usize::from(*contact) < self.processes.len();
        let contacts: Vec<SocketAddr> = CONTACTS.filter(is_there).map(address_of).collect();
        self.feed(number, Input::Pool(Tier::Local, Box::new(swim::Input::Join(contacts))));
    }

    pub(super) fn send_packet(&mut self, from: u16, tier: Tier, parcel: Parcel) {
        let Parcel { to, carrier, packet } = parcel;
        self.census.packets += 1;
        let packet = self.over_the_pool(packet);
        let Some(to) = number_at(to).filter(|to| usize::from(*to) < self.processes.len()) else {
            self.census.undelivered += 1;
            return;
        };
        let (home, process) = (address_of(from), &self.processes[usize::from(from)]);
        let (source, is_mute) = match carrier {
            Carrier::Datagram => (home, process.gag.is_mute_in_pool),
            Carrier::Stream => (SocketAddr::new(home.ip(), STREAM_PORT), process.gag.is_mute_in_pool),
        };
        let load = Load::Pool(tier, Box::new(swim::Input::Receive(source, carrier, packet)));
        let (sender, receiver) = (process.id, self.processes[usize::from(to)].id);
        let packet = Packet { from, to, sender, receiver, load };
        if is_mute {
            return self.mute(&packet);
        }
        let fate = match carrier {
            Carrier::Datagram => self.network.fate(from, to),
            Carrier::Stream => self.network.fate_of_stream(from, to),
        };
        self.post(packet, fate);
    }

    /// Takes a sample of the packets through their bytes, as messages are.
    fn over_the_pool(&self, packet: PoolPacket) -> PoolPacket {
        if !self.census.packets.is_multiple_of(WIRE_SAMPLE) {
            return packet;
        }
        let read = PoolPacket::decode(&packet.encode());
        read.unwrap_or_else(|error| panic!("{packet:?} does not survive the wire: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_is_found_at_its_address_and_no_stream_finds_one() {
        for number in 0..=u16::MAX {
            assert_eq!(number_at(address_of(number)), Some(number));
            assert_eq!(number_at(SocketAddr::new(address_of(number).ip(), STREAM_PORT)), None);
        }
    }
}
