//! What must hold of every step of a voter and of every committed command.

use delian_core::health::{Heartbeat, HeartbeatError, Reach};
use delian_core::node::witness::News;
use delian_core::topology::{Cause, Change, Command, Condition, Refusal};
use delian_core::{Epoch, NodeId, Topology};

use super::model::id_of;
use super::truth::Known;
use super::voter::Voter;
use crate::invariants::{Breach, Invariant};

struct HeartbeatsCountForTheirLife;

impl Invariant for HeartbeatsCountForTheirLife {
    const NAME: &'static str = "heartbeats-count-for-their-life";
    const SENTENCE: &'static str = "A heartbeat counts where the life is registered that it names and nothing as new came before, and nowhere else.";
}

struct NobodyFailsEarly;

impl Invariant for NobodyFailsEarly {
    const NAME: &'static str = "nobody-fails-early";
    const SENTENCE: &'static str = "Whoever is found silent was silent for long enough by the clock of the one who finds it, since the life was registered and since that one began to lead and last slept.";
}

struct EvictionsTakeTheirTime;

impl Invariant for EvictionsTakeTheirTime {
    const NAME: &'static str = "evictions-take-their-time";
    const SENTENCE: &'static str = "Nobody proposes to evict a life whose time to leave is not up, and which was neither out of reach for the time that an eviction takes, nor failed for that time with nobody who reaches it, by the proposer's own watch.";
}

struct WhoeverFollowsProposesNothing;

impl Invariant for WhoeverFollowsProposesNothing {
    const NAME: &'static str = "whoever-follows-proposes-nothing";
    const SENTENCE: &'static str = "Only who believes to lead proposes anything about others.";
}

struct ProposalsNameTheJudgedLife;

impl Invariant for ProposalsNameTheJudgedLife {
    const NAME: &'static str = "proposals-name-the-judged-life";
    const SENTENCE: &'static str = "A proposal names the life that is registered where it is made, and says of it what differs from what was agreed on.";
}

struct FailuresAreToldOnce;

impl Invariant for FailuresAreToldOnce {
    const NAME: &'static str = "failures-are-told-once";
    const SENTENCE: &'static str = "Between two failures of a life that a voter tells lies a recovery that it tells, and it tells all that it takes in.";
}

struct ViewsFollowTheLog;

impl Invariant for ViewsFollowTheLog {
    const NAME: &'static str = "views-follow-the-log";
    const SENTENCE: &'static str = "Every voter watches exactly whom its log registers, each in the registered life and in the condition that was agreed on, so voters with equal logs agree on every condition.";
}

struct OnlyTheJudgedLifeEnds;

impl Invariant for OnlyTheJudgedLifeEnds {
    const NAME: &'static str = "only-the-judged-life-ends";
    const SENTENCE: &'static str =
        "What was found or asked for in one registration of a node changes nothing of a later one.";
}

struct NobodyReturnsUnregistered;

impl Invariant for NobodyReturnsUnregistered {
    const NAME: &'static str = "nobody-returns-unregistered";
    const SENTENCE: &'static str = "A node comes in, and begins another life, by its registration alone.";
}

struct FindingsUndoNoLeave;

impl Invariant for FindingsUndoNoLeave {
    const NAME: &'static str = "findings-undo-no-leave";
    const SENTENCE: &'static str = "Whoever was asked to leave is leaving until somebody asks for something else.";
}

/// Judges whether a heartbeat was taken in as it should be.
pub(super) fn judge_hearing(
    voter: &Voter,
    heartbeat: &Heartbeat,
    counts: bool,
    heard: Result<(), HeartbeatError>,
) -> Result<(), Breach> {
    let Heartbeat { node, epoch, sequence, .. } = *heartbeat;
    if counts == heard.is_ok() {
        return Ok(());
    }
    let known = known(voter, node).map_or("the node is unknown".to_owned(), |known| {
        format!("the life of {} is registered, heard up to {}", known.epoch, known.sequence)
    });
    let fate = heard.err().map_or("it was accepted".to_owned(), |why| format!("it was refused: {why}"));
    Err(HeartbeatsCountForTheirLife::breach(vec![format!("heartbeat {sequence} of {node} in {epoch}"), known, fate]))
}

/// Judges what a voter tells of a topology that it took in.
pub(super) fn judge_news(news: &[News], expected: &[News]) -> Result<(), Breach> {
    if news == expected {
        return Ok(());
    }
    Err(FailuresAreToldOnce::breach(vec![format!("told: {news:?}"), format!("there is to tell: {expected:?}")]))
}

/// Judges a proposal where it is made.
pub(super) fn judge_proposal(voter: &Voter, topology: &Topology, command: &Command) -> Result<(), Breach> {
    let fact = || format!("proposed: {command:?}");
    if !voter.leads {
        return Err(WhoeverFollowsProposesNothing::breach(vec![fact()]));
    }
    let (Command::Evict { node, epoch } | Command::SetCondition { node, epoch, .. }) = command else {
        return Err(ProposalsNameTheJudgedLife::breach(vec![fact()]));
    };
    let member = topology.get(*node).filter(|member| member.registered == *epoch);
    let (Some(member), Some(known)) = (member, known(voter, *node)) else {
        return Err(ProposalsNameTheJudgedLife::breach(vec![fact(), "that life is not registered here".to_owned()]));
    };
    let Command::SetCondition { condition, cause, .. } = command else {
        return judge_eviction(voter, *node, known, fact());
    };
    if *condition == member.condition || *condition == Condition::Leaving || *cause == Cause::Asked {
        return Err(ProposalsNameTheJudgedLife::breach(vec![fact(), format!("agreed: {}", member.condition)]));
    }
    judge_silence(voter, known, *condition, *cause, fact())
}

