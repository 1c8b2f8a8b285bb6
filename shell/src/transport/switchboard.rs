//! A network inside one process, for programs and tests that run several nodes in it.
//!
//! Nodes are plugged in at addresses that need not exist anywhere else. What is sent to where nobody is plugged in is
//! lost, as is what finds no room, so that nobody waits for anybody. Everybody is who they say they are.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use delian_core::NodeId;
use delian_core::io::Parcel;
use delian_core::node::Tier;
use tokio::sync::mpsc;

use super::{Arrival, Letter, Network};

type Sockets = BTreeMap<SocketAddr, mpsc::Sender<Arrival>>;

/// What connects the nodes of one process.
#[derive(Clone, Debug, Default)]
pub struct Switchboard {
    sockets: Arc<Mutex<Sockets>>,
}

/// One node's place at a switchboard.
#[derive(Debug)]
pub struct Plug {
    id: NodeId,
    address: SocketAddr,
    board: Switchboard,
}

impl Switchboard {
    /// Returns one where nobody is plugged in.
    pub fn new() -> Self {
        Self::default()
    }

    /// Plugs a node in at this address, in place of whoever was there.
    pub fn plug(&self, id: NodeId, address: SocketAddr, arrived: mpsc::Sender<Arrival>) -> Plug {
        self.sockets().insert(address, arrived);
        Plug { id, address, board: self.clone() }
    }

    /// Unplugs whoever is at this address: what is sent there is lost.
    pub fn unplug(&self, address: SocketAddr) {
        self.sockets().remove(&address);
    }

    fn sockets(&self) -> MutexGuard<'_, Sockets> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliver(&self, from: SocketAddr, to: SocketAddr, arrival: Arrival) {
        let sockets = self.sockets();
        // Whoever was unplugged neither hears nor is heard.
        if sockets.contains_key(&from)
            && let Some(arrived) = sockets.get(&to)
        {
            let _ = arrived.try_send(arrival);
        }
    }
}

impl Network for Plug {
    fn send(&mut self, _to: NodeId, address: SocketAddr, letter: Letter) {
        self.board.deliver(self.address, address, Arrival::Letter(self.id, letter));
    }

    fn send_packet(&mut self, tier: Tier, parcel: Parcel) {
        let Parcel { to, carrier, packet } = parcel;
        self.board.deliver(self.address, to, Arrival::Packet(tier, self.address, carrier, packet));
    }
}
