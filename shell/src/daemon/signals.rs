//! What the operating system asks of the process.

use std::future;

/// Waits until the process is asked to end: by Ctrl-C, or by SIGTERM.
pub async fn until_interrupted() {
    tokio::select! {
        biased;
        interrupted = tokio::signal::ctrl_c() => {
            if interrupted.is_err() {
                // Nobody can ask in this way here, so this end of the wait never comes.
                future::pending::<()>().await;
            }
        }
        () = terminated() => {}
    }
}

/// Waits until the process is asked to end, without a runtime around.
///
/// # Errors
///
/// Returns why the system gives no way to wait.
pub fn wait_for_interrupt() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(until_interrupted());
    Ok(())
}

#[cfg(all(unix, not(madsim)))]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(_) => future::pending().await,
    }
}

#[cfg(not(all(unix, not(madsim))))]
async fn terminated() {
    future::pending().await
}

/// Does this at each SIGHUP, for ever.
#[cfg(all(unix, not(madsim)))]
pub(super) async fn hang_ups(mut on_each: impl FnMut()) {
    use tokio::signal::unix::{SignalKind, signal};
    if let Ok(mut signals) = signal(SignalKind::hangup()) {
        while signals.recv().await.is_some() {
            on_each();
        }
    }
    future::pending::<()>().await;
}

/// Does nothing, for ever: there is no such signal here.
#[cfg(not(all(unix, not(madsim))))]
pub(super) async fn hang_ups(_on_each: impl FnMut()) {
    future::pending().await
}
