//! Events as they happen.

use std::time::Duration;

use delian_shell::http::{ApiConfig, Limits};

use crate::cluster::{Plan, alone, register, registration, roomy};

#[tokio::test]
async fn a_watcher_sees_what_happens_and_goes_on_where_it_was() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    let mut watching = client.watch("/v1/watch?kind=registered,deregistered").await;
    register(&client, 3).await;
    let mut last = String::new();
    for number in 1..=2 {
        let event = watching.event().await.unwrap();
        assert_eq!((event.event.as_str(), &event.data["node"]), ("registered", &format!("n{number}").into()));
        assert_eq!(event.id, format!("{}:{}:1", event.data["epoch"], event.data["sequence"]));
        assert_eq!(event.data["text"], format!("n{number} is registered"));
        last = event.id;
    }
    drop(watching);
    client.delete("/v1/nodes/n1").await;
    for resumed in [
        client.with("Last-Event-ID", &last).watch("/v1/watch?kind=registered&kind=deregistered").await,
        client.watch(&format!("/v1/watch?kind=registered,deregistered&after={last}")).await,
    ] {
        let mut resumed = resumed;
        let (next, then) = (resumed.event().await.unwrap(), resumed.event().await.unwrap());
        assert_eq!((next.event.as_str(), &next.data["node"]), ("registered", &"n3".into()));
        assert_eq!((then.event.as_str(), &then.data["node"]), ("deregistered", &"n1".into()));
    }
}

#[tokio::test]
async fn a_watcher_may_ask_for_what_matters() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    let mut watching = client.watch("/v1/watch?severity=info&after=0").await;
    register(&client, 1).await;
    let mut kinds = Vec::new();
    while kinds.last().is_none_or(|kind| kind != "registered") {
        let event = watching.event().await.unwrap();
        assert_ne!(event.data["severity"], "routine", "{event:?}");
        kinds.push(event.event);
    }
    assert_eq!(kinds[0], "started", "from the first event on: {kinds:?}");
    assert!(kinds.contains(&"became_leader".to_string()), "{kinds:?}");
}

#[tokio::test]
async fn a_watcher_is_told_what_cannot_be_told() {
    let node = alone(Plan { events_kept: 8, ..Plan::default() }).await;
    let client = node.client();
    register(&client, 9).await;
    for (after, why) in [
        ("0:1:1", "what came between is forgotten"),
        ("9:1000000:1", "the node has started again"),
        ("9:30:7", "the node has started again"),
    ] {
        let mut watching = client.watch(&format!("/v1/watch?after={after}")).await;
        let reset = watching.event().await.unwrap();
        assert_eq!(reset.event, "reset");
        assert!(reset.data["text"].as_str().unwrap().starts_with(why), "{reset:?}");
        let (oldest, newest) = (reset.data["oldest"].as_u64().unwrap(), reset.data["newest"].as_u64().unwrap());
        assert!(newest - oldest == 7 && reset.data["boot"] == 1, "{reset:?}");
        let next = watching.event().await.unwrap();
        assert_eq!(next.data["sequence"], oldest, "all that is known follows");
        // Who comes back with the identity of the reset itself is not reset again.
        let mut back = client.with("Last-Event-ID", &reset.id).watch("/v1/watch").await;
        assert_eq!(back.event().await.unwrap().data["sequence"], oldest, "{}", reset.id);
    }
}

#[tokio::test]
async fn a_watcher_of_silence_hears_that_the_node_is_there() {
    let limits = Limits { watch_keep_alive: Duration::from_millis(10), ..roomy() };
    let node = alone(Plan { api: ApiConfig { limits, ..ApiConfig::default() }, ..Plan::default() }).await;
    let mut watching = node.client().watch("/v1/watch?kind=halted").await;
    for expected in ["delian", "alive", "alive"] {
        assert_eq!(watching.block().await.unwrap().comment, expected);
    }
}

#[tokio::test]
async fn a_server_that_stops_says_so_and_ends() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    let mut watching = client.watch("/v1/watch?kind=halted").await;
    let crate::cluster::Node { cluster, api } = node;
    api.stop().await;
    let cut = watching.event_of("cut").await;
    assert!(cut.data["text"].as_str().unwrap().contains("this API stops"), "{cut:?}");
    assert_eq!(watching.event().await, None, "nothing follows");
    assert!(client.try_ask("GET", "/livez", b"").await.is_err(), "nobody listens any more");
    // The node itself goes on.
    assert!(cluster.handle().look(|node, _| node.raft().is_leader()).await.unwrap());
}

#[tokio::test]
async fn a_follower_tells_of_changes_that_others_made() {
    let nodes = crate::cluster::three(Plan::default()).await;
    let mut watchings = Vec::new();
    for node in &nodes {
        watchings.push(node.client().watch("/v1/watch?kind=registered").await);
    }
    assert_eq!(nodes[2].client().put("/v1/nodes/n7", &registration("ada", "r1")).await.status, 200);
    for watching in &mut watchings {
        assert_eq!(watching.event().await.unwrap().data["node"], "n7");
    }
}
