//! What one step of a member may make of its view: the rules of SWIM without time, packets or queues.
//!
//! The last of them is a second implementation that is deliberately dumb: for one member, what is known is a pair of
//! incarnation and state, greater pairs go before lesser ones, and a step takes in exactly what it was told, what a probe
//! showed and which suspicion ended. It knows nothing of how the machine keeps any of that.

use delian_core::NodeId;
use delian_core::swim::packet::Body;
use delian_core::swim::projection::Deadline;
use delian_core::swim::{Event, Incarnation, Members, News, Packet, Record, Slot, Standing, State};

use super::cell::Cell;
use crate::invariants::{Breach, Invariant};

/// One step of one process.
pub(super) struct Step<'a> {
    pub(super) before: &'a Cell,
    pub(super) after: &'a Cell,
    pub(super) what: What<'a>,
    pub(super) events: &'a [Event],
}

/// What happened to it.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    Heard(&'a Packet),
    Fired(Deadline),
    Left,
    Changed,
}

struct IncarnationsNeverFall;

impl Invariant for IncarnationsNeverFall {
    const NAME: &'static str = "incarnations-never-fall";
    const SENTENCE: &'static str =
        "As long as a member knows another, or itself, the incarnation that it knows of never becomes lower.";
}

struct NobodyReturnsUnchanged;

impl Invariant for NobodyReturnsUnchanged {
    const NAME: &'static str = "nobody-returns-unchanged";
    const SENTENCE: &'static str =
        "Whoever was dead or had left is reachable again only in a later incarnation, which only it could take.";
}

struct SuspicionsEnd;

impl Invariant for SuspicionsEnd {
    const NAME: &'static str = "suspicions-end";
    const SENTENCE: &'static str =
        "Every suspected member has a suspicion that ends some time, and nobody else has one.";
}

struct AccusersAreOthers;

impl Invariant for AccusersAreOthers {
    const NAME: &'static str = "accusers-are-others";
    const SENTENCE: &'static str = "The accusers of a suspected member are distinct, and it is none of them.";
}

struct EventsTellTheView;

impl Invariant for EventsTellTheView {
    const NAME: &'static str = "events-tell-the-view";
    const SENTENCE: &'static str = "The events about a member lead from how it was seen to how it is seen: it joins, is suspected, recovers, dies or leaves, each in its turn.";
}

struct ViewsFollowTheRules;

impl Invariant for ViewsFollowTheRules {
    const NAME: &'static str = "views-follow-the-rules";
    const SENTENCE: &'static str =
        "A step changes a view by what it was told, what a probe showed and which suspicion ended, and by all of that.";
}

/// Judges a step.
pub(super) fn judge(step: &Step<'_>, ids: &[NodeId]) -> Result<(), Breach> {
    let me = step.before.swim.card().id;
    for id in ids.iter().copied() {
        let (before, after) = (seen(step.before, id), seen(step.after, id));
        let facts = |why: &str| {
            let told = |record: Option<Record>| record.map_or("unknown".to_owned(), tell);
            vec![format!("{me} sees {id}: {} before, {} after", told(before), told(after)), why.to_owned()]
        };
        if let (Some(before), Some(after)) = (before, after) {
            if after.incarnation < before.incarnation {
                return Err(IncarnationsNeverFall::breach(facts("a step took it back")));
            }
            let returned = !before.state.is_reachable() && after.state.is_reachable();
            if returned && after.incarnation == before.incarnation && id != me {
                return Err(NobodyReturnsUnchanged::breach(facts("in the same incarnation")));
            }
        }
        if id == me {
            judge_self(step, &facts)?;
            continue;
        }
        judge_suspicion(step.after, id, after, &facts)?;
        judge_events(step, id, (before, after), &facts)?;
        let expected = expected(step, id, before);
        if after != expected {
            let told = expected.map_or("unknown".to_owned(), tell);
            return Err(ViewsFollowTheRules::breach(facts(&format!("by the rules it is {told}"))));
        }
    }
    Ok(())
}

/// Says how a member is seen.
pub(super) fn tell(record: Record) -> String {
    let state = match record.state {
        State::Alive => "alive",
        State::Suspect => "suspect",
        State::Dead => "dead",
        State::Left => "left",
    };
    format!("{state} {}", record.incarnation)
}

