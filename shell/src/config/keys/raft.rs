//! `[raft]` and `[topology]`.

use super::super::forms::{Count, Optional, Size, Span};
use super::{Key, table};

pub(super) const RAFT: &[Key] = table! {
    Span, "raft.heartbeat_interval", core.heartbeat_interval,
        "The pause between two heartbeats of a leader: several round trips within a region. Between far regions 200ms.";
    Span, "raft.election_timeout_min", core.election_timeout_min,
        "The shortest silence after which a follower stands for election: five heartbeats may get lost. Between far regions 1s. Under leases the same at all members.";
    Span, "raft.election_timeout_max", core.election_timeout_max,
        "The longest such silence: well above the shortest keeps split votes rare (Raft, section 9.3). Between far regions 2s.";
    Count, "raft.election_priority", core.election_priority,
        "How many spans between the two this node lets pass before it stands. 0 is a preferred node; a higher rank loses to every live voter of a lower one.";
    Optional<Count>, "raft.clock_drift_max_ppm", core.clock_drift_max_ppm,
        "The most by which any node's clock is fast or slow, in parts per million. None: no reads under a lease. Set on all nodes or on none.";
    Size, "raft.append_bytes_max", core.append_bytes_max,
        "The most entry bytes in one append message: several fit a socket buffer.";
    Count, "raft.inflight_messages_max", core.inflight_messages_max,
        "The most unanswered appends per peer: a round trip of 200 ms still moves 10 MiB/s.";
    Size, "raft.inflight_bytes_max", core.inflight_bytes_max,
        "The most unanswered entry bytes per peer: what a slow peer may cost the leader in buffers.";
    Size, "raft.uncommitted_bytes_max", core.uncommitted_bytes_max,
        "The most bytes that a leader takes in before they commit; then it says busy.";
    Size, "raft.log_bytes_max", core.log_bytes_max,
        "The most bytes of applied log before a snapshot replaces it: a restart replays that in well under 1 s.";
    Count, "raft.trailing_entries", core.trailing_entries,
        "The applied entries kept behind a snapshot, so that a slow peer needs none.";
    Span, "raft.snapshot_resend_interval", core.snapshot_resend_interval,
        "The wait before a snapshot that was not answered is sent again.";
    Size, "raft.snapshot_chunk_bytes", core.snapshot_chunk_bytes,
        "The most bytes in one chunk of a snapshot: as an append, it delays no heartbeat for long.";
    Count, "raft.snapshot_chunks_max", core.snapshot_chunks_max,
        "The most unanswered chunks per peer: a round trip of 200 ms still moves 5 MiB/s.";
    Size, "raft.snapshot_bytes_max", core.snapshot_bytes_max,
        "The most bytes of a snapshot that the node takes; it holds one twice in memory while it puts it together.";
    Count, "raft.feature_level_max", core.feature_level_max,
        "The highest feature level that the node speaks: the highest of this release. A lower one makes it behave as an older release does.";
    Count, "raft.withheld_max", core.withheld_max,
        "The most messages that wait for the disk; beyond it they count as lost, as on a network.";
    Span, "raft.command_timeout", core.command_timeout,
        "The longest a command waits before its outcome is called unknown.";
    Count, "raft.pending_commands_max", core.pending_commands_max,
        "The most commands of clients of this node that wait for an outcome.";
    Count, "raft.pending_reads_max", core.pending_reads_max,
        "The most reads that wait for an answer, of clients and of other nodes alike.";
};

pub(super) const TOPOLOGY: &[Key] = table! {
    Count, "topology.registrations_max", core.registrations_max,
        "The most registered nodes; beyond it a registration is refused, never another one evicted. All of [topology] must be the same at all members.";
    Size, "topology.text_bytes_max", core.text_bytes_max,
        "The most bytes in a name, address, rack, datacenter, region or tag: the limit of a DNS name.";
    Count, "topology.tags_max", core.tags_max, "The most tags per node.";
    Size, "topology.custom_bytes_max", core.custom_bytes_max, "The most bytes in an embedder's command.";
    Count, "topology.removals_kept", core.removals_kept,
        "The removals remembered so that a delta can name them; an older question gets the whole.";
    Count, "topology.session_entries_max", core.session_entries_max,
        "How many log entries a session may be silent: minutes under heavy load, days while the log is quiet.";
    Count, "topology.sessions_max", core.sessions_max,
        "The most open sessions; beyond it the one that was silent longest is closed.";
    Count, "topology.session_window", core.session_window,
        "The most commands that a session may wait for: that many outcomes are remembered for it.";
};
