//! Whom a target stands for at the moment when a step is taken or an operation asked for.

use delian_core::NodeId;
use delian_sim::scenario::Target;

use super::process::GENERATION;
use super::world::World;

impl World {
    /// Returns how many processes there are.
    pub(super) fn size(&self) -> u16 {
        self.processes.len() as u16
    }

    /// Returns the process of this number.
    pub(super) fn process(&self, number: u16) -> &super::process::Process {
        &self.processes[usize::from(number)]
    }

    /// Returns which process has or had an identity.
    pub(super) fn number_of(&self, id: NodeId) -> Option<u16> {
        let number = u16::try_from((id.get() % GENERATION).checked_sub(1)?).ok()?;
        (number < self.size()).then_some(number)
    }

    /// Names the processes that a target stands for.
    pub(super) fn resolve(&self, target: Target) -> Vec<u16> {
        match target {
            Target::Process(number) => vec![number - 1],
            Target::Leader => vec![self.leader()],
            Target::Follower => {
                let leader = self.leader();
                let voters = self.voters();
                let others = || voters.iter().copied().filter(|number| *number != leader);
                let up = |number: &u16| self.process(*number).is_up();
                vec![others().find(up).or_else(|| others().next()).unwrap_or(leader)]
            }
            Target::Followers => {
                let leader = self.leader();
                self.voters().into_iter().filter(|number| *number != leader).collect()
            }
            Target::Everyone => (0..self.size()).collect(),
        }
    }

    /// Returns the process that leads the highest term, or the first if nobody leads.
    pub(super) fn leader(&self) -> u16 {
        self.leads().unwrap_or(0)
    }

    /// Returns the process that leads the highest term.
    pub(super) fn leads(&self) -> Option<u16> {
        let last = self.common.record.with(|seen| seen.leaders.iter().max().copied());
        self.number_of(last?.1)
    }

    fn voters(&self) -> Vec<u16> {
        let voters: Vec<NodeId> = self.common.record.with(|seen| seen.configuration.1.all_voters().collect());
        voters.into_iter().filter_map(|voter| self.number_of(voter)).collect()
    }
}
