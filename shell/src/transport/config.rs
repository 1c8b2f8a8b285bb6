//! What a node's transport is told, and what it refuses to begin with.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use delian_core::node::Tier;
use delian_core::{NodeId, wire};

use crate::cluster::StartError;
use crate::security::keyring::Keyring;
use crate::security::seal::{SEAL_BYTES, SENDERS_MAX};
use crate::security::tls::Tls;
use crate::security::{ClusterLabel, SecurityError};

/// What a UDP datagram over IPv4 holds.
const DATAGRAM_BYTES_MAX: usize = 65_507;

/// Where a node is in one of its pools. It takes datagrams and connections at the same address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Where it listens. Port 0 has the system choose one.
    pub bind: SocketAddr,
    /// Where others reach it, if that differs: behind a translation of addresses, or when it listens on all of them. Port
    /// 0 means the port that it listens on.
    pub advertised: Option<SocketAddr>,
    /// The most bytes of a packet that goes by datagram; more goes by stream. Default 1,400, as in a pool.
    pub packet_bytes_max: usize,
}

impl Listen {
    /// Listens there, and others reach it there.
    pub const fn at(bind: SocketAddr) -> Self {
        Self { bind, advertised: None, packet_bytes_max: 1400 }
    }
}

/// How nodes know each other.
#[derive(Clone, Debug)]
pub enum Security {
    /// They do not: everything is in plain text and whoever says so is believed. On one machine alone.
    Plain,
    /// By certificates on streams and by a shared key in datagrams.
    Tls {
        /// The node's certificate.
        tls: Arc<Tls>,
        /// The keys of datagrams.
        keys: Arc<Keyring>,
    },
}

/// What a transport may take. Every field has a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most datagrams that wait to be sent, on each socket. Default 4,096: a few megabytes.
    pub datagrams_max: usize,
    /// The most frames that wait for one connection. Default 4,096.
    pub frames_max: usize,
    /// The most bytes that wait for a connection of consensus, if more than one frame waits. Default 8 MiB: several times
    /// what a leader has in flight.
    pub consensus_bytes_max: usize,
    /// The same for bulk. Default 32 MiB.
    pub bulk_bytes_max: usize,
    /// The same for a pool's stream. Default 4 MiB.
    pub pool_bytes_max: usize,
    /// The most connections that this node keeps up; the one that was not needed for longest gives way. Default 1,024.
    pub links_max: usize,
    /// The most connections of others. Default 4,096.
    pub incoming_max: usize,
    /// The most connections of others that have not said yet whose they are. Default 256.
    pub handshakes_max: usize,
    /// How long reaching another node may take, greeting and certificates included. Default 5 s.
    pub dial_timeout: Duration,
    /// How long another node may take to say who it is. Default 5 s.
    pub handshake_timeout: Duration,
    /// How long a connection may take nothing, or bring nothing of a frame that has begun. Default 10 s.
    pub stall_timeout: Duration,
    /// How long a connection stays open that is not needed. Default 5 min.
    pub idle_timeout: Duration,
    /// The pause between two questions whether the other side is there, while something is sent. Default 2 s.
    pub pulse_interval: Duration,
    /// How long such a question may stay without an answer. Default 10 s: a machine that lost its power says nothing.
    pub pulse_timeout: Duration,
    /// The first pause before a connection is tried again; it doubles, and chance takes any part of it off. Default 20 ms.
    pub backoff_min: Duration,
    /// The longest such pause. Default 1 s: who comes back should not wait for an election timeout.
    pub backoff_max: Duration,
    /// How many senders of datagrams are remembered, so that none is heard twice; see [`crate::security::seal`].
    pub senders_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            datagrams_max: 4096,
            frames_max: 4096,
            consensus_bytes_max: 8 << 20,
            bulk_bytes_max: 32 << 20,
            pool_bytes_max: 4 << 20,
            links_max: 1024,
            incoming_max: 4096,
            handshakes_max: 256,
            dial_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(5),
            pulse_interval: Duration::from_secs(2),
            pulse_timeout: Duration::from_secs(10),
            backoff_min: Duration::from_millis(20),
            backoff_max: Duration::from_secs(1),
            senders_max: SENDERS_MAX,
        }
    }
}

