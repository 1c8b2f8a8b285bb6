//! What came of scenarios in other worlds, beside discrete events: for people and for programs.

use std::time::Duration;

use delian_sim::report::human::{grouped, plural, span};
use delian_sim::scenario::Scenario;
use serde_json::{Value, json};

use super::{Found, LeftOut, Pace, Verdict};
use crate::screen::{Screen, row};

/// How wide the names of facts are.
const FACT_WIDTH: usize = 44;

impl Pace {
    /// Returns how many seconds of a scenario pass in a second of one core.
    fn speed(&self) -> f64 {
        self.told.as_secs_f64() / self.cpu_seconds.max(1e-3)
    }

    fn speed_text(&self) -> String {
        let whole = self.told.as_millis() / Duration::from_secs_f64(self.cpu_seconds.max(1e-3)).as_millis();
        if whole < 100 { format!("{:.1}", self.speed()) } else { grouped(whole as u64) }
    }
}

/// Returns the table as text.
pub(super) fn text(found: &Found, screen: Screen) -> String {
    let mut text = String::new();
    for verdict in &found.verdicts {
        let word = if verdict.is_good() { screen.good(ended(verdict)) } else { screen.bad(ended(verdict)) };
        text.extend([format!("{word}  {}\n", screen.strong(&verdict.scenario.name))]);
        for it in &verdict.rows {
            let mark = if it.agrees() { "  " } else { "≠ " };
            let others = it.others.iter().filter(|cell| cell.value != it.des || !cell.agrees);
            let others: Vec<String> = others.map(|cell| format!("{} {}", cell.world, cell.value)).collect();
            let values = match others.as_slice() {
                [] => it.des.clone(),
                others => format!("des {}; {}", it.des, others.join("; ")),
            };
            text.push_str(&row(&format!("  {mark}{}", it.fact), FACT_WIDTH, &values, screen.width()));
            if let Some(why) = it.explanation() {
                text.push_str(&row("      differs, because", FACT_WIDTH, why, screen.width()));
            }
        }
        for (world, facts) in verdict.unjudged() {
            text.push_str(&row(&format!("  not counted in {world}"), FACT_WIDTH, &facts.join(", "), screen.width()));
        }
        for (world, broken) in verdict.broken() {
            text.push_str(&row(&format!("  broken in {world}"), FACT_WIDTH, broken, screen.width()));
        }
    }
    text.extend(
        found.left_out.iter().map(|LeftOut { name, world, why }| format!("left out of {world}  {name}: {why}\n")),
    );
    if found.passed_over > 0 {
        text.extend([format!("{} that say nothing of worlds.\n", plural(found.passed_over, "other scenario"))]);
    }
    for pace in &found.paces {
        let speed = pace.speed_text();
        let runs = plural(pace.runs, "run");
        let took =
            format!("{runs}, {} of the scenarios in {}, {speed} in a CPU second", span(pace.told), span(pace.wall));
        text.push_str(&row(pace.world.name(), FACT_WIDTH, &took, screen.width()));
    }
    let good = found.verdicts.iter().filter(|verdict| verdict.is_good()).count();
    text.extend([format!(
        "{} of {} without a broken promise or a difference.\n",
        good,
        plural(found.verdicts.len() as u64, "scenario")
    )]);
    text
}

