//! The numbers of a pool that an operator may choose, checked once.

use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use super::ids::PoolLabel;
use super::packet::PACKET_BYTES_MIN;
use crate::config::{ConfigError, wrong};

/// What an operator may set of one pool; every field has a default, see [`PoolConfig::local`] and [`PoolConfig::wide`].
///
/// All members of a pool should hold the same numbers; what differs costs speed or traffic, and never agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// The name of the pool: packets of another one are refused.
    pub name: String,

    /// The pause between two probes of a healthy member. Local 1 s, wide 5 s.
    pub probe_interval: Duration,
    /// How long a probed member may take to answer before others are asked to probe it. Local 500 ms, wide 3 s: more than
    /// the round trip of nearly all packets.
    pub probe_timeout: Duration,
    /// How many others are asked to probe a member that did not answer. Default 3 (SWIM, section 4.1).
    pub indirect_probes: usize,
    /// What is tried beside the indirect probes. Default a stream: a network that loses datagrams, and nothing else,
    /// makes nobody suspect.
    pub fallback: Fallback,
    /// The greatest multiple, less one, by which an unhealthy member slows its probes. Default 8 (Lifeguard, section 4).
    pub health_max: u8,

    /// The shortest suspicion, in thousandths of a probe interval times log10 of the number of members, which counts as
    /// 1 at least. Default 2,500.
    pub suspicion_min_permille: u32,
    /// How many times the shortest suspicion the longest is: that of one accuser whom nobody confirms. Default 6.
    pub suspicion_max_factor: u32,
    /// How many distinct accusers beside the first shorten a suspicion to the shortest. Default 3 (Lifeguard, section 4).
    pub confirmations: u8,

    /// The pause between two rounds of gossip while there is news. Local 200 ms, wide 500 ms.
    pub gossip_interval: Duration,
    /// How many members get news in a round. Local 3, wide 4.
    pub gossip_fanout: usize,
    /// How often news is handed on, as a multiple of the decimal digits of the number of members. Default 4.
    pub retransmit_factor: u32,
    /// The most bytes in a datagram. Default 1,400: what a path with an Ethernet in it takes unbroken.
    pub packet_bytes_max: usize,

    /// The longest pause between two exchanges with members that hold another view. Default 30 s; it begins at a
    /// thirtieth of that and doubles.
    pub sync_interval: Duration,
    /// The pause between two attempts to reach a member that is held dead. Default 10 s: partitions heal without anyone.
    pub reconnect_interval: Duration,
    /// The first pause between two attempts to join; it doubles up to thirty times this. Default 1 s.
    pub join_interval: Duration,
    /// How long a member that died or left is remembered. Default 24 h: longer than a partition, or the dead would be
    /// introduced again by those who did not hear.
    pub tombstone_horizon: Duration,
    /// How long a leaving member waits for others to acknowledge. Default 5 s.
    pub leave_timeout: Duration,
    /// How many others must acknowledge a leave. Default 3, or all if there are fewer.
    pub leave_acknowledgements: usize,

    /// The most members, dead ones among them. Default 131,072.
    pub members_max: usize,
    /// The most bytes in a name. Default 255.
    pub name_bytes_max: usize,
    /// The most bytes of metadata. Default 512.
    pub metadata_bytes_max: usize,
    /// The most broadcasts of the embedder that wait to be handed on. Default 256: the least urgent oldest one gives way.
    pub broadcasts_max: usize,
    /// The most bytes in a broadcast. Default 512.
    pub broadcast_bytes_max: usize,
    /// The most probes that are made for others at a time. Default 64.
    pub relays_max: usize,
    /// How often a probe asks for coordinates. Default every 8th.
    pub coordinate_every: u32,
}

/// What is tried beside the indirect probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fallback {
    /// A probe through a stream.
    Stream,
    /// Nothing.
    None,
}

