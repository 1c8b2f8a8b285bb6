//! Who may speak, and how nobody else can.
//!
//! Streams are TLS 1.3, both sides with a certificate of the cluster's own authority ([`pki`], [`tls`]). A node's identity
//! is a name in its certificate, so nobody speaks for another on a stream. Datagrams are sealed with keys that all nodes
//! share ([`keyring`], [`seal`]): whoever holds such a key belongs to the cluster, but could speak for another of its nodes
//! there. That is why nothing that decides travels by datagram, see [`crate::transport`].
//!
//! This module knows no sockets.

pub mod keyring;
pub mod pki;
pub mod seal;
pub mod tls;
mod window;

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use delian_core::NodeId;

/// The most letters in a cluster's label: it is a label of a domain name (RFC 1035, section 2.3.4).
pub const CLUSTER_BYTES_MAX: usize = 63;

/// What all names of identities end with. Nobody can own it: `invalid` is reserved (RFC 6761, section 6.4).
const SUFFIX: &str = ".delian.invalid";

/// The name of a cluster: it is in every certificate and in every packet, so that clusters stay apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterLabel(String);

impl ClusterLabel {
    /// Takes a label: lower-case letters, digits, and hyphens that are neither first nor last.
    ///
    /// # Errors
    ///
    /// Returns what a label looks like if this is none.
    pub fn new(label: impl Into<String>) -> Result<Self, SecurityError> {
        let label = label.into();
        let bytes = label.as_bytes();
        let is_spelled = bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let is_framed = bytes.first().is_some_and(|byte| *byte != b'-') && bytes.last() != Some(&b'-');
        if is_spelled && is_framed && bytes.len() <= CLUSTER_BYTES_MAX {
            Ok(Self(label))
        } else {
            Err(SecurityError::Label(label))
        }
    }

    /// Returns the label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClusterLabel {
    type Err = SecurityError;

    fn from_str(label: &str) -> Result<Self, SecurityError> {
        Self::new(label)
    }
}

/// Who a certificate says that its holder is: a node of a cluster.
///
/// In a certificate it is a DNS name of the form `n7.node.CLUSTER.delian.invalid`, where `n7` is the node as it is written
/// everywhere. A certificate bears exactly one such name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The node.
    pub node: NodeId,
    /// Its cluster.
    pub cluster: ClusterLabel,
}

impl Identity {
    /// Returns the name that stands in the certificate.
    pub fn dns_name(&self) -> String {
        format!("{}.node.{}{SUFFIX}", self.node, self.cluster)
    }

    /// Reads such a name; nothing if it is none. Every identity has one spelling.
    pub fn of_dns_name(name: &str) -> Option<Self> {
        let (node, cluster) = name.strip_suffix(SUFFIX)?.split_once(".node.")?;
        let node = NodeId::new(node.strip_prefix('n')?.parse().ok()?);
        let identity = Self { node, cluster: ClusterLabel::new(cluster).ok()? };
        (identity.dns_name() == name).then_some(identity)
    }

    /// Reads the identity from a certificate as PEM, which nobody has checked.
    ///
    /// # Errors
    ///
    /// Returns [`SecurityError::Certificate`] if the text is none, or names no node or more than one.
    pub fn of_pem(pem: &str) -> Result<Self, SecurityError> {
        Self::of_certificate(&pki::first_certificate(pem)?)
    }

