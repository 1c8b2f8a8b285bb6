//! openraft on one thread of its usual runtime, with stores in memory and its timers off.
//!
//! A client hears when the leader has applied; followers learn of it with the next append, so that is when the cluster
//! counts as at rest: a lenient measure.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use openraft::error::{InstallSnapshotError, RPCError, RaftError, RemoteError};
use openraft::network::{RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, VoteRequest,
    VoteResponse,
};
use openraft::{BasicNode, Config, Raft, ServerState, SnapshotPolicy};
use raft_work::{Cluster, Rest, Way, payload};
use tokio::runtime::Runtime;

use crate::stores::{Log, Machine, Payload, Types};

/// The place of the node that leads.
const LEADER: usize = 0;

pub(crate) struct InOneProcess {
    runtime: Runtime,
    network: Network,
    applied: Vec<Arc<AtomicU64>>,
    commands: u64,
}

/// Every node, known to every other, and the requests and answers between them.
#[derive(Clone, Default)]
struct Network {
    nodes: Arc<OnceLock<Vec<Raft<Types>>>>,
    messages: Arc<AtomicU64>,
}

/// The way to one node.
struct Peer {
    id: u64,
    network: Network,
}

type Failed<E> = RPCError<u64, BasicNode, RaftError<u64, E>>;

impl Cluster for InOneProcess {
    type Answer = std::convert::Infallible;
    type Nodes = (Runtime, Vec<Raft<Types>>);
    const REST: Rest = Rest::AtTheLeader;

    fn elect(voters: u8) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a thread is there");
        let ids = 1..=u64::from(voters);
        let applied: Vec<Arc<AtomicU64>> = ids.clone().map(|_| Arc::default()).collect();
        let network = Network::default();
        let config = Config {
            // Longer than anything here takes: a request is given up after a heartbeat's interval.
            heartbeat_interval: 60_000,
            election_timeout_min: 120_000,
            election_timeout_max: 240_000,
            enable_tick: false,
            snapshot_policy: SnapshotPolicy::Never,
            ..Config::default()
        };
        let config = Arc::new(config.validate().expect("the configuration makes sense"));
        runtime.block_on(async {
            let mut nodes = Vec::with_capacity(usize::from(voters));
            for (id, applied) in ids.clone().zip(&applied) {
                let machine = Machine::new(Arc::clone(applied));
                let node = Raft::new(id, Arc::clone(&config), network.clone(), Log::default(), machine);
                nodes.push(node.await.expect("memory does not fail"));
            }
            let leader = nodes[LEADER].clone();
            assert!(network.nodes.set(nodes).is_ok(), "the nodes are set once");
            let members: std::collections::BTreeMap<u64, BasicNode> =
                ids.map(|id| (id, BasicNode::default())).collect();
            leader.initialize(members).await.expect("the cluster is new");
            leader.wait(None).state(ServerState::Leader, "nobody else stands").await.expect("it wins");
        });
        Self { runtime, network, applied, commands: 0 }
    }

    fn commit(&mut self, commands: u32, _: Way) {
        let first = self.commands;
        self.commands += u64::from(commands);
        let leader = &self.network.nodes.get().expect("the nodes are set")[LEADER];
        self.runtime.block_on(async {
            let mut outcomes = Vec::with_capacity(commands as usize);
            for number in first..self.commands {
                let payload = Payload::from(payload(number).as_slice());
                outcomes.push(leader.client_write_ff(payload).await.expect("the node runs"));
            }
            for outcome in outcomes {
                outcome.await.expect("the node runs").expect("a leader takes what it is given");
            }
        });
    }

    fn applied(&self) -> Vec<u64> {
        self.applied.iter().map(|applied| applied.load(Ordering::Relaxed)).collect()
    }

    fn messages(&self) -> u64 {
        self.network.messages.load(Ordering::Relaxed)
    }

    fn heartbeat(&mut self) {
        let leader = &self.network.nodes.get().expect("the nodes are set")[LEADER];
        let before = self.messages();
        self.runtime.block_on(async {
            leader.trigger().heartbeat().await.expect("the node runs");
            // A request and an answer for each follower.
            while self.messages() < before + 2 * (self.applied.len() as u64 - 1) {
                tokio::task::yield_now().await;
            }
        });
    }

    fn heartbeat_answer(&mut self) -> Option<Self::Answer> {
        None
    }

    fn take(&mut self, answer: Self::Answer) {
        match answer {}
    }

    fn into_nodes(self) -> Self::Nodes {
        let nodes = self.network.nodes.get().expect("the nodes are set").clone();
        (self.runtime, nodes)
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: u64, _: &BasicNode) -> Peer {
        Peer { id: target, network: self.clone() }
    }
}

impl Peer {
    fn node(&self) -> &Raft<Types> {
        let place = usize::try_from(self.id - 1).expect("voters are few");
        &self.network.nodes.get().expect("nodes are set before they speak")[place]
    }

    /// Counts a request and its answer.
    #[expect(clippy::result_large_err, reason = "the peer's trait asks for this error")]
    fn answered<T, E: std::error::Error>(&self, outcome: Result<T, RaftError<u64, E>>) -> Result<T, Failed<E>> {
        self.network.messages.fetch_add(2, Ordering::Relaxed);
        outcome.map_err(|error| RPCError::RemoteError(RemoteError::new(self.id, error)))
    }
}

impl RaftNetwork<Types> for Peer {
    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<u64>, Failed<openraft::error::Infallible>> {
        self.answered(self.node().append_entries(request).await)
    }

    async fn install_snapshot(
        &mut self,
        request: InstallSnapshotRequest<Types>,
        _: RPCOption,
    ) -> Result<InstallSnapshotResponse<u64>, Failed<InstallSnapshotError>> {
        self.answered(self.node().install_snapshot(request).await)
    }

    async fn vote(
        &mut self,
        request: VoteRequest<u64>,
        _: RPCOption,
    ) -> Result<VoteResponse<u64>, Failed<openraft::error::Infallible>> {
        self.answered(self.node().vote(request).await)
    }
}
