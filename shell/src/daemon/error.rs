//! Why a process that was to run a node does not.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use crate::cluster::StartError;
use crate::config::Endpoint;
use crate::http::ServeError;
use crate::security::SecurityError;
use crate::store::StoreError;
use crate::transport::LinksError;

/// Why a node does not start, and what to do.
#[derive(Debug)]
pub enum DaemonError {
    /// It was to found a federation, and its disk holds one.
    FoundedAlready {
        /// Where.
        data: PathBuf,
    },
    /// Its disk holds nothing, and it was told neither to found nor whom to join.
    NothingToBeginWith {
        /// Where.
        data: PathBuf,
    },
    /// The identity that it is configured to have is not the one that it has.
    OtherIdentity {
        /// The one in the configuration.
        configured: delian_core::NodeId,
        /// The one on the disk, or in the certificate.
        found: delian_core::NodeId,
        /// Where that was found.
        place: String,
    },
    /// It is to found together with others, and is none of them.
    NoFounder(delian_core::NodeId),
    /// A name leads to no address.
    Unresolved {
        /// The name.
        endpoint: Endpoint,
        /// Why not.
        source: std::io::Error,
    },
    /// A token cannot be read.
    Token {
        /// Whose.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The store.
    Store(StoreError),
    /// Certificates and keys.
    Security(SecurityError),
    /// Sockets.
    Links(LinksError),
    /// The API.
    Serve(ServeError),
    /// The node itself.
    Start(StartError),
}

impl fmt::Display for DaemonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FoundedAlready { data } => write!(
                f,
                "{} holds a node already: start it without --found, which is for the first start of a federation alone",
                data.display()
            ),
            Self::NothingToBeginWith { data } => write!(
                f,
                "{} holds no node yet: found a federation with --found, or name members of one with --join",
                data.display()
            ),
            Self::OtherIdentity { configured, found, place } => write!(
                f,
                "the configuration says that this is {configured}, but {place} says {found}: leave node.id out, or use what \
                 belongs to {configured}"
            ),
            Self::NoFounder(id) => {
                write!(f, "{id} is none of cluster.founders: name it there, or let it join")
            }
            Self::Unresolved { endpoint, source } => write!(f, "{endpoint} leads to no address: {source}"),
            Self::Token { name, why } => write!(f, "the token of {name}: {why}"),
            Self::Store(error) => error.fmt(f),
            Self::Security(error) => error.fmt(f),
            Self::Links(error) => error.fmt(f),
            Self::Serve(error) => error.fmt(f),
            Self::Start(error) => error.fmt(f),
        }
    }
}

impl Error for DaemonError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unresolved { source, .. } => Some(source),
            Self::Store(error) => error.source(),
            Self::Security(error) => error.source(),
            Self::Links(error) => error.source(),
            Self::Serve(error) => error.source(),
            Self::Start(error) => error.source(),
            Self::FoundedAlready { .. }
            | Self::NothingToBeginWith { .. }
            | Self::OtherIdentity { .. }
            | Self::NoFounder(_)
            | Self::Token { .. } => None,
        }
    }
}

macro_rules! from {
    ($($error:ident => $variant:ident),*) => {
        $(impl From<$error> for DaemonError {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })*
    };
}

from!(StoreError => Store, SecurityError => Security, LinksError => Links, ServeError => Serve, StartError => Start);
