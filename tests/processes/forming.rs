//! How a federation comes about, goes and comes back.

use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::federation::{Federation, registration};

#[test]
fn three_nodes_form_a_federation_in_which_any_node_takes_a_registration() {
    let federation = Federation::found("forms", 3);
    for number in 1..=3_u64 {
        let (api, subject) = (federation.api(number), 100 + number);
        let applied = api.put(&format!("/v1/nodes/n{subject}"), &registration(&format!("guest-{subject}")));
        let epoch = applied.expect("the node answers").with(200)["epoch"].as_u64().expect("an epoch");
        for other in 1..=3 {
            let path = format!("/v1/nodes/n{subject}?consistency=quorum");
            let node = federation.api(other).get(&path).expect("the node answers").with(200);
            assert_eq!(node["registered_epoch"], epoch);
        }
    }
    let fingerprints: Vec<_> = (1..=3)
        .map(|number| federation.api(number).get("/v1/topology?consistency=quorum").expect("it answers").with(200))
        .map(|topology| (topology["epoch"].clone(), topology["fingerprint"].clone()))
        .collect();
    assert!(fingerprints.windows(2).all(|pair| pair[0] == pair[1]), "{fingerprints:?}");
}

#[test]
fn a_federation_that_was_stopped_whole_comes_back_with_all_that_was_agreed() {
    let mut federation = Federation::found("full-stop", 3);
    let applied = federation.api(1).put("/v1/nodes/n900", &registration("kept")).expect("it answers").with(200);
    for number in 1..=3 {
        assert_eq!(federation.end(number), Some(0), "node {number} ends in peace");
    }
    for number in 1..=3 {
        federation.join(number);
    }
    federation.leader_among(&[1, 2, 3]);
    let node = federation.api(3).get("/v1/nodes/kept?consistency=quorum").expect("it answers").with(200);
    assert_eq!(node["registered_epoch"], applied["epoch"]);
}

#[test]
fn nodes_change_their_configuration_one_by_one_while_the_others_serve() {
    let mut federation = Federation::found("upgrade", 3);
    federation.set("raft.heartbeat_interval=120ms");
    federation.set("raft.append_bytes_max=32KiB");
    for number in 1..=3_u64 {
        assert_eq!(federation.end(number), Some(0));
        let others: Vec<_> = (1..=3).filter(|other| *other != number).collect();
        let leader = federation.leader_among(&others);
        let path = format!("/v1/nodes/n{}", 700 + number);
        federation.api(leader).put(&path, &registration(&format!("guest-{number}"))).expect("it answers").with(200);
        federation.join(number);
        federation.wait(number, "it has caught up", |status| {
            status["leader"].is_object() && status["members"].as_u64() >= Some(3 + number)
        });
    }
}

#[test]
fn a_leader_that_is_asked_to_end_hands_over_first() {
    let mut federation = Federation::found("handover", 3);
    let leader = federation.leader_among(&[1, 2, 3]);
    let term = federation.wait(leader, "it knows its term", |status| status["term"].is_u64())["term"].as_u64();
    assert_eq!(federation.end(leader), Some(0));
    // Not later, and not by an election that begins when somebody misses the leader: as it ends, another leads.
    let survivor = (1..=3).find(|number| *number != leader).expect("two are left");
    let status = federation.api(survivor).get("/v1/status").expect("it answers").with(200);
    assert!(status["leader"].is_object(), "nobody leads: {status:#}");
    assert_ne!(status["leader"]["id"].as_str(), Some(&*federation.node(leader).id));
    assert_eq!(status["term"].as_u64(), term.map(|term| term + 1), "one hand-over");
    assert!(federation.log(leader).contains("hands over before it leaves"));
}

#[test]
fn a_node_whose_disk_was_wiped_comes_back_as_a_learner_and_votes_again() {
    let mut federation = Federation::found("wiped", 3);
    federation.kill(2);
    fs::remove_dir_all(federation.data(2)).expect("the test's own folder");
    // Without a certificate the identity is on the disk that was lost; whoever wiped it says it again.
    let identity = format!("node.id={}", federation.node(2).id);
    let others = [federation.node(1).listen.clone(), federation.node(3).listen.clone()];
    federation.start(2, &["--set", &identity, "--join", &others[0], "--join", &others[1]]);
    let leader = federation.leader_among(&[1, 3]);
    let votes = |status: &Value| {
        let members = status["log_members"].as_array().cloned().unwrap_or_default();
        members.iter().any(|member| member["id"] == federation.node(2).id.as_str() && member["votes"] == true)
    };
    federation.wait(2, "it votes again, by its own log", |status| {
        status["log_settled"] == true && status["commit"].as_u64() > Some(0) && votes(status)
    });
    assert!(federation.api(leader).event("memory_lost").is_some(), "the leader noticed that its memory was lost");
}

