//! Whoever leads a shared hunt, as plain state: messages and the time go in, answers and remarks for people come out.
//!
//! It knows who takes part and which range is whose, and refuses who runs something else. Nothing here knows the network,
//! so a lost worker, a late result and a stranger's noise are tested without one.

use std::collections::BTreeMap;
use std::time::Duration;
use std::{iter, mem};

use delian_sim::report::human::plural;
use serde_json::{Map, Value, json};

use super::super::ground::Ground;
use super::ledger::{Holder, LEASE, LeaseId, Ledger, Lost, Range, Verdict, WorkerId};
use super::words::{Beat, Garbled, Greeting, Heard, Hello, Mine, Offer, Session, Terms, Told, read, shown};
use crate::cli::JOBS_MAX;

/// How many workers may ever take part in a hunt; who begins anew counts again.
const WORKERS_MAX: usize = 4_096;

/// How long nobody else is offered a range that a worker was offered: many times the way there and back.
pub(super) const OFFER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long ranges that cost a worker wait for one when nothing else is left and nobody is heard of: as long as a worker
/// looks for whoever leads, and longer than a server takes to begin anew.
const WORKER_TIMEOUT: Duration = Duration::from_mins(1);

/// How many remarks wait to be told; what is above is worth only its number.
const REMARKS_MAX: usize = 1_000;

/// How much a worker may say of where it is: an address and a process.
const PLACE_LENGTH_MAX: usize = 100;

/// How many messages of noise are told one by one.
const NOISE_TOLD_MAX: u64 = 5;

/// How many refusals are told one by one: a worker that something starts again and again is refused as often.
const REFUSALS_TOLD_MAX: u64 = 20;

/// A worker, and what it did.
#[derive(Clone, Debug)]
struct Worker {
    /// What this process drew, by which a greeting that comes twice is of one worker.
    nonce: u64,
    place: String,
    hands: u64,
    heard_at: Duration,
    is_lost: bool,
    /// Whether it was told that the hunt ends.
    knows_end: bool,
    runs: u64,
    ranges: u64,
    lost: u64,
}

/// The state of whoever leads.
pub(super) struct Lead {
    terms: Terms,
    session: Session,
    first_seed: u64,
    guide: String,
    pub(super) ledger: Ledger,
    workers: BTreeMap<WorkerId, Worker>,
    ends: bool,
    refused: u64,
    noise: u64,
    /// How many failed runs did not fit into what workers told.
    left_out: u64,
    remarks: Vec<String>,
}

impl Lead {
    pub(super) fn new(ground: &Ground, session: Session, size: u64) -> Self {
        Self {
            terms: Terms::of(ground),
            session,
            first_seed: ground.first_seed(),
            guide: ground.guide().to_string(),
            ledger: Ledger::new(ground.places(), size),
            workers: BTreeMap::new(),
            ends: false,
            refused: 0,
            noise: 0,
            left_out: 0,
            remarks: Vec::new(),
        }
    }

    /// Nothing new is handed out from here on.
    pub(super) fn end(&mut self) {
        self.ends = true;
    }

    pub(super) const fn ends(&self) -> bool {
        self.ends
    }

    /// Whether all that can be run was run: what is left cost a worker, and for long nobody was there to take it.
    pub(super) fn is_done(&self, now: Duration) -> bool {
        let is_silent = |worker: &Worker| worker.heard_at.saturating_add(WORKER_TIMEOUT) <= now;
        self.ledger.is_done() || self.ledger.waits_for_workers() && self.workers.values().all(is_silent)
    }

    /// Whether nobody is there who does not know that the hunt ends.
    pub(super) fn all_know_end(&self) -> bool {
        self.workers.values().all(|worker| worker.is_lost || worker.knows_end)
    }

    /// Whether everything was run that was begun, and everything heard that failed.
    pub(super) const fn is_whole(&self) -> bool {
        self.ledger.given_up_count() == 0 && self.left_out == 0
    }

