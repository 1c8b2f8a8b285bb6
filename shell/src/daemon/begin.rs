//! How a node comes by its identity, its store, its certificates and the addresses of others.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use delian_core::NodeId;
use delian_core::raft::Recovered;
use tokio::net::lookup_host;

use super::DaemonError;
use crate::config::{Effective, Endpoint, Mode, Options, Role, TokenSecret};
use crate::host::Host;
use crate::http::{self, ApiConfig, Token};
use crate::security::keyring::Keyring;
use crate::security::tls::{PemFiles, Pems, Tls};
use crate::security::{ClusterLabel, Identity, pki};
use crate::store::{Directory, Holding, Owner, RedbStore, Store};
use crate::transport::Security;

/// How a node begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// It goes on with what its disk holds, or joins for the first time.
    Continue,
    /// It founds a federation, for the first and only time.
    Found,
    /// Its disk was damaged: what is left is set aside, and the node begins anew as one that is let in.
    Rejoin,
}

/// How many addresses of one name are tried.
const ADDRESSES_MAX: usize = 8;

/// A directory that was looked at and nothing was written to: what else the node needs is made sure of first.
#[derive(Debug)]
pub(super) struct Prepared {
    directory: Directory,
    holding: Holding,
    owner: Owner,
    begin: Begin,
}

/// Looks at the node's directory, and whether the node can begin there as the operator said.
pub(super) fn prepare(effective: &Effective, begin: Begin) -> Result<Prepared, DaemonError> {
    let options = effective.options();
    let data = options.node.data.as_path();
    let directory = Directory::open(data)?;
    let holding = directory.holds()?;
    let before = match (begin, holding) {
        (_, Holding::Nothing) => None,
        // What cannot be read is what is to be set aside.
        (Begin::Rejoin, Holding::Store | Holding::Lost) => directory.owner().ok().flatten(),
        (Begin::Continue | Begin::Found, Holding::Store | Holding::Lost) => directory.owner()?,
    };
    let id = identity(options, data, before.as_ref())?;
    let founders = &options.cluster.founders;
    if begin == Begin::Found && !founders.is_empty() && founders.iter().all(|founder| founder.id != id) {
        return Err(DaemonError::NoFounder(id));
    }
    if (begin, holding) == (Begin::Continue, Holding::Nothing) && options.cluster.join.is_empty() {
        return Err(DaemonError::NothingToBeginWith { data: data.to_owned() });
    }
    let owner = Owner { id, cluster: options.cluster.label.clone() };
    Ok(Prepared { directory, holding, owner, begin })
}

impl Prepared {
    pub(super) const fn id(&self) -> NodeId {
        self.owner.id
    }

    /// Opens the store that is there, or makes one.
    pub(super) fn open(self, host: &impl Host) -> Result<RedbStore, DaemonError> {
        let Self { directory, holding, owner, begin } = self;
        match (begin, holding) {
            (_, Holding::Nothing) => Ok(directory.create_on(host, &owner)?),
            (Begin::Continue, Holding::Store | Holding::Lost) => Ok(directory.reopen_on(host, &owner)?),
            (Begin::Found, Holding::Store | Holding::Lost) => {
                let data = directory.path().to_owned();
                let mut store = directory.reopen_on(host, &owner)?;
                // A start that failed before anything was written has founded nothing, and promised nothing.
                let is_blank = store.recover()? == Recovered::default();
                if is_blank { Ok(store) } else { Err(DaemonError::FoundedAlready { data }) }
            }
            (Begin::Rejoin, Holding::Store | Holding::Lost) => {
                let aside = directory.set_aside()?;
                tracing::warn!(aside = %aside.display(), "what was there is set aside; the node begins anew");
                Ok(directory.create_on(host, &owner)?)
            }
        }
    }
}

/// Returns who the node is: whom its disk or its certificate names, or the configuration; else somebody new.
fn identity(options: &Options, data: &Path, before: Option<&Owner>) -> Result<NodeId, DaemonError> {
    let certified = match options.security.mode {
        Mode::Dev => None,
        Mode::Tls => {
            let certificate = &options.security.certificate;
            let identity = Identity::of_pem(&pki::read_text(certificate)?)?;
            Some((identity.node, certificate.display().to_string()))
        }
    };
    let found = certified.or_else(|| before.map(|owner| (owner.id, data.display().to_string())));
    match (options.node.id, found) {
        (Some(configured), Some((found, place))) if configured != found => {
            Err(DaemonError::OtherIdentity { configured, found, place })
        }
        (Some(id), _) | (None, Some((id, _))) => Ok(id),
        (None, None) => Ok(draw_identity().map_err(crate::cluster::StartError::from)?),
    }
}

