//! Events as they happen, as server-sent events (WHATWG HTML, section 9.2).
//!
//! The identity of an event is `epoch:sequence:boot`: the boot tells apart two runs of the node, whose sequences both begin
//! at 1. Who comes back with one goes on behind it, or is told by a `reset` that what came between is not known here, and
//! should read what it follows anew. Who reads too slowly is told by a last `cut`; the node never waits for anybody.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use delian_core::{Boot, Node, Time};
use hyper::HeaderMap;
use hyper::body::{Bytes, Frame};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::timeout;

use super::config::Limits;
use super::fault::{Answer, Fault, Kind};
use super::guard::Link;
use super::query::{Parameters, word, wrong};
use super::server::stopped;
use super::state::{Api, Stamped};
use crate::journal::{Entry, Missed, Reader};
use crate::shapes::{Consistency, EventDocument, Problem, Severity, WatchNotice};
use crate::telemetry::event::{KINDS, document};

/// How many entries are taken from the journal at a time.
const ENTRIES_MAX: usize = 64;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Which events are asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    kinds: BTreeSet<&'static str>,
    severity: Option<Severity>,
}

impl Filter {
    fn of(query: &mut Parameters) -> Answer<Self> {
        let severities = [
            ("routine", Severity::Routine),
            ("info", Severity::Info),
            ("warning", Severity::Warning),
            ("error", Severity::Error),
        ];
        let severity = query.word("severity", &severities)?;
        let words = KINDS.map(|kind| (kind, kind));
        let said = query.all("kind");
        let kinds = said.iter().flat_map(|list| list.split(',')).map(|kind| word("kind", kind, &words));
        Ok(Self { kinds: kinds.collect::<Answer<_>>()?, severity })
    }

    fn passes(&self, event: &EventDocument) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(event.kind.as_str()))
            && self.severity.is_none_or(|least| event.severity >= least)
    }
}

/// Where somebody left off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    epoch: Option<u64>,
    sequence: u64,
    boot: Option<u64>,
}

impl Mark {
    /// Reads `sequence`, `epoch:sequence` or `epoch:sequence:boot`.
    fn read(text: &str) -> Option<Self> {
        let number = |digits: &str| digits.parse::<u64>().ok();
        let parts: Vec<&str> = text.split(':').collect();
        Some(match parts[..] {
            [sequence] => Self { epoch: None, sequence: number(sequence)?, boot: None },
            [epoch, sequence] => Self { epoch: Some(number(epoch)?), sequence: number(sequence)?, boot: None },
            [epoch, sequence, boot] => {
                Self { epoch: Some(number(epoch)?), sequence: number(sequence)?, boot: Some(number(boot)?) }
            }
            _ => return None,
        })
    }

    /// Says whether a journal goes on behind this mark; if not, why.
    fn check(self, journal: &Reader, boot: Boot) -> Result<(), &'static str> {
        if self.boot.is_some_and(|named| named != boot.get()) {
            return Err("the node has started again");
        }
        match journal.after(self.sequence, 0) {
            Err(Missed { .. }) if self.sequence > journal.last() => Err("the node has started again"),
            Err(Missed { .. }) => Err("what came between is forgotten"),
            Ok(_) => {
                let before = self.sequence.checked_sub(1).and_then(|before| journal.after(before, 1).ok());
                let entry = before.and_then(|entries| entries.into_iter().next());
                match entry.zip(self.epoch) {
                    Some((entry, epoch)) if entry.epoch.get() != epoch => Err("the node has started again"),
                    Some(_) | None => Ok(()),
                }
            }
        }
    }
}

