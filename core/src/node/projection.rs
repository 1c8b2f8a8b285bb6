//! What an explorer may forget of a node; [`crate::projection`] says why one may forget at all.

use core::hash::{Hash, Hasher};

use super::Node;
use crate::projection::{Deadline, Names};
use crate::rng::Seed;
use crate::time::Time;

impl Node {
    /// Replaces every instant that the node holds by what `map` makes of it.
    ///
    /// The node compares instants with `now` and with nothing else, and sets them to `now` and a span. So shifting all of
    /// them along with `now` changes nothing that it does; and where any deadline may fire before any other, whatever the
    /// clocks say, an instant tells no more than whether it has passed.
    ///
    /// # Panics
    ///
    /// Panics if the node is in a pool, whose instants are its own, or watches the health of others.
    pub fn map_instants(&mut self, mut map: impl FnMut(Deadline, Time) -> Time) {
        assert!(self.pools.is_none(), "the instants of pools are their own");
        assert!(self.monitor.is_none(), "what a silence is depends on spans, which a map of instants may not keep");
        self.raft.map_instants(&mut map);
        self.commands.map_instants(&mut map);
        self.reads.map_instants(&mut map);
        self.autopilot.map_instants(&mut map);
        if let Some(handover) = &mut self.handover {
            handover.map_instants(&mut map);
        }
    }

    /// Gives instants that are set anew before they are looked at a fixed value: when a leader would stand for election,
    /// and until when a leader is presumed by a node that follows no other, unless promises under leases outlive that.
    pub fn forget_dead_instants(&mut self) {
        self.raft.forget_dead_instants();
    }

    /// Draws from the beginning of `seed`'s stream from here on, and forgets what was drawn last.
    ///
    /// Election timeouts are drawn and reach the node's decisions through instants alone. The identity of a new memory is
    /// drawn too, but at its first start, before this can be called; another start needs another seed.
    pub fn forget_chance(&mut self, seed: Seed) {
        self.raft.forget_chance(seed);
    }

    /// Numbers the writes anew so that the last one that is done is the first. Returns by how much the numbers fell, so
    /// that the disk's can follow.
    ///
    /// Numbers of writes are compared with each other and, for whether any is done at all, with zero, which stays.
    pub fn forget_write_numbers(&mut self) -> u64 {
        self.raft.forget_write_numbers()
    }

    /// Forgets in which order messages to different peers wait for the disk. Sound where no order is kept between what goes
    /// to different peers.
    pub fn forget_order(&mut self) {
        self.raft.forget_order();
    }

    /// Sets the rounds of heartbeats to zero, those begun as those heard of. In messages on their way, answers must be set
    /// to zero likewise, and heartbeats to one, as the next that is begun.
    ///
    /// Sound where nobody reads through a quorum or under a lease, no disk is lost and deadlines may fire whenever. Apart
    /// from that, an answer to a round that was not begun is refused, and zero always was; and a heartbeat that comes late
    /// is no sign of life, while one that counts as new does no more than put off what may be due at any moment.
    pub fn forget_rounds(&mut self) {
        self.raft.forget_rounds();
    }

    /// Forgets which peers a leader heard from. Sound where its check of the quorum never fires, no autopilot looks and
    /// nobody asks for a change of the quorum.
    pub fn forget_hearing(&mut self) {
        self.raft.forget_hearing();
    }

    /// Forgets which feature level each peer said it speaks. Sound where all speak the first alone, so that none is
    /// raised and no snapshot travels in chunks.
    pub fn forget_levels(&mut self) {
        self.raft.forget_levels();
    }

    /// Replaces every identity that the node holds by what `names` makes of it, one to one. Voters must become voters and
    /// learners learners, for the settings stay as they are.
    ///
    /// The node asks of two identities whether they are equal, and else takes nodes in their order. So clusters that are
    /// equal but for names go on alike, wherever that order decides nothing: where no order is kept between what goes to
    /// different peers, and [`forget_order`](Self::forget_order) is called likewise. What is encoded is left as it is, and
    /// so is what only the topology, an operator or the autopilot names: sound where commands are `Custom`, nobody asks for
    /// a change of the quorum, no autopilot looks and no snapshot travels in chunks.
    ///
    /// # Panics
    ///
    /// Panics if the node is in a pool or watches the health of others, which it knows by name.
    pub fn map_ids(&mut self, names: Names<'_>) {
        // In full, so that a field that is added is decided on here.
        let Self {
            settings: _,
            raft,
            topology: _,
            sessions: _,
            commands,
            reads,
            handover,
            embedder: _,
            autopilot: _,
            pools,
            monitor,
            placement: _,
            observe,
        } = self;
        assert!(observe.is_none() || pools.is_some(), "without pools nobody is heard of");
        assert!(pools.is_none() && monitor.is_none(), "members of pools and watched nodes are known by name");
        raft.map_ids(names);
        commands.map_ids(names);
        reads.map_ids(names);
        if let Some(handover) = handover {
            handover.map_ids(names);
        }
    }

    /// Hashes everything but the settings, which never change while a node runs and are the larger part of it.
    pub fn hash_state(&self, hasher: &mut impl Hasher) {
        // In full, so that a field that is added is decided on here.
        let Self {
            settings: _,
            raft,
            topology,
            sessions,
            commands,
            reads,
            handover,
            embedder,
            autopilot,
            pools,
            monitor,
            // It follows from the topology.
            placement: _,
            observe,
        } = self;
        raft.hash_state(hasher);
        (topology, sessions, commands, reads, handover, embedder, autopilot, pools, monitor, observe).hash(hasher);
    }
}
