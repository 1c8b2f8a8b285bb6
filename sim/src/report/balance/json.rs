//! The comparison for programs.

use serde_json::{Value, json};

use super::Balance;
use crate::queueing::{Cell, Estimate, Guards, Origin, Sickness, known, why_it_differs};

/// Returns the document. Times are in service times unless their names end in `_ns`.
pub fn document(balance: &Balance) -> Value {
    let study = &balance.findings.study;
    let policies: Vec<Value> = study
        .policies
        .iter()
        .map(|policy| json!({"name": policy.name, "about": policy.about, "core": policy.origin == Origin::Core}))
        .collect();
    let columns: Vec<Value> = study
        .columns
        .iter()
        .map(|column| {
            let (failing, dying, rejoining) = match column.sickness {
                Sickness::None => (0, 0, 0),
                Sickness::Failing(count) => (count, 0, 0),
                Sickness::Dying(count) => (0, count, 0),
                Sickness::Rejoining(count) => (0, 0, count),
            };
            json!({
                "name": column.name,
                "about": column.about,
                "servers": column.servers,
                "half_speed": column.half_speed,
                "failing": failing,
                "dying": dying,
                "rejoining": rejoining,
                "balancers": column.balancers,
                "load_percent": column.load_percent,
                "report_every": column.report_every,
                "guards": column.guards != Guards::Off,
                "slow_start": column.guards == Guards::Default,
            })
        })
        .collect();
    json!({
        "ok": balance.ok(),
        "headline": balance.headline(),
        "arrivals": study.settings.arrivals,
        "seeds": study.seeds,
        "service_ns": crate::random::nanos(study.settings.service),
        "decay_ns": crate::random::nanos(study.settings.choices.decay),
        "policies": policies,
        "columns": columns,
        "cells": balance.findings.cells().iter().map(cell).collect::<Vec<_>>(),
        "rules": rules(balance),
        "dead_shares": dead_shares(balance),
    })
}

fn rules(balance: &Balance) -> Vec<Value> {
    let told = balance.judged.iter().map(|judged| {
        let (rule, column, facts, holds) = (judged.rule, judged.column, &judged.facts, judged.holds);
        json!({"rule": rule, "column": column, "facts": facts, "holds": holds})
    });
    told.collect()
}

fn dead_shares(balance: &Balance) -> Vec<Value> {
    let told = balance.dead_shares.iter().map(|dead| {
        let (servers, others) = (dead.servers, dead.others.about());
        json!({"servers": servers, "others": others, "documented": dead.documented, "average": dead.average})
    });
    told.collect()
}

fn cell(cell: &Cell) -> Value {
    let known = known(cell.policy.name, cell.column.name);
    let why = why_it_differs(cell.policy.name, cell.column.name);
    let runs: Vec<Value> = cell
        .runs
        .iter()
        .zip(0u64..)
        .map(|(run, seed)| {
            json!({
                "seed": seed,
                "sent": run.sent,
                "sent_to_sick": run.sent_to_sick,
                "served": run.served,
                "failed": run.failed,
                "unanswered": run.unanswered,
                "mean_ns": crate::random::nanos(run.mean),
                "p99_ns": crate::random::nanos(run.p99),
                "fingerprint": format!("{:016x}", run.fingerprint),
            })
        })
        .collect();
    json!({
        "policy": cell.policy.name,
        "column": cell.column.name,
        "mean": estimate(&cell.mean),
        "p99": estimate(&cell.p99),
        "sick_share": rounded(cell.sick_share()),
        "failed_share": rounded(cell.failed_share()),
        "unanswered_share": rounded(cell.unanswered_share()),
        "first_experiment": known.map(|known| json!({"mean": known.mean, "p99": known.p99, "why_it_differs": why})),
        "runs": runs,
    })
}

fn estimate(estimate: &Estimate) -> Value {
    let half_width = estimate.half_width.is_finite().then(|| rounded(estimate.half_width));
    json!({"mean": rounded(estimate.mean), "half_width": half_width})
}

/// Keeps six places: below them platforms may differ.
fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}
