//! The numbers an operator may choose, checked once.
//!
//! [`Config`] is what a person writes; [`Config::check`] turns it into [`Settings`], which every machine trusts without
//! looking again. Each number has a unit, a default and the reason for the default beside it.

mod bounds;
mod error;
mod settings;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use core::time::Duration;

pub use bounds::Bounds;
pub use error::ConfigError;
pub(crate) use error::wrong;
pub use settings::{AutopilotSettings, CommandSettings, RaftSettings, SessionSettings, Settings, TopologySettings};

use crate::ids::{FeatureLevel, NAME_BYTES_MAX, NodeId};
use crate::node::{HealthConfig, PoolsConfig, RingConfig};
use crate::wire::FRAME_BYTES_MAX;

/// What an operator may set; every field has a default, see [`Config::default`].
///
/// What replicated state is a function of must be the same at all members: the limits of sessions and of registrations.
/// Under leases so must `clock_drift_max_ppm` and `election_timeout_min`. Change these with all members stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The voters of the first configuration. Empty for a node that waits to be added.
    pub voters: BTreeSet<NodeId>,
    /// The learners of the first configuration: they receive the log and never vote or count.
    pub learners: BTreeSet<NodeId>,

    /// The pause between two heartbeats of a leader. Default 200 ms: four round trips between far regions.
    pub heartbeat_interval: Duration,
    /// The shortest silence after which a follower stands for election. Default 1 s: five heartbeats may get lost.
    pub election_timeout_min: Duration,
    /// The longest such silence. Default 2 s: twice the shortest keeps split votes rare (Raft, section 9.3).
    pub election_timeout_max: Duration,
    /// How many spans between the shortest and the longest silence this node lets pass before it stands for election.
    /// Default 0: a preferred node. A higher rank loses the race to every live voter of a lower one, and still stands
    /// when those are gone.
    pub election_priority: u32,
    /// The most by which any node's clock runs faster or slower than real time, in parts per million. Default none: then
    /// there are no reads under a lease. With a bound every voter keeps a leader's lease: it must be set on all or none.
    pub clock_drift_max_ppm: Option<u32>,

    /// The most entry bytes in one append message. Default 64 KiB: several fit a socket buffer.
    pub append_bytes_max: u64,
    /// The most unanswered append messages per peer. Default 32: a round trip of 200 ms still moves 10 MiB/s.
    pub inflight_messages_max: usize,
    /// The most unanswered entry bytes per peer. Default 1 MiB: what a slow peer may cost the leader in buffers.
    pub inflight_bytes_max: u64,
    /// The most bytes of proposals that a leader accepts before they commit. Default 4 MiB: then it says busy.
    pub uncommitted_bytes_max: u64,
    /// The most bytes of applied log before a snapshot replaces it. Default 1 MiB: a restart replays in well under 1 s.
    pub log_bytes_max: u64,
    /// The applied entries kept behind a snapshot so that a slow peer needs none. Default 64.
    pub trailing_entries: u64,
    /// The wait before a snapshot that was not answered is sent again. Default 5 s.
    pub snapshot_resend_interval: Duration,
    /// The most bytes in one chunk of a snapshot. Default 64 KiB: as an append, it delays no heartbeat for long.
    pub snapshot_chunk_bytes: u64,
    /// The most unanswered chunks per peer. Default 16: a round trip of 200 ms still moves 5 MiB/s.
    pub snapshot_chunks_max: usize,
    /// The most bytes of a snapshot that a node takes from a leader. Default 1 GiB: a larger one is refused, for the node
    /// holds it in memory twice while it puts it together.
    pub snapshot_bytes_max: u64,
    /// The highest feature level that this node speaks. Default: the highest that this release knows. A lower one makes
    /// the node behave as an older release does, so that federations of mixed releases can be tested.
    pub feature_level_max: FeatureLevel,
    /// The most messages that wait for the disk. Default 1,024: beyond it they count as lost, as on a network.
    pub withheld_max: usize,

    /// How many voters the autopilot keeps: 3, 5 or 7. Default none: then an operator decides alone who votes.
    pub autopilot_voters: Option<u32>,
    /// How long a learner must be fit without a break before the autopilot promotes it. Default 10 s: five of the longest
    /// election timeouts, so that a node which comes and goes is not counted on.
    pub autopilot_settle: Duration,
    /// How long a voter must be unfit without a break before the autopilot replaces it, and a learner gone before it is
    /// removed. Default 60 s: most machines are back from a restart by then, and a copy of the log is spared.
    pub autopilot_dead_after: Duration,
    /// The most entries that a fit member may be behind the leader's commit. Default 1,000: what a healthy follower makes
    /// up within a few round trips, so a promotion does not slow commits down.
    pub autopilot_lag_max: u64,

    /// The pools that the node is in, which say who can be reached. Default none.
    pub pools: Option<PoolsConfig>,

    /// How the node beats and watches the health of others. Default none: then it does neither.
    pub health: Option<HealthConfig>,

    /// How the keys are laid on the registered nodes. Default none: then the node holds no ring.
    pub ring: Option<RingConfig>,

    /// The longest a command waits before its outcome is called unknown. Default 10 s.
    pub command_timeout: Duration,
    /// The most commands of local clients that wait for an outcome. Default 4,096.
    pub pending_commands_max: usize,
    /// The most reads that wait for an answer, of local clients and of other nodes alike. Default 4,096.
    pub pending_reads_max: usize,

    /// How many log entries a session may be silent. Default 100,000: minutes under heavy load, and a client that is
    /// quiet while the log is quiet keeps its session for days.
    pub session_entries_max: u64,
    /// The most open sessions. Default 4,096: beyond it the one that was silent longest is closed.
    pub sessions_max: usize,
    /// The most commands that a session may wait for. Default 64: that many outcomes are remembered for it.
    pub session_window: usize,

    /// The most registered nodes. Default 16,384: beyond it a registration is refused, never another one evicted.
    pub registrations_max: usize,
    /// The most bytes in a name, address, rack, datacenter, region or tag. Default 255: the limit of a DNS name, and of a
    /// name in the ring.
    pub text_bytes_max: usize,
    /// The most tags per node. Default 32.
    pub tags_max: usize,
    /// The most bytes in an embedder's command. Default 64 KiB.
    pub custom_bytes_max: usize,
    /// The removals remembered so that a delta can name them. Default 1,024: an older question gets the whole.
    pub removals_kept: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            voters: BTreeSet::new(),
            learners: BTreeSet::new(),
            heartbeat_interval: Duration::from_millis(200),
            election_timeout_min: Duration::from_secs(1),
            election_timeout_max: Duration::from_secs(2),
            election_priority: 0,
            clock_drift_max_ppm: None,
            append_bytes_max: 64 * 1024,
            inflight_messages_max: 32,
            inflight_bytes_max: 1024 * 1024,
            uncommitted_bytes_max: 4 * 1024 * 1024,
            log_bytes_max: 1024 * 1024,
            trailing_entries: 64,
            snapshot_resend_interval: Duration::from_secs(5),
            snapshot_chunk_bytes: 64 * 1024,
            snapshot_chunks_max: 16,
            snapshot_bytes_max: 1024 * 1024 * 1024,
            feature_level_max: FeatureLevel::HIGHEST,
            withheld_max: 1024,
            autopilot_voters: None,
            autopilot_settle: Duration::from_secs(10),
            autopilot_dead_after: Duration::from_mins(1),
            autopilot_lag_max: 1_000,
            pools: None,
            health: None,
            ring: None,
            command_timeout: Duration::from_secs(10),
            pending_commands_max: 4096,
            pending_reads_max: 4096,
            session_entries_max: 100_000,
            sessions_max: 4096,
            session_window: 64,
            registrations_max: 16_384,
            text_bytes_max: 255,
            tags_max: 32,
            custom_bytes_max: 64 * 1024,
            removals_kept: 1024,
        }
    }
}

