//! Which package may depend on what, judged by the manifests.

use std::collections::BTreeSet;

use crate::source::manifest::{Dependency, dependencies};
use crate::source::{File, Finding};

/// The most external crates that the core may use.
const CORE_DEPENDENCIES_MAX: usize = 4;
/// Names that belong to Rust itself.
const RUSTS_OWN: [&str; 3] = ["core", "alloc", "std"];
/// Formats of the edges, and the packages whose sources may use them.
const EDGES: [(&str, &[&str]); 5] = [
    ("serde_json", &["", "examples/kv/", "sim/", "shell/", "worlds/", "xtask/"]),
    ("toml", &["sim/", "shell/", "xtask/"]),
    ("rusqlite", &["shell/"]),
    ("sqlx", &["shell/"]),
    ("diesel", &["shell/"]),
];

/// All broken rules of the manifests among `files`.
pub(crate) fn findings(files: &[File]) -> Vec<Finding> {
    let manifests = files.iter().filter(|file| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml"));
    manifests
        .flat_map(|manifest| {
            let found = dependencies(manifest);
            let mut findings: Vec<Finding> = found.iter().filter_map(|it| one(manifest, it)).collect();
            findings.extend(own_name(manifest));
            findings.extend(core_is_small(manifest, &found));
            findings
        })
        .collect()
}

fn one(manifest: &File, dependency: &Dependency) -> Option<Finding> {
    let Dependency { line, table, name, entry } = dependency;
    if RUSTS_OWN.contains(&name.as_str()) {
        let rule = format!("a dependency is named `{name}`, which shadows Rust's own");
        return Some(manifest.finding(*line, rule, "use the package's full name, `delian-…`"));
    }
    let folder = manifest.folder();
    if let Some(ours) = workspace_package(name, entry)
        && !may_know(folder, ours, table)
    {
        let rule = format!("{} may not depend on delian-{ours}", if folder.is_empty() { "the root" } else { folder });
        let mend = match folder {
            "core/" => "the core knows nobody: move what it needs into the core, or pass it in as an input",
            "sim/" => "the simulator knows the core; the shell only under [target.'cfg(madsim)'.dependencies]",
            _ => "the shell knows the core alone: move what both need into the core",
        };
        return Some(manifest.finding(*line, rule, mend));
    }
    let (_, allowed) = EDGES.iter().find(|(edge, _)| edge == name)?;
    let judged = !table.ends_with("dev-dependencies") && table != "workspace.dependencies";
    (judged && !allowed.contains(&folder)).then(|| {
        let rule = format!("{name} belongs to the edges, not here");
        manifest.finding(
            *line,
            rule,
            "JSON and SQL live in the shell and in reports, TOML in the simulator and the shell: convert there",
        )
    })
}

/// The part after `delian-`, when the dependency is a package of this workspace, even under another name.
fn workspace_package<'a>(name: &'a str, entry: &'a str) -> Option<&'a str> {
    let renamed = entry.split_once("package = \"").map(|(_, rest)| rest.split('"').next().unwrap_or(rest));
    renamed.unwrap_or(name).strip_prefix("delian-")
}

fn may_know(folder: &str, ours: &str, table: &str) -> bool {
    match folder {
        "core/" => false,
        "shell/" => ours == "core",
        "sim/" => ours == "core" || (ours == "shell" && table.starts_with("target.'cfg(madsim)'.")),
        _ => true,
    }
}

fn own_name(manifest: &File) -> Option<Finding> {
    let named = |line: &str| RUSTS_OWN.iter().any(|name| line.trim() == format!("name = \"{name}\""));
    let index = manifest.text.lines().position(named)?;
    Some(manifest.finding(index + 1, "a package is named like one of Rust's own crates", "call it `delian-…`"))
}

fn core_is_small(manifest: &File, found: &[Dependency]) -> Option<Finding> {
    if manifest.path != "core/Cargo.toml" {
        return None;
    }
    let shipped = found.iter().filter(|it| !it.table.ends_with("dev-dependencies"));
    let external: Vec<&Dependency> = shipped.filter(|it| workspace_package(&it.name, &it.entry).is_none()).collect();
    let names: BTreeSet<&str> = external.iter().map(|it| it.name.as_str()).collect();
    (names.len() > CORE_DEPENDENCIES_MAX).then(|| {
        let rule = format!("the core has {} dependencies, the limit is {CORE_DEPENDENCIES_MAX}", names.len());
        let last = external.last().expect("more than the limit");
        manifest.finding(last.line, rule, "write the little that is needed, or move the job to an edge")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::require_one;

    fn judge(path: &str, text: &str) -> Vec<Finding> {
        findings(&[File::new(path, text)])
    }

    #[test]
    fn honest_manifests_pass() {
        let core = "[package]\nname = \"delian-core\"\n[dependencies]\nserde.workspace = true\n[dev-dependencies]\nproptest = \"1\"\n";
        let sim = "[dependencies]\ndelian-core.workspace = true\ntoml = \"1\"\n[target.'cfg(madsim)'.dependencies]\ndelian-shell.workspace = true\n";
        assert_eq!(judge("core/Cargo.toml", core), []);
        assert_eq!(judge("sim/Cargo.toml", sim), []);
    }

    #[test]
    fn the_core_may_not_know_another_package_even_in_its_tests() {
        require_one(&judge("core/Cargo.toml", "[dependencies]\ndelian-sim = \"1\"\n"), 2, "delian-sim");
        require_one(&judge("core/Cargo.toml", "[dev-dependencies]\ndelian-sim.workspace = true\n"), 2, "delian-sim");
    }

    #[test]
    fn a_package_under_another_name_is_still_recognised() {
        let text = "[dependencies]\nworld = { package = \"delian-sim\", path = \"../sim\" }\n";
        require_one(&judge("core/Cargo.toml", text), 2, "delian-sim");
    }

    #[test]
    fn a_fifth_dependency_of_the_core_is_one_too_many() {
        let text = "[dependencies]\na = \"1\"\nb = \"1\"\nc = \"1\"\n[dependencies.d]\nversion = \"1\"\n[target.'cfg(unix)'.dependencies]\ne = \"1\"\n";
        require_one(&judge("core/Cargo.toml", text), 8, "5 dependencies");
    }

    #[test]
    fn the_simulator_knows_the_shell_only_under_madsim() {
        require_one(&judge("sim/Cargo.toml", "[dependencies]\ndelian-shell.workspace = true\n"), 2, "delian-shell");
        require_one(&judge("sim/Cargo.toml", "[dev-dependencies.delian-shell]\npath = \"x\"\n"), 1, "delian-shell");
    }

    #[test]
    fn the_shell_may_not_know_the_simulator() {
        require_one(&judge("shell/Cargo.toml", "[dependencies]\ndelian-sim.workspace = true\n"), 2, "delian-sim");
    }

    #[test]
    fn no_dependency_and_no_package_is_named_core() {
        require_one(&judge("sim/Cargo.toml", "[dependencies]\ncore = { path = \"../core\" }\n"), 2, "`core`");
        require_one(&judge("Cargo.toml", "[workspace.dependencies]\ncore = { path = \"core\" }\n"), 2, "`core`");
        require_one(&judge("core/Cargo.toml", "[package]\nname = \"core\"\n"), 2, "Rust's own");
    }

    #[test]
    fn formats_stay_at_the_edges() {
        require_one(&judge("core/Cargo.toml", "[dependencies]\nserde_json = \"1\"\n"), 2, "serde_json");
        require_one(&judge("core/Cargo.toml", "[dependencies]\ntoml = \"1\"\n"), 2, "toml");
        require_one(&judge("sim/Cargo.toml", "[dependencies]\nrusqlite = \"1\"\n"), 2, "rusqlite");
        assert_eq!(
            judge("Cargo.toml", "[dev-dependencies]\ntoml = \"1\"\n[workspace.dependencies]\ntoml = \"1\"\n"),
            []
        );
    }
}
