//! Letters and packets as frames.
//!
//! On a stream a frame is its length in four bytes, big-endian, one byte for its kind, and so many less one bytes of what it
//! carries. In a datagram the kind comes first. A kind, or a part of what is carried, that is not known here comes from a
//! newer release and is skipped; anything else that does not decode is somebody's fault. Reading a frame takes no more
//! memory than what has arrived of it needs.

use std::io;
use std::time::Duration;

use delian_core::swim::Packet;
use delian_core::wire::{FRAME_BYTES_MAX, WIRE_VERSION};
use delian_core::{Blob, DecodeError, Message, raft};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::{Lane, Letter};

/// The kinds of frames. Numbers are never used for another meaning.
mod kind {
    /// Asks the other side to say that it is there; carries nothing.
    pub(super) const PULSE: u8 = 0;
    pub(super) const CORE: u8 = 1;
    pub(super) const ASK: u8 = 2;
    pub(super) const TOLD: u8 = 3;
    pub(super) const PACKET: u8 = 4;
}

/// What comes back on a connection for each pulse.
pub(super) const PULSE_ANSWER: u8 = 1;

/// How many bytes of a frame are asked for, or written, at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// How many bytes a stream's frame has beside what it carries.
pub(super) const FRAME_HEADER_BYTES: usize = 5;

/// Something on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    kind: u8,
    carried: Vec<u8>,
}

/// What a frame carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Pulse,
    Letter(Letter),
    Packet(Packet),
}

impl Frame {
    pub(super) fn pulse() -> Self {
        Self { kind: kind::PULSE, carried: Vec::new() }
    }

    pub(super) fn of_letter(letter: &Letter) -> Self {
        match letter {
            Letter::Core(message) => Self { kind: kind::CORE, carried: message.encode() },
            Letter::Ask { number, command } => Self { kind: kind::ASK, carried: encoded(&(number, command)) },
            Letter::Told { number, outcome } => Self { kind: kind::TOLD, carried: encoded(&(number, outcome)) },
        }
    }

    pub(super) fn of_packet(packet: &Packet) -> Self {
        Self { kind: kind::PACKET, carried: packet.encode() }
    }

    /// Returns how many bytes it carries.
    pub(super) const fn len(&self) -> usize {
        self.carried.len()
    }

    pub(super) const fn is_too_large(&self) -> bool {
        self.carried.len() > FRAME_BYTES_MAX
    }

    /// Returns the bytes of a datagram.
    pub(super) fn into_datagram(self) -> Vec<u8> {
        let mut bytes = self.carried;
        bytes.insert(0, self.kind);
        bytes
    }
}

fn encoded(letter: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(letter, vec![WIRE_VERSION])
        .expect("a vector grows as needed and every letter has a postcard form")
}

fn decoded<T: DeserializeOwned>(carried: &[u8]) -> Result<T, DecodeError> {
    let (version, bytes) = carried.split_first().ok_or(DecodeError::Empty)?;
    if *version != WIRE_VERSION {
        return Err(DecodeError::Version(*version));
    }
    match postcard::take_from_bytes(bytes) {
        Ok((letter, _)) => Ok(letter),
        // As in `Message::decode`: serde alone refuses an enum's unknown variant.
        Err(postcard::Error::SerdeDeCustom) => Err(DecodeError::UnknownKind),
        Err(_) => Err(DecodeError::Malformed),
    }
}

/// Reads what a frame or a datagram holds: its kind and what it carries.
pub(super) fn decode(bytes: &[u8]) -> Result<Content, DecodeError> {
    let (kind, carried) = bytes.split_first().ok_or(DecodeError::Empty)?;
    match *kind {
        kind::PULSE => Ok(Content::Pulse),
        kind::CORE => Message::decode(carried).map(|message| Content::Letter(Letter::Core(message))),
        kind::ASK => {
            let (number, command): (u64, Blob) = decoded(carried)?;
            Ok(Content::Letter(Letter::Ask { number, command }))
        }
        kind::TOLD => {
            let (number, outcome) = decoded(carried)?;
            Ok(Content::Letter(Letter::Told { number, outcome }))
        }
        kind::PACKET => Packet::decode(carried).map(Content::Packet),
        _ => Err(DecodeError::UnknownKind),
    }
}

/// Says which lane a letter takes.
pub(super) const fn lane_of(letter: &Letter) -> Lane {
    match letter {
        Letter::Core(Message::Heartbeat(_)) => Lane::Datagram,
        Letter::Core(Message::PullAnswer(_)) => Lane::Bulk,
        Letter::Core(Message::Raft(message)) => match message.body {
            raft::Body::Snapshot { .. } | raft::Body::Chunk { .. } => Lane::Bulk,
            raft::Body::PreVote { .. }
            | raft::Body::PreVoteAnswer(_)
            | raft::Body::Vote { .. }
            | raft::Body::VoteAnswer(_)
            | raft::Body::Append(_)
            | raft::Body::AppendAnswer { .. }
            | raft::Body::Heartbeat { .. }
            | raft::Body::HeartbeatAnswer { .. }
            | raft::Body::Commit { .. }
            | raft::Body::Outdated
            | raft::Body::Stranger { .. }
            | raft::Body::ChunkAnswer { .. }
            | raft::Body::TimeoutNow { .. } => Lane::Consensus,
        },
        Letter::Core(
            Message::Forward(_)
            | Message::Answer(_)
            | Message::Visitor { .. }
            | Message::ReadIndex(_)
            | Message::ReadIndexAnswer(_)
            | Message::Pull(_),
        )
        | Letter::Ask { .. }
        | Letter::Told { .. } => Lane::Consensus,
    }
}