/// More than the largest entry costs: an embedder's command at its own default limit, several times over.
const ENTRY_BYTES_MAX: u64 = 1 << 20;

/// The greatest rank in elections: beyond it a node waits for minutes, and better were a learner.
const PRIORITY_MAX: u32 = 16;

/// The parts in parts per million.
const MILLION: u128 = 1_000_000;

/// The greatest limit that still is one: a tebibyte, or as many things.
const LIMIT_MAX: u64 = 1 << 40;

impl Config {
    /// Checks every number against its neighbours and freezes them.
    ///
    /// # Errors
    ///
    /// Returns the first field that makes no sense, with its value and what would be right.
    pub fn check(self) -> Result<Settings, ConfigError> {
        self.check_members()?;
        self.check_times()?;
        self.check_elections()?;
        self.check_limits()?;
        self.check_autopilot()?;
        let lease_timeout = self.lease_timeout();
        Ok(Settings {
            voters: self.voters,
            learners: self.learners,
            raft: RaftSettings {
                heartbeat_interval: self.heartbeat_interval,
                election_timeout_min: self.election_timeout_min,
                election_timeout_max: self.election_timeout_max,
                election_priority: self.election_priority,
                lease_timeout,
                append_bytes_max: self.append_bytes_max,
                inflight_messages_max: self.inflight_messages_max,
                inflight_bytes_max: self.inflight_bytes_max,
                uncommitted_bytes_max: self.uncommitted_bytes_max,
                log_bytes_max: self.log_bytes_max,
                trailing_entries: self.trailing_entries,
                snapshot_resend_interval: self.snapshot_resend_interval,
                snapshot_chunk_bytes: self.snapshot_chunk_bytes,
                snapshot_chunks_max: self.snapshot_chunks_max,
                snapshot_bytes_max: self.snapshot_bytes_max,
                feature_level_max: self.feature_level_max,
                withheld_max: self.withheld_max,
            },
            commands: CommandSettings {
                timeout: self.command_timeout,
                pending_max: self.pending_commands_max,
                reads_max: self.pending_reads_max,
            },
            sessions: SessionSettings {
                entries_max: self.session_entries_max,
                sessions_max: self.sessions_max,
                window: self.session_window as u64,
            },
            topology: TopologySettings {
                registrations_max: self.registrations_max,
                text_bytes_max: self.text_bytes_max,
                tags_max: self.tags_max,
                custom_bytes_max: self.custom_bytes_max,
                removals_kept: self.removals_kept,
            },
            autopilot: self.autopilot_voters.map(|voters| AutopilotSettings {
                voters_target: voters as usize,
                settle: self.autopilot_settle,
                dead_after: self.autopilot_dead_after,
                lag_max: self.autopilot_lag_max,
            }),
            pools: self.pools.map(PoolsConfig::check).transpose()?,
            health: self.health.map(HealthConfig::check).transpose()?.map(Arc::new),
            ring: self.ring.map(RingConfig::check).transpose()?,
        })
    }

