//! What a person decides about the API, with defaults and their reasons.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ring::digest::{SHA256, digest};

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Ask.
    Read,
    /// Ask, and change what is agreed on.
    Operate,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Operate => "operate",
        })
    }
}

/// A bearer token, as far as the server has to know it: its SHA-256 tells nobody the token.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Who holds it, for the audit.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

impl Token {
    /// Returns a token by its text.
    pub fn of_text(name: impl Into<String>, role: Role, text: &str) -> Self {
        Self { name: name.into(), role, sha256: sha256(text.as_bytes()) }
    }

    /// Returns a token by the SHA-256 of its text in hexadecimal digits; nothing if these are no 64 digits.
    pub fn of_sha256(name: impl Into<String>, role: Role, digits: &str) -> Option<Self> {
        let digits = digits.as_bytes();
        let mut sha256 = [0; 32];
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in sha256.iter_mut().zip(digits.chunks_exact(2)) {
            let value = |digit: u8| char::from(digit).to_digit(16);
            *byte = u8::try_from(value(pair[0])? * 16 + value(pair[1])?).ok()?;
        }
        Some(Self { name: name.into(), role, sha256 })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

/// Returns the hash by which tokens are known.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// What the API bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body: 64 KiB, several times the largest registration.
    pub body_bytes_max: usize,
    /// Bytes of all headers together: 16 KiB, for a browser behind proxies sends a few.
    pub header_bytes_max: usize,
    /// How many headers: 64.
    pub headers_max: usize,
    /// Bytes of path and query: 8 KiB, for a key of the ring may be long.
    pub uri_bytes_max: usize,
    /// How long a request may take, watching aside: 15 s, more than the 10 s after which the core calls a command's outcome
    /// unknown, so that whoever asks hears it from there.
    pub request_timeout: Duration,
    /// How long headers may take to come, and a connection may be idle: 30 s.
    pub header_timeout: Duration,
    /// How many requests are answered at a time: 256, a quarter of what may wait for the driver.
    pub requests_max: usize,
    /// How many connections are open at a time: 1024, within the usual limit of open files.
    pub connections_max: usize,
    /// How many requests per second a token, or without tokens an address, may make on average: 200.
    pub requests_per_second: u32,
    /// How many requests it may make at once: 400, for a dashboard asks in bursts.
    pub requests_burst: u32,
    /// How many watch at a time: 64.
    pub watchers_max: usize,
    /// How many events may wait for one watcher: 256.
    pub watch_queue: usize,
    /// How long a watcher may take none of the events that wait for it before it is cut: 30 s.
    pub watch_stall_timeout: Duration,
    /// The pause after which a watcher that hears of nothing gets a comment: 15 s, less than what proxies call idle.
    pub watch_keep_alive: Duration,
    /// How long a server that stops waits for answers under way: 5 s.
    pub stop_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 * 1024,
            header_bytes_max: 16 * 1024,
            headers_max: 64,
            uri_bytes_max: 8 * 1024,
            request_timeout: Duration::from_secs(15),
            header_timeout: Duration::from_secs(30),
            requests_max: 256,
            connections_max: 1024,
            requests_per_second: 200,
            requests_burst: 400,
            watchers_max: 64,
            watch_queue: 256,
            watch_stall_timeout: Duration::from_secs(30),
            watch_keep_alive: Duration::from_secs(15),
            stop_timeout: Duration::from_secs(5),
        }
    }
}

/// What an API is told about its node and its world.
#[derive(Clone, Debug, Default)]
pub struct ApiConfig {
    /// The label of the cluster.
    pub cluster: String,
    /// What people call the node, if neither the topology nor its pool says so.
    pub name: String,
    /// Who may ask. Without tokens everybody may, and so the address must be a loopback one.
    pub tokens: Vec<Token>,
    /// The names, beside those of the loopback interface and the address itself, by which browsers and proxies ask for this
    /// API, without ports. A script of another site that made its own name point here asks by that name, and is refused.
    pub hosts: Vec<String>,
    /// What is bounded.
    pub limits: Limits,
}

/// Why an API does not start.
#[derive(Debug)]
pub enum ServeError {
    /// It cannot listen there.
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Everybody in reach could change the federation.
    OpenToAll {
        /// Where it would listen.
        address: IpAddr,
    },
    /// A limit that lets nothing through.
    NoneAllowed {
        /// Which one.
        limit: &'static str,
    },
    /// The node has ended.
    Stopped,
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { address, source } => write!(f, "the API cannot listen on {address}: {source}"),
            Self::OpenToAll { address } => write!(
                f,
                "the API would let everybody who reaches {address} change the federation: give it tokens, or have it \
                 listen on 127.0.0.1"
            ),
            Self::NoneAllowed { limit } => write!(f, "{limit} 0 lets nothing through: use at least 1"),
            Self::Stopped => write!(f, "the node has ended: start it before its API"),
        }
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Bind { source, .. } => Some(source),
            Self::OpenToAll { .. } | Self::NoneAllowed { .. } | Self::Stopped => None,
        }
    }
}

impl ApiConfig {
    /// Checks that the API may listen on this address.
    pub(super) fn check(&self, address: IpAddr) -> Result<(), ServeError> {
        if self.tokens.is_empty() && !address.is_loopback() {
            return Err(ServeError::OpenToAll { address });
        }
        let limits = &self.limits;
        let counts = [
            ("requests_max", limits.requests_max),
            ("connections_max", limits.connections_max),
            ("watchers_max", limits.watchers_max),
            ("watch_queue", limits.watch_queue),
            ("requests_per_second", limits.requests_per_second as usize),
            ("requests_burst", limits.requests_burst as usize),
        ];
        match counts.iter().find(|(_, count)| *count == 0) {
            Some((limit, _)) => Err(ServeError::NoneAllowed { limit }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_token_is_the_same_by_its_text_and_by_its_hash() {
        let by_hash = Token::of_sha256("ada", Role::Read, &ABC.to_uppercase());
        assert_eq!(by_hash, Some(Token::of_text("ada", Role::Read, "abc")));
        for wrong in ["", &ABC[1..], &ABC.replace('b', "x"), &format!("{ABC}0")] {
            assert_eq!(Token::of_sha256("ada", Role::Read, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_api_without_tokens_is_for_the_loopback_interface_alone() {
        let (open, mut closed) = (ApiConfig::default(), ApiConfig::default());
        closed.tokens.push(Token::of_text("ada", Role::Operate, "abc"));
        let everywhere = "0.0.0.0".parse().unwrap();
        assert!(matches!(open.check(everywhere), Err(ServeError::OpenToAll { .. })));
        assert!(open.check("127.0.0.1".parse().unwrap()).is_ok());
        assert!(open.check("::1".parse().unwrap()).is_ok());
        assert!(closed.check(everywhere).is_ok());
        assert!(!format!("{closed:?}").contains("186"), "the hash of a token is not printed");
    }

    #[test]
    fn a_limit_of_zero_is_refused_by_its_name() {
        let mut config = ApiConfig::default();
        config.limits.watchers_max = 0;
        let error = config.check("127.0.0.1".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "watchers_max 0 lets nothing through: use at least 1");
    }
}
