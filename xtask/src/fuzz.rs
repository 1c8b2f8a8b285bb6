//! `cargo xtask fuzz-api`: a node's API under schemathesis, which reads its OpenAPI description and asks for what it
//! promises, and for what it does not.
//!
//! The tool is Python's; it is put into an environment of its own below `target/`, at one version, so that a run today
//! asks what a run tomorrow will.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process::Running;
use crate::{Answer, Problem, ci, process};

/// The tool, at the version that this was written for.
const TOOL: &str = "schemathesis==4.32.5";

/// How many requests of each operation are tried.
const EXAMPLES: &str = "40";

/// The check that is left out: it wants every request answered well that the description allows, and no description says
/// that a name is free, that a cursor is one that was given, or that a node is registered.
const LEFT_OUT: &str = "positive_data_acceptance";

/// What the fuzzer may use the API with; without it, whether the API asks for anything could not be tried.
const TOKEN: &str = "a-token-for-the-fuzzer-alone";

/// The streams that never end, and so never answer within a time.
const STREAMS: &str = "^/v1/watch";

pub(crate) fn run() -> Result<Answer, Problem> {
    let root = process::root();
    let tool = tool(&root)?;
    if !ci::build(&root)? {
        return Err("the command cannot be built".to_owned());
    }
    let target = process::target(&root);
    let data = target.join("fuzz-api");
    // A folder that is not there is as empty as it should be.
    drop(std::fs::remove_dir_all(&data));
    let mut node = Command::new(ci::built(&root));
    node.args(["node", "--dev", "--json", "--found", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"]);
    // Whoever fuzzes registers more often than any node would, and asks more often than any client may.
    node.arg(&data).args(["--set", "health.registration_burst=1000000", "--set", "http.requests_per_second=1000000"]);
    node.args(["--set", "http.requests_burst=1000000", "--set", "log.filter=warn"]);
    let tokens = target.join("fuzz-api-token");
    std::fs::write(&tokens, TOKEN).map_err(|error| format!("cannot write {}: {error}", tokens.display()))?;
    let place = tokens.display();
    node.args(["--set", &format!("http.tokens=[{{ name = \"fuzzer\", role = \"operate\", file = \"{place}\" }}]")]);
    let (mut node, said) = Running::start(&mut node, |line| serde_json::from_str::<Value>(line).ok())?;
    let http = said["http"].as_str().ok_or_else(|| format!("the node does not say where its API is: {said}"))?;
    println!("a node answers at {http}");
    let mut fuzz = Command::new(tool);
    fuzz.current_dir(&target).arg("run").arg(format!("{}/openapi.json", http.trim_end_matches('/')));
    fuzz.args(["--checks", "all", "--exclude-checks", LEFT_OUT, "--header", &format!("Authorization: Bearer {TOKEN}")]);
    fuzz.args(["--max-examples", EXAMPLES, "--exclude-path-regex", STREAMS]);
    fuzz.args(["--generation-deterministic", "--workers", "1", "--no-color"]);
    let is_well = process::succeeds(&mut fuzz)?;
    let has_survived = node.runs()?;
    if !has_survived {
        println!("the node has ended meanwhile");
    }
    Ok(if is_well && has_survived { Answer::Yes } else { Answer::No })
}

/// Returns the tool, put into an environment of its own if it is not there.
fn tool(root: &Path) -> Result<PathBuf, Problem> {
    let folder = root.join("target").join("schemathesis");
    let tool = folder.join("bin").join("schemathesis");
    let version = TOOL.rsplit('=').next().unwrap_or_default();
    let said = |path: &Path| process::listen(Command::new(path).arg("--version"));
    if said(&tool).is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains(version)) {
        return Ok(tool);
    }
    println!("{TOOL} is not there: it is put into {}", folder.display());
    let environment = || process::succeeds(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    if !environment()? {
        println!("Python has no environments here: adding the package python3-venv");
        let added = process::succeeds(Command::new("apt-get").args(["install", "--yes", "--quiet", "python3-venv"]))?;
        if !added || !environment()? {
            return Err("python3 -m venv does not work: install the package python3-venv".to_owned());
        }
    }
    if !process::succeeds(Command::new(folder.join("bin/pip")).args(["install", "--quiet", TOOL]))? {
        return Err(format!("pip cannot install {TOOL}"));
    }
    Ok(tool)
}
