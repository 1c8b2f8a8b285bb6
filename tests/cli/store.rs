//! `delian store`: what it tells of a store, and what it refuses.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use delian_shell::delian_core::raft::{Configuration, Entry, HardState, Payload, Record, Snapshot};
use delian_shell::delian_core::topology::Command;
use delian_shell::delian_core::{Blob, Boot, FeatureLevel, Incarnation, LogIndex, NodeId, Position, Term};
use delian_shell::store::{Directory, Owner, RedbStore, Store};

use crate::desk::Desk;

fn owner() -> Owner {
    Owner { id: NodeId::new(7), cluster: "blue".to_owned() }
}

/// A desk with a node's directory `node` on it, and its store, still open.
fn desk(test: &str) -> (Desk, RedbStore) {
    let desk = Desk::new(test);
    let directory = Directory::open(desk.path("node")).expect("nobody holds it");
    let mut store = directory.create(&owner()).expect("there is none");
    let voters: BTreeSet<NodeId> = (6..=8).map(NodeId::new).collect();
    let snapshot = Snapshot {
        last: Position::new(Term::new(2), LogIndex::new(40)),
        configuration: Configuration::founding(voters, BTreeSet::from([NodeId::new(9)])),
        level: FeatureLevel::HIGHEST,
        state: Blob::from(vec![1; 2000]),
    };
    let hard_state = HardState {
        term: Term::new(3),
        voted_for: Some(NodeId::new(6)),
        boot: Boot::new(2),
        incarnation: Some(Incarnation::FOUNDING),
    };
    let entry = |payload| Entry { term: Term::new(3), payload };
    let entries = vec![
        entry(Payload::Noop),
        entry(Payload::Command(Command::Deregister(NodeId::new(5)).encode())),
        entry(Payload::Command(Blob::from(vec![0xff]))),
    ];
    let records = [
        Record::Install(Arc::new(snapshot)),
        Record::HardState(hard_state),
        Record::Append { after: LogIndex::new(40), entries: entries.into() },
    ];
    store.write(&records).expect("the disk is well");
    (desk, store)
}

fn closed(test: &str) -> Desk {
    let (desk, store) = desk(test);
    drop(store);
    desk
}

#[test]
fn a_store_is_told_part_by_part() {
    let desk = closed("store-inspect");
    let ended = desk.delian("store inspect node").with(0);
    let lines: Vec<&str> = ended.output.lines().collect();
    assert!(lines[0].starts_with("file        node/delian.redb, "), "{}", lines[0]);
    assert_eq!(lines[1], "owner       n7 of \"blue\", format 2");
    assert_eq!(lines[2], "hard state  term t3, a vote for n6, boot b2, memory x0");
    assert!(lines[3].starts_with("snapshot    at t2/i40, "), "{}", lines[3]);
    assert_eq!(lines[4], "members     n6, n7, n8 vote; n9 learn");
    assert!(lines[5].starts_with("log         i41 to i43, 3 entries, "), "{}", lines[5]);
    assert_eq!(lines[6], "state       closed");
    insta::assert_json_snapshot!(desk.delian("store inspect node --json").with(0).shape());
    // The file alone is as good as its directory.
    desk.delian("store inspect node/delian.redb").with(0).says("n7 of \"blue\"");
}

#[test]
fn a_whole_store_is_verified_and_what_was_checked_is_said() {
    let desk = closed("store-verify");
    desk.delian("store verify node")
        .with(0)
        .says("node/delian.redb is whole")
        .says("every page in use fits its checksum");
    let document = desk.delian("store verify node --json").with(0).json();
    assert_eq!((&document["ok"], &document["log"]["last"]), (&true.into(), &43.into()));
}

#[test]
fn a_store_that_was_not_closed_is_read_and_left_as_it_is() {
    let (desk, store) = desk("store-crashed");
    let left = fs::read(desk.path("node/delian.redb")).expect("it can be read");
    drop(store);
    fs::write(desk.path("node/delian.redb"), &left).expect("it can be written");
    desk.delian("store inspect node").with(0).says("not closed").says("i41 to i43");
    desk.delian("store verify node").with(0).says("not closed");
    assert!(fs::read(desk.path("node/delian.redb")).expect("it can be read") == left, "the file was changed");
}

#[test]
fn damage_is_a_finding() {
    let desk = closed("store-damaged");
    let whole = fs::read(desk.path("node/delian.redb")).expect("it can be read");
    fs::write(desk.path("node/delian.redb"), &whole[..whole.len() / 2]).expect("it can be written");
    for command in ["inspect", "verify", "export"] {
        let ended = desk.delian(&format!("store {command} node")).with(1).says_nothing();
        ended.complains("damaged: node/delian.redb is damaged (").complains("--rejoin");
    }
    let document = desk.delian("store verify node --json").with(1).json();
    assert_eq!((&document["ok"], &document["place"]), (&false.into(), &"node/delian.redb".into()));
    fs::remove_file(desk.path("node/delian.redb")).expect("it can be removed");
    desk.delian("store verify node").with(1).complains("the file is gone");
}

#[test]
fn a_store_in_use_is_left_alone() {
    let (desk, store) = desk("store-held");
    for command in ["inspect", "verify", "export"] {
        let ended = desk.delian(&format!("store {command} node")).with(2).says_nothing();
        ended.complains(&format!("is held by another process (process {})", std::process::id()));
    }
    desk.delian("store inspect node/delian.redb").with(2).complains("is held by another process");
    drop(store);
    desk.delian("store inspect node").with(0);
}

#[test]
fn a_question_about_no_store_cannot_be_asked() {
    let desk = Desk::new("store-absent");
    desk.delian("store inspect nowhere").with(2).complains("there is no store in nowhere");
    desk.delian("store verify scenarios").with(2).complains("there is no store in scenarios");
    desk.delian("store export red.toml").with(1).complains("red.toml is damaged");
    desk.delian("store").with(2);
}

#[test]
fn records_are_exported_line_by_line() {
    let desk = closed("store-export");
    let ended = desk.delian("store export node").with(0);
    let records: Vec<serde_json::Value> =
        ended.output.lines().map(|line| serde_json::from_str(line).expect("a line is a document")).collect();
    let kinds: Vec<&str> = records.iter().filter_map(|record| record["record"].as_str()).collect();
    assert_eq!(kinds, ["owner", "hard_state", "snapshot", "entry", "entry", "entry"]);
    assert_eq!(records[4]["command"]["Deregister"], 5);
    assert_eq!((&records[5]["command"], &records[5]["bytes"]), (&serde_json::Value::Null, &"ff".into()));
    desk.delian("store export node --to records.jsonl").with(0).says("6 records in records.jsonl");
    assert_eq!(desk.read("records.jsonl"), ended.output);
    desk.delian("store export node --to records.jsonl").with(2).complains("records.jsonl exists");
    let written = desk.delian("store export node --to records.jsonl --force --json").with(0).json();
    assert_eq!(written["records"], 6);
    desk.delian("store export node --force").with(2);
}

#[test]
fn every_command_has_a_page_and_examples() {
    let desk = Desk::new("store-pages");
    desk.delian("man store").with(0).says(".TH delian-store 1");
    for command in ["inspect", "verify", "export"] {
        desk.delian(&format!("man store {command}")).with(0).says(&format!(".TH delian-store-{command} 1"));
        desk.delian(&format!("store {command} --help")).with(0).says("Usage: delian store ").says("Examples:");
    }
}
