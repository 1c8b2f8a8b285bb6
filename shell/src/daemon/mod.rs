//! A whole node as a process: its configuration, store, sockets, API and logs, put together and taken apart again.
//!
//! A node begins in one of three ways, and the operator says which: it goes on with what its disk holds, it founds a
//! federation, or it comes back after its disk was lost or damaged. Nothing of that is guessed: a disk that was lost
//! looks like one that was never written, and only whoever founds knows the difference.

mod begin;
mod error;
mod measure;
mod signals;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use delian_core::NodeId;
use delian_core::node::Tier;
use delian_core::topology::Registration;
use serde::{Deserialize, Serialize};

use crate::cluster::Cluster;
use crate::config::{Effective, Mode};
use crate::driver::{Ended, Upkeep};
use crate::host::{Host, ThisHost};
use crate::http::{self, API_TAG, Server};
use crate::security::ClusterLabel;
use crate::telemetry::logs::Lines;
use crate::transport::{Bound, LinksConfig, Listen, Security};

pub use begin::{Begin, draw_identity};
pub use error::DaemonError;
pub use signals::{until_interrupted, wait_for_interrupt};

/// Where a node listens, as it says when it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listens {
    /// Its identity, as a text: a number of 64 bits does not survive every reader of JSON.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where other nodes reach it.
    pub listen: SocketAddr,
    /// Where its API answers.
    pub http: String,
}

/// A running node with its API.
#[derive(Debug)]
pub struct Daemon {
    cluster: Cluster,
    api: http::Running,
    listens: Listens,
    security: Security,
    effective: Effective,
}

impl Daemon {
    /// Starts a node as its configuration says.
    ///
    /// # Errors
    ///
    /// Returns why it cannot start; nothing of it runs then, and nothing is lost.
    pub async fn start(effective: Effective, begin: Begin) -> Result<Self, DaemonError> {
        Self::start_on(&ThisHost, effective, begin).await
    }

    /// Starts a node on a host, as [`Daemon::start`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Daemon::start`].
    pub async fn start_on(host: &impl Host, effective: Effective, begin: Begin) -> Result<Self, DaemonError> {
        let options = effective.options();
        let label = ClusterLabel::new(options.cluster.label.as_str())?;
        let prepared = begin::prepare(&effective, begin)?;
        let id = prepared.id();
        let security = security(&effective, id, &label)?;
        let bound = Bound::bind(links(&effective, id, label, security.clone())).await?;
        let clock = host.clock();
        let server = Server::bind(options.http.listen).await?.clock(Arc::clone(&clock));
        let advertised = bound.advertised_in(Tier::Local).unwrap_or_else(|| bound.address());
        let base = format!("http://{}", options.http.advertise.clone().unwrap_or_else(|| server.address().into()));
        let config = effective.core_at(id, advertised, bound.advertised_in(Tier::Wide));
        let peers = begin::founders(options).await?;
        // Who founds together belongs together, whoever else is to be joined.
        let founders = peers.iter().filter(|(founder, _)| **founder != id).map(|(_, address)| *address);
        let upkeep = Upkeep {
            seeds: begin::resolve(&options.cluster.join).await?.into_iter().chain(founders).collect(),
            wide_seeds: begin::resolve(&options.network.wide_join).await?,
            peers,
            joins_log: options.cluster.voter,
            registration: Some(registration(&effective, id, advertised, &base)),
            sampler: Some(measure::sampler(options.node.data.clone(), options.node.total_bytes)),
        };
        // All that may stand in the way has been made sure of: from here on the disk is written.
        let api = begin::api(&effective, id)?;
        let builder = Cluster::builder(id).config(config).store(prepared.open(host)?).clock(clock).upkeep(upkeep);
        let builder = builder.events_kept(options.journal.events_kept);
        let builder = if begin == Begin::Found { builder.founds() } else { builder };
        let counters = bound.counters();
        let cluster = builder.start_over(async |arrived| bound.open(arrived).await).await?;
        let server = server.assets(crate::dashboard::ASSETS).follower(Box::new(Lines));
        let server = server.transport(measure::carried(counters));
        let api = server.serve(cluster.handle().clone(), api).await?;
        let listens = Listens { id: id.to_string(), name: effective.name(id), listen: advertised, http: base };
        Ok(Self { cluster, api, listens, security, effective })
    }

    /// Returns where it listens.
    pub const fn listens(&self) -> &Listens {
        &self.listens
    }

    /// Runs the node until that happens or it cannot go on. Then it tells others that it leaves, and flushes what it
    /// wrote.
    pub async fn run(self, until: impl Future<Output = ()>) -> Ended {
        let Self { cluster, api, security, effective, .. } = self;
        let journal = cluster.handle().journal().clone();
        // Nothing comes after the last number, so the wait ends with the node.
        let has_ended = async move { while journal.wait_after(u64::MAX).await {} };
        let rotate = || begin::rotate(&effective, &security);
        let ended = tokio::select! {
            biased;
            () = until => cluster.leave().await,
            () = signals::hang_ups(rotate) => cluster.leave().await,
            () = has_ended => cluster.ended().await,
        };
        api.stop().await;
        ended
    }
}

/// Reads what nodes prove themselves with.
fn security(effective: &Effective, id: NodeId, label: &ClusterLabel) -> Result<Security, DaemonError> {
    match effective.options().security.mode {
        Mode::Dev => Ok(Security::Plain),
        Mode::Tls => begin::tls(effective, id, label),
    }
}

fn links(effective: &Effective, id: NodeId, cluster: ClusterLabel, security: Security) -> LinksConfig {
    let options = effective.options();
    let listen = |bind, advertised| Listen { bind, advertised, packet_bytes_max: options.packet_bytes_max };
    let network = &options.network;
    LinksConfig {
        local: listen(network.listen, network.advertise),
        wide: network.wide_listen.map(|bind| listen(bind, network.wide_advertise)),
        ..LinksConfig::new(id, cluster, network.listen, security)
    }
}

/// Returns what the node registers: where it is reached is known only when it listens.
fn registration(effective: &Effective, id: NodeId, advertised: SocketAddr, api: &str) -> Registration {
    let mut registration = effective.registration(id);
    registration.address = advertised.ip().to_string();
    registration.port = advertised.port();
    registration.tags.insert(API_TAG.to_owned(), api.to_owned());
    let (total, free) = measure::space(&effective.options().node.data, effective.options().node.total_bytes);
    (registration.total, registration.free) = (total, free);
    registration
}