impl PoolConfig {
    /// Returns the numbers for the members of one datacenter or region.
    pub fn local(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            probe_interval: Duration::from_secs(1),
            probe_timeout: Duration::from_millis(500),
            indirect_probes: 3,
            fallback: Fallback::Stream,
            health_max: 8,
            suspicion_min_permille: 2_500,
            suspicion_max_factor: 6,
            confirmations: 3,
            gossip_interval: Duration::from_millis(200),
            gossip_fanout: 3,
            retransmit_factor: 4,
            packet_bytes_max: 1400,
            sync_interval: Duration::from_secs(30),
            reconnect_interval: Duration::from_secs(10),
            join_interval: Duration::from_secs(1),
            tombstone_horizon: Duration::from_hours(24),
            leave_timeout: Duration::from_secs(5),
            leave_acknowledgements: 3,
            members_max: 131_072,
            name_bytes_max: 255,
            metadata_bytes_max: 512,
            broadcasts_max: 256,
            broadcast_bytes_max: 512,
            relays_max: 64,
            coordinate_every: 8,
        }
    }

    /// Returns the numbers for the gateways of several datacenters or regions, far from each other.
    pub fn wide(name: impl Into<String>) -> Self {
        Self {
            probe_interval: Duration::from_secs(5),
            probe_timeout: Duration::from_secs(3),
            gossip_interval: Duration::from_millis(500),
            gossip_fanout: 4,
            sync_interval: Duration::from_mins(1),
            reconnect_interval: Duration::from_secs(30),
            join_interval: Duration::from_secs(3),
            leave_timeout: Duration::from_secs(15),
            ..Self::local(name)
        }
    }

    /// Checks every number against its neighbours and freezes them.
    ///
    /// # Errors
    ///
    /// Returns the first field that makes no sense, with its value and what would be right.
    pub fn check(self) -> Result<PoolSettings, ConfigError> {
        if self.name.is_empty() {
            return wrong(
                "name",
                "is empty: a pool needs one, or packets of others could not be told apart".to_string(),
            );
        }
        self.check_times()?;
        self.check_limits()?;
        Ok(PoolSettings {
            label: PoolLabel::of(&self.name),
            probe_interval: self.probe_interval,
            probe_timeout: self.probe_timeout,
            indirect_probes: self.indirect_probes,
            fallback: self.fallback,
            health_max: self.health_max,
            suspicion_min_permille: self.suspicion_min_permille,
            suspicion_max_factor: self.suspicion_max_factor,
            confirmations: self.confirmations,
            gossip_interval: self.gossip_interval,
            gossip_fanout: self.gossip_fanout,
            retransmit_factor: self.retransmit_factor,
            packet_bytes_max: self.packet_bytes_max,
            sync_interval: self.sync_interval,
            reconnect_interval: self.reconnect_interval,
            join_interval: self.join_interval,
            tombstone_horizon: self.tombstone_horizon,
            leave_timeout: self.leave_timeout,
            leave_acknowledgements: self.leave_acknowledgements,
            members_max: self.members_max,
            name_bytes_max: self.name_bytes_max,
            metadata_bytes_max: self.metadata_bytes_max,
            broadcasts_max: self.broadcasts_max,
            broadcast_bytes_max: self.broadcast_bytes_max,
            relays_max: self.relays_max,
            coordinate_every: self.coordinate_every,
        })
    }

    fn check_times(&self) -> Result<(), ConfigError> {
        let spans = [
            ("probe_interval", self.probe_interval),
            ("probe_timeout", self.probe_timeout),
            ("gossip_interval", self.gossip_interval),
            ("sync_interval", self.sync_interval),
            ("reconnect_interval", self.reconnect_interval),
            ("join_interval", self.join_interval),
            ("tombstone_horizon", self.tombstone_horizon),
            ("leave_timeout", self.leave_timeout),
        ];
        for (field, span) in spans {
            if span < Duration::from_millis(1) {
                return wrong(field, format!("is {span:?}, but must be at least 1 ms"));
            }
            if span > Duration::from_hours(365 * 24) {
                return wrong(field, format!("is {span:?}, but must be at most a year"));
            }
        }
        let (interval, timeout) = (self.probe_interval, self.probe_timeout);
        if timeout > interval.saturating_mul(2) / 3 {
            let problem = format!(
                "is {timeout:?}, but must be at most two thirds of probe_interval, {interval:?}: the indirect probes need \
                 what is left"
            );
            return wrong("probe_timeout", problem);
        }
        let (shortest, gossip) = (self.probe_interval * self.suspicion_min_permille / 1000, self.gossip_interval);
        if shortest < gossip * 10 {
            // News reaches everyone in about five rounds; a suspicion and its refutation need that twice.
            let problem = format!(
                "is {}, which makes a suspicion last {shortest:?}, but a refutation may take ten gossip_intervals of {gossip:?}",
                self.suspicion_min_permille
            );
            return wrong("suspicion_min_permille", problem);
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let limits = [
            ("suspicion_max_factor", self.suspicion_max_factor as usize, 1 << 10),
            ("gossip_fanout", self.gossip_fanout, 1 << 10),
            ("retransmit_factor", self.retransmit_factor as usize, 1 << 10),
            ("leave_acknowledgements", self.leave_acknowledgements, 1 << 10),
            ("members_max", self.members_max, 1 << 28),
            ("metadata_bytes_max", self.metadata_bytes_max.max(1), PACKET_BYTES_LIMIT),
            ("broadcast_bytes_max", self.broadcast_bytes_max.max(1), PACKET_BYTES_LIMIT),
            ("indirect_probes", self.indirect_probes.max(1), u8::MAX as usize),
            ("name_bytes_max", self.name_bytes_max, NAME_BYTES_LIMIT),
            ("broadcasts_max", self.broadcasts_max, 1 << 20),
            ("relays_max", self.relays_max, 1 << 20),
            ("coordinate_every", self.coordinate_every as usize, 1 << 20),
        ];
        for (field, limit, most) in limits {
            if limit == 0 {
                return wrong(field, "is 0, but must be positive".to_string());
            }
            if limit > most {
                return wrong(field, format!("is {limit}, but must be at most {most}"));
            }
        }
        let (confirmations, most) = (self.confirmations, super::suspicion::CONFIRMATIONS_MAX as u8);
        if confirmations > most {
            return wrong("confirmations", format!("is {confirmations}, but must be at most {most}"));
        }
        let largest = self.name_bytes_max + self.metadata_bytes_max.max(self.broadcast_bytes_max) + PACKET_BYTES_MIN;
        if self.packet_bytes_max < largest {
            let problem = format!(
                "is {}, but must be at least {largest}: the largest card or broadcast has to fit in a packet",
                self.packet_bytes_max
            );
            return wrong("packet_bytes_max", problem);
        }
        if self.packet_bytes_max > PACKET_BYTES_LIMIT {
            let problem = format!("is {}, but a datagram holds at most {PACKET_BYTES_LIMIT}", self.packet_bytes_max);
            return wrong("packet_bytes_max", problem);
        }
        Ok(())
    }
}

