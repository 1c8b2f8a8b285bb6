//! Worlds beside that of discrete events, and what they must agree on.
//!
//! A [`World`] runs nodes in its own way: under a deterministic runtime, or as real processes. It decides nothing about a
//! story. [`campaign()`] drives it through a plan, names roles when they are due, keeps the faults in force, judges what
//! it hears, and gathers the [`Facts`] that do not depend on luck: who led, what came of each operation, what the
//! topology came to. The world of discrete events keeps its own engine and yields the same facts ([`des`]), so that
//! [`agreement`] can set them side by side.
//!
//! Time here is that of the scenario. A world whose time is real, and scaled, translates.

mod kind;
mod links;
mod facts;
mod sight;
mod history;
mod campaign;
mod settle;
pub mod des;
pub mod agreement;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use delian_core::{Epoch, NodeId};
use serde::{Deserialize, Serialize};

pub use self::campaign::campaign;
pub use self::facts::{Facts, Fate, Reached};
pub use self::history::Exchanges;
pub use self::kind::WorldKind;
pub use self::links::{Link, LinkMatrix, Passage};
use crate::outcome::Counts;
use crate::scenario::{Action, Fault, Scenario};

/// Nodes that run somewhere, with a network that can be made worse. Processes are numbered from 1, as in a scenario.
pub trait World {
    /// Says which world it is.
    fn kind(&self) -> WorldKind;

    /// Starts every process that is not absent, and returns when they have found each other: that moment is zero.
    ///
    /// # Errors
    ///
    /// Why they do not start.
    fn start(&mut self) -> Result<(), Trouble>;

    /// Returns how long ago that was.
    fn now(&self) -> Duration;

    /// Lets time pass until then, but returns as soon as something was heard.
    ///
    /// # Errors
    ///
    /// Why nothing can be heard any more.
    fn wait(&mut self, until: Duration) -> Result<Vec<Heard>, Trouble>;

    /// Makes the network so, at once; what was held back and is no more comes through.
    fn set_links(&mut self, links: &LinkMatrix);

    /// Stops a process as a loss of power does.
    ///
    /// # Errors
    ///
    /// Why it cannot be stopped.
    fn crash(&mut self, process: u16) -> Result<(), Trouble>;

    /// Starts a process that does not run, or has ended by itself, on the disk that it left behind.
    ///
    /// # Errors
    ///
    /// Why it does not start.
    fn restart(&mut self, process: u16) -> Result<(), Trouble>;

    /// Freezes a process: it does nothing, and what is sent to it waits.
    ///
    /// # Errors
    ///
    /// Why it cannot be frozen.
    fn freeze(&mut self, process: u16) -> Result<(), Trouble>;

    /// Lets a frozen process go on.
    ///
    /// # Errors
    ///
    /// Why it cannot go on.
    fn thaw(&mut self, process: u16) -> Result<(), Trouble>;

    /// Begins or ends a fault that is about neither links nor whether a process runs.
    ///
    /// # Errors
    ///
    /// That this world does not know it: [`WorldKind::refuses_fault`] should have said so before.
    fn other_fault(&mut self, fault: &Fault, _processes: &[u16], _moment: Moment) -> Result<(), Trouble> {
        Err(Trouble::new(format!("{} does not happen in the world {}", fault.kind(), self.kind())))
    }

    /// Has a client ask a process for something; the answer is heard later, or never.
    fn submit(&mut self, request: Request);

    /// Asks each of these processes how it stands. Who does not answer is left out.
    fn stands(&mut self, processes: &BTreeSet<u16>) -> Vec<Stand>;

    /// Returns what the world itself has counted: messages and what became of them.
    fn counts(&self) -> Counts;

    /// Ends every process.
    fn stop(&mut self);
}

/// Whether a fault begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It begins.
    Begins,
    /// It ends.
    Ends,
}

/// Why a world cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble(String);

impl Trouble {
    /// Says why.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Trouble {}

/// One thing that a client asks a process for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its place among all operations of the plan.
    pub number: usize,
    /// The process that is asked.
    pub via: u16,
    /// What is asked for.
    pub action: Action,
    /// The process that is to lead, for a transfer.
    pub to: Option<u16>,
}

/// Something that was heard of, at the moment of the scenario at which it happened or was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A process said that something happened.
    Happened(u16, Happened),
    /// A client was told what became of its request, by number.
    Answered(usize, Reply),
}

/// What happened at a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It, or another process, leads a term.
    Leads {
        /// The term.
        term: u64,
        /// Who leads.
        leader: u16,
    },
    /// It does not lead that term any more.
    SteppedDown(u64),
    /// Entries up to this index are committed.
    Committed(u64),
    /// The topology changed, and this epoch began.
    Changed(u64, Change),
    /// It stopped itself for good, for this reason.
    Halted(String),
    /// It ended as no node does by itself, like this.
    Died(String),
    /// Something else that a fact counts.
    Counted(&'static str),
}

/// A change of the topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A registration, or a new life.
    Registered,
    /// A node was removed; whether it had handed everything over.
    Removed {
        /// Whether it was drained.
        drained: bool,
    },
    /// A subject, or a process, was found or put in a condition.
    Condition(Named, String),
    /// Anything else.
    Other,
}

/// Whom a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Named {
    /// A process.
    Process(u16),
    /// A subject that clients registered.
    Subject(u16),
}

impl Named {
    /// Returns who has this identity where subjects and processes share their numbers: processes are in the topology only
    /// where their health is watched, and in all other scenarios a number is that of a subject.
    pub fn of(scenario: &Scenario, id: NodeId) -> Self {
        let number = u16::try_from(id.get()).unwrap_or(u16::MAX);
        let is_process = scenario.cluster.config.health.is_some() && number <= scenario.cluster.processes();
        if is_process { Self::Process(number) } else { Self::Subject(number) }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(number) => write!(f, "n{number}"),
            Self::Subject(number) => write!(f, "m{number}"),
        }
    }
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The change took effect and began this epoch.
    Applied(Epoch),
    /// The read: since when the subject is registered.
    Registered(Option<Epoch>),
    /// What was asked for was done or told, and there is nothing more to say.
    Done,
    /// The subject is not registered.
    Unregistered,
    /// Refused, with this reason in a word; nothing happened.
    Refused(String),
    /// Nobody knows.
    Unknown,
}

/// How a process stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand {
    /// Which process.
    pub process: u16,
    /// Whether it is in the log; otherwise it follows the topology from outside, and has no log of its own.
    pub is_in_log: bool,
    /// Its term.
    pub term: u64,
    /// Whom it follows, or itself where it leads.
    pub leader: Option<u16>,
    /// The last entry of its log.
    pub last: u64,
    /// The last entry that it knows to be committed.
    pub commit: u64,
    /// The epoch of its topology.
    pub epoch: u64,
    /// The fingerprint of that.
    pub fingerprint: String,
    /// The subjects in it, each with its condition.
    pub subjects: Vec<(u16, String)>,
    /// The processes that vote, as far as it knows.
    pub voters: BTreeSet<u16>,
}
