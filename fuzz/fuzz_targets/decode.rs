//! Bytes from a peer: a frame, a command, a topology, the sessions of a snapshot. None of them panics, whatever it is.
#![no_main]

use delian_core::topology::Command;
use delian_core::{Config, LogIndex, Message, SessionRequest, Sessions, Topology};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Message::decode(bytes) {
        assert_eq!(Message::decode(&message.encode()), Ok(message), "a message changed on its way");
    }
    if let Ok(command) = Command::decode(bytes) {
        assert_eq!(Command::decode(&command.encode()), Ok(command), "a command changed on its way");
    }
    let settings = Config::default().check().expect("the defaults make sense");
    if let Ok(topology) = Topology::from_bytes(bytes, settings.topology()) {
        topology.assert_invariants();
    }
    if let Ok(asked) = SessionRequest::decode(bytes) {
        assert_eq!(SessionRequest::decode(&asked.encode()), Ok(asked), "a request changed on its way");
    }
    if let Some(sessions) = Sessions::from_bytes(bytes, LogIndex::new(100), settings.sessions()) {
        assert_eq!(sessions.to_bytes(), bytes, "sessions have two forms");
    }
});
