use std::time::Duration;

use delian_core::{Epoch, Event, Term, WallTime};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::*;
use crate::journal::Journal;

/// Far more than anything here takes: a test that gets there has failed.
const FAR: Duration = Duration::from_mins(1);

const BOOT: Boot = Boot::new(3);

fn write(journal: &mut Journal, events: u64) {
    for number in 1..=events {
        let event = Event::ElectionStarted { term: Term::new(number) };
        journal.write(Epoch::new(number), WallTime::from_unix_millis(number), event);
    }
}

fn feeder(journal: &Journal, limits: Limits) -> (Feeder, watch::Sender<bool>, Arc<Notify>) {
    let (stop, stopping) = watch::channel(false);
    let cut = Arc::new(Notify::new());
    let (journal, filter, on_cut) = (journal.reader(), Filter::default(), Box::new(|| ()));
    (Feeder { journal, boot: BOOT, filter, limits, stopping, cut: Arc::clone(&cut), on_cut }, stop, cut)
}

fn limits() -> Limits {
    let moment = Duration::from_millis(20);
    Limits { watch_queue: 4, watch_stall_timeout: moment, watch_keep_alive: moment, ..Limits::default() }
}

fn place() -> (Arc<AtomicUsize>, Place) {
    let watchers = Arc::new(AtomicUsize::new(0));
    let place = Place::take(&watchers, 1).unwrap();
    (watchers, place)
}

async fn all_of(body: WatchBody) -> String {
    let collected = timeout(FAR, body.collect()).await.expect("the body ends");
    String::from_utf8(collected.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn who_stops_reading_is_told_by_a_last_event_and_gives_its_place_back() {
    let mut journal = Journal::new(100);
    write(&mut journal, 50);
    let (feeder, _stop, _) = feeder(&journal, limits());
    let (watchers, place) = place();
    let body = feeder.start(Mark::read("0"), place);
    // Nobody reads while the feeder has its place.
    timeout(FAR, async {
        while watchers.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the watcher is cut");
    let text = all_of(body).await;
    let blocks: Vec<&str> = text.split_terminator("\n\n").collect();
    assert_eq!(blocks.len(), 5, "what waited, and the farewell: {text}");
    assert!(blocks[4].starts_with("event: cut\ndata: {") && blocks[4].contains("not read for too long"), "{text}");
    assert!(!blocks[4].contains("id:"), "who comes back goes on behind the last event it got");
}

#[tokio::test]
async fn a_connection_that_does_not_take_its_farewell_is_ended() {
    let mut journal = Journal::new(100);
    write(&mut journal, 50);
    let (feeder, _stop, cut) = feeder(&journal, limits());
    let body = feeder.start(Mark::read("0"), place().1);
    timeout(FAR, cut.notified()).await.expect("the connection is cut");
    drop(body);
}

#[tokio::test]
async fn a_reader_that_goes_on_behind_what_is_forgotten_is_cut() {
    let mut journal = Journal::new(8);
    write(&mut journal, 4);
    let roomy = Limits { watch_stall_timeout: FAR, ..limits() };
    let (feeder, _stop, _) = feeder(&journal, roomy);
    let mut body = feeder.start(Mark::read("0"), place().1);
    let first = timeout(FAR, body.frame()).await.unwrap();
    assert!(first.is_some());
    // It holds the four events it took at once; the journal forgets all of them and more.
    write(&mut journal, 50);
    let text = all_of(body).await;
    assert!(text.contains("event: cut") && text.contains("were forgotten before they were read"), "{text}");
}

#[tokio::test]
async fn a_server_that_stops_says_so_to_who_watches() {
    let journal = Journal::new(8);
    let (feeder, stop, _) = feeder(&journal, Limits::default());
    let body = feeder.start(None, place().1);
    stop.send_replace(true);
    let text = all_of(body).await;
    assert!(text.ends_with("\n\n") && text.contains("event: cut") && text.contains("this API stops"), "{text}");
}

#[tokio::test]
async fn a_node_that_ends_ends_what_is_watched() {
    let journal = Journal::new(8);
    let (feeder, _stop, _) = feeder(&journal, Limits::default());
    let body = feeder.start(None, place().1);
    drop(journal);
    let text = all_of(body).await;
    assert!(text.contains("the node has ended: ask another"), "{text}");
}

#[test]
fn a_mark_is_read_with_and_without_its_epoch_and_boot() {
    let mark = |epoch, sequence, boot| Some(Mark { epoch, sequence, boot });
    assert_eq!(Mark::read("12"), mark(None, 12, None));
    assert_eq!(Mark::read("7:12"), mark(Some(7), 12, None));
    assert_eq!(Mark::read("7:12:3"), mark(Some(7), 12, Some(3)));
    for wrong in ["", ":", "a", "1:2:3:4", "1::3", "-1", "18446744073709551616", "e7:12"] {
        assert_eq!(Mark::read(wrong), None, "{wrong}");
    }
}

#[test]
fn a_mark_of_another_run_or_of_what_is_forgotten_is_told_apart() {
    let mut journal = Journal::new(8);
    write(&mut journal, 20);
    let check = |text: &str| Mark::read(text).unwrap().check(&journal.reader(), BOOT);
    assert_eq!(check("15:15:3"), Ok(()));
    assert_eq!(check("20:20"), Ok(()));
    assert_eq!(check("12:12:3"), Ok(()), "the one before the oldest: nothing is missing");
    assert_eq!(check("11:11:3"), Err("what came between is forgotten"));
    assert_eq!(check("15:15:2"), Err("the node has started again"));
    assert_eq!(check("14:15"), Err("the node has started again"), "another epoch stood there");
    assert_eq!(check("21:21:3"), Err("the node has started again"));
}

#[test]
fn there_are_as_many_places_as_there_may_be() {
    let watchers = Arc::new(AtomicUsize::new(0));
    let first = Place::take(&watchers, 1);
    assert!(first.is_some() && Place::take(&watchers, 1).is_none());
    drop(first);
    assert!(Place::take(&watchers, 1).is_some());
}
