//! What is bounded, filled.

use delian_shell::http::{ApiConfig, Limits};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::client::FAR;
use crate::cluster::{Plan, alone, roomy};

fn limited(limits: Limits) -> Plan {
    Plan { api: ApiConfig { limits, ..ApiConfig::default() }, ..Plan::default() }
}

#[tokio::test]
async fn long_bodies_addresses_and_headers_are_told_their_limits() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    let json = client.with("Content-Type", "application/json");
    let long = vec![b' '; 64 * 1024 + 1];
    assert!(json.ask("PUT", "/v1/nodes/n1", &long).await.problem(413, "body-too-large").contains("65536"));
    client.ask("DELETE", "/v1/nodes/n1", &long).await.problem(413, "body-too-large");
    client.get(&format!("/v1/ring/locate?key={}", "a".repeat(9000))).await.problem(414, "uri-too-long");
    client.with("X-Long", &"a".repeat(20_000)).get("/v1/status").await.problem(431, "headers-too-large");
    let mut many = client.clone();
    for number in 0..70 {
        many = many.with(&format!("X-{number}"), "a");
    }
    many.get("/v1/status").await.problem(431, "headers-too-large");
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let node = alone(limited(Limits { requests_per_second: 1, requests_burst: 3, ..roomy() })).await;
    let client = node.client();
    let mut refused = None;
    for _ in 0..10 {
        let answer = client.get("/v1/status").await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a burst of three and then one a second");
    refused.problem(429, "rate-exceeded");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(client.get("/livez").await.status, 200, "probes are always answered");
}

#[tokio::test]
async fn a_connection_too_many_is_told_so() {
    let node = alone(limited(Limits { connections_max: 1, ..roomy() })).await;
    let client = node.client();
    client.until("/v1/status", |answer| answer.status == 200).await;
    let watching = loop {
        // The connection before may not have given its place back yet.
        if let Ok(answer) = client.try_ask("GET", "/livez", b"").await
            && answer.status == 200
        {
            break TcpStream::connect(node.api.address()).await.unwrap();
        }
    };
    let refused = client.until("/v1/status", |answer| answer.status == 503).await;
    refused.problem(503, "busy");
    drop(watching);
    client.until("/v1/status", |answer| answer.status == 200).await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended_and_a_write_is_not_called_failed() {
    let limits = Limits { request_timeout: std::time::Duration::from_millis(50), ..roomy() };
    // A body that never comes holds its handler up.
    let node = alone(limited(limits)).await;
    let head = format!(
        "PUT /v1/nodes/n1 HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        node.api.address()
    );
    let mut stream = TcpStream::connect(node.api.address()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
    let mut answer = [0; 4096];
    let count = tokio::time::timeout(FAR, stream.read(&mut answer)).await.expect("an answer").unwrap();
    let answer = String::from_utf8_lossy(&answer[..count]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 504") && answer.contains("unknown-outcome"), "{answer}");
    assert!(answer.contains("read before trying again"), "{answer}");
}

#[tokio::test]
async fn watchers_are_bounded_and_give_their_places_back() {
    let node = alone(limited(Limits { watchers_max: 1, ..roomy() })).await;
    let client = node.client();
    let first = client.watch("/v1/watch").await;
    client.get("/v1/watch").await.problem(503, "busy");
    drop(first);
    let mut again = client.watch_when_free("/v1/watch").await;
    assert!(again.block().await.is_some());
    client.get("/v1/watch?kind=nonsense").await.problem(400, "bad-query");
}
