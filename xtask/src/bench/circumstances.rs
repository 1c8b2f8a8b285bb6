//! What a number depends on beside the code.

use std::path::Path;
use std::process::Command;

use crate::{Problem, process};

/// Returns how many processors of which model there are.
pub(crate) fn machine() -> String {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{cores} × {}", model.map_or("unknown", |(_, model)| model))
}

/// Returns what the compiler calls itself.
///
/// # Errors
/// When there is no compiler.
pub(crate) fn compiler() -> Result<String, Problem> {
    let said = process::listen(Command::new("rustc").arg("--version"))?;
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

/// Returns the version of a peer as `bench/` locks it.
///
/// # Errors
/// When the lock file cannot be read or does not name it.
pub(crate) fn peer(root: &Path, package: &str) -> Result<String, Problem> {
    let lock = root.join("bench/Cargo.lock");
    let text = std::fs::read_to_string(&lock).map_err(|error| format!("cannot read {}: {error}", lock.display()))?;
    version(&text, package).ok_or_else(|| format!("bench/Cargo.lock does not name {package}"))
}

/// Returns the version of a package in a lock file; of several the newest, which is what peers are pinned to.
fn version(lock: &str, package: &str) -> Option<String> {
    let (_, behind) = lock.rsplit_once(&format!("name = \"{package}\"\nversion = \""))?;
    behind.split_once('"').map(|(version, _)| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_peer_is_that_of_the_lock_file() {
        let lock = "name = \"foca\"\nversion = \"2.0.0\"\n";
        assert_eq!(version(lock, "foca").as_deref(), Some("2.0.0"));
        assert_eq!(version(lock, "memberlist"), None);
        let both = "name = \"foca\"\nversion = \"1.0.0\"\n\nname = \"foca\"\nversion = \"2.0.0\"\n";
        assert_eq!(version(both, "foca").as_deref(), Some("2.0.0"));
    }
}