    /// Returns how many workers were heard of lately.
    pub(super) fn present(&self) -> u64 {
        self.workers.values().filter(|worker| !worker.is_lost).count() as u64
    }

    /// Returns what there is to say to people since it was asked last.
    pub(super) fn remarks(&mut self) -> Vec<String> {
        mem::take(&mut self.remarks)
    }

    /// A worker wants to help.
    pub(super) fn hello(&mut self, now: Duration, bytes: &[u8]) -> Option<Greeting> {
        let hello: Hello = self.heed(read(bytes))?;
        let mut place = shown(&hello.place);
        place.truncate(PLACE_LENGTH_MAX);
        let full =
            || format!("{WORKERS_MAX} workers took part already, and no more can be told apart: lead another hunt");
        // Greetings that waited while the server was away all come at once.
        let known = self.workers.iter().find(|(_, worker)| worker.nonce == hello.nonce).map(|(id, _)| *id);
        let is_full = known.is_none() && self.workers.len() >= WORKERS_MAX;
        let refusal = self.terms.refusal(&hello.terms);
        if let Some(why) = refusal.or_else(|| is_full.then(full)) {
            self.refused += 1;
            if self.refused <= REFUSALS_TOLD_MAX {
                self.remark(format!("A worker at {place} is refused: {why}."));
            }
            return Some(Greeting::Refused { why });
        }
        let id = known.unwrap_or_else(|| self.take_in(now, place, &hello));
        self.hears(now, id);
        let Self { session, first_seed, guide, .. } = self;
        Some(Greeting::Welcome { session: *session, worker: id, first_seed: *first_seed, guide: guide.clone() })
    }

    fn take_in(&mut self, now: Duration, place: String, hello: &Hello) -> WorkerId {
        let id = self.workers.len() as WorkerId + 1;
        self.remark(format!("Worker {id} at {place} takes part, with {}.", plural(hello.hands, "hand")));
        let Hello { nonce, hands, .. } = *hello;
        let (is_lost, knows_end) = (false, false);
        let worker = Worker { nonce, place, hands, heard_at: now, is_lost, knows_end, runs: 0, ranges: 0, lost: 0 };
        self.workers.insert(id, worker);
        id
    }

    /// Takes a range to offer to whoever is free.
    pub(super) fn offer(&mut self, now: Duration) -> Option<Offer> {
        if self.ends {
            return None;
        }
        let (lease, Range { from, count }) = self.ledger.offer(now.saturating_add(OFFER_TIMEOUT))?;
        Some(Offer { lease, from, count })
    }

    /// A worker says that an offered range is its own.
    pub(super) fn taken(&mut self, now: Duration, lease: LeaseId, bytes: &[u8]) {
        let Some(Mine { worker }) = self.heed(read(bytes)) else { return };
        if self.hears(now, worker) {
            self.ledger.renew(lease, worker, now);
        }
    }

    /// A hand of a worker is free. Returns whether there is something for it.
    pub(super) fn is_free(&mut self, now: Duration, bytes: &[u8]) -> bool {
        let Some(Mine { worker }) = self.heed(read(bytes)) else { return false };
        self.hears(now, worker) && !self.ends && self.ledger.has_more()
    }

    /// A worker is alive.
    pub(super) fn beat(&mut self, now: Duration, bytes: &[u8]) -> Option<Heard> {
        let Beat { worker, leases } = self.heed(read(bytes))?;
        if leases.len() as u64 > JOBS_MAX {
            self.ignore(&Garbled::Absurd("it works on more ranges than a worker has hands"));
            return None;
        }
        if !self.hears(now, worker) {
            return Some(Heard::Stranger);
        }
        let ledger = &mut self.ledger;
        let leave = leases.into_iter().filter(|lease| !ledger.renew(*lease, worker, now)).collect();
        Some(self.goes_on(worker, leave))
    }

