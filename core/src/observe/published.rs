//! The topology at the last announced epoch, which is what a member of the log tells those outside of it.
//!
//! A log moves on while an announcement travels, and nobody can check what lies between two announcements. So a member keeps
//! the topology of the last announced epoch beside its own, and the commands since; when it hears the next announcement it
//! brings that copy to exactly its epoch and compares the fingerprint. All members of a federation thus tell the same few
//! epochs, and whoever hears of one can judge it. And a replica that has come to differ from its leader is found out.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use super::announce::Announcement;
use super::candidate::{Refused, RefusedBecause};
use super::message::Fingerprint;
use crate::ids::{Epoch, NodeId};
use crate::topology::{Command, Topology};

/// The most commands that are kept beside the copy; many in a row that only the embedder reads count as one. Beyond that
/// the copy is made anew, and nothing is told until the next announcement.
pub const LATER_MAX: usize = 4096;

/// What a member of the log tells others, and what it needs to tell the next announced epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Published {
    topology: Topology,
    /// The fingerprint of the copy, once it agreed with an announcement or this node announced it.
    fingerprint: Option<Fingerprint>,
    later: VecDeque<Later>,
    /// The last epoch in `later`.
    last: Epoch,
    /// What was announced last by another one, until the log reaches it.
    awaited: Option<(NodeId, Announcement)>,
}

/// What happened after the epoch of the copy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Later {
    /// So many commands in a row that changed nothing but the epoch.
    Orders(u64),
    Change(Box<Command>),
}

impl Published {
    /// Begins with a copy of what the log tells, which is told to nobody yet.
    pub fn new(log: &Topology) -> Self {
        let topology = log.clone();
        Self { last: topology.epoch(), topology, fingerprint: None, later: VecDeque::new(), awaited: None }
    }

    /// Returns what is told to others.
    pub fn told(&self) -> Option<(&Topology, Fingerprint)> {
        Some((&self.topology, self.fingerprint?))
    }

    /// Takes in a command that took effect.
    pub fn took_effect(&mut self, command: &Command) {
        match command {
            Command::Custom(_) => self.ordered(),
            Command::Register(_)
            | Command::Deregister(_)
            | Command::Evict { .. }
            | Command::SetCondition { .. }
            | Command::Drain { .. }
            | Command::DrainProgress { .. } => {
                self.last = self.last.next();
                self.later.push_back(Later::Change(Box::new(command.clone())));
            }
        }
    }

    /// Takes in a command that only the embedder reads.
    pub fn ordered(&mut self) {
        self.last = self.last.next();
        if let Some(Later::Orders(count)) = self.later.back_mut() {
            *count += 1;
        } else {
            self.later.push_back(Later::Orders(1));
        }
    }

    /// Takes in how far the log came in this step; a snapshot may have brought it there.
    pub fn reach(&mut self, log: &Topology) -> Option<Refused> {
        if self.last != log.epoch() || self.later.len() > LATER_MAX {
            let awaited = self.awaited;
            *self = Self { awaited, ..Self::new(log) };
        }
        self.awaited.filter(|(_, awaited)| awaited.epoch <= self.last).and_then(|(by, awaited)| {
            self.awaited = None;
            self.judge(by, &awaited)
        })
    }

    /// Takes in what another one announced. Returns what is wrong with it, by this node's copy.
    pub fn hear(&mut self, by: NodeId, announcement: &Announcement) -> Option<Refused> {
        if announcement.epoch > self.last {
            self.awaited = Some((by, *announcement));
            return None;
        }
        self.judge(by, announcement)
    }

    /// Brings the copy to where the log is, for this node is about to announce that.
    pub fn announce(&mut self) -> Fingerprint {
        self.advance(self.last);
        *self.fingerprint.get_or_insert_with(|| Fingerprint::of(&self.topology))
    }

    fn judge(&mut self, by: NodeId, announcement: &Announcement) -> Option<Refused> {
        let Announcement { epoch, fingerprint: announced, .. } = *announcement;
        if epoch < self.topology.epoch() {
            return None;
        }
        self.advance(epoch);
        // What was confirmed before stays so, whatever another one says of it.
        let found = self.fingerprint.unwrap_or_else(|| Fingerprint::of(&self.topology));
        self.fingerprint = self.fingerprint.or((found == announced).then_some(found));
        let why = RefusedBecause::NotAsAnnounced { announced, found };
        (found != announced).then_some(Refused { peer: by, built_on: None, epoch, why })
    }

