//! Clients that ask for one thing after the other, over connections that stay.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::Problem;
use crate::process::{Stopwatch, wait};

/// How long a server may take for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// What some clients got done.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    /// Answers for each second.
    pub(super) per_second: f64,
    /// Of all answers, the time in microseconds: the median.
    pub(super) median: f64,
    /// The slowest of a hundred.
    pub(super) p99: f64,
    /// How many were refused.
    pub(super) refused: u64,
}

/// One connection to a server.
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(super) fn open(address: &str) -> std::io::Result<Self> {
        Self::with_patience(address, ANSWER_TIMEOUT)
    }

    /// Opens a connection of a client that gives up on an answer after a while.
    pub(super) fn with_patience(address: &str, patience: Duration) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends one request and reads its answer whole. Returns its status and its body.
    pub(super) fn ask(&mut self, request: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
        self.stream.get_mut().write_all(request)?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other(format!("no answer but {line:?}")))?;
        let (mut length, mut is_chunked) = (0, false);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(std::io::Error::other)?;
            }
            is_chunked |= name.eq_ignore_ascii_case("transfer-encoding") && value.trim() == "chunked";
        }
        let mut body = Vec::new();
        if !is_chunked {
            self.take(length, &mut body)?;
            return Ok((status, body));
        }
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
            self.take(length, &mut body)?;
            self.stream.read_line(&mut line)?;
            if length == 0 {
                return Ok((status, body));
            }
        }
    }

    fn take(&mut self, length: usize, body: &mut Vec<u8>) -> std::io::Result<()> {
        let before = body.len();
        body.resize(before + length, 0);
        self.stream.read_exact(&mut body[before..])
    }
}

/// Returns a request that leaves the connection open.
pub(super) fn request(method: &str, address: &str, path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Lets so many clients ask one after the other, and counts what is answered after a while.
pub(super) fn measure(
    address: &str,
    clients: usize,
    warm: Duration,
    span: Duration,
    ask: impl Fn(u64) -> Vec<u8> + Sync,
) -> Result<Load, Problem> {
    let (counts, over, number) = (AtomicBool::new(false), AtomicBool::new(false), AtomicU64::new(0));
    let client = || -> std::io::Result<(Vec<u64>, u64)> {
        let mut connection = Connection::open(address)?;
        let (mut times, mut refused) = (Vec::new(), 0);
        while !over.load(Ordering::Relaxed) {
            let request = ask(number.fetch_add(1, Ordering::Relaxed));
            let watch = Stopwatch::start();
            let (status, _) = connection.ask(&request)?;
            if counts.load(Ordering::Relaxed) {
                times.push(watch.elapsed().as_micros() as u64);
                refused += u64::from(status != 200);
            }
        }
        Ok((times, refused))
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        wait(warm);
        counts.store(true, Ordering::Relaxed);
        let watch = Stopwatch::start();
        wait(span);
        counts.store(false, Ordering::Relaxed);
        let span = watch.elapsed();
        over.store(true, Ordering::Relaxed);
        let (mut times, mut refused) = (Vec::new(), 0);
        for client in clients {
            let ended = client.join().map_err(|_| "a client panicked".to_owned())?;
            let (mut its_times, its_refused) = ended.map_err(|error| format!("{address}: {error}"))?;
            times.append(&mut its_times);
            refused += its_refused;
        }
        times.sort_unstable();
        let at = |permille: usize| times.get(times.len() * permille / 1000).map_or(0.0, |time| *time as f64);
        Ok(Load { per_second: times.len() as f64 / span.as_secs_f64(), median: at(500), p99: at(990), refused })
    })
}
