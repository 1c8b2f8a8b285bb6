//! Directories: one process, one owner, and nothing that is lost without a word.

use std::fs;

use tempfile::TempDir;

use super::super::{Care, Directory, FORMAT, Holding, Repair, Survey};
use super::*;

fn place() -> TempDir {
    tempfile::tempdir().expect("there is a place for temporary files")
}

fn held(place: &TempDir) -> Directory {
    Directory::open(place.path()).expect("nobody else holds it")
}

#[test]
fn a_store_is_made_once_and_opened_again() {
    let place = place();
    assert_eq!(held(&place).holds().unwrap(), Holding::Nothing);
    assert!(matches!(held(&place).reopen(&owner()), Err(StoreError::Absent { .. })));
    let mut store = held(&place).create(&owner()).unwrap();
    store.write(&[hard_state(3), append(0, vec![entry(3, 10)])]).unwrap();
    let expected = store.recover().unwrap();
    drop(store);
    assert_eq!(held(&place).holds().unwrap(), Holding::Store);
    assert!(matches!(held(&place).create(&owner()), Err(StoreError::Exists { .. })));
    assert_eq!(held(&place).reopen(&owner()).unwrap().recover().unwrap(), expected);
    let other = Owner { id: NodeId::new(8), ..owner() };
    assert!(matches!(held(&place).reopen(&other), Err(StoreError::Foreign { .. })));
}

#[test]
fn a_directory_is_used_by_one_process_at_a_time() {
    let place = place();
    let store = held(&place).create(&owner()).unwrap();
    let error = Directory::open(place.path()).unwrap_err();
    let own = std::process::id();
    assert!(matches!(error, StoreError::Held { process: Some(process), .. } if process == own), "{error}");
    assert!(error.to_string().contains(&format!("(process {own})")), "{error}");
    let error = Survey::of(place.path(), Care::Records).unwrap_err();
    assert!(matches!(error, StoreError::Held { .. }), "{error}");
    drop(store);
    drop(held(&place));
}

#[test]
fn a_store_that_is_gone_is_no_first_start() {
    let place = place();
    drop(held(&place).create(&owner()).unwrap());
    fs::remove_file(place.path().join("delian.redb")).unwrap();
    assert_eq!(held(&place).holds().unwrap(), Holding::Lost);
    for error in [held(&place).create(&owner()).unwrap_err(), held(&place).reopen(&owner()).unwrap_err()] {
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }
    assert!(matches!(Survey::of(place.path(), Care::Records), Err(StoreError::Damaged { .. })));
    let aside = held(&place).set_aside().unwrap();
    assert_eq!(aside, place.path().join("owner.json.aside-1"));
    drop(held(&place).create(&owner()).unwrap());
}

#[test]
fn a_store_that_was_being_made_counts_for_nothing() {
    let place = place();
    fs::write(place.path().join("delian.redb.new"), b"half of something").unwrap();
    assert_eq!(held(&place).holds().unwrap(), Holding::Nothing);
    drop(held(&place).create(&owner()).unwrap());
    assert!(!place.path().join("delian.redb.new").exists());
    // The crash came between the store and its marker.
    fs::remove_file(place.path().join("owner.json")).unwrap();
    drop(held(&place).reopen(&owner()).unwrap());
    assert!(place.path().join("owner.json").exists());
}

#[test]
fn a_marker_that_names_another_owner_is_damage() {
    let place = place();
    drop(held(&place).create(&owner()).unwrap());
    let marker = place.path().join("owner.json");
    for text in ["{\"id\":8,\"cluster\":\"blue\"}", "{", ""] {
        fs::write(&marker, text).unwrap();
        let error = held(&place).reopen(&owner()).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{text}: {error}");
    }
}

#[test]
fn what_is_set_aside_is_kept_and_the_node_begins_as_a_blank_one() {
    let place = place();
    assert!(matches!(held(&place).set_aside(), Err(StoreError::Absent { .. })));
    for number in 1..=3_u64 {
        let mut store = held(&place).create(&owner()).unwrap();
        store.write(&[hard_state(number)]).unwrap();
        drop(store);
        let database = place.path().join("delian.redb");
        let mut rotten = fs::read(&database).unwrap();
        rotten[0] ^= 1;
        fs::write(&database, &rotten).unwrap();
        assert!(matches!(held(&place).reopen(&owner()), Err(StoreError::Damaged { .. })));
        let aside = held(&place).set_aside().unwrap();
        assert_eq!(aside, place.path().join(format!("delian.redb.aside-{number}")));
        assert_eq!(fs::read(&aside).unwrap(), rotten);
        assert_eq!(held(&place).holds().unwrap(), Holding::Nothing);
    }
    assert_eq!(held(&place).create(&owner()).unwrap().recover().unwrap(), Recovered::default());
}

