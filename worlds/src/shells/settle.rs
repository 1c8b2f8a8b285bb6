//! After the faults: what is to be whole is made whole, and must agree again within the scenario's bound.

use std::time::Duration;

use delian_core::{Epoch, LogIndex, NodeId, Position, Term, Time};
use delian_sim::scenario::Expectations;
use delian_sim::worlds::{Named, WorldKind};
use madsim::time::{sleep, timeout};

use super::clients::prove;
use super::process::Down;
use super::world::World;

/// How often agreement is looked for.
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// How long a proof may take before another process is asked for one.
const PROOF_PATIENCE: Duration = Duration::from_millis(500);

/// How long a node may take to say where it stands.
const LOOK_PATIENCE: Duration = Duration::from_secs(1);

/// Where a node stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stand {
    term: Term,
    leader: Option<NodeId>,
    last: Position,
    commit: LogIndex,
    applied: LogIndex,
    epoch: Epoch,
    topology: u64,
    embedder: u64,
}

/// A node that was asked where it stands.
#[derive(Clone, Debug)]
struct Witness {
    id: NodeId,
    leads: bool,
    /// Who is in its topology, each with the condition.
    members: Vec<(NodeId, String)>,
    stand: Stand,
}

impl World {
    /// Ends the chaos and waits until the whole nodes agree. Returns how long that took, if it came about.
    pub(super) async fn settle(&mut self) -> Option<Duration> {
        for number in 0..self.size() {
            if !self.is_healed(number) {
                self.crash(number);
            }
        }
        self.lift_all().await;
        for number in 0..self.size() {
            if !self.is_healed(number) {
                self.crash(number);
            } else if self.process(number).down == Down::Crashed {
                self.start(number).await;
            }
        }
        let since = self.now();
        self.common.record.with(|seen| seen.is_proven = false);
        let bound = self.plan.scenario.settle + WorldKind::Madsim.settles_later();
        let (mut proof_at, mut via) = (since, 0);
        loop {
            let whole = self.whole();
            let is_proven = self.common.record.with(|seen| seen.is_proven);
            if !is_proven && self.now() >= proof_at && !whole.is_empty() {
                self.propose(whole[via % whole.len()]);
                (proof_at, via) = (self.now() + PROOF_PATIENCE, via + 1);
            }
            let stands = self.stands(&whole).await;
            let took = self.now().since(since);
            if is_proven && agree(&stands) {
                self.judge(&stands);
                return Some(took);
            }
            if took >= bound || self.common.record.with(|seen| seen.ledger.breach().is_some()) {
                self.note_unsettled(since, is_proven, &stands);
                return None;
            }
            sleep(CHECK_EVERY).await;
        }
    }

    /// Whom the plan heals; where the quorum changes, the plan cannot know who decides, and everyone is who can be.
    fn is_healed(&self, number: u16) -> bool {
        self.plan.healed.contains(&(number + 1)) || self.plan.scenario.changes_quorum()
    }

    /// Returns the processes that were healed, run, and have an identity that the committed configuration knows.
    fn whole(&self) -> Vec<u16> {
        let configuration = self.common.record.with(|seen| seen.configuration.1.clone());
        let is_whole = |number: &u16| {
            let process = self.process(*number);
            self.is_healed(*number) && process.is_up() && configuration.is_member(process.id)
        };
        (0..self.size()).filter(is_whole).collect()
    }

    fn propose(&self, number: u16) {
        let process = self.process(number);
        if let Some(handle) = process.handle.clone() {
            tokio::spawn(prove(self.common.record.clone(), handle, process.id));
        }
    }

    /// Asks processes where they stand; one that does not say is left out.
    async fn stands(&self, numbers: &[u16]) -> Vec<Option<Witness>> {
        let mut stands = Vec::new();
        for number in numbers {
            let process = self.process(*number);
            let Some(handle) = &process.handle else {
                stands.push(None);
                continue;
            };
            let (embedder, id) = (process.machine.fingerprint(), process.id);
            let looked = handle.look(move |node, _| {
                let (raft, topology) = (node.raft(), node.topology());
                let stand = Stand {
                    term: raft.term(),
                    leader: raft.leader(),
                    last: raft.log().last(),
                    commit: raft.commit(),
                    applied: raft.applied(),
                    epoch: topology.epoch(),
                    topology: topology.fingerprint(),
                    embedder,
                };
                let members = topology.members().map(|it| (it.registration.node, it.condition.to_string()));
                Witness { id, leads: raft.is_leader(), members: members.collect(), stand }
            });
            stands.push(timeout(LOOK_PATIENCE, looked).await.ok().and_then(Result::ok));
        }
        stands
    }

    /// Judges what must hold of whole nodes that agree.
    fn judge(&self, stands: &[Option<Witness>]) {
        let scenario = &self.plan.scenario;
        let Expectations { everywhere, nowhere, .. } = &scenario.expect;
        self.common.record.with(|seen| {
            let now = seen.now();
            let first = stands.iter().flatten().next().into_iter().flat_map(|witness| &witness.members);
            let subjects = first.filter_map(|(member, condition)| match Named::of(scenario, *member) {
                Named::Subject(subject) => Some((subject, condition.clone())),
                Named::Process(_) => None,
            });
            seen.facts.subjects = subjects.collect();
            for Witness { id, members, stand, .. } in stands.iter().flatten() {
                seen.ledger.on_end(now, *id, stand.applied, stand.epoch);
                let knows = |it: &u16| members.iter().any(|(member, _)| *member == NodeId::new(u64::from(*it)));
                let missing = everywhere.iter().filter(|it| !knows(it)).map(|it| format!("{id} misses m{it}"));
                let left = nowhere.iter().filter(|it| knows(it)).map(|it| format!("{id} still has m{it}"));
                let facts: Vec<String> = missing.chain(left).collect();
                if !facts.is_empty() {
                    seen.ledger.note("expected", now, facts);
                }
            }
        });
    }

    fn note_unsettled(&self, since: Time, is_proven: bool, stands: &[Option<Witness>]) {
        let now = self.now();
        let mut facts = vec![format!("the faults stopped at {since}; it is {now}")];
        facts.push(format!("a command was committed since then: {is_proven}"));
        facts.extend(stands.iter().map(|stand| format!("{stand:?}")));
        self.common.record.with(|seen| seen.ledger.note("settles", now, facts));
    }
}

fn agree(stands: &[Option<Witness>]) -> bool {
    let Some(Some(first)) = stands.first() else { return false };
    stands.iter().all(|it| it.as_ref().is_some_and(|it| it.stand == first.stand))
        && stands.iter().flatten().any(|it| it.leads)
        && first.stand.commit == first.stand.last.index
}