/// Draws an identity that nobody else has. It is small enough for every program that reads JSON.
///
/// # Errors
///
/// Returns why the operating system has no randomness to give.
pub fn draw_identity() -> Result<NodeId, getrandom::Error> {
    /// The largest number that a double holds exactly.
    const LARGEST: u64 = (1 << 53) - 1;
    Ok(NodeId::new((getrandom::u64()? & LARGEST).max(1)))
}

fn pem_files(options: &Options) -> PemFiles {
    let security = &options.security;
    PemFiles {
        authority: security.authority.clone(),
        certificate: security.certificate.clone(),
        key: security.key.clone(),
    }
}

/// Reads the node's certificate and the keys of datagrams.
pub(super) fn tls(effective: &Effective, node: NodeId, label: &ClusterLabel) -> Result<Security, DaemonError> {
    let options = effective.options();
    let pems: Pems = pem_files(options).read()?;
    let own = Identity { node, cluster: label.clone() };
    let keys = Keyring::read(&options.security.key_ring)?;
    Ok(Security::Tls { tls: Arc::new(Tls::new(&own, &pems)?), keys: Arc::new(keys) })
}

/// Reads certificates and keys again; what does not fit is told, and what was held stays.
pub(super) fn rotate(effective: &Effective, security: &Security) {
    let Security::Tls { tls, keys } = security else { return };
    let replaced =
        pem_files(effective.options()).read().and_then(|pems| tls.replace(&pems)).and_then(|()| keys.reload());
    match replaced {
        Ok(()) => tracing::info!("certificates and keys were read again"),
        Err(error) => tracing::error!(%error, "certificates and keys stay as they were"),
    }
}

/// Returns the addresses of these places.
pub(super) async fn resolve(endpoints: &[Endpoint]) -> Result<Vec<SocketAddr>, DaemonError> {
    let mut all = Vec::new();
    for endpoint in endpoints {
        let found = lookup_host((endpoint.host.as_str(), endpoint.port)).await;
        let found = found.map_err(|source| DaemonError::Unresolved { endpoint: endpoint.clone(), source })?;
        all.extend(found.take(ADDRESSES_MAX));
    }
    Ok(all)
}

/// Returns where the founders are.
pub(super) async fn founders(options: &Options) -> Result<BTreeMap<NodeId, SocketAddr>, DaemonError> {
    let mut all = BTreeMap::new();
    for founder in &options.cluster.founders {
        let found = resolve(std::slice::from_ref(&founder.address)).await?;
        all.extend(found.first().map(|address| (founder.id, *address)));
    }
    Ok(all)
}

/// Returns what the API is told.
pub(super) fn api(effective: &Effective, id: NodeId) -> Result<ApiConfig, DaemonError> {
    let options = effective.options();
    let http = &options.http;
    let limits = http::Limits {
        body_bytes_max: usize::try_from(http.body_bytes_max).unwrap_or(usize::MAX),
        request_timeout: http.request_timeout,
        connections_max: http.connections_max,
        requests_per_second: http.requests_per_second,
        requests_burst: http.requests_burst,
        requests_max: http.requests_max,
        watchers_max: http.watchers_max,
        ..http::Limits::default()
    };
    Ok(ApiConfig {
        cluster: options.cluster.label.clone(),
        name: effective.name(id),
        tokens: http.tokens.iter().map(token).collect::<Result<_, _>>()?,
        hosts: http.advertise.iter().map(|endpoint| endpoint.host.clone()).collect(),
        limits,
    })
}

fn token(token: &crate::config::Token) -> Result<Token, DaemonError> {
    let role = match token.role {
        Role::Read => http::Role::Read,
        Role::Operate => http::Role::Operate,
    };
    let wrong = |why: String| DaemonError::Token { name: token.name.clone(), why };
    match &token.secret {
        TokenSecret::Sha256(digits) => Token::of_sha256(token.name.as_str(), role, digits)
            .ok_or_else(|| wrong("its SHA-256 must have 64 hexadecimal digits".to_owned())),
        TokenSecret::File(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("{}: {error}", path.display())))?;
            let text = text.trim();
            if text.is_empty() {
                return Err(wrong(format!("{} is empty: put the token into it", path.display())));
            }
            Ok(Token::of_text(token.name.as_str(), role, text))
        }
    }
}
