//! Whoever leads a shared hunt, on the network: what [`Lead`] decides is sent, and what comes is given to it.
//!
//! Runs and the search for the smallest stories have threads of their own, which nobody waits for who is asked for the
//! end a second time: what is not shrunk by then is told as such.

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc as threads};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_nats::Message;
use delian_shell::daemon::{draw_identity, until_interrupted};
use delian_sim::report::human::plural;
use delian_sim::story::Story;
use futures_util::StreamExt;
use tokio::sync::{Notify, mpsc};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::super::bag::Bag;
use super::super::findings::Failure;
use super::super::ground::{Failed, Ground};
use super::super::told::Told;
use super::lead::Lead;
use super::words::Session;
use super::{Forecast, LEADERS, Line, Place, Unanswered, Weather, runtime};
use crate::answer::Problem;

/// How often leases, the time and progress are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How often a range is offered although no hand said that it is free: such a word may be lost.
const OFFER_EVERY: Duration = Duration::from_secs(1);

/// How long the process that leads waits at the end for results of runs that had begun.
const LAST_RESULTS_TIMEOUT: Duration = Duration::from_mins(2);

/// How long an own hand pauses when all that is left is with others.
const PAUSE: Duration = Duration::from_millis(100);

/// How a hunt is led.
pub(in super::super) struct Course {
    /// How long it goes on.
    pub(in super::super) span: Duration,
    /// How many runs go on here at once.
    pub(in super::super) jobs: usize,
    /// How many places make a range.
    pub(in super::super) range: u64,
}

/// How a hunt came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// All was told that could be.
    InPeace,
    /// Somebody asked for the end although it ended already.
    AtOnce,
}

/// A finding that nobody knew, to be shrunk.
struct Fresh {
    at: usize,
    story: Story,
    seed: u64,
    failed: Failed,
}

/// Where they wait for that: at most one for each invariant in each scenario, for one failure of a pair at a time is
/// shrunk.
type ToShrink = threads::Sender<Fresh>;

struct Leader {
    ground: Ground,
    bag: Bag,
    place: Place,
    course: Course,
    line: Line,
    session: Session,
    lead: Mutex<Lead>,
    /// A hand of a worker is free.
    free: Notify,
}

/// Leads a hunt until the time is over, or somebody asks for the end.
///
/// # Errors
/// When the server is not there at the beginning, or somebody leads a hunt of that name already.
pub(in super::super) fn lead(ground: Ground, bag: Bag, place: Place, course: Course) -> Result<Told, Problem> {
    let runtime = runtime(course.jobs)?;
    let (line, weather) = runtime.block_on(Line::connect(&place, "leads"))?;
    runtime.block_on(require_no_leader(&line, &place))?;
    let drawn = draw_identity().map_err(|error| Problem::new(format!("cannot draw a number: {error}")))?;
    let session = Session(drawn.get());
    let lead = Mutex::new(Lead::new(&ground, session, course.range));
    let leader = Arc::new(Leader { ground, bag, place, course, line, session, lead, free: Notify::new() });
    let (fresh, to_shrink) = threads::channel();
    let hunts = (0..leader.course.jobs).map(|_| leader.in_a_thread(Leader::hunt));
    let shrinks = leader.in_a_thread(|leader| to_shrink.into_iter().for_each(|fresh| leader.settle(&fresh)));
    let work: Vec<JoinHandle<()>> = hunts.chain([shrinks]).collect();
    let served = runtime.block_on(leader.serve(weather, fresh));
    // Whatever became of the network, nobody begins anything new.
    leader.lead().end();
    if served? == Ended::InPeace {
        runtime.block_on(all_done(work));
    }
    // A search for the server's address may go on.
    runtime.shutdown_background();
    let Leader { ground, bag, place, .. } = &*leader;
    let mut lead = leader.lead();
    lead.ledger.end();
    let mut told = bag.to_told(ground);
    told.beside = lead.to_text(&place.name, ground);
    told.fields = lead.to_json(&place.name, ground);
    told.is_whole = lead.is_whole();
    Ok(told)
}

/// Waits until all work is done, or somebody asks for the end.
async fn all_done(work: Vec<JoinHandle<()>>) {
    let mut look = interval(PAUSE);
    let mut interrupted = std::pin::pin!(until_interrupted());
    while !work.iter().all(JoinHandle::is_finished) {
        tokio::select! {
            () = &mut interrupted => return,
            _ = look.tick() => {}
        }
    }
    for thread in work {
        if let Err(fault) = thread.join() {
            resume_unwind(fault);
        }
    }
}

async fn require_no_leader(line: &Line, place: &Place) -> Result<(), Problem> {
    match line.ask(line.leads(), &()).await {
        Ok(_) => Err(Problem::new(format!(
            "somebody leads a hunt of the name {} at {} already: help with --worker, or give another --name",
            place.name,
            place.shown()
        ))),
        // Whoever listens there and does not answer is on the way out, and sessions keep two hunts apart.
        Err(Unanswered::Nobody | Unanswered::Silence) => Ok(()),
        Err(Unanswered::Unasked(why)) => {
            Err(Problem::new(format!("the server of NATS at {} takes no question: {why}", place.shown())))
        }
    }
}

impl Leader {
    fn in_a_thread(self: &Arc<Self>, work: impl FnOnce(&Self) + Send + 'static) -> JoinHandle<()> {
        let leader = Arc::clone(self);
        thread::spawn(move || work(&leader))
    }

