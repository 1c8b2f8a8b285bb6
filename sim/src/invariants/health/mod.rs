//! What must hold of how nodes judge each other's health, told by what reached them and by their own clocks alone.

mod deadline;
mod episodes;
mod evictions;
mod lives;
mod silence;
mod watch;

use delian_core::health::HealthConfig;
use delian_core::raft::{Entry, Payload, Record};
use delian_core::topology::Command;
use delian_core::{Event, Node, NodeId, Time};

pub(super) use self::deadline::ToldInTime;
pub(super) use self::episodes::FailedOncePerEpisode;
pub(super) use self::evictions::EvictedByWhatWasSeen;
pub(super) use self::lives::FoundOfTheLife;
pub(super) use self::silence::SilenceIsWatched;
use self::watch::Watches;
use super::ledger::Ledger;
use super::{Asked, Breach, Observation, View};

/// What the properties of health remember.
#[derive(Clone, Debug)]
pub(super) struct Health {
    watches: Watches,
    episodes: FailedOncePerEpisode,
    evictions: EvictedByWhatWasSeen,
    lives: FoundOfTheLife,
    deadline: ToldInTime,
}

impl Health {
    /// Begins to watch nodes that judge each other by these numbers.
    pub(super) fn new(config: &HealthConfig) -> Self {
        Self {
            watches: Watches::default(),
            episodes: FailedOncePerEpisode::default(),
            evictions: EvictedByWhatWasSeen::default(),
            lives: FoundOfTheLife::default(),
            deadline: ToldInTime::new(config),
        }
    }

    /// Judges one observation against what nodes heard so far, and against the history.
    pub(super) fn observe(
        &mut self,
        id: NodeId,
        observation: Observation<'_>,
        ledger: &Ledger,
        view: &impl View,
    ) -> Result<(), Breach> {
        match observation {
            Observation::Started => {
                self.watches.begin(id);
                self.episodes.begin(id);
                self.deadline.begin(id);
            }
            Observation::Heard(heartbeat) => self.watches.hear(id, heartbeat, view),
            Observation::Asked(_, Asked::Command(Command::Evict { node, epoch })) => {
                self.evictions.ask(*node, *epoch);
            }
            Observation::Emitted(event) => {
                self.watches.on_event(id, event, view);
                self.episodes.on_event(id, event)?;
                self.deadline.on_event(id, event, view);
                if let Event::Changed { position, epoch, what } = event {
                    self.lives.on_change(*position, *epoch, *what, ledger)?;
                }
            }
            Observation::Wrote(record) => {
                let Some((node, now)) = view.node(id).zip(view.clock(id)) else { return Ok(()) };
                for command in proposals(node, record) {
                    SilenceIsWatched::on_proposal(id, now, &command, node, &self.watches)?;
                    self.evictions.on_proposal(id, now, &command, node, &self.watches)?;
                    self.deadline.on_proposal(id, now, &command, node, &self.watches)?;
                }
            }
            Observation::Stepped => self.deadline.on_step(id, view),
            Observation::Sampled => self.deadline.on_second(id, &self.watches, view)?,
            Observation::Sent(..)
            | Observation::Asked(..)
            | Observation::Replied(..)
            | Observation::ReadReplied(..)
            | Observation::Called(..)
            | Observation::Concluded(..)
            | Observation::HandedOver(_)
            | Observation::Crashed => {}
        }
        Ok(())
    }
}

/// Returns the commands that a node which leads writes into its log: nobody else proposes in its term.
fn proposals(node: &Node, record: &Record) -> Vec<Command> {
    let Record::Append { entries, .. } = record else { return Vec::new() };
    let own = |entry: &&Entry| node.raft().is_leader() && entry.term == node.raft().term();
    let command = |entry: &Entry| match &entry.payload {
        Payload::Command(bytes) => Command::decode(bytes).ok(),
        Payload::Noop | Payload::Configuration(_) | Payload::Session(_) | Payload::Level(_) => None,
    };
    entries.iter().filter(own).filter_map(command).collect()
}

/// Tells for how long something has been so, by the clock of who says it.
fn span(now: Time, since: Option<Time>) -> String {
    since.map_or_else(|| "for ever".to_string(), |since| format!("for {:?}", now.since(since)))
}