/// What a node's transport is told.
#[derive(Clone, Debug)]
pub struct LinksConfig {
    /// The node; the same that [`crate::Cluster::builder`] is told.
    pub id: NodeId,
    /// Its cluster.
    pub cluster: ClusterLabel,
    /// Where it is in its local pool, and takes letters.
    pub local: Listen,
    /// Where it is in the wide pool, for a gateway.
    pub wide: Option<Listen>,
    /// How nodes know each other.
    pub security: Security,
    /// What the transport may take.
    pub limits: Limits,
}

impl LinksConfig {
    /// Returns the configuration of a node that is no gateway, with the limits that are usual.
    pub fn new(id: NodeId, cluster: ClusterLabel, bind: SocketAddr, security: Security) -> Self {
        Self { id, cluster, local: Listen::at(bind), wide: None, security, limits: Limits::default() }
    }

    pub(super) fn tiers(&self) -> impl Iterator<Item = (Tier, Listen)> {
        [(Tier::Local, Some(self.local)), (Tier::Wide, self.wide)]
            .into_iter()
            .filter_map(|(tier, listen)| Some((tier, listen?)))
    }

    pub(super) fn check(&self) -> Result<(), LinksError> {
        for (tier, listen) in self.tiers() {
            let addresses = [Some(listen.bind), listen.advertised];
            if let Security::Plain = self.security
                && let Some(open) = addresses.into_iter().flatten().find(|address| !address.ip().is_loopback())
            {
                return Err(LinksError::PlainBeyondLoopback(open));
            }
            let reached = listen.advertised.unwrap_or(listen.bind);
            if reached.ip().is_unspecified() {
                return Err(LinksError::Unspecified(reached));
            }
            let most = DATAGRAM_BYTES_MAX - SEAL_BYTES.max(super::datagrams::PLAIN_BYTES_MAX) - 1;
            if listen.packet_bytes_max > most {
                return Err(LinksError::PacketBytes { tier, found: listen.packet_bytes_max, most });
            }
        }
        if let Security::Tls { tls, .. } = &self.security {
            let (found, expected) = (tls.identity(), (self.id, &self.cluster));
            if (found.node, &found.cluster) != expected {
                return Err(LinksError::Security(SecurityError::Identity {
                    found: Box::new(found.clone()),
                    expected: Box::new(crate::security::Identity { node: self.id, cluster: self.cluster.clone() }),
                }));
            }
        }
        self.limits.check()
    }
}

impl Limits {
    fn check(&self) -> Result<(), LinksError> {
        let counts = [
            ("datagrams_max", self.datagrams_max),
            ("frames_max", self.frames_max),
            ("links_max", self.links_max),
            ("incoming_max", self.incoming_max),
            ("handshakes_max", self.handshakes_max),
            ("senders_max", self.senders_max),
            ("consensus_bytes_max", self.consensus_bytes_max),
            ("bulk_bytes_max", self.bulk_bytes_max),
            ("pool_bytes_max", self.pool_bytes_max),
        ];
        // Beyond this nothing is limited, and the channels of the runtime refuse it by a panic.
        let most = 64 * wire::FRAME_BYTES_MAX;
        if let Some((field, _)) = counts.into_iter().find(|(_, count)| !(1..=most).contains(count)) {
            return Err(LinksError::Limit { field, why: "must be at least 1, and at most 4,294,967,296" });
        }
        let spans = [
            ("dial_timeout", self.dial_timeout),
            ("handshake_timeout", self.handshake_timeout),
            ("stall_timeout", self.stall_timeout),
            ("idle_timeout", self.idle_timeout),
            ("pulse_interval", self.pulse_interval),
            ("pulse_timeout", self.pulse_timeout),
            ("backoff_min", self.backoff_min),
            ("backoff_max", self.backoff_max),
        ];
        let sensible = Duration::from_millis(1)..=Duration::from_hours(365 * 24);
        if let Some((field, _)) = spans.into_iter().find(|(_, span)| !sensible.contains(span)) {
            return Err(LinksError::Limit { field, why: "must be at least 1 ms, and at most a year" });
        }
        if self.backoff_max < self.backoff_min {
            return Err(LinksError::Limit { field: "backoff_max", why: "must be at least backoff_min" });
        }
        Ok(())
    }
}

