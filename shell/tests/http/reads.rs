//! What a node answers about itself and about what was agreed on.

use delian_shell::delian_core::health::HealthConfig;
use delian_shell::delian_core::{Config, Topology};
use delian_shell::shapes::{
    DrainPlanDocument, LocateDocument, MembersDocument, MovesDocument, NodeDocument, NodesDocument, SharesDocument,
    StatusDocument, TopologyDocument, WhyDocument,
};

use crate::cluster::{Plan, alone, register, registration, start, three};

#[tokio::test]
async fn the_description_names_every_route() {
    insta::assert_json_snapshot!(delian_shell::http::description());
}

#[tokio::test]
async fn a_node_says_how_it_fares() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    register(&client, 3).await;
    assert_eq!(client.get("/livez").await.text(), "alive\n");
    assert_eq!(client.get("/readyz").await.text(), "ready\n");
    let answer = client.get("/v1/status").await;
    let status: StatusDocument = answer.document();
    assert_eq!((status.id.as_str(), status.role.as_str(), status.members), ("n1", "leader", 3));
    assert_eq!((status.cluster.as_str(), status.name.as_str()), ("test", "node-1"));
    assert_eq!(status.conditions["healthy"], 3);
    assert!(status.commit_median_us.is_some() && status.log_members[0].votes);
    let leader = status.leader.unwrap();
    assert_eq!(leader.api.as_deref(), Some("http://127.0.0.1:8000/node-1"));
    for (name, value) in [("delian-node", "n1"), ("delian-epoch", "3"), ("delian-leader", "n1")] {
        assert_eq!(answer.header(name), value, "{answer:?}");
    }
    assert_eq!((answer.header("delian-consistency"), answer.header("delian-leader-heard-ms")), ("local", "0"));
    let members: MembersDocument = client.get("/v1/members").await.document();
    assert_eq!(members.members[0].name.as_deref(), Some("node-1"));
}

#[tokio::test]
async fn a_node_without_a_leader_lives_and_is_not_ready() {
    let node = start(Plan { voters: 3, ..Plan::default() }).await.remove(0);
    let client = node.client();
    assert_eq!(client.get("/livez").await.status, 200);
    let detail = client.get("/readyz").await.problem(503, "not-ready");
    assert!(detail.starts_with("no leader is known"), "{detail}");
    let answer = client.get("/v1/status").await;
    assert_eq!((answer.status, answer.header("delian-leader")), (200, "unknown"));
    let refused = client.put("/v1/nodes/n1", &registration("ada", "r1")).await;
    refused.problem(503, "not-leader");
    assert_eq!(refused.header("retry-after"), "1");
}

#[tokio::test]
async fn nodes_are_listed_in_order_by_pages_and_filters() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    register(&client, 9).await;
    let ids = |page: &NodesDocument| page.nodes.iter().map(|node| node.id.clone()).collect::<Vec<_>>();
    let page = |path: String| async move { client.get(&path).await.document::<NodesDocument>() };
    let client = node.client();
    let first = page("/v1/nodes?limit=4".to_string()).await;
    assert_eq!((ids(&first), first.total), (["n1", "n2", "n3", "n4"].map(String::from).to_vec(), 9));
    assert_eq!(first.nodes.iter().map(|node| node.ring_permille.unwrap()).filter(|share| *share > 0).count(), 4);
    // The set changes between two pages: who goes and who comes shifts nobody else.
    assert_eq!(client.delete("/v1/nodes/n4").await.status, 200);
    assert_eq!(client.delete("/v1/nodes/node-6").await.status, 200);
    assert_eq!(client.put("/v1/nodes/12", &registration("zoe", "r9")).await.status, 200);
    let get = |path: String| {
        let client = node.client();
        async move { client.get(&path).await.document::<NodesDocument>() }
    };
    let second = get(format!("/v1/nodes?limit=4&cursor={}", first.next.unwrap())).await;
    assert_eq!(ids(&second), ["n5", "n7", "n8", "n9"]);
    let third = get(format!("/v1/nodes?limit=4&cursor={}", second.next.unwrap())).await;
    assert_eq!((ids(&third), third.next), (vec!["n12".to_string()], None));
    for (filter, expected) in [
        ("rack=r1", vec!["n1", "n7"]),
        ("name=zo", vec!["n12"]),
        ("tag=disk:nvme&rack=r9&region=eu&datacenter=zrh1", vec!["n12"]),
        ("tag=disk:hdd", vec![]),
        ("condition=silent", vec![]),
        ("condition=healthy&name=node-9", vec!["n9"]),
    ] {
        let page = get(format!("/v1/nodes?{filter}")).await;
        assert_eq!(
            (ids(&page), page.total),
            (expected.iter().map(ToString::to_string).collect(), expected.len()),
            "{filter}"
        );
    }
}

