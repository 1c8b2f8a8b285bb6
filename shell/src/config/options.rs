//! What a configuration sets, as types.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use delian_core::node::{HealthConfig, RingConfig};
use delian_core::swim::PoolConfig;
use delian_core::topology::Coordinates;
use delian_core::{Config, NodeId};

/// The timings of a quorum whose voters are within 20 ms of each other, as in one region: another node leads within a
/// second of the loss of a leader. The core's own defaults are those of voters in far regions.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(100);
const ELECTION_TIMEOUT_MIN: Duration = Duration::from_millis(500);
const ELECTION_TIMEOUT_MAX: Duration = Duration::from_millis(900);

/// The port of nodes among each other, for letters and packets alike.
const NODE_PORT: u16 = 7400;

/// The port of the API.
const HTTP_PORT: u16 = 8400;

/// A host name or IP address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The host name or IP address, without brackets.
    pub host: String,
    /// The port; never zero.
    pub port: u16,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let right = || r#"must be a host and a port, such as "10.0.0.1:7400" or "[fd00::1]:7400""#.to_string();
        let (host, port) = text.rsplit_once(':').ok_or_else(right)?;
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match inner {
            Some(address) if address.parse::<std::net::Ipv6Addr>().is_ok() => address,
            Some(_) => return Err(right()),
            None => host,
        };
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
        if host.is_empty() || (inner.is_none() && !host.chars().all(is_name)) {
            return Err(right());
        }
        let port = port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(right)?;
        Ok(Self { host: host.to_string(), port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

/// A voter of the first configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founder {
    /// Its identity.
    pub id: NodeId,
    /// Where it takes letters and packets.
    pub address: Endpoint,
}

/// `[node]`: who the node is and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOptions {
    /// What people call it; its identity if empty.
    pub name: String,
    /// Its identity; drawn at the first start if absent.
    pub id: Option<NodeId>,
    /// Where it keeps what it must not forget.
    pub data: PathBuf,
    /// The region it stands in.
    pub region: String,
    /// The datacenter of the region.
    pub datacenter: String,
    /// The rack of the datacenter.
    pub rack: String,
    /// The place on the globe.
    pub coordinates: Coordinates,
    /// What an operator adds.
    pub tags: BTreeMap<String, String>,
    /// Its storage; the size of the disk under its data if absent.
    pub total_bytes: Option<u64>,
}

/// `[cluster]`: which federation the node belongs to, and how it gets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterOptions {
    /// The label of the federation.
    pub label: String,
    /// Who founds it together; the node alone if empty.
    pub founders: Vec<Founder>,
    /// Where members are.
    pub join: Vec<Endpoint>,
    /// Whether the node asks to be let into the log.
    pub voter: bool,
}

/// `[network]`: where nodes reach each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkOptions {
    /// Where the node takes letters and packets.
    pub listen: SocketAddr,
    /// Where others reach it.
    pub advertise: Option<SocketAddr>,
    /// Where a gateway takes packets of the wide pool.
    pub wide_listen: Option<SocketAddr>,
    /// Where other gateways reach it.
    pub wide_advertise: Option<SocketAddr>,
    /// Where other gateways are.
    pub wide_join: Vec<Endpoint>,
}

/// Who can read and forge what nodes say to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Members alone.
    Tls,
    /// Every program of this machine.
    Dev,
}

/// `[security]`: what nodes prove themselves with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityOptions {
    /// Whether they do.
    pub mode: Mode,
    /// The node's certificate, as PEM.
    pub certificate: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
    /// The certificate of the authority that everyone trusts, as PEM.
    pub authority: PathBuf,
    /// The keys of datagrams, one per line.
    pub key_ring: PathBuf,
}

/// What the bearer of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    Read,
    /// Look and change.
    Operate,
}

/// How a token is told.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenSecret {
    /// By its SHA-256, as 64 hexadecimal digits: the file does not give it away.
    Sha256(String),
    /// By a file that holds it.
    File(PathBuf),
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(_) => f.write_str("Sha256(..)"),
            Self::File(path) => write!(f, "File({})", path.display()),
        }
    }
}

/// Somebody who may use the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What the audit calls its bearer.
    pub name: String,
    /// What the bearer may do.
    pub role: Role,
    /// How it is told.
    pub secret: TokenSecret,
}