    fn lead(&self) -> MutexGuard<'_, Lead> {
        self.lead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes place after place in this process, until there is no time for another.
    fn hunt(&self) {
        loop {
            let mut lead = self.lead();
            if lead.ends() || lead.ledger.is_done() {
                return;
            }
            let taken = lead.ledger.take_own();
            drop(lead);
            let Some((lease, place)) = taken else {
                thread::park_timeout(PAUSE);
                continue;
            };
            if let Some((story, seed)) = self.ground.at(place) {
                let look = self.ground.look(story, seed);
                self.lead().ledger.own_is_done(lease);
                self.bag.take(story, seed, &look);
            }
        }
    }

    /// Shrinks what a worker found, from its seed on, as if it had been found here.
    fn settle(&self, fresh: &Fresh) {
        let Fresh { at, story, seed, failed } = fresh;
        self.bag.settle(*at, &Failure { story, seed: *seed, failed });
    }

    /// Listens to workers and hands out ranges, until all is told.
    async fn serve(&self, weather: mpsc::Receiver<Weather>, fresh: ToShrink) -> Result<Ended, Problem> {
        tokio::select! {
            served = self.listen(weather, fresh) => served,
            () = self.hand_out() => Ok(Ended::InPeace),
        }
    }

    async fn listen(&self, mut weather: mpsc::Receiver<Weather>, fresh: ToShrink) -> Result<Ended, Problem> {
        let mut hellos = self.line.join(self.line.hello(), LEADERS).await?;
        let mut questions = self.line.join(self.line.leads(), LEADERS).await?;
        let mut words = self.line.subscribe(self.line.of(self.session, "lead.*")).await?;
        let mut forecast = Forecast::default();
        let mut interrupted = std::pin::pin!(until_interrupted());
        let mut ended_at = None;
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(message) = hellos.next() => {
                    let greeting = self.lead().hello(self.bag.elapsed(), &message.payload);
                    if let Some(greeting) = greeting {
                        self.line.answer(&message, &greeting).await;
                    }
                }
                Some(message) = questions.next() => self.line.answer(&message, &self.session).await,
                Some(message) = words.next() => self.heed(&message, &fresh).await,
                Some(change) = weather.recv() => {
                    if let Some(remark) = forecast.tell(change, &self.place, "this machine hunts alone") {
                        self.bag.remark(&remark);
                    }
                }
                () = &mut interrupted => {
                    if self.lead().ends() {
                        return Ok(Ended::AtOnce);
                    }
                    self.lead().end();
                    interrupted.set(until_interrupted());
                }
                _ = look.tick() => {
                    self.tick();
                    if self.lead().ends() && ended_at.is_none() {
                        ended_at = Some(self.bag.elapsed());
                        self.line.say(self.line.of(self.session, "ends"), &()).await;
                    }
                    if ended_at.is_some_and(|ended_at| self.is_over(ended_at)) {
                        self.line.flush().await;
                        return Ok(Ended::InPeace);
                    }
                }
            }
        }
    }

    /// Takes in a message of a worker.
    async fn heed(&self, message: &Message, fresh: &ToShrink) {
        let now = self.bag.elapsed();
        match message.subject.rsplit('.').next() {
            Some("beat") => {
                let heard = self.lead().beat(now, &message.payload);
                if let Some(heard) = heard {
                    self.line.answer(message, &heard).await;
                }
            }
            Some("told") => {
                let told = self.lead().told(now, &self.ground, &message.payload);
                let Some((heard, told)) = told else { return };
                if let Some(told) = told {
                    self.bag.count(told.runs, told.virtual_nanos);
                    // They were read before it counted.
                    for (story, seed, failed, times) in told.failures(&self.ground).unwrap_or_default() {
                        if let Some(at) = self.bag.begin(&Failure { story, seed, failed: &failed }, times) {
                            // Whoever shrinks is there as long as this.
                            drop(fresh.send(Fresh { at, story: story.clone(), seed, failed }));
                        }
                    }
                }
                self.line.answer(message, &heard).await;
            }
            Some("free") if self.lead().is_free(now, &message.payload) => self.free.notify_one(),
            _ => {}
        }
    }

    /// Offers ranges to free hands, for ever.
    async fn hand_out(&self) {
        loop {
            tokio::select! {
                () = self.free.notified() => {}
                () = sleep(OFFER_EVERY) => {}
            }
            loop {
                let offer = self.lead().offer(self.bag.elapsed());
                let Some(offer) = offer else { break };
                let answer = self.line.ask(self.line.of(self.session, "ranges"), &offer).await;
                let now = self.bag.elapsed();
                match answer {
                    Ok(answer) => self.lead().taken(now, offer.lease, &answer),
                    Err(Unanswered::Nobody | Unanswered::Silence | Unanswered::Unasked(_)) => {
                        self.lead().ledger.take_back(offer.lease);
                        break;
                    }
                }
            }
        }
    }

    fn tick(&self) {
        let now = self.bag.elapsed();
        let mut lead = self.lead();
        lead.tick(now, &self.ground);
        if now >= self.course.span || lead.is_done(now) {
            lead.end();
        }
        let left = if lead.ends() { Duration::ZERO } else { self.course.span.saturating_sub(now) };
        let (remarks, present) = (lead.remarks(), lead.present());
        drop(lead);
        for remark in remarks {
            self.bag.remark(&remark);
        }
        self.bag.tell_progress(&format!("{}, ", plural(present, "worker")), left);
    }

    /// Whether all results are there that can still come, and all workers know that it ends.
    fn is_over(&self, ended_at: Duration) -> bool {
        let lead = self.lead();
        !lead.ledger.is_awaited() && lead.all_know_end()
            || self.bag.elapsed() >= ended_at.saturating_add(LAST_RESULTS_TIMEOUT)
    }
}
