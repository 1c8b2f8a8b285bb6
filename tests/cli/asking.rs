//! The commands that ask a node: what they say of its documents, and how they end.

use crate::api::{Api, Asked, Canned, document, events, nowhere, problem};
use crate::desk::{Desk, Ended};

const STATUS: &str = r#"{"id":"n2","name":"bob","cluster":"delian","version":"0.1.0","boot":3,"up_ms":7500000,
"at_ms":1700000000123,"term":5,"role":"follower","leader":{"id":"n1","name":"ada","api":null},"leader_heard_ms":120,
"log_settled":true,"log_members":[{"id":"n1","name":"ada","api":null,"votes":true},{"id":"n2","name":"bob","api":null,"votes":true},
{"id":"n3","name":null,"api":null,"votes":false}],"last":1201,"durable":1201,"commit":1200,"snapshot":1024,"level":2,
"epoch":12,"members":3,"conditions":{"healthy":2,"silent":1,"degraded":0},"suspects_itself":false,
"ring":{"epoch":11,"members":3,"points":450},"withheld":0,"pending_commands":2,"pending_reads":0,"transfer":null,
"has_lease":false,"halted":null,"commit_median_us":2100,"commit_p99_us":8400,"a_field_of_tomorrow":1}"#;

const NODES: &str = r#"[{"id":"n1","name":"ada","address":"10.0.0.1","port":7400,"place":{"region":"eu",
"datacenter":"zrh1","rack":"r1","latitude_microdegrees":0,"longitude_microdegrees":0},"total_bytes":2199023255552,
"free_bytes":0,"tags":{"disk":"nvme","spare":""},"registered_at_ms":0,"registered_epoch":1,"changed_epoch":9,
"condition":"healthy","since_epoch":9,"cause":"it was heard","drain":null,"pool":"alive","ring_permille":334,
"log":"leader","api":"http://10.0.0.1:8400"},{"id":"n2","name":"bob","address":"10.0.0.2","port":7400,"place":{
"region":"eu","datacenter":"zrh1","rack":"r2","latitude_microdegrees":0,"longitude_microdegrees":0},"total_bytes":0,
"free_bytes":0,"tags":{},"registered_at_ms":0,"registered_epoch":2,"changed_epoch":12,"condition":"leaving",
"since_epoch":12,"cause":"an operator asked for it","drain":{"moved_permille":400,"within_ms":null},"pool":"suspect",
"ring_permille":333,"log":null,"api":null}]"#;

const APPLIED: &str = r#"{"index":42,"term":5,"epoch":13}"#;

const UNKNOWN: &str = r#"{"type":"urn:delian:problem:unknown-node","title":"unknown node","status":404,
"detail":"n9 is not registered: register it first","node":"n2","leader":null,"retry_after_ms":null}"#;

const LEADERLESS: &str = r#"{"type":"urn:delian:problem:no-leader","title":"no leader","status":503,
"detail":"nobody leads","node":"n2","leader":null,"retry_after_ms":1000}"#;

