//! Bytes that are not those of the search that is asked for.

use super::systems::{Grid, NaiveLock, TwoPhaseCommit};
use super::visited::Key;
use super::*;

const MODEL: u64 = 0xD0_0D1E;

fn bytes_of<S: System>(system: &S, states_max: u64) -> Vec<u8> {
    let mut search = Search::new(system, 5);
    search.run(&up_to(states_max, OnBreach::GoOn), &mut go_on);
    let mut bytes = Vec::new();
    search.save(MODEL, &mut bytes).unwrap();
    bytes
}

fn refusal<S: System>(system: &S, model: u64, bytes: &[u8]) -> CheckpointError {
    Search::resume(system, model, bytes).err().expect("it is refused")
}

#[test]
fn another_model_another_version_and_other_files_are_refused_by_name() {
    let bytes = bytes_of(&NaiveLock, 20);
    let error = refusal(&NaiveLock, 3, &bytes);
    assert!(matches!(error, CheckpointError::Model { found: MODEL, expected: 3 }), "{error}");
    let mut newer = bytes.clone();
    newer[8] += 1;
    let error = refusal(&NaiveLock, MODEL, &newer);
    assert!(matches!(error, CheckpointError::Version { found: 2 }), "{error}");
    let error = refusal(&NaiveLock, MODEL, b"some other file");
    assert!(matches!(error, CheckpointError::NotACheckpoint), "{error}");
}

#[test]
fn bytes_that_end_too_early_or_too_late_are_refused() {
    let mut bytes = bytes_of(&NaiveLock, 20);
    for end in 0..bytes.len() {
        let error = refusal(&NaiveLock, MODEL, &bytes[..end]);
        assert!(matches!(error, CheckpointError::Truncated), "{end}: {error}");
    }
    bytes.push(0);
    let error = refusal(&NaiveLock, MODEL, &bytes);
    assert!(matches!(error, CheckpointError::Corrupt(_)), "{error}");
}

#[test]
fn no_flipped_bit_goes_unseen() {
    let bytes = bytes_of(&NaiveLock, 20);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            // A damaged count may promise more than there is, so the end may be what is met first.
            let error = refusal(&NaiveLock, MODEL, &flipped);
            assert!(!matches!(error, CheckpointError::Io(_) | CheckpointError::Strayed { .. }), "{at}: {error}");
        }
    }
}

#[test]
fn a_system_that_behaves_otherwise_is_seen_even_under_the_same_digest() {
    let bytes = bytes_of(&Grid { directions: 3, side: 4 }, 40);
    let error = refusal(&Grid { directions: 3, side: 3 }, MODEL, &bytes);
    assert!(matches!(error, CheckpointError::Strayed { .. }), "{error}");
    let error = refusal(&NaiveLock, MODEL, &bytes);
    assert!(matches!(error, CheckpointError::Corrupt(_)), "{error}");
    let error = refusal(&TwoPhaseCommit { managers: 3 }, MODEL, &bytes);
    assert!(matches!(error, CheckpointError::Strayed { .. }), "{error}");
}

#[test]
fn a_checkpoint_takes_22_bytes_per_state_and_little_more() {
    let bytes = bytes_of(&Grid { directions: 3, side: 40 }, u64::MAX).len();
    assert!((22 * 64_000..22 * 64_000 + 2_000).contains(&bytes), "{bytes} bytes");
}

#[test]
fn a_checkpoint_that_contradicts_itself_is_refused_though_its_seals_match() {
    type Tamper = fn(&mut Search<'static, NaiveLock>);
    let tampers: [(&str, Tamper); 11] = [
        ("more states are expanded than there are", |search| search.counts.expanded = 21),
        ("a state that led to others is not expanded", |search| search.counts.expanded = 2),
        ("an action that led to a state is not taken", |search| search.counts.place = 0),
        ("a state has too many actions", |search| search.counts.place = 1 << 16),
        ("a level is empty", |search| search.levels.push(0)),
        ("a level is too long", |search| search.levels[2] += 1),
        ("levels overflow", |search| search.levels[1] = u64::MAX),
        ("two states begin", |search| (search.levels[0], search.levels[1]) = (2, search.levels[1] - 1)),
        ("there is a goal", |search| search.witnesses.push(Some(0))),
        ("a state is its own parent", |search| {
            search.trail.push(20, 0);
            search.levels[3] += 1;
            search.visited.insert(Key::spread(77));
        }),
        ("a breach does not happen", |search| search.found.push((Path(vec![0]), super::systems::breach("x")))),
    ];
    for (what, tamper) in tampers {
        let mut search = Search::new(&NaiveLock, 5);
        search.run(&up_to(20, OnBreach::GoOn), &mut go_on);
        assert!(search.counts.place > 0, "the search ended in the middle of a state");
        tamper(&mut search);
        let mut bytes = Vec::new();
        search.save(MODEL, &mut bytes).unwrap();
        let error = refusal(&NaiveLock, MODEL, &bytes);
        assert!(matches!(error, CheckpointError::Corrupt(_) | CheckpointError::Strayed { .. }), "{what}: {error}");
    }
}

#[test]
fn a_goal_of_a_state_that_is_not_there_is_refused() {
    let grid = Grid { directions: 3, side: 4 };
    let mut search = Search::new(&grid, 5);
    search.run(&up_to(20, OnBreach::GoOn), &mut go_on);
    search.witnesses[0] = Some(20);
    let mut bytes = Vec::new();
    search.save(MODEL, &mut bytes).unwrap();
    assert!(matches!(refusal(&grid, MODEL, &bytes), CheckpointError::Corrupt(_)));
}
