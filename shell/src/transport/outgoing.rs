//! Connections that this node makes: one for each peer and lane, which carries frames in order, one way.
//!
//! A connection is made when there is something to send, again after it broke, and ended when it was not needed for long.
//! What finds no room in its queue is lost, and so is what waits when nobody can be reached: the protocols send again what
//! matters, and fresher. What comes back on a connection is one byte for each pulse: it tells a machine that lost its power,
//! which says nothing, from one that has nothing to say.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant, sleep, sleep_until, timeout};

use super::counters::Dropped;
use super::frame::{self, FRAME_HEADER_BYTES, Frame, PULSE_ANSWER};
use super::handshake::{DialError, Target, Wire, dial};
use super::links::{Shared, until_stopped};

/// How many frames are written before what comes back is looked at.
const BATCH_FRAMES_MAX: usize = 256;

/// How many bytes of frames are gathered into one write.
const BATCH_BYTES_MAX: usize = 64 * 1024;

/// How often a pause doubles at most before it is certainly longer than any.
const DOUBLINGS_MAX: u32 = 20;

/// The sending end of a connection, made or not. Dropping it ends the connection.
#[derive(Debug)]
pub(super) struct Link {
    queue: mpsc::Sender<Queued>,
    waiting: Arc<AtomicUsize>,
    bytes_max: usize,
    address: SocketAddr,
    /// When it was needed last, in frames of the node.
    pub(super) used_at: u64,
    _stop: watch::Sender<()>,
}

/// A frame with the room that it takes.
#[derive(Debug)]
struct Queued {
    frame: Frame,
    _room: Room,
}

