//! All models that ship, of whatever system.

use super::cluster::{self, Cluster};
use super::health::{self, Orchestrator};
use super::pool::{self, Pool};
use super::shipped::{Listing, Shipped};

/// A model of one of the systems.
#[derive(Clone, Debug)]
pub enum Model {
    /// Nodes that agree on a log.
    Cluster(cluster::model::Model),
    /// Members that see who can be reached.
    Pool(pool::model::Model),
    /// Voters that watch registered nodes.
    Health(health::model::Model),
}

/// A model ready to be explored.
#[derive(Debug)]
pub enum Prepared {
    /// Nodes that agree on a log.
    Cluster(Cluster),
    /// Members that see who can be reached.
    Pool(Pool),
    /// Voters that watch registered nodes.
    Health(Orchestrator),
}

/// What can be done with a model, whatever its system is.
pub trait Work {
    /// What comes of it.
    type Output;

    /// Does it.
    fn work<S: Shipped>(self, system: &S) -> Self::Output;
}

/// Returns all models, those of the default set first.
pub fn all() -> Vec<Model> {
    let clusters = super::models::all().into_iter().map(Model::Cluster);
    let pools = pool::models::all().into_iter().map(Model::Pool);
    let watches = health::models::all().into_iter().map(Model::Health);
    let mut all: Vec<Model> = clusters.chain(pools).chain(watches).collect();
    all.sort_by_key(|model| model.listing().tier);
    all
}

impl Model {
    /// Returns what the model says of itself.
    pub const fn listing(&self) -> Listing {
        match self {
            Self::Cluster(model) => model.listing(),
            Self::Pool(model) => model.listing(),
            Self::Health(model) => model.listing(),
        }
    }

    /// Tells states apart that differ by the names of nodes alone.
    pub const fn tell_names_apart(&mut self) {
        match self {
            Self::Cluster(model) => model.tell_names_apart(),
            Self::Pool(_) | Self::Health(_) => {}
        }
    }

    /// Prepares the model; another seed of the hashes must lead to the same counts.
    pub fn prepare(self, seed: u64) -> Prepared {
        match self {
            Self::Cluster(model) => Prepared::Cluster(Cluster::new(model, seed)),
            Self::Pool(model) => Prepared::Pool(Pool::new(model, seed)),
            Self::Health(model) => Prepared::Health(Orchestrator::new(model, seed)),
        }
    }
}

impl Prepared {
    /// Does something with the system that it is.
    pub fn with<W: Work>(&self, work: W) -> W::Output {
        match self {
            Self::Cluster(cluster) => work.work(cluster),
            Self::Pool(pool) => work.work(pool),
            Self::Health(watch) => work.work(watch),
        }
    }
}
