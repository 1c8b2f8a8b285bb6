//! Who may know whom inside the core, and where formats may appear, judged by the sources.

use std::collections::BTreeMap;

use proc_macro2::TokenTree;

use crate::references::{Kind, Reference, module_of, references};
use crate::source::{File, Finding};

const CORE: &str = "core/src/";
/// The state machines of the core. Each is read, tested and explored without the others.
const MACHINES: [&str; 7] = ["swim", "raft", "topology", "observe", "health", "ring", "balance"];
/// The machines that may use another one's types.
const PERMITTED: [(&str, &str); 3] = [("topology", "ring"), ("balance", "ring"), ("observe", "topology")];
/// The modules besides `node` that may name types of the machines: the border and its bytes.
const BORDER: [&str; 3] = ["io", "wire", "codec"];
/// Formats of the edges, and the sources that may use them.
const EDGES: [(&str, &[&str]); 5] = [
    (
        "serde_json",
        &["src/", "shell/", "xtask/", "sim/src/report", "sim/src/trace", "worlds/src/main", "worlds/src/verdict"],
    ),
    ("toml", &["sim/", "shell/", "xtask/"]),
    ("rusqlite", &["shell/"]),
    ("sqlx", &["shell/"]),
    ("diesel", &["shell/"]),
];
/// Folders of tests and measurements, which read their own files as they like.
const TESTING: [&str; 4] = ["tests/", "benches/", "examples/", "fuzz/"];

/// All broken rules of the sources among `files`.
pub(crate) fn findings(files: &[File]) -> Vec<Finding> {
    let sources: Vec<&File> = files.iter().filter(|file| file.is("rs")).collect();
    let core: Vec<Module> = sources.iter().filter_map(|file| Module::read(file)).collect();
    let offers = offers(&core);
    let mut findings: Vec<Finding> = core.iter().flat_map(|module| module.strangers(&offers)).collect();
    findings.extend(sources.iter().filter(|file| file.path == "core/src/lib.rs").filter_map(|file| no_std(file)));
    findings.extend(sources.iter().filter(|file| file.path.starts_with(CORE)).filter_map(|file| extern_std(file)));
    findings.extend(sources.iter().flat_map(|file| formats(file)));
    findings
}

/// One file of the core with what it refers to.
struct Module<'a> {
    file: &'a File,
    path: Vec<String>,
    references: Vec<Reference>,
}

/// Which machine stands behind a path that another module offers on.
type Offers = BTreeMap<Vec<String>, String>;

impl Module<'_> {
    fn read(file: &File) -> Option<Module<'_>> {
        file.path.starts_with(CORE).then(|| {
            let path = module_of(file, CORE);
            let references = references(file, path.clone());
            Module { file, path, references }
        })
    }

    /// The first segment: the machine, or the module of the whole core. Empty for `lib`.
    fn name(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }

    fn is_machine(&self) -> bool {
        MACHINES.contains(&self.name())
    }

    /// The references that cross a border they must not cross.
    fn strangers(&self, offers: &Offers) -> Vec<Finding> {
        let name = self.name();
        if ["", "node"].contains(&name) || BORDER.contains(&name) {
            return Vec::new();
        }
        self.references.iter().filter_map(|reference| self.stranger(reference, offers)).collect()
    }

    fn stranger(&self, reference: &Reference, offers: &Offers) -> Option<Finding> {
        let name = self.name();
        let first = reference.path.first()?.as_str();
        if self.is_machine() && first == "*" {
            let mend = "import each name, so that this test can tell where it comes from";
            return Some(self.file.finding(reference.line, format!("machine `{name}` imports all of the core"), mend));
        }
        if self.is_machine() && first == "node" {
            let mend = "`node` drives the machines and they know nothing of it: return the value instead";
            return Some(self.file.finding(reference.line, format!("machine `{name}` imports `node`"), mend));
        }
        let behind = (1..=reference.path.len()).find_map(|length| offers.get(&reference.path[..length]));
        let machine = behind.map_or(first, String::as_str);
        if !MACHINES.contains(&machine) || machine == name || PERMITTED.contains(&(name, machine)) {
            return None;
        }
        let (rule, mend) = if self.is_machine() {
            let mend =
                "pass the value in through `node`, or move the shared type to a module below both, such as `ids`";
            (format!("machine `{name}` imports machine `{machine}`"), mend)
        } else {
            let mend = "only `node` joins the machines, and `io` and `wire` name their types: move the code there";
            (format!("module `{name}` imports machine `{machine}`"), mend)
        };
        Some(self.file.finding(reference.line, rule, mend))
    }
}

/// Every name of a machine that a module outside it offers on.
fn offers(core: &[Module]) -> Offers {
    let outside = core.iter().filter(|module| !module.is_machine());
    let offered = outside.flat_map(|module| {
        module.references.iter().filter_map(|reference| {
            let Kind::Offered(name) = &reference.kind else { return None };
            let machine = reference.path.first().filter(|first| MACHINES.contains(&first.as_str()))?;
            let mut path = module.path.clone();
            path.push(name.clone());
            Some((path, machine.clone()))
        })
    });
    offered.collect()
}

fn no_std(lib: &File) -> Option<Finding> {
    let text: String = lib.text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    (!text.contains("#![no_std]")).then(|| {
        let mend = "put `#![no_std]` back: it is what makes clocks, sockets and threads compile errors here";
        lib.finding(1, "the core is not `no_std`", mend)
    })
}

fn extern_std(file: &File) -> Option<Finding> {
    let mut before = "";
    for (index, line) in file.text.lines().enumerate() {
        if line.trim().starts_with("extern crate std") && before != "#[cfg(test)]" {
            let mend = "use `alloc`; in tests write `#[cfg(test)]` on the line above";
            return Some(file.finding(index + 1, "the core links `std`", mend));
        }
        before = line.trim();
    }
    None
}

