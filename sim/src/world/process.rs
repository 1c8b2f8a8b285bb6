//! One simulated process: a node with its clock, its disk and its embedder, up or down.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use delian_core::raft::Recovered;
use delian_core::{Blob, FeatureLevel, LogIndex, Node, NodeId, Seed, Settings, Time};

use super::queue::Happening;
use super::registrations::Standing;
use crate::clock::Clock;
use crate::disk::Disk;
use crate::embedder::Embedder;
use crate::network::Packet;

/// A process of the world, under its number from 0.
pub(crate) struct Process {
    pub(crate) id: NodeId,
    /// The running node; nothing while the process is down.
    pub(crate) node: Option<Node>,
    pub(crate) down: Down,
    pub(crate) settings: Arc<Settings>,
    /// The highest feature level that its release speaks.
    pub(crate) level: FeatureLevel,
    pub(crate) seed: Seed,
    pub(crate) clock: Clock,
    pub(crate) disk: Disk,
    pub(crate) embedder: Box<dyn Embedder>,
    /// Raised at each start and crash, so that what was scheduled for an earlier run is known to be stale.
    pub(crate) run: u32,
    /// The earliest wake that is scheduled; a later deadline waits for it to look again.
    pub(crate) wake_at: Option<Time>,
    /// When it woke last, and how often at that instant.
    pub(crate) woke: (Time, u32),
    pub(crate) hearing: Hearing,
    /// What arrived while the process was frozen or deaf, in order.
    pub(crate) inbox: VecDeque<Arrived>,
    /// The embedder's state on its way back to the node.
    pub(crate) captured: Option<(LogIndex, Blob)>,
    /// From when on it could send to and hear which processes; the last one holds now.
    pub(crate) reach: Vec<Reach>,
    /// What its earlier disks held when they were destroyed, and the identity it had with each.
    pub(crate) graves: Vec<(NodeId, Recovered)>,
    /// Whether its disk was ever made to fail.
    pub(crate) disk_failed: bool,
    pub(crate) standing: Standing,
    /// When it measures next how it fares.
    pub(crate) measures_at: Time,
    pub(crate) gag: Gag,
}

/// What faults keep a process from saying and hearing, and what they make it say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gag {
    /// Whether its heartbeats get lost.
    pub(crate) is_mute: bool,
    /// Whether what it says in its pool gets lost.
    pub(crate) is_mute_in_pool: bool,
    /// Whether what others say to it in the pool gets lost.
    pub(crate) is_deaf_in_pool: bool,
    /// How well it says that it fares, in thousandths, if it is told what to say.
    pub(crate) score: Option<u16>,
}

/// Which processes a process could send to and hear from some moment on, one bit for each number of a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) from: Time,
    pub(crate) sends_to: u32,
    pub(crate) hears: u32,
}

/// What waits for a process that does not listen.
#[derive(Clone, Debug)]
pub(crate) enum Arrived {
    /// Something that another process sent.
    Packet(Packet),
    /// What its own machine has to tell it: the end of a flush, a failed write, the embedder's state.
    Own(Happening),
}

/// Why a process is down, while it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Down {
    /// It is up.
    Up,
    /// It has not been started yet.
    Absent,
    /// It crashed or stopped and may be started again.
    Crashed,
    /// Its disk is destroyed: it never comes back.
    Lost,
}

/// Whether a process takes in what comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hearing {
    /// Messages and timers.
    #[default]
    Listens,
    /// Timers and its own disk, but no messages.
    Deaf,
    /// Nothing at all.
    Frozen,
}

impl Process {
    /// Returns whether it could send to another process and hear it, each at some moment since then.
    pub(crate) fn reached_since(&self, peer: u16, since: Time) -> bool {
        let (mut sends_to, mut hears) = (0_u32, 0_u32);
        for reach in self.reach.iter().rev() {
            sends_to |= reach.sends_to;
            hears |= reach.hears;
            if reach.from <= since {
                break;
            }
        }
        (sends_to & hears).checked_shr(peer.into()).is_some_and(|from_peer| from_peer & 1 == 1)
    }

    /// Returns whether the process runs and takes part.
    pub(crate) const fn is_up(&self) -> bool {
        self.node.is_some()
    }
}

impl Clone for Process {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            node: self.node.clone(),
            down: self.down,
            settings: Arc::clone(&self.settings),
            level: self.level,
            seed: self.seed,
            clock: self.clock.clone(),
            disk: self.disk.clone(),
            embedder: self.embedder.fork(),
            run: self.run,
            wake_at: self.wake_at,
            woke: self.woke,
            hearing: self.hearing,
            inbox: self.inbox.clone(),
            captured: self.captured.clone(),
            reach: self.reach.clone(),
            graves: self.graves.clone(),
            disk_failed: self.disk_failed,
            standing: self.standing.clone(),
            measures_at: self.measures_at,
            gag: self.gag,
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("id", &self.id)
            .field("down", &self.down)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}
