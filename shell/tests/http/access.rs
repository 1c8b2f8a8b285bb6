//! Who may do what.

use std::io::Write;
use std::sync::{Arc, Mutex};

use delian_shell::http::{ApiConfig, Role, ServeError, Server, Token};

use crate::cluster::{Plan, alone, registration, roomy};

fn with_tokens() -> Plan {
    let operator = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let tokens = vec![
        Token::of_text("dashboard", Role::Read, "look"),
        Token::of_sha256("ada", Role::Operate, operator).unwrap(),
    ];
    Plan { api: ApiConfig { tokens, limits: roomy(), ..ApiConfig::default() }, ..Plan::default() }
}

#[tokio::test]
async fn each_role_may_do_what_it_may_and_no_more() {
    let node = alone(with_tokens()).await;
    let nobody = node.client();
    let (reader, operator) = (nobody.with("Authorization", "Bearer look"), nobody.with("Authorization", "bearer abc"));
    let stranger = nobody.with("Authorization", "Bearer guess");
    for path in ["/livez", "/readyz", "/", "/app.js"] {
        assert_eq!(nobody.get(path).await.status, 200, "{path} is open");
    }
    for path in ["/v1/status", "/v1/nodes", "/v1/topology", "/metrics", "/openapi.json", "/v1/ring", "/v1/watch"] {
        for client in [&nobody, &stranger, &nobody.with("Authorization", "Basic bG9vaw==")] {
            let answer = client.get(path).await;
            answer.problem(401, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"delian\"");
        }
        if path != "/v1/watch" {
            assert_eq!(reader.get(path).await.status, 200, "{path}");
            assert_eq!(operator.get(path).await.status, 200, "{path}");
        }
    }
    let body = registration("ada", "r1");
    nobody.put("/v1/nodes/n1", &body).await.problem(401, "unauthenticated");
    let detail = reader.put("/v1/nodes/n1", &body).await.problem(403, "forbidden");
    assert_eq!(detail, "dashboard may read only: use a token of the role operate");
    for (method, path) in [
        ("DELETE", "/v1/nodes/n1"),
        ("POST", "/v1/nodes/n1/drain"),
        ("DELETE", "/v1/nodes/n1/drain"),
        ("POST", "/v1/nodes/n1/drain/progress"),
        ("POST", "/v1/transfer"),
    ] {
        reader.ask(method, path, b"").await.problem(403, "forbidden");
        nobody.ask(method, path, b"").await.problem(401, "unauthenticated");
    }
    assert_eq!(operator.put("/v1/nodes/n1", &body).await.status, 200);
}

#[tokio::test]
async fn an_api_open_to_all_does_not_start() {
    let node = alone(Plan::default()).await;
    let server = Server::bind("0.0.0.0:0".parse().unwrap()).await.unwrap();
    let error = server.serve(node.handle().clone(), ApiConfig::default()).await.unwrap_err();
    assert!(matches!(error, ServeError::OpenToAll { .. }), "{error}");
}

#[tokio::test]
async fn pages_of_other_sites_neither_ask_by_another_name_nor_write() {
    let node = alone(Plan::default()).await;
    let client = node.client();
    client.with("Host", "evil.example").get("/v1/status").await.problem(421, "wrong-host");
    let origin = format!("http://{}", node.api.address());
    let body = registration("ada", "r1");
    client.with("Origin", "http://evil.example").put("/v1/nodes/n1", &body).await.problem(403, "cross-origin");
    client.with("Sec-Fetch-Site", "cross-site").put("/v1/nodes/n1", &body).await.problem(403, "cross-origin");
    assert_eq!(client.with("Origin", &origin).put("/v1/nodes/n1", &body).await.status, 200);
    let read = client.with("Origin", "http://evil.example").get("/v1/status").await;
    assert_eq!((read.status, read.header("access-control-allow-origin")), (200, ""), "nothing lets a script read it");
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_write_is_in_the_audit_with_who_and_what_and_its_outcome() {
    let written = Written::default();
    let writer = written.clone();
    let lines = tracing_subscriber::fmt().with_env_filter("audit=info").with_writer(move || writer.clone());
    // All tasks of this test run on its thread.
    let _guard = tracing::subscriber::set_default(lines.json().flatten_event(true).finish());
    let node = alone(with_tokens()).await;
    let (client, body) = (node.client(), registration("ada", "r1"));
    let operator = client.with("Authorization", "Bearer abc");
    operator.put("/v1/nodes/n1", &body).await;
    operator.delete("/v1/nodes/n9").await;
    client.with("Authorization", "Bearer look").delete("/v1/nodes/n1").await;
    client.delete("/v1/nodes/n1").await;
    operator.get("/v1/nodes").await;
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let told = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
        ["who", "method", "path", "outcome"].map(|field| line[field].as_str().unwrap().to_string()).join(" ")
    };
    let expected = [
        "ada PUT /v1/nodes/n1 done",
        "ada DELETE /v1/nodes/n9 not-registered",
        "dashboard DELETE /v1/nodes/n1 forbidden",
        "anonymous DELETE /v1/nodes/n1 unauthenticated",
    ];
    assert_eq!(text.lines().map(told).collect::<Vec<_>>(), expected, "reads are none");
    assert!(!text.contains("abc") && !text.contains("look"), "no token is written down");
}
