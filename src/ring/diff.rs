//! `delian ring diff`: what moves when one list of nodes takes the place of another.

use std::path::Path;

use delian_core::ring::{Move, Ring, Slot};
use delian_sim::placement::{Flow, Movement, share};
use delian_sim::report::human::{grouped, plural};
use serde_json::{Value, json};

use super::arguments::DiffArguments;
use super::input::{list, refuse_idle_rule};
use super::{described, document};
use crate::answer::{Answer, Problem};
use crate::screen;
use crate::table::{ROWS, Side, Table, percent};

/// What stands for a copy that is not there.
const NOBODY: &str = "–";

pub(crate) fn run(arguments: &DiffArguments) -> Result<Answer, Problem> {
    let standard = Path::new("-");
    if arguments.nodes == standard && arguments.to == standard {
        return Err(Problem::new("--nodes and --to cannot both be standard input"));
    }
    let (old, new) = (list(&arguments.nodes)?, list(&arguments.to)?);
    refuse_idle_rule(&arguments.rule, &old.path, &old.ring)
        .or_else(|_| refuse_idle_rule(&arguments.rule, &new.path, &new.ring))?;
    let movement = Movement::between(&old.ring, &new.ring, arguments.replicas, arguments.rule.rule())
        .map_err(|shortage| Problem::new(shortage.to_string()))?;
    let diff = Diff { old: &old.ring, new: &new.ring, movement };
    let text = if arguments.json { format!("{:#}\n", diff.to_json(arguments)) } else { diff.to_text(arguments) };
    screen::say(&text)?;
    Ok(Answer::Yes)
}

struct Diff<'a> {
    old: &'a Ring,
    new: &'a Ring,
    movement: Movement,
}

/// Who came, went, weighs otherwise, and stands elsewhere.
struct Members<'a> {
    joined: Vec<&'a str>,
    left: Vec<&'a str>,
    reweighed: Vec<&'a str>,
    moved: Vec<&'a str>,
}