/// Returns the table as a page of Markdown.
pub(super) fn markdown(found: &Found) -> String {
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    let mut text =
        "# Agreement of worlds\n\nWhat scenarios came to with discrete events, and in other worlds. A value agrees \
                    if some seed of discrete events came to it, too; ≠ marks what does not, and where a \
                    scenario says why it need not, that stands there. Numbers in brackets are runs.\n"
            .to_string();
    text.push_str(
        "\n## Speed\n\n| world | runs | simulated | CPU | simulated seconds in a CPU second |\n|---|---|---|---|---|\n",
    );
    for pace in &found.paces {
        let (runs, told) = (grouped(pace.runs), span(pace.told));
        let (cpu, speed) = (pace.cpu_seconds, pace.speed_text());
        text.extend([format!("| {} | {runs} | {told} | {cpu:.1} s | {speed} |\n", pace.world)]);
    }
    for verdict in &found.verdicts {
        let Scenario { name, about, .. } = &*verdict.scenario;
        text.extend([format!("\n## {name}\n\n{about} {}.\n\n", ended(verdict))]);
        let worlds: Vec<&str> = verdict.elsewhere.iter().map(|it| it.world.name()).collect();
        text.extend([format!(
            "| fact | des | {} | |\n|---|---|{}---|\n",
            worlds.join(" | "),
            "---|".repeat(worlds.len())
        )]);
        for it in &verdict.rows {
            let mark = cell(it.explanation().unwrap_or(if it.agrees() { "" } else { "≠" }));
            let others: Vec<String> = it.others.iter().map(|other| cell(&other.value)).collect();
            text.extend([format!("| {} | {} | {} | {mark} |\n", cell(&it.fact), cell(&it.des), others.join(" | "))]);
        }
        let unjudged = verdict.unjudged();
        text.extend(unjudged.map(|(world, facts)| format!("\n- {world} does not count {}\n", facts.join(", "))));
        text.extend(verdict.broken().map(|(world, broken)| format!("\n- {world}: {}\n", cell(broken))));
    }
    if !found.left_out.is_empty() {
        text.push_str("\n## Left out\n\n");
        text.extend(found.left_out.iter().map(|LeftOut { name, world, why }| format!("- {name}, in {world}: {why}\n")));
    }
    text
}

/// Returns the table as one document.
pub(super) fn document(found: &Found, wall_seconds: f64, cpu_seconds: f64) -> Value {
    let left_out = |it: &LeftOut| json!({ "name": it.name, "world": it.world, "why": it.why });
    let pace = |pace: &Pace| {
        json!({
            "world": pace.world, "runs": pace.runs, "simulated_seconds": pace.told.as_secs_f64(),
            "cpu_seconds": pace.cpu_seconds, "wall_seconds": pace.wall.as_secs_f64(), "speed": pace.speed(),
        })
    };
    json!({
        "ok": found.verdicts.iter().all(Verdict::is_good),
        "scenarios": found.verdicts.iter().map(scenario).collect::<Vec<_>>(),
        "left_out": found.left_out.iter().map(left_out).collect::<Vec<_>>(),
        "passed_over": found.passed_over,
        "speed": found.paces.iter().map(pace).collect::<Vec<_>>(),
        "wall_seconds": wall_seconds,
        "cpu_seconds": cpu_seconds,
    })
}

/// Returns how a scenario ended, in a word.
fn ended(verdict: &Verdict) -> &'static str {
    match (verdict.is_good(), verdict.elsewhere.is_empty()) {
        (true, _) => "ok",
        (false, true) => "NOT RUN",
        (false, false) => "FAILED",
    }
}

fn scenario(verdict: &Verdict) -> Value {
    let runs = verdict.elsewhere.iter().map(|it| {
        let counts = |(place, runs): (usize, &delian_sim::worlds::Facts)| {
            let counts: serde_json::Map<String, Value> =
                runs.counts.iter().map(|(fact, count)| (fact.to_string(), json!(count))).collect();
            json!({ "run": place, "broken": runs.broken, "counts": counts })
        };
        json!({ "world": it.world, "runs": it.runs.iter().enumerate().map(counts).collect::<Vec<_>>() })
    });
    let agreement = verdict.rows.iter().map(|row| {
        json!({
            "fact": row.fact, "des": row.des, "others": row.others, "agrees": row.agrees(),
            "explanation": row.explanation(),
        })
    });
    let unjudged = verdict.unjudged().map(|(world, facts)| json!({ "world": world, "facts": facts }));
    let broken = verdict.broken().map(|(world, broken)| json!({ "world": world, "what": broken }));
    json!({
        "name": verdict.scenario.name,
        "path": verdict.scenario.path,
        "ok": verdict.is_good(),
        "broken": broken.collect::<Vec<_>>(),
        "unjudged": unjudged.collect::<Vec<_>>(),
        "agreement": agreement.collect::<Vec<_>>(),
        "worlds": runs.collect::<Vec<_>>(),
    })
}
