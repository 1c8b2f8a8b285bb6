//! What stands between the node and its disk: many writes that wait share one flush.

use delian_core::raft::Record;
use delian_core::{Input, WriteId};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle};

use crate::store::{Store, StoreError};

/// How many records may wait for the disk before the node is held up. The core bounds what waits in memory.
const QUEUE_MAX: usize = 1024;

/// How many records share a flush at most.
const BATCH_MAX: usize = 512;

/// How far the disk has come. What it tells is cumulative, so only the latest matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flushed {
    last: Option<WriteId>,
    refused: Option<WriteId>,
}

/// A store that was written to, and what came of it.
type Written = (Box<dyn Store>, Result<(), StoreError>);

/// The driver's end.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<(WriteId, Record)>>,
    task: Option<JoinHandle<()>>,
    told: Flushed,
}

impl Writer {
    /// Hands a store to a task that writes.
    pub(super) fn start(store: Box<dyn Store>) -> (Self, watch::Receiver<Flushed>) {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let (progress, flushed) = watch::channel(Flushed::default());
        let task = tokio::spawn(write_all(store, waiting, progress));
        (Self { queue: Some(queue), task: Some(task), told: Flushed::default() }, flushed)
    }

    /// Hands over a record to be written behind all before it; waits while too many wait already.
    pub(super) async fn write(&mut self, write: WriteId, record: Record) {
        if let Some(queue) = &self.queue {
            // A writer that has ended has told that it was refused.
            let _ = queue.send((write, record)).await;
        }
    }

    /// Returns what to tell the node of the disk, if there is anything new.
    pub(super) fn acknowledged(&mut self, flushed: &mut watch::Receiver<Flushed>) -> Option<Input> {
        let is = *flushed.borrow_and_update();
        if is.last > self.told.last {
            self.told.last = is.last;
            return is.last.map(Input::Persisted);
        }
        if is.refused > self.told.refused {
            self.told.refused = is.refused;
            return is.refused.map(Input::PersistFailed);
        }
        None
    }

    /// Waits until all that was handed over is on the disk, and lets the store go.
    pub(super) async fn finish(&mut self) {
        self.queue = None;
        if let Some(task) = self.task.take() {
            // A task that panicked has nothing left to write.
            let _ = task.await;
        }
    }
}

async fn write_all(
    mut store: Box<dyn Store>,
    mut waiting: mpsc::Receiver<(WriteId, Record)>,
    progress: watch::Sender<Flushed>,
) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let (writes, records): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        let why = match write(store, records).await {
            Ok((back, Ok(()))) => {
                store = back;
                progress.send_modify(|flushed| flushed.last = writes.last().copied());
                continue;
            }
            Ok((_, Err(error))) => error,
            Err(panic) => StoreError::Damaged { place: "the store".to_owned(), why: panic.to_string() },
        };
        tracing::error!(%why, "the disk refused a write");
        progress.send_modify(|flushed| flushed.refused = writes.first().copied());
        return;
    }
}

/// Writes where it holds nobody up, and returns when the disk has done it.
#[cfg(not(madsim))]
async fn write(mut store: Box<dyn Store>, records: Vec<Record>) -> Result<Written, JoinError> {
    let written = tokio::task::spawn_blocking(move || {
        let outcome = store.write(&records);
        (store, outcome)
    });
    written.await
}

/// Writes, and returns when the disk has done it: a simulated one says for how long it is at work.
#[cfg(madsim)]
async fn write(mut store: Box<dyn Store>, records: Vec<Record>) -> Result<Written, JoinError> {
    let outcome = store.write(&records);
    loop {
        let busy_for = store.is_busy_for();
        if busy_for.is_zero() {
            return Ok((store, outcome));
        }
        tokio::time::sleep(busy_for).await;
    }
}
