//! TLS 1.3 between nodes, with certificates on both sides (RFC 8446; the ring provider of rustls).
//!
//! Whoever dials a node it knows has rustls check that the certificate bears that node's name. Whoever dials an address, as
//! members of a pool do, and whoever is dialled, learns from the verified certificate who is there. Signatures, dates and
//! the authority are always rustls's to check. Each connection has a [`Witness`], which tells what was shown in place of
//! what was expected, for an alert alone helps nobody. Sessions are not resumed: every connection shows its certificate.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use delian_core::NodeId;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme,
};

use super::pki::{Issued, first_certificate, read_text};
use super::{Identity, SecurityError};
use crate::clock::{Clock, SystemClock};

/// What a node needs for TLS, as PEM texts.
#[derive(Clone)]
pub struct Pems {
    /// The certificate of the cluster's authority.
    pub authority: String,
    /// The node's certificate.
    pub certificate: String,
    /// The node's key.
    pub key: String,
}

impl fmt::Debug for Pems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pems").finish_non_exhaustive()
    }
}

impl From<&Issued> for Pems {
    fn from(issued: &Issued) -> Self {
        Self {
            authority: issued.authority_pem.clone(),
            certificate: issued.certificate_pem.clone(),
            key: issued.key_pem.clone(),
        }
    }
}

/// Where these texts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PemFiles {
    /// The certificate of the cluster's authority.
    pub authority: PathBuf,
    /// The node's certificate.
    pub certificate: PathBuf,
    /// The node's key.
    pub key: PathBuf,
}

impl PemFiles {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// Returns which one cannot be read.
    pub fn read(&self) -> Result<Pems, SecurityError> {
        Ok(Pems {
            authority: read_text(&self.authority)?,
            certificate: read_text(&self.certificate)?,
            key: read_text(&self.key)?,
        })
    }
}

/// A node's end of TLS. Its certificate may be replaced while it runs; new connections show the new one.
#[derive(Debug)]
pub struct Tls {
    own: Identity,
    held: RwLock<Arc<Held>>,
}

/// What was checked once.
#[derive(Debug)]
struct Held {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    own: Arc<SingleCertAndKey>,
    servers: Arc<WebPkiServerVerifier>,
    clients: Arc<dyn ClientCertVerifier>,
}

impl Tls {
    /// Takes the certificate of this identity.
    ///
    /// # Errors
    ///
    /// Returns what is wrong: a text, a certificate that is of somebody else, not valid or not the authority's, or a key
    /// that is not the certificate's.
    pub fn new(own: &Identity, pems: &Pems) -> Result<Self, SecurityError> {
        Ok(Self { own: own.clone(), held: RwLock::new(Arc::new(Held::check(own, pems)?)) })
    }

    /// Returns whose end it is.
    pub const fn identity(&self) -> &Identity {
        &self.own
    }

    /// Takes another certificate of the same identity, for connections to come.
    ///
    /// # Errors
    ///
    /// As [`Tls::new`]; then the one before stays.
    pub fn replace(&self, pems: &Pems) -> Result<(), SecurityError> {
        let held = Arc::new(Held::check(&self.own, pems)?);
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
        Ok(())
    }

    fn held(&self) -> Arc<Held> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns what one connection is accepted with.
    ///
    /// # Errors
    ///
    /// Returns what rustls has against it.
    pub fn server(&self) -> Result<(Arc<ServerConfig>, Arc<Witness>), SecurityError> {
        let held = self.held();
        let expected = format!("a node of cluster {:?}", self.own.cluster.as_str());
        let witness = Arc::new(Witness::new(&held, expected, None, self.own.clone()));
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&held.provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(library)?
            .with_client_cert_verifier(Arc::clone(&witness) as Arc<dyn ClientCertVerifier>)
            .with_cert_resolver(Arc::clone(&held.own) as Arc<_>);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok((Arc::new(config), witness))
    }

