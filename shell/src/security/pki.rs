//! A private authority and the certificates of nodes (X.509, RFC 5280; ECDSA with P-256).
//!
//! Every cluster has an authority of its own; its key is needed to let nodes in, and by no running node. A node's
//! certificate serves both ends of a connection and bears its [`Identity`] as a DNS name. Keys are written with mode 0600,
//! and nothing is ever written over.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use delian_core::{NodeId, WallTime};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::{ClusterLabel, Identity, SUFFIX, SecurityError};
use crate::clock::{Clock, SystemClock};

/// How long an authority lasts: its certificate is in every node's configuration, so that it is replaced by hand.
pub const AUTHORITY_VALID_FOR: Duration = Duration::from_hours(10 * 365 * 24);

/// How long a node's certificate lasts where nobody says otherwise.
pub const NODE_VALID_FOR: Duration = Duration::from_hours(365 * 24);

/// How long before it is made a certificate is valid from: clocks differ.
const BACKDATED: Duration = Duration::from_mins(5);

/// What follows is no date that a certificate can bear (RFC 5280, section 4.1.2.5): the end of the year 9999.
const UNIX_SECONDS_MAX: u64 = 253_402_300_799;

/// The most addresses in a certificate; more would make handshakes long.
const ADDRESSES_MAX: usize = 64;

/// The name of the file with an authority's certificate.
pub const AUTHORITY_FILE: &str = "authority.pem";
/// The name of the file with an authority's key.
pub const AUTHORITY_KEY_FILE: &str = "authority.key";
/// The name of the file with a node's certificate.
pub const NODE_FILE: &str = "node.pem";
/// The name of the file with a node's key.
pub const NODE_KEY_FILE: &str = "node.key";

/// From when to when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first instant.
    pub from: WallTime,
    /// The last one.
    pub until: WallTime,
}

impl Validity {
    /// Returns the time from this moment on, and a little before it.
    pub fn from_now(valid_for: Duration) -> Self {
        let now = SystemClock::new().wall().as_unix_millis();
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self {
            from: WallTime::from_unix_millis(now.saturating_sub(millis(BACKDATED))),
            until: WallTime::from_unix_millis(now.saturating_add(millis(valid_for))),
        }
    }

    fn put_into(self, params: &mut CertificateParams) -> Result<(), SecurityError> {
        let (from, until) = (self.from.as_unix_millis() / 1000, self.until.as_unix_millis() / 1000);
        if until <= from {
            return Err(SecurityError::Validity(format!(
                "it would end at {until} and begin at {from}, in seconds of Unix"
            )));
        }
        if until > UNIX_SECONDS_MAX {
            return Err(SecurityError::Validity("it would end after the year 9999".to_owned()));
        }
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        params.not_before = epoch + Duration::from_secs(from);
        params.not_after = epoch + Duration::from_secs(until);
        Ok(())
    }
}

/// The authority of one cluster, with its key.
pub struct Authority {
    cluster: ClusterLabel,
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes the authority of a cluster.
    ///
    /// # Errors
    ///
    /// Returns why no key could be made.
    pub fn new(cluster: &ClusterLabel) -> Result<Self, SecurityError> {
        let key = KeyPair::generate().map_err(library)?;
        let mut params = authority_params(cluster, &key)?;
        Validity::from_now(AUTHORITY_VALID_FOR).put_into(&mut params)?;
        let certificate_pem = params.self_signed(&key).map_err(library)?.pem();
        Ok(Self { cluster: cluster.clone(), certificate_pem, issuer: Issuer::new(params, key) })
    }

