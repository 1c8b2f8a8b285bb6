//! What the tests of this module share.

use super::heartbeat::{Heartbeat, Sample};
use super::settings::{HealthConfig, HealthSettings};
use crate::ids::{Bytes, Epoch, NodeId};
use crate::time::WallTime;

pub(super) fn settings() -> HealthSettings {
    HealthConfig::default().check().expect("the defaults make sense")
}

/// A heartbeat of a node that fares well.
pub(super) fn beat(node: u64, epoch: u64, sequence: u64) -> Heartbeat {
    Heartbeat {
        node: NodeId::new(node),
        epoch: Epoch::new(epoch),
        sequence,
        sample: Sample {
            free: Bytes::new(600),
            total: Bytes::new(1000),
            score: 1000,
            active_requests: 3,
            latency_micros: 800,
            taken_at: WallTime::from_unix_millis(1_700_000_000_000 + sequence),
        },
    }
}
