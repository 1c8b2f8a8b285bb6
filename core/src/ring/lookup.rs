//! Who owns a key.

use super::packed::WINDOW_COARSE;
use super::token::Token;
use super::{Eligible, Ring, Slot};

/// How many lookups go on side by side: a processor waits for about ten lines of memory at once.
const BATCH: usize = 16;

impl Ring {
    /// Returns the owner of a key; none if there are no members.
    #[inline]
    pub fn owner(&self, key: &[u8]) -> Option<Slot> {
        self.owner_at(Token::of(key))
    }

    /// Returns the owner of a token; none if there are no members.
    #[inline]
    pub fn owner_at(&self, token: Token) -> Option<Slot> {
        if self.is_empty() { None } else { Some(self.points.owner(self.points.first_from(token))) }
    }

    /// Writes the owners of keys beside them; none if there are no members.
    ///
    /// Sixteen lookups wait for memory together, so a batch costs less than its keys one by one.
    ///
    /// # Panics
    ///
    /// Panics if there are not as many places for owners as there are keys.
    pub fn owners<K: AsRef<[u8]>>(&self, keys: &[K], owners: &mut [Option<Slot>]) {
        assert_eq!(keys.len(), owners.len(), "{} keys need as many places for their owners", keys.len());
        if self.is_empty() {
            return owners.fill(None);
        }
        for (keys, owners) in keys.chunks(BATCH).zip(owners.chunks_mut(BATCH)) {
            let mut tokens = [Token::new(0); BATCH];
            for (token, key) in tokens.iter_mut().zip(keys) {
                *token = Token::of(key.as_ref());
            }
            // No step of a loop waits for the one before, so the loads of each loop overlap.
            let mut buckets = [(0, 0); BATCH];
            for (bucket, token) in buckets.iter_mut().zip(&tokens) {
                *bucket = self.points.bucket_of(*token);
            }
            let mut windows = [[0; WINDOW_COARSE]; BATCH];
            for (window, (begin, _)) in windows.iter_mut().zip(&buckets) {
                *window = *self.points.window(*begin);
            }
            for (at, owner) in owners.iter_mut().enumerate() {
                let (begin, end) = buckets[at];
                *owner = Some(self.points.owner(self.points.search(&windows[at], begin, end, tokens[at])));
            }
        }
    }

    /// Returns the first member at the token of a key or after it that `admits` admits; none after a walk past all points.
    ///
    /// For whoever knows eligible members as something else than [`Eligible`]; it is asked anew at each point.
    pub fn owner_where(&self, key: &[u8], mut admits: impl FnMut(Slot) -> bool) -> Option<Slot> {
        if self.is_empty() {
            return None;
        }
        let first = self.points.first_from(Token::of(key));
        let mut index = first;
        loop {
            let slot = self.points.owner(index);
            if admits(slot) {
                return Some(slot);
            }
            index = self.points.after(index);
            if index == first {
                return None;
            }
        }
    }

    /// Returns the first eligible member at the token of a key or after it; none if nobody is eligible.
    ///
    /// Where a share `f` of the members is not eligible, that is the `1/(1-f)`-th point on average.
    ///
    /// # Panics
    ///
    /// Panics if `among` was made for a ring of other members.
    pub fn owner_among(&self, key: &[u8], among: &Eligible) -> Option<Slot> {
        among.assert_of(self);
        if among.is_empty() {
            return None;
        }
        let mut index = self.points.first_from(Token::of(key));
        loop {
            let slot = self.points.owner(index);
            if among.contains(slot) {
                return Some(slot);
            }
            index = self.points.after(index);
        }
    }
}
