//! A worker of a shared hunt: as many hands as it has cores, each of which waits for a range, runs it and tells of it.
//!
//! It decides nothing, and believes answers alone. When whoever leads is gone, or silent for [`LEADER_TIMEOUT`], it greets
//! anew, and when nobody answers that for as long it ends and says so. A range that is somebody else's by now is left at
//! once. Whoever asks twice for the end is not kept waiting for runs that have begun.

use std::collections::BTreeMap;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::Subscriber;
use delian_shell::daemon::{draw_identity, until_interrupted};
use delian_sim::report::human::plural;
use futures_util::StreamExt;
use serde_json::json;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::super::RANGE_MAX;
use super::super::ground::Ground;
use super::ledger::{LEASE, LeaseId, WorkerId};
use super::words::{self, Beat, Claim, Greeting, Heard, Hello, MESSAGE_MAX, Mine, Offer, Session, Terms, Told};
use super::{Forecast, Line, Place, Unanswered, WORKERS, Weather, runtime};
use crate::answer::{Answer, Problem};
use crate::progress::Bar;
use crate::screen;
use crate::stopwatch::Stopwatch;

/// How often a worker says that it is alive.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// How long a worker believes in a leader that it does not hear, and waits for one that is not there.
const LEADER_TIMEOUT: Duration = Duration::from_mins(1);

/// How often a hand says that it is free, should nobody have heard it.
const FREE_EVERY: Duration = Duration::from_secs(5);

/// How long a worker pauses before it asks again what nobody answered.
const PAUSE: Duration = Duration::from_millis(500);

/// How a session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Ranges are run.
    Hunts,
    /// No run is begun; what was run is told.
    Ends,
    /// Nobody is there to tell it to.
    Forsaken,
}

/// How a worker came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Whoever leads said so.
    Over,
    /// Nobody leads it any more.
    Unled,
    Interrupted,
}

impl End {
    /// What that is for the hunt.
    const fn word(self) -> &'static str {
        match self {
            Self::Over => "is over",
            Self::Unled => "is led by nobody any more",
            Self::Interrupted => "goes on without this worker",
        }
    }
}

/// What a worker did, in all sessions.
#[derive(Default)]
struct Tally {
    runs: AtomicU64,
    ranges: AtomicU64,
    failures: AtomicU64,
}

/// What all hands of a worker share in one session.
struct Party {
    line: Line,
    session: Session,
    worker: WorkerId,
    ground: Ground,
    phase: watch::Sender<Phase>,
    /// Somebody said that the hunt ends.
    hint: Notify,
    /// What is worked on, and whether it should be left.
    held: Mutex<BTreeMap<LeaseId, Arc<AtomicBool>>>,
    tally: Arc<Tally>,
    bar: Arc<Bar>,
}

/// A range that a hand works on, which is nobody's when the hand is done with it, or fails.
struct Holding<'a> {
    party: &'a Party,
    lease: LeaseId,
    leave: Arc<AtomicBool>,
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        self.party.held().remove(&self.lease);
    }
}

/// Helps until the hunt is over, or somebody asks for the end.
///
/// # Errors
/// When the server is not there, nobody leads, or whoever leads runs something else.
pub(in super::super) fn help(ground: &Ground, place: &Place, jobs: usize, as_json: bool) -> Result<Answer, Problem> {
    let watch = Stopwatch::start();
    let terms = Terms::of(ground);
    let tally = Arc::new(Tally::default());
    let runtime = runtime(jobs)?;
    let end = runtime.block_on(Worker::help(ground, place, jobs, terms, &tally));
    // Runs that go on all the same have nobody who waits for them.
    runtime.shutdown_background();
    let end = end?;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (runs, ranges, failures) = (count(&tally.runs), count(&tally.ranges), count(&tally.failures));
    let name = &place.name;
    let text = if as_json {
        let document = json!({
            "name": name,
            "runs": runs,
            "ranges": ranges,
            "failures": failures,
            "wall_seconds": watch.wall_seconds(),
            "is_over": end == End::Over,
        });
        format!("{document:#}\n")
    } else {
        let failed = if failures == 0 {
            String::new()
        } else {
            format!(", of which {failures} failed: whoever leads tells them")
        };
        let end = end.word();
        format!("{} in {} for the hunt {name}{failed}. It {end}.\n", plural(runs, "run"), plural(ranges, "range"))
    };
    screen::say(&text)?;
    Ok(Answer::Yes)
}

