//! `delian balance`: policies in settings, the verdict, the reports.

use std::fs;

use delian_sim::queueing::{COLUMNS, Column, POLICIES, Policy, Settings, Study};
use delian_sim::report::balance::{Balance, to_json, to_terminal};
use serde_json::json;

use crate::answer::{Answer, Problem};
use crate::cli::{BalanceArguments, cores};
use crate::progress::Bar;
use crate::screen::{self, Screen};

/// How many seeds of each policy in each setting.
const SEEDS: u64 = 5;
/// How many with `--quick`, and of how many requests.
const QUICK: (u64, u64) = (3, 100_000);

pub(crate) fn run(arguments: &BalanceArguments) -> Result<Answer, Problem> {
    let study = study(arguments)?;
    if arguments.list {
        return list(&study, arguments.json);
    }
    let directory = &arguments.report;
    // Before the runs, so that nobody waits for minutes to learn of a mistyped directory.
    fs::create_dir_all(directory)
        .map_err(|error| Problem::new(format!("cannot write the report to {}: {error}", directory.display())))?;
    let jobs = arguments.jobs.unwrap_or_else(cores);
    let bar = Bar::of_comparisons();
    let findings = study.run(jobs, &|done, total| bar.tell_comparisons(done, total));
    drop(bar);
    let balance = Balance::new(findings);
    let written = balance.write(directory);
    if arguments.json {
        screen::say(&format!("{:#}\n", to_json(&balance)))?;
    } else {
        let mut text = to_terminal(&balance);
        if written.is_ok() {
            let seen = format!("See {}, balance.html and balance.json.\n", directory.join("balance.md").display());
            text.push_str(&seen);
        }
        screen::say(&text)?;
    }
    written.map_err(|error| Problem::new(error.to_string()))?;
    Ok(if balance.ok() { Answer::Yes } else { Answer::No })
}

/// Returns what is asked for.
fn study(arguments: &BalanceArguments) -> Result<Study, Problem> {
    let mut settings = Settings { service: arguments.service_time, ..Settings::default() };
    let quick = arguments.quick.then_some(QUICK);
    settings.arrivals = arguments.arrivals.or(quick.map(|(_, arrivals)| arrivals)).unwrap_or(settings.arrivals);
    if let Some(decay) = arguments.decay {
        settings.choices.decay = decay;
        settings.check().map_err(|error| Problem::new(format!("`--decay` {}", error.problem)))?;
    }
    let policies: Vec<(&str, Policy)> = POLICIES.into_iter().map(|policy| (policy.name, policy)).collect();
    let columns: Vec<(&str, Column)> = COLUMNS.into_iter().map(|column| (column.name, column)).collect();
    Ok(Study {
        policies: chosen("policy", &arguments.policies, &policies)?,
        columns: chosen("setting", &arguments.columns, &columns)?,
        seeds: arguments.seeds.or(quick.map(|(seeds, _)| seeds)).unwrap_or(SEEDS),
        settings,
    })
}

/// Returns those that are named, in the order of the table; all if none is.
fn chosen<T: Copy>(what: &str, names: &[String], all: &[(&str, T)]) -> Result<Vec<T>, Problem> {
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|(known, _)| known != name)) {
        let known: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        return Err(Problem::new(format!("there is no {what} `{unknown}`; there are {}", known.join(", "))));
    }
    let is_chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
    Ok(all.iter().filter(|(name, _)| is_chosen(name)).map(|(_, item)| *item).collect())
}

fn list(study: &Study, as_json: bool) -> Result<Answer, Problem> {
    let policies = study.policies.iter().map(|policy| (policy.name, policy.about));
    let columns = study.columns.iter().map(|column| (column.name, column.about));
    if as_json {
        let row = |(name, about)| json!({"name": name, "about": about});
        let policies: Vec<_> = policies.map(row).collect();
        let columns: Vec<_> = columns.map(row).collect();
        screen::say(&format!("{:#}\n", json!({"policies": policies, "columns": columns})))?;
        return Ok(Answer::Yes);
    }
    let label = policies.clone().chain(columns.clone()).map(|(name, _)| name.len()).max().unwrap_or(0);
    let width = Screen::of_output().columns.unwrap_or(usize::MAX);
    let rows = |heading: &str, rows: &mut dyn Iterator<Item = (&str, &str)>| {
        let rows: String = rows.map(|(name, about)| screen::row(name, label, about, width)).collect();
        format!("{heading}\n{rows}")
    };
    let (policies, columns) =
        (rows("Policies:", &mut policies.into_iter()), rows("Settings:", &mut columns.into_iter()));
    screen::say(&format!("{policies}\n{columns}"))?;
    Ok(Answer::Yes)
}
