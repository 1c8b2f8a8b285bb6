//! How a federation comes about, goes and comes back.

use std::fs;

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
fn a_node_whose_disk_was_wiped_comes_back_as_a_learner_and_votes_again() {
    let mut federation = Federation::found("wiped", 3);
    federation.kill(2);
    let before = federation.node(2).id.clone();
    fs::remove_dir_all(federation.data(2)).expect("the test's own folder");
    federation.join(2);
    let leader = federation.leader_among(&[1, 3]);
    federation.wait(leader, "the newcomer votes in place of the one that is gone", |status| {
        let members = status["log_members"].as_array().cloned().unwrap_or_default();
        let voters: Vec<_> = members.iter().filter(|member| member["votes"] == true).collect();
        voters.len() == 3 && voters.iter().any(|voter| voter["id"] == federation.node(2).id.as_str())
    });
    // A first identity is drawn and kept on the disk that was lost.
    assert_ne!(federation.node(2).id, before);
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
