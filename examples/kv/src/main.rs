//! Three nodes in one process, each with a copy of a map: a value that is put through one is read through another.

#![expect(clippy::print_stdout, reason = "an example talks")]

use std::error::Error;
use std::net::SocketAddr;

use delian_example_kv::{Change, Client, Map};
use delian_shell::Cluster;
use delian_shell::delian_core::{Config, NodeId};
use delian_shell::driver::Upkeep;
use delian_shell::transport::Switchboard;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let board = Switchboard::new();
    let address = |number| SocketAddr::from(([10, 0, 0, number], 7000));
    let founders: Vec<_> = (1..=3).map(|number| (NodeId::new(number.into()), address(number))).collect();
    let mut clients = Vec::new();
    for (id, at) in founders.iter().copied() {
        let map = Map::default();
        let cluster = Cluster::builder(id)
            .config(Config { voters: founders.iter().map(|(id, _)| *id).collect(), ..Config::default() })
            .founds()
            .upkeep(Upkeep { peers: founders.iter().copied().collect(), ..Upkeep::default() })
            .machine(map.clone())
            .start_over(async |arrived| Ok(board.plug(id, at, arrived)))
            .await?;
        clients.push(Client::new(cluster.handle().clone(), map));
    }
    let [first, .., last] = &*clients else { return Ok(()) };
    println!("{} leads", first.ready().await?);
    first.change(&Change::Put("greeting".to_owned(), "hello".to_owned())).await?;
    last.ready().await?;
    println!("put through {}, read through {}: {:?}", first.id(), last.id(), last.get("greeting").await?);
    Ok(())
}
