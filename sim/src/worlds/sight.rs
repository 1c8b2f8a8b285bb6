//! What is known of the processes while a campaign goes on: who runs, who leads, and what is counted.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Facts, Happened, Heard, Reached, What};
use crate::outcome::Counts;
use crate::scenario::Target;

/// What is known.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    size: u16,
    voters: u16,
    pub(super) up: BTreeSet<u16>,
    /// Who ran at some time.
    pub(super) ever_up: BTreeSet<u16>,
    /// Who leads the highest term that was heard of, if nothing was heard of its end.
    leads: Option<(u64, u16)>,
    last_leader: Option<u16>,
    committed: u64,
    epoch: u64,
    pub(super) counts: Counts,
}

impl Sight {
    pub(super) fn new(size: u16, voters: u16, up: BTreeSet<u16>) -> Self {
        Self {
            size,
            voters,
            ever_up: up.clone(),
            up,
            leads: None,
            last_leader: None,
            committed: 0,
            epoch: 0,
            counts: Counts::default(),
        }
    }

    /// Takes in what happened at a process.
    pub(super) fn note(&mut self, facts: &mut Facts, heard: &Heard) {
        let What::Happened(process, happened) = &heard.what else { return };
        match happened {
            Happened::Leads { term, leader } => {
                let is_news = facts.leaders.entry(*term).or_default().insert(*leader);
                if is_news {
                    self.counts.add("elections", 1);
                }
                if self.leads.is_none_or(|(last, _)| *term > last) {
                    let before = self.last_leader.replace(*leader);
                    self.counts.add("leader_changes", u64::from(before.is_some_and(|before| before != *leader)));
                    self.leads = Some((*term, *leader));
                }
            }
            Happened::SteppedDown(term) => {
                self.counts.add("step_downs", 1);
                if self.leads == Some((*term, *process)) {
                    self.leads = Some((*term, 0));
                }
            }
            Happened::Committed(last) => {
                self.counts.add("commits", last.saturating_sub(self.committed));
                self.committed = self.committed.max(*last);
            }
            Happened::Changed(epoch, change) => self.note_change(facts, heard, *epoch, change),
            Happened::Halted(why) => {
                self.counts.add("halts", 1);
                facts.broken.push(format!("n{process} stopped for good: {why}"));
            }
            Happened::Died(how) => facts.broken.push(format!("n{process} died: {how}")),
            Happened::Counted(fact) => self.counts.add(fact, 1),
        }
    }

    /// Takes in a change of the topology, which every process tells in turn.
    fn note_change(&mut self, facts: &mut Facts, heard: &Heard, epoch: u64, change: &Change) {
        if let Change::Condition(who, condition) = change {
            let reached = Reached { who: *who, condition: condition.clone() };
            facts.conditions.entry(reached).and_modify(|at| *at = heard.at.min(*at)).or_insert(heard.at);
        }
        if epoch <= self.epoch {
            return;
        }
        self.epoch = epoch;
        match change {
            Change::Registered => self.counts.add("registrations", 1),
            Change::Removed { drained } => {
                self.counts.add("removals", 1);
                self.counts.add("drained", u64::from(*drained));
            }
            Change::Condition(..) => self.counts.add("conditions", 1),
            Change::Other => {}
        }
    }

    /// Takes note that a process stopped.
    pub(super) fn went_down(&mut self, process: u16) {
        self.up.remove(&process);
        self.counts.add("crashes", 1);
    }

    /// Takes note that a process stopped itself, as it may.
    pub(super) fn ended(&mut self, process: u16) {
        self.up.remove(&process);
        self.counts.add("halts", 1);
    }

    /// Takes note that a process runs again, or for the first time.
    pub(super) fn came_up(&mut self, process: u16) {
        self.up.insert(process);
        self.counts.add("restarts", u64::from(!self.ever_up.insert(process)));
    }

    /// Names the processes that a target stands for now, as in the world of discrete events.
    pub(super) fn resolve(&self, target: Target) -> Vec<u16> {
        let leader = self.leader();
        let others = || (1..=self.voters).filter(|process| *process != leader);
        match target {
            Target::Process(number) => vec![number],
            Target::Leader => vec![leader],
            Target::Follower => {
                let up = others().find(|process| self.up.contains(process));
                vec![up.or_else(|| others().next()).unwrap_or(leader)]
            }
            Target::Followers => others().collect(),
            Target::Everyone => (1..=self.size).collect(),
        }
    }

    /// Returns who leads the highest term, or the first process if nobody leads.
    fn leader(&self) -> u16 {
        self.leads.map(|(_, leader)| leader).filter(|leader| self.up.contains(leader)).unwrap_or(1)
    }

    /// Returns every term that had two leaders, a sentence each.
    pub(super) fn split_terms(leaders: &BTreeMap<u64, BTreeSet<u16>>) -> impl Iterator<Item = String> + '_ {
        let split = leaders.iter().filter(|(_, leaders)| leaders.len() > 1);
        split.map(|(term, leaders)| format!("term {term} had more than one leader: {leaders:?}"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::worlds::WorldKind;

    fn heard(process: u16, happened: Happened) -> Heard {
        Heard { at: Duration::ZERO, what: What::Happened(process, happened) }
    }

    #[test]
    fn roles_follow_what_is_heard_of_leaders() {
        let (mut sight, mut facts) = (Sight::new(3, 3, [1, 2, 3].into()), Facts::new(WorldKind::Process));
        assert_eq!(sight.resolve(Target::Leader), [1], "nobody leads as yet");
        sight.note(&mut facts, &heard(2, Happened::Leads { term: 3, leader: 2 }));
        sight.note(&mut facts, &heard(3, Happened::Leads { term: 3, leader: 2 }));
        sight.note(&mut facts, &heard(1, Happened::Leads { term: 2, leader: 1 }));
        assert_eq!((sight.resolve(Target::Leader), sight.resolve(Target::Followers)), (vec![2], vec![1, 3]));
        sight.went_down(1);
        assert_eq!(sight.resolve(Target::Follower), [3]);
        sight.note(&mut facts, &heard(2, Happened::SteppedDown(3)));
        assert_eq!(sight.resolve(Target::Leader), [1]);
        assert_eq!((sight.counts.get("elections"), sight.counts.get("leader_changes")), (2, 0));
        assert_eq!(Sight::split_terms(&facts.leaders).count(), 0);
        sight.note(&mut facts, &heard(3, Happened::Leads { term: 3, leader: 3 }));
        assert_eq!(Sight::split_terms(&facts.leaders).collect::<Vec<_>>().len(), 1);
    }

    #[test]
    fn a_change_that_everyone_tells_counts_once() {
        let (mut sight, mut facts) = (Sight::new(3, 3, [1, 2, 3].into()), Facts::new(WorldKind::Process));
        for process in 1..=3 {
            sight.note(&mut facts, &heard(process, Happened::Changed(7, Change::Removed { drained: true })));
            sight.note(&mut facts, &heard(process, Happened::Committed(9)));
        }
        let counted = ["removals", "drained", "commits"].map(|fact| sight.counts.get(fact));
        assert_eq!(counted, [1, 1, 9]);
    }
}
