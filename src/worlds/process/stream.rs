//! Streams between processes, as a network treats them: what is lost comes late, and a cut link stands still.
//!
//! A stream needs both directions, for what one side sends the other confirms. So each direction of a stream goes over the
//! link of that direction, and a link that is cut one way soon costs the streams of both.

use std::sync::Arc;
use std::time::Duration;

use delian_sim::scenario::Rate;
use delian_sim::worlds::Passage;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::relay::{Shared, Tally};

/// What a greeting begins with, up to the identity of who dialled: magic, version, length, lane, identity.
const GREETING_BYTES: usize = 16;

/// How much is carried at a time.
const PART_BYTES: usize = 16 * 1024;

/// The least that is.
const PART_BYTES_MIN: usize = 64;

/// How many parts are under way in one direction, so that who sends faster than the link must wait.
const PARTS_MAX: usize = 64;

/// How late a part comes that was lost and sent again: the least that systems wait before they do (RFC 6298 says a second,
/// Linux takes a fifth of one).
const SENT_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// The pause after a door could not take a connection: the system may be out of something for a while.
const TROUBLE_PAUSE: Duration = Duration::from_millis(10);

/// Takes the connections that come to the door of one process.
pub(super) async fn serve(shared: Arc<Shared>, to: u16, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(carry(Arc::clone(&shared), to, stream))),
            Err(_) if shared.is_closing() => return,
            Err(_) => sleep_until(Instant::now() + TROUBLE_PAUSE).await,
        }
    }
}

/// Carries one connection until both ends have ended it.
async fn carry(shared: Arc<Shared>, to: u16, mut dialled: TcpStream) {
    let mut greeting = [0; GREETING_BYTES];
    if dialled.read_exact(&mut greeting).await.is_err() {
        return;
    }
    let Some(from) = sender(&greeting).filter(|from| (1..=shared.size()).contains(from)) else { return };
    // Who dials over a link that is cut is not heard until it is mended, and has given up by then.
    shared.until(from, to, |passage| passage == Passage::Open).await;
    let Ok(mut reached) = TcpStream::connect(shared.place().node(to)).await else { return };
    let _ = (dialled.set_nodelay(true), reached.set_nodelay(true));
    if reached.write_all(&greeting).await.is_err() {
        return;
    }
    let ((from_dialled, to_dialled), (from_reached, to_reached)) = (dialled.into_split(), reached.into_split());
    let there = pipe(&shared, (from, to), from_dialled, to_reached);
    let back = pipe(&shared, (to, from), from_reached, to_dialled);
    tokio::join!(there, back);
}

/// Returns who dialled, by its greeting.
fn sender(greeting: &[u8; GREETING_BYTES]) -> Option<u16> {
    let identity = greeting.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))?;
    u16::try_from(identity).ok()
}

/// Returns how much of a stream goes over a link at a time: no more than a twentieth of what it carries in a second, so that
/// others come between.
fn part_bytes(rate: Option<Rate>) -> usize {
    let twentieth = |Rate(bytes)| usize::try_from(bytes / 20).unwrap_or(PART_BYTES).clamp(PART_BYTES_MIN, PART_BYTES);
    rate.map_or(PART_BYTES, twentieth)
}

/// Carries one direction.
async fn pipe(shared: &Shared, (from, to): (u16, u16), mut reader: OwnedReadHalf, mut writer: OwnedWriteHalf) {
    let (parts, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(PARTS_MAX);
    let read = async move {
        let mut bytes = vec![0; PART_BYTES];
        let mut last_at = Instant::now();
        'read: loop {
            let length = reader.read(&mut bytes).await.unwrap_or_default();
            if length == 0 {
                break;
            }
            for part in bytes[..length].chunks(part_bytes(shared.link(from, to).quality.rate)) {
                Tally::note(&shared.tally.messages);
                let quality = shared.link(from, to).quality;
                let mut delay = shared.delay(quality.latency);
                if shared.happens(quality.loss) {
                    Tally::note(&shared.tally.lost);
                    delay += SENT_AGAIN_AFTER;
                }
                let leaves_at = shared.leaves((from, to), quality.rate, part.len());
                // What was sent later is never read earlier.
                last_at = last_at.max(leaves_at + delay);
                if parts.send((last_at, part.to_vec())).await.is_err() {
                    break 'read;
                }
                sleep_until(leaves_at).await;
            }
        }
    };
    let write = async move {
        while let Some((at, bytes)) = due.recv().await {
            sleep_until(at).await;
            if shared.link(from, to).passage != Passage::Open {
                Tally::note(&shared.tally.held);
                shared.until(from, to, |passage| passage == Passage::Open).await;
            }
            if writer.write_all(&bytes).await.is_err() {
                break;
            }
        }
        // Nobody takes what may still come.
        due.close();
        // An end is told over the same link.
        shared.until(from, to, |passage| passage == Passage::Open).await;
        let _ = writer.shutdown().await;
    };
    tokio::join!(read, write);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_link_takes_small_parts_and_no_empty_ones() {
        assert_eq!(part_bytes(None), PART_BYTES);
        assert_eq!([1 << 40, 20_000, 1].map(|rate| part_bytes(Some(Rate(rate)))), [PART_BYTES, 1_000, PART_BYTES_MIN]);
    }

    #[test]
    fn who_dialled_is_told_by_the_greeting() {
        let mut greeting = [0; GREETING_BYTES];
        greeting[..4].copy_from_slice(b"DELN");
        greeting[15] = 7;
        assert_eq!(sender(&greeting), Some(7));
        greeting[8] = 1;
        assert_eq!(sender(&greeting), None);
    }
}