pub(super) fn seen(cell: &Cell, id: NodeId) -> Option<Record> {
    cell.swim.seen(&cell.directory, id)
}

fn slot_of(cell: &Cell, id: NodeId) -> Option<Slot> {
    cell.directory.find(id).filter(|slot| cell.swim.members().get(*slot).is_some())
}

fn judge_suspicion(
    cell: &Cell,
    id: NodeId,
    record: Option<Record>,
    facts: &impl Fn(&str) -> Vec<String>,
) -> Result<(), Breach> {
    let Some(slot) = slot_of(cell, id) else { return Ok(()) };
    let is_suspect = record.is_some_and(|record| record.state == State::Suspect);
    if is_suspect != cell.armed.contains(&Deadline::Suspicion(slot)) {
        let what = if is_suspect { "no suspicion of it ends ever" } else { "a suspicion of it ends some time" };
        return Err(SuspicionsEnd::breach(facts(what)));
    }
    let accusers = cell.swim.accusers(slot);
    let is_doubled = accusers.iter().enumerate().any(|(place, accuser)| accusers[..place].contains(accuser));
    if is_doubled || accusers.contains(&id) || (is_suspect && accusers.is_empty()) {
        return Err(AccusersAreOthers::breach(facts(&format!("its accusers are {accusers:?}"))));
    }
    Ok(())
}

/// What events say of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Gone,
    There,
    Suspected,
}

impl Told {
    fn of(record: Option<Record>) -> Self {
        match record.map(|record| record.state) {
            Some(State::Alive) => Self::There,
            Some(State::Suspect) => Self::Suspected,
            Some(State::Dead | State::Left) | None => Self::Gone,
        }
    }

    /// Returns what is told after one more event; nothing if that cannot follow.
    fn after(self, event: &Event, id: NodeId) -> Option<Self> {
        match event {
            Event::Joined(card, _) if card.id == id => (self == Self::Gone).then_some(Self::There),
            Event::Updated(card, _) if card.id == id => (self != Self::Gone).then_some(self),
            Event::Suspected { member, .. } if *member == id => (self != Self::Gone).then_some(Self::Suspected),
            Event::Recovered(member, _) if *member == id => (self == Self::Suspected).then_some(Self::There),
            Event::Died(member, _) if *member == id => (self != Self::Gone).then_some(Self::Gone),
            Event::Left { member, late, .. } if *member == id => ((self == Self::Gone) == *late).then_some(Self::Gone),
            Event::Joined(..) | _ => Some(self),
        }
    }
}

fn judge_events(
    step: &Step<'_>,
    id: NodeId,
    (before, after): (Option<Record>, Option<Record>),
    facts: &impl Fn(&str) -> Vec<String>,
) -> Result<(), Breach> {
    let mut told = Told::of(before);
    for event in step.events {
        told = told
            .after(event, id)
            .ok_or_else(|| EventsTellTheView::breach(facts(&format!("{event:?} cannot follow {told:?}"))))?;
    }
    if told != Told::of(after) {
        return Err(EventsTellTheView::breach(facts(&format!("the events end with {told:?}: {:?}", step.events))));
    }
    Ok(())
}

/// Returns how a member is seen after a step, by the rules alone.
fn expected(step: &Step<'_>, id: NodeId, before: Option<Record>) -> Option<Record> {
    match step.what {
        What::Heard(packet) => told(step, packet, id, before),
        What::Fired(Deadline::Suspicion(slot)) if slot_of(step.before, id) == Some(slot) => {
            before.map(|record| Record { state: State::Dead, ..record })
        }
        What::Fired(Deadline::Grave(slot)) if slot_of(step.before, id) == Some(slot) => None,
        What::Fired(Deadline::Probe) => {
            let failed = step.before.swim.probed().filter(|(member, _, answered)| *member == id && !answered);
            before.map(|record| match failed {
                Some((_, incarnation, _)) if incarnation == record.incarnation && record.state == State::Alive => {
                    Record { state: State::Suspect, ..record }
                }
                Some(_) | None => record,
            })
        }
        What::Fired(_) | What::Left | What::Changed => before,
    }
}