/// A worker on its way through sessions.
struct Worker<'a> {
    ground: &'a Ground,
    place: &'a Place,
    jobs: usize,
    hello: Hello,
    line: Line,
    weather: mpsc::Receiver<Weather>,
    forecast: Forecast,
    tally: &'a Arc<Tally>,
    bar: Arc<Bar>,
}

impl<'a> Worker<'a> {
    async fn help(
        ground: &'a Ground,
        place: &'a Place,
        jobs: usize,
        terms: Terms,
        tally: &'a Arc<Tally>,
    ) -> Result<End, Problem> {
        let (line, weather) = Line::connect(place, "worker").await?;
        let seen_at = line.client.try_server_info().map(|info| info.client_ip).unwrap_or_default();
        let drawn = draw_identity().map_err(|error| Problem::new(format!("cannot draw a number: {error}")))?;
        let at = format!("{seen_at} (process {})", process::id());
        let hello = Hello { terms, nonce: drawn.get(), place: at, hands: jobs as u64 };
        let (forecast, bar) = (Forecast::default(), Arc::new(Bar::of_search()));
        let mut worker = Self { ground, place, jobs, hello, line, weather, forecast, tally, bar };
        let mut interrupted = std::pin::pin!(until_interrupted());
        let mut took_part = false;
        loop {
            let party = tokio::select! {
                party = worker.greet() => party?,
                () = &mut interrupted => return Ok(End::Interrupted),
            };
            let Some(party) = party.map(Arc::new) else {
                let (name, at, waited) = (&place.name, place.shown(), LEADER_TIMEOUT.as_secs());
                let nobody = format!("nobody leads a hunt of the name {name} at {at}, for {waited} s");
                if took_part {
                    // That it ended was not heard of, or whoever led is gone; both are told elsewhere.
                    worker.remark(&format!("Ends, for {nobody}."));
                    return Ok(End::Unled);
                }
                return Err(Problem::new(format!("{nobody}: lead one there without --worker")));
            };
            took_part = true;
            worker.remark(&format!("Helps in the hunt {}, as worker {}.", place.name, party.worker));
            if let Some(end) = worker.take_part(&party, &mut interrupted).await? {
                return Ok(end);
            }
        }
    }

    fn remark(&self, text: &str) {
        self.bar.remark(text);
    }

    /// Greets until somebody welcomes this worker, or for so long nobody leads.
    async fn greet(&self) -> Result<Option<Party>, Problem> {
        let (watch, name) = (Stopwatch::start(), &self.place.name);
        loop {
            self.bar.tell(&format!("waits for whoever leads the hunt {name}"));
            let answer = self.line.ask(self.line.hello(), &self.hello).await;
            match answer.map(|answer| words::read::<Greeting>(&answer)) {
                Ok(Ok(Greeting::Welcome { session, worker, first_seed, guide })) => {
                    let guide = words::guide(&guide)
                        .map_err(|garbled| Problem::new(format!("whoever leads the hunt {name} sent {garbled}")))?;
                    return Ok(Some(Party {
                        line: self.line.clone(),
                        session,
                        worker,
                        ground: self.ground.shared(first_seed, guide),
                        phase: watch::Sender::new(Phase::Hunts),
                        hint: Notify::new(),
                        held: Mutex::default(),
                        tally: Arc::clone(self.tally),
                        bar: Arc::clone(&self.bar),
                    }));
                }
                Ok(Ok(Greeting::Refused { why })) => {
                    let why = words::shown(&why);
                    return Err(Problem::new(format!("whoever leads the hunt {name} refuses this worker: {why}")));
                }
                Ok(Err(garbled)) => self.remark(&format!("Ignored {garbled}.")),
                Err(Unanswered::Unasked(why)) => {
                    return Err(Problem::new(format!("cannot greet whoever leads the hunt {name}: {why}")));
                }
                Err(Unanswered::Nobody | Unanswered::Silence) => {}
            }
            if watch.elapsed() >= LEADER_TIMEOUT {
                return Ok(None);
            }
            sleep(PAUSE).await;
        }
    }