    /// Reads an authority back from the texts of its certificate and its key.
    ///
    /// # Errors
    ///
    /// Returns which of them is not what it should be, or that they do not belong together.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, SecurityError> {
        let certificate = first_certificate(certificate_pem)?;
        let key = KeyPair::from_pem(key_pem)
            .map_err(|error| SecurityError::Pem { what: "key of the authority", why: error.to_string() })?;
        let wrong = |why: String| SecurityError::Certificate { whose: "the authority's certificate".to_owned(), why };
        let parsed = webpki::EndEntityCert::try_from(&certificate).map_err(|error| wrong(error.to_string()))?;
        if parsed.subject_public_key_info().as_ref() != key.subject_public_key_info() {
            return Err(SecurityError::KeyMismatch);
        }
        let cluster = parsed.valid_dns_names().find_map(cluster_of_authority).ok_or_else(|| {
            wrong(format!("it is of no authority of a cluster: such a one bears a name like authority.CLUSTER{SUFFIX}"))
        })?;
        // All that issuing takes from the certificate are its name and its key, and both are known from the label and key.
        let params = authority_params(&cluster, &key)?;
        Ok(Self { cluster, certificate_pem: certificate_pem.to_owned(), issuer: Issuer::new(params, key) })
    }

    /// Reads an authority back from the directory that [`Authority::write`] wrote to.
    ///
    /// # Errors
    ///
    /// As [`Authority::from_pem`], and why a file cannot be read.
    pub fn read(directory: &Path) -> Result<Self, SecurityError> {
        let [certificate, key] = [AUTHORITY_FILE, AUTHORITY_KEY_FILE].map(|file| read_text(&directory.join(file)));
        Self::from_pem(&certificate?, &key?)
    }

    /// Returns the cluster.
    pub const fn cluster(&self) -> &ClusterLabel {
        &self.cluster
    }

    /// Returns the certificate, which every node holds.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Returns the key, which no node needs.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Writes [`AUTHORITY_FILE`] and [`AUTHORITY_KEY_FILE`] into a directory, which is made if need be.
    ///
    /// # Errors
    ///
    /// Returns why they cannot be written; what is there already is left as it is.
    pub fn write(&self, directory: &Path) -> Result<(), SecurityError> {
        write_pair(directory, (AUTHORITY_FILE, &self.certificate_pem), (AUTHORITY_KEY_FILE, &self.key_pem()))
    }

    /// Issues the certificate of a node, with a new key. `name` is what people call it; `addresses` are the IP addresses
    /// and host names under which browsers and scrapers reach it, and may be none: nodes know each other by identity.
    ///
    /// # Errors
    ///
    /// Returns which address cannot stand in a certificate, or why no key could be made.
    pub fn issue(
        &self,
        node: NodeId,
        name: &str,
        addresses: &[impl AsRef<str>],
        valid_for: Duration,
    ) -> Result<Issued, SecurityError> {
        self.issue_between(node, name, addresses, Validity::from_now(valid_for))
    }

    /// Issues a certificate as [`Authority::issue`] does, for a time that is given by both ends.
    ///
    /// # Errors
    ///
    /// As [`Authority::issue`].
    pub fn issue_between(
        &self,
        node: NodeId,
        name: &str,
        addresses: &[impl AsRef<str>],
        validity: Validity,
    ) -> Result<Issued, SecurityError> {
        if addresses.len() > ADDRESSES_MAX {
            let why = "it is one more than a certificate may bear, 64";
            return Err(SecurityError::Address { address: addresses[ADDRESSES_MAX].as_ref().to_owned(), why });
        }
        let identity = Identity { node, cluster: self.cluster.clone() };
        let mut params = CertificateParams::new(vec![identity.dns_name()]).map_err(library)?;
        for address in addresses {
            params.subject_alt_names.push(subject(address.as_ref())?);
        }
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationName, "delian");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        validity.put_into(&mut params)?;
        let key = KeyPair::generate().map_err(library)?;
        let certificate: Certificate = params.signed_by(&key, &self.issuer).map_err(library)?;
        Ok(Issued {
            identity,
            authority_pem: self.certificate_pem.clone(),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

/// A node's certificate, its key, and the certificate of who issued it.
pub struct Issued {
    /// Whose it is.
    pub identity: Identity,
    /// The authority's certificate.
    pub authority_pem: String,
    /// The node's certificate.
    pub certificate_pem: String,
    /// The node's key.
    pub key_pem: String,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Issued {
    /// Writes [`NODE_FILE`], [`NODE_KEY_FILE`] and the authority's certificate into a directory, which is made if need be.
    ///
    /// # Errors
    ///
    /// Returns why they cannot be written; what is there already is left as it is, but for the same authority's certificate.
    pub fn write(&self, directory: &Path) -> Result<(), SecurityError> {
        let authority = directory.join(AUTHORITY_FILE);
        let is_there = fs::read_to_string(&authority).is_ok_and(|text| text == self.authority_pem);
        if authority.exists() && !is_there {
            return Err(SecurityError::Exists(authority));
        }
        write_pair(directory, (NODE_FILE, &self.certificate_pem), (NODE_KEY_FILE, &self.key_pem))?;
        if is_there { Ok(()) } else { write_new(&authority, &self.authority_pem, Mode::Readable) }
    }
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Whoever the system lets.
    Readable,
    /// Its owner alone: mode 0600 where there are modes.
    Secret,
}

/// Writes a file that is not there, for good.
///
/// # Errors
///
/// Returns [`SecurityError::Exists`] if it is there, and leaves it as it is; or why it cannot be written.
pub fn write_new(path: &Path, text: &str, mode: Mode) -> Result<(), SecurityError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if mode == Mode::Secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path).map_err(|source| {
        if source.kind() == std::io::ErrorKind::AlreadyExists {
            SecurityError::Exists(path.to_owned())
        } else {
            failed(path, source)
        }
    })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|source| {
        // Half a key is worse than none, and would stand in the way of the next attempt.
        let _ = fs::remove_file(path);
        failed(path, source)
    })
}

