//! What all nodes of a run told, kept together so that what they say of the same thing can be compared.
//!
//! It sees what any program beside a node sees: events, and the answers to commands and reads. An invariant that is broken
//! is noted when the contradiction appears; the first one counts.

use std::collections::BTreeMap;

use delian_core::topology::Changed;
use delian_core::{Applied, Epoch, Event, LogIndex, NodeId, Position, Term, Time};

/// An invariant that does not hold, and what contradicts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The invariant, by the name it has in the simulator where it is the same one.
    pub invariant: &'static str,
    /// When, since the world began.
    pub at: Time,
    /// What contradicts it, a sentence each.
    pub facts: Vec<String>,
}

/// What a place in the log turned out to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    term: Term,
    epoch: Epoch,
    what: Option<Changed>,
}

/// Everything that was told.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    leaders: BTreeMap<Term, NodeId>,
    /// By index: commands that took effect, as the first who told of each had it.
    held: BTreeMap<LogIndex, Held>,
    /// By epoch: the index of the command that began it.
    epochs: BTreeMap<Epoch, LogIndex>,
    /// The last command that some client was told had taken effect.
    acknowledged: Option<Applied>,
    breach: Option<Breach>,
}

impl Ledger {
    /// Returns the first invariant that did not hold.
    pub const fn breach(&self) -> Option<&Breach> {
        self.breach.as_ref()
    }

    /// Returns the last command, by its place, that some client was told had taken effect.
    pub const fn acknowledged(&self) -> Option<Applied> {
        self.acknowledged
    }

    /// Notes that an invariant does not hold.
    pub fn note(&mut self, invariant: &'static str, at: Time, facts: Vec<String>) {
        self.breach.get_or_insert(Breach { invariant, at, facts });
    }

    /// Takes in what a node told.
    pub fn on_event(&mut self, at: Time, node: NodeId, event: &Event) {
        if let Event::BecameLeader { term } = event {
            self.on_leader(at, node, *term);
        } else if let Event::Changed { position, epoch, what } = event {
            let held = Held { term: position.term, epoch: *epoch, what: Some(*what) };
            self.on_held(at, position.index, held, &format!("{node} told of it"));
        } else if let Event::Committed { last } = event
            && let Some(held) = self.held.get(&last.index).filter(|held| held.term != last.term)
        {
            let known = held.term;
            let facts = vec![format!("{node} committed {last}, but there was an entry of {known} that took effect")];
            self.note("state-machine-safety", at, facts);
        }
    }

    fn on_leader(&mut self, at: Time, node: NodeId, term: Term) {
        let first = *self.leaders.entry(term).or_insert(node);
        if first != node {
            self.note("one-leader-per-term", at, vec![format!("{first} and {node} both led {term}")]);
        }
    }

    fn on_held(&mut self, at: Time, index: LogIndex, held: Held, who: &str) {
        let first = self.held.entry(index).or_insert(held);
        let differs = first.what.is_some() && held.what.is_some() && first.what != held.what;
        let before = *first;
        first.what = first.what.or(held.what);
        if (before.term, before.epoch) != (held.term, held.epoch) || differs {
            let facts = vec![format!("{index} held {before:?}"), format!("then {held:?}: {who}")];
            return self.note("state-machine-safety", at, facts);
        }
        let began = *self.epochs.entry(held.epoch).or_insert(index);
        if began != index {
            let facts = vec![format!("{} began with {began}, and then with {index}: {who}", held.epoch)];
            self.note("state-machine-safety", at, facts);
        }
    }

    /// Takes in that a client was told that its command on the topology took effect.
    pub fn on_acknowledged(&mut self, at: Time, applied: Applied) {
        let Applied { position: Position { term, index }, epoch } = applied;
        self.on_held(at, index, Held { term, epoch, what: None }, "a client was told so");
        self.on_agreed(applied);
    }

    /// Takes in that something that begins no epoch was agreed on, as a client was told: a session that was opened, or who
    /// decides.
    pub fn on_agreed(&mut self, applied: Applied) {
        if self.acknowledged.is_none_or(|last| last.position.index < applied.position.index) {
            self.acknowledged = Some(applied);
        }
    }

    /// Judges a read that was said to reflect all that was answered before it was asked: `known` is the last command that
    /// any client had been told of by then.
    pub fn on_read(&mut self, at: Time, known: Option<Applied>, applied: LogIndex) {
        if let Some(known) = known.filter(|known| known.position.index > applied) {
            let facts =
                vec![format!("a read reflects no more than {applied}, and {known:?} was acknowledged before it")];
            self.note("fresh-reads", at, facts);
        }
    }