/// What happens, from the next event on or behind one that is named.
#[utoipa::path(get, path = "/v1/watch", tag = "node", params(
    ("kind" = Option<Vec<String>>, Query, description = "Kinds of events, repeated or with commas; all if absent"),
    ("severity" = inline(Option<Severity>), Query, description = "The least severity"),
    ("after" = Option<String>, Query, description = "The identity of the last event that was seen"),
    ("Last-Event-ID" = Option<String>, Header, description = "The same; goes before it"),
), responses(
    (status = 200, description = "Server-sent events; the data of each is an EventDocument, and of the events reset and \
        cut a WatchNotice", body = EventDocument, content_type = "text/event-stream"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn events(
    State(api): State<Arc<Api>>,
    link: Option<Extension<Link>>,
    headers: HeaderMap,
    mut query: Parameters,
) -> Answer<Stamped<Response>> {
    let filter = Filter::of(&mut query)?;
    let said = match headers.get(LAST_EVENT_ID) {
        Some(id) => Some(id.to_str().unwrap_or("unreadable").to_string()).filter(|id| !id.is_empty()),
        None => None,
    };
    let asked = query.one("after")?;
    query.end(&["kind", "severity", "after"])?;
    let read = |text: String| {
        Mark::read(&text)
            .ok_or_else(|| wrong("after", &format!("is {text:?}: use the id of an event, epoch:sequence:boot")))
    };
    let mark = said.or(asked).map(read).transpose()?;
    let (seen, ()) = api.view(Consistency::Local, |_: &Node, _: Time| ()).await?;
    let limits = api.config.limits.clone();
    let place = Place::take(&api.watchers, limits.watchers_max).ok_or_else(|| {
        let detail = format!("{} watch already: ask another node, or end one", limits.watchers_max);
        Fault::new(Kind::Busy, detail).again_in(limits.watch_keep_alive)
    })?;
    let cut = link.map(|Extension(link)| link.cut).unwrap_or_default();
    let told = Arc::clone(&api);
    let on_cut = Box::new(move || told.metrics.watcher_cut());
    let journal = api.handle.journal().clone();
    let feeder = Feeder { journal, boot: api.boot, filter, limits, stopping: api.stopping.clone(), cut, on_cut };
    let body = feeder.start(mark, place);
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        // What some proxies know as "do not gather this".
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok(Stamped(seen, (headers, Body::new(body)).into_response()))
}

/// A place among those who watch, given back when it is dropped.
pub(super) struct Place(Arc<AtomicUsize>);

impl Place {
    pub(super) fn take(watchers: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        let more = |count: usize| (count < max).then_some(count + 1);
        watchers.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        Some(Self(Arc::clone(watchers)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Takes events from the journal and hands them to a body, as fast as that is read and no faster than it may wait.
pub(super) struct Feeder {
    pub(super) journal: Reader,
    pub(super) boot: Boot,
    pub(super) filter: Filter,
    pub(super) limits: Limits,
    pub(super) stopping: watch::Receiver<bool>,
    /// Ends the connection of a watcher that does not even take its farewell.
    pub(super) cut: Arc<Notify>,
    pub(super) on_cut: Box<dyn Fn() + Send + Sync>,
}

/// Why a feeder ends.
enum End {
    /// The watcher went away.
    Gone,
    /// The node or the server stops.
    Over(&'static str),
    /// The watcher is too slow.
    Slow(&'static str),
}

impl Feeder {
    /// Begins to feed a body.
    pub(super) fn start(self, mark: Option<Mark>, place: Place) -> WatchBody {
        let (frames, taken) = mpsc::channel(self.limits.watch_queue);
        let (farewell, last) = oneshot::channel();
        let (held, dropped) = oneshot::channel();
        tokio::spawn(self.run(mark, frames, farewell, dropped, place));
        WatchBody { taken, last: Some(last), _held: held }
    }

    async fn run(
        self,
        mark: Option<Mark>,
        frames: mpsc::Sender<Bytes>,
        farewell: oneshot::Sender<Bytes>,
        dropped: oneshot::Receiver<Infallible>,
        place: Place,
    ) {
        let end = match self.feed(mark, &frames).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        // Whoever is cut must not keep another from watching.
        drop(place);
        let why = match end {
            End::Gone => return,
            End::Over(why) => why,
            End::Slow(why) => {
                (self.on_cut)();
                why
            }
        };
        // A body that is gone needs no farewell.
        let _ = farewell.send(self.notice("cut", None, why));
        drop(frames);
        if timeout(self.limits.watch_stall_timeout, dropped).await.is_err() {
            self.cut.notify_one();
        }
    }

    async fn feed(&self, mark: Option<Mark>, frames: &mpsc::Sender<Bytes>) -> Result<Infallible, End> {
        let mut stopping = self.stopping.clone();
        let (mut seen, reset) = self.begin(mark);
        self.hand(frames, Bytes::from(": delian\nretry: 2000\n\n")).await?;
        if let Some(why) = reset {
            let text = format!("{why}: read anew what you follow, and go on from here");
            self.hand(frames, self.notice("reset", Some(seen), &text)).await?;
        }
        loop {
            let entries = match self.journal.after(seen, ENTRIES_MAX) {
                Ok(entries) => entries,
                Err(Missed { .. }) => return Err(End::Slow("events were forgotten before they were read: come back")),
            };
            for entry in &entries {
                seen = entry.sequence;
                let event = document(entry);
                if self.filter.passes(&event) {
                    self.hand(frames, self.frame(entry, &event)).await?;
                }
            }
            if !entries.is_empty() {
                continue;
            }
            tokio::select! {
                biased;
                () = stopped(&mut stopping) => return Err(End::Over("this API stops: come back to another")),
                () = frames.closed() => return Err(End::Gone),
                woken = timeout(self.limits.watch_keep_alive, self.journal.wait_after(seen)) => match woken {
                    Ok(true) => {}
                    Ok(false) => return Err(End::Over("the node has ended: ask another")),
                    Err(_) => self.hand(frames, Bytes::from(": alive\n\n")).await?,
                },
            }
        }
    }

    /// Returns behind which event to begin, and why not where the watcher wanted to.
    fn begin(&self, mark: Option<Mark>) -> (u64, Option<&'static str>) {
        let Some(mark) = mark else { return (self.journal.last(), None) };
        match mark.check(&self.journal, self.boot) {
            Ok(()) => (mark.sequence, None),
            Err(why) => (self.oldest() - 1, Some(why)),
        }
    }

    fn oldest(&self) -> u64 {
        // Before the first event nobody has written, so the answer names the oldest that there is.
        self.journal.after(u64::MAX, 0).err().map_or(1, |missed| missed.oldest)
    }

    async fn hand(&self, frames: &mpsc::Sender<Bytes>, frame: Bytes) -> Result<(), End> {
        match timeout(self.limits.watch_stall_timeout, frames.reserve()).await {
            Ok(Ok(place)) => {
                place.send(frame);
                Ok(())
            }
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Slow("events were not read for too long: come back")),
        }
    }

    fn frame(&self, entry: &Entry, event: &EventDocument) -> Bytes {
        let (epoch, sequence, boot) = (entry.epoch.get(), entry.sequence, self.boot.get());
        // JSON escapes what would end a line, so the data is one.
        let data = serde_json::to_string(event).unwrap_or_default();
        Bytes::from(format!("id: {epoch}:{sequence}:{boot}\nevent: {}\ndata: {data}\n\n", event.kind))
    }

    fn notice(&self, event: &str, from: Option<u64>, text: &str) -> Bytes {
        let (boot, oldest, newest) = (self.boot.get(), self.oldest(), self.journal.last());
        let data = WatchNotice { text: text.to_string(), boot, oldest, newest };
        let data = serde_json::to_string(&data).unwrap_or_default();
        // Whoever is cut comes back behind the last event that it got, so a farewell has no identity of its own.
        let epoch = from.and_then(|from| self.journal.after(from, 1).ok()?.first().map(|entry| entry.epoch.get()));
        let id = from.map(|from| match (from, epoch) {
            (0, _) => format!("id: 0:0:{boot}\n"),
            (from, Some(epoch)) if from + 1 == oldest => format!("id: {epoch}:{from}:{boot}\n"),
            (from, _) => format!("id: 0:{from}:{boot}\n"),
        });
        Bytes::from(format!("{}event: {event}\ndata: {data}\n\n", id.unwrap_or_default()))
    }
}

/// The body of an answer that goes on until the watcher has enough.
pub(super) struct WatchBody {
    taken: mpsc::Receiver<Bytes>,
    last: Option<oneshot::Receiver<Bytes>>,
    /// Tells the feeder, by being dropped, that nobody reads any more.
    _held: oneshot::Sender<Infallible>,
}

impl hyper::body::Body for WatchBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(frame) = ready!(self.taken.poll_recv(context)) {
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        let Some(last) = self.last.as_mut() else { return Poll::Ready(None) };
        let farewell = ready!(Pin::new(last).poll(context));
        self.last = None;
        Poll::Ready(farewell.ok().map(|farewell| Ok(Frame::data(farewell))))
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