/// Reads a text file.
///
/// # Errors
///
/// Returns why it cannot be read.
pub fn read_text(path: &Path) -> Result<String, SecurityError> {
    fs::read_to_string(path).map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: std::io::Error) -> SecurityError {
    SecurityError::File { path: PathBuf::from(path), source }
}

fn write_pair(directory: &Path, certificate: (&str, &str), key: (&str, &str)) -> Result<(), SecurityError> {
    fs::create_dir_all(directory).map_err(|source| failed(directory, source))?;
    let (certificate_path, key_path) = (directory.join(certificate.0), directory.join(key.0));
    // Both or none: half of a pair could be taken for a whole one beside what was there.
    if let Some(there) = [&certificate_path, &key_path].into_iter().find(|path| path.exists()) {
        return Err(SecurityError::Exists(there.clone()));
    }
    write_new(&key_path, key.1, Mode::Secret)?;
    write_new(&certificate_path, certificate.1, Mode::Readable)
}

fn authority_params(cluster: &ClusterLabel, key: &KeyPair) -> Result<CertificateParams, SecurityError> {
    let mut params = CertificateParams::new(vec![format!("authority.{cluster}{SUFFIX}")]).map_err(library)?;
    // Two authorities of one cluster have two names, or what the other one signed would be taken for a damaged
    // certificate of this one.
    let mark =
        params.key_identifier(key).iter().take(4).map(|byte| format!("-{byte:02x}")).collect::<Vec<_>>().concat();
    params.distinguished_name.push(DnType::CommonName, format!("authority of {cluster}{mark}"));
    params.distinguished_name.push(DnType::OrganizationName, "delian");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn cluster_of_authority(name: &str) -> Option<ClusterLabel> {
    ClusterLabel::new(name.strip_suffix(SUFFIX)?.strip_prefix("authority.")?).ok()
}

fn subject(address: &str) -> Result<SanType, SecurityError> {
    let refused = |why| SecurityError::Address { address: address.to_owned(), why };
    if let Ok(ip) = address.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(ip));
    }
    if address.to_ascii_lowercase().ends_with(SUFFIX) {
        return Err(refused("names that end in .delian.invalid are identities, and are not given away"));
    }
    if rustls::pki_types::DnsName::try_from(address).is_err() {
        return Err(refused("it is neither an IP address nor a host name"));
    }
    let name = address.try_into().map_err(|_| refused("it is neither an IP address nor a host name"))?;
    Ok(SanType::DnsName(name))
}