    /// Returns what one connection is made with: to a node, or to whoever of the cluster is there.
    ///
    /// # Errors
    ///
    /// Returns what rustls has against it.
    pub fn client(&self, to: Option<NodeId>) -> Result<Dialling, SecurityError> {
        let held = self.held();
        let to = to.map(|node| Identity { node, cluster: self.own.cluster.clone() });
        let name = match &to {
            Some(identity) => ServerName::try_from(identity.dns_name()).map_err(library)?,
            // Who is there is not known; the witness looks at the cluster, and nobody at this address.
            None => ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        };
        let expected = to
            .as_ref()
            .map_or_else(|| format!("a node of cluster {:?}", self.own.cluster.as_str()), Identity::to_string);
        let witness = Arc::new(Witness::new(&held, expected, to, self.own.clone()));
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&held.provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(library)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>)
            .with_client_cert_resolver(Arc::clone(&held.own) as Arc<_>);
        config.resumption = Resumption::disabled();
        // Who is dialled needs not be said in the clear.
        config.enable_sni = false;
        Ok(Dialling { config: Arc::new(config), name, witness })
    }
}

/// What one connection is made with.
#[derive(Debug)]
pub struct Dialling {
    /// The client's end.
    pub config: Arc<ClientConfig>,
    /// The name that rustls checks.
    pub name: ServerName<'static>,
    /// What tells who was there.
    pub witness: Arc<Witness>,
}

impl Held {
    fn check(own: &Identity, pems: &Pems) -> Result<Self, SecurityError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let authority = first_certificate(&pems.authority)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority).map_err(|error| SecurityError::Certificate {
            whose: "the authority's certificate".to_owned(),
            why: error.to_string(),
        })?;
        let roots = Arc::new(roots);
        let certificate = first_certificate(&pems.certificate)?;
        let found = Identity::of_certificate(&certificate)?;
        if found != *own {
            return Err(SecurityError::Identity { found: Box::new(found), expected: Box::new(own.clone()) });
        }
        let unix = Duration::from_millis(SystemClock::new().wall().as_unix_millis());
        is_signed(&certificate, &[], &roots, UnixTime::since_unix_epoch(unix), &provider).map_err(|error| {
            SecurityError::Certificate { whose: format!("the certificate of {own}"), why: error.to_string() }
        })?;
        let key = PrivateKeyDer::from_pem_slice(pems.key.as_bytes())
            .map_err(|error| SecurityError::Pem { what: "key of the node", why: error.to_string() })?;
        let certified = CertifiedKey::from_der(vec![certificate], key, &provider).map_err(|error| {
            let is_mismatch = matches!(error, rustls::Error::InconsistentKeys(_));
            if is_mismatch { SecurityError::KeyMismatch } else { library(error) }
        })?;
        let servers = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
        Ok(Self {
            own: Arc::new(SingleCertAndKey::from(certified)),
            servers: servers.build().map_err(library)?,
            clients: clients.build().map_err(library)?,
            provider,
            roots,
        })
    }
}

fn is_signed(
    certificate: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &RootCertStore,
    now: UnixTime,
    provider: &CryptoProvider,
) -> Result<(), rustls::Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    let algorithms = provider.signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, algorithms)
}

fn library(error: impl fmt::Display) -> SecurityError {
    SecurityError::Library(error.to_string())
}

/// What one connection's certificate is checked by, and what remembers whose it was.
#[derive(Debug)]
pub struct Witness {
    held: Arc<Held>,
    expected: String,
    /// The node that was dialled, if it is known.
    to: Option<Identity>,
    own: Identity,
    found: Mutex<Option<String>>,
}

impl Witness {
    fn new(held: &Arc<Held>, expected: String, to: Option<Identity>, own: Identity) -> Self {
        Self { held: Arc::clone(held), expected, to, own, found: Mutex::default() }
    }

    fn note(&self, certificate: &CertificateDer<'_>) -> Result<Identity, SecurityError> {
        let identity = Identity::of_certificate(certificate);
        let found = identity.as_ref().map_or_else(ToString::to_string, |it| format!("the certificate of {it}"));
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        identity
    }

