//! How processes come to be registered: each asks for it when it starts, and again until it is.
//!
//! A process is a client of its own node, which passes the command on to whoever leads. Each start is a new life and
//! registers anew. Who was removed stays away, unless the scenario says that processes register again.

use std::time::Duration;

use delian_core::topology::{Changed, Command};
use delian_core::{Epoch, Event, RequestId};

use super::World;
use super::calls::Wish;
use super::clients::registration;
use super::queue::Happening;

/// Where a process stands with its registration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    wish: Wished,
    /// The epoch that brought the last change of it.
    changed_at: Epoch,
    /// The last time that it asked.
    asked: Option<RequestId>,
}

/// What a process wants of its registration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wished {
    /// To be registered.
    #[default]
    Registration,
    /// Nothing: it is registered.
    Nothing,
    /// To stay away: it was removed.
    Rest,
}

/// How long a process waits before it looks whether it is registered, and asks again.
const ASK_EVERY: Duration = Duration::from_secs(1);

impl World {
    /// Lets a process that has started register its new life, at some moment of the next second.
    pub(super) fn begin_registration(&mut self, number: u16) {
        let process = &mut self.processes[usize::from(number)];
        if process.standing.wish == Wished::Rest && !self.plan.scenario.cluster.registers_again {
            return;
        }
        process.standing.wish = Wished::Registration;
        let run = process.run;
        let pause = Duration::from_millis(process.seed.derive("announce", run.into()).get() % 1_000);
        self.queue.schedule(self.after(pause), Happening::Announce { process: number, run });
    }

    /// Asks for a registration, unless there is one or the last question is still open.
    pub(super) fn announce(&mut self, number: u16, run: u32) {
        if !self.is_run(number, run) || self.waits_frozen(number, Happening::Announce { process: number, run }) {
            return;
        }
        let process = &self.processes[usize::from(number)];
        if process.standing.wish != Wished::Registration {
            return;
        }
        if !process.standing.asked.is_some_and(|request| self.calls.waits_for(request)) {
            let subject = u16::try_from(process.id.get()).expect("identities of processes are small");
            let registration = registration(subject, process.clock.wall(self.now));
            let wish = Wish::Command(Command::Register(Box::new(registration)));
            self.processes[usize::from(number)].standing.asked = self.call(number, None, wish, 0);
        }
        self.queue.schedule(self.after(ASK_EVERY), Happening::Announce { process: number, run });
    }

    /// Notes who is registered and who was removed, as the first node to apply it says.
    pub(super) fn note_change(&mut self, event: &Event) {
        let Event::Changed { epoch, what, .. } = event else { return };
        if self.plan.scenario.cluster.config.health.is_none() {
            return;
        }
        let (node, is_registered) = match what {
            Changed::Registered(node) | Changed::Updated(node) => (*node, true),
            Changed::Deregistered(node) | Changed::Evicted(node) | Changed::Drained(node) => (*node, false),
            Changed::ConditionSet(..) | Changed::Moved(..) | Changed::Custom => return,
        };
        let Some(number) = self.process_of(node) else { return };
        let comes_again = self.plan.scenario.cluster.registers_again;
        let process = &mut self.processes[usize::from(number)];
        let (standing, run) = (&mut process.standing, process.run);
        if *epoch <= standing.changed_at {
            return;
        }
        standing.changed_at = *epoch;
        let before = standing.wish;
        standing.wish = match (is_registered, comes_again) {
            (true, _) => Wished::Nothing,
            (false, true) => Wished::Registration,
            (false, false) => Wished::Rest,
        };
        if standing.wish == Wished::Registration && before != Wished::Registration && process.is_up() {
            self.queue.schedule(self.after(ASK_EVERY), Happening::Announce { process: number, run });
        }
    }
}