    /// Brings the copy to an epoch that the log has reached.
    fn advance(&mut self, to: Epoch) {
        assert!(to <= self.last, "{to} is announced, but the log is at {}", self.last);
        if self.topology.epoch() < to {
            self.fingerprint = None;
        }
        while self.topology.epoch() < to {
            match self.later.front_mut().expect("the commands since the copy are kept") {
                Later::Orders(count) => {
                    self.topology.order(0).expect("the log accepted it at this epoch");
                    *count -= 1;
                    if *count == 0 {
                        self.later.pop_front();
                    }
                }
                Later::Change(command) => {
                    self.topology.apply(command).expect("the log accepted it at this epoch");
                    self.later.pop_front();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Source, empty, register};
    use super::*;
    use crate::ids::Blob;

    const LEADER: NodeId = NodeId::new(1);

    /// A log that grows, and what its node tells.
    fn published(epochs: u64) -> (Topology, Published) {
        let mut log = empty();
        let mut published = Published::new(&log);
        for change in 0..epochs {
            take(&mut log, &mut published, &register(1 + change % 7));
        }
        (log, published)
    }

    fn take(log: &mut Topology, published: &mut Published, command: &Command) {
        log.apply(command).unwrap();
        published.took_effect(command);
        assert_eq!(published.reach(log), None);
    }

    fn told(published: &Published) -> Option<u64> {
        published.told().map(|(topology, fingerprint)| {
            assert_eq!(Fingerprint::of(topology), fingerprint);
            topology.epoch().get()
        })
    }

    #[test]
    fn what_is_told_is_the_topology_of_the_last_announced_epoch() {
        let (source, (mut log, mut published)) = (Source::with_changes(9), published(6));
        assert_eq!(told(&published), None);
        for (announced, expected) in [(4, 4), (2, 4), (4, 4), (6, 6), (8, 6)] {
            assert_eq!(published.hear(LEADER, &source.announcement(announced)), None);
            assert_eq!(told(&published), Some(expected));
            assert_eq!(published.told().map(|(topology, _)| topology), Some(source.at(expected)));
        }
        // The announcement was quicker than the log.
        for change in 6..9 {
            take(&mut log, &mut published, &register(1 + change % 7));
        }
        assert_eq!(told(&published), Some(8));
    }

    #[test]
    fn who_announces_tells_where_its_log_is() {
        let (mut log, mut published) = published(3);
        take(&mut log, &mut published, &Command::Custom(Blob::default()));
        take(&mut log, &mut published, &Command::Custom(Blob::default()));
        take(&mut log, &mut published, &register(5));
        assert_eq!(published.announce(), Fingerprint::of(&log));
        assert_eq!(told(&published), Some(6));
        assert_eq!(published.told().map(|(topology, _)| topology), Some(&log));
    }

    #[test]
    fn a_replica_that_differs_from_its_leader_is_found_out_and_tells_nothing() {
        let (source, (_, mut published)) = (Source::with_changes(9), published(6));
        let announced = Fingerprint::new(1);
        let wrong = Announcement { fingerprint: announced, ..source.announcement(5) };
        let found = Fingerprint::of(source.at(5));
        let why = RefusedBecause::NotAsAnnounced { announced, found };
        let refused = Refused { peer: LEADER, built_on: None, epoch: Epoch::new(5), why };
        assert_eq!(published.hear(LEADER, &wrong), Some(refused));
        assert_eq!(told(&published), None);
        assert_eq!(published.hear(LEADER, &source.announcement(6)), None);
        assert_eq!(told(&published), Some(6));
        let wrong = Announcement { fingerprint: announced, ..source.announcement(6) };
        assert!(published.hear(LEADER, &wrong).is_some());
        assert_eq!(told(&published), Some(6), "it was confirmed");
    }

    #[test]
    fn after_a_snapshot_or_too_many_commands_the_copy_is_made_anew() {
        let (source, (_, mut published)) = (Source::with_changes(9), published(6));
        published.hear(LEADER, &source.announcement(6));
        assert_eq!(published.reach(source.at(9)), None);
        assert_eq!(told(&published), None);
        assert_eq!(published.hear(LEADER, &source.announcement(9)), None);
        assert_eq!(told(&published), Some(9));
        let mut log = source.at(9).clone();
        for change in 0..=LATER_MAX as u64 {
            assert!(published.later.len() <= LATER_MAX);
            take(&mut log, &mut published, &register(1 + change % 7));
        }
        assert_eq!((published.later.len(), told(&published)), (0, None));
        assert_eq!(published.topology, log);
    }

    #[test]
    fn commands_of_the_embedder_take_no_room() {
        let (mut log, mut published) = published(1);
        for _ in 0..3 * LATER_MAX {
            take(&mut log, &mut published, &Command::Custom(Blob::default()));
        }
        assert_eq!(published.later.len(), 2);
        assert_eq!(published.announce(), Fingerprint::of(&log));
    }
}
