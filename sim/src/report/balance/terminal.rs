//! The comparison for a terminal.

use super::groups::{groups, told};
use super::{Balance, share};
use crate::queueing::Sickness;
use crate::report::{push, push_line};

/// Returns the tables, what is broken, and the verdict.
pub fn screen(balance: &Balance) -> String {
    let mut out = String::new();
    let study = &balance.findings.study;
    let label = study.policies.iter().map(|policy| policy.name.len()).max().unwrap_or(0);
    for group in groups(balance) {
        // Sick settings say more in a cell: two of them stand side by side, and three of the others.
        let is_wide =
            group.columns.iter().any(|column| matches!(column.sickness, Sickness::Failing(_) | Sickness::Dying(_)));
        for columns in group.columns.chunks(if is_wide { 2 } else { 3 }) {
            let rows: Vec<Vec<String>> = std::iter::once(columns.iter().map(|column| column.name.to_owned()).collect())
                .chain(study.policies.iter().map(|policy| {
                    let cells = columns.iter().filter_map(|column| balance.findings.cell(policy.name, column.name));
                    cells.map(told).collect()
                }))
                .collect();
            let width = rows.iter().flatten().map(|cell| cell.chars().count()).max().unwrap_or(0);
            let labels = std::iter::once("").chain(study.policies.iter().map(|policy| policy.name));
            for (name, cells) in labels.zip(&rows) {
                push!(out, "{name:<label$}");
                for cell in cells {
                    push!(out, "  {cell:>width$}");
                }
                push_line!(out);
            }
            push_line!(out);
        }
    }
    push_line!(out, "share of one silent server, by the documented rules and where it scores the average");
    for dead in &balance.dead_shares {
        let (servers, others) = (dead.servers, dead.others.about());
        push_line!(out, "  {servers:>5} servers, {others:<20}{:>9}{:>9}", share(dead.documented), share(dead.average));
    }
    push_line!(out);
    for judged in balance.judged.iter().filter(|judged| !judged.holds) {
        push_line!(out, "BROKEN in {}: {}\n  {}", judged.column, judged.rule, judged.facts);
    }
    push_line!(out, "{}", balance.headline());
    out
}