    fn check_members(&self) -> Result<(), ConfigError> {
        if let Some(both) = self.voters.intersection(&self.learners).next() {
            return wrong("learners", format!("contains {both}, which is also a voter: a node is one or the other"));
        }
        if self.voters.is_empty() && !self.learners.is_empty() {
            return wrong("voters", "is empty although there are learners: nobody could lead them".to_string());
        }
        Ok(())
    }

    fn check_times(&self) -> Result<(), ConfigError> {
        let spans = [
            ("heartbeat_interval", self.heartbeat_interval),
            ("snapshot_resend_interval", self.snapshot_resend_interval),
            ("command_timeout", self.command_timeout),
            ("autopilot_settle", self.autopilot_settle),
            ("autopilot_dead_after", self.autopilot_dead_after),
        ];
        for (field, span) in spans {
            if span < Duration::from_millis(1) {
                return wrong(field, format!("is {span:?}, but must be at least 1 ms"));
            }
        }
        let (heartbeat, least, most) = (self.heartbeat_interval, self.election_timeout_min, self.election_timeout_max);
        if least < heartbeat.saturating_mul(2) {
            let problem = format!("is {least:?}, but must be at least twice heartbeat_interval, {heartbeat:?}");
            return wrong("election_timeout_min", problem);
        }
        if most <= least {
            let problem = format!("is {most:?}, but must be above election_timeout_min, {least:?}, to break ties");
            return wrong("election_timeout_max", problem);
        }
        let year = Duration::from_hours(365 * 24);
        for (field, span) in spans.into_iter().chain([("election_timeout_max", most)]) {
            if span > year {
                return wrong(field, format!("is {span:?}, but must be at most a year"));
            }
        }
        Ok(())
    }