    /// Reads the identity from a certificate whose signature and dates were checked elsewhere.
    ///
    /// # Errors
    ///
    /// Returns [`SecurityError::Certificate`] if it bears none, or more than one.
    pub fn of_certificate(certificate: &rustls::pki_types::CertificateDer<'_>) -> Result<Self, SecurityError> {
        let wrong = |why: String| SecurityError::Certificate { whose: "the certificate".to_owned(), why };
        let parsed = webpki::EndEntityCert::try_from(certificate).map_err(|error| wrong(error.to_string()))?;
        let mut identities = parsed.valid_dns_names().filter_map(Self::of_dns_name);
        match (identities.next(), identities.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => {
                Err(wrong(format!("it names no node: one of a node bears a name like n7.node.CLUSTER{SUFFIX}")))
            }
            (Some(one), Some(other)) => Err(wrong(format!("it names both {one} and {other}"))),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of cluster {:?}", self.node, self.cluster.as_str())
    }
}

/// What is wrong with keys, certificates or their files.
#[derive(Debug)]
pub enum SecurityError {
    /// This is no label of a cluster.
    Label(String),
    /// This is no address that a certificate can bear.
    Address {
        /// What was given.
        address: String,
        /// Why it cannot.
        why: &'static str,
    },
    /// A certificate would be valid for a time that makes no sense.
    Validity(String),
    /// A file cannot be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is there already, and keys are never written over.
    Exists(PathBuf),
    /// A text or file does not hold what it should.
    Pem {
        /// What was looked for.
        what: &'static str,
        /// What was found instead.
        why: String,
    },
    /// A certificate is refused.
    Certificate {
        /// Which one.
        whose: String,
        /// Why.
        why: String,
    },
    /// A certificate is of somebody else than who it should be of.
    Identity {
        /// Whose it is.
        found: Box<Identity>,
        /// Whose it should be.
        expected: Box<Identity>,
    },
    /// A key and a certificate do not belong together.
    KeyMismatch,
    /// A line of a key file is no key.
    Key {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it; the line itself is a secret.
        why: &'static str,
    },
    /// A key file holds too few or too many keys.
    Keys {
        /// How many it holds.
        found: usize,
        /// How many it may hold.
        most: usize,
    },
    /// The library that makes or uses certificates refuses.
    Library(String),
    /// The operating system has no randomness to give.
    Randomness(getrandom::Error),
}

impl fmt::Display for SecurityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(label) => write!(
                f,
                "{label:?} is no label of a cluster: use 1 to {CLUSTER_BYTES_MAX} lower-case letters, digits and hyphens, \
                 no hyphen first or last"
            ),
            Self::Address { address, why } => write!(f, "{address:?} cannot stand in a certificate: {why}"),
            Self::Validity(why) => write!(f, "no certificate can be valid so: {why}"),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Exists(path) => {
                write!(f, "{} is there already, and nothing is written over it: move it away first", path.display())
            }
            Self::Pem { what, why } => write!(f, "no {what} could be read: {why}"),
            Self::Certificate { whose, why } => write!(f, "{whose} is refused: {why}"),
            Self::Identity { found, expected } => {
                write!(f, "the certificate is of {found}, but {expected} is expected")
            }
            Self::KeyMismatch => {
                write!(f, "the key does not belong to the certificate: give the two that were made together")
            }
            Self::Key { line, why } => write!(f, "line {line} is no key: {why}"),
            Self::Keys { found: 0, most } => write!(f, "there is no key: write 1 to {most}, one in a line"),
            Self::Keys { found, most } => write!(f, "there are {found} keys, but {most} are the most: drop old ones"),
            Self::Library(why) => f.write_str(why),
            Self::Randomness(error) => write!(f, "the operating system gives no randomness: {error}"),
        }
    }
}

impl Error for SecurityError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            Self::Randomness(error) => Some(error),
            Self::Label(_)
            | Self::Address { .. }
            | Self::Validity(_)
            | Self::Exists(_)
            | Self::Pem { .. }
            | Self::Certificate { .. }
            | Self::Identity { .. }
            | Self::KeyMismatch
            | Self::Key { .. }
            | Self::Keys { .. }
            | Self::Library(_) => None,
        }
    }
}

impl From<getrandom::Error> for SecurityError {
    fn from(error: getrandom::Error) -> Self {
        Self::Randomness(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_of_a_domain_name() {
        for good in ["a", "eu-1", "0", &"x".repeat(63)] {
            assert_eq!(ClusterLabel::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a-", "A", "a.b", "ü", "a b", &"x".repeat(64)] {
            let error = ClusterLabel::new(bad).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{bad:?} is no label")), "{error}");
        }
    }

    #[test]
    fn an_identity_has_one_spelling() {
        let identity = Identity { node: NodeId::new(7), cluster: ClusterLabel::new("eu-1").unwrap() };
        assert_eq!(identity.dns_name(), "n7.node.eu-1.delian.invalid");
        assert_eq!(Identity::of_dns_name("n7.node.eu-1.delian.invalid"), Some(identity));
        let strange = ["n07.node.a.delian.invalid", "n+7.node.a.delian.invalid", "7.node.a.delian.invalid"];
        let others = ["n7.node.a.b.delian.invalid", "n7.node.A.delian.invalid", "n7.node.a.delian.invalid.", "n7.a"];
        for name in strange.into_iter().chain(others) {
            assert_eq!(Identity::of_dns_name(name), None, "{name}");
        }
        let last = Identity { node: NodeId::new(u64::MAX), cluster: ClusterLabel::new("a").unwrap() };
        assert_eq!(Identity::of_dns_name(&last.dns_name()), Some(last));
    }
}
