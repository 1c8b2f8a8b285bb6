//! The dependencies of a `Cargo.toml`, with the lines they stand on; a full parser would lose the comments.

use super::File;

/// One entry of one table of dependencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) line: usize,
    /// The whole name of the table, such as `target.'cfg(madsim)'.dependencies`.
    pub(crate) table: String,
    /// The name sources use.
    pub(crate) name: String,
    /// The entry as written, its comments included.
    pub(crate) entry: String,
}

/// Every dependency of `manifest`, in the order of lines.
pub(crate) fn dependencies(manifest: &File) -> Vec<Dependency> {
    let mut found: Vec<Dependency> = Vec::new();
    let mut table = String::new();
    let mut open = 0_usize;
    for (index, line) in manifest.text.lines().enumerate() {
        let code = without_comment(line).trim();
        if open > 0 {
            let entry = &mut found.last_mut().expect("an entry was opened").entry;
            entry.push('\n');
            entry.push_str(line);
            open = (open + count(code, "[{")).saturating_sub(count(code, "]}"));
        } else if code.starts_with('[') {
            code.trim_matches(['[', ']']).trim().clone_into(&mut table);
            // `[dependencies.serde]` is an entry of its own.
            if let Some((whole, name)) = table.rsplit_once("dependencies.") {
                let (table, name) = (format!("{whole}dependencies"), unquoted(name));
                found.push(Dependency { line: index + 1, table, name, entry: line.to_owned() });
            }
        } else if table.ends_with("dependencies") && !code.is_empty() {
            let name = unquoted(code.split(['.', '=', ' ']).next().unwrap_or(code));
            found.push(Dependency { line: index + 1, table: table.clone(), name, entry: line.to_owned() });
            open = count(code, "[{").saturating_sub(count(code, "]}"));
        }
    }
    found
}

/// The line up to its comment; a `#` between quotes opens none.
pub(crate) fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (at, letter) in line.char_indices() {
        match (quote, letter) {
            (None, '#') => return &line[..at],
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
    }
    line
}

fn count(text: &str, letters: &str) -> usize {
    text.chars().filter(|&letter| letters.contains(letter)).count()
}

fn unquoted(text: &str) -> String {
    text.trim().trim_matches(['"', '\'']).to_owned()
}
