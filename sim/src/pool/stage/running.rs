//! The processes of one pool that run, and whether what they hold of each other is the truth.

use std::collections::BTreeMap;

use delian_core::NodeId;
use delian_core::swim::members::Digest;
use delian_core::swim::{Directory, Members, Record, Roster, Standing, State};

use super::is_over;
use crate::pool::member::{Member, home_of};

/// The processes of one pool, by place.
pub(super) struct Running<'a>(pub(super) Vec<(u32, &'a Member<Roster>)>);

impl Running<'_> {
    /// Returns the digest that each should have, or why nobody can say.
    pub(super) fn truth(&self) -> Result<Digest, String> {
        let (mut truth, mut seen) = (Digest::default(), BTreeMap::new());
        for (place, member) in &self.0 {
            let swim = member.swim();
            if is_over(member) || matches!(swim.standing(), Standing::Leaving(_)) {
                return Err(format!("m{} is still leaving", place + 1));
            }
            if let Some(other) = seen.insert(swim.card().id, *place) {
                return Err(format!("two processes run as one node: at m{} and m{}", other + 1, place + 1));
            }
            truth.add(swim.card().id, Record { incarnation: swim.incarnation(), state: State::Alive });
        }
        Ok(truth)
    }

    /// Returns one that does not have this digest.
    pub(super) fn differing(&self, truth: &Digest) -> Option<(u32, &Member<Roster>)> {
        self.0.iter().copied().find(|(_, member)| member.swim().members().digest() != truth)
    }

    /// Says how the view of one differs from the truth.
    pub(super) fn difference(&self, place: u32, member: &Member<Roster>) -> String {
        let (swim, none) = (member.swim(), Directory::new());
        let directory = member.directory(&none);
        for (_, other) in &self.0 {
            let (id, incarnation) = (other.swim().card().id, other.swim().incarnation());
            let name = named(id);
            match swim.seen(directory, id) {
                None => return format!("m{} does not know {name}", place + 1),
                Some(record) if !record.state.is_reachable() || record.incarnation != incarnation => {
                    let (state, held) = (record.state, record.incarnation);
                    return format!("m{} holds {name} {state:?}{held}, which is Alive{incarnation}", place + 1);
                }
                Some(_) => {}
            }
        }
        let runs = |id: NodeId| self.0.iter().any(|(_, other)| other.swim().card().id == id);
        let ghost = swim.known(directory).find(|(id, record)| record.state.is_reachable() && !runs(*id));
        match ghost {
            Some((id, Record { incarnation, state })) => {
                format!("m{} holds {} {state:?}{incarnation}, which does not run", place + 1, named(id))
            }
            None => format!("m{} has a digest that is not of its members", place + 1),
        }
    }

    /// Says which card one holds otherwise than its owner.
    pub(super) fn card_unlike(&self, shared: &Directory) -> Option<String> {
        self.0.iter().find_map(|(place, member)| {
            let directory = member.directory(shared);
            let held = |node: NodeId| directory.find(node).and_then(|slot| directory.card(slot));
            let wrong = self.0.iter().find(|(_, it)| held(it.swim().card().id) != Some(it.swim().card()))?;
            Some(format!("m{} holds another card of m{} than it has", place + 1, wrong.0 + 1))
        })
    }
}

fn named(node: NodeId) -> String {
    format!("m{}", home_of(node) + 1)
}
