//! What came of scenarios in another world, beside discrete events: for people and for programs.

use delian_sim::report::human::{plural, span};
use delian_sim::worlds::WorldKind;
use serde_json::{Value, json};

use super::{LeftOut, Verdict};
use crate::screen::{Screen, row};

/// How wide the names of facts are.
const FACT_WIDTH: usize = 44;

/// Returns the table as text.
pub(super) fn text(verdicts: &[Verdict], left_out: &[LeftOut], screen: Screen) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        let word = if verdict.is_good() { screen.good("ok") } else { screen.bad("FAILED") };
        text.extend([format!("{word}  {}  {}\n", screen.strong(&verdict.scenario.name), span(verdict.took))]);
        for it in &verdict.rows {
            let mark = if it.agrees { "  " } else { "≠ " };
            let values = if it.des == it.other { it.des.clone() } else { format!("des {}; here {}", it.des, it.other) };
            let label = format!("  {mark}{}", it.fact);
            text.push_str(&row(&label, FACT_WIDTH, &values, screen.width()));
        }
        for broken in &verdict.facts.broken {
            text.push_str(&row("  broken", FACT_WIDTH, broken, screen.width()));
        }
    }
    for LeftOut { name, why } in left_out {
        text.extend([format!("left out  {name}: {why}\n")]);
    }
    let good = verdicts.iter().filter(|verdict| verdict.is_good()).count();
    text.extend([format!("{} of {} hold and agree.\n", good, plural(verdicts.len() as u64, "scenario"))]);
    text
}

/// Returns the table as a page of Markdown.
pub(super) fn markdown(world: WorldKind, verdicts: &[Verdict], left_out: &[LeftOut]) -> String {
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    let mut text = format!(
        "# Agreement of worlds\n\nWhat scenarios came to with discrete events over many seeds, and in the world `{world}`. \
         A value agrees if some seed came to it, too; ≠ marks what does not. Numbers in brackets are runs.\n"
    );
    for verdict in verdicts {
        let ended = if verdict.is_good() { "ok" } else { "FAILED" };
        let (name, about) = (&verdict.scenario.name, &verdict.scenario.about);
        text.extend([format!("\n## {name}\n\n{about} {ended}, {}.\n\n", span(verdict.took))]);
        text.extend([format!("| fact | des | {world} | |\n|---|---|---|---|\n")]);
        for it in &verdict.rows {
            let mark = if it.agrees { "" } else { "≠" };
            text.extend([format!("| {} | {} | {} | {mark} |\n", cell(&it.fact), cell(&it.des), cell(&it.other))]);
        }
        for broken in &verdict.facts.broken {
            text.extend([format!("\n- {broken}\n")]);
        }
    }
    if !left_out.is_empty() {
        text.push_str("\n## Left out\n\n");
        for LeftOut { name, why } in left_out {
            text.extend([format!("- {name}: {why}\n")]);
        }
    }
    text
}

/// Returns the table as one document.
pub(super) fn document(
    world: WorldKind,
    verdicts: &[Verdict],
    left_out: &[LeftOut],
    wall_seconds: f64,
    cpu_seconds: f64,
) -> Value {
    let scenarios: Vec<Value> = verdicts
        .iter()
        .map(|verdict| {
            let counts: serde_json::Map<String, Value> =
                verdict.facts.counts.iter().map(|(fact, count)| (fact.to_string(), json!(count))).collect();
            json!({
                "name": verdict.scenario.name,
                "path": verdict.scenario.path,
                "ok": verdict.is_good(),
                "seconds": verdict.took.as_secs_f64(),
                "broken": verdict.facts.broken,
                "agreement": verdict.rows,
                "counts": counts,
            })
        })
        .collect();
    let left_out: Vec<Value> = left_out.iter().map(|it| json!({ "name": it.name, "why": it.why })).collect();
    json!({
        "world": world.name(),
        "ok": verdicts.iter().all(Verdict::is_good),
        "scenarios": scenarios,
        "left_out": left_out,
        "wall_seconds": wall_seconds,
        "cpu_seconds": cpu_seconds,
    })
}
