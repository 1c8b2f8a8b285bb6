//! Numbers that were checked: the form in which the machines see a configuration.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use core::time::Duration;

use super::{Bounds, ENTRY_BYTES_MAX};
use crate::ids::{FeatureLevel, NodeId};
use crate::node::{HealthSettings, PoolsSettings, RingConfig};

/// A configuration that makes sense: the only form in which the machines see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    pub(crate) voters: BTreeSet<NodeId>,
    pub(crate) learners: BTreeSet<NodeId>,
    pub(crate) raft: RaftSettings,
    pub(crate) commands: CommandSettings,
    pub(crate) sessions: SessionSettings,
    pub(crate) topology: TopologySettings,
    pub(crate) autopilot: Option<AutopilotSettings>,
    pub(crate) pools: Option<PoolsSettings>,
    pub(crate) health: Option<Arc<HealthSettings>>,
    pub(crate) ring: Option<RingConfig>,
}

impl Settings {
    /// Returns the limits of the topology.
    pub const fn topology(&self) -> &TopologySettings {
        &self.topology
    }

    /// Returns how the keys are laid on the registered nodes, if the node holds a ring.
    pub const fn ring(&self) -> Option<&RingConfig> {
        self.ring.as_ref()
    }

    /// Returns the limits of the sessions.
    pub const fn sessions(&self) -> &SessionSettings {
        &self.sessions
    }

    /// Returns the bounds that an observer may hold a running node to.
    pub const fn bounds(&self) -> Bounds {
        let raft = &self.raft;
        Bounds {
            withheld: raft.withheld_max,
            pending_commands: self.commands.pending_max.saturating_mul(2),
            inflight_messages: raft.inflight_messages_max,
            inflight_bytes: raft
                .inflight_bytes_max
                .saturating_add(raft.append_bytes_max)
                .saturating_add(ENTRY_BYTES_MAX),
            registrations: self.topology.registrations_max,
            undurable_bytes: raft.uncommitted_bytes_max.saturating_add(ENTRY_BYTES_MAX),
            log_bytes: raft.log_bytes_max.saturating_add(raft.uncommitted_bytes_max).saturating_mul(2),
        }
    }

    /// Returns the longest a command waits before its outcome is called unknown.
    pub const fn command_timeout(&self) -> Duration {
        self.commands.timeout
    }

    /// Returns the longest silence after which this node stands for election.
    pub const fn election_timeout_max(&self) -> Duration {
        let RaftSettings { election_timeout_min: least, election_timeout_max: most, election_priority, .. } =
            &self.raft;
        most.saturating_add(most.saturating_sub(*least).saturating_mul(*election_priority))
    }
}

/// The numbers of the Raft machine; see [`Config`](super::Config) for units and reasons.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RaftSettings {
    pub(crate) heartbeat_interval: Duration,
    pub(crate) election_timeout_min: Duration,
    pub(crate) election_timeout_max: Duration,
    pub(crate) election_priority: u32,
    /// How long a leader's lease lasts; nothing without leases.
    pub(crate) lease_timeout: Option<Duration>,
    pub(crate) append_bytes_max: u64,
    pub(crate) inflight_messages_max: usize,
    pub(crate) inflight_bytes_max: u64,
    pub(crate) uncommitted_bytes_max: u64,
    pub(crate) log_bytes_max: u64,
    pub(crate) trailing_entries: u64,
    pub(crate) snapshot_resend_interval: Duration,
    pub(crate) snapshot_chunk_bytes: u64,
    pub(crate) snapshot_chunks_max: usize,
    pub(crate) snapshot_bytes_max: u64,
    pub(crate) feature_level_max: FeatureLevel,
    pub(crate) withheld_max: usize,
}

/// The limits of waiting commands; see [`Config`](super::Config) for units and reasons.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommandSettings {
    pub(crate) timeout: Duration,
    pub(crate) pending_max: usize,
    pub(crate) reads_max: usize,
}

/// The limits of sessions; see [`Config`](super::Config) for units and reasons. Equal on every node, for they decide what applies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionSettings {
    pub(crate) entries_max: u64,
    pub(crate) sessions_max: usize,
    pub(crate) window: u64,
}

impl SessionSettings {
    /// Returns how many log entries a session may be silent.
    pub const fn entries_max(&self) -> u64 {
        self.entries_max
    }

    /// Returns how many sessions may be open.
    pub const fn sessions_max(&self) -> usize {
        self.sessions_max
    }
}

/// The limits of the topology; see [`Config`](super::Config) for units and reasons. Equal on every node, for they decide what applies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopologySettings {
    pub(crate) registrations_max: usize,
    pub(crate) text_bytes_max: usize,
    pub(crate) tags_max: usize,
    pub(crate) custom_bytes_max: usize,
    pub(crate) removals_kept: usize,
}

/// The numbers of the autopilot; see [`Config`](super::Config) for units and reasons.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AutopilotSettings {
    /// How many voters there should be.
    pub voters_target: usize,
    /// How long a learner must be fit before it is promoted.
    pub settle: Duration,
    /// How long a voter must be unfit before it is replaced.
    pub dead_after: Duration,
    /// The most entries that a fit member may be behind.
    pub lag_max: u64,
}
