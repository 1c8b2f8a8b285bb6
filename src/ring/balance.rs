//! `delian ring balance`: how evenly nodes share the ring.

use std::fs;

use delian_core::Seed;
use delian_core::ring::{Ring, Shortage, Slot};
use delian_sim::placement::{Bins, Collisions, Evenness, Foretold, NodeList, Sample, copies_borne, plot, share};
use delian_sim::report::human::{grouped, plural};
use serde_json::{Value, json};

use super::arguments::BalanceArguments;
use super::input::{nodes, refuse_idle_rule};
use super::{described, document, weight};
use crate::answer::{Answer, Problem};
use crate::screen::{self, Screen};
use crate::table::{ROWS, Side, Table, percent};

/// How many decimals of what rests on logarithms are told: beyond them platforms may differ.
const ROUNDING: f64 = 1e6;

pub(crate) fn run(arguments: &BalanceArguments) -> Result<Answer, Problem> {
    let list = nodes(&arguments.nodes)?;
    refuse_idle_rule(&arguments.rule, &list.path, &list.ring)?;
    let Some(balance) = Balance::of(arguments, list)? else { return Ok(Answer::No) };
    if let Some(path) = &arguments.plot {
        let svg = plot::distribution(&balance.list.ring, &balance.evenness, balance.foretold.as_ref());
        let cannot = |error| Problem::new(format!("cannot write the plot to {}: {error}", path.display()));
        fs::write(path, svg).map_err(cannot)?;
    }
    let text = if arguments.json { format!("{:#}\n", balance.to_json()) } else { balance.to_text(arguments) };
    screen::say(&text)?;
    Ok(if balance.sample.is_plausible() { Answer::Yes } else { Answer::No })
}

struct Balance {
    list: NodeList,
    shares: Vec<u64>,
    evenness: Evenness,
    foretold: Option<Foretold>,
    /// What each node bears of all copies, and how evenly, if there are several.
    copies: Option<(usize, Vec<u64>, Evenness)>,
    /// What each node serves while some are not eligible.
    served: Option<Vec<u64>>,
    collisions: Collisions,
    sample: Sample,
    seed: u64,
}

impl Balance {
    /// Judges a list; nothing, and a word of complaint, if it has too few nodes for the copies.
    fn of(arguments: &BalanceArguments, list: NodeList) -> Result<Option<Self>, Problem> {
        let ring = &list.ring;
        let shares = ring.shares();
        let copies = match copies(arguments, ring) {
            Ok(copies) => copies,
            Err(shortage) => {
                screen::complain(&shortage.to_string());
                if arguments.json {
                    let document = json!({ "ring": document(ring), "ok": false, "shortage": shortage.to_string() });
                    screen::say(&format!("{document:#}\n"))?;
                }
                return Ok(None);
            }
        };
        Ok(Some(Self {
            evenness: Evenness::of(ring, &shares),
            foretold: Foretold::of(ring),
            copies,
            served: list.served(),
            collisions: Collisions::of(ring),
            sample: Sample::draw(ring, arguments.keys, Seed::new(arguments.seed)),
            seed: arguments.seed,
            shares,
            list,
        }))
    }

    fn to_text(&self, arguments: &BalanceArguments) -> String {
        let ring = &self.list.ring;
        let (eligible, all) = (self.list.eligible.len(), ring.len());
        let away = if eligible == all { String::new() } else { format!("; {eligible} of the nodes may be asked") };
        let bins = Bins::of(&self.evenness.relative).to_text(Screen::of_output().width());
        let drawn = arguments.plot.as_ref().map(|path| format!("The distribution is drawn in {}.\n", path.display()));
        [
            format!("{}{away}\n\n{}", described(ring), self.nodes(arguments.all)),
            format!("\nHow many nodes have which multiple of their fair share\n{bins}"),
            format!("\n{}\n{}\n{}", self.summary(), self.keys(), self.points()),
            drawn.unwrap_or_default(),
        ]
        .concat()
    }

    /// Returns the table of nodes, those with the greatest multiples first; of many the first and the last.
    fn nodes(&self, all: bool) -> String {
        let ring = &self.list.ring;
        let mut slots: Vec<Slot> = ring.slots().collect();
        let relative = |slot: &Slot| self.evenness.relative[slot.index()];
        slots.sort_by(|one, other| relative(other).total_cmp(&relative(one)).then(one.cmp(other)));
        let decimals = if ring.len() <= 1000 { 4 } else { 6 };
        let hidden = if all || slots.len() <= ROWS { 0..0 } else { ROWS / 2..slots.len() - ROWS / 2 };
        let columns = ["node", "weight", "points", "share", "of fair", "keys", "copies", "serves"];
        let side = |column| if column == "node" { Side::Left } else { Side::Right };
        let mut table = Table::new(&columns.map(|column| (column, side(column))));
        let optional = |tokens: Option<u64>| tokens.map_or_else(String::new, |it| percent(share(it), decimals));
        for (number, slot) in slots.iter().enumerate() {
            if number == hidden.start && !hidden.is_empty() {
                table.push(
                    columns.map(|column| if column == "node" { "…".to_string() } else { String::new() }).to_vec(),
                );
            }
            if hidden.contains(&number) {
                continue;
            }
            let index = slot.index();
            table.push(vec![
                ring.name(*slot).to_string(),
                ring.weight(*slot).to_string(),
                grouped(u64::from(ring.points_per_unit().points(ring.weight(*slot)))),
                percent(share(self.shares[index]), decimals),
                format!("{:.3}", relative(slot)),
                grouped(self.sample.hits[index]),
                optional(self.copies.as_ref().map(|(_, borne, _)| borne[index])),
                optional(self.served.as_ref().map(|served| served[index])),
            ]);
        }
        let note = match hidden.len() as u64 {
            0 => String::new(),
            count => format!("{} between them are left out; --all shows them.\n", plural(count, "node")),
        };
        table.to_text() + &note
    }

