//! What a scenario means for its processes: when they run, which of them are lost, and whether the quorum may change.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Action, Cluster, Family, Fault, Operation, Scenario, Step, Target};

/// Returns how many of so many voters may be lost for good.
pub(crate) fn minority(voters: u16) -> usize {
    usize::from(voters.saturating_sub(1)) / 2
}

impl Fault {
    /// Returns the process whose disk this destroys for good.
    pub(crate) const fn loses(&self) -> Option<u16> {
        if let Self::Wipe(Target::Process(number)) | Self::CorruptDisk(Target::Process(number)) = self {
            Some(*number)
        } else {
            None
        }
    }
}

impl Cluster {
    /// Returns how many processes there are, absent ones included.
    pub fn processes(&self) -> u16 {
        self.participants().saturating_add(self.observers)
    }

    /// Returns how many of them may take part in the log: all but the observers, which come last.
    pub fn participants(&self) -> u16 {
        self.voters.saturating_add(self.learners).saturating_add(self.spares)
    }
}

impl Scenario {
    /// Returns whether who decides may change while it runs.
    pub fn changes_quorum(&self) -> bool {
        let changes = |operation: &Operation| matches!(operation.action, Action::Quorum(_));
        self.cluster.spares > 0
            || self.operator.is_some()
            || self.swarm.as_ref().is_some_and(|swarm| swarm.families.contains(&Family::Forget))
            || self.steps.iter().any(|step| matches!(step.fault, Fault::Forget(_)))
            || self.operations.iter().any(changes)
    }

    /// Returns the processes whose disks the given steps destroy.
    pub(crate) fn lost_for_good(&self) -> BTreeSet<u16> {
        self.steps.iter().filter_map(|step| step.fault.loses()).collect()
    }

    /// Returns when a process first runs; `None` for one that is absent and never started.
    pub(crate) fn present_from(&self, process: u16) -> Option<Duration> {
        if !self.cluster.absent.contains(&process) {
            return Some(Duration::ZERO);
        }
        let starts = |step: &&Step| {
            step.fault == Fault::Start(Target::Everyone) || step.fault == Fault::Start(Target::Process(process))
        };
        self.steps.iter().filter(starts).map(|step| step.at).min()
    }

    /// Returns the processes that cannot be made whole: lost for good, or absent and never started.
    pub(crate) fn gone(&self) -> BTreeSet<u16> {
        let mut gone = self.lost_for_good();
        gone.extend((1..=self.cluster.processes()).filter(|process| self.present_from(*process).is_none()));
        gone
    }
}
