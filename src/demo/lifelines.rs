//! What keeps the processes of a demonstration alive, and what lets them go together when somebody asks for the end.

use std::collections::BTreeMap;
use std::process::ChildStdin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use delian_shell::daemon::wait_for_interrupt;

use crate::answer::Problem;

/// The standard inputs of the processes: a process ends when its own does. Clones hold the same ones.
#[derive(Clone, Default)]
pub(super) struct Lifelines(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    inputs: BTreeMap<u64, ChildStdin>,
    is_over: bool,
    was_interrupted: bool,
}

impl Lifelines {
    /// Returns some that are let go when this process is asked to end, by Ctrl-C or otherwise.
    pub(super) fn until_interrupted() -> Result<Self, Problem> {
        let lines = Self::default();
        let held = lines.clone();
        let wait = move || {
            // A system that gives no way to wait ends this process itself.
            if wait_for_interrupt().is_ok() {
                held.interrupt();
            }
        };
        let watching = thread::Builder::new().name("interrupt".to_owned()).spawn(wait);
        watching.map(|_| lines).map_err(|error| Problem::new(format!("cannot wait for Ctrl-C: {error}")))
    }

    /// Keeps a process alive; one that comes after the end is let go at once.
    pub(super) fn hold(&self, number: u64, input: Option<ChildStdin>) {
        let mut state = self.state();
        if let Some(input) = input.filter(|_| !state.is_over) {
            state.inputs.insert(number, input);
        }
    }

    /// Lets all processes end.
    pub(super) fn let_go(&self) {
        let mut state = self.state();
        state.is_over = true;
        state.inputs.clear();
        self.0.1.notify_all();
    }

    /// Says whether somebody asked for the end.
    pub(super) fn was_interrupted(&self) -> bool {
        self.state().was_interrupted
    }

    fn interrupt(&self) {
        self.state().was_interrupted = true;
        self.let_go();
    }

    /// Waits until the end is asked for.
    pub(super) fn wait(&self) {
        let state = self.state();
        drop(self.0.1.wait_while(state, |state| !state.is_over).unwrap_or_else(PoisonError::into_inner));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