/// Why a transport does not begin.
#[derive(Debug)]
pub enum LinksError {
    /// The system gives no socket there.
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// Plain text would leave the machine.
    PlainBeyondLoopback(SocketAddr),
    /// Others cannot reach a node at an address that stands for all.
    Unspecified(SocketAddr),
    /// A packet would be more than a datagram holds.
    PacketBytes {
        /// In which pool.
        tier: Tier,
        /// What was given.
        found: usize,
        /// What would be right at most.
        most: usize,
    },
    /// A limit makes no sense.
    Limit {
        /// Which one.
        field: &'static str,
        /// What would be right.
        why: &'static str,
    },
    /// The keys or certificates do not fit.
    Security(SecurityError),
}

impl fmt::Display for LinksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Self::PlainBeyondLoopback(address) => write!(
                f,
                "{address} is not on the loopback interface, and plain text must not leave the machine: use certificates, \
                 or 127.0.0.1"
            ),
            Self::Unspecified(address) => {
                write!(f, "others cannot reach {address}: say which address is advertised")
            }
            Self::PacketBytes { tier, found, most } => {
                write!(
                    f,
                    "packet_bytes_max of the {tier} pool is {found}, but at most {most} fit a datagram with its seal"
                )
            }
            Self::Limit { field, why } => write!(f, "{field} {why}"),
            Self::Security(error) => error.fmt(f),
        }
    }
}

impl Error for LinksError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Bind { source, .. } => Some(source),
            Self::Security(error) => error.source(),
            Self::PlainBeyondLoopback(_) | Self::Unspecified(_) | Self::PacketBytes { .. } | Self::Limit { .. } => None,
        }
    }
}

impl From<SecurityError> for LinksError {
    fn from(error: SecurityError) -> Self {
        Self::Security(error)
    }
}

impl LinksError {
    /// Returns it as the reason why a node that was to listen here does not start.
    pub fn at(self, address: SocketAddr) -> StartError {
        match self {
            Self::Bind { address, source } => StartError::Network { address, source },
            other @ (Self::PlainBeyondLoopback(_)
            | Self::Unspecified(_)
            | Self::PacketBytes { .. }
            | Self::Limit { .. }
            | Self::Security(_)) => {
                StartError::Network { address, source: io::Error::new(io::ErrorKind::InvalidInput, other) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(bind: &str) -> LinksConfig {
        let cluster = ClusterLabel::new("alpha").unwrap();
        LinksConfig::new(NodeId::new(1), cluster, bind.parse().unwrap(), Security::Plain)
    }

    #[test]
    fn plain_text_begins_on_loopback_alone() {
        assert!(config("127.0.0.1:0").check().is_ok() && config("[::1]:0").check().is_ok());
        for address in ["0.0.0.0:7000", "10.0.0.1:7000", "[::]:0"] {
            let error = config(address).check().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{address} is not on the loopback")), "{error}");
        }
        let wide = Listen::at("10.0.0.1:0".parse().unwrap());
        assert!(LinksConfig { wide: Some(wide), ..config("127.0.0.1:0") }.check().is_err());
        let mut advertised = config("127.0.0.1:0");
        advertised.local.advertised = Some("192.0.2.1:80".parse().unwrap());
        assert!(matches!(advertised.check(), Err(LinksError::PlainBeyondLoopback(_))));
    }

    #[test]
    fn limits_that_make_no_sense_are_refused_by_name() {
        let refusal = |change: fn(&mut Limits)| {
            let mut config = config("127.0.0.1:0");
            change(&mut config.limits);
            config.check().unwrap_err().to_string()
        };
        assert!(refusal(|limits| limits.frames_max = 0).starts_with("frames_max must"));
        assert!(refusal(|limits| limits.datagrams_max = usize::MAX).starts_with("datagrams_max must"));
        assert!(refusal(|limits| limits.stall_timeout = Duration::ZERO).starts_with("stall_timeout must"));
        assert!(refusal(|limits| limits.idle_timeout = Duration::MAX).starts_with("idle_timeout must"));
        assert!(refusal(|limits| limits.backoff_max = Duration::from_millis(2)).starts_with("backoff_max must"));
        let mut large = config("127.0.0.1:0");
        large.local.packet_bytes_max = DATAGRAM_BYTES_MAX;
        assert!(matches!(large.check(), Err(LinksError::PacketBytes { .. })));
    }
}