    /// Takes part in a session. Returns how it ended, or nothing if its leader is gone.
    async fn take_part(
        &mut self,
        party: &Arc<Party>,
        mut interrupted: impl Future<Output = ()> + Unpin,
    ) -> Result<Option<End>, Problem> {
        let mut ends = party.line.subscribe(party.line.of(party.session, "ends")).await?;
        let mut hands = JoinSet::new();
        for _ in 0..self.jobs {
            hands.spawn(Arc::clone(party).work());
        }
        let beating = Arc::clone(party);
        let heart = tokio::spawn(async move { beating.beat().await });
        let (mut is_interrupted, mut failed, place) = (false, 0, self.place);
        let mut asked_again = std::pin::pin!(until_interrupted());
        loop {
            tokio::select! {
                joined = hands.join_next() => match joined {
                    Some(Ok(())) => {}
                    // A hand that fails is a fault of this program: its range is handed out again.
                    Some(Err(fault)) => {
                        failed += 1;
                        self.remark(&format!("A hand failed: {fault}."));
                    }
                    None => break,
                },
                // Anybody can say that, so whoever leads is asked.
                Some(_) = ends.next() => party.hint.notify_one(),
                Some(change) = self.weather.recv() => {
                    let remark = self.forecast.tell(change, place, "this worker ends what it has begun, and waits");
                    if let Some(remark) = remark {
                        self.remark(&remark);
                    }
                }
                () = &mut interrupted, if !is_interrupted => {
                    is_interrupted = true;
                    party.end(Phase::Ends);
                }
                () = &mut asked_again, if is_interrupted => {
                    self.bar.end();
                    break;
                }
            }
        }
        heart.abort();
        if failed == self.jobs {
            return Err(Problem::new("all hands of this worker failed, which is a fault of this program"));
        }
        let phase = *party.phase.borrow();
        if is_interrupted {
            return Ok(Some(End::Interrupted));
        }
        if phase == Phase::Forsaken {
            self.remark(&format!("Whoever led the hunt {} is gone: greets anew.", place.name));
            return Ok(None);
        }
        Ok(Some(End::Over))
    }
}