    /// A worker tells what a range came to. Returns the answer, and the result if it counts.
    pub(super) fn told(&mut self, now: Duration, ground: &Ground, bytes: &[u8]) -> Option<(Heard, Option<Told>)> {
        let told: Told = self.heed(read(bytes))?;
        if !self.hears(now, told.worker) {
            return Some((Heard::Stranger, None));
        }
        self.heed(told.require_possible())?;
        // Before it counts, for what counts is not asked for again; and of what was handed out alone.
        if self.ledger.awaits(told.lease, told.worker, told.range(), told.done) {
            self.heed(told.failures(ground).map(drop))?;
        }
        let verdict = self.ledger.told(told.lease, told.worker, told.range(), told.done);
        let heard = self.goes_on(told.worker, Vec::new());
        if verdict == Verdict::Late {
            return Some((heard, None));
        }
        self.left_out = self.left_out.saturating_add(told.left_out);
        if let Some(worker) = self.workers.get_mut(&told.worker) {
            worker.runs = worker.runs.saturating_add(told.runs);
            worker.ranges += 1;
        }
        Some((heard, Some(told)))
    }

    /// Time passes: leases run out, and workers fall silent.
    pub(super) fn tick(&mut self, now: Duration, ground: &Ground) {
        let mut lost: BTreeMap<WorkerId, u64> = BTreeMap::new();
        for Lost { holder, range, is_given_up } in self.ledger.expire(now) {
            if let Holder::Worker(worker) = holder {
                *lost.entry(worker).or_default() += 1;
            }
            if is_given_up {
                self.remark(format!("{} cost every worker that tried: given up.", named(range, ground)));
            }
        }
        for (id, worker) in &mut self.workers {
            let owed = lost.remove(id).unwrap_or_default();
            worker.lost += owed;
            let falls_silent = !worker.is_lost && worker.heard_at.saturating_add(LEASE) <= now;
            worker.is_lost |= falls_silent;
            let what = match (falls_silent, owed) {
                (false, 0) => continue,
                (true, 0) => format!("was not heard of for {} s", LEASE.as_secs()),
                (true, _) => format!("was not heard of for {} s: {}", LEASE.as_secs(), handed_out_again(owed)),
                (false, _) => format!("does not work on what it took: {}", handed_out_again(owed)),
            };
            if self.remarks.len() < REMARKS_MAX {
                self.remarks.push(format!("Worker {id} at {} {what}.", worker.place));
            }
        }
    }

    /// Something came that is no message.
    pub(super) fn ignore(&mut self, garbled: &Garbled) {
        self.noise += 1;
        if self.noise <= NOISE_TOLD_MAX {
            let last = if self.noise == NOISE_TOLD_MAX { "; from here on such are counted alone" } else { "" };
            self.remark(format!("Ignored {garbled}{last}."));
        }
    }

