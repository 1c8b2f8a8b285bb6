//! What is answered to whom: the page and its parts, and the model, a state or what a search found as JSON.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use delian_sim::explore::Limits;
use delian_sim::explore::cluster::Cluster;
use delian_sim::explore::cluster::model::Model;
use delian_sim::explore::jumps::{self, Jumps};
use delian_sim::report;
use serde::Serialize;

use super::http::{Reply, Request, Status};
use super::{Word, held};

/// The most steps of a path: far beyond the longest of all shortest paths, and followed within a blink.
pub(super) const STEPS_MAX: usize = 1_000;

/// What hashes begin with; any number gives the same states.
const HASH_SEED: u64 = 0;

/// Names by which this machine may be called. A page from elsewhere can make its own name lead here, but not one of
/// these.
const HOSTS: [&str; 2] = ["127.0.0.1", "localhost"];

/// One model, and what is known of it.
pub(super) struct Site {
    cluster: Cluster,
    limits: Limits,
    /// What the search found so far; nothing before somebody asked.
    jumps: Mutex<Option<Jumps>>,
    stopped: AtomicBool,
}

impl Site {
    pub(super) fn new(model: Model, limits: Limits) -> Self {
        let cluster = Cluster::new(model, HASH_SEED);
        Self { cluster, limits, jumps: Mutex::new(None), stopped: AtomicBool::new(false) }
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Answers a request.
    pub(super) fn answer(self: &Arc<Self>, request: &Request) -> (Word, Reply) {
        if let Some(refusal) = refusal(request) {
            return (Word::Asked, refusal);
        }
        let (page, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let wanted = if page == "/stop" { "POST" } else { "GET" };
        let reply = match page {
            "/" => Reply::new("text/html", include_str!("page.html")),
            "/page.css" => Reply::new("text/css", [report::STYLE, include_str!("page.css")].concat()),
            "/page.js" => Reply::new("text/javascript", include_str!("page.js")),
            "/api/model" => document(&self.cluster.about()),
            "/api/state" => self.state(query),
            "/api/search" => document(&self.found()),
            "/stop" => Reply::json("{}".to_owned()),
            other => Reply::refusal(Status::Missing, &format!("there is nothing at {other}")),
        };
        if reply.status == Status::Ok && request.method != wanted {
            let why = format!("{page} is asked by {wanted}, not {}", request.method);
            return (Word::Asked, Reply::refusal(Status::NotAllowed, &why));
        }
        (if page == "/stop" { Word::Stop } else { Word::Asked }, reply)
    }

    fn state(&self, query: &str) -> Reply {
        let told = places(query).and_then(|places| self.cluster.picture(&places).map_err(|error| error.to_string()));
        match told {
            Ok(picture) => document(&picture),
            Err(why) => Reply::refusal(Status::Bad, &why),
        }
    }

    /// Returns what the search found so far, and begins it if it has not begun.
    fn found(self: &Arc<Self>) -> Jumps {
        let mut jumps = held(&self.jumps);
        jumps
            .get_or_insert_with(|| {
                let site = Arc::clone(self);
                thread::spawn(move || site.search());
                Jumps::none(&self.cluster, &self.limits)
            })
            .clone()
    }

    fn search(&self) {
        jumps::look(&self.cluster, HASH_SEED, self.limits, &mut |jumps| {
            *held(&self.jumps) = Some(jumps);
            if self.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
}

/// Refuses what a page from elsewhere made a browser ask.
fn refusal(request: &Request) -> Option<Reply> {
    let forbidden = |why: &str| Some(Reply::refusal(Status::Forbidden, why));
    let Some(host) = &request.host else {
        return Some(Reply::refusal(Status::Bad, "the request has no Host line"));
    };
    if !is_here(host) {
        return forbidden(&format!("{host} is no name of this machine: ask for 127.0.0.1 or localhost"));
    }
    match &request.origin {
        Some(origin) if origin.strip_prefix("http://") != Some(host) => {
            forbidden(&format!("a page of {origin} may not ask"))
        }
        Some(_) | None => None,
    }
}

/// Returns whether a Host line names this machine, with any port or none: the port may have been forwarded.
fn is_here(host: &str) -> bool {
    let (name, port) = host.split_once(':').unwrap_or((host, "0"));
    HOSTS.contains(&name.to_ascii_lowercase().as_str()) && port.parse::<u16>().is_ok()
}

/// Reads the places of a path from `path=0,3,1`.
fn places(query: &str) -> Result<Vec<u16>, String> {
    let text = query.split('&').find_map(|pair| pair.strip_prefix("path=")).unwrap_or_default();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let steps = text.split(',').count();
    if steps > STEPS_MAX {
        return Err(format!("a path of {steps} steps is above the limit of {STEPS_MAX}"));
    }
    let place = |word: &str| word.parse().map_err(|_| format!("`{word}` is not a number from 0 to {}", u16::MAX));
    text.split(',').map(place).collect()
}

fn document(value: &impl Serialize) -> Reply {
    Reply::json(serde_json::to_string(value).expect("texts, numbers and lists of them have a JSON form"))
}
