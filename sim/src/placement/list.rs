//! One name on each line; blank lines and lines that begin with `#` say nothing.

use std::collections::BTreeMap;

use super::nodes::{Draft, Listed, wrong_with_name};
use crate::scenario::ScenarioError;
use crate::scenario::file::refusal;

/// Reads a plain list.
///
/// # Errors
///
/// Returns everything that is wrong with it.
pub(super) fn read(text: &str, path: &str) -> Result<Draft, ScenarioError> {
    let (mut draft, mut problems) = (Draft::default(), Vec::new());
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    let mut begin = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let name = line.trim();
        let start = begin + (line.len() - line.trim_start().len());
        begin += line.len();
        if name.is_empty() || name.starts_with('#') {
            continue;
        }
        let span = start..start + name.len();
        if let Some(at) = name.find(char::is_whitespace) {
            let rest = start + at..span.end;
            let message = "a name in a list has no spaces; weights and places need the TOML form, see --help";
            problems.push((rest.start..rest.end, message.to_string()));
        } else if let Some(wrong) = wrong_with_name(name) {
            problems.push((span, format!("a name {wrong}")));
        } else if let Some(first) = lines.get(name) {
            problems.push((span, format!("`{name}` is on line {first} already: names are unique")));
        } else {
            lines.insert(name, number + 1);
            draft.nodes.push(Listed::new(name));
        }
    }
    if problems.is_empty() { Ok(draft) } else { Err(refusal(text, path, problems, Vec::new())) }
}