fn topology() -> String {
    format!(r#"{{"since":null,"epoch":12,"fingerprint":"00ff00ff00ff00ff","nodes":{NODES},"removed":[]}}"#)
}

/// Answers as a whole node does.
fn node(_: usize, asked: &Asked) -> Canned {
    let path = asked.line.split(['?', ' ']).nth(1).unwrap_or_default();
    match (asked.line.split(' ').next().unwrap_or_default(), path) {
        ("GET", "/v1/status") => document(STATUS),
        ("GET", "/v1/topology") if asked.line.contains("since=12") => {
            document(r#"{"since":12,"epoch":12,"fingerprint":"00ff00ff00ff00ff","nodes":[],"removed":[]}"#)
        }
        ("GET", "/v1/topology") if asked.line.contains("since=7") => document(
            r#"{"since":7,"epoch":12,"fingerprint":"00ff00ff00ff00ff","nodes":[],"removed":[{"id":"n4","epoch":8}]}"#,
        ),
        ("GET", "/v1/topology") => document(&topology()),
        ("GET", "/v1/nodes/n2/why") => document(&why()),
        ("POST", "/v1/transfer") => document(r#"{"leader":"bob","term":6}"#),
        ("PUT" | "POST" | "DELETE", path) if !path.contains("n9") => document(APPLIED),
        _ => problem("404 Not Found", UNKNOWN),
    }
}

fn why() -> String {
    let nodes: serde_json::Value = serde_json::from_str(NODES).expect("it is JSON");
    format!(
        r#"{{"node":{},"asked":"n1","watches":true,"heartbeat_age_ms":42000,"heartbeat_sequence":17,
        "reported_permille":900,"effective_permille":720,"silence_level":2,"reach":"reachable","finding":"silent",
        "finding_cause":"no heartbeat for 42 s","held_for_ms":null,"withheld":true,"removed_in_ms":558000,
        "lines":["bob is leaving since epoch 12."]}}"#,
        nodes[1]
    )
}

/// Runs commands against one node and returns what a reader of the terminal sees.
fn told(desk: &Desk, api: &Api, commands: &[&str]) -> String {
    let tell = |words: &&str| {
        let Ended { code, output, errors } = ask(desk, &api.url(), words);
        format!("$ delian {words}\n{output}{errors}[{}]\n", code.expect("it exits"))
    };
    commands.iter().map(tell).collect::<Vec<_>>().join("\n")
}

fn ask(desk: &Desk, api: &str, words: &str) -> Ended {
    let mut command = desk.command();
    command.args(words.split_whitespace()).env("DELIAN_API", api);
    let output = command.output().expect("the command was built");
    let text = |bytes| String::from_utf8(bytes).expect("the command prints UTF-8");
    Ended { code: output.status.code(), output: text(output.stdout), errors: text(output.stderr) }
}

#[test]
fn documents_are_told_as_tables_and_sentences() {
    let (desk, api) = (Desk::new("asking-tables"), Api::new(node));
    insta::assert_snapshot!(told(
        &desk,
        &api,
        &[
            "status",
            "topology show",
            "topology show --since 7",
            "topology show --since 12",
            "why bob",
            "why eve",
            "transfer bob",
            "topology remove n9",
        ]
    ));
}

#[test]
fn members_are_told_by_state() {
    let members = r#"{"asked":"n1","health":1,"members":[
        {"id":"n1","name":"ada","address":"10.0.0.1:7400","pool":"local","state":"alive","incarnation":3,"role":"leader",
         "round_trip_us":null,"api":"http://10.0.0.1:8400"},
        {"id":"n2","name":null,"address":null,"pool":"local","state":"dead","incarnation":1,"role":null,
         "round_trip_us":812,"api":null}]}"#;
    let (desk, api) = (Desk::new("asking-members"), Api::always("200 OK", members));
    let nobody = Api::always("200 OK", r#"{"asked":"n1","health":0,"members":[]}"#);
    let mut page = told(&desk, &api, &["members", "members --state dead", "members --state left"]);
    page += &told(&desk, &nobody, &["members"]);
    insta::assert_snapshot!(page);
}

#[test]
fn json_is_the_document_as_it_came() {
    let (desk, api) = (Desk::new("asking-json"), Api::new(node));
    assert_eq!(ask(&desk, &api.url(), "status --json").with(0).output.trim_end(), STATUS);
    assert_eq!(ask(&desk, &api.url(), "topology show --json").with(0).output.trim_end(), topology());
    let refused = ask(&desk, &api.url(), "topology remove n9 --json").with(1);
    assert_eq!(refused.output.trim_end(), UNKNOWN);
    assert_eq!(refused.errors, "n2: n9 is not registered: register it first\n");
}