/// Room that is given back when the frame is gone, whatever became of it.
#[derive(Debug)]
struct Room {
    waiting: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Link {
    pub(super) fn start(shared: &Arc<Shared>, target: Target, bytes_max: usize) -> Self {
        let (queue, waiting) = mpsc::channel(shared.limits.frames_max);
        let (stop, stopped) = watch::channel(());
        let sender = Sender { shared: Arc::clone(shared), target, queue: waiting, failures: 0, has_connected: false };
        tokio::spawn(until_stopped(stopped, sender.run()));
        Self { queue, waiting: Arc::default(), bytes_max, address: target.address, used_at: 0, _stop: stop }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Queues a frame, if there is room: a single one of any size finds some.
    pub(super) fn post(&self, frame: Frame) -> Result<(), Dropped> {
        let bytes = frame.len() + FRAME_HEADER_BYTES;
        let before = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let room = Room { waiting: Arc::clone(&self.waiting), bytes };
        if before > 0 && before.saturating_add(bytes) > self.bytes_max {
            return Err(Dropped::QueueFull);
        }
        self.queue.try_send(Queued { frame, _room: room }).map_err(|_| Dropped::QueueFull)
    }
}

/// What keeps a connection up.
struct Sender {
    shared: Arc<Shared>,
    target: Target,
    queue: mpsc::Receiver<Queued>,
    /// How often in a row it came to nothing.
    failures: u32,
    has_connected: bool,
}

/// How a connection ended.
enum End {
    /// It was not needed.
    Idle,
    /// It broke.
    Broken(io::Error),
    /// There will be nothing more to send.
    Over,
}

impl Sender {
    async fn run(mut self) {
        while let Some(first) = self.queue.recv().await {
            match dial(&self.shared, self.target).await {
                Ok(stream) => {
                    let began_at = Instant::now();
                    self.shared.counters.dial(self.has_connected);
                    self.has_connected = true;
                    match self.carry(stream, first).await {
                        End::Over => return,
                        End::Idle => {
                            // The next one is made at once, and takes no broken one's place.
                            (self.failures, self.has_connected) = (0, false);
                            continue;
                        }
                        End::Broken(error) => {
                            tracing::debug!(to = %self.target, %error, "a connection broke");
                            if began_at.elapsed() >= self.shared.limits.backoff_max {
                                self.failures = 0;
                            }
                        }
                    }
                }
                Err(error) => {
                    self.lament(error);
                    self.let_go(first);
                }
            }
            sleep(self.pause()).await;
            self.failures = self.failures.saturating_add(1);
        }
    }

    fn lament(&self, error: DialError) {
        match error {
            DialError::Unreachable(why) => tracing::debug!(to = %self.target, why, "nobody could be reached"),
            DialError::Refused(refusal) => {
                self.shared.counters.note(refusal.refused, self.target.to_string(), refusal.why);
            }
        }
    }

    /// Loses all that waits: whoever comes back wants to hear what is fresh.
    fn let_go(&mut self, first: Queued) {
        drop(first);
        self.shared.counters.lose(Dropped::Unreachable);
        while self.queue.try_recv().is_ok() {
            self.shared.counters.lose(Dropped::Unreachable);
        }
    }

    /// Draws the pause before the next attempt from zero to a span that doubles each time: with "full jitter" those who lost
    /// one peer do not come back to it all at once.
    fn pause(&self) -> Duration {
        let limits = &self.shared.limits;
        let longest = limits.backoff_min.saturating_mul(1 << self.failures.min(DOUBLINGS_MAX)).min(limits.backoff_max);
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        // Without randomness the pause is the longest: no harm is done but to speed.
        Duration::from_micros(getrandom::u64().map_or(micros, |drawn| drawn % micros.saturating_add(1)))
    }

    /// Sends the first frame and those that follow it.
    async fn carry(&mut self, mut stream: Box<dyn Wire>, first: Queued) -> End {
        let shared = Arc::clone(&self.shared);
        let _open = shared.counters.open_outgoing();
        let (mut pulse, mut used_at) = (Pulse::default(), Instant::now());
        let mut next = Some(first);
        let mut heard = [0; 2];
        loop {
            if next.is_some() || pulse.is_due(&shared, Instant::now()) {
                used_at = next.as_ref().map_or(used_at, |_| Instant::now());
                if let Err(error) = self.write(&mut stream, next.take(), &mut pulse).await {
                    return End::Broken(error);
                }
            }
            let idle_at = used_at + shared.limits.idle_timeout;
            let wake_at = pulse.next_at(&shared).map_or(idle_at, |at| at.min(idle_at));
            tokio::select! {
                biased;
                read = stream.read(&mut heard) => match read {
                    Ok(0) => return End::Broken(io::Error::new(io::ErrorKind::UnexpectedEof, "the other side ended it")),
                    Ok(1) if heard[0] == PULSE_ANSWER && pulse.asked_at.is_some() => pulse.asked_at = None,
                    // Whoever goes on talking would keep what waits from being sent.
                    Ok(_) => return End::Broken(io::Error::new(io::ErrorKind::InvalidData, "it says what nobody asked")),
                    Err(error) => return End::Broken(error),
                },
                queued = self.queue.recv() => match queued {
                    Some(queued) => next = Some(queued),
                    None => return End::Over,
                },
                () = sleep_until(wake_at) => {
                    if pulse.is_unanswered(&shared, Instant::now()) {
                        return End::Broken(io::Error::new(io::ErrorKind::TimedOut, "no pulse is answered"));
                    }
                    if Instant::now() >= idle_at {
                        // Whether the other side hears the farewell does not matter.
                        let _ = timeout(shared.limits.stall_timeout, stream.shutdown()).await;
                        return End::Idle;
                    }
                }
            }
        }
    }

    /// Writes a frame, those that wait behind it, and a pulse if one is due.
    async fn write(&mut self, stream: &mut Box<dyn Wire>, first: Option<Queued>, pulse: &mut Pulse) -> io::Result<()> {
        let counters = &self.shared.counters;
        let mut bytes = first.as_ref().map_or(0, |first| first.frame.len());
        let mut batch: Vec<Queued> = first.into_iter().collect();
        while !batch.is_empty() && batch.len() < BATCH_FRAMES_MAX && bytes < BATCH_BYTES_MAX {
            let Ok(queued) = self.queue.try_recv() else { break };
            bytes += queued.frame.len();
            batch.push(queued);
        }
        pulse.has_sent |= !batch.is_empty();
        let asks = pulse.is_due(&self.shared, Instant::now()).then(Frame::pulse);
        let frames = batch.iter().map(|queued| &queued.frame).chain(&asks);
        if let Err(error) = frame::write(stream, frames, self.shared.limits.stall_timeout).await {
            for _ in &batch {
                counters.lose(Dropped::ConnectionLost);
            }
            return Err(error);
        }
        let lane = self.target.lane;
        for queued in &batch {
            counters.send(lane, queued.frame.len());
        }
        if asks.is_some() {
            pulse.ask(Instant::now());
        }
        Ok(())
    }
}

/// Whether the other side is there.
#[derive(Debug, Default)]
struct Pulse {
    /// Since when an answer is awaited.
    asked_at: Option<Instant>,
    /// When it was asked last.
    last_at: Option<Instant>,
    /// Whether anything was sent since.
    has_sent: bool,
}

impl Pulse {
    fn ask(&mut self, now: Instant) {
        *self = Self { asked_at: Some(now), last_at: Some(now), has_sent: false };
    }

    /// Returns whether it is time to ask. The first question goes with the first frame.
    fn is_due(&self, shared: &Shared, now: Instant) -> bool {
        let has_paused = || self.last_at.is_none_or(|last| last + shared.limits.pulse_interval <= now);
        self.has_sent && self.asked_at.is_none() && has_paused()
    }

    /// Returns when to look again: an answer is overdue then, or the next question due.
    fn next_at(&self, shared: &Shared) -> Option<Instant> {
        let overdue_at = self.asked_at.map(|asked| asked + shared.limits.pulse_timeout);
        let due_at = || self.last_at.filter(|_| self.has_sent).map(|last| last + shared.limits.pulse_interval);
        overdue_at.or_else(due_at)
    }

    fn is_unanswered(&self, shared: &Shared, now: Instant) -> bool {
        self.asked_at.is_some_and(|asked| asked + shared.limits.pulse_timeout <= now)
    }
}