#[test]
fn a_look_changes_nothing_and_tells_what_a_node_would_start_with() {
    let place = place();
    let mut store = held(&place).create(&owner()).unwrap();
    store.write(&[Record::Install(snapshot(1, 4, 100)), append(4, vec![entry(2, 10)])]).unwrap();
    let expected = store.recover().unwrap();
    // As a process that was killed leaves it.
    let left = fs::read(place.path().join("delian.redb")).unwrap();
    drop(store);
    let closed = fs::read(place.path().join("delian.redb")).unwrap();
    for (bytes, repair) in [(left, Repair::AtNextStart), (closed, Repair::Nothing)] {
        fs::write(place.path().join("delian.redb"), &bytes).unwrap();
        for care in [Care::Records, Care::Pages] {
            let survey = Survey::of(place.path(), care).unwrap();
            assert_eq!((&survey.recovered, survey.repair), (&expected, repair));
            assert_eq!((survey.owner, survey.format), (owner(), FORMAT));
        }
        assert_eq!(fs::read(place.path().join("delian.redb")).unwrap(), bytes, "it was changed");
    }
}

#[test]
fn a_look_at_a_damaged_file_never_panics_and_never_invents() {
    let place = place();
    let mut store = held(&place).create(&owner()).unwrap();
    store.write(&[Record::Install(snapshot(1, 4, 100)), append(4, vec![entry(2, 10)])]).unwrap();
    let expected = store.recover().unwrap();
    drop(store);
    let database = place.path().join("delian.redb");
    let bytes = fs::read(&database).unwrap();
    let mut dice = Dice::new(21);
    for number in 0..200 {
        let mut rotten = bytes.clone();
        let at = if number < 100 { number * 4 } else { dice.roll(bytes.len()) };
        rotten[at] ^= 1 << dice.roll(8);
        fs::write(&database, &rotten).unwrap();
        match Survey::of(place.path(), Care::Pages) {
            Ok(survey) => assert_eq!(survey.recovered, expected, "byte {at}"),
            Err(error) => {
                assert!(matches!(error, StoreError::Damaged { .. } | StoreError::Version { .. }), "byte {at}: {error}");
            }
        }
    }
}

#[test]
fn documents_tell_every_record_and_decode_commands() {
    let place = place();
    let mut store = held(&place).create(&owner()).unwrap();
    let command = delian_core::topology::Command::Deregister(NodeId::new(5)).encode();
    let known = Entry { term: Term::new(2), payload: Payload::Command(command) };
    store.write(&[hard_state(2), Record::Install(snapshot(1, 4, 3)), append(4, vec![known, entry(255, 1)])]).unwrap();
    drop(store);
    let survey = Survey::of(place.path(), Care::Records).unwrap();
    let lines: Vec<String> = survey.documents().map(|document| document.to_string()).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

/// One bit of the header says which of two states counts, and nothing vouches for it.
#[test]
fn a_look_and_a_start_agree_on_the_newer_state_of_a_store_whose_mark_was_turned() {
    let copy = place();
    let place = place();
    let mut store = held(&place).create(&owner()).unwrap();
    store.write(&[hard_state(3), append(0, vec![entry(3, 10)])]).unwrap();
    store.write(&[hard_state(5), append(1, vec![entry(5, 10)])]).unwrap();
    let expected = store.recover().unwrap();
    // As the node leaves it when it is killed.
    let mut bytes = fs::read(place.path().join("delian.redb")).unwrap();
    bytes[9] ^= 1;
    fs::write(copy.path().join("delian.redb"), &bytes).unwrap();
    for care in [Care::Records, Care::Pages] {
        assert_eq!(Survey::of(copy.path(), care).unwrap().recovered, expected);
    }
    assert_eq!(fs::read(copy.path().join("delian.redb")).unwrap(), bytes, "a look changes nothing");
    assert_eq!(held(&copy).reopen(&owner()).unwrap().recover().unwrap(), expected);
}
