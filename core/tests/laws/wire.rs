//! Laws of the bytes between nodes: nothing is lost, nothing strange gets in, nothing is reserved on credit.

use crate::messages::message;
use delian_core::observe::News;
use delian_core::raft::{Append, Body, RANGES_MAX};
use delian_core::wire::{DecodeError, FRAME_BYTES_MAX, WIRE_VERSION};
use delian_core::{LogIndex, Message, SessionRequest, Sessions, Topology, topology};
use proptest::prelude::*;
use proptest::sample::Index;

/// The most entries that a frame can hold per byte: the shortest entry is a term and a kind, one byte each.
const BYTES_PER_ENTRY_MIN: usize = 2;

proptest! {
    #[test]
    fn a_message_is_read_back_from_its_frame(message in message()) {
        prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn a_cut_frame_is_no_message(message in message(), cut in any::<Index>()) {
        let frame = message.encode();
        let cut = cut.index(frame.len());
        let expected = if cut == 0 { DecodeError::Empty } else { DecodeError::Malformed };
        prop_assert_eq!(Message::decode(&frame[..cut]), Err(expected));
    }

    #[test]
    fn what_a_newer_release_appends_is_ignored(message in message(), tail in proptest::collection::vec(any::<u8>(), 1..9)) {
        let mut frame = message.encode();
        frame.extend(&tail);
        prop_assert_eq!(Message::decode(&frame), Ok(message));
    }

    #[test]
    fn another_version_is_refused(message in message(), version in any::<u8>()) {
        prop_assume!(version != WIRE_VERSION);
        let mut frame = message.encode();
        frame[0] = version;
        prop_assert_eq!(Message::decode(&frame), Err(DecodeError::Version(version)));
    }

    #[test]
    fn arbitrary_bytes_are_a_message_or_an_error(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read_everything(&bytes);
        bytes.insert(0, WIRE_VERSION);
        read_everything(&bytes);
    }

    #[test]
    fn a_damaged_frame_is_a_message_or_an_error(message in message(), hits in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..6)) {
        let mut frame = message.encode();
        for (place, byte) in hits {
            let place = place.index(frame.len());
            frame[place] = byte;
        }
        read_everything(&frame);
    }
}

/// Decodes bytes as everything that a peer can send, and checks that a result holds no more than the bytes can back.
fn read_everything(bytes: &[u8]) {
    if let Ok(Message::PullAnswer(answer)) = Message::decode(bytes) {
        match answer.news {
            News::Delta { delta, .. } => assert!(delta.changed.len() + delta.removed.len() <= bytes.len()),
            News::Whole { bytes: whole, .. } => assert!(whole.len() <= bytes.len()),
            News::Nothing { .. } | News::Busy => {}
        }
    }
    if let Ok(Message::Raft(message)) = Message::decode(bytes) {
        if let Body::Append(Append { entries, .. }) = &message.body {
            assert!(
                entries.len() <= bytes.len() / BYTES_PER_ENTRY_MIN,
                "{} entries in {} bytes",
                entries.len(),
                bytes.len()
            );
        }
        if let Body::Chunk { bytes: part, .. } = &message.body {
            assert!(part.len() <= bytes.len());
        }
        if let Body::ChunkAnswer { held, .. } = &message.body {
            assert!(held.iter().count() <= RANGES_MAX);
        }
        if let Body::Snapshot { snapshot, .. } = &message.body {
            assert!(snapshot.state.len() <= bytes.len());
            assert!(snapshot.configuration.voters.len() + snapshot.configuration.learners.len() <= bytes.len());
        }
    }
    let settings = delian_core::Config::default().check().expect("the defaults make sense");
    let _ = topology::Command::decode(bytes);
    let _ = Topology::from_bytes(bytes, settings.topology());
    let _ = SessionRequest::decode(bytes);
    let _ = Sessions::from_bytes(bytes, LogIndex::new(100), settings.sessions());
}

/// A length of 2^40 in front of nothing: whoever reserves it, dies here.
#[test]
fn an_announced_length_without_bytes_is_an_error() {
    let length = [0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
    for prefix in crate::messages::prefixes_of_lengths() {
        let frame: Vec<u8> = prefix.into_iter().chain(length).collect();
        assert_eq!(Message::decode(&frame), Err(DecodeError::Malformed), "{frame:?}");
    }
    // The name of a registration, and the bytes of a custom command.
    for prefix in [&[0, 1][..], &[4]] {
        let bytes: Vec<u8> = prefix.iter().copied().chain(length).collect();
        assert!(topology::Command::decode(&bytes).is_err(), "{bytes:?}");
    }
}

/// Wherever a kind is written, one more than there are is told from bytes that are no message at all.
#[test]
fn an_unknown_kind_is_told_from_nonsense() {
    let unknown = [
        vec![WIRE_VERSION, 99],                            // a message
        vec![WIRE_VERSION, 0, 1, 0, 99],                   // what a Raft message says
        vec![WIRE_VERSION, 0, 1, 0, 5, 1, 9],              // an append's answer
        vec![WIRE_VERSION, 0, 1, 0, 4, 1, 1, 1, 1, 1, 99], // what an entry carries
        vec![WIRE_VERSION, 1, 1, 1, 1, 1, 1, 7],           // a client's request
        vec![WIRE_VERSION, 7, 1, 1, 2],                    // the form in which a topology is wanted
        vec![WIRE_VERSION, 8, 1, 4],                       // what a member tells of it
    ];
    for frame in unknown {
        let frame = [frame, vec![0; 20]].concat();
        assert_eq!(Message::decode(&frame), Err(DecodeError::UnknownKind), "{frame:?}");
    }
    assert_eq!(Message::decode(&[WIRE_VERSION, 0, 1, 7]), Err(DecodeError::Malformed));
}

#[test]
fn a_frame_has_a_limit() {
    let frame = vec![WIRE_VERSION; FRAME_BYTES_MAX + 1];
    assert_eq!(Message::decode(&frame), Err(DecodeError::TooLong(FRAME_BYTES_MAX + 1)));
}

/// If these bytes change, nodes of the last release fail to understand this one: add a variant at the end, or raise
/// `WIRE_VERSION` and say in the change how a federation gets from one version to the next.
#[test]
fn the_bytes_of_each_message_never_move() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/frames.txt");
    let golden = std::fs::read_to_string(path).expect("the golden frames are there");
    let (head, golden): (Vec<_>, Vec<_>) = golden.lines().partition(|line| line.starts_with('#'));
    let frames: Vec<_> =
        crate::messages::one_of_each().into_iter().map(|(name, message)| frame_line(name, &message)).collect();
    if std::env::var_os("DELIAN_REWRITE").is_some() {
        let rewritten = [head.join("\n"), frames.join("\n"), String::new()].join("\n");
        return std::fs::write(path, rewritten).expect("the golden frames can be written");
    }
    assert_eq!(frames, golden);
}

fn frame_line(name: &str, message: &Message) -> String {
    let hex: Vec<_> = message.encode().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name} {}", hex.concat())
}
