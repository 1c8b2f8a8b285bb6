//! Panics of the code under test, put into words.
//!
//! A node that panics is a finding: its message and place belong in the report, not on the terminal in the midst of
//! progress. Only panics inside [`caught`] are kept quiet; all others take their usual way.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static IS_UNDER_TEST: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs code under test; what it was working on is left as the panic found it.
///
/// # Errors
///
/// Returns what a panic said, and where.
pub(crate) fn caught(run: impl FnOnce()) -> Result<(), String> {
    watch();
    IS_UNDER_TEST.set(true);
    let ended = catch_unwind(AssertUnwindSafe(run));
    IS_UNDER_TEST.set(false);
    ended.map_err(|payload| {
        let place = PLACE.take().unwrap_or_else(|| "an unknown place".to_string());
        format!("a node panicked at {place}: {}", message(payload.as_ref()))
    })
}

/// Takes a place in the hook of the whole process, once: hooks are global, so each thread says whether it is watched.
fn watch() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if IS_UNDER_TEST.get() {
                PLACE.set(panic.location().map(ToString::to_string));
            } else {
                usual(panic);
            }
        }));
    });
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_place() {
        let told = caught(|| panic!("commit {} passed last {}", 7, 5)).expect_err("it panics");
        assert!(told.starts_with("a node panicked at sim/src/panics.rs:"), "{told}");
        assert!(told.ends_with(": commit 7 passed last 5"), "{told}");
        assert_eq!(caught(|| {}), Ok(()));
    }
}
