//! What moves when one list of nodes takes the place of another, summed up for people.

use std::collections::{BTreeMap, BTreeSet};

use delian_core::ring::{Move, Ring, Rule, Shortage, Slot, Token, TokenRange, diff_replicas};

use super::evenness::fair;

/// What moves between two rings.
#[derive(Clone, Debug, PartialEq)]
pub struct Movement {
    /// Every range, replica by replica and in the order of the circle.
    pub moves: Vec<Move>,
    /// The same, summed up for each way between two members, the largest first.
    pub flows: Vec<Flow>,
    /// How many copies there are of each token.
    pub copies: usize,
    /// How many copies of a token come to nodes that had none of it, summed over all tokens: what must be sent.
    pub sent: u64,
    /// The least part of the circle whose owner must change for shares to be fair.
    pub ideal: f64,
    /// The least that must be sent for loads to be fair, in circles; nothing where some member would have to bear two
    /// copies of a token, or a rule keeps copies apart.
    pub ideal_sent: Option<f64>,
}

/// What goes one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Which copy: zero is the owner's.
    pub replica: usize,
    /// From whom, by the slots of the old ring; none if there was no such copy.
    pub from: Option<Slot>,
    /// To whom, by the slots of the new ring; none if there is no such copy.
    pub to: Option<Slot>,
    /// In how many ranges.
    pub ranges: u64,
    /// How many tokens.
    pub tokens: u64,
}

impl Movement {
    /// Compares two rings of which each token has so many copies.
    ///
    /// # Errors
    ///
    /// Returns that there are more copies than any ring keeps.
    pub fn between(old: &Ring, new: &Ring, copies: usize, rule: Rule) -> Result<Self, Shortage> {
        let moves = diff_replicas(old, new, copies, rule)?;
        let mut sums: BTreeMap<_, (u64, u64)> = BTreeMap::new();
        for Move { replica, range, from, to } in &moves {
            let (ranges, tokens) = sums.entry((*replica, *from, *to)).or_default();
            *ranges += 1;
            *tokens += range.tokens();
        }
        let flow = |((replica, from, to), (ranges, tokens))| Flow { replica, from, to, ranges, tokens };
        let mut flows: Vec<Flow> = sums.into_iter().map(flow).collect();
        flows.sort_by_key(|flow| (flow.replica, u64::MAX - flow.tokens, flow.from, flow.to));
        let sent = sent(old, new, copies, rule, &moves);
        let gains = gains(old, new);
        let crowded = [old, new].iter().any(|ring| ring.slots().any(|slot| fair(ring, slot) * copies as f64 > 1.0));
        let ideal_sent = (!crowded && rule == Rule::Nodes).then_some(gains * copies as f64);
        Ok(Self { moves, flows, copies, sent, ideal: gains, ideal_sent })
    }

    /// Returns how many tokens have another node for this copy.
    pub fn moved(&self, replica: usize) -> u64 {
        self.flows.iter().filter(|flow| flow.replica == replica).map(|flow| flow.tokens).sum()
    }

    /// Returns in how many ranges.
    pub fn ranges(&self, replica: usize) -> u64 {
        self.flows.iter().filter(|flow| flow.replica == replica).map(|flow| flow.ranges).sum()
    }
}

/// Returns the sum of what members have to gain for their shares to be fair.
fn gains(old: &Ring, new: &Ring) -> f64 {
    let before = |name: &str| old.slot(name).map_or(0.0, |slot| fair(old, slot));
    new.slots().map(|slot| (fair(new, slot) - before(new.name(slot))).max(0.0)).sum()
}

/// Counts copies that come to nodes that had none of the token.
fn sent(old: &Ring, new: &Ring, copies: usize, rule: Rule, moves: &[Move]) -> u64 {
    // Between two neighbouring ends of moves nothing changes, so one token speaks for all of them.
    let ends: BTreeSet<Token> = moves.iter().flat_map(|one| [one.range.after, one.range.through]).collect();
    let Some(mut after) = ends.last().copied() else { return 0 };
    let mut sent = 0;
    let (mut before, mut behind) = (Vec::new(), Vec::new());
    for through in ends {
        hold(old, through, copies, rule, &mut before);
        hold(new, through, copies, rule, &mut behind);
        let had = |slot: &&Slot| before.iter().any(|other| old.name(*other) == new.name(**slot));
        let gained = behind.iter().filter(|slot| !had(slot)).count() as u64;
        sent += gained * TokenRange { after, through }.tokens();
        after = through;
    }
    sent
}

/// Finds who holds copies of a token: so many of them, or as many as there can be.
fn hold(ring: &Ring, token: Token, copies: usize, rule: Rule, holders: &mut Vec<Slot>) {
    holders.clear();
    holders.resize(copies.min(rule.copies_max(ring, None)), Slot::new(0));
    ring.replicas_at(token, rule, None, holders).expect("no more copies than there can be");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::{CIRCLE, NodeList};

    fn ring(count: usize) -> Ring {
        let names = (0..count).map(|node| format!("node-{node}\n")).collect::<Vec<_>>().concat();
        NodeList::from_text(&names, "names").unwrap().ring
    }

    #[test]
    fn a_node_that_joins_takes_about_its_share_from_all_and_nothing_else_moves() {
        let (old, new) = (ring(20), ring(21));
        let movement = Movement::between(&old, &new, 1, Rule::Nodes).unwrap();
        let joined = new.slot("node-20");
        assert!(movement.flows.iter().all(|flow| flow.to == joined && flow.from.is_some()));
        assert_eq!(movement.flows.len(), 20);
        let share = new.shares()[joined.unwrap().index()];
        assert_eq!((movement.moved(0), movement.sent), (share, share));
        assert!((movement.ideal - 1.0 / 21.0).abs() < 1e-12);
        assert!(movement.ranges(0) <= 150);
    }

    #[test]
    fn copies_are_sent_to_whoever_had_none_and_not_to_those_who_change_places() {
        let (old, new) = (ring(20), ring(21));
        let movement = Movement::between(&old, &new, 3, Rule::Nodes).unwrap();
        // Whoever joins shifts later copies along, but what is sent are its own copies alone.
        let slots: u64 = (0..3).map(|replica| movement.moved(replica)).sum();
        assert!(movement.sent < slots, "{} of {slots}", movement.sent);
        let borne = crate::placement::copies_borne(&new, 3, Rule::Nodes).unwrap();
        assert_eq!(movement.sent, borne[new.slot("node-20").unwrap().index()]);
        assert!((movement.ideal_sent.unwrap() - 3.0 / 21.0).abs() < 1e-12);
    }

    #[test]
    fn where_nodes_are_too_few_copies_come_from_nowhere_and_are_sent() {
        let movement = Movement::between(&ring(2), &ring(3), 3, Rule::Nodes).unwrap();
        assert!(movement.flows.iter().any(|flow| flow.replica == 2 && flow.from.is_none()));
        assert_eq!((movement.moved(2), movement.sent), (CIRCLE, CIRCLE));
        let nothing = Movement::between(&ring(5), &ring(5), 3, Rule::Nodes).unwrap();
        assert_eq!((nothing.sent, nothing.flows.len(), nothing.ideal_sent), (0, 0, Some(0.0)));
        assert!(Movement::between(&ring(5), &ring(5), 65, Rule::Nodes).is_err());
    }
}
