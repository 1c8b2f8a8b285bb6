//! What faults keep from single kinds of what a node says: the rest of it goes its way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use delian_core::io::Parcel;
use delian_core::node::Tier;
use delian_core::{Message, NodeId};
use delian_shell::transport::{Letter, Links, Network};

/// Who is kept from what, for the whole world; clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Gags(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    mute: BTreeSet<u16>,
    mute_pool: BTreeSet<u16>,
    deaf_pool: BTreeSet<SocketAddr>,
    scores: BTreeMap<u16, u16>,
    muted: u64,
}

impl Gags {
    /// Sets who is kept from what.
    pub(super) fn set(
        &self,
        mute: BTreeSet<u16>,
        mute_pool: BTreeSet<u16>,
        deaf_pool: BTreeSet<SocketAddr>,
        scores: BTreeMap<u16, u16>,
    ) {
        self.with(|state| *state = State { mute, mute_pool, deaf_pool, scores, muted: state.muted });
    }

    /// Returns how often something was kept from somebody.
    pub(super) fn muted(&self) -> u64 {
        self.with(|state| state.muted)
    }

    /// Returns the score that a process is told to say of itself.
    pub(super) fn score(&self, process: u16) -> Option<u16> {
        self.with(|state| state.scores.get(&process).copied())
    }

    /// Counts what is kept from somebody if this holds, and returns whether it does.
    fn keeps(&self, keeps: impl FnOnce(&State) -> bool) -> bool {
        self.with(|state| {
            let keeps = keeps(state);
            state.muted += u64::from(keeps);
            keeps
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The transport that ships, with a gag before it.
pub(super) struct Gagged {
    pub(super) links: Links,
    pub(super) process: u16,
    pub(super) gags: Gags,
}

impl Network for Gagged {
    fn send(&mut self, to: NodeId, address: SocketAddr, letter: Letter) {
        let is_heartbeat = matches!(letter, Letter::Core(Message::Heartbeat(_)));
        if is_heartbeat && self.gags.keeps(|gags| gags.mute.contains(&self.process)) {
            return;
        }
        self.links.send(to, address, letter);
    }

    fn send_packet(&mut self, tier: Tier, parcel: Parcel) {
        let to = parcel.to;
        if self.gags.keeps(|gags| gags.mute_pool.contains(&self.process) || gags.deaf_pool.contains(&to)) {
            return;
        }
        self.links.send_packet(tier, parcel);
    }
}