    /// Judges what a node that is whole, and agrees with the others, knows in the end.
    pub fn on_end(&mut self, at: Time, node: NodeId, applied: LogIndex, epoch: Epoch) {
        if let Some(last) = self.acknowledged.filter(|last| last.position.index > applied || last.epoch > epoch) {
            let facts = vec![format!("{last:?} was acknowledged"), format!("{node} has come to {applied} and {epoch}")];
            self.note("acknowledged-stays", at, facts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId::new(1);

    fn applied(term: u64, index: u64, epoch: u64) -> Applied {
        let position = Position { term: Term::new(term), index: LogIndex::new(index) };
        Applied { position, epoch: Epoch::new(epoch) }
    }

    fn changed(applied: Applied, what: Changed) -> Event {
        Event::Changed { position: applied.position, epoch: applied.epoch, what }
    }

    fn broken(ledger: &Ledger) -> Option<&'static str> {
        ledger.breach().map(|breach| breach.invariant)
    }

    #[test]
    fn two_leaders_of_one_term_are_one_too_many() {
        let mut ledger = Ledger::default();
        let leads = |term| Event::BecameLeader { term: Term::new(term) };
        ledger.on_event(Time::ZERO, NODE, &leads(1));
        ledger.on_event(Time::ZERO, NODE, &leads(1));
        ledger.on_event(Time::ZERO, NodeId::new(2), &leads(2));
        assert_eq!(broken(&ledger), None);
        ledger.on_event(Time::ZERO, NodeId::new(2), &leads(1));
        assert_eq!(broken(&ledger), Some("one-leader-per-term"));
    }

    #[test]
    fn a_place_that_held_a_command_holds_no_other() {
        for other in [applied(2, 5, 3), applied(1, 5, 4), applied(1, 6, 3)] {
            let mut ledger = Ledger::default();
            ledger.on_acknowledged(Time::ZERO, applied(1, 5, 3));
            ledger.on_event(Time::ZERO, NODE, &changed(applied(1, 5, 3), Changed::Custom));
            assert_eq!(broken(&ledger), None);
            ledger.on_event(Time::ZERO, NODE, &changed(other, Changed::Custom));
            assert_eq!(broken(&ledger), Some("state-machine-safety"), "{other:?}");
        }
        let mut ledger = Ledger::default();
        ledger.on_event(Time::ZERO, NODE, &changed(applied(1, 5, 3), Changed::Custom));
        ledger.on_event(Time::ZERO, NODE, &changed(applied(1, 5, 3), Changed::Registered(NODE)));
        assert_eq!(broken(&ledger), Some("state-machine-safety"));
    }

    #[test]
    fn an_acknowledged_command_that_was_replaced_by_another_term_is_found() {
        let mut ledger = Ledger::default();
        ledger.on_acknowledged(Time::ZERO, applied(1, 5, 3));
        let last = Position { term: Term::new(2), index: LogIndex::new(5) };
        ledger.on_event(Time::ZERO, NODE, &Event::Committed { last });
        assert_eq!(broken(&ledger), Some("state-machine-safety"));
    }

    #[test]
    fn whoever_is_whole_has_all_that_was_acknowledged() {
        let mut ledger = Ledger::default();
        ledger.on_acknowledged(Time::ZERO, applied(1, 5, 3));
        ledger.on_acknowledged(Time::ZERO, applied(1, 4, 2));
        ledger.on_end(Time::ZERO, NODE, LogIndex::new(5), Epoch::new(3));
        assert_eq!(broken(&ledger), None);
        ledger.on_end(Time::ZERO, NODE, LogIndex::new(4), Epoch::new(2));
        assert_eq!(broken(&ledger), Some("acknowledged-stays"));
    }

    #[test]
    fn a_read_that_misses_what_was_acknowledged_before_it_is_stale() {
        let mut ledger = Ledger::default();
        ledger.on_read(Time::ZERO, None, LogIndex::ZERO);
        ledger.on_read(Time::ZERO, Some(applied(1, 5, 3)), LogIndex::new(5));
        assert_eq!(broken(&ledger), None);
        ledger.on_read(Time::ZERO, Some(applied(1, 5, 3)), LogIndex::new(4));
        assert_eq!(broken(&ledger), Some("fresh-reads"));
    }
}
