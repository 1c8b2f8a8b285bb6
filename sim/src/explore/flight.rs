//! What is on its way, in an order that is the same whichever way a state was reached.

use std::hash::Hasher;

use super::hash::Hash128;

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Any message sent may arrive at any time, again and again, or never: the strongest network, for the smallest scopes.
    /// What was sent stays in the set, so loss and duplication cost nothing.
    Set,
    /// Each link delivers in order and holds so many; its head may get lost at any time, and what is sent to a full link
    /// is lost.
    Fifo {
        /// How many messages a link holds.
        cap: u8,
    },
    /// One queue for all, delivered in order; so many times something else may happen than the delivery of its head: the
    /// head goes to the back, is lost or doubled, or something happens on its own while messages are on their way.
    /// (Delay bounding: Emmi, Qadeer, Rakamarić, POPL 2011.)
    Delay {
        /// How many deviations there may be.
        deviations: u8,
    },
}

/// Something that travels over links.
pub(super) trait Travelling: Clone {
    /// Returns a hash of all that it is.
    fn hash(&self) -> u128;

    /// Returns which link it is on.
    fn link(&self) -> (u8, u8);

    /// Returns whether it may be lost or doubled.
    fn may_fail(&self) -> bool {
        true
    }
}

/// One thing that the network may do; places are those of what is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It arrives.
    Deliver(u8),
    /// It gets lost.
    Lose(u8),
    /// It arrives, and a copy of it is still on its way.
    Duplicate(u8),
    /// The first is overtaken by all others.
    Delay,
}

/// All that is on its way.
#[derive(Debug)]
pub(super) struct Flight<I> {
    items: Vec<I>,
}

impl<I> Default for Flight<I> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

impl<I: Clone> Clone for Flight<I> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone() }
    }

    fn clone_from(&mut self, other: &Self) {
        self.items.clone_from(&other.items);
    }
}

impl<I: Travelling> Flight<I> {
    pub(super) fn items(&self) -> &[I] {
        &self.items
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Takes in what was sent.
    pub(super) fn send(&mut self, network: Network, item: I) {
        match network {
            Network::Set => {
                if let Err(place) = self.items.binary_search_by_key(&item.hash(), I::hash) {
                    self.items.insert(place, item);
                }
            }
            Network::Fifo { cap } => {
                let link = item.link();
                let first = self.items.partition_point(|other| other.link() < link);
                let after = first + self.items[first..].iter().take_while(|other| other.link() == link).count();
                if after - first < usize::from(cap) {
                    self.items.insert(after, item);
                }
            }
            Network::Delay { .. } => self.items.push(item),
        }
    }

    /// Tells each thing that the network may do, while so many may be doubled and so many deviations are left.
    pub(super) fn ways(&self, network: Network, (duplicates, deviations): (u8, u8), mut each: impl FnMut(Way)) {
        let items = &self.items;
        assert!(u8::try_from(items.len()).is_ok(), "{} messages on their way, and places for 255", items.len());
        match network {
            Network::Set => (0..items.len()).for_each(|place| each(Way::Deliver(place as u8))),
            Network::Fifo { .. } => {
                for place in (0..items.len()).filter(|place| self.is_head(*place)) {
                    each(Way::Deliver(place as u8));
                    each(Way::Lose(place as u8));
                    if duplicates > 0 {
                        each(Way::Duplicate(place as u8));
                    }
                }
            }
            Network::Delay { .. } if items.is_empty() => {}
            Network::Delay { .. } => {
                each(Way::Deliver(0));
                if deviations > 0 {
                    if items.len() > 1 {
                        each(Way::Delay);
                    }
                    if items[0].may_fail() {
                        each(Way::Lose(0));
                        each(Way::Duplicate(0));
                    }
                }
            }
        }
    }

    /// Returns whether the item at a place is the next of its link.
    fn is_head(&self, place: usize) -> bool {
        place == 0 || self.items[place - 1].link() != self.items[place].link()
    }

    /// Returns what arrives and takes it out; in a set it stays.
    pub(super) fn arrive(&mut self, network: Network, place: usize) -> I {
        if network == Network::Set { self.items[place].clone() } else { self.take(place) }
    }

    /// Returns what arrives and leaves a copy: in a queue it comes last, on a link it stays where it is.
    pub(super) fn double(&mut self, network: Network, place: usize) -> I {
        let item = self.items[place].clone();
        if matches!(network, Network::Delay { .. }) {
            self.items.remove(place);
            self.items.push(item.clone());
        }
        item
    }

    pub(super) fn take(&mut self, place: usize) -> I {
        self.items.remove(place)
    }

    pub(super) fn delay_head(&mut self) {
        self.items.rotate_left(1);
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&I) -> bool) {
        self.items.retain(keep);
    }

    pub(super) fn clear(&mut self) {
        self.items.clear();
    }

    pub(super) fn hash_into(&self, hasher: &mut Hash128) {
        hasher.write_usize(self.items.len());
        for item in &self.items {
            hasher.write_u128(item.hash());
        }
    }
}