#[test]
fn nodes_with_certificates_form_a_federation_and_keep_a_stranger_out() {
    let mut federation = Federation::secure("certificates");
    for number in 1..=3 {
        federation.certify(number, "authority");
    }
    federation.start(1, &["--found"]);
    federation.join(2);
    federation.join(3);
    federation.wait(3, "three are registered", |status| status["members"] == 3 && status["leader"].is_object());
    // The stranger holds the key of datagrams, and a certificate of an authority that nobody here trusts.
    federation.cert(&["authority", "--out", "other"]);
    federation.certify(4, "other");
    federation.join(4);
    federation.wait_for_text(4, "/metrics", "its certificate is refused", |text| {
        let line = text.lines().find(|line| line.contains("refused") && line.contains("certificate"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok()) > Some(1)
    });
    for number in 1..=3 {
        let members = federation.api(number).get("/v1/members").expect("it answers").with(200);
        let names: Vec<_> = members["members"].as_array().into_iter().flatten().map(|it| it["name"].clone()).collect();
        assert_eq!(names.len(), 3, "{names:?}");
    }
}

#[test]
fn a_founding_that_failed_can_be_repeated() {
    let mut federation = Federation::new("founds-again");
    let token = federation.data(1).with_extension("token");
    fs::write(&token, "").expect("the test's own folder");
    let tokens = format!("http.tokens=[{{ name = \"nobody\", role = \"read\", file = \"{}\" }}]", token.display());
    let (code, complaint) = federation.fails(1, &["--found", "--set", &tokens]);
    assert_eq!(code, Some(2), "{complaint}");
    assert!(complaint.contains("is empty"), "{complaint}");
    federation.start(1, &["--found"]);
    federation.leader_among(&[1]);
}

#[test]
fn a_node_that_was_taken_out_stays_out_until_it_is_started_again() {
    let mut federation = Federation::found("dismissed", 2);
    let leader = federation.leader_among(&[1, 2]);
    let other = 3 - leader;
    let path = format!("/v1/nodes/{}", federation.node(other).id);
    federation.api(leader).delete(&path).expect("it answers").with(200);
    federation.wait(other, "it hears of it", |status| status["members"] == 1);
    assert!(federation.log(other).contains("stays out until it is started again"));
    assert_eq!(federation.end(other), Some(0));
    federation.join(other);
    federation.wait(other, "it is registered again", |status| status["members"] == 2);
}

#[test]
fn nodes_that_found_together_find_each_other_without_being_told_to_join() {
    let mut federation = Federation::new("together");
    // They must know each other's places beforehand, so these are taken, and let go for them.
    let doors: Vec<_> = (1..=3).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port is free")).collect();
    let places: Vec<_> = doors.iter().map(|door| door.local_addr().expect("it is bound").to_string()).collect();
    drop(doors);
    let founders: Vec<_> = (1..).zip(&places).map(|(number, place)| format!("n{number}@{place}")).collect();
    federation.set(&format!("cluster.founders={}", founders.join(",")));
    for (number, place) in (1..).zip(&places) {
        let id = format!("node.id=n{number}");
        let command = federation.command_at(number, place, "127.0.0.1:0", &["--found", "--set", &id]);
        federation.run(number, command);
    }
    for number in 1..=3 {
        federation.wait_for_text(number, "/v1/members", "it has all in its pool", |members| {
            (1..=3).all(|other| members.contains(&format!("\"n{other}\"")))
        });
        federation.wait(number, "all vote, and somebody leads", |status| {
            status["leader"].is_object() && status["log_members"].as_array().is_some_and(|members| members.len() == 3)
        });
    }
}

#[test]
fn a_founder_does_not_found_twice() {
    let mut federation = Federation::new("founds-once");
    federation.start(1, &["--found"]);
    federation.leader_among(&[1]);
    federation.kill(1);
    let (code, complaint) = federation.fails(1, &["--found"]);
    assert_eq!(code, Some(2), "{complaint}");
    assert!(complaint.contains("--found"), "{complaint}");
    federation.start(1, &[]);
    federation.leader_among(&[1]);
}

#[test]
fn a_node_that_is_drained_is_removed_when_all_that_it_held_is_elsewhere() {
    let federation = Federation::found("drained", 1);
    let api = federation.api(1);
    api.put("/v1/nodes/n600", &registration("leaver")).expect("it answers").with(200);
    api.post("/v1/nodes/leaver/drain", &json!({ "within_ms": 600_000 })).expect("it answers").with(200);
    let leaver = api.get("/v1/nodes/leaver").expect("it answers").with(200);
    assert_eq!(leaver["condition"], "leaving");
    let moved = |permille: u64| {
        let progress = json!({ "moved_permille": permille });
        api.post("/v1/nodes/leaver/drain/progress", &progress).expect("it answers").with(200);
    };
    moved(400);
    assert_eq!(api.get("/v1/nodes/leaver").expect("it answers").with(200)["drain"]["moved_permille"], 400);
    moved(1000);
    api.get("/v1/nodes/leaver").expect("it answers").with(404);
}