/// Reads a frame from a stream: its kind and what it carries. Nothing if the stream ended, or was silent for `idle_max`,
/// before one began.
///
/// # Errors
///
/// When the stream breaks, stands still within a frame for `stall_max`, or announces a frame that is none.
pub(super) async fn read<R: AsyncBufRead + Unpin>(
    stream: &mut R,
    idle_max: Duration,
    stall_max: Duration,
) -> io::Result<Option<Vec<u8>>> {
    match timeout(idle_max, stream.fill_buf()).await {
        Err(_) | Ok(Ok([])) => return Ok(None),
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(error),
    }
    let stalled = |_| io::Error::new(io::ErrorKind::TimedOut, "it stood still within a frame");
    let length = timeout(stall_max, stream.read_u32()).await.map_err(stalled)?? as usize;
    if length == 0 || length > FRAME_BYTES_MAX + 1 {
        let why = format!("it announced a frame of {length} bytes, but 1 to {} are allowed", FRAME_BYTES_MAX + 1);
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let piece = PIECE_BYTES.min(length - bytes.len());
        let mut limited = (&mut *stream).take(piece as u64);
        let read = timeout(stall_max, limited.read_to_end(&mut bytes)).await.map_err(stalled)??;
        if read < piece {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Some(bytes))
}

/// Writes frames to a stream as few large pieces, and flushes.
///
/// # Errors
///
/// When the stream breaks, or takes nothing for `stall_max`.
pub(super) async fn write<'a, W: AsyncWrite + Unpin>(
    stream: &mut W,
    frames: impl Iterator<Item = &'a Frame>,
    stall_max: Duration,
) -> io::Result<()> {
    let mut together = Vec::new();
    for Frame { kind, carried } in frames {
        // A frame that is too large for its length was dropped before it came here.
        together.extend((carried.len() as u32 + 1).to_be_bytes());
        together.push(*kind);
        if carried.len() > PIECE_BYTES {
            write_pieces(stream, &together, stall_max).await?;
            together.clear();
            write_pieces(stream, carried, stall_max).await?;
        } else {
            together.extend_from_slice(carried);
        }
    }
    write_pieces(stream, &together, stall_max).await?;
    timeout(stall_max, stream.flush()).await.map_err(|_| stuck())?
}

async fn write_pieces<W: AsyncWrite + Unpin>(stream: &mut W, bytes: &[u8], stall_max: Duration) -> io::Result<()> {
    for piece in bytes.chunks(PIECE_BYTES) {
        timeout(stall_max, stream.write_all(piece)).await.map_err(|_| stuck())??;
    }
    Ok(())
}

fn stuck() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the other side takes nothing")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::BufReader;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    async fn read_all(mut bytes: &[u8]) -> (Vec<Vec<u8>>, io::Result<()>) {
        let mut stream = BufReader::with_capacity(7, &mut bytes);
        let mut frames = Vec::new();
        loop {
            match read(&mut stream, SOON, SOON).await {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return (frames, Ok(())),
                Err(error) => return (frames, Err(error)),
            }
        }
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_is_read(sizes in prop::collection::vec(prop_oneof![8 => 0_usize..300, 1 => 65_530_usize..200_000], 0..12)) {
            let frames: Vec<Frame> = sizes.iter().map(|size| Frame { kind: *size as u8, carried: vec![7; *size] }).collect();
            let mut bytes = Vec::new();
            run(write(&mut bytes, frames.iter(), SOON)).unwrap();
            let (read, end) = run(read_all(&bytes));
            prop_assert!(end.is_ok());
            prop_assert_eq!(read, frames.into_iter().map(Frame::into_datagram).collect::<Vec<_>>());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = decode(&bytes);
            for kind in 0..6 {
                let _ = decode(&[&[kind, WIRE_VERSION], bytes.as_slice()].concat());
            }
            let _ = run(read_all(&bytes));
        }
    }

    #[test]
    fn a_length_that_nothing_backs_reserves_nothing() {
        let (frames, end) = run(read_all(&[&(FRAME_BYTES_MAX as u32).to_be_bytes()[..], &[1; 100]].concat()));
        assert_eq!((frames.len(), end.unwrap_err().kind()), (0, io::ErrorKind::UnexpectedEof));
        for length in [0, FRAME_BYTES_MAX as u32 + 2, u32::MAX] {
            let error = run(read_all(&length.to_be_bytes())).1.unwrap_err();
            assert!(error.to_string().contains(&format!("a frame of {length} bytes")), "{error}");
        }
    }

    #[test]
    fn a_kind_of_a_newer_release_is_told_from_junk() {
        assert_eq!(decode(&[9, 1, 2, 3]), Err(DecodeError::UnknownKind));
        assert_eq!(decode(&[kind::CORE, WIRE_VERSION, 200, 1]), Err(DecodeError::UnknownKind));
        assert_eq!(decode(&[kind::TOLD, WIRE_VERSION, 1, 1, 120]), Err(DecodeError::UnknownKind));
        assert_eq!(decode(&[kind::TOLD, WIRE_VERSION, 1]), Err(DecodeError::Malformed));
        assert_eq!(decode(&[kind::ASK, 77]), Err(DecodeError::Version(77)));
        assert_eq!(decode(&[kind::ASK]), Err(DecodeError::Empty));
    }
}
