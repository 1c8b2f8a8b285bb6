//! Scenarios in the world of real processes, beside discrete events: a few of `scenarios/worlds`.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Enough to try the command; `cargo xtask ci` runs all of them.
const GATE: [&str; 2] = ["a-calm-cluster-serves-in-every-world", "a-killed-leader-is-replaced-and-comes-back"];

#[test]
fn shared_scenarios_come_to_the_same_with_real_processes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let report = Path::new(env!("CARGO_TARGET_TMPDIR")).join("worlds");
    let mut command = Command::new(env!("CARGO_BIN_EXE_delian"));
    command.current_dir(root).args(["sim", "--world", "process", "--jobs", "2", "--json", "--report"]).arg(&report);
    command.args(GATE.map(|name| format!("scenarios/worlds/{name}.toml")));
    let ended = command.output().expect("the command was built");
    let document: Value = serde_json::from_slice(&ended.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&ended.stderr)));
    let scenarios = document["scenarios"].as_array().expect("a list");
    assert_eq!(scenarios.len(), GATE.len());
    for scenario in scenarios {
        let rows = scenario["agreement"].as_array().into_iter().flatten();
        let differences: Vec<_> = rows.filter(|row| row["agrees"] != true).collect();
        let (name, broken) = (&scenario["name"], &scenario["broken"]);
        assert_eq!(scenario["ok"], true, "{name}: {broken:#}, {differences:#?}; logs are in {}", report.display());
    }
    assert_eq!(ended.status.code(), Some(0));
}