    fn check_autopilot(&self) -> Result<(), ConfigError> {
        if let Some(voters) = self.autopilot_voters.filter(|voters| ![3, 5, 7].contains(voters)) {
            let problem = format!("is {voters}, but must be 3, 5 or 7: an even number survives no more than one less");
            return wrong("autopilot_voters", problem);
        }
        let (settle, dead) = (self.autopilot_settle, self.autopilot_dead_after);
        if dead < settle {
            let problem = format!("is {dead:?}, but must be at least autopilot_settle, {settle:?}");
            return wrong("autopilot_dead_after", problem);
        }
        Ok(())
    }

    fn check_elections(&self) -> Result<(), ConfigError> {
        if self.election_priority > PRIORITY_MAX {
            let problem = format!("is {}, but must be at most {PRIORITY_MAX}", self.election_priority);
            return wrong("election_priority", problem);
        }
        let (Some(drift), Some(lease)) = (self.clock_drift_max_ppm, self.lease_timeout()) else { return Ok(()) };
        let (timeout, heartbeat) = (self.election_timeout_min, self.heartbeat_interval);
        if lease < heartbeat.saturating_mul(2) {
            // One heartbeat carries the promises, and one may get lost.
            let problem = format!(
                "is {drift}, which leaves a lease of {lease:?} of election_timeout_min, {timeout:?}, but it must last two \
                 heartbeat_intervals of {heartbeat:?}: raise election_timeout_min, or bound the drift closer"
            );
            return wrong("clock_drift_max_ppm", problem);
        }
        Ok(())
    }

