//! When no write is on its way, a restart would find what the node remembers.

use delian_core::raft::{HardState, Recovered};
use delian_core::{LogIndex, Node, NodeId};

use super::{Breach, Invariant, View};

/// See [`Invariant::SENTENCE`].
#[derive(Clone, Debug)]
pub(super) struct SettledDisk;

impl Invariant for SettledDisk {
    const NAME: &'static str = "a-settled-disk-equals-the-memory";
    const SENTENCE: &'static str =
        "When no write is on its way, a node's disk holds the log, the snapshot, the term and the vote it remembers.";
}

pub(super) fn on_sample(id: NodeId, view: &impl View) -> Result<(), Breach> {
    let (Some(node), Some(disk)) = (view.node(id), view.settled_disk(id)) else { return Ok(()) };
    if is_remembered(node, disk) {
        return Ok(());
    }
    let log = node.raft().log();
    let (dropped, entries) = (disk.dropped, disk.entries.len());
    Err(SettledDisk::breach(vec![
        format!("{id} remembers {} entries after {} and {:?}", log.len(), log.dropped(), hard_state(node)),
        format!("its disk holds {entries} entries after {dropped} and {:?}", disk.hard_state),
    ]))
}

fn is_remembered(node: &Node, disk: &Recovered) -> bool {
    let log = node.raft().log();
    let first = log.dropped().index.next().get();
    let remembered = (first..).map(|index| log.entry(LogIndex::new(index)));
    hard_state(node) == disk.hard_state
        && log.dropped() == disk.dropped
        && log.snapshot() == disk.snapshot.as_ref()
        && log.len() == disk.entries.len()
        && remembered.zip(&disk.entries).all(|(remembered, kept)| remembered == Some(kept))
}

fn hard_state(node: &Node) -> HardState {
    let raft = node.raft();
    let incarnation = Some(raft.incarnation());
    HardState { term: raft.term(), voted_for: raft.voted_for(), boot: raft.boot(), incarnation }
}