impl Diff<'_> {
    fn members(&self) -> Members<'_> {
        let names = self.new.slots().map(|slot| &**self.new.name(slot));
        let joined = names.filter(|name| self.old.slot(name).is_none()).collect();
        let (mut left, mut reweighed, mut moved) = (Vec::new(), Vec::new(), Vec::new());
        for slot in self.old.slots() {
            let name = &**self.old.name(slot);
            let Some(other) = self.new.slot(name) else {
                left.push(name);
                continue;
            };
            if self.new.weight(other) != self.old.weight(slot) {
                reweighed.push(name);
            }
            if self.new.place(other) != self.old.place(slot) {
                moved.push(name);
            }
        }
        Members { joined, left, reweighed, moved }
    }

    fn to_text(&self, arguments: &DiffArguments) -> String {
        let mut parts = vec![format!("old  {}\nnew  {}\n", described(self.old), described(self.new))];
        let Members { joined, left, reweighed, moved } = self.members();
        let changes = [("joined", joined), ("left", left), ("other weight", reweighed), ("other place", moved)];
        let changes = changes.into_iter().filter(|(_, names)| !names.is_empty());
        parts.extend(changes.map(|(label, names)| format!("{label}: {}\n", listed(&names))));
        if self.movement.flows.is_empty() {
            parts.push("\nNothing moves.\n".to_string());
            return parts.concat();
        }
        parts.push(format!("\n{}\n{}\n{}", self.copies(), self.ideal(), self.flows(arguments.all)));
        if arguments.ranges {
            parts.push(format!("\n{}", self.ranges()));
        }
        parts.concat()
    }

    fn copies(&self) -> String {
        let mut table = Table::new(&[("copy", Side::Right), ("moves", Side::Right), ("in ranges", Side::Right)]);
        for replica in 0..self.movement.copies {
            let moved = percent(share(self.movement.moved(replica)), 4);
            table.push(vec![(replica + 1).to_string(), moved, grouped(self.movement.ranges(replica))]);
        }
        table.to_text()
    }

    fn ideal(&self) -> String {
        let Movement { copies, sent, ideal, ideal_sent, .. } = &self.movement;
        let beside = |done: f64, ideal: f64| {
            if ideal > 0.0 {
                format!(": {:.3} times the ideal {}", done / ideal, percent(ideal, 4))
            } else {
                ", where nothing need move".to_string()
            }
        };
        let (moved, sent) = (share(self.movement.moved(0)), share(*sent));
        let owners = format!("The owners of {} of all keys change{}.\n", percent(moved, 4), beside(moved, *ideal));
        if *copies == 1 {
            return owners;
        }
        let ideal = ideal_sent.map_or_else(String::new, |ideal| beside(sent, ideal));
        format!("{owners}Nodes that had no copy are sent {} of one copy of everything{ideal}.\n", percent(sent, 4))
    }

    fn flows(&self, all: bool) -> String {
        let mut flows: Vec<&Flow> = self.movement.flows.iter().collect();
        flows.sort_by_key(|flow| (u64::MAX - flow.tokens, flow.replica, flow.from, flow.to));
        let rows = if all { flows.len() } else { ROWS };
        let mut table = Table::new(&[
            ("from", Side::Left),
            ("to", Side::Left),
            ("copy", Side::Right),
            ("ranges", Side::Right),
            ("share", Side::Right),
        ]);
        for Flow { replica, from, to, ranges, tokens } in flows.iter().take(rows) {
            let (copy, share) = ((replica + 1).to_string(), percent(share(*tokens), 6));
            table.push(vec![name(self.old, *from), name(self.new, *to), copy, grouped(*ranges), share]);
        }
        let left_out: u64 = flows.iter().skip(rows).map(|flow| flow.tokens).sum();
        match flows.len().saturating_sub(rows) as u64 {
            0 => table.to_text(),
            more => {
                let rows = plural(more, "smaller row");
                format!(
                    "{}{rows} with {} in all are left out; --all shows them.\n",
                    table.to_text(),
                    percent(share(left_out), 6)
                )
            }
        }
    }

    fn ranges(&self) -> String {
        let mut table = Table::new(&[
            ("(after, through]", Side::Left),
            ("tokens", Side::Right),
            ("copy", Side::Right),
            ("from", Side::Left),
            ("to", Side::Left),
        ]);
        for Move { replica, range, from, to } in &self.movement.moves {
            let (tokens, copy) = (grouped(range.tokens()), (replica + 1).to_string());
            table.push(vec![range.to_string(), tokens, copy, name(self.old, *from), name(self.new, *to)]);
        }
        table.to_text()
    }

    fn to_json(&self, arguments: &DiffArguments) -> Value {
        let Members { joined, left, reweighed, moved } = self.members();
        let who = |ring: &Ring, slot: Option<Slot>| slot.map(|slot| ring.name(slot).to_string());
        let copies = (0..self.movement.copies).map(|replica| {
            let moved = share(self.movement.moved(replica));
            json!({ "copy": replica + 1, "moved": moved, "ranges": self.movement.ranges(replica) })
        });
        let flows = self.movement.flows.iter().map(|flow| {
            json!({
                "copy": flow.replica + 1,
                "from": who(self.old, flow.from),
                "to": who(self.new, flow.to),
                "ranges": flow.ranges,
                "share": share(flow.tokens),
            })
        });
        let mut document = json!({
            "old": document(self.old),
            "new": document(self.new),
            "joined": joined,
            "left": left,
            "reweighed": reweighed,
            "elsewhere": moved,
            "copies": copies.collect::<Vec<Value>>(),
            "ideal": self.movement.ideal,
            "sent": share(self.movement.sent),
            "ideal_sent": self.movement.ideal_sent,
            "flows": flows.collect::<Vec<Value>>(),
        });
        if arguments.ranges {
            let ranges = self.movement.moves.iter().map(|one| {
                json!({
                    "copy": one.replica + 1,
                    "after": one.range.after.to_string(),
                    "through": one.range.through.to_string(),
                    "tokens": one.range.tokens(),
                    "from": who(self.old, one.from),
                    "to": who(self.new, one.to),
                })
            });
            document["ranges"] = ranges.collect();
        }
        document
    }
}

fn name(ring: &Ring, slot: Option<Slot>) -> String {
    slot.map_or_else(|| NOBODY.to_string(), |slot| ring.name(slot).to_string())
}

/// Returns names in a line, and how many more there are.
fn listed(names: &[&str]) -> String {
    let first = names.iter().take(ROWS).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(ROWS) {
        0 => first,
        more => format!("{first} and {} more", grouped(more as u64)),
    }
}