#[tokio::test]
async fn a_node_is_found_by_identity_and_by_name_with_the_evidence() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    register(&client, 2).await;
    for name in ["n2", "2", "node-2"] {
        let document: NodeDocument = client.get(&format!("/v1/nodes/{name}")).await.document();
        assert_eq!((document.id.as_str(), document.name.as_str()), ("n2", "node-2"));
        assert!(document.ring_permille.is_some() && document.log.is_none());
    }
    let leader: NodeDocument = client.get("/v1/nodes/n1?consistency=quorum").await.document();
    assert_eq!((leader.log.as_deref(), leader.pool.as_deref()), (Some("leader"), Some("alive")));
    let why: WhyDocument = client.get("/v1/nodes/node-2/why").await.document();
    assert!(why.watches && why.lines[0].starts_with("n2 is healthy since e2"), "{why:?}");
    client.get("/v1/nodes/n3").await.problem(404, "not-registered");
    client.get("/v1/nodes/nobody/why").await.problem(404, "not-registered");
}

#[tokio::test]
async fn a_topology_is_whole_or_what_changed_or_what_the_asker_has() {
    let node = alone(Plan { removals_kept: 1, ..Plan::default() }).await;
    let client = node.client();
    register(&client, 3).await;
    let answer = client.get("/v1/topology").await;
    let whole: TopologyDocument = answer.document();
    assert_eq!((whole.epoch, whole.nodes.len(), answer.header("etag")), (3, 3, "\"3\""));
    let again: TopologyDocument = client.get("/v1/topology").await.document();
    assert_eq!(again, whole, "what was made once is told again");
    let held = client.with("If-None-Match", "\"1\", W/\"3\"").get("/v1/topology").await;
    assert_eq!((held.status, held.body.len(), held.header("etag")), (304, 0, "\"3\""));
    assert_eq!(client.with("If-None-Match", "\"2\"").get("/v1/topology").await.status, 200);

    client.delete("/v1/nodes/n1").await;
    let delta: TopologyDocument = client.get("/v1/topology?since=2").await.document();
    assert_eq!((delta.since, delta.epoch, delta.nodes.len()), (Some(2), 4, 1));
    assert_eq!((delta.removed[0].id.as_str(), delta.removed[0].epoch), ("n1", 4));
    client.delete("/v1/nodes/n2").await;
    let detail = client.get("/v1/topology?since=2").await.problem(410, "delta-forgotten");
    assert!(detail.contains("GET /v1/topology without since"), "{detail}");
    client.get("/v1/topology?since=6").await.problem(409, "ahead");
}

#[tokio::test]
async fn a_snapshot_is_the_topology_byte_for_byte() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    register(&client, 3).await;
    let answer = client.get("/v1/snapshot?consistency=quorum").await;
    assert_eq!((answer.status, answer.header("delian-epoch")), (200, "3"));
    let config = Config { health: Some(HealthConfig::default()), ..Config::default() }.check().unwrap();
    let topology = Topology::from_bytes(&answer.body, config.topology()).unwrap();
    assert_eq!(topology.len(), 3);
    assert_eq!(answer.header("delian-fingerprint"), format!("{:016x}", topology.fingerprint()));
    let told: TopologyDocument = client.get("/v1/topology").await.document();
    assert_eq!(told.fingerprint, answer.header("delian-fingerprint"));
}

