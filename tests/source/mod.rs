//! What `layers` and `tidy` share: the files of the tree, their tokens, and findings that name the mend.

pub(crate) mod manifest;

use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use proc_macro2::{TokenStream, TokenTree};

/// Folders that hold what tools made, never sources.
const GENERATED: [&str; 6] = [".git", "target", "latest", "corpus", "artifacts", "coverage"];

/// One text file of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// From the root of the tree, with `/` between the parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    /// Says whether the name ends in `.extension`.
    pub(crate) fn is(&self, extension: &str) -> bool {
        self.path.strip_suffix(extension).is_some_and(|rest| rest.ends_with('.'))
    }

    /// The folder, with a `/` at its end unless it is the root.
    pub(crate) fn folder(&self) -> &str {
        self.path.rfind('/').map_or("", |slash| &self.path[..=slash])
    }

    /// The tokens of a Rust file.
    ///
    /// # Panics
    /// When it is no Rust; the compiler then says so better.
    pub(crate) fn tokens(&self) -> Vec<TokenTree> {
        match TokenStream::from_str(&self.text) {
            Ok(stream) => stream.into_iter().collect(),
            Err(error) => panic!("{}: {error}", self.path),
        }
    }

    pub(crate) fn finding(&self, line: usize, rule: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, rule: rule.into(), mend: mend.into() }
    }
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    rule: String,
    mend: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}\n    mend: {}", self.path, self.line, self.rule, self.mend)
    }
}

/// Every source, manifest, page and patch of the tree, in the order of paths.
///
/// # Panics
/// When the tree cannot be read, or holds so little that judging it would prove nothing.
pub(crate) fn tree() -> Vec<File> {
    let mut files = Vec::new();
    read_below(Path::new(env!("CARGO_MANIFEST_DIR")), "", &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    for expected in ["Cargo.toml", "core/src/lib.rs", "sim/src/lib.rs", "src/main.rs"] {
        assert!(files.iter().any(|file| file.path == expected), "{expected} was not found, the walk is broken");
    }
    files
}

/// # Panics
/// With all findings, when there are any.
pub(crate) fn require_none(mut findings: Vec<Finding>) {
    findings.sort();
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(lines.is_empty(), "{} broken rules\n\n{}\n", lines.len(), lines.join("\n"));
}

/// # Panics
/// When the findings are not exactly one, on `line`, with `word` in its rule.
#[track_caller]
pub(crate) fn require_one(findings: &[Finding], line: usize, word: &str) {
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0].line, line, "{}", findings[0]);
    assert!(findings[0].rule.contains(word), "{}", findings[0]);
    assert!(!findings[0].mend.is_empty(), "{}", findings[0]);
}

fn read_below(folder: &Path, prefix: &str, files: &mut Vec<File>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let entry = entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            if !GENERATED.contains(&name.as_str()) {
                read_below(&entry.path(), &format!("{path}/"), files);
            }
            continue;
        }
        let file = File { path, text: String::new() };
        if ["rs", "toml", "md", "patch"].iter().any(|extension| file.is(extension)) {
            let text = fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("{}: {error}", file.path));
            files.push(File { text, ..file });
        }
    }
}