    /// Returns who shared in it, in lines.
    pub(super) fn to_text(&self, name: &str, ground: &Ground) -> String {
        let Self { refused, noise, .. } = *self;
        let (again, left_out) = (self.ledger.again(), self.left_out);
        let beside = [
            (again, format!("{} handed out again", plural(again, "range"))),
            (left_out, format!("{} that did not fit into a message", plural(left_out, "failed run"))),
            (refused, format!("{} refused", plural(refused, "worker"))),
            (noise, format!("{} ignored", plural(noise, "message"))),
        ];
        let beside = beside.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| format!("; {text}"));
        let workers = self.workers.iter().map(|(id, worker)| {
            let Worker { place, runs, ranges, lost, .. } = worker;
            let lost = if *lost > 0 { format!(", and {} lost", plural(*lost, "range")) } else { String::new() };
            format!("  worker {id} at {place}: {} in {}{lost}\n", plural(*runs, "run"), plural(*ranges, "range"))
        });
        let line =
            |range: &Range| format!("Given up, for no worker that took it told of it: {}.\n", named(*range, ground));
        let kept = self.ledger.given_up();
        let more = self.ledger.given_up_count().saturating_sub(kept.len() as u64);
        let more = (more > 0).then(|| format!("Given up beside these: {}.\n", plural(more, "range")));
        let given_up = kept.iter().map(line).chain(more);
        let shared = format!("Shared as {name} with {}", plural(self.workers.len() as u64, "worker"));
        let parts = iter::once(shared).chain(beside).chain([".\n".to_string()]);
        parts.chain(workers).chain(given_up).collect()
    }

    /// The same, for programs.
    pub(super) fn to_json(&self, name: &str, ground: &Ground) -> Map<String, Value> {
        let worker = |(id, worker): (&WorkerId, &Worker)| {
            let Worker { place, hands, runs, ranges, lost, .. } = worker;
            json!({ "worker": id, "place": place, "hands": hands, "runs": runs, "ranges": ranges, "ranges_lost": lost })
        };
        let given_up = |range: &Range| {
            let seed = ground.at(range.from).map(|(story, seed)| json!({ "scenario": story.name(), "seed": seed }));
            json!({ "first": seed, "runs": range.count })
        };
        let shared = json!({
            "name": name,
            "workers": self.workers.iter().map(worker).collect::<Vec<_>>(),
            "workers_refused": self.refused,
            "ranges_handed_out_again": self.ledger.again(),
            "ranges_given_up": self.ledger.given_up().iter().map(given_up).collect::<Vec<_>>(),
            "ranges_given_up_count": self.ledger.given_up_count(),
            "failures_left_out": self.left_out,
            "results_late": self.ledger.late(),
            "messages_ignored": self.noise,
        });
        Map::from_iter([("shared".to_string(), shared)])
    }

    /// Notes that a worker was heard of. Returns whether it takes part.
    fn hears(&mut self, now: Duration, worker: WorkerId) -> bool {
        let Some(known) = self.workers.get_mut(&worker) else { return false };
        known.heard_at = now;
        if mem::take(&mut known.is_lost) {
            let remark = format!("Worker {worker} at {} is back.", known.place);
            self.remark(remark);
        }
        true
    }

    /// Returns what a worker is told that takes part.
    fn goes_on(&mut self, worker: WorkerId, leave: Vec<LeaseId>) -> Heard {
        if let Some(known) = self.workers.get_mut(&worker) {
            known.knows_end |= self.ends;
        }
        Heard::GoOn { leave, ends: self.ends }
    }

    fn heed<T>(&mut self, message: Result<T, Garbled>) -> Option<T> {
        message.map_err(|garbled| self.ignore(&garbled)).ok()
    }

    fn remark(&mut self, text: String) {
        if self.remarks.len() < REMARKS_MAX {
            self.remarks.push(text);
        }
    }
}

fn handed_out_again(ranges: u64) -> String {
    format!("{} {} handed out again", plural(ranges, "range"), if ranges == 1 { "is" } else { "are" })
}

/// Names a range by its first run.
fn named(range: Range, ground: &Ground) -> String {
    let first =
        ground.at(range.from).map_or_else(String::new, |(story, seed)| format!("seed {seed} of {}", story.name()));
    match range.count {
        1 => first,
        count => format!("{first} and the {} after it", plural(count - 1, "run")),
    }
}

#[cfg(test)]
mod tests {
    use delian_sim::guide::Guide;
    use delian_sim::story::Story;
    use serde::Serialize;

    use super::super::words::{self, MESSAGE_MAX};
    use super::*;

    const NOBODY: &str = "about = \"Nothing.\"\n[cluster]\nvoters = 1\n[run]\nchaos = \"1s\"\nseeds_max = 8\n";

    fn ground_of(texts: &[(&str, &str)]) -> Ground {
        let story = |(path, text): &(&str, &str)| Story::from_toml(text, path).expect("it makes sense");
        Ground::new(texts.iter().map(story).collect(), 100, Guide::None).expect("there is something to draw")
    }