    /// Says why no connection came about: what rustls found, what was shown, and what was expected.
    pub fn explain(&self, error: &io::Error) -> String {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match found.as_ref() {
            Some(found) => format!("{error}: found {found}, expected {}", self.expected),
            None => format!("{error}: no certificate was shown, expected {}", self.expected),
        }
    }
}

const REFUSED: rustls::Error = rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = self.note(end_entity);
        let is_expected = |found: Identity| match &self.to {
            Some(to) => found == *to,
            None => found.cluster == self.own.cluster,
        };
        if self.to.is_some() {
            let servers = &self.held.servers;
            servers.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        } else {
            is_signed(end_entity, intermediates, &self.held.roots, now, &self.held.provider)?;
        }
        // A name with a wildcard would satisfy rustls, but is no identity.
        if found.is_ok_and(is_expected) { Ok(ServerCertVerified::assertion()) } else { Err(REFUSED) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.held.servers.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.held.servers.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.held.servers.supported_verify_schemes()
    }
}

impl ClientCertVerifier for Witness {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.held.clients.root_hint_subjects()
    }

    /// Whose it is, and of which cluster, is judged behind this, where a refusal can be told in words.
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let _ = self.note(end_entity);
        self.held.clients.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.held.clients.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.held.clients.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.held.clients.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use delian_core::WallTime;

    use super::*;
    use crate::security::ClusterLabel;
    use crate::security::pki::{Authority, NODE_VALID_FOR, Validity};

    fn identity(node: u64, cluster: &str) -> Identity {
        Identity { node: NodeId::new(node), cluster: ClusterLabel::new(cluster).unwrap() }
    }

    fn issued(authority: &Authority, node: u64) -> Pems {
        Pems::from(&authority.issue(NodeId::new(node), "x", &[""; 0], NODE_VALID_FOR).unwrap())
    }

    fn refusal(own: &Identity, pems: &Pems) -> String {
        Tls::new(own, pems).unwrap_err().to_string()
    }

    #[test]
    fn a_node_starts_with_its_own_valid_certificate_alone() {
        let [alpha, again] = [(); 2].map(|()| Authority::new(&ClusterLabel::new("alpha").unwrap()).unwrap());
        let (own, mine) = (identity(1, "alpha"), issued(&alpha, 1));
        assert!(Tls::new(&own, &mine).is_ok());
        let other = refusal(&own, &issued(&alpha, 2));
        assert_eq!(other, "the certificate is of n2 of cluster \"alpha\", but n1 of cluster \"alpha\" is expected");
        let elsewhere = refusal(&identity(1, "beta"), &mine);
        assert!(elsewhere.contains("is of n1 of cluster \"alpha\", but n1 of cluster \"beta\""), "{elsewhere}");
        let foreign = refusal(&own, &Pems { authority: again.certificate_pem().to_owned(), ..mine.clone() });
        assert!(foreign.contains("the certificate of n1 of cluster \"alpha\" is refused"), "{foreign}");
        assert_eq!(
            refusal(&own, &Pems { key: issued(&alpha, 1).key, ..mine.clone() }),
            SecurityError::KeyMismatch.to_string()
        );
        assert!(refusal(&own, &Pems { key: String::new(), ..mine }).starts_with("no key of the node"));
    }

    #[test]
    fn a_certificate_that_has_run_out_starts_nobody_and_replaces_none() {
        let alpha = Authority::new(&ClusterLabel::new("alpha").unwrap()).unwrap();
        let own = identity(1, "alpha");
        let validity = Validity { from: WallTime::from_unix_millis(0), until: WallTime::from_unix_millis(5_000) };
        let old = Pems::from(&alpha.issue_between(own.node, "x", &[""; 0], validity).unwrap());
        assert!(refusal(&own, &old).contains("expired"), "{}", refusal(&own, &old));
        let tls = Tls::new(&own, &issued(&alpha, 1)).unwrap();
        assert!(tls.replace(&old).is_err());
        assert!(tls.replace(&issued(&alpha, 1)).is_ok());
        assert!(tls.client(None).is_ok() && tls.server().is_ok());
    }
}
