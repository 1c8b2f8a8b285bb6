//! Members that come, go, and change.
//!
//! Each change costs one pass over the words and the directory, which are moved and not sorted again. Only a change of
//! the number of bits, at every doubling of the points, packs the whole ring anew. Whatever way leads to a set of
//! members, the ring is the one that is built of them; a refused change leaves no trace.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::error::{check_name, check_points};
use super::packed;
use super::place::Place;
use super::point::sorted_tokens;
use super::{Member, POINTS_MAX, Ring, RingError, Slot, Weight};

/// From so many changes on, as a share of the members, a ring is built anew: a change moves all points, a build sorts them.
const REBUILD_SHARE: usize = 32;

impl Ring {
    /// Puts a member in and returns its slot; those of the members behind its name move up by one.
    ///
    /// # Errors
    ///
    /// Returns why the member cannot be in the ring.
    pub fn join(&mut self, member: &Member) -> Result<Slot, RingError> {
        check_name(&member.name)?;
        let place = self.names.binary_search(&member.name);
        let Err(place) = place else { return Err(RingError::NameTaken(member.name.clone())) };
        let count = self.points_per_unit.points(member.weight);
        let points = check_points(self.point_count(), count)?;
        let slot = Slot::new(place as u32);
        self.points.repack(packed::bits(self.len() + 1, points));
        self.enter(slot, member);
        self.points.open_slot(slot);
        let tokens = sorted_tokens(&member.name, 0, count);
        self.points.insert(&tokens, slot);
        self.settle(&tokens);
        Ok(slot)
    }

    /// Takes a member out and returns it; the slots of the members behind its name move down by one.
    ///
    /// # Errors
    ///
    /// Returns [`RingError::Stranger`] if no member has this name.
    pub fn leave(&mut self, name: &str) -> Result<Member, RingError> {
        let slot = self.known(name)?;
        let member = self.member(slot);
        let tokens = sorted_tokens(name, 0, self.points_per_unit.points(member.weight));
        self.points.remove(&tokens, slot);
        self.points.close_slot(slot);
        self.strike(slot);
        self.points.repack(packed::bits(self.len(), self.point_count()));
        Ok(member)
    }

    /// Gives a member another weight and returns its slot. Only the last of its points come or go.
    ///
    /// # Errors
    ///
    /// Returns [`RingError::Stranger`] if no member has this name, and [`RingError::TooManyPoints`] if the weight is too
    /// much for the ring.
    pub fn reweigh(&mut self, name: &str, weight: Weight) -> Result<Slot, RingError> {
        let slot = self.known(name)?;
        let member = self.member(slot);
        let before = self.points_per_unit.points(member.weight);
        let after = self.points_per_unit.points(weight);
        let points = check_points(self.point_count() - before as usize, after)?;
        self.strike(slot);
        self.enter(slot, &Member { weight, ..member });
        let tokens = sorted_tokens(name, before.min(after), before.max(after));
        if after > before {
            self.points.repack(packed::bits(self.len(), points));
            self.points.insert(&tokens, slot);
        } else {
            self.points.remove(&tokens, slot);
            self.points.repack(packed::bits(self.len(), points));
        }
        self.settle(&tokens);
        Ok(slot)
    }

    /// Moves a member elsewhere and returns its slot. Its points do not depend on where it stands.
    ///
    /// # Errors
    ///
    /// Returns [`RingError::Stranger`] if no member has this name.
    pub fn relocate(&mut self, name: &str, place: &Place) -> Result<Slot, RingError> {
        let slot = self.known(name)?;
        let member = self.member(slot);
        self.strike(slot);
        self.enter(slot, &Member { place: place.clone(), ..member });
        Ok(slot)
    }

    /// Becomes the ring of these members, in whatever order they come, with as little work as the differences need.
    ///
    /// # Errors
    ///
    /// Returns the first member that cannot be in the ring beside the others; the ring is as before.
    pub fn follow(&mut self, members: impl IntoIterator<Item = Member>) -> Result<(), RingError> {
        let mut members: Vec<Member> = members.into_iter().collect();
        members.sort_unstable();
        let mut points = 0;
        let mut last: Option<&Arc<str>> = None;
        for member in &members {
            check_name(&member.name)?;
            if last.replace(&member.name) == Some(&member.name) {
                return Err(RingError::NameTaken(member.name.clone()));
            }
            points = check_points(points, self.points_per_unit.points(member.weight))?;
        }
        let listed = |name: &Arc<str>| members.binary_search_by(|member| member.name.cmp(name));
        let leavers: Vec<Arc<str>> = self.names.iter().filter(|name| listed(name).is_err()).cloned().collect();
        self.amend(&leavers, &members)
    }

    /// Takes members out by their names, and puts others in or makes those with their names like them. A name is among the
    /// one or the other; who is not named costs nothing, but that many changes at once build the ring anew.
    ///
    /// # Errors
    ///
    /// Returns the first member that cannot be in the ring beside the others, or a name that nobody has; the ring is as
    /// before.
    pub(crate) fn amend(&mut self, leavers: &[Arc<str>], members: &[Member]) -> Result<(), RingError> {
        for name in leavers {
            self.known(name)?;
        }
        let differs = |member: &&Member| self.slot(&member.name).is_none_or(|slot| self.differs(slot, member));
        let changed: Vec<&Member> = members.iter().filter(differs).collect();
        let mut points = self.point_count();
        for member in &changed {
            check_name(&member.name)?;
            points = points.saturating_add(self.points_per_unit.points(member.weight) as usize);
        }
        // Half-way through, a ring may hold points of both sets.
        if points > POINTS_MAX || (leavers.len() + changed.len()) * REBUILD_SHARE > self.len() {
            return self.build_with(leavers, &changed);
        }
        for name in leavers {
            self.leave(name)?;
        }
        for member in changed {
            self.adopt(member)?;
        }
        Ok(())
    }

    /// Becomes what is built of the members that stay and of those that changed.
    fn build_with(&mut self, leavers: &[Arc<str>], changed: &[&Member]) -> Result<(), RingError> {
        let mut members: BTreeMap<Arc<str>, Member> =
            self.members().map(|member| (Arc::clone(&member.name), member)).collect();
        for name in leavers {
            members.remove(name);
        }
        members.extend(changed.iter().map(|member| (Arc::clone(&member.name), Member::clone(member))));
        let built = Self::build(self.points_per_unit, members.into_values())?;
        *self = Self { epoch: self.epoch, ..built };
        Ok(())
    }

    /// Says whether a member is another than the one of its name.
    fn differs(&self, slot: Slot, member: &Member) -> bool {
        self.weight(slot) != member.weight || self.place(slot) != &member.place
    }

    /// Puts a member in, or makes the one with its name like it.
    fn adopt(&mut self, member: &Member) -> Result<Slot, RingError> {
        let Some(slot) = self.slot(&member.name) else { return self.join(member) };
        if self.place(slot) != &member.place {
            self.relocate(&member.name, &member.place)?;
        }
        if self.weight(slot) == member.weight { Ok(slot) } else { self.reweigh(&member.name, member.weight) }
    }

    fn known(&self, name: &str) -> Result<Slot, RingError> {
        self.slot(name).ok_or_else(|| RingError::Stranger(name.into()))
    }
}
