//! `delian replay`: one run, told in full.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use delian_sim::outcome::{Counts, Outcome};
use delian_sim::plan::{Fork, Plan};
use delian_sim::report::human::{grouped, plural, span};
use delian_sim::report::{Report, Suite};
use delian_sim::run::{digest_embedder, run_plan, run_traced};
use delian_sim::trace::{Line, Tracer};
use serde_json::{Value, json};

use crate::answer::{Answer, Problem};
use crate::cli::ReplayArguments;
use crate::load;
use crate::screen::{self, FIRM_SPACE, Screen};

/// Stands for standard output where a file could be named.
const OUTPUT: &str = "-";

const LABEL_WIDTH: usize = 9;

pub(crate) fn run(arguments: &ReplayArguments) -> Result<Answer, Problem> {
    let (scenario, seed) = load::run(&arguments.run)?;
    let plan = Arc::new(Plan::draw(&scenario, seed));
    // Without --trace the last lines are for standard output.
    let trace = arguments.trace.as_deref().or(arguments.last.map(|_| Path::new(OUTPUT)));
    if let Some(target) = trace {
        let tracer = arguments.last.map_or(Tracer::All(Vec::new()), |last| Tracer::last(last.get()));
        let (_, lines) = run_traced(&plan, &digest_embedder(), tracer);
        let line = if arguments.json { Line::to_json } else { |line: &Line| line.to_string() };
        write_trace(target, lines.iter().map(line))?;
    }

    let outcome = run_plan(&plan, &digest_embedder());
    let answer = if outcome.violation.is_none() { Answer::Yes } else { Answer::No };
    if trace == Some(Path::new(OUTPUT)) {
        screen::complain(story(&plan, outcome, Screen::of_error()).trim_end());
    } else if arguments.json {
        screen::say(&format!("{:#}\n", document(&plan, &outcome)))?;
    } else {
        screen::say(&story(&plan, outcome, Screen::of_output()))?;
    }
    Ok(answer)
}

fn write_trace(target: &Path, lines: impl Iterator<Item = String>) -> Result<(), Problem> {
    let broken = |error: io::Error| Problem::new(format!("cannot write the trace to {}: {error}", target.display()));
    let mut output: Box<dyn Write> = if target == Path::new(OUTPUT) {
        Box::new(BufWriter::new(io::stdout().lock()))
    } else {
        Box::new(BufWriter::new(File::create(target).map_err(broken)?))
    };
    let write = || -> io::Result<()> {
        for line in lines {
            writeln!(output, "{line}")?;
        }
        output.flush()
    };
    screen::forgive(write()).map_err(broken)
}

/// Tells a run to people.
fn story(plan: &Plan, outcome: Outcome, screen: Screen) -> String {
    let scenario = &plan.scenario;
    let width = screen.width();
    let mut text = format!("{}\n", screen.strong(&format!("{}  seed {}", scenario.name, plan.seed)));
    let mut row = |label: &str, row: &str| text.push_str(&screen::row(label, LABEL_WIDTH, row, width));
    row("must hold", &scenario.about);
    let cluster = &scenario.cluster;
    row(
        "cluster",
        &format!("{}, {}", plural(cluster.voters.into(), "voter"), plural(cluster.learners.into(), "learner")),
    );
    if scenario.swarm.is_some() {
        let families: Vec<String> =
            plan.families.iter().map(|(family, strength)| format!("{} {strength}", family.name())).collect();
        row("drawn", &format!("{} (family and strength, 1 to 4)", families.join(", ")));
    }
    if !plan.forks.is_empty() {
        let forks: Vec<String> = plan.forks.iter().map(Fork::to_string).collect();
        row("forked", &forks.join(", "));
    }
    let healed: Vec<String> = plan.healed.iter().map(|process| format!("n{process}")).collect();
    row(
        "plan",
        &format!(
            "{} and {} in {}, then {} made whole",
            plural(plan.steps.len() as u64, "fault"),
            plural(plan.operations.len() as u64, "operation"),
            span(scenario.chaos),
            healed.join(" ")
        ),
    );
    row(
        "ran",
        &format!(
            "{} of virtual time, {} events, fingerprint {:016x}",
            span(outcome.virtual_time),
            grouped(outcome.events),
            outcome.fingerprint
        ),
    );
    row("injected", &counted(&outcome.counts, |fact| fact.strip_prefix("fault.")));
    row("happened", &counted(&outcome.counts, |fact| (!fact.starts_with("fault.")).then_some(fact)));
    if let Some(settled_after) = outcome.settled_after {
        row("recovered", &format!("{} after the faults stopped", span(settled_after)));
    }
    let failed = outcome.violation.is_some();
    let mut suite = Suite::new(scenario);
    suite.add_replayed(outcome, &plan.forks);
    text.push_str(&Report::new(vec![suite]).failures_to_terminal(width, screen.color));
    let verdict = if failed { screen.bad("An invariant is broken.") } else { screen.good("Every invariant held.") };
    format!("{text}\n{verdict}\n")
}

/// Lists what was counted at all.
fn counted<'a>(counts: &'a Counts, name: impl Fn(&'static str) -> Option<&'static str> + 'a) -> String {
    let some = counts.iter().filter(|(_, count)| *count > 0);
    let entries: Vec<String> =
        some.filter_map(|(fact, count)| Some(format!("{}{FIRM_SPACE}{}", name(fact)?, grouped(count)))).collect();
    if entries.is_empty() { "nothing".to_string() } else { entries.join(", ") }
}

/// Tells a run to programs.
fn document(plan: &Plan, outcome: &Outcome) -> Value {
    let families: BTreeMap<&str, u8> =
        plan.families.iter().map(|(family, strength)| (family.name(), *strength)).collect();
    let violation = outcome.violation.as_ref().map(|violation| {
        json!({
            "invariant": violation.invariant,
            "at_ns": violation.at.as_nanos(),
            "sentence": violation.sentence,
            "facts": violation.facts,
            "trace": violation.tail,
        })
    });
    json!({
        "ok": outcome.violation.is_none(),
        "name": plan.scenario.name,
        "path": plan.scenario.path,
        "seed": plan.seed,
        "forks": plan.forks.iter().map(Fork::to_string).collect::<Vec<_>>(),
        "families": families,
        "faults": plan.steps.len(),
        "operations": plan.operations.len(),
        "healed": plan.healed,
        "virtual_seconds": outcome.virtual_time.as_secs_f64(),
        "events": outcome.events,
        "fingerprint": format!("{:016x}", outcome.fingerprint),
        "settled_after_ns": outcome.settled_after.map(|span| span.as_nanos() as u64),
        "counts": outcome.counts.iter().collect::<BTreeMap<_, _>>(),
        "violation": violation,
    })
}