#[test]
fn what_is_asked_goes_to_the_right_place() {
    let (desk, api) = (Desk::new("asking-places"), Api::new(node));
    desk.write("token", "s3cret\n");
    let register = "topology register n9x --name gus --address 10.0.0.9 --port 7400";
    ask(&desk, &api.url(), register).with(2).complains("must be an identity");
    let all = "topology register n7 --name gus --address 10.0.0.9 --port 7400 --region eu --datacenter zrh1 --rack r2 \
               --latitude -47.3769 --longitude 8.5 --total 2KiB --free 1024 --tag disk=nvme --tag spare";
    ask(&desk, &api.url(), all).with(0).says("gus (n7) is registered: epoch 13, entry 42 of term 5\n");
    ask(&desk, &api.url(), "topology drain bob --within 10m").with(0).says("bob is leaving");
    ask(&desk, &api.url(), "topology drain n2 --cancel").with(0).says("n2 stays");
    ask(&desk, &api.url(), "topology show --consistency quorum --since 7").with(0);
    ask(&desk, &api.url(), "status --consistency lease --token-file token").with(0);
    insta::assert_snapshot!(api.lines().join("\n"));
    let asked = api.asked();
    assert!(asked.last().unwrap().headers.contains(&"authorization: bearer s3cret".to_string()));
    assert!(asked[0].headers.iter().all(|line| !line.starts_with("authorization")));
}

