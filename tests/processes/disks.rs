//! Disks that were damaged, are in use, or are full.

use std::fs;
use std::process::{Command, Stdio};

use crate::federation::{Federation, registration};

/// Returns the file in which a node keeps what it must not forget.
fn store(federation: &Federation, number: u64) -> std::path::PathBuf {
    let entries = fs::read_dir(federation.data(number)).expect("the node was started");
    let files = entries.filter_map(Result::ok).map(|entry| entry.path());
    files.into_iter().find(|path| path.extension().is_some_and(|it| it == "redb")).expect("a store")
}

#[test]
fn a_damaged_store_stops_the_node_and_rejoin_sets_it_aside() {
    let mut federation = Federation::found("damaged", 3);
    federation.kill(3);
    let path = store(&federation, 3);
    let mut bytes = fs::read(&path).expect("the test's own file");
    for byte in bytes.iter_mut().skip(512).step_by(61) {
        *byte ^= 0x55;
    }
    fs::write(&path, &bytes).expect("the test's own file");
    let (code, complaint) = federation.fails(3, &[]);
    assert_eq!(code, Some(2), "{complaint}");
    assert!(complaint.contains("damaged") && complaint.contains("--rejoin"), "{complaint}");
    let others = [federation.node(1).listen.clone(), federation.node(2).listen.clone()];
    federation.start(3, &["--rejoin", "--join", &others[0], "--join", &others[1]]);
    let leader = federation.leader_among(&[1, 2]);
    federation.wait(leader, "three vote again", |status| {
        let members = status["log_members"].as_array().cloned().unwrap_or_default();
        members.iter().filter(|member| member["votes"] == true).count() == 3
            && members.iter().any(|member| member["id"] == federation.node(3).id.as_str())
    });
    let kept = fs::read_dir(federation.data(3)).expect("it is there").filter_map(Result::ok);
    let kept = kept.filter(|entry| fs::read(entry.path()).is_ok_and(|found| found == bytes)).count();
    assert_eq!(kept, 1, "what was damaged is kept for inspection");
}

#[test]
fn two_processes_do_not_share_a_store() {
    let mut federation = Federation::new("shared");
    federation.start(1, &["--found"]);
    let mut second = Command::new(env!("CARGO_BIN_EXE_delian"));
    second
        .args(["node", "--dev", "--until-eof", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"])
        .arg(federation.data(1));
    let second = second.stdin(Stdio::null()).output().expect("the command was built");
    let complaint = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(2), "{complaint}");
    assert!(complaint.contains("held by"), "{complaint}");
}

#[test]
fn a_full_disk_stops_the_node_with_a_reason_and_loses_nothing() {
    let mut federation = Federation::found("full-disk", 3);
    let victim = 3;
    assert_eq!(federation.end(victim), Some(0));
    let size = fs::metadata(store(&federation, victim)).expect("it is there").len();
    // A limit on the size of files is a disk that is full; the signal that comes with it is one that a full disk does
    // not send.
    let plain = federation.command(victim, &["--join", &federation.node(1).listen.clone()]);
    let mut limited = Command::new("bash");
    let blocks = size / 1024;
    limited.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
    limited.arg(plain.get_program()).args(plain.get_args());
    limited.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    federation.run(victim, limited);
    let leader = federation.leader_among(&[1, 2]);
    let mut refused = false;
    for number in 0..3000_u64 {
        let path = format!("/v1/nodes/n{}", 10_000 + number);
        let answer = federation.api(leader).put(&path, &registration(&format!("{number}-{}", "x".repeat(200))));
        answer.expect("the leader answers").with(200);
        if number % 20 == 0 {
            let status = federation.api(victim).get("/v1/status");
            // It says why it stopped, or it has ended.
            refused = status.is_none_or(|status| status.document["halted"].is_string());
            if refused {
                break;
            }
        }
    }
    assert!(refused, "the disk was never full");
    assert!(federation.log(victim).contains("the disk refused a write"), "the node says why it stopped");
    federation.kill(victim);
    let others = [federation.node(1).listen.clone(), federation.node(2).listen.clone()];
    federation.start(victim, &["--join", &others[0], "--join", &others[1]]);
    let whole = federation.api(leader).get("/v1/topology?consistency=quorum").expect("it answers").with(200);
    federation.wait(victim, "it has caught up", |status| status["epoch"].as_u64() >= whole["epoch"].as_u64());
}
