//! `delian replay`: one run, told in full.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use delian_sim::outcome::{Counts, Outcome};
use delian_sim::plan::{Fork, Plan};
use delian_sim::pool::plan::PoolPlan;
use delian_sim::report::human::{grouped, plural, span};
use delian_sim::report::{Report, Suite};
use delian_sim::story::Script;
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
    let script = scenario.script(seed);
    // Without --trace the last lines are for standard output.
    let trace = arguments.trace.as_deref().or(arguments.last.map(|_| Path::new(OUTPUT)));
    if let Some(target) = trace {
        let tracer = arguments.last.map_or(Tracer::All(Vec::new()), |last| Tracer::last(last.get()));
        let (_, lines) = script.run_traced(tracer);
        let line = if arguments.json { Line::to_json } else { |line: &Line| line.to_string() };
        write_trace(target, lines.iter().map(line))?;
    }

    let outcome = script.run();
    let answer = if outcome.violation.is_none() { Answer::Yes } else { Answer::No };
    if trace == Some(Path::new(OUTPUT)) {
        screen::complain(story(&script, outcome, Screen::of_error()).trim_end());
    } else if arguments.json {
        screen::say(&format!("{:#}\n", document(&script, &outcome)))?;
    } else {
        screen::say(&story(&script, outcome, Screen::of_output()))?;
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
fn story(script: &Script, outcome: Outcome, screen: Screen) -> String {
    let title = script.title();
    let width = screen.width();
    let mut text = format!("{}\n", screen.strong(&format!("{}  seed {}", title.name, script.seed())));
    let mut row = |label: &str, row: &str| text.push_str(&screen::row(label, LABEL_WIDTH, row, width));
    row("must hold", title.about);
    match script {
        Script::Cluster(plan) => tell_cluster(plan, &mut row),
        Script::Pool(plan) => tell_pool(plan, &mut row),
    }
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
    let mut suite = Suite::new(title);
    suite.add_replayed(outcome, script.forks());
    text.push_str(&Report::new(vec![suite]).failures_to_terminal(width, screen.color));
    let verdict = if failed { screen.bad("An invariant is broken.") } else { screen.good("Every invariant held.") };
    format!("{text}\n{verdict}\n")
}

fn tell_cluster(plan: &Plan, row: &mut dyn FnMut(&str, &str)) {
    let scenario = &plan.scenario;
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
}

fn tell_pool(plan: &PoolPlan, row: &mut dyn FnMut(&str, &str)) {
    let scenario = &plan.scenario;
    let population = &scenario.population;
    let strangers = if population.strangers > 0 {
        format!(", and {} of another pool", population.strangers)
    } else {
        String::new()
    };
    row("pool", &format!("{}{strangers}", plural(population.members.into(), "member")));
    row("plan", &format!("{} in {}", plural(plan.steps.len() as u64, "fault"), span(scenario.chaos)));
}

/// Lists what was counted at all.
fn counted<'a>(counts: &'a Counts, name: impl Fn(&'static str) -> Option<&'static str> + 'a) -> String {
    let some = counts.iter().filter(|(_, count)| *count > 0);
    let entries: Vec<String> =
        some.filter_map(|(fact, count)| Some(format!("{}{FIRM_SPACE}{}", name(fact)?, grouped(count)))).collect();
    if entries.is_empty() { "nothing".to_string() } else { entries.join(", ") }
}

/// Tells a run to programs.
fn document(script: &Script, outcome: &Outcome) -> Value {
    let [(_, faults), (_, operations), _] = script.sizes();
    let (families, healed) = match script {
        Script::Cluster(plan) => (plan.families.clone(), plan.healed.clone()),
        Script::Pool(_) => (BTreeMap::new(), BTreeSet::new()),
    };
    let families: BTreeMap<&str, u8> = families.iter().map(|(family, strength)| (family.name(), *strength)).collect();
    let title = script.title();
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
        "name": title.name,
        "path": title.path,
        "seed": script.seed(),
        "forks": script.forks().iter().map(Fork::to_string).collect::<Vec<_>>(),
        "families": families,
        "faults": faults,
        "operations": operations,
        "healed": healed,
        "virtual_seconds": outcome.virtual_time.as_secs_f64(),
        "events": outcome.events,
        "fingerprint": format!("{:016x}", outcome.fingerprint),
        "settled_after_ns": outcome.settled_after.map(|span| span.as_nanos() as u64),
        "counts": outcome.counts.iter().collect::<BTreeMap<_, _>>(),
        "violation": violation,
    })
}