/// What a UDP datagram over IPv4 holds.
const PACKET_BYTES_LIMIT: usize = 65_507;

/// More is no name.
const NAME_BYTES_LIMIT: usize = 4096;

/// A pool's configuration that makes sense; see [`PoolConfig`] for units and reasons.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolSettings {
    pub(crate) label: PoolLabel,
    pub(crate) probe_interval: Duration,
    pub(crate) probe_timeout: Duration,
    pub(crate) indirect_probes: usize,
    pub(crate) fallback: Fallback,
    pub(crate) health_max: u8,
    pub(crate) suspicion_min_permille: u32,
    pub(crate) suspicion_max_factor: u32,
    pub(crate) confirmations: u8,
    pub(crate) gossip_interval: Duration,
    pub(crate) gossip_fanout: usize,
    pub(crate) retransmit_factor: u32,
    pub(crate) packet_bytes_max: usize,
    pub(crate) sync_interval: Duration,
    pub(crate) reconnect_interval: Duration,
    pub(crate) join_interval: Duration,
    pub(crate) tombstone_horizon: Duration,
    pub(crate) leave_timeout: Duration,
    pub(crate) leave_acknowledgements: usize,
    pub(crate) members_max: usize,
    pub(crate) name_bytes_max: usize,
    pub(crate) metadata_bytes_max: usize,
    pub(crate) broadcasts_max: usize,
    pub(crate) broadcast_bytes_max: usize,
    pub(crate) relays_max: usize,
    pub(crate) coordinate_every: u32,
}

impl PoolSettings {
    /// Returns the label that the pool's packets bear.
    pub const fn label(&self) -> PoolLabel {
        self.label
    }

    /// Returns the most bytes in a datagram.
    pub const fn packet_bytes_max(&self) -> usize {
        self.packet_bytes_max
    }

    /// Returns the pause between two probes of a healthy member.
    pub const fn probe_interval(&self) -> Duration {
        self.probe_interval
    }

    /// Returns how many others are asked to probe a member that did not answer.
    pub const fn indirect_probes(&self) -> usize {
        self.indirect_probes
    }

    /// Returns the greatest multiple, less one, by which an unhealthy member slows its probes.
    pub const fn health_max(&self) -> u8 {
        self.health_max
    }