impl Party {
    fn held(&self) -> MutexGuard<'_, BTreeMap<LeaseId, Arc<AtomicBool>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets no further run begin.
    fn end(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            // Who is forsaken has nobody to end for.
            let changes = *now != Phase::Forsaken && *now != phase;
            if changes {
                *now = phase;
            }
            changes
        });
        for leave in self.held().values() {
            leave.store(true, Ordering::Relaxed);
        }
    }

    fn hunts(&self) -> bool {
        *self.phase.borrow() == Phase::Hunts
    }

    fn is_forsaken(&self) -> bool {
        *self.phase.borrow() == Phase::Forsaken
    }

    /// One hand: range after range.
    async fn work(self: Arc<Self>) {
        while self.hunts() {
            let Ok(mut offers) = self.line.wait_once(self.line.of(self.session, "ranges"), WORKERS).await else {
                // The server is away, and too much waits for it already.
                sleep(PAUSE).await;
                continue;
            };
            if let Some((offer, holding)) = self.next_offer(&mut offers).await {
                self.run(offer, &holding).await;
            }
        }
    }

    /// Waits for a range, and says that it is taken.
    async fn next_offer(&self, offers: &mut Subscriber) -> Option<(Offer, Holding<'_>)> {
        let mut phase = self.phase.subscribe();
        let message = loop {
            self.line.say(self.line.of(self.session, "lead.free"), &Mine { worker: self.worker }).await;
            tokio::select! {
                message = offers.next() => break message?,
                _ = phase.wait_for(|phase| *phase != Phase::Hunts) => return None,
                () = sleep(FREE_EVERY) => {}
            }
        };
        let offer: Offer = words::read(&message.payload).ok()?;
        let makes_sense = (1..=RANGE_MAX).contains(&offer.count) && offer.from.checked_add(offer.count).is_some();
        if !makes_sense || message.reply.is_none() {
            return None;
        }
        let leave = Arc::new(AtomicBool::new(false));
        self.held().insert(offer.lease, Arc::clone(&leave));
        let holding = Holding { party: self, lease: offer.lease, leave };
        self.line.answer(&message, &Mine { worker: self.worker }).await;
        Some((offer, holding))
    }

    async fn run(self: &Arc<Self>, offer: Offer, holding: &Holding<'_>) {
        if !self.hunts() {
            holding.leave.store(true, Ordering::Relaxed);
        }
        let (party, leave) = (Arc::clone(self), Arc::clone(&holding.leave));
        match spawn_blocking(move || party.run_range(offer, &leave)).await {
            Ok(told) if self.held().contains_key(&offer.lease) => self.tell(told).await,
            // It is somebody else's by now.
            Ok(_) => {}
            // A fault of this program, as runs that panic are told as failures: the lease runs out.
            Err(fault) => self.bar.remark(&format!("A range failed, and is left to others: {fault}.")),
        }
    }

    /// Runs a range, or as much of it as there is time for.
    fn run_range(&self, offer: Offer, leave: &AtomicBool) -> Told {
        let Offer { lease, from, count } = offer;
        let (worker, failures) = (self.worker, Vec::new());
        let mut told = Told { worker, lease, from, count, done: 0, runs: 0, virtual_nanos: 0, failures, left_out: 0 };
        let mut names: Vec<&str> = Vec::new();
        for place in from..from + count {
            if leave.load(Ordering::Relaxed) {
                break;
            }
            let Some((story, seed)) = self.ground.at(place) else { break };
            let look = self.ground.look(story, seed);
            told.done += 1;
            told.runs = told.runs.saturating_add(look.runs);
            told.virtual_nanos = told.virtual_nanos.saturating_add(look.virtual_nanos);
            for failed in &look.failures {
                let mut known = names.iter().zip(&mut told.failures);
                let is_it = |name: &str, claim: &Claim| name == story.name() && claim.breaks(failed.invariant);
                // The first of its kind is enough; the others are counted.
                if let Some((_, claim)) = known.find(|(name, claim)| is_it(name, claim)) {
                    claim.times += 1;
                } else {
                    told.failures.push(Claim::of(place, failed));
                    names.push(story.name());
                }
            }
        }
        told
    }

    /// Tells what a range came to, until somebody heard it.
    async fn tell(&self, mut told: Told) {
        told.fit(MESSAGE_MAX);
        if told.left_out > 0 {
            let failed = plural(told.left_out, "failed run");
            self.bar.remark(&format!("There is no room to tell of {failed}: whoever leads is told how many."));
        }
        let watch = Stopwatch::start();
        while !self.is_forsaken() && self.held().contains_key(&told.lease) {
            let answer = self.line.ask(self.line.of(self.session, "lead.told"), &told).await;
            if let Ok(Ok(heard)) = answer.map(|answer| words::read::<Heard>(&answer)) {
                let failures = told.failures.iter().map(|claim| claim.times).sum::<u64>().saturating_add(told.left_out);
                self.tally.runs.fetch_add(told.runs, Ordering::Relaxed);
                self.tally.ranges.fetch_add(1, Ordering::Relaxed);
                self.tally.failures.fetch_add(failures, Ordering::Relaxed);
                self.hear(heard);
                return;
            }
            if watch.elapsed() >= LEADER_TIMEOUT {
                self.bar.remark("Nobody hears what a range came to: left out.");
                return;
            }
            sleep(PAUSE).await;
        }
    }

    /// Says again and again that this worker is alive, and hears what changed.
    async fn beat(&self) {
        let mut heard_at = Stopwatch::start();
        let mut next = interval(BEAT_EVERY);
        next.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut was_hinted = false;
        loop {
            // One hint between two beats is enough, however many come.
            tokio::select! {
                _ = next.tick() => was_hinted = false,
                () = self.hint.notified(), if !was_hinted => was_hinted = true,
            }
            let leases: Vec<LeaseId> = self.held().keys().copied().collect();
            let (runs, busy) = (self.tally.runs.load(Ordering::Relaxed), leases.len() as u64);
            self.bar.tell(&format!(
                "worker {}: {} told, {} in hand",
                self.worker,
                plural(runs, "run"),
                plural(busy, "range")
            ));
            let beat = Beat { worker: self.worker, leases };
            let answer = self.line.ask(self.line.of(self.session, "lead.beat"), &beat).await;
            let patience = match answer.map(|answer| words::read::<Heard>(&answer)) {
                Ok(Ok(heard)) => {
                    heard_at = Stopwatch::start();
                    self.hear(heard);
                    continue;
                }
                // The server is there, and nobody listens: for as long as that no lease lasts.
                Err(Unanswered::Nobody) => LEASE,
                Ok(Err(_)) | Err(Unanswered::Silence | Unanswered::Unasked(_)) => LEADER_TIMEOUT,
            };
            if heard_at.elapsed() >= patience {
                self.end(Phase::Forsaken);
            }
        }
    }

    fn hear(&self, heard: Heard) {
        match heard {
            Heard::Stranger => self.end(Phase::Forsaken),
            Heard::GoOn { leave, ends } => {
                let mut held = self.held();
                for lease in leave {
                    if let Some(leave) = held.remove(&lease) {
                        leave.store(true, Ordering::Relaxed);
                    }
                }
                drop(held);
                if ends {
                    self.end(Phase::Ends);
                }
            }
        }
    }
}
