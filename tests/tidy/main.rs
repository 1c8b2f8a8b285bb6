//! Proves the limits of CONTRIBUTING.md from the files themselves: lengths, words, dead files, reasons.

mod dead;
mod lengths;
#[path = "../source/mod.rs"]
mod source;
mod words;

use source::manifest::dependencies;
use source::{File, Finding};

#[test]
fn files_and_functions_stay_short() {
    source::require_none(lengths::findings(&source::tree()));
}

#[test]
fn no_banned_word_and_no_trailing_space() {
    source::require_none(words::findings(&source::tree()));
}

#[test]
fn no_file_is_dead() {
    source::require_none(dead::findings(&source::tree()));
}

#[test]
fn every_dependency_has_a_reason() {
    source::require_none(reasonless(&source::tree()));
}

/// The dependencies of members that do not say why they are there; the version table of the workspace needs none.
fn reasonless(files: &[File]) -> Vec<Finding> {
    let manifests = files.iter().filter(|file| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml"));
    manifests
        .flat_map(|manifest| {
            let found = dependencies(manifest).into_iter().filter(|it| it.table != "workspace.dependencies");
            found.filter(|it| it.entry.lines().all(|line| source::manifest::without_comment(line) == line)).map(|it| {
                let mend = "write `# what it does for us` at the end of the line";
                manifest.finding(it.line, format!("dependency `{}` gives no reason", it.name), mend)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::require_one;

    fn judge(text: &str) -> Vec<Finding> {
        reasonless(&[File::new("sim/Cargo.toml", text)])
    }

    #[test]
    fn a_dependency_without_a_reason_is_found_in_every_table() {
        require_one(&judge("[dependencies]\na = \"1\" # why\nb = \"#1\"\n"), 3, "`b`");
        require_one(&judge("[dev-dependencies]\na.workspace = true\n"), 2, "`a`");
        require_one(&judge("[target.'cfg(unix)'.build-dependencies.a]\nversion = \"1\"\n"), 1, "`a`");
    }

    #[test]
    fn a_reason_may_end_an_entry_of_several_lines() {
        let text = "[dependencies]\na = { version = \"1\", features = [\n    \"x\",\n] } # why\n[features]\nb = []\n";
        assert_eq!(judge(text), []);
        assert_eq!(judge("[workspace.dependencies]\na = \"1\"\n"), []);
    }
}
