//! What a node measures of the machine it runs on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use delian_core::health::Sample;
use delian_core::{Bytes, WallTime};

use crate::telemetry::metrics::{self, Carried};
use crate::transport;

/// The best score, in thousandths: a node that runs and has measured nothing against itself.
const SCORE_BEST: u16 = 1000;

/// Returns the space of the disk under a directory, and the part of it that is free. `total` is what an operator says
/// that there is.
pub(super) fn space(directory: &Path, total: Option<u64>) -> (Bytes, Bytes) {
    let (measured, free) = disk(directory).unwrap_or((0, 0));
    let total = total.unwrap_or(measured);
    (Bytes::new(total), Bytes::new(free.min(total)))
}

#[cfg(unix)]
fn disk(directory: &Path) -> Option<(u64, u64)> {
    let about = nix::sys::statvfs::statvfs(directory).ok()?;
    let fragment = about.fragment_size();
    Some((about.blocks().saturating_mul(fragment), about.blocks_available().saturating_mul(fragment)))
}

#[cfg(not(unix))]
fn disk(_directory: &Path) -> Option<(u64, u64)> {
    None
}

/// Returns what measures a node, each time that it is asked.
pub(super) fn sampler(directory: PathBuf, total: Option<u64>) -> Box<dyn FnMut(WallTime) -> Sample + Send> {
    Box::new(move |taken_at| {
        let (total, free) = space(&directory, total);
        Sample { free, total, score: SCORE_BEST, active_requests: 0, latency_micros: 0, taken_at }
    })
}

/// Returns what reads the counters of a transport for the metrics.
pub(super) fn carried(counters: Arc<transport::TransportCounters>) -> metrics::TransportCounters {
    Box::new(move || {
        let lanes = transport::Lane::ALL.into_iter().flat_map(|lane| {
            let (sent, received) = (counters.sent(lane), counters.received(lane));
            let row = move |way, traffic: transport::Traffic| Carried {
                way,
                carrier: lane.name(),
                messages: traffic.frames,
                bytes: traffic.bytes,
            };
            [row("sent", sent), row("received", received)]
        });
        let row = |way, carrier, messages| Carried { way, carrier, messages, bytes: 0 };
        let dropped = transport::Dropped::ALL.into_iter().map(|why| row("dropped", why.name(), counters.dropped(why)));
        let refused = transport::Refused::ALL.into_iter().map(|why| row("refused", why.name(), counters.refused(why)));
        lanes.chain(dropped).chain(refused).collect()
    })
}
