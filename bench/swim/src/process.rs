//! What the operating system says of this process, where it says so.

use std::time::Duration;

use cpu_time::ProcessTime;

/// Returns the CPU time that the process has taken, all threads together.
pub(crate) fn cpu() -> Duration {
    ProcessTime::now().as_duration()
}

/// Returns how many bytes of the process are in memory; 0 where Linux does not tell.
pub(crate) fn resident_bytes() -> u64 {
    status("VmRSS:")
}

/// Returns how many bytes of the process were in memory at most; 0 where Linux does not tell.
pub(crate) fn resident_bytes_max() -> u64 {
    status("VmHWM:")
}

fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.map_or(0, |kilobytes| kilobytes * 1024)
}
