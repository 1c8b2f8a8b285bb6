//! Nodes and keys, from files and from standard input.

use std::io::{self, IsTerminal, Read};
use std::path::Path;

use delian_core::ring::{Level, Ring};
use delian_sim::placement::NodeList;

use super::arguments::{NodesArguments, RuleArguments};
use crate::answer::Problem;

/// What stands for standard input, and how errors call it.
const STANDARD: (&str, &str) = ("-", "<standard input>");

/// Reads a file of nodes.
///
/// # Errors
/// Everything that is wrong with the file.
pub(super) fn list(path: &Path) -> Result<NodeList, Problem> {
    if path != Path::new(STANDARD.0) {
        return Ok(NodeList::load(path)?);
    }
    let mut text = String::new();
    let read = io::stdin().lock().read_to_string(&mut text);
    read.map_err(|error| Problem::new(format!("cannot read nodes from standard input: {error}")))?;
    Ok(NodeList::from_text(&text, STANDARD.1)?)
}

/// Reads a file of nodes, without those that are left out.
///
/// # Errors
/// Everything that is wrong with the file; a node to leave out that it does not have.
pub(super) fn nodes(arguments: &NodesArguments) -> Result<NodeList, Problem> {
    let mut nodes = list(&arguments.nodes)?;
    for name in &arguments.without {
        nodes.leave_out(name).map_err(|message| Problem::new(format!("--without: {message}")))?;
    }
    Ok(nodes)
}

/// Returns the keys that are named, or those on standard input: one on each line, blank lines left out.
///
/// # Errors
/// If there is nothing to read from, or it cannot be read.
pub(super) fn keys(named: &[String], nodes: &Path) -> Result<Vec<Vec<u8>>, Problem> {
    if !named.is_empty() {
        return Ok(named.iter().map(|key| key.as_bytes().to_vec()).collect());
    }
    let refused = |why: &str| Err(Problem::new(format!("{why}: name keys, or pipe them in, one on each line")));
    if nodes == Path::new(STANDARD.0) {
        return refused("standard input has the nodes already");
    }
    if io::stdin().is_terminal() {
        return refused("there is no key");
    }
    let mut bytes = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut bytes);
    read.map_err(|error| Problem::new(format!("cannot read keys from standard input: {error}")))?;
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let keys: Vec<Vec<u8>> = lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
    if keys.is_empty() { refused("there is no key on standard input") } else { Ok(keys) }
}

/// Refuses a rule that keeps nothing apart, for no node says where it stands.
///
/// # Errors
/// If that is so.
pub(super) fn refuse_idle_rule(arguments: &RuleArguments, path: &str, ring: &Ring) -> Result<(), Problem> {
    let Some((option, level)) = arguments.level() else { return Ok(()) };
    let says = |slot| {
        let place = ring.place(slot);
        !match level {
            Level::Region => &place.region,
            Level::Datacenter => &place.datacenter,
            Level::Rack => &place.rack,
        }
        .is_empty()
    };
    if ring.slots().any(says) {
        return Ok(());
    }
    Err(Problem::new(format!(
        "{option} {level} keeps nothing apart, for no node in {path} has a {level}: say {level} = \"…\" there, or leave \
         {option} out"
    )))
}

/// Returns a key as a terminal may show it.
pub(super) fn shown(key: &[u8]) -> String {
    String::from_utf8_lossy(key).chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}
