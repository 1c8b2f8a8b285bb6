//! From who belongs to where keys live.
//!
//! Every registered node is in the ring by its name, however it fares: whoever must not be asked is walked past, so that
//! its keys come back unmoved. What a node weighs is the embedder's to say, from its storage, its tags or nothing.

use super::{Member, Topology};
use crate::ring::{self, Place, Ring, RingError, Weight};

impl Topology {
    /// Makes a ring that of the registered nodes and tags it with the last epoch that changed these, with as little work as
    /// the differences need. So two rings of one topology are equal, whenever each of them was updated.
    ///
    /// # Errors
    ///
    /// Returns why the nodes form no ring, which is as before then: a name is longer than [`ring::NAME_BYTES_MAX`], or
    /// the weights ask for more than [`ring::POINTS_MAX`] points.
    pub fn update_ring(&self, ring: &mut Ring, weigh: impl Fn(&Member) -> Weight) -> Result<(), RingError> {
        ring.follow(self.members().map(|member| member.in_ring(weigh(member))))?;
        ring.set_epoch(self.registered_at());
        Ok(())
    }
}

impl Member {
    /// Returns what a ring knows of the node.
    pub(crate) fn in_ring(&self, weight: Weight) -> ring::Member {
        let registration = &self.registration;
        let place = Place::new(&registration.region, &registration.datacenter, &registration.rack);
        ring::Member { weight, ..ring::Member::new(&registration.name, place) }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::super::Command;
    use super::super::fixtures::{register, topology_of};
    use super::*;
    use crate::ids::{Epoch, NodeId};
    use crate::ring::PointsPerUnit;

    #[test]
    fn the_ring_follows_the_registered_nodes_and_their_epoch() {
        let mut ring = Ring::new(PointsPerUnit::default());
        let mut topology = topology_of(&[register(1, "eve"), register(2, "ada"), register(3, "bob")]);
        let heavy = Weight::of_thousandths(2000).unwrap();
        let weigh = |member: &Member| if member.node() == NodeId::new(3) { heavy } else { Weight::UNIT };
        topology.update_ring(&mut ring, weigh).unwrap();
        let seen: Vec<_> = ring.members().map(|member| (member.name.clone(), member.weight)).collect();
        assert_eq!(seen, [("ada".into(), Weight::UNIT), ("bob".into(), heavy), ("eve".into(), Weight::UNIT)]);
        assert_eq!(
            (ring.epoch(), ring.place(ring.slot("bob").unwrap())),
            (Epoch::new(3), &Place::new("eu", "zrh1", "r1"))
        );

        topology.apply(&Command::Deregister(NodeId::new(2))).unwrap();
        topology.update_ring(&mut ring, weigh).unwrap();
        assert_eq!((ring.epoch(), ring.len(), ring.slot("ada")), (Epoch::new(4), 2, None));
        ring.assert_invariants();
    }
}
