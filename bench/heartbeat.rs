//! What the peers share beyond the work: the rounds of heartbeats, and when each was sent, inside its payload.

use std::time::Duration;

use crate::work::{INTERVAL, PAYLOAD_BYTES, Work};

/// Returns how many rounds of heartbeats each node sends.
pub(crate) fn rounds(work: Work) -> u32 {
    let rounds = Duration::from_secs(work.seconds).as_nanos().div_ceil(INTERVAL.as_nanos());
    u32::try_from(rounds).expect("a run is shorter than a year")
}

/// Returns when a node sends its first round.
pub(crate) fn first_at(work: Work, own: u8) -> Duration {
    INTERVAL * u32::from(own) / u32::from(work.nodes)
}

/// Writes when a heartbeat is sent into its payload.
pub(crate) fn stamp(sent_at: Duration) -> [u8; PAYLOAD_BYTES] {
    let mut payload = [0; PAYLOAD_BYTES];
    let nanos = u64::try_from(sent_at.as_nanos()).expect("a run is shorter than 584 years");
    payload[..8].copy_from_slice(&nanos.to_le_bytes());
    payload
}

/// Reads it back.
pub(crate) fn sent_at(payload: &[u8]) -> Duration {
    let (nanos, _) = payload.split_first_chunk().expect("every heartbeat is stamped");
    Duration::from_nanos(u64::from_le_bytes(*nanos))
}