    /// Returns how long a leader may count on promises not to vote: the shortest election timeout, as it passes on a
    /// clock that is as slow as may be while the promise runs out on one that is as fast as may be.
    fn lease_timeout(&self) -> Option<Duration> {
        let drift = u128::from(self.clock_drift_max_ppm?);
        let nanos = self.election_timeout_min.as_nanos() * MILLION.saturating_sub(drift) / (MILLION + drift);
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let limits = [
            ("append_bytes_max", self.append_bytes_max),
            ("inflight_messages_max", self.inflight_messages_max as u64),
            ("inflight_bytes_max", self.inflight_bytes_max),
            ("uncommitted_bytes_max", self.uncommitted_bytes_max),
            ("log_bytes_max", self.log_bytes_max),
            ("snapshot_chunk_bytes", self.snapshot_chunk_bytes),
            ("snapshot_chunks_max", self.snapshot_chunks_max as u64),
            ("snapshot_bytes_max", self.snapshot_bytes_max),
            ("withheld_max", self.withheld_max as u64),
            ("pending_commands_max", self.pending_commands_max as u64),
            ("pending_reads_max", self.pending_reads_max as u64),
            ("session_entries_max", self.session_entries_max),
            ("sessions_max", self.sessions_max as u64),
            ("session_window", self.session_window as u64),
            ("registrations_max", self.registrations_max as u64),
            ("text_bytes_max", self.text_bytes_max as u64),
            ("custom_bytes_max", self.custom_bytes_max as u64),
        ];
        for (field, limit) in limits {
            if limit == 0 {
                return wrong(field, "is 0, but must be positive".to_string());
            }
            if limit > LIMIT_MAX {
                return wrong(
                    field,
                    format!("is {limit}, but must be at most {LIMIT_MAX}: beyond it nothing is limited"),
                );
            }
        }
        let text = self.text_bytes_max;
        if text > NAME_BYTES_MAX {
            return wrong(
                "text_bytes_max",
                format!("is {text}, but must be at most {NAME_BYTES_MAX}, as a name in the ring"),
            );
        }
        let (chunk, frame) = (self.snapshot_chunk_bytes, FRAME_BYTES_MAX as u64 / 2);
        if chunk > frame {
            return wrong("snapshot_chunk_bytes", format!("is {chunk}, but must be at most {frame} to fit a frame"));
        }
        let (level, known) = (self.feature_level_max, FeatureLevel::FIRST..=FeatureLevel::HIGHEST);
        if !known.contains(&level) {
            let problem = format!("is {level}, but this release speaks {} to {}", known.start(), known.end());
            return wrong("feature_level_max", problem);
        }
        let (withheld, voters) = (self.withheld_max, self.voters.len());
        if withheld < voters {
            // A candidate's requests wait for its disk, all at once: the same ones would be lost in every election.
            return wrong("withheld_max", format!("is {withheld}, but must hold a request to each of {voters} voters"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    fn refusal(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        config.check().expect_err("the change makes no sense").to_string()
    }

    #[test]
    fn the_defaults_make_sense() {
        assert!(Config::default().check().is_ok());
    }

    #[test]
    fn a_refusal_names_the_field_the_value_and_the_mend() {
        let short = refusal(|config| config.election_timeout_min = Duration::from_millis(300));
        assert_eq!(short, "election_timeout_min is 300ms, but must be at least twice heartbeat_interval, 200ms");
        let tie = refusal(|config| config.election_timeout_max = Duration::from_secs(1));
        assert_eq!(tie, "election_timeout_max is 1s, but must be above election_timeout_min, 1s, to break ties");
        let nothing = refusal(|config| config.withheld_max = 0);
        assert_eq!(nothing, "withheld_max is 0, but must be positive");
        let few = refusal(|config| {
            config.voters = (1..=5).map(NodeId::new).collect();
            config.withheld_max = 4;
        });
        assert_eq!(few, "withheld_max is 4, but must hold a request to each of 5 voters");
        let strange = refusal(|config| config.feature_level_max = FeatureLevel::HIGHEST.next());
        assert_eq!(strange, "feature_level_max is l3, but this release speaks l1 to l2");
        let large = refusal(|config| config.snapshot_chunk_bytes = FRAME_BYTES_MAX as u64);
        assert_eq!(large, "snapshot_chunk_bytes is 67108864, but must be at most 33554432 to fit a frame");
    }

    #[test]
    fn an_autopilot_keeps_an_odd_number_of_voters_and_is_slow_to_bury() {
        let even = refusal(|config| config.autopilot_voters = Some(4));
        assert_eq!(even, "autopilot_voters is 4, but must be 3, 5 or 7: an even number survives no more than one less");
        let hasty = refusal(|config| config.autopilot_dead_after = Duration::from_secs(9));
        assert_eq!(hasty, "autopilot_dead_after is 9s, but must be at least autopilot_settle, 10s");
    }

    #[test]
    fn a_lease_that_no_two_heartbeats_fit_into_is_refused() {
        let wild = refusal(|config| config.clock_drift_max_ppm = Some(500_000));
        let mend = "raise election_timeout_min, or bound the drift closer";
        let expected = format!(
            "clock_drift_max_ppm is 500000, which leaves a lease of 333.333333ms of election_timeout_min, 1s, but it \
             must last two heartbeat_intervals of 200ms: {mend}"
        );
        assert_eq!(wild, expected);
        let backwards = refusal(|config| config.clock_drift_max_ppm = Some(u32::MAX));
        assert!(backwards.contains("a lease of 0ns"), "{backwards}");
    }

    #[test]
    fn a_lease_ends_before_the_promises_do_however_the_clocks_drift() {
        let config = Config { clock_drift_max_ppm: Some(100_000), ..Config::default() };
        let lease = config.check().expect("a tenth leaves enough").raft.lease_timeout.expect("a bound is given");
        // As real time, in tenths: the lease on a clock that loses one, the promise on a clock that gains one.
        let (longest_lease, shortest_promise) = (lease * 10 / 9, Duration::from_secs(1) * 10 / 11);
        assert!(longest_lease <= shortest_promise, "{longest_lease:?} is longer than {shortest_promise:?}");
    }

    #[test]
    fn a_rank_is_bounded_and_counts_in_the_longest_silence() {
        assert_eq!(refusal(|config| config.election_priority = 17), "election_priority is 17, but must be at most 16");
        let third = Config { election_priority: 2, ..Config::default() }.check().expect("2 is a rank");
        assert_eq!(third.election_timeout_max(), Duration::from_secs(4));
    }

    #[test]
    fn a_node_is_a_voter_or_a_learner_but_not_both() {
        let both = refusal(|config| {
            config.voters.insert(NodeId::new(1));
            config.learners.insert(NodeId::new(1));
        });
        assert_eq!(both, "learners contains n1, which is also a voter: a node is one or the other");
    }
}
