//! Decoding allocates in proportion to its input, whatever the input claims about itself.
//!
//! The whole process allocates through a counting allocator, so this file holds a single test: nothing else may run
//! beside it.

mod messages;

use std::alloc::System;

use delian_core::topology::Command;
use delian_core::wire::WIRE_VERSION;
use delian_core::{Config, LogIndex, Message, SessionRequest, Sessions, Topology};
use messages::message;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestRng, TestRunner};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many bytes decoding may allocate for each byte of input. The densest input is a run of entries of two bytes each;
/// one takes 24 bytes in memory, up to three times over while its vector grows, and once more in the shared slice.
const PER_BYTE: usize = 64;

/// What decoding may allocate whatever the input: the empty maps and slices of a message.
const AT_LEAST: usize = 2_048;

fn allocated(decode: impl FnOnce()) -> usize {
    let region = Region::new(COUNTING);
    decode();
    region.change().bytes_allocated
}

fn check(bytes: &[u8]) {
    let limit = bytes.len() * PER_BYTE + AT_LEAST;
    let settings = Config::default().check().expect("the defaults make sense");
    let message = allocated(|| drop(Message::decode(bytes)));
    let command = allocated(|| drop(Command::decode(bytes)));
    let topology = allocated(|| drop(Topology::from_bytes(bytes, settings.topology())));
    let last = LogIndex::new(120);
    let sessions = allocated(|| drop(Sessions::from_bytes(bytes, last, settings.sessions())));
    let asked = allocated(|| drop(SessionRequest::decode(bytes)));
    let all = [("message", message), ("command", command), ("topology", topology)];
    for (what, is) in all.into_iter().chain([("table of sessions", sessions), ("request of a session", asked)]) {
        assert!(is <= limit, "a {what} of {} bytes made decoding allocate {is}: {bytes:?}", bytes.len());
    }
}

#[test]
fn decoding_allocates_no_more_than_its_input_backs() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Runs::default(), rng);
    let damage = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    for _ in 0..4_000 {
        let mut frame = message().new_tree(&mut runner).expect("a message can be drawn").current().encode();
        for (place, byte) in damage.new_tree(&mut runner).expect("damage can be drawn").current() {
            let place = place.index(frame.len());
            frame[place] = byte;
        }
        check(&frame);
    }
    // Every byte of every kind of message in turn is followed by a length of 2^35 that nothing backs.
    let length = [0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
    for (_, message) in messages::one_of_each() {
        let frame = message.encode();
        for place in 1..frame.len() {
            check(&[&frame[..place], &length[..], &frame[place..]].concat());
        }
    }
    for prefix in messages::prefixes_of_lengths() {
        check(&[&prefix[..], &length[..]].concat());
    }
    // A topology whose members are announced as many as bytes follow, which serde alone would reserve room for.
    let settings = Config::default().check().expect("the defaults make sense");
    let empty = Topology::new(settings.topology()).to_bytes();
    for place in 1..=empty.len() {
        check(&[&empty[..place], &[0x80, 0x10], &[1; 2_048]].concat());
    }
    // Sessions in their shortest forms: with nothing to remember, and with one outcome each.
    for outcomes in [&[0][..], &[1, 0, 0, 1, 1, 0]] {
        let opened = (1..=100_u8).flat_map(|opened| [&[opened, opened, 0][..], outcomes].concat());
        let count = if outcomes.len() == 1 { 100 } else { 90 };
        check(&[1, count].into_iter().chain(opened).collect::<Vec<u8>>());
        check(&[1, 0xff, 0x7f].into_iter().chain([1; 2_048]).collect::<Vec<u8>>());
    }
    // An append of nothing but the shortest entries is the densest honest input.
    let mut dense = vec![WIRE_VERSION, 0, 1, 0, 4, 0, 0, 0, 0x80, 0x08];
    dense.extend([0; 2_048]);
    dense.push(0);
    assert!(Message::decode(&dense).is_ok(), "the densest append decodes: {:?}", Message::decode(&dense));
    check(&dense);
}
