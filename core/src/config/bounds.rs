//! What an observer may hold a running node to.

/// What the queues and the memory of a node never exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Messages that wait for the disk.
    pub withheld: usize,
    /// Commands that wait for an outcome: as many of other nodes as of local clients.
    pub pending_commands: usize,
    /// Unanswered appends per peer.
    pub inflight_messages: usize,
    /// Unanswered entry bytes per peer: the window closes behind the append that fills it, which may be one large entry.
    pub inflight_bytes: u64,
    /// Registered nodes.
    pub registrations: usize,
    /// Cost of the entries that a leader proposed and that its own disk does not hold yet: one more than the limit on what
    /// is uncommitted.
    pub undurable_bytes: u64,
    /// Bytes of log beyond the snapshot: twice what a leader lets grow, for entries of an older leader may still lie
    /// behind it and a snapshot may be under way.
    pub log_bytes: u64,
}