/// Where a file uses a format that belongs to other files.
fn formats(file: &File) -> Vec<Finding> {
    if TESTING.iter().any(|folder| file.path.starts_with(folder) || file.path.contains(&format!("/{folder}"))) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (format, allowed) in EDGES {
        if allowed.iter().any(|prefix| file.path.starts_with(prefix)) || !file.text.contains(format) {
            continue;
        }
        if let Some(line) = line_of_path(&file.tokens(), format) {
            let mend = format!("convert at the edge: `{format}` may appear in {}", allowed.join(", "));
            findings.push(file.finding(line, format!("`{format}` is used outside the edges"), mend));
        }
    }
    findings
}

/// The line of the first path that begins with `name`.
fn line_of_path(tokens: &[TokenTree], name: &str) -> Option<usize> {
    tokens.iter().enumerate().find_map(|(at, token)| match token {
        TokenTree::Ident(word) if word == name => {
            let opens = matches!(tokens.get(at + 1), Some(TokenTree::Punct(colon)) if colon.as_char() == ':');
            let continues = matches!(tokens.get(at + 2), Some(TokenTree::Punct(colon)) if colon.as_char() == ':');
            (opens && continues).then(|| word.span().start().line)
        }
        TokenTree::Group(group) => line_of_path(&group.stream().into_iter().collect::<Vec<_>>(), name),
        TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::require_one;

    fn judge(files: &[(&str, &str)]) -> Vec<Finding> {
        findings(&files.iter().map(|(path, text)| File::new(path, text)).collect::<Vec<_>>())
    }

    #[test]
    fn an_honest_core_passes() {
        let files = [
            ("core/src/lib.rs", "#![no_std]\npub mod raft;\npub use raft::Entry;\npub use ids::Term;"),
            ("core/src/node/mod.rs", "use crate::{raft, swim, topology};"),
            ("core/src/io.rs", "use crate::raft::Message;\npub use crate::topology::Command;"),
            ("core/src/raft/mod.rs", "mod log;\nuse self::log::Log;\nuse crate::ids::Term;\nuse crate::Term as T;"),
            ("core/src/raft/log.rs", "use super::Entry;\nuse crate::raft::quorum;\nuse crate::Entry;"),
            ("core/src/topology/place.rs", "use crate::ring::Ring;"),
            ("sim/src/report/json.rs", "use serde_json::Value;"),
            ("sim/src/scenario.rs", "fn f() { toml::from_str(x) }"),
        ];
        assert_eq!(judge(&files), []);
    }

    #[test]
    fn machines_do_not_import_each_other() {
        require_one(
            &judge(&[("core/src/raft/log.rs", "\nuse crate::topology::Command;")]),
            2,
            "`raft` imports machine `topology`",
        );
        require_one(&judge(&[("core/src/swim/probe.rs", "use super::super::{ids, health::Level};")]), 1, "`health`");
        require_one(&judge(&[("core/src/health.rs", "fn f() { crate::ring::place() }")]), 1, "`ring`");
        require_one(&judge(&[("core/src/ring.rs", "fn f() { dbg(assert!(crate::balance::ok())) }")]), 1, "`balance`");
    }

    #[test]
    fn a_permission_holds_in_one_direction_only() {
        require_one(&judge(&[("core/src/ring.rs", "use crate::topology::Topology;")]), 1, "`topology`");
    }

    #[test]
    fn an_offer_by_another_module_hides_nothing() {
        let lib = ("core/src/lib.rs", "#![no_std]\npub use topology::{Command, Topology as Map};");
        require_one(&judge(&[lib, ("core/src/raft/log.rs", "use crate::Command;")]), 1, "`topology`");
        require_one(&judge(&[lib, ("core/src/raft/log.rs", "use crate::Map;")]), 1, "`topology`");
        let io = ("core/src/io.rs", "pub use crate::swim::Rumour;");
        require_one(&judge(&[io, ("core/src/raft/log.rs", "use crate::io::Rumour;")]), 1, "`swim`");
        require_one(&judge(&[("core/src/raft/log.rs", "use crate::*;")]), 1, "imports all");
    }

    #[test]
    fn only_node_and_the_border_know_the_machines() {
        require_one(
            &judge(&[("core/src/config.rs", "use crate::raft::Log;")]),
            1,
            "module `config` imports machine `raft`",
        );
        require_one(&judge(&[("core/src/raft/log.rs", "use crate::node::Node;")]), 1, "imports `node`");
    }

    #[test]
    fn the_core_stays_without_std() {
        require_one(&judge(&[("core/src/lib.rs", "// #![no_std]\npub mod raft;")]), 1, "no_std");
        require_one(&judge(&[("core/src/time.rs", "\nextern crate std;")]), 2, "links `std`");
        assert_eq!(judge(&[("core/src/time.rs", "#[cfg(test)]\nextern crate std;")]), []);
    }

    #[test]
    fn formats_stay_at_the_edges() {
        require_one(&judge(&[("sim/src/world.rs", "\nuse serde_json::Value;")]), 2, "serde_json");
        require_one(&judge(&[("src/sim.rs", "fn f() { toml::from_str(x) }")]), 1, "`toml`");
        require_one(&judge(&[("sim/src/disk.rs", "use rusqlite::Connection;")]), 1, "rusqlite");
        assert_eq!(judge(&[("tests/cli.rs", "use toml::Value;"), ("src/sim.rs", "// toml::Value\nlet toml = 1;")]), []);
    }
}
