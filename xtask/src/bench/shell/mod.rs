//! `cargo xtask bench shell`: writes of three real nodes with real flushes, beside etcd on the same disk in the same run.
//!
//! A write is one HTTP request to the leader, agreed on by three processes and on the disks of two. etcd is asked by its
//! JSON gateway, which costs it a translation that its own clients do not pay; ours pays for reading JSON, too.

mod clusters;
mod load;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::bench::{Options, circumstances, publish};
use crate::{Answer, Problem, process};
use clusters::{Cluster, Contender};
use table::{Cell, Report};

/// How often everything is measured; the median counts.
const TURNS: usize = 3;

/// How many clients ask at a time.
const CLIENTS: [usize; 3] = [1, 16, 256];

const WARM: Duration = Duration::from_secs(2);
const SPAN: Duration = Duration::from_secs(8);

/// How often the leader is killed.
const FAILOVERS: usize = 15;

/// How long an idle node is looked at.
const IDLE: Duration = Duration::from_secs(20);

/// Where the report lies that the repository keeps.
const BASELINE: &str = "reports/baseline/bench-shell";

pub(crate) fn run(options: &Options) -> Result<Answer, Problem> {
    let root = process::root();
    if !process::succeeds(process::cargo(&root).args(["build", "--release", "--locked", "--package", "delian"]))? {
        return Err("the command cannot be built".to_owned());
    }
    let target = process::target(&root);
    let delian = target.join("release/delian");
    let mut contenders = vec![(Contender::Delian, delian)];
    let etcd = if options.no_peers { None } else { etcd() };
    contenders.extend(etcd.iter().map(|(program, _)| (Contender::Etcd, program.clone())));
    let folder = target.join("bench-shell");
    let mut report = Report {
        machine: circumstances::machine(),
        compiler: circumstances::compiler()?,
        etcd: etcd.map(|(_, version)| version),
        cells: contenders.iter().map(|(contender, _)| Cell::new(*contender)).collect(),
    };
    for turn in 1..=TURNS {
        for ((contender, program), cell) in contenders.iter().zip(&mut report.cells) {
            eprintln!("turn {turn} of {TURNS}: {}", contender.name());
            measure(*contender, program, &folder, turn == 1, cell)?;
        }
    }
    drop(std::fs::remove_dir_all(&folder));
    publish(options, &root, BASELINE, &report.to_markdown(), &report.to_json())?;
    Ok(Answer::Yes)
}

/// Measures one cluster of one contender. It is made idle and killed once only.
fn measure(
    contender: Contender,
    program: &Path,
    folder: &Path,
    is_first: bool,
    cell: &mut Cell,
) -> Result<(), Problem> {
    let mut cluster = Cluster::start(contender, program, folder)?;
    if is_first {
        cell.idle = Some(cluster.idle(IDLE)?);
    }
    for (clients, loads) in CLIENTS.into_iter().zip(&mut cell.loads) {
        let leader = cluster.leader().ok_or("nobody leads")?;
        let address = cluster.client(leader).to_owned();
        let load = load::measure(&address, clients, WARM, SPAN, |number| contender.write(&address, number))?;
        if load.refused > 0 {
            eprintln!("{}: {} of its answers were refusals", contender.name(), load.refused);
        }
        loads.push(load);
    }
    if is_first {
        for _ in 0..FAILOVERS {
            cell.failovers.push(cluster.fail_over()?.as_secs_f64() * 1000.0);
        }
    }
    Ok(())
}

/// Returns etcd and its version, if the machine has it.
fn etcd() -> Option<(PathBuf, String)> {
    let program = PathBuf::from("etcd");
    let said = process::listen(Command::new(&program).arg("--version")).ok()?;
    let said = String::from_utf8_lossy(&said.stdout);
    let version = said.lines().find_map(|line| line.strip_prefix("etcd Version: "))?;
    Some((program, version.to_owned()))
}
