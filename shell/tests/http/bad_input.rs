//! Whatever is asked, the answer is one of those that are meant, and an error is a problem document.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use crate::cluster::{Plan, alone, register, registration};

#[tokio::test]
async fn bad_values_are_named_with_what_is_allowed() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    register(&client, 1).await;
    for (path, words) in [
        ("/v1/status?consistency=strong", vec!["\"consistency\"", "\"strong\"", "local, lease, quorum"]),
        ("/v1/nodes?limit=0", vec!["\"limit\"", "\"0\"", "from 1 to 1000"]),
        ("/v1/nodes?limit=1001", vec!["\"1001\""]),
        ("/v1/nodes?limit=1&limit=2", vec!["\"limit\" is there 2 times"]),
        ("/v1/nodes?cursor=n7", vec!["\"cursor\"", "what a page gave as next"]),
        ("/v1/nodes?cursor=c%2B00000000000001f", vec!["\"cursor\""]),
        ("/v1/nodes?condition=fine", vec!["\"fine\"", "healthy, degraded, silent, leaving, unreachable"]),
        ("/v1/nodes?tag=disk", vec!["\"disk\"", "key:value"]),
        ("/v1/nodes?colour=red", vec!["\"colour\" is not known here", "consistency, limit, cursor"]),
        ("/v1/topology?since=-1", vec!["\"since\"", "\"-1\""]),
        ("/v1/watch?severity=loud", vec!["routine, info, warning, error"]),
        ("/v1/watch?kind=became_king", vec!["\"became_king\"", "became_leader"]),
        ("/v1/watch?after=yesterday", vec!["\"yesterday\"", "epoch:sequence:boot"]),
        ("/v1/ring/locate", vec!["\"key\" is not there"]),
        ("/v1/ring/locate?key=a&copies=65", vec!["\"65\"", "from 1 to 64"]),
        ("/v1/ring/locate?key=a&rule=far", vec!["\"far\"", "nodes, apart:region"]),
        ("/v1/ring/diff", vec!["\"without\" is not there"]),
        ("/v1/members?x=1", vec!["this path takes none"]),
    ] {
        let detail = client.get(path).await.problem(400, "bad-query");
        for word in words {
            assert!(detail.contains(word), "{word} is not in {detail:?}");
        }
    }
    client.get("/v1/nodes/%FF").await.problem(400, "bad-path");
    client.with("Last-Event-ID", "x").get("/v1/watch").await.problem(400, "bad-query");
}

#[tokio::test]
async fn bad_bodies_are_told_where_they_are_wrong() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    let json = client.with("Content-Type", "application/json; charset=utf-8");
    let at = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut body = registration("ada", "r1");
        change(&mut body);
        body
    };
    for (body, word) in [
        (at(&|body| body["port"] = "x".into()), "at port: invalid type"),
        (at(&|body| body["port"] = 70_000.into()), "at port: invalid value: integer `70000`"),
        (at(&|body| body["place"]["latitude_microdegrees"] = 1.5.into()), "at place.latitude_microdegrees"),
        (at(&|body| body["tags"]["a"] = 1.into()), "at tags.a"),
        (at(&|body| body["colour"] = 1.into()), "at colour: unknown field"),
        (serde_json::json!({}), "missing field `name`"),
    ] {
        let detail = client.put("/v1/nodes/n1", &body).await.problem(400, "bad-body");
        assert!(detail.contains(word), "{word} is not in {detail:?}");
    }
    for body in ["", "{", "nonsense", "[]", "{} {}", "\u{0}"] {
        json.ask("PUT", "/v1/nodes/n1", body.as_bytes()).await.problem(400, "bad-body");
    }
    let deep = "[".repeat(10_000);
    json.ask("POST", "/v1/transfer", deep.as_bytes()).await.problem(400, "bad-body");
    client.ask("PUT", "/v1/nodes/n1", b"{}").await.problem(415, "not-json");
    client.with("Content-Type", "text/plain").ask("POST", "/v1/nodes/n1/drain", b"{}").await.problem(415, "not-json");
    json.ask("DELETE", "/v1/nodes/n1", b"{}").await.problem(400, "bad-body");
}

#[tokio::test]
async fn paths_and_methods_that_are_none_are_problems_too() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    for path in ["/nowhere", "/v1", "/v1/", "/v1/nodes/", "//v1/status", "/v1/nodes/a/b", "/%2e%2e/etc"] {
        client.get(path).await.problem(404, "no-such-path");
    }
    for (method, path, allowed) in [
        ("POST", "/v1/status", "GET"),
        ("PATCH", "/v1/nodes/n1", "PUT"),
        ("GET", "/v1/transfer", "POST"),
        ("DELETE", "/", "GET"),
        ("BREW", "/v1/nodes", "GET"),
    ] {
        let answer = client.ask(method, path, b"").await;
        answer.problem(405, "method-not-allowed");
        assert!(answer.header("allow").contains(allowed), "{method} {path}: {answer:?}");
    }
}