    fn summary(&self) -> String {
        let columns = ["", "cv", "greatest", "least"];
        let side = |column: &str| if column.is_empty() { Side::Left } else { Side::Right };
        let mut table = Table::new(&columns.map(|column| (column, side(column))));
        let mut row = |label: String, deviation: f64, most: f64, least: f64| {
            table.push(vec![label, format!("{deviation:.4}"), format!("{most:.3}"), format!("{least:.3}")]);
        };
        let Evenness { deviation, most, least, .. } = self.evenness;
        row("this ring".to_string(), deviation, most, least);
        if let Some(Foretold { deviation, most, least }) = self.foretold {
            row("ideal points".to_string(), deviation, most, least);
        }
        if let Some((copies, _, evenness)) = &self.copies {
            row(format!("all {copies} copies"), evenness.deviation, evenness.most, evenness.least);
        }
        table.to_text()
    }

    fn keys(&self) -> String {
        let Sample { keys, statistic, freedom, chance, .. } = &self.sample;
        let sample = format!("{} of seed {}", plural(*keys, "sample key"), self.seed);
        if *freedom == 0 {
            return format!("{sample}: too few, or too few nodes, for a chi-squared test.\n");
        }
        let freedom = format!("{} of freedom", plural(*freedom, "degree"));
        let p = if *chance < 1.0 / ROUNDING { "p < 0.000001".to_string() } else { format!("p = {chance:.6}") };
        let verdict = if self.sample.is_plausible() { "fall" } else { "do NOT fall" };
        format!("{sample} {verdict} as the shares foretell: chi-squared {statistic:.1} with {freedom}, {p}.\n")
    }

    fn points(&self) -> String {
        let Collisions { tokens, pairs, foretold, worst, .. } = &self.collisions;
        let found = match worst {
            None => "No two points collide".to_string(),
            Some((one, other, count)) => {
                let name = |slot: &Slot| self.list.ring.name(*slot);
                let (tokens, pairs) = (plural(*tokens, "token"), plural(*pairs, "pair"));
                format!("{pairs} of points collide, at {tokens}; {} and {} share {count}", name(one), name(other))
            }
        };
        format!("{found}; chance foretells {foretold:.3} pairs.\n")
    }

    fn to_json(&self) -> Value {
        let ring = &self.list.ring;
        let node = |slot: Slot| {
            let index = slot.index();
            json!({
                "name": &**ring.name(slot),
                "weight": weight(u64::from(ring.weight(slot).thousandths())),
                "points": ring.points_per_unit().points(ring.weight(slot)),
                "eligible": self.list.eligible.contains(slot),
                "share": share(self.shares[index]),
                "of_fair": rounded(self.evenness.relative[index]),
                "keys": self.sample.hits[index],
                "copies": self.copies.as_ref().map(|(_, borne, _)| share(borne[index])),
                "serves": self.served.as_ref().map(|served| share(served[index])),
            })
        };
        let bins = Bins::of(&self.evenness.relative);
        let bin = |(begin, end, count): (f64, f64, u64)| json!({ "from": begin, "to": end, "nodes": count });
        let worst = self
            .collisions
            .worst
            .map(|(one, other, count)| json!({ "nodes": [&**ring.name(one), &**ring.name(other)], "tokens": count }));
        json!({
            "ring": document(ring),
            "ok": self.sample.is_plausible(),
            "evenness": figures(self.evenness.deviation, self.evenness.most, self.evenness.least),
            "ideal": self.foretold.map(|it| figures(it.deviation, it.most, it.least)),
            "copies": self.copies.as_ref().map(|(_, _, it)| figures(it.deviation, it.most, it.least)),
            "chi_squared": {
                "keys": self.sample.keys,
                "seed": self.seed,
                "statistic": rounded(self.sample.statistic),
                "degrees_of_freedom": self.sample.freedom,
                "p": rounded(self.sample.chance),
            },
            "collisions": {
                "tokens": self.collisions.tokens,
                "pairs": self.collisions.pairs,
                "waiting_points": self.collisions.waiting,
                "foretold_pairs": rounded(self.collisions.foretold),
                "worst": worst,
            },
            "histogram": bins.iter().map(bin).collect::<Vec<Value>>(),
            "nodes": ring.slots().map(node).collect::<Vec<Value>>(),
        })
    }
}

/// Returns what each node bears of several copies, and how evenly.
fn copies(arguments: &BalanceArguments, ring: &Ring) -> Result<Option<(usize, Vec<u64>, Evenness)>, Shortage> {
    if arguments.replicas == 1 {
        return Ok(None);
    }
    let borne = copies_borne(ring, arguments.replicas, arguments.rule.rule())?;
    let evenness = Evenness::of(ring, &borne);
    Ok(Some((arguments.replicas, borne, evenness)))
}

fn figures(deviation: f64, most: f64, least: f64) -> Value {
    json!({ "cv": rounded(deviation), "max_over_mean": rounded(most), "min_over_mean": rounded(least) })
}

fn rounded(number: f64) -> f64 {
    (number * ROUNDING).round() / ROUNDING
}