/// Returns the later of two records: a later incarnation goes before, then left, dead, suspect, alive.
fn later(one: Record, other: Record) -> Record {
    if (other.incarnation, other.state) > (one.incarnation, one.state) { other } else { one }
}

/// Takes in a packet.
fn told(step: &Step<'_>, packet: &Packet, id: NodeId, before: Option<Record>) -> Option<Record> {
    let mut record = before;
    let slot = slot_of(step.before, id);
    let mut has_card = slot.is_some_and(|slot| step.before.directory.card(slot).is_some());
    for news in &packet.news {
        let (incarnation, state) = match news {
            News::Alive { incarnation, card } if card.id == id => (*incarnation, State::Alive),
            News::Suspect { member, incarnation, accuser } if *member == id => {
                // Nobody accuses itself, and a stranger or one without a card cannot be suspected.
                if *accuser == id || record.is_none() || !has_card {
                    continue;
                }
                (*incarnation, State::Suspect)
            }
            News::Dead { member, incarnation } if *member == id => {
                // Nobody is buried on hearsay: the subject may yet refute it.
                if record.is_some_and(|record| record.state.is_reachable()) {
                    if packet.from == id {
                        continue;
                    }
                    (*incarnation, State::Suspect)
                } else {
                    (*incarnation, State::Dead)
                }
            }
            News::Left { member, incarnation } if *member == id => (*incarnation, State::Left),
            News::Alive { .. } | News::Suspect { .. } | News::Dead { .. } | News::Left { .. } | News::Broadcast(_) => {
                continue;
            }
        };
        let heard = Record { incarnation, state };
        let next = record.map_or(heard, |record| later(record, heard));
        has_card |= state == State::Alive && record != Some(next);
        record = Some(next);
    }
    if matches!(packet.body, Body::Leave) && packet.from == id {
        let heard = Record { incarnation: packet.incarnation, state: State::Left };
        record = Some(record.map_or(heard, |record| later(record, heard)));
    }
    record
}

/// Judges what a step makes of the member's own incarnation: accused it refutes at once, and otherwise it stays.
fn judge_self(step: &Step<'_>, facts: &impl Fn(&str) -> Vec<String>) -> Result<(), Breach> {
    let (before, after) = (&step.before.swim, &step.after.swim);
    let mut own = before.incarnation();
    if let What::Heard(packet) = step.what {
        for news in &packet.news {
            own = told_of_self(step, news, own);
        }
    }
    if matches!(step.what, What::Changed) && !matches!(before.standing(), Standing::Leaving(_)) {
        own = own.next();
    }
    if after.incarnation() != own {
        return Err(ViewsFollowTheRules::breach(facts(&format!("by the rules its own incarnation is {own}"))));
    }
    Ok(())
}

fn told_of_self(step: &Step<'_>, news: &News, own: Incarnation) -> Incarnation {
    let swim = &step.before.swim;
    let me = swim.card();
    let is_leaving = matches!(swim.standing(), Standing::Leaving(_));
    match news {
        News::Suspect { member, incarnation, .. }
        | News::Dead { member, incarnation }
        | News::Left { member, incarnation }
            if *member == me.id && *incarnation >= own && !is_leaving =>
        {
            incarnation.next()
        }
        News::Alive { incarnation, card } if card.id == me.id => {
            let is_earlier_life = card.address == me.address;
            let goes_before = (*incarnation, card) > (own, me);
            let is_newcomer = *swim.standing() == Standing::Newcomer && !is_leaving;
            let differs = *incarnation > own || (*incarnation == own && card != me);
            let goes_after = *incarnation == own && card < me && !is_leaving;
            // A process that is no newcomer yields to another with a greater claim, and then is judged no more.
            if (is_earlier_life && differs) || (!is_earlier_life && (goes_after || (goes_before && is_newcomer))) {
                own.max(*incarnation).next()
            } else {
                own
            }
        }
        News::Alive { .. } | News::Suspect { .. } | News::Dead { .. } | News::Left { .. } | News::Broadcast(_) => own,
    }
}