/// The statuses above 499 that a node with a leader may give.
const MEANT: [(u16, &str); 2] = [(503, "urn:delian:problem:not-ready"), (503, "urn:delian:problem:busy")];

fn questions() -> impl Strategy<Value = (String, String, String, Vec<u8>, String)> {
    let method = prop_oneof![
        6 => prop::sample::select(vec!["GET", "GET", "GET", "GET", "PUT", "POST", "DELETE", "HEAD"]).prop_map(String::from),
        1 => "[A-Z]{1,12}",
    ];
    let name = prop_oneof!["n?[0-9]{1,3}", "node-[0-9]", "[a-z]{1,5}", "(%[0-9A-F]{2}){1,6}", "[!-~&&[^ #?/]]{1,20}"];
    let path = prop_oneof![
        prop::sample::select(vec![
            "/v1/status",
            "/v1/members",
            "/v1/nodes",
            "/v1/topology",
            "/v1/ring",
            "/v1/ring/locate",
            "/v1/ring/diff",
            "/v1/snapshot",
            "/v1/transfer",
            "/metrics",
            "/openapi.json",
            "/livez",
            "/readyz",
            "/",
            "/app.js",
        ])
        .prop_map(String::from),
        name.clone().prop_map(|name| format!("/v1/nodes/{name}")),
        (name, prop::sample::select(vec!["why", "drain", "drain/plan", "drain/progress", "x"]))
            .prop_map(|(name, rest)| format!("/v1/nodes/{name}/{rest}")),
        "/[!-~&&[^ #?]]{0,30}",
    ];
    let key = prop::sample::select(vec![
        "consistency",
        "limit",
        "cursor",
        "since",
        "key",
        "copies",
        "rule",
        "without",
        "tag",
        "condition",
        "x",
    ]);
    let value = prop_oneof!["[0-9]{1,20}", "n[0-9]", "local|lease|quorum", "apart:rack|nodes", "[!-~&&[^ #&]]{0,20}"];
    let pairs = prop::collection::vec((key, value), 1..4);
    let joined = |pairs: Vec<(&str, String)>| {
        pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
    };
    let query = prop_oneof![2 => Just(String::new()), 1 => pairs.prop_map(joined)];
    let body = prop_oneof![
        3 => Just(Vec::new()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        2 => prop::sample::select(vec![
            r#"{"moved_permille":1000}"#, r#"{"moved_permille":65536}"#, r#"{"within_ms":18446744073709551615}"#,
            r#"{"to":"n9"}"#, r#"{"to":""}"#, "null", "{}", r#"{"within_ms":null}"#,
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        1 => "[a-z]{1,9}".prop_map(|name| registration(&name, "r1").to_string().into_bytes()),
    ];
    let media = prop::sample::select(vec!["application/json", "text/plain", "", "APPLICATION/JSON;x"]);
    (method, path, query, body, media.prop_map(String::from))
}

#[tokio::test]
async fn whatever_is_asked_an_error_is_a_problem_and_none_is_ours() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    register(&client, 3).await;
    // Drawn alike at each run, so that a failure here is one everywhere.
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let (strategy, mut answered, mut refused) = (questions(), 0, 0);
    for _ in 0..1500 {
        let asked = strategy.new_tree(&mut runner).unwrap().current();
        let (method, path, query, body, media) = &asked;
        let path = if query.is_empty() { path.clone() } else { format!("{path}?{query}") };
        let answer = client.with("Content-Type", media).ask(method, &path, body).await;
        if answer.status < 400 {
            answered += 1;
            continue;
        }
        refused += 1;
        if method == "HEAD" || (answer.status == 400 && answer.body.is_empty()) {
            // An answer to HEAD has no body, and what is no HTTP is answered before there is a request.
            continue;
        }
        answer.require_problem();
        let kind = answer.json()["type"].as_str().unwrap().to_string();
        let meant = answer.status < 500 || MEANT.contains(&(answer.status, kind.as_str()));
        assert!(meant, "{asked:?}: {answer:?}");
    }
    assert!(answered > 100 && refused > 500, "{answered} answered, {refused} refused");
    assert_eq!(client.get("/livez").await.status, 200);
}
