//! Nodes in this process.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use delian_shell::delian_core::health::HealthConfig;
use delian_shell::delian_core::node::{PoolsConfig, RingConfig};
use delian_shell::delian_core::swim::PoolConfig;
use delian_shell::delian_core::{Config, NodeId, Seed};
use delian_shell::driver::Upkeep;
use delian_shell::http::{ApiConfig, Asset, Limits, Running, Server};
use delian_shell::transport::Switchboard;
use delian_shell::{Cluster, Handle};
use serde_json::{Value, json};

use crate::client::Client;

fn address_of(id: u64) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7000 + id as u16))
}

/// Files as a dashboard has them.
const ASSETS: &[Asset] = &[
    Asset { path: "/", content_type: "text/html; charset=utf-8", bytes: b"<!doctype html><title>Delian</title>" },
    Asset { path: "/app.js", content_type: "text/javascript; charset=utf-8", bytes: b"'use strict';" },
];

/// A node with its API.
pub(crate) struct Node {
    pub(crate) cluster: Cluster,
    pub(crate) api: Running,
}

impl Node {
    pub(crate) fn client(&self) -> Client {
        Client::new(self.api.address())
    }

    pub(crate) fn handle(&self) -> &Handle {
        self.cluster.handle()
    }
}

/// How nodes differ from what most tests need.
pub(crate) struct Plan {
    /// Who is to decide.
    pub(crate) voters: u64,
    /// How many of them run.
    pub(crate) running: u64,
    /// How many run beside them and have no voice.
    pub(crate) observers: u64,
    pub(crate) events_kept: usize,
    pub(crate) removals_kept: usize,
    pub(crate) ring: bool,
    pub(crate) lease: bool,
    pub(crate) api: ApiConfig,
}

impl Default for Plan {
    fn default() -> Self {
        let (voters, running, observers, ring, lease) = (1, 1, 0, true, false);
        let api = ApiConfig { cluster: "test".to_string(), limits: roomy(), ..ApiConfig::default() };
        Self { voters, running, observers, events_kept: 4096, removals_kept: 1024, ring, lease, api }
    }
}

/// Limits under which a test may ask as often as it likes until something is so.
pub(crate) fn roomy() -> Limits {
    Limits { requests_per_second: 1_000_000, requests_burst: 1_000_000, ..Limits::default() }
}

pub(crate) async fn start(plan: Plan) -> Vec<Node> {
    let board = Switchboard::new();
    let all: Vec<u64> = (1..=plan.running).chain(plan.voters + 1..=plan.voters + plan.observers).collect();
    let mut nodes = Vec::new();
    for id in all {
        nodes.push(start_one(&board, &plan, id).await);
    }
    nodes
}

/// Starts one node that is a whole federation, and waits until it leads.
pub(crate) async fn alone(plan: Plan) -> Node {
    let node = start(plan).await.remove(0);
    node.client().until("/readyz", |answer| answer.status == 200).await;
    node
}

/// Starts three voters, and waits until each knows who leads.
pub(crate) async fn three(plan: Plan) -> Vec<Node> {
    let nodes = start(Plan { voters: 3, running: 3, ..plan }).await;
    for node in &nodes {
        node.client().until("/readyz", |answer| answer.status == 200).await;
    }
    nodes
}

async fn start_one(board: &Switchboard, plan: &Plan, id: u64) -> Node {
    let (me, address) = (NodeId::new(id), address_of(id));
    let voters: BTreeSet<NodeId> = (1..=plan.voters).map(NodeId::new).collect();
    let is_voter = voters.contains(&me);
    let config = Config {
        voters,
        heartbeat_interval: Duration::from_millis(40),
        election_timeout_min: Duration::from_millis(250),
        election_timeout_max: Duration::from_millis(500),
        clock_drift_max_ppm: plan.lease.then_some(1000),
        removals_kept: plan.removals_kept,
        health: Some(HealthConfig::default()),
        ring: plan.ring.then(RingConfig::default),
        pools: Some(PoolsConfig {
            name: format!("node-{id}"),
            local: (PoolConfig::local("test"), address),
            wide: None,
        }),
        ..Config::default()
    };
    let mut upkeep = Upkeep::default();
    let others = (1..=plan.voters + plan.observers).filter(|other| *other != id);
    upkeep.peers = others.clone().map(|other| (NodeId::new(other), address_of(other))).collect();
    upkeep.seeds = others.map(address_of).collect();
    let mut builder = Cluster::builder(me).config(config).upkeep(upkeep).events_kept(plan.events_kept);
    if is_voter {
        builder = builder.founds();
    }
    let cluster =
        builder.seed(Seed::new(id)).start_over(async |arrived| Ok(board.plug(me, address, arrived))).await.unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap().assets(ASSETS);
    let api = server.serve(cluster.handle().clone(), plan.api.clone()).await.unwrap();
    Node { cluster, api }
}

/// What registers a node.
pub(crate) fn registration(name: &str, rack: &str) -> Value {
    json!({
        "name": name, "address": "127.0.0.1", "port": 7000, "total_bytes": 1000, "free_bytes": 500,
        "place": { "region": "eu", "datacenter": "zrh1", "rack": rack,
                   "latitude_microdegrees": 47_376_900, "longitude_microdegrees": 8_541_700 },
        "tags": { "disk": "nvme", "api": format!("http://127.0.0.1:8000/{name}") },
    })
}

/// Registers nodes n1 to so many.
pub(crate) async fn register(client: &Client, nodes: u64) {
    for id in 1..=nodes {
        let body = registration(&format!("node-{id}"), &format!("r{}", id % 3));
        let answer = client.put(&format!("/v1/nodes/n{id}"), &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}
