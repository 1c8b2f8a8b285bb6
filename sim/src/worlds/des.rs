//! The facts of runs in the world of discrete events, which has its own engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use delian_core::raft::Payload;
use delian_core::topology::{Command, Condition};
use delian_core::{LogIndex, NodeId, Rejected, Time};

use super::campaign::{has_fate, label};
use super::{Facts, Fate, Named, Reached, WorldKind};
use crate::linearizability::topology_model::{Heard, heard};
use crate::panics::caught;
use crate::plan::Plan;
use crate::run::{digest_embedder, outcome};
use crate::trace::Tracer;
use crate::world::{Answer, Exchange, World};

/// Runs a plan and returns what came of it.
pub fn facts_of(plan: &Arc<Plan>) -> Facts {
    let mut world = World::new(Arc::clone(plan), digest_embedder(), Tracer::Off);
    let mut facts = Facts::new(WorldKind::Des);
    let mut seen = LogIndex::ZERO;
    let panic = caught(|| {
        while world.step() {
            note_conditions(&world, &mut seen, &mut facts.conditions);
        }
    })
    .err();
    let outcome = outcome(plan, &world, panic);
    if let Some(violation) = &outcome.violation {
        facts.broken.push(format!("{}: {}", violation.invariant, violation.sentence));
        facts.broken.extend(violation.facts.iter().map(|fact| format!("{}: {fact}", violation.invariant)));
    }
    for (term, leader) in world.invariants().leaders() {
        facts.leaders.entry(term.get()).or_default().insert(number_of(leader));
    }
    let scenario = &plan.scenario;
    if let Some(node) = world.whole_nodes().next() {
        let known = node.topology().members().filter_map(|member| {
            let Named::Subject(subject) = Named::of(scenario, member.node()) else { return None };
            Some((subject, member.condition.to_string()))
        });
        facts.subjects = known.collect();
    }
    let configuration = world.invariants().ledger().committed_configuration().1;
    facts.voters = configuration.all_voters().map(number_of).collect();
    facts.fates = fates(plan, world.history());
    facts.settled_after = outcome.settled_after;
    facts.counts = outcome.counts;
    facts.lasted = world.now().since(Time::ZERO);
    facts
}

/// Takes in the conditions that were committed since the last look.
fn note_conditions(world: &World, seen: &mut LogIndex, reached: &mut BTreeMap<Reached, Duration>) {
    let ledger = world.invariants().ledger();
    while let Some(position) = ledger.position(seen.next()) {
        *seen = position.index;
        let Some(Payload::Command(bytes)) = ledger.payload(position) else { continue };
        let found = match Command::decode(bytes) {
            Ok(Command::SetCondition { node, condition, .. }) => Some((node, condition)),
            Ok(Command::Drain { node, .. }) => Some((node, Condition::Leaving)),
            Ok(
                Command::Register(_)
                | Command::Deregister(_)
                | Command::Evict { .. }
                | Command::DrainProgress { .. }
                | Command::Custom(_),
            )
            | Err(_) => None,
        };
        if let Some((node, condition)) = found {
            let who = Named::of(&world.plan().scenario, node);
            let at = world.now().since(Time::ZERO);
            reached.entry(Reached { who, condition: condition.to_string() }).or_insert(at);
        }
    }
}

fn number_of(id: NodeId) -> u16 {
    u16::try_from(id.get()).unwrap_or(u16::MAX)
}

/// Returns what became of the operations that the scenario gives.
fn fates(plan: &Plan, history: &[Exchange]) -> Vec<(String, Fate)> {
    let mut used = vec![false; history.len()];
    let given = plan.scenario.operations.iter().filter(|it| has_fate(&it.action)).map(|operation| {
        let at = Time::ZERO + operation.at;
        let is_it = |exchange: &Exchange| exchange.client == Some(operation.client) && exchange.asked_at == at;
        let place = (0..history.len()).find(|place| !used[*place] && is_it(&history[*place]));
        let fate = place.map_or(Fate::NotAsked, |place| {
            used[place] = true;
            fate(history[place].answer.as_ref().map(|(_, answer)| answer))
        });
        (label(operation), fate)
    });
    given.collect()
}

fn fate(answer: Option<&Answer>) -> Fate {
    match answer {
        None => Fate::Unknown,
        Some(Answer::Applied(_) | Answer::Status(..)) => Fate::Acknowledged,
        Some(Answer::Read(_, Some(_))) => Fate::Present,
        Some(Answer::Read(_, None)) => Fate::Absent,
        Some(Answer::Rejected(rejected)) => match heard(&Err(rejected.clone())) {
            Heard::Unknown => Fate::Unknown,
            Heard::Answer(_) | Heard::NoEffect => Fate::Refused(word(rejected).to_string()),
        },
    }
}

/// Returns a reason in a word, as the API of a node has it.
pub fn word(rejected: &Rejected) -> &'static str {
    use delian_core::topology::Refusal;
    match rejected {
        Rejected::NotLeader(_) => "not-leader",
        Rejected::Busy => "busy",
        Rejected::Refused(Refusal::Unknown(_)) => "not-registered",
        Rejected::Refused(Refusal::Superseded { .. }) => "other-life",
        Rejected::Refused(Refusal::Leaving(_) | Refusal::NotLeaving(_) | Refusal::Exhausted) => "conflict",
        Rejected::Refused(Refusal::DuplicateName { .. }) => "name-taken",
        Rejected::Refused(Refusal::Full { .. }) => "full",
        Rejected::Refused(
            Refusal::NoIdentity
            | Refusal::MovedMoreThanAll { .. }
            | Refusal::Blank(_)
            | Refusal::TooLong { .. }
            | Refusal::ControlCharacter { .. }
            | Refusal::NoPort
            | Refusal::OffTheGlobe(_)
            | Refusal::FreeAboveTotal { .. }
            | Refusal::TooManyTags { .. }
            | Refusal::CustomTooLarge { .. }
            | Refusal::Malformed { .. },
        ) => "invalid",
        Rejected::QuorumRefused(_) => "quorum-refused",
        Rejected::Superseded => "superseded",
        Rejected::Unknown => "unknown-outcome",
        Rejected::Halted => "stopped",
        Rejected::TimedOut => "timed-out",
        Rejected::Transferring(_) => "transferring",
        Rejected::TransferRefused(_) => "transfer-refused",
        Rejected::LeaseDisabled => "lease-disabled",
        Rejected::SessionExpired(_) | Rejected::Forgotten { .. } | Rejected::OutsideWindow { .. } => "session",
        Rejected::TooOften { .. } => "too-often",
    }
}