/// Reads the first certificate of a text.
pub(super) fn first_certificate(pem: &str) -> Result<CertificateDer<'static>, SecurityError> {
    CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| SecurityError::Pem { what: "certificate", why: error.to_string() })
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands errors over by value")]
fn library(error: rcgen::Error) -> SecurityError {
    SecurityError::Library(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOWHERE: [&str; 0] = [];

    fn label(label: &str) -> ClusterLabel {
        ClusterLabel::new(label).unwrap()
    }

    #[test]
    fn a_certificate_says_which_node_of_which_cluster_it_is_of() {
        let authority = Authority::new(&label("alpha")).unwrap();
        let issued = authority.issue(NodeId::new(7), "rhea", &["10.0.0.1", "::1", "rhea.example.org"], NODE_VALID_FOR);
        let certificate = first_certificate(&issued.unwrap().certificate_pem).unwrap();
        let identity = Identity::of_certificate(&certificate).unwrap();
        assert_eq!(identity, Identity { node: NodeId::new(7), cluster: label("alpha") });
        let own = first_certificate(authority.certificate_pem()).unwrap();
        let error = Identity::of_certificate(&own).unwrap_err().to_string();
        assert!(error.contains("it names no node"), "{error}");
    }

    #[test]
    fn an_authority_that_was_read_back_issues_what_the_first_one_vouches_for() {
        let first = Authority::new(&label("alpha")).unwrap();
        let again = Authority::from_pem(first.certificate_pem(), &first.key_pem()).unwrap();
        assert_eq!(again.cluster(), first.cluster());
        let issued = again.issue(NodeId::new(1), "a", &NOWHERE, NODE_VALID_FOR).unwrap();
        let tls = crate::security::tls::Tls::new(&issued.identity, &crate::security::tls::Pems::from(&issued));
        assert!(tls.is_ok(), "{tls:?}");
    }

    #[test]
    fn a_key_of_another_authority_is_refused() {
        let (one, other) = (Authority::new(&label("alpha")).unwrap(), Authority::new(&label("alpha")).unwrap());
        let mixed = Authority::from_pem(one.certificate_pem(), &other.key_pem());
        assert!(matches!(mixed, Err(SecurityError::KeyMismatch)), "{mixed:?}");
        let issued = one.issue(NodeId::new(1), "a", &NOWHERE, NODE_VALID_FOR).unwrap();
        let node = Authority::from_pem(&issued.certificate_pem, &issued.key_pem).unwrap_err().to_string();
        assert!(node.contains("it is of no authority"), "{node}");
    }

    #[test]
    fn an_address_that_would_be_an_identity_is_not_given_away() {
        let authority = Authority::new(&label("alpha")).unwrap();
        for (address, why) in [
            ("n9.node.alpha.delian.invalid", "identities"),
            ("N9.NODE.ALPHA.DELIAN.INVALID", "identities"),
            ("not a name", "neither"),
            ("", "neither"),
        ] {
            let error = authority.issue(NodeId::new(7), "x", &[address], NODE_VALID_FOR).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        let many = vec!["10.0.0.1"; ADDRESSES_MAX + 1];
        assert!(authority.issue(NodeId::new(7), "x", &many, NODE_VALID_FOR).is_err());
    }

    #[test]
    fn a_time_that_makes_no_sense_is_refused_and_the_longest_is_not() {
        let authority = Authority::new(&label("alpha")).unwrap();
        let issue = |from, until| {
            let [from, until] = [from, until].map(WallTime::from_unix_millis);
            authority.issue_between(NodeId::new(7), "x", &NOWHERE, Validity { from, until })
        };
        assert!(matches!(issue(5_000, 5_000), Err(SecurityError::Validity(_))));
        assert!(matches!(issue(0, u64::MAX), Err(SecurityError::Validity(_))));
        assert!(issue(0, UNIX_SECONDS_MAX * 1000).is_ok());
        assert!(authority.issue(NodeId::new(7), "x", &NOWHERE, Duration::MAX).is_err());
    }

    #[test]
    fn keys_are_for_their_owner_alone_and_never_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let (at, authority) = (directory.path().join("pki"), Authority::new(&label("alpha")).unwrap());
        authority.write(&at).unwrap();
        let issued = authority.issue(NodeId::new(7), "x", &NOWHERE, NODE_VALID_FOR).unwrap();
        issued.write(&at).unwrap();
        #[cfg(unix)]
        for file in [AUTHORITY_KEY_FILE, NODE_KEY_FILE] {
            let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(at.join(file)).unwrap());
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        let before = read_text(&at.join(NODE_KEY_FILE)).unwrap();
        assert!(matches!(issued.write(&at), Err(SecurityError::Exists(_))));
        assert!(matches!(Authority::new(&label("beta")).unwrap().write(&at), Err(SecurityError::Exists(_))));
        assert_eq!(read_text(&at.join(NODE_KEY_FILE)).unwrap(), before);
        assert_eq!(Authority::read(&at).unwrap().cluster(), &label("alpha"));
        let missing = Authority::read(&at.join("elsewhere")).unwrap_err().to_string();
        assert!(missing.contains("elsewhere/authority.pem"), "{missing}");
    }
}
