//! Views of a large world that share what they have in common.
//!
//! In a world of a hundred thousand members every view holds a hundred thousand records, and nearly all of them are what
//! all others hold, too. So a view here is what everybody begins with, held once, and a short list of where this member
//! thinks otherwise. It gives the answers that a [`Roster`] gives; only the order of places differs, and some of them are
//! void.

use std::sync::Arc;

use delian_core::NodeId;
use delian_core::swim::members::Digest;
use delian_core::swim::{Members, Record, Roster, Slot};

/// A view that differs from what all begin with in few members.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SharedView {
    /// What all begin with: reachable members only.
    base: Arc<Roster>,
    /// Where this view differs, by slot; none for a member that it forgot.
    otherwise: Vec<(Slot, Option<Record>)>,
    /// Reachable members without a place in the base, in order.
    added: Vec<Slot>,
    /// Unreachable members, in order.
    gone: Vec<Slot>,
    reachable: u32,
    /// The digest of this view, as long as it differs anywhere.
    digest: Option<Box<Digest>>,
}

impl SharedView {
    /// Returns the view that differs from `base` nowhere.
    ///
    /// # Panics
    ///
    /// Panics if a member of `base` is not reachable.
    pub fn of(base: Arc<Roster>) -> Self {
        let (reachable, known) = (base.reachable(), base.known());
        assert_eq!(reachable, known, "all but {reachable} of {known} members that views share are out of reach");
        let reachable = reachable as u32;
        Self { base, otherwise: Vec::new(), added: Vec::new(), gone: Vec::new(), reachable, digest: None }
    }

    /// Returns in how many members the view differs from what all begin with.
    pub const fn deviations(&self) -> usize {
        self.otherwise.len()
    }

    /// Puts in, or takes out, what the view holds of a member.
    fn put(&mut self, slot: Slot, node: NodeId, after: Option<Record>) {
        let before = self.get(slot);
        if before == after {
            return;
        }
        let base = self.base.get(slot);
        match self.otherwise.binary_search_by_key(&slot, |(slot, _)| *slot) {
            Ok(place) if after == base => drop(self.otherwise.remove(place)),
            Ok(place) => self.otherwise[place].1 = after,
            Err(place) => self.otherwise.insert(place, (slot, after)),
        }
        let [was, is] = [before, after].map(|record| record.map(|record| record.state.is_reachable()));
        if base.is_none() {
            list(&mut self.added, slot, was == Some(true), is == Some(true));
        }
        list(&mut self.gone, slot, was == Some(false), is == Some(false));
        self.reachable = self.reachable + u32::from(is == Some(true)) - u32::from(was == Some(true));
        if self.otherwise.is_empty() {
            self.digest = None;
            return;
        }
        let digest = self.digest.get_or_insert_with(|| Box::new(self.base.digest().clone()));
        if let Some(before) = before {
            digest.remove(node, before);
        }
        if let Some(after) = after {
            digest.add(node, after);
        }
    }
}

/// Puts a slot into a sorted list or takes it out.
fn list(list: &mut Vec<Slot>, slot: Slot, was: bool, is: bool) {
    match (list.binary_search(&slot), was, is) {
        (Err(place), false, true) => list.insert(place, slot),
        (Ok(place), true, false) => drop(list.remove(place)),
        (Ok(_), true, true) | (Err(_), false, false) => {}
        (found, ..) => panic!("{slot:?} was listed: {was}, found: {found:?}"),
    }
}

impl Members for SharedView {
    fn get(&self, slot: Slot) -> Option<Record> {
        if self.otherwise.is_empty() {
            return self.base.get(slot);
        }
        match self.otherwise.binary_search_by_key(&slot, |(slot, _)| *slot) {
            Ok(place) => self.otherwise[place].1,
            Err(_) => self.base.get(slot),
        }
    }

    fn set(&mut self, slot: Slot, node: NodeId, record: Record) {
        self.put(slot, node, Some(record));
    }

