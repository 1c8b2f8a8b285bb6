//! Files that nothing reaches: sources without a `mod` line, bugs without their partner.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenTree};

use crate::source::{File, Finding};

const BUGS: &str = "tests/bugs/";

/// All dead files among `files`.
pub(crate) fn findings(files: &[File]) -> Vec<Finding> {
    let mut findings = sources(files);
    findings.extend(bugs(files));
    findings
}

fn sources(files: &[File]) -> Vec<Finding> {
    let sources: BTreeMap<&str, &File> =
        files.iter().filter(|file| file.is("rs")).map(|file| (file.path.as_str(), file)).collect();
    let named: BTreeSet<String> = files.iter().filter(|file| file.is("toml")).flat_map(named_roots).collect();
    let is_root = |file: &File| is_root(&file.path) || named.contains(&file.path);
    let mut waiting: Vec<&File> = sources.values().copied().filter(|file| is_root(file)).collect();
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    while let Some(file) = waiting.pop() {
        if !reached.insert(&file.path) {
            continue;
        }
        let opens_folder = is_root(file) || file.path.ends_with("/mod.rs");
        let folder =
            if opens_folder { file.folder().to_owned() } else { format!("{}/", file.path.trim_end_matches(".rs")) };
        let mut wanted = Vec::new();
        modules(&file.tokens(), &folder, file.folder(), &mut wanted);
        waiting.extend(wanted.iter().filter_map(|path| sources.get(path.as_str())));
    }
    let dead = sources.values().filter(|file| !reached.contains(file.path.as_str()));
    dead.map(|file| file.finding(1, "no `mod` line reaches this file", "add the `mod` line, or delete the file"))
        .collect()
}

/// Says whether cargo finds the file by itself.
fn is_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let target = |folder: &str| ["tests", "examples", "benches", "bin"].contains(&folder);
    match parts.as_slice() {
        [.., "src", "lib.rs" | "main.rs"] | [.., "build.rs"] => true,
        [.., folder, _, "main.rs"] | [.., folder, _] => target(folder),
        _ => false,
    }
}

/// The targets that a manifest names by path.
fn named_roots(manifest: &File) -> Vec<String> {
    let paths = manifest.text.lines().filter_map(|line| line.trim().strip_prefix("path = \"")?.split('"').next());
    let files = paths.map(|path| File::new(&format!("{}{path}", manifest.folder()), ""));
    files.filter(|file| file.is("rs")).map(|file| file.path).collect()
}

/// Collects where the `mod name;` lines of a file may lead; `folder` holds its children, `beside` the file itself.
fn modules(tokens: &[TokenTree], folder: &str, beside: &str, wanted: &mut Vec<String>) {
    for (at, token) in tokens.iter().enumerate() {
        match &tokens[at..] {
            [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Punct(end), ..]
                if word == "mod" && end.as_char() == ';' =>
            {
                match given_path(&tokens[..at]) {
                    Some(path) => wanted.push(resolved(beside, &path)),
                    None => wanted.extend([format!("{folder}{name}.rs"), format!("{folder}{name}/mod.rs")]),
                }
            }
            [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Group(body), ..] if word == "mod" => {
                let inner: Vec<TokenTree> = body.stream().into_iter().collect();
                modules(&inner, &format!("{folder}{name}/"), beside, wanted);
            }
            // A macro may hold `mod` lines too, such as `cfg_if!`.
            _ => {
                let is_named_module = at >= 2 && matches!(&tokens[at - 2], TokenTree::Ident(word) if word == "mod");
                if let TokenTree::Group(group) = token
                    && group.delimiter() == Delimiter::Brace
                    && !is_named_module
                {
                    modules(&group.stream().into_iter().collect::<Vec<_>>(), folder, beside, wanted);
                }
            }
        }
    }
}

/// The path in a `#[path = "…"]` right before a `mod`, other attributes and `pub` between them or not.
fn given_path(before: &[TokenTree]) -> Option<String> {
    let near = before.iter().rev().take_while(|token| match token {
        TokenTree::Punct(punct) => punct.as_char() == '#',
        TokenTree::Group(group) => group.delimiter() != Delimiter::Brace,
        TokenTree::Ident(word) => word == "pub",
        TokenTree::Literal(_) => false,
    });
    near.filter_map(|token| match token {
        TokenTree::Group(group) => Some(group.stream().to_string()),
        TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    })
    .find_map(|attribute| Some(attribute.strip_prefix("path = \"")?.strip_suffix('"')?.to_owned()))
}

/// `folder` with `path` behind it, each `..` resolved.
fn resolved(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

fn bugs(files: &[File]) -> Vec<Finding> {
    let planted: BTreeSet<&str> =
        files.iter().map(|file| file.path.as_str()).filter(|path| path.starts_with(BUGS)).collect();
    let files = files.iter().filter(|file| file.path.starts_with(BUGS));
    files
        .filter_map(|file| {
            let stem = file.path.rsplit_once('.').map_or(file.path.as_str(), |(stem, _)| stem);
            let partner = if file.is("patch") { format!("{stem}.toml") } else { format!("{stem}.patch") };
            let alone = (file.is("patch") || file.is("toml")) && !planted.contains(partner.as_str());
            alone.then(|| file.finding(1, "half of a planted bug", format!("add {partner}, or delete this file")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::require_one;

    fn judge(files: &[(&str, &str)]) -> Vec<Finding> {
        findings(&files.iter().map(|(path, text)| File::new(path, text)).collect::<Vec<_>>())
    }

    #[test]
    fn every_way_to_reach_a_file_is_understood() {
        let files = [
            ("core/src/lib.rs", "pub mod raft;\nmod swim;\nmod inline { mod deep; }"),
            ("core/src/raft.rs", "mod log;"),
            ("core/src/raft/log.rs", ""),
            ("core/src/swim/mod.rs", "pub(crate) mod probe;"),
            ("core/src/swim/probe.rs", ""),
            ("core/src/inline/deep.rs", ""),
            ("tests/layers/main.rs", "#[path = \"../source/mod.rs\"]\nmod source;"),
            ("tests/source/mod.rs", "pub(crate) mod manifest;"),
            ("tests/source/manifest.rs", ""),
            ("tests/cli.rs", ""),
            ("sim/examples/bench.rs", ""),
            ("fuzz/Cargo.toml", "[[bin]]\npath = \"targets/decode.rs\"\n"),
            ("fuzz/targets/decode.rs", ""),
        ];
        assert_eq!(judge(&files), []);
    }

    #[test]
    fn a_source_without_a_mod_line_is_dead() {
        require_one(
            &judge(&[("core/src/lib.rs", "mod raft;"), ("core/src/raft.rs", ""), ("core/src/log.rs", "")]),
            1,
            "`mod`",
        );
        require_one(&judge(&[("core/src/lib.rs", "// mod log;\nmod log {}"), ("core/src/log.rs", "")]), 1, "`mod`");
        require_one(
            &judge(&[("core/src/lib.rs", "mod raft;"), ("core/src/raft.rs", "mod log;"), ("core/src/log.rs", "")]),
            1,
            "`mod`",
        );
        require_one(&judge(&[("tests/cli.rs", ""), ("tests/common/mod.rs", "")]), 1, "`mod`");
    }

    #[test]
    fn half_of_a_planted_bug_is_dead() {
        let (patch, toml) = (("tests/bugs/a.patch", ""), ("tests/bugs/a.toml", ""));
        assert_eq!(judge(&[patch, toml, ("tests/bugs/README.md", "")]), []);
        require_one(&judge(&[patch]), 1, "half");
        require_one(&judge(&[toml]), 1, "half");
    }
}
