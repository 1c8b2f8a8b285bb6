//! What changes the topology, at any node.

use delian_shell::shapes::{AppliedDocument, NodeDocument, StatusDocument, TransferDocument};
use serde_json::json;

use crate::cluster::{Plan, alone, register, registration, start, three};

#[tokio::test]
async fn any_node_takes_a_write_and_says_what_became_of_it() {
    let nodes = start(Plan { voters: 3, running: 3, observers: 1, ..Plan::default() }).await;
    for node in &nodes {
        node.client().until("/readyz", |answer| answer.status == 200).await;
    }
    let mut epoch = 0;
    for (number, node) in nodes.iter().enumerate() {
        let name = format!("new-{number}");
        let answer = node.client().put(&format!("/v1/nodes/{}", 100 + number), &registration(&name, "r1")).await;
        let applied: AppliedDocument = answer.document();
        assert!(applied.epoch > epoch && applied.index > 0, "{applied:?}");
        epoch = applied.epoch;
    }
    for node in &nodes {
        let seen = |answer: &crate::client::Answer| answer.header("delian-epoch") == epoch.to_string();
        node.client().until("/v1/topology", seen).await;
        assert_eq!(node.client().get("/v1/nodes/new-3").await.status, 200);
    }
    // Who follows brings it before the leader, and so does who is outside of the log.
    assert_eq!(nodes[3].client().delete("/v1/nodes/new-0").await.status, 200);
}

#[tokio::test]
async fn a_node_is_drained_asked_to_stay_and_handed_over() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    register(&client, 3).await;
    client.delete("/v1/nodes/n2/drain").await.problem(409, "conflict");
    client.post("/v1/nodes/n2/drain/progress", &json!({ "moved_permille": 10 })).await.problem(409, "conflict");
    assert_eq!(client.ask("POST", "/v1/nodes/n2/drain", b"").await.status, 200, "an empty body will do");
    let leaving: NodeDocument = client.get("/v1/nodes/n2").await.document();
    assert_eq!((leaving.condition.as_str(), leaving.drain.unwrap().within_ms), ("leaving", None));
    assert_eq!(client.delete("/v1/nodes/n2/drain").await.status, 200);
    let stays: NodeDocument = client.get("/v1/nodes/n2").await.document();
    assert_eq!((stays.condition.as_str(), stays.drain), ("healthy", None));

    assert_eq!(client.post("/v1/nodes/node-2/drain", &json!({ "within_ms": 600_000 })).await.status, 200);
    assert_eq!(client.post("/v1/nodes/n2/drain/progress", &json!({ "moved_permille": 400 })).await.status, 200);
    let half: NodeDocument = client.get("/v1/nodes/n2").await.document();
    let drain = half.drain.unwrap();
    assert_eq!((drain.moved_permille, drain.within_ms), (400, Some(600_000)));
    client.post("/v1/nodes/n2/drain/progress", &json!({ "moved_permille": 1001 })).await.problem(422, "invalid");
    assert_eq!(client.post("/v1/nodes/n2/drain/progress", &json!({ "moved_permille": 1000 })).await.status, 200);
    client.get("/v1/nodes/n2").await.problem(404, "not-registered");
}

#[tokio::test]
async fn what_the_topology_refuses_has_the_status_that_fits() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    register(&client, 1).await;
    let taken = client.put("/v1/nodes/n2", &registration("node-1", "r1")).await.problem(409, "name-taken");
    assert!(taken.contains("held by n1"), "{taken}");
    let mut wrong = registration("ada", "r1");
    wrong["port"] = 0.into();
    assert!(client.put("/v1/nodes/n2", &wrong).await.problem(422, "invalid").contains("use 1 to 65535"));
    client.put("/v1/nodes/0", &registration("ada", "r1")).await.problem(422, "invalid");
    client.put("/v1/nodes/somebody", &registration("ada", "r1")).await.problem(404, "not-registered");
    client.delete("/v1/nodes/n9").await.problem(404, "not-registered");
    client.delete("/v1/nodes/somebody").await.problem(404, "not-registered");
    client.ask("POST", "/v1/nodes/n9/drain", b"").await.problem(404, "not-registered");
    let mut again = None;
    for _ in 0..100 {
        let answer = client.put("/v1/nodes/n1", &registration("node-1", "r1")).await;
        if answer.status != 200 {
            again = Some(answer);
            break;
        }
    }
    let again = again.expect("a node may register so often and no oftener");
    again.problem(429, "too-often");
    assert!(again.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1), "{again:?}");
    assert!(again.json()["retry_after_ms"].as_u64().is_some_and(|millis| millis > 0));
}

#[tokio::test]
async fn the_leader_hands_over_and_others_name_it() {
    let nodes = three(Plan::default()).await;
    let status: StatusDocument = nodes[0].client().get("/v1/status").await.document();
    let leader = status.leader.unwrap().id;
    let at = |id: &str| nodes.iter().find(|node| node.handle().id().to_string() == id).unwrap();
    let other = nodes.iter().map(|node| node.handle().id().to_string()).find(|id| *id != leader).unwrap();
    let named = registration("the-leader", "r1");
    assert_eq!(nodes[0].client().put(&format!("/v1/nodes/{leader}"), &named).await.status, 200);
    let agreed = |answer: &crate::client::Answer| answer.header("delian-epoch") == "1";
    at(&other).client().until("/v1/topology", agreed).await;

    let refused = at(&other).client().post("/v1/transfer", &json!({ "to": other })).await;
    refused.problem(503, "not-leader");
    assert_eq!(
        (&refused.json()["leader"], &refused.json()["leader_api"]),
        (&leader.clone().into(), &"http://127.0.0.1:8000/the-leader".into())
    );
    let itself = at(&leader).client().post("/v1/transfer", &json!({ "to": "the-leader" })).await;
    itself.problem(422, "transfer-refused");
    at(&leader).client().post("/v1/transfer", &json!({ "to": "n99" })).await.problem(422, "transfer-refused");
    let done: TransferDocument = at(&leader).client().post("/v1/transfer", &json!({ "to": other })).await.document();
    assert_eq!(done.leader, other);
    assert!(done.term > status.term);
}

#[tokio::test]
async fn a_node_that_has_ended_says_so() {
    let crate::cluster::Node { cluster, api } = alone(Plan::default()).await;
    let client = crate::client::Client::new(api.address());
    cluster.stop().await;
    client.get("/livez").await.problem(503, "stopped");
    client.get("/readyz").await.problem(503, "stopped");
    client.get("/v1/nodes").await.problem(503, "stopped");
    client.put("/v1/nodes/n1", &registration("ada", "r1")).await.problem(503, "stopped");
}