/// `[http]`: the API and the dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOptions {
    /// Where it answers.
    pub listen: SocketAddr,
    /// Where others reach it.
    pub advertise: Option<Endpoint>,
    /// Who may use it; everyone who reaches it if empty.
    pub tokens: Vec<Token>,
    /// The most bytes in the body of a request.
    pub body_bytes_max: u64,
    /// The longest a request may take.
    pub request_timeout: Duration,
    /// The most requests that are answered at a time.
    pub requests_max: usize,
    /// The most connections at a time.
    pub connections_max: usize,
    /// The most requests in a second of one token or address, on average.
    pub requests_per_second: u32,
    /// The most requests of one token or address at once.
    pub requests_burst: u32,
    /// The most watchers at a time.
    pub watchers_max: usize,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// For programs: one JSON document per line.
    Json,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// How they are written.
    pub format: LogFormat,
    /// Which lines are, in the language of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// Where a collector of OpenTelemetry takes them, beside where they are written.
    pub collector: Option<Endpoint>,
}

/// `[journal]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalOptions {
    /// How many events are remembered for who watches.
    pub events_kept: usize,
}

/// Everything that a configuration sets, by section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `[node]`
    pub node: NodeOptions,
    /// `[cluster]`, but for the autopilot
    pub cluster: ClusterOptions,
    /// `[network]`, but for the size of packets
    pub network: NetworkOptions,
    /// `[security]`
    pub security: SecurityOptions,
    /// `[http]`
    pub http: HttpOptions,
    /// `[raft]`, `[topology]` and the autopilot of `[cluster]`; without members, pools, health and ring.
    pub core: Config,
    /// `[pool]`
    pub pool: PoolConfig,
    /// `[wide_pool]`
    pub wide_pool: PoolConfig,
    /// The most bytes in a datagram of either pool.
    pub packet_bytes_max: usize,
    /// `[health]`
    pub health: HealthConfig,
    /// `[ring]`
    pub ring: RingConfig,
    /// `[log]`
    pub log: LogOptions,
    /// `[journal]`
    pub journal: JournalOptions,
}

impl Default for Options {
    fn default() -> Self {
        let pool = PoolConfig::local(String::new());
        let nowhere = "default";
        Self {
            node: NodeOptions {
                name: String::new(),
                id: None,
                data: PathBuf::from("delian-data"),
                region: nowhere.to_string(),
                datacenter: nowhere.to_string(),
                rack: nowhere.to_string(),
                coordinates: Coordinates::default(),
                tags: BTreeMap::new(),
                total_bytes: None,
            },
            cluster: ClusterOptions {
                label: "delian".to_string(),
                founders: Vec::new(),
                join: Vec::new(),
                voter: true,
            },
            network: NetworkOptions {
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, NODE_PORT)),
                advertise: None,
                wide_listen: None,
                wide_advertise: None,
                wide_join: Vec::new(),
            },
            security: SecurityOptions {
                mode: Mode::Tls,
                certificate: PathBuf::new(),
                key: PathBuf::new(),
                authority: PathBuf::new(),
                key_ring: PathBuf::new(),
            },
            http: HttpOptions {
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, HTTP_PORT)),
                advertise: None,
                tokens: Vec::new(),
                body_bytes_max: 64 * 1024,
                request_timeout: Duration::from_secs(15),
                requests_max: 256,
                connections_max: 1024,
                requests_per_second: 200,
                requests_burst: 400,
                watchers_max: 64,
            },
            core: Config {
                autopilot_voters: Some(3),
                heartbeat_interval: HEARTBEAT_INTERVAL,
                election_timeout_min: ELECTION_TIMEOUT_MIN,
                election_timeout_max: ELECTION_TIMEOUT_MAX,
                ..Config::default()
            },
            packet_bytes_max: pool.packet_bytes_max,
            pool,
            wide_pool: PoolConfig::wide(String::new()),
            health: HealthConfig::default(),
            ring: RingConfig::default(),
            log: LogOptions { format: LogFormat::Human, filter: "info".to_string(), collector: None },
            journal: JournalOptions { events_kept: 4096 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_reads_back_as_it_is_written() {
        for text in ["10.0.0.1:7400", "[fd00::1]:7400", "ada.example.org:1", "delian-0:65535"] {
            assert_eq!(text.parse::<Endpoint>().map(|it| it.to_string()), Ok(text.to_string()));
        }
        for text in ["", ":", "ada", "ada:", ":7400", "ada:0", "ada:65536", "fd00::1:7400", "[ada]:7400", "a b:1"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