#[test]
fn several_nodes_are_tried_in_turn() {
    let (desk, api) = (Desk::new("asking-turns"), Api::new(node));
    let leaderless = Api::always("503 Service Unavailable", LEADERLESS);
    let all = format!("{},{},{}", nowhere(), leaderless.url(), api.url());
    ask(&desk, &all, "status").with(0).says("bob (n2) follows in term 5");
    ask(&desk, &all, "status --api 127.0.0.1:1")
        .with(2)
        .complains("no node answers\n  http://127.0.0.1:1: nobody listens");
    // A command goes to the first that can be reached, and no further: that one may have taken it.
    ask(&desk, &all, "transfer bob").with(2).complains("n2: nobody leads; try again in 1.00 s");
    assert_eq!(leaderless.lines(), ["GET /v1/status", r#"POST /v1/transfer {"to":"bob"}"#]);
    ask(&desk, &format!("{},{}", nowhere(), nowhere()), "transfer bob").with(2).complains("DELIAN_API");
    ask(&desk, &leaderless.url(), "status").with(2).complains("nobody leads");
}

#[test]
fn a_node_without_a_leader_or_a_future_is_a_no() {
    let desk = Desk::new("asking-unwell");
    let lost = STATUS
        .replace(r#"{"id":"n1","name":"ada","api":null},"leader_heard_ms":120"#, r#"null,"leader_heard_ms":null"#);
    let api = Api::new(move |_, _| document(&lost));
    ask(&desk, &api.url(), "status").with(1).says("bob (n2) follows in term 5 and knows no leader");
    let halted = STATUS.replace(r#""halted":null"#, r#""halted":"its disk broke a promise""#);
    let api = Api::new(move |_, _| document(&halted));
    ask(&desk, &api.url(), "status").with(1).says("bob (n2) stopped for good: its disk broke a promise");
}

#[test]
fn who_may_not_ask_and_what_is_no_node_could_not_be_asked() {
    let desk = Desk::new("asking-refused");
    let closed = r#"{"type":"urn:delian:problem:token","title":"no token","status":401,"detail":"a token is needed"}"#;
    let api = Api::always("401 Unauthorized", closed);
    ask(&desk, &api.url(), "status").with(2).complains("error: a token is needed; give a token with --token-file");
    ask(&desk, &api.url(), "status --token x").with(2).complains("another token is needed");
    let page = Api::always("200 OK", "<html>");
    ask(&desk, &page.url(), "status").with(2).complains("answers something else than a node does");
    let page = Api::always("404 Not Found", "<html>");
    ask(&desk, &page.url(), "members").with(2).complains("is it the API of a node?");
    ask(&desk, "https://127.0.0.1", "status").with(2).complains("nodes answer plain HTTP");
    ask(&desk, "", "status --api ftp://a").with(2).complains("is no address of an API");
    ask(&desk, "", "status --token-file nothing").with(2).complains("cannot read the token in nothing");
}

#[test]
fn an_outcome_that_nobody_knows_is_said_so() {
    let desk = Desk::new("asking-unknown");
    let api = Api::new(|_, _| Canned::broken());
    ask(&desk, &api.url(), "transfer bob").with(2).complains("nobody knows whether it took effect");
}

#[test]
fn a_drain_is_awaited_until_the_node_is_gone() {
    let desk = Desk::new("asking-drain");
    let leaving = |moved: u16| topology().replace(r#""moved_permille":400"#, &format!(r#""moved_permille":{moved}"#));
    let api = Api::new(move |number, asked| match (asked.line.as_str(), number) {
        ("POST /v1/nodes/n2/drain", _) => document(APPLIED),
        (_, 1) => document(&leaving(400)),
        (_, 2) => problem("503 Service Unavailable", LEADERLESS),
        (_, 3) => document(&leaving(1000)),
        _ => document(r#"{"since":null,"epoch":13,"fingerprint":"0","nodes":[],"removed":[]}"#),
    });
    let ended = ask(&desk, &api.url(), "topology drain n2 --wait").with(0);
    assert_eq!(
        ended.output,
        "n2 is leaving: epoch 13, entry 42 of term 5\n40.0 % are elsewhere\n100.0 % are elsewhere\nn2 is gone\n"
    );
    let stays = topology().replace(r#"{"moved_permille":400,"within_ms":null}"#, "null");
    let api =
        Api::new(move |_, asked| if asked.line.starts_with("GET") { document(&stays) } else { document(APPLIED) });
    ask(&desk, &api.url(), "topology drain n2 --wait").with(1).says("bob (n2) stays after all: it is leaving");
}

/// An event of the watch.
fn event(sequence: u64, kind: &str, severity: &str) -> String {
    format!(
        "id: 12:{sequence}\nevent: {kind}\ndata: {{\"sequence\":{sequence},\"epoch\":12,\"at_ms\":1700000000{sequence:03},\
         \"kind\":\"{kind}\",\"severity\":\"{severity}\",\"text\":\"the {kind} of {sequence}\",\"node\":null,\"fields\":{{}}}}\n\n"
    )
}

#[test]
fn a_watch_goes_on_where_it_broke_off() {
    let desk = Desk::new("asking-watch");
    let answer = |number: usize, _: &Asked| match number {
        0 => {
            events(&[": hello\n\n".to_string(), event(1, "node_joined", "info"), event(2, "beat", "routine")].concat())
        }
        1 => events(&[event(3, "node_failed", "warning"), "event: cut\ndata: {}\n\n".to_string()].concat()),
        2 => events(
            &["id: 12:7\nevent: reset\ndata: {\"oldest\":8}\n\n".to_string(), event(8, "halted", "error")].concat(),
        ),
        _ => events(&event(9, "became_leader", "routine")),
    };
    let api = Api::new(answer);
    let ended = ask(&desk, &api.url(), "topology watch --until became_leader").with(0);
    insta::assert_snapshot!(ended.output);
    let resumed: Vec<Option<String>> = api
        .asked()
        .into_iter()
        .map(|asked| {
            asked.headers.into_iter().find_map(|line| line.strip_prefix("last-event-id: ").map(str::to_string))
        })
        .collect();
    assert_eq!(resumed, [None, Some("12:2".into()), Some("12:3".into()), Some("12:8".into())]);

    let api = Api::new(answer);
    let lines = ask(&desk, &api.url(), "topology watch --until became_leader --json --severity routine").with(0).output;
    let kinds: Vec<String> = lines
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("each line is a document")["kind"].to_string()
        })
        .collect();
    let expected = ["node_joined", "beat", "node_failed", "cut", "reset", "halted", "became_leader"];
    assert_eq!(kinds, expected.map(|kind| format!("\"{kind}\"")));
}

#[test]
fn a_watch_ends_in_time_or_when_nobody_answers() {
    let desk = Desk::new("asking-watch-ends");
    let api = Api::new(|_, _| events(&event(1, "node_joined", "info")));
    ask(&desk, &api.url(), "topology watch --for 300ms").with(0).says("node_joined");
    ask(&desk, &api.url(), "topology watch --for 300ms --until halted").with(1).complains("no event halted came");
    let unknown = Api::always("404 Not Found", UNKNOWN);
    ask(&desk, &unknown.url(), "topology watch").with(1).complains("n9 is not registered");
    let two = format!("{},{}", api.url(), nowhere());
    ask(&desk, &two, "topology watch --for 1s").with(0).says("something may be missing");
}