fn judge_silence(voter: &Voter, known: &Known, condition: Condition, cause: Cause, fact: String) -> Result<(), Breach> {
    if !matches!(cause, Cause::Silence { .. }) {
        return Ok(());
    }
    let silence = voter.now.since(known.silent_since);
    let is_long =
        if condition.is_failed() { silence >= voter.spans.is_failure } else { silence > voter.spans.means_nothing };
    if is_long { Ok(()) } else { Err(NobodyFailsEarly::breach(vec![fact, format!("it was silent for {silence:?}")])) }
}

fn judge_eviction(voter: &Voter, node: NodeId, known: &Known, fact: String) -> Result<(), Breach> {
    let (now, spans) = (voter.now, &voter.spans);
    if known.leaves.is_some_and(|(_, until)| until <= now) {
        return Ok(());
    }
    let word = word(voter, node);
    let silence = now.since(known.silent_since);
    let lost = known.lost_since.map(|since| now.since(since));
    let is_due = match word {
        Reach::Unreachable => lost.is_some_and(|lost| lost >= spans.evicts),
        Reach::Unknown => silence >= spans.is_failure + spans.evicts,
        Reach::Reachable => false,
    };
    if is_due {
        return Ok(());
    }
    let watched = format!("{word:?} in this life for {lost:?}, silent for {silence:?}");
    Err(EvictionsTakeTheirTime::breach(vec![fact, watched]))
}

/// Judges whom a voter watches after a step.
pub(super) fn judge_view(voter: &Voter, topology: &Topology) -> Result<(), Breach> {
    let health = &voter.witness.health;
    let watched = || {
        health.nodes().map(|node| {
            let explained = health.explain(voter.now, node).expect("it is watched");
            (node, explained.seen.epoch, explained.evidence.agreed)
        })
    };
    let registered = || topology.members().map(|member| (member.node(), member.registered, member.condition));
    if watched().eq(registered()) {
        return Ok(());
    }
    let told = |(node, epoch, condition): (NodeId, Epoch, Condition)| format!("{node} in {epoch} {condition}");
    let facts = vec![
        format!("watched: {}", watched().map(told).collect::<Vec<_>>().join(", ")),
        format!("registered: {}", registered().map(told).collect::<Vec<_>>().join(", ")),
    ];
    Err(ViewsFollowTheLog::breach(facts))
}

/// Judges what a committed command did.
pub(super) fn judge_commit(
    before: &Topology,
    after: &Topology,
    command: &Command,
    did: &Result<Change, Refusal>,
) -> Result<(), Breach> {
    let lives = |topology: &Topology, node| topology.get(node).map(|member| member.registered);
    let fact = || {
        let told = |topology: &Topology| {
            let each = topology.members().map(|it| format!("{} in {} {}", it.node(), it.registered, it.condition));
            each.collect::<Vec<_>>().join(", ")
        };
        vec![format!("{command:?} did {did:?}"), format!("before: {}", told(before)), format!("after: {}", told(after))]
    };
    for member in after.members() {
        let is_registration = matches!(command, Command::Register(it) if it.node == member.node());
        if lives(before, member.node()) != Some(member.registered) && !is_registration {
            return Err(NobodyReturnsUnregistered::breach(fact()));
        }
    }
    let found = match command {
        Command::SetCondition { node, epoch, cause, .. } => Some((node, epoch, *cause != Cause::Asked)),
        Command::Evict { node, epoch }
        | Command::Drain { node, epoch, .. }
        | Command::DrainProgress { node, epoch, .. } => Some((node, epoch, false)),
        Command::Register(_) | Command::Deregister(_) | Command::Custom(_) => None,
    };
    let Some((node, epoch, is_found)) = found else { return Ok(()) };
    if did.is_ok() && lives(before, *node) != Some(*epoch) {
        return Err(OnlyTheJudgedLifeEnds::breach(fact()));
    }
    let leaves = |topology: &Topology| topology.get(*node).is_some_and(|it| it.condition == Condition::Leaving);
    if is_found && leaves(before) && !leaves(after) {
        return Err(FindingsUndoNoLeave::breach(fact()));
    }
    Ok(())
}

fn known(voter: &Voter, node: NodeId) -> Option<&Known> {
    (0..voter.words.len() as u8).find(|number| id_of(*number) == node).and_then(|number| voter.truth.of(number))
}

fn word(voter: &Voter, node: NodeId) -> Reach {
    let mut words = (0..).zip(&voter.words);
    words.find(|(number, _)| id_of(*number) == node).map_or(Reach::Unknown, |(_, word)| *word)
}
