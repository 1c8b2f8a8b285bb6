//! What is asked of the ring and the balancers, and whether it is so.

use std::fmt::Write;

use crate::bench::ring::cells::{JOIN_NODES, KEY_BYTES, PICK_NODES, RING_NODES, Work};
use crate::bench::ring::table::Report;
use crate::bench::spread::Spread;

/// From how many nodes on a batch and the memory of points are judged: smaller rings fit any cache.
const LARGE_FROM: u32 = 1_000;

/// By how much a pick among the most nodes may be slower than one among the fewest, to be independent of their number.
const GROWTH_MAX: f64 = 1.25;

/// Why some of it is out of reach, for whoever reads that it is not met.
const BOUNDS: &str = "\
Where more is asked than was reached, this bounds it. A ring of 100 nodes fits a cache, so its limit is the hash and little more, \
and the two reads of an owner, an index and then its point, wait for each other; the limit waits for one. Of three \
replicas among ten nodes every fourth lookup meets a node again, and whether it does cannot be foretold; reading ahead \
without a guess, as is done below 32 nodes, costs more than the limit allows. A whole weighted decision reads the weight, \
the name and the seat of whom the draw hit, and writes an answer that says all of it and why.";

/// One number of ours, with what it must be at most.
struct Goal {
    what: String,
    ours: Option<Spread>,
    unit: &'static str,
    most: f64,
}

impl Report {
    pub(crate) fn write_asked(&self, out: &mut String) {
        out.push_str("## Asked\n\n| what | asked at most | Delian | |\n|---|---:|---:|---|\n");
        for Goal { what, ours, unit, most } in self.goals() {
            // What is told is judged: two digits.
            let is_met = ours.map(|ours| (ours.median * 100.0).round() <= most * 100.0);
            let verdict = match is_met {
                None => "not measured",
                Some(true) => "met",
                Some(false) => "**missed**",
            };
            let ours = ours.map_or_else(String::new, |ours| ours.to_string());
            let _ = writeln!(out, "| {what} | {most}{unit} | {ours} | {verdict} |");
        }
        let _ = writeln!(out, "\n{BOUNDS}\n");
    }

    fn goals(&self) -> Vec<Goal> {
        let mut goals = Vec::new();
        for key in KEY_BYTES {
            for nodes in RING_NODES {
                let most = if nodes > LARGE_FROM { 2.7 } else { 2.2 };
                let ours = self.ratio(Work::Owner { key }, nodes, "delian");
                goals.push(goal(format!("owner, {nodes} nodes, keys of {key} bytes"), ours, " × limit", most));
            }
        }
        for key in KEY_BYTES {
            for nodes in RING_NODES.into_iter().filter(|nodes| *nodes >= LARGE_FROM) {
                let ours = self.ratio(Work::Owner { key }, nodes, "batch");
                let what = format!("owners of a batch of 16, {nodes} nodes, keys of {key} bytes");
                goals.push(goal(what, ours, " × limit", 1.1));
            }
        }
        for nodes in RING_NODES {
            let ours = self.ratio(Work::Replicas, nodes, "delian");
            goals.push(goal(format!("three replicas, {nodes} nodes"), ours, " × limit", 3.1));
        }
        let join = self.cell(Work::Join, JOIN_NODES).and_then(|cell| cell.cost("best-delian"));
        let microseconds = join.map(|join| join.times(1e-6));
        goals.push(goal(format!("join of {JOIN_NODES} nodes, with the index"), microseconds, " µs", 230.0));
        for nodes in RING_NODES.into_iter().filter(|nodes| *nodes >= LARGE_FROM) {
            let bytes = self.cell(Work::Memory, nodes).and_then(|cell| cell.cost("delian"));
            let bytes = bytes.map(|bytes| bytes.times(1e-3));
            goals.push(goal(format!("bytes of a point, with the index, {nodes} nodes"), bytes, "", 6.0));
        }
        goals.extend(self.goals_of_picks("weighted pick, the draw", Work::Weighted, "draw", 6.0));
        goals.extend(self.goals_of_picks("weighted pick, the whole decision", Work::Weighted, "delian", 6.0));
        goals.extend(self.goals_of_picks("PeakEWMA pick, the whole decision", Work::Ewma, "delian", 25.0));
        goals
    }

    fn goals_of_picks(&self, what: &str, work: Work, contender: &str, most: f64) -> Vec<Goal> {
        let nanos = |nodes| self.cell(work, nodes).and_then(|cell| cell.best_nanos(contender));
        let mut goals: Vec<Goal> =
            PICK_NODES.map(|nodes| goal(format!("{what}, {nodes} nodes"), nanos(nodes), " ns", most)).into();
        let [fewest, .., largest] = PICK_NODES;
        let growth = nanos(fewest).zip(nanos(largest)).map(|(few, many)| many.times(1.0 / few.median));
        goals.push(goal(format!("{what}: {largest} nodes over {fewest}"), growth, "", GROWTH_MAX));
        goals
    }

    fn ratio(&self, work: Work, nodes: u32, contender: &str) -> Option<Spread> {
        self.cell(work, nodes)?.ratio(contender)
    }
}

fn goal(what: String, ours: Option<Spread>, unit: &'static str, most: f64) -> Goal {
    Goal { what, ours, unit, most }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::ring::cells::Cell;

    fn asked(cells: Vec<Cell>) -> String {
        let mut out = String::new();
        Report { cells, ..Report::default() }.write_asked(&mut out);
        out
    }

    #[test]
    fn a_goal_is_judged_by_the_median_as_it_is_told() {
        let said = |median: u32| format!("of-delian={median}");
        for (median, verdict) in [(3_104, "3.10 (2.90–3.50) | met"), (3_106, "3.11 (2.90–3.50) | **missed**")] {
            let text =
                asked(vec![Cell::sample(Work::Replicas, 10, &[&said(median), "of-delian=2900", "of-delian=3500"])]);
            assert!(text.contains(&format!("| three replicas, 10 nodes | 3.1 × limit | {verdict} |\n")), "{text}");
        }
    }

    #[test]
    fn what_was_not_measured_is_neither_met_nor_missed() {
        let text = asked(Vec::new());
        assert!(text.contains("| three replicas, 100 nodes | 3.1 × limit |  | not measured |\n"), "{text}");
        assert!(!text.contains(" met |") && !text.contains("missed"), "{text}");
    }

    #[test]
    fn a_pick_that_grows_with_the_nodes_is_told() {
        let cells = [(10, "best-draw=4000"), (1_000, "best-draw=5200")]
            .map(|(nodes, said)| Cell::sample(Work::Weighted, nodes, &[said]));
        let text = asked(cells.into());
        assert!(text.contains("the draw: 1000 nodes over 10 | 1.25 | 1.30 (1.30–1.30) | **missed** |\n"), "{text}");
    }
}