    /// Returns how many distinct accusers beside the first shorten a suspicion to the shortest.
    pub const fn confirmations(&self) -> u8 {
        self.confirmations
    }

    /// Returns the pause between two rounds of gossip.
    pub const fn gossip_interval(&self) -> Duration {
        self.gossip_interval
    }

    /// Returns the longest pause between two exchanges of views.
    pub const fn sync_interval(&self) -> Duration {
        self.sync_interval
    }

    /// Returns the pause between two attempts to reach a member that is held dead.
    pub const fn reconnect_interval(&self) -> Duration {
        self.reconnect_interval
    }

    /// Returns the first pause between two attempts to join.
    pub const fn join_interval(&self) -> Duration {
        self.join_interval
    }

    /// Returns how long a member that died or left is remembered.
    pub const fn tombstone_horizon(&self) -> Duration {
        self.tombstone_horizon
    }

    /// Returns how often one piece of news is handed on by one member of a pool of this many.
    pub(crate) const fn transmissions_max(&self, members: usize) -> u32 {
        self.retransmit_factor.saturating_mul(digits(members))
    }

    /// Returns the shortest suspicion in a pool of this many.
    pub fn suspicion_min(&self, members: usize) -> Duration {
        let scale = u128::from(log10_permille(members).max(1000)) * u128::from(self.suspicion_min_permille);
        let nanos = self.probe_interval.as_nanos().saturating_mul(scale) / 1_000_000;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Returns the longest suspicion in a pool of this many.
    pub fn suspicion_max(&self, members: usize) -> Duration {
        self.suspicion_min(members).saturating_mul(self.suspicion_max_factor)
    }
}

/// Returns log10 of a number in thousandths, rounded down to a 64th of a doubling; 0 for 0.
const fn log10_permille(number: usize) -> u32 {
    // log10 = log2 × 0.30103; log2 by its whole part and a linear share of the rest, which errs by 9 % of a doubling.
    if number <= 1 {
        return 0;
    }
    let whole = number.ilog2();
    let rest = ((number as u64) << 6 >> whole) - 64;
    ((whole as u64 * 64 + rest) * 301_030 / 64_000) as u32
}

/// Returns how many decimal digits a number of members has; 1 for none.
const fn digits(members: usize) -> u32 {
    match members.checked_ilog10() {
        Some(log) => log + 1,
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut PoolConfig)) -> String {
        let mut config = PoolConfig::local("eu");
        change(&mut config);
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn both_tiers_make_sense_by_default() {
        assert!(PoolConfig::local("eu").check().is_ok());
        assert!(PoolConfig::wide("federation").check().is_ok());
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_value_and_the_mend() {
        assert_eq!(
            refusal(|config| config.probe_timeout = Duration::from_millis(900)),
            "probe_timeout is 900ms, but must be at most two thirds of probe_interval, 1s: the indirect probes need what is left"
        );
        assert_eq!(refusal(|config| config.gossip_fanout = 0), "gossip_fanout is 0, but must be positive");
        assert!(
            refusal(|config| config.metadata_bytes_max = 4000).starts_with("packet_bytes_max is 1400, but must be at")
        );
        assert!(refusal(|config| config.suspicion_min_permille = 1000).contains("ten gossip_intervals of 200ms"));
        assert!(refusal(|config| config.name.clear()).starts_with("name is empty"));
    }

    #[test]
    fn limits_follow_the_size_of_the_pool() {
        let settings = PoolConfig::local("eu").check().unwrap();
        assert_eq!([1, 9, 10, 128, 10_000].map(|members| settings.transmissions_max(members)), [4, 4, 8, 12, 20]);
        let seconds = [3, 10, 128, 10_000].map(|members| settings.suspicion_min(members).as_millis());
        assert_eq!(seconds[0], 2500);
        assert!(seconds[3] > 9_800 && seconds[3] <= 10_000, "{seconds:?}");
        assert_eq!(settings.suspicion_max(128), settings.suspicion_min(128) * 6);
    }

    #[test]
    fn the_logarithm_is_within_a_percent_of_its_own() {
        for number in [2usize, 3, 7, 10, 100, 128, 999, 10_000, 131_072] {
            let (ours, exact) = (f64::from(log10_permille(number)), (number as f64).log10() * 1000.0);
            assert!((ours - exact).abs() < 30.0, "log10({number}) is {exact}, not {ours}");
        }
    }
}
