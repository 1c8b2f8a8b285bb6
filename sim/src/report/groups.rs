//! Scenarios by topic: the directory that holds their file.

use std::collections::BTreeMap;

use super::{Report, Suite};

/// Returns the suites of each topic, topics in order of name.
pub(super) fn by_topic(report: &Report) -> BTreeMap<&str, Vec<&Suite>> {
    let mut topics: BTreeMap<&str, Vec<&Suite>> = BTreeMap::new();
    for suite in report.suites() {
        topics.entry(topic(suite.path())).or_default().push(suite);
    }
    topics
}

fn topic(path: &str) -> &str {
    if path.is_empty() {
        return "built in Rust";
    }
    path.rsplit('/').nth(1).filter(|directory| !directory.is_empty()).unwrap_or("scenarios")
}

#[cfg(test)]
mod tests {
    use super::topic;

    #[test]
    fn the_topic_is_the_nearest_directory() {
        let paths = ["scenarios/raft/a.toml", "raft/a.toml", "a.toml", "/a.toml", ""];
        assert_eq!(paths.map(topic), ["raft", "raft", "scenarios", "scenarios", "built in Rust"]);
    }
}