    fn ground() -> Ground {
        ground_of(&[("one.toml", NOBODY)])
    }

    fn lead(ground: &Ground) -> Lead {
        Lead::new(ground, Session(7), 4)
    }

    fn bytes(message: &impl Serialize) -> Vec<u8> {
        words::write(message)
    }

    fn hello(ground: &Ground) -> Vec<u8> {
        hello_of(ground, 77)
    }

    fn hello_of(ground: &Ground, nonce: u64) -> Vec<u8> {
        let place = "10.0.0.7 (process 4)".to_string();
        bytes(&Hello { terms: Terms::of(ground), nonce, place, hands: 2 })
    }

    /// One more worker takes part.
    fn welcome(lead: &mut Lead, ground: &Ground) -> WorkerId {
        let nonce = lead.workers.len() as u64;
        match lead.hello(Duration::ZERO, &hello_of(ground, nonce)) {
            Some(Greeting::Welcome { worker, .. }) => worker,
            other => panic!("not welcome: {other:?}"),
        }
    }

    fn refusal(lead: &mut Lead, hello: &[u8]) -> String {
        match lead.hello(Duration::ZERO, hello) {
            Some(Greeting::Refused { why }) => why,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// A worker takes what is offered.
    fn give(lead: &mut Lead, worker: WorkerId, now: Duration) -> Offer {
        let offer = lead.offer(now).expect("there is something to offer");
        lead.taken(now, offer.lease, &bytes(&Mine { worker }));
        offer
    }

    /// What a worker tells of a range, with `failures` as JSON.
    fn told(worker: WorkerId, offer: Offer, failures: &Value) -> Vec<u8> {
        let Offer { lease, from, count } = offer;
        bytes(&json!({ "worker": worker, "lease": lease, "from": from, "count": count, "done": count, "runs": count,
                       "virtual_nanos": 1, "failures": failures }))
    }

    #[test]
    fn whoever_runs_the_same_is_welcome_and_told_what_to_run() {
        let ground = ground();
        let mut lead = lead(&ground);
        let greeting = lead.hello(Duration::ZERO, &hello(&ground));
        let guide = "none".to_string();
        assert_eq!(greeting, Some(Greeting::Welcome { session: Session(7), worker: 1, first_seed: 100, guide }));
        assert_eq!(lead.present(), 1);
        assert_eq!(lead.remarks(), ["Worker 1 at 10.0.0.7 (process 4) takes part, with 2 hands."]);
    }

    #[test]
    fn a_worker_whose_greetings_come_twice_is_one_worker() {
        let ground = ground();
        let mut lead = lead(&ground);
        let (one, other) = (hello_of(&ground, 1), hello_of(&ground, 2));
        let first = lead.hello(Duration::ZERO, &one);
        assert_eq!(lead.hello(LEASE, &one), first);
        assert_ne!(lead.hello(LEASE, &other), first);
        assert_eq!((lead.present(), lead.remarks().len()), (2, 2));
    }

    #[test]
    fn a_hunt_waits_for_workers_to_know_that_it_ends_as_long_as_they_are_heard_of() {
        let ground = ground();
        let mut lead = lead(&ground);
        let (one, other) = (welcome(&mut lead, &ground), welcome(&mut lead, &ground));
        let beat = bytes(&Beat { worker: one, leases: vec![] });
        lead.beat(Duration::ZERO, &beat);
        lead.end();
        assert!(!lead.all_know_end());
        lead.beat(Duration::ZERO, &beat);
        assert!(!lead.all_know_end(), "worker {other} does not");
        lead.tick(LEASE, &ground);
        assert!(lead.all_know_end(), "it is not there");
    }

    #[test]
    fn what_cost_the_only_worker_waits_for_another_for_a_while() {
        let ground = ground_of(&[("one.toml", &NOBODY.replace('8', "4"))]);
        let mut lead = lead(&ground);
        let worker = welcome(&mut lead, &ground);
        give(&mut lead, worker, Duration::ZERO);
        lead.tick(LEASE, &ground);
        assert_eq!(lead.ledger.take_own(), None);
        assert!(!lead.is_done(LEASE) && lead.is_done(WORKER_TIMEOUT));
        lead.ledger.end();
        assert!(!lead.is_whole());
    }

    #[test]
    fn failures_that_did_not_fit_into_a_message_are_told_as_missing() {
        let ground = ground();
        let mut lead = lead(&ground);
        let worker = welcome(&mut lead, &ground);
        let offer = give(&mut lead, worker, Duration::ZERO);
        let mut words: Value = serde_json::from_slice(&told(worker, offer, &json!([]))).expect("it is JSON");
        words["left_out"] = json!(3);
        lead.told(Duration::ZERO, &ground, &bytes(&words)).expect("it is a message");
        assert!(!lead.is_whole());
        assert_eq!(Value::Object(lead.to_json("it", &ground))["shared"]["failures_left_out"], 3);
        assert!(lead.to_text("it", &ground).contains("; 3 failed runs that did not fit into a message"));
    }

    #[test]
    fn a_result_of_what_nobody_was_given_is_not_looked_into() {
        let ground = ground();
        let mut lead = lead(&ground);
        let worker = welcome(&mut lead, &ground);
        let forged = Offer { lease: 9, from: u64::MAX - 4, count: 4 };
        let nonsense = json!([{ "place": 0, "forks": ["soon"], "invariant": "none", "times": 0 }]);
        let heard = Heard::GoOn { leave: vec![], ends: false };
        assert_eq!(lead.told(Duration::ZERO, &ground, &told(worker, forged, &nonsense)), Some((heard, None)));
        assert_eq!((lead.noise, lead.ledger.late()), (0, 1));
    }

    #[test]
    fn a_worker_of_another_version_is_refused() {
        let ground = ground();
        let mut lead = lead(&ground);
        let with = |field: &str, value: Value| {
            let mut hello: Value = serde_json::from_slice(&hello(&ground)).expect("it is JSON");
            hello["terms"][field] = value;
            bytes(&hello)
        };
        assert!(
            refusal(&mut lead, &with("version", json!("0.0.9"))).starts_with("it is version 0.0.9, and whoever leads")
        );
        assert!(refusal(&mut lead, &with("trial", json!(1))).contains("come to other runs there"));
        // Whatever it may look like beside that.
        let future = json!({ "terms": { "protocol": 99, "more": [] }, "word": "more" });
        assert!(refusal(&mut lead, &bytes(&future)).starts_with("it speaks version 99 of the protocol"));
        assert_eq!((lead.present(), lead.refused, lead.noise), (0, 3, 0));
    }

    #[test]
    fn a_worker_with_other_scenarios_is_refused_by_their_names() {
        let other = NOBODY.replace("1s", "2s");
        let ground = ground_of(&[("one.toml", NOBODY), ("two.toml", NOBODY), ("both.toml", NOBODY)]);
        let theirs = ground_of(&[("one.toml", NOBODY), ("three.toml", NOBODY), ("both.toml", &other)]);
        let why = refusal(&mut lead(&ground), &hello(&theirs));
        assert_eq!(why, "it lacks two; whoever leads lacks three; the texts differ of both: give both the same files");
    }

    #[test]
    fn the_order_and_the_folders_of_scenarios_do_not_matter() {
        let ground = ground_of(&[("a/one.toml", NOBODY), ("b/two.toml", NOBODY)]);
        let theirs = ground_of(&[("c/two.toml", NOBODY), ("d/one.toml", NOBODY)]);
        assert_eq!(welcome(&mut lead(&ground), &theirs), 1);
        let name = |ground: &Ground| ground.at(0).map(|(story, _)| story.name().to_string());
        assert_eq!(name(&ground), name(&theirs));
    }

    #[test]
    fn the_range_of_a_lost_worker_is_handed_out_again_and_told_of() {
        let ground = ground();
        let mut lead = lead(&ground);
        let (first, second) = (welcome(&mut lead, &ground), welcome(&mut lead, &ground));
        let lost = give(&mut lead, first, Duration::ZERO);
        lead.remarks();
        lead.tick(LEASE, &ground);
        assert_eq!(
            lead.remarks(),
            [
                "Worker 1 at 10.0.0.7 (process 4) was not heard of for 10 s: 1 range is handed out again.",
                "Worker 2 at 10.0.0.7 (process 4) was not heard of for 10 s.",
            ]
        );
        assert_eq!(
            lead.beat(LEASE, &bytes(&Beat { worker: second, leases: vec![] })),
            Some(Heard::GoOn { leave: vec![], ends: false })
        );
        let again = give(&mut lead, second, LEASE);
        assert_eq!((again.from, again.count), (lost.from, lost.count));
        let counts = |lead: &mut Lead, worker, offer| {
            lead.told(LEASE, &ground, &told(worker, offer, &json!([]))).expect("it is a message").1.is_some()
        };
        assert!(counts(&mut lead, second, again));
        assert!(!counts(&mut lead, first, lost), "the same again");
        let fields = Value::Object(lead.to_json("it", &ground));
        assert_eq!(fields["shared"]["ranges_handed_out_again"], 1);
        assert_eq!(fields["shared"]["results_late"], 1);
        assert_eq!(fields["shared"]["workers"][0]["ranges_lost"], 1);
        assert_eq!(fields["shared"]["workers"][1]["runs"], 4);
        let text = lead.to_text("it", &ground);
        assert!(text.starts_with("Shared as it with 2 workers; 1 range handed out again.\n"), "{text}");
    }

    #[test]
    fn a_worker_hears_what_is_somebody_elses_and_when_the_hunt_ends() {
        let ground = ground();
        let mut lead = lead(&ground);
        let worker = welcome(&mut lead, &ground);
        let offer = give(&mut lead, worker, Duration::ZERO);
        let beat = bytes(&Beat { worker, leases: vec![offer.lease, 99] });
        assert_eq!(lead.beat(Duration::ZERO, &beat), Some(Heard::GoOn { leave: vec![99], ends: false }));
        lead.end();
        assert_eq!(lead.beat(Duration::ZERO, &beat), Some(Heard::GoOn { leave: vec![99], ends: true }));
        assert_eq!(lead.offer(Duration::ZERO), None, "nothing new at the end");
    }

    #[test]
    fn whoever_never_greeted_is_a_stranger_and_counts_for_nothing() {
        let ground = ground();
        let mut lead = lead(&ground);
        let offer = lead.offer(Duration::ZERO).expect("there is something to offer");
        assert_eq!(
            lead.beat(Duration::ZERO, &bytes(&Beat { worker: 9, leases: vec![offer.lease] })),
            Some(Heard::Stranger)
        );
        let answer = lead.told(Duration::ZERO, &ground, &told(9, offer, &json!([])));
        assert_eq!(answer, Some((Heard::Stranger, None)));
        assert!(!lead.is_free(Duration::ZERO, &bytes(&Mine { worker: 9 })));
    }

    #[test]
    fn what_is_no_message_is_ignored_and_counted() {
        let ground = ground();
        let mut lead = lead(&ground);
        let worker = welcome(&mut lead, &ground);
        lead.remarks();
        for noise in
            [b"".as_slice(), b"\xff\x00", b"{}", b"[1, 2", &b"[".repeat(100_000), &b" ".repeat(MESSAGE_MAX + 1)]
        {
            assert_eq!(lead.hello(Duration::ZERO, noise), None);
            assert_eq!(lead.beat(Duration::ZERO, noise), None);
            assert_eq!(lead.told(Duration::ZERO, &ground, noise), None);
            assert!(!lead.is_free(Duration::ZERO, noise));
            lead.taken(Duration::ZERO, 1, noise);
        }
        assert_eq!(lead.noise, 30);
        let remarks = lead.remarks();
        assert_eq!(remarks.len() as u64, NOISE_TOLD_MAX, "{remarks:?}");
        let offer = give(&mut lead, worker, Duration::ZERO);
        assert!(
            lead.told(Duration::ZERO, &ground, &told(worker, offer, &json!([])))
                .is_some_and(|(_, told)| told.is_some())
        );
    }

    #[test]
    fn a_result_that_says_what_cannot_be_counts_for_nothing() {
        let ground = ground();
        let mut lead = lead(&ground);
        let worker = welcome(&mut lead, &ground);
        let offer = give(&mut lead, worker, Duration::ZERO);
        let claim = |place: u64, forks: Value, invariant: &str| json!([{ "place": place, "forks": forks, "invariant": invariant, "times": 1 }]);
        for absurd in [
            claim(4, json!([]), "no-panic"),
            claim(u64::MAX, json!([]), "no-panic"),
            claim(1, json!(["soon"]), "no-panic"),
            json!([{ "place": 1, "forks": [], "invariant": "no-panic", "times": 0 }]),
            json!([{ "place": 1, "forks": [], "invariant": "no-panic", "times": 5 }]),
            claim(1, json!([]), "../../etc/passwd"),
        ] {
            assert_eq!(lead.told(Duration::ZERO, &ground, &told(worker, offer, &absurd)), None, "{absurd}");
        }
        let leases = vec![offer.lease; JOBS_MAX as usize + 1];
        assert_eq!(lead.beat(Duration::ZERO, &bytes(&Beat { worker, leases })), None);
        let beyond = Offer { count: u64::MAX, from: 1, ..offer };
        assert_eq!(lead.told(Duration::ZERO, &ground, &told(worker, beyond, &json!([]))), None);
        let honest = told(worker, offer, &claim(3, json!(["0.5s:swarm:3"]), "no-panic"));
        let (_, told) = lead.told(Duration::ZERO, &ground, &honest).expect("it is a message");
        let failures = told.expect("it counts").failures(&ground).expect("it was read before");
        let (story, seed, failed, times) = &failures[0];
        assert_eq!((story.name(), *seed, failed.invariant, failed.forks.len(), *times), ("one", 103, "no-panic", 1, 1));
    }

    #[test]
    fn a_strangers_words_steer_no_terminal() {
        let ground = ground();
        let mut lead = lead(&ground);
        let place = "\u{1b}[2J".repeat(1_000);
        lead.hello(Duration::ZERO, &bytes(&Hello { terms: Terms::of(&ground), nonce: 1, place, hands: 1 }));
        let remark = lead.remarks().concat();
        assert!(
            remark.len() < 2 * PLACE_LENGTH_MAX
                && remark.chars().all(|letter| letter.is_ascii_graphic() || letter == ' '),
            "{remark}"
        );
    }

    #[test]
    fn a_range_that_is_given_up_is_named_by_its_seeds() {
        let ground = ground();
        let mut lead = lead(&ground);
        let worker = welcome(&mut lead, &ground);
        let mut now = Duration::ZERO;
        while lead.ledger.given_up().is_empty() {
            give(&mut lead, worker, now);
            now += LEASE;
            lead.tick(now, &ground);
        }
        let told = "seed 100 of one and the 3 runs after it";
        assert!(lead.remarks().contains(&format!("{told} cost every worker that tried: given up.")));
        assert!(lead.to_text("it", &ground).contains(told));
        let fields = Value::Object(lead.to_json("it", &ground));
        assert_eq!(
            fields["shared"]["ranges_given_up"][0],
            json!({ "first": { "scenario": "one", "seed": 100 }, "runs": 4 })
        );
    }
}