#[tokio::test]
async fn the_ring_says_where_keys_live_and_what_moves() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    register(&client, 6).await;
    let shares: SharesDocument = client.get("/v1/ring").await.document();
    assert_eq!(shares.shares.len(), 6);
    let sum: u32 = shares.shares.iter().map(|share| share.millionths).sum();
    assert!((999_990..=1_000_010).contains(&sum), "{sum}");
    assert_eq!(shares.shares.iter().map(|share| share.points as usize).sum::<usize>(), shares.points);

    let path = "/v1/ring/locate?key=a%20key&copies=3&rule=apart:rack";
    let located: LocateDocument = client.get(path).await.document();
    assert_eq!((located.key.as_str(), located.owners.len()), ("a key", 3));
    let mut racks: Vec<&str> = located.owners.iter().map(|owner| owner.rack.as_str()).collect();
    racks.sort_unstable();
    assert_eq!(racks, ["r0", "r1", "r2"]);
    client.get("/v1/ring/locate?key=a&copies=4&rule=apart:rack").await.problem(422, "too-few-nodes");

    let moves: MovesDocument = client.get("/v1/ring/diff?without=node-3").await.document();
    let share = shares.shares.iter().find(|share| share.name == "node-3").unwrap().millionths;
    assert_eq!(moves.moved_millionths, share, "what the node held moves, and nothing else");
    assert!(moves.moves.iter().all(|it| it.from.as_deref() == Some("node-3") && it.to.is_some()));

    let mut path = "/v1/nodes/n3/drain/plan?limit=50".to_string();
    let (mut steps, mut total) = (Vec::new(), 0);
    loop {
        let page: DrainPlanDocument = client.get(&path).await.document();
        total = total.max(page.total);
        steps.extend(page.steps);
        let Some(next) = page.next else { break };
        path = format!("/v1/nodes/n3/drain/plan?limit=50&cursor={next}");
    }
    assert!(total > 50, "more than a page");
    assert_eq!(steps.len(), total);
    assert!(steps.iter().enumerate().all(|(number, step)| step.number == number));
    assert_eq!(steps.last().map(|step| step.moved_permille), Some(1000));
}

#[tokio::test]
async fn a_node_without_a_ring_says_so() {
    let node = alone(Plan { ring: false, ..Plan::default() }).await;
    let client = node.client();
    register(&client, 1).await;
    for path in ["/v1/ring", "/v1/ring/locate?key=a", "/v1/ring/diff?without=n1", "/v1/nodes/n1/drain/plan"] {
        client.get(path).await.problem(404, "no-ring");
    }
}

#[tokio::test]
async fn reads_are_as_recent_as_asked_for_at_every_node() {
    let nodes = three(Plan { lease: true, ..Plan::default() }).await;
    let writer = nodes[0].client();
    for round in 1..=5 {
        let id = format!("n{}", 10 + round);
        let answer = writer.put(&format!("/v1/nodes/{id}"), &registration(&id, "r1")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        for node in &nodes {
            for consistency in ["quorum", "lease"] {
                let answer = node.client().get(&format!("/v1/nodes/{id}?consistency={consistency}")).await;
                assert_eq!((answer.status, answer.header("delian-consistency")), (200, consistency), "{answer:?}");
                assert_eq!(answer.header("delian-leader-heard-ms"), "", "no staleness where there is none");
            }
        }
    }
    for node in &nodes {
        let answer = node.client().get("/v1/status").await;
        let heard: u64 = answer.header("delian-leader-heard-ms").parse().unwrap();
        let status: StatusDocument = answer.document();
        assert_eq!(status.leader_heard_ms, Some(heard));
    }
}

#[tokio::test]
async fn a_node_that_may_not_lease_says_what_to_ask_instead() {
    let node = alone(Plan::default()).await;
    let detail = node.client().get("/v1/status?consistency=lease").await.problem(422, "lease-disabled");
    assert!(detail.contains("ask for a quorum"), "{detail}");
}

#[tokio::test]
async fn metrics_tell_what_the_node_holds_and_what_happened() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    register(&client, 2).await;
    let counted = |text: &str| text.contains("delian_events_total{kind=\"registered\",severity=\"info\"} 2");
    let text = client.until("/metrics", |answer| counted(&answer.text())).await.text();
    for line in [
        "delian_build_info{version=\"0.1.0\"} 1",
        "delian_epoch 2",
        "delian_role{role=\"leader\"} 1",
        "delian_nodes{condition=\"healthy\"} 2",
        "delian_pool_members{pool=\"local\",state=\"alive\"} 1",
        "delian_commands_total{outcome=\"applied\"} 2",
        "delian_command_duration_seconds_count 2",
        "delian_http_requests_total{route=\"/v1/nodes/{node}\",method=\"PUT\",status=\"200\"} 2",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    #[cfg(target_os = "linux")]
    for name in ["delian_process_resident_memory_bytes ", "delian_process_cpu_seconds_total "] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name}");
    }
}

#[tokio::test]
async fn files_come_with_a_strict_policy_and_a_tag() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    let page = client.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let held = client.with("If-None-Match", page.header("etag")).get("/").await;
    assert_eq!((held.status, held.body.len()), (304, 0));
    assert_ne!(client.get("/app.js").await.header("etag"), page.header("etag"));
}
