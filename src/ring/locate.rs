//! `delian ring locate`: who owns keys, and by which points.

use delian_core::ring::{Ring, Slot, Token, TokenRange};
use delian_sim::placement::{NodeList, share};
use serde_json::{Value, json};

use super::arguments::LocateArguments;
use super::input::{keys, nodes, shown};
use super::{described, document};
use crate::answer::{Answer, Problem};
use crate::screen;
use crate::table::{Side, Table, percent};

pub(crate) fn run(arguments: &LocateArguments) -> Result<Answer, Problem> {
    let list = nodes(&arguments.nodes)?;
    let keys = keys(&arguments.keys, &arguments.nodes.nodes)?;
    let circle = Circle::of(&list);
    let found: Vec<Found<'_>> = keys.iter().filter_map(|key| circle.locate(key)).collect();
    if found.is_empty() {
        screen::complain(&format!("nobody may be asked: all {} nodes are left out", list.ring.len()));
    }
    if arguments.json {
        let entries: Vec<Value> = found.iter().map(|found| circle.entry(found)).collect();
        let document = json!({
            "ring": document(&list.ring),
            "eligible": list.eligible.len(),
            "ok": !found.is_empty(),
            "keys": entries,
        });
        screen::say(&format!("{document:#}\n"))?;
    } else if !found.is_empty() {
        screen::say(&circle.to_text(&found))?;
    }
    Ok(if found.is_empty() { Answer::No } else { Answer::Yes })
}

/// The points of a ring side by side, so that neighbours can be looked at.
struct Circle<'a> {
    list: &'a NodeList,
    points: Vec<(Token, Slot)>,
    shares: Vec<u64>,
}

/// Where a key came to lie.
struct Found<'a> {
    key: &'a [u8],
    token: Token,
    owner: Slot,
    /// The owner's point that was met.
    point: Token,
    /// What belongs to that point; nothing if another one at its token owns it.
    arc: Option<TokenRange>,
    /// Who was walked past, the nearest first.
    passed: Vec<Slot>,
}

impl<'a> Circle<'a> {
    fn of(list: &'a NodeList) -> Self {
        Self { list, points: list.ring.points().collect(), shares: list.ring.shares() }
    }

    /// Finds the owner of a key; none if nobody is eligible.
    fn locate<'k>(&self, key: &'k [u8]) -> Option<Found<'k>> {
        let owner = self.list.ring.owner_among(key, &self.list.eligible)?;
        let token = Token::of(key);
        let first = self.points.partition_point(|(point, _)| *point < token) % self.points.len();
        let mut passed = Vec::new();
        let mut index = first;
        while self.points[index].1 != owner {
            if !passed.contains(&self.points[index].1) {
                passed.push(self.points[index].1);
            }
            index = (index + 1) % self.points.len();
        }
        Some(Found { key, token, owner, point: self.points[index].0, arc: self.arc(index), passed })
    }

    fn arc(&self, index: usize) -> Option<TokenRange> {
        let through = self.points[index].0;
        let after = self.points[(index + self.points.len() - 1) % self.points.len()].0;
        // The first point of the list is the first at its token; elsewhere an equal neighbour before it owns the arc.
        (index == 0 || after != through).then_some(TokenRange { after, through })
    }

    /// Returns what was hashed for a point.
    fn label(&self, found: &Found<'_>) -> String {
        let ring: &Ring = &self.list.ring;
        let (name, count) = (ring.name(found.owner), ring.points_per_unit().points(ring.weight(found.owner)));
        let mut labels = (0..count).map(|number| format!("{name}:{number}"));
        labels.find(|label| Token::of(label.as_bytes()) == found.point).expect("a point is the hash of a label")
    }

    fn to_text(&self, found: &[Found<'_>]) -> String {
        let columns = [
            ("key", Side::Left),
            ("token", Side::Left),
            ("owner", Side::Left),
            ("point", Side::Left),
            ("arc", Side::Right),
            ("share", Side::Right),
            ("instead of", Side::Left),
        ];
        let mut table = Table::new(&columns);
        for found in found {
            table.push(vec![
                shown(found.key),
                found.token.to_string(),
                self.list.ring.name(found.owner).to_string(),
                format!("{} {}", found.point, self.label(found)),
                percent(found.arc.map_or(0.0, |arc| share(arc.tokens())), 6),
                percent(share(self.shares[found.owner.index()]), 4),
                self.passed(found).join(", "),
            ]);
        }
        let (eligible, all) = (self.list.eligible.len(), self.list.ring.len());
        let away = if eligible == all { String::new() } else { format!("; {eligible} of the nodes may be asked") };
        format!("{}{away}\n\n{}", described(&self.list.ring), table.to_text())
    }

    fn passed(&self, found: &Found<'_>) -> Vec<&str> {
        found.passed.iter().map(|slot| &**self.list.ring.name(*slot)).collect()
    }

    fn entry(&self, found: &Found<'_>) -> Value {
        let arc = found.arc.map(|arc| {
            let TokenRange { after, through } = arc;
            json!({ "after": after.to_string(), "through": through.to_string(), "share": share(arc.tokens()) })
        });
        json!({
            "key": String::from_utf8_lossy(found.key),
            "token": found.token.to_string(),
            "owner": &**self.list.ring.name(found.owner),
            "instead_of": self.passed(found),
            "point": { "token": found.point.to_string(), "label": self.label(found), "arc": arc },
            "owner_share": share(self.shares[found.owner.index()]),
        })
    }
}
