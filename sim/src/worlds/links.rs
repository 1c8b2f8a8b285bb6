//! All links at one moment, as the faults in force leave them.

use crate::scenario::LinkQuality;

/// Whether a link lets anything through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Passage {
    /// It does.
    Open,
    /// It holds everything back.
    Held,
    /// It lets nothing through: packets are gone, and streams stand still, as they do when nobody confirms them.
    Cut,
}

/// One directed link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whether anything gets through.
    pub passage: Passage,
    /// What becomes of what does.
    pub quality: LinkQuality,
}

/// Every directed link between processes, which are numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkMatrix {
    size: u16,
    links: Vec<Link>,
}

impl LinkMatrix {
    /// Returns links among so many processes, all open and all alike.
    pub fn new(size: u16, quality: LinkQuality) -> Self {
        let link = Link { passage: Passage::Open, quality };
        Self { size, links: vec![link; usize::from(size) * usize::from(size)] }
    }

    /// Returns a link.
    ///
    /// # Panics
    ///
    /// Panics if one of the two is no process here.
    pub fn get(&self, from: u16, to: u16) -> Link {
        self.links[self.place(from, to)]
    }

    /// Lets less through a link than before, never more.
    pub(super) fn worsen(&mut self, from: u16, to: u16, passage: Passage) {
        let place = self.place(from, to);
        self.links[place].passage = self.links[place].passage.max(passage);
    }

    /// Changes what becomes of what gets through.
    pub(super) fn set_quality(&mut self, from: u16, to: u16, quality: LinkQuality) {
        let place = self.place(from, to);
        self.links[place].quality = quality;
    }

    fn place(&self, from: u16, to: u16) -> usize {
        let numbers = 1..=self.size;
        assert!(numbers.contains(&from) && numbers.contains(&to), "n{from} to n{to} among {} processes", self.size);
        usize::from(from - 1) * usize::from(self.size) + usize::from(to - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cuts_a_link_outweighs_what_holds_it() {
        let mut links = LinkMatrix::new(2, LinkQuality::HEALTHY);
        links.worsen(1, 2, Passage::Cut);
        links.worsen(1, 2, Passage::Held);
        assert_eq!((links.get(1, 2).passage, links.get(2, 1).passage), (Passage::Cut, Passage::Open));
    }
}
