//! The map on three nodes, of which first one and then all are started again.

use std::net::SocketAddr;
use std::time::Duration;

use delian_example_kv::{Change, Client, Map};
use delian_shell::Cluster;
use delian_shell::delian_core::{Config, Consistency, NodeId};
use delian_shell::driver::Upkeep;
use delian_shell::store::{MemoryStore, Owner};
use delian_shell::transport::Switchboard;

/// Long enough for the slowest machine: a wait that takes this long has failed.
const PATIENCE: Duration = Duration::from_mins(1);

fn founders() -> impl Iterator<Item = (NodeId, SocketAddr)> {
    (1..=3).map(|number| (NodeId::new(number.into()), SocketAddr::from(([10, 0, 0, number], 7000))))
}

fn config() -> Config {
    Config {
        voters: founders().map(|(id, _)| id).collect(),
        heartbeat_interval: Duration::from_millis(50),
        election_timeout_min: Duration::from_millis(250),
        election_timeout_max: Duration::from_millis(500),
        // Small enough that a few dozen changes bring a snapshot.
        log_bytes_max: 1024,
        trailing_entries: 4,
        ..Config::default()
    }
}

async fn start(board: &Switchboard, number: usize, store: &MemoryStore) -> (Cluster, Client) {
    let (id, at) = founders().nth(number).expect("there are three");
    let map = Map::default();
    let cluster = Cluster::builder(id)
        .config(config())
        .founds()
        .store(store.clone())
        .upkeep(Upkeep { peers: founders().collect(), ..Upkeep::default() })
        .machine(map.clone())
        .start_over(async |arrived| Ok(board.plug(id, at, arrived)))
        .await
        .expect("nothing is in the way");
    let client = Client::new(cluster.handle().clone(), map);
    (cluster, client)
}

fn put(number: usize) -> Change {
    Change::Put(format!("key-{}", number % 7), format!("value-{number}"))
}

async fn check(client: &Client) {
    client.ready().await.expect("it runs");
    assert_eq!(client.get("key-3").await, Ok(None));
    assert_eq!(client.get("key-2").await, Ok(Some("value-58".to_owned())));
}

#[tokio::test]
async fn what_was_put_survives_the_restart_of_a_node_and_of_all() {
    let board = Switchboard::new();
    let stores: Vec<_> = founders().map(|(id, _)| MemoryStore::new(Owner { id, cluster: "kv".to_owned() })).collect();
    let whole = async {
        let mut nodes = Vec::new();
        for (number, store) in stores.iter().enumerate() {
            nodes.push(start(&board, number, store).await);
        }
        for number in 0..60 {
            let (_, client) = &nodes[number % 3];
            client.ready().await.expect("it runs");
            client.change(&put(number)).await.expect("all are there");
        }
        let (last, _) = nodes.pop().expect("there are three");
        last.stop().await;
        let (_, client) = &nodes[0];
        client.ready().await.expect("it runs");
        while client.change(&Change::Remove("key-3".to_owned())).await.is_err() {
            // The leader may be the one that was stopped: the others elect another.
            client.ready().await.expect("it runs");
        }
        nodes.push(start(&board, 2, &stores[2]).await);
        check(&nodes[2].1).await;
        let compacted = nodes[0].0.handle().read(Consistency::Quorum, |node, _| node.status().snapshot).await;
        assert!(compacted.is_ok_and(|(_, snapshot)| snapshot.get() > 10), "a snapshot was taken");
        for (cluster, _) in nodes.drain(..) {
            cluster.stop().await;
        }
        for (number, store) in stores.iter().enumerate() {
            nodes.push(start(&board, number, store).await);
        }
        check(&nodes[1].1).await;
    };
    tokio::time::timeout(PATIENCE, whole).await.expect("it all happens in time");
}