    fn forget(&mut self, slot: Slot, node: NodeId) {
        self.put(slot, node, None);
    }

    fn reachable(&self) -> usize {
        self.reachable as usize
    }

    fn known(&self) -> usize {
        self.reachable() + self.gone.len()
    }

    fn places(&self) -> usize {
        self.base.places() + self.added.len()
    }

    fn at(&self, place: usize) -> Option<Slot> {
        let Some(slot) = self.base.at(place) else {
            return self.added.get(place - self.base.places()).copied();
        };
        self.get(slot).filter(|record| record.state.is_reachable()).map(|_| slot)
    }

    fn unreachable(&self, turn: usize) -> Option<Slot> {
        self.gone.get(turn.checked_rem(self.gone.len())?).copied()
    }

    fn digest(&self) -> &Digest {
        self.digest.as_deref().unwrap_or_else(|| self.base.digest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use delian_core::swim::{Incarnation, State};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const SLOTS: u32 = 24;

    fn record(state: State, incarnation: u32) -> Record {
        Record { incarnation: Incarnation::new(incarnation), state }
    }

    fn node(number: u32) -> NodeId {
        NodeId::new(u64::from(number) + 1000)
    }

    fn base(members: u32) -> Roster {
        let mut base = Roster::new();
        (0..members).for_each(|number| base.set(Slot::new(number), node(number), record(State::Alive, 0)));
        base
    }

    fn change() -> impl Strategy<Value = Option<State>> {
        let states = [State::Alive, State::Suspect, State::Dead, State::Left].map(Some);
        prop_oneof![proptest::sample::select(states.to_vec()), Just(None)]
    }

    proptest! {
        /// The second implementation is a view that shares nothing.
        #[test]
        fn a_shared_view_answers_as_a_roster_does(
            shared in 0..SLOTS,
            steps in proptest::collection::vec((0..SLOTS, 0u32..3, change()), 0..120),
        ) {
            let mut roster = base(shared);
            let mut view = SharedView::of(Arc::new(roster.clone()));
            for (number, incarnation, state) in steps {
                let slot = Slot::new(number);
                if let Some(state) = state {
                    roster.set(slot, node(number), record(state, incarnation));
                    view.set(slot, node(number), record(state, incarnation));
                } else {
                    roster.forget(slot, node(number));
                    view.forget(slot, node(number));
                }
                let all = || (0..SLOTS).map(Slot::new);
                prop_assert!(all().all(|slot| view.get(slot) == roster.get(slot)));
                prop_assert_eq!((view.reachable(), view.known()), (roster.reachable(), roster.known()));
                prop_assert_eq!(view.digest(), roster.digest());
                let drawn: Vec<Slot> = (0..view.places()).filter_map(|place| view.at(place)).collect();
                let theirs: BTreeSet<Slot> = (0..roster.places()).filter_map(|place| roster.at(place)).collect();
                prop_assert_eq!(drawn.len(), theirs.len());
                prop_assert_eq!(drawn.into_iter().collect::<BTreeSet<Slot>>(), theirs);
                prop_assert_eq!(view.at(view.places()), None);
                let turns = |members: &dyn Fn(usize) -> Option<Slot>| (0..48).filter_map(members).collect::<BTreeSet<Slot>>();
                prop_assert_eq!(turns(&|turn| view.unreachable(turn)), turns(&|turn| roster.unreachable(turn)));
                let differing = all().filter(|slot| view.get(*slot) != view.base.get(*slot)).count();
                prop_assert_eq!(view.deviations(), differing);
                prop_assert_eq!(view.digest.is_some(), differing > 0);
            }
        }
    }

    #[test]
    fn a_view_that_came_back_to_what_all_hold_takes_no_more_than_at_first() {
        let mut view = SharedView::of(Arc::new(base(9)));
        let fresh = view.clone();
        for state in [State::Suspect, State::Dead, State::Alive] {
            view.set(Slot::new(3), node(3), record(state, 0));
        }
        assert_eq!(view, fresh);
    }
}
