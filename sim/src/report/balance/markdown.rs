//! The comparison as Markdown.

use super::groups::{groups, told};
use super::{Balance, FIRST, READING, SILENT, digits, share};
use crate::queueing::{Study, known, why_it_differs};
use crate::report::push_line;

/// Returns `balance.md`.
pub fn page(balance: &Balance) -> String {
    let mut out = String::from("# Load balancers compared\n\n");
    push_line!(out, "**{}**\n", balance.headline());
    push_line!(out, "{} {READING}", balance.setup());
    for group in groups(balance) {
        push_line!(out, "\n## {}\n", group.heading);
        let names: Vec<&str> = group.columns.iter().map(|column| column.name).collect();
        push_line!(out, "| policy | {} |", names.join(" | "));
        push_line!(out, "|---|{}", "--:|".repeat(names.len()));
        for policy in &balance.findings.study.policies {
            let cells = names.iter().filter_map(|name| balance.findings.cell(policy.name, name)).map(told);
            push_line!(out, "| {} | {} |", policy.name, cells.collect::<Vec<_>>().join(" | "));
        }
    }
    silent(balance, &mut out);
    rules(balance, &mut out);
    beside_the_first(balance, &mut out);
    legend(&balance.findings.study, &mut out);
    out
}

fn silent(balance: &Balance, out: &mut String) {
    push_line!(out, "\n## What a silent server gets of resource-aware\n\n{SILENT}\n");
    out.push_str("| servers | the others | documented: one half | the average of the known |\n|--:|---|--:|--:|\n");
    for dead in &balance.dead_shares {
        let (documented, average) = (share(dead.documented), share(dead.average));
        push_line!(out, "| {} | {} | {documented} | {average} |", dead.servers, dead.others.about());
    }
}

fn rules(balance: &Balance, out: &mut String) {
    if balance.judged.is_empty() {
        return;
    }
    out.push_str("\n## Rules\n\n| | rule | setting | found |\n|---|---|---|---|\n");
    for judged in &balance.judged {
        let word = if judged.holds { "ok" } else { "BROKEN" };
        push_line!(out, "| {word} | {} | {} | {} |", judged.rule, judged.column, judged.facts);
    }
}

fn beside_the_first(balance: &Balance, out: &mut String) {
    let study = &balance.findings.study;
    let is_known = |policy: &str| study.columns.iter().any(|column| known(policy, column.name).is_some());
    let rows: Vec<&str> = study.policies.iter().map(|policy| policy.name).filter(|name| is_known(name)).collect();
    let columns = study.columns.iter().map(|column| column.name);
    let columns: Vec<&str> =
        columns.filter(|column| rows.iter().any(|policy| known(policy, column).is_some())).collect();
    if rows.is_empty() {
        return;
    }
    push_line!(out, "\n## Beside the first experiment\n\n{FIRST}\n");
    push_line!(out, "| policy | {} |", columns.join(" | "));
    push_line!(out, "|---|{}", "--:|".repeat(columns.len()));
    for policy in &rows {
        let cells = columns.iter().map(|column| match (balance.findings.cell(policy, column), known(policy, column)) {
            (Some(cell), Some(known)) => {
                let off = 100.0 * (cell.mean.mean / known.mean - 1.0);
                format!("{} ({}, {off:+.0} %)", digits(cell.mean.mean), digits_of_known(known.mean))
            }
            (Some(_) | None, Some(_) | None) => "–".to_owned(),
        });
        push_line!(out, "| {policy} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    differences(&rows, &columns, out);
}

/// Says why cells differ that are known to.
fn differences(rows: &[&str], columns: &[&str], out: &mut String) {
    let cells = rows.iter().flat_map(|policy| columns.iter().map(move |column| (*policy, *column)));
    let told: Vec<(&str, &str, &str)> =
        cells.filter_map(|(policy, column)| Some((policy, column, why_it_differs(policy, column)?))).collect();
    if told.is_empty() {
        return;
    }
    out.push_str("\nWhere it is known to differ:\n\n");
    for (policy, column, why) in told {
        push_line!(out, "- {policy} in {column}: {why}");
    }
}

fn digits_of_known(mean: f64) -> String {
    if mean < 100.0 { format!("{mean:.1}") } else { digits(mean) }
}

fn legend(study: &Study, out: &mut String) {
    out.push_str("\n## Policies\n\n");
    for policy in &study.policies {
        push_line!(out, "- {}: {}", policy.name, policy.about);
    }
    out.push_str("\n## Settings\n\n");
    for column in &study.columns {
        push_line!(out, "- {}: {}", column.name, column.about);
    }
}
