//! What a node runs under, written for people and for programs, and the reference of all keys.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::effective::Effective;
use super::keys::{Key, keys};
use super::plain::Plain;
use super::problem::Origin;

/// The column at which origins stand, where values are not longer.
const ORIGIN_COLUMN: usize = 44;

/// Whether what must not be known is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// A word stands for it.
    Redacted,
    /// As it is, for a file that a node is to read.
    Shown,
}

impl Effective {
    /// Writes every value as TOML, with its origin in a comment.
    pub fn to_toml(&self, secrets: Secrets) -> String {
        let mut page = String::new();
        let mut section = "";
        for key in keys() {
            if key.section() != section {
                let gap = if section.is_empty() { "" } else { "\n" };
                section = key.section();
                page.extend([gap, "[", section, "]\n"]);
            }
            let line = format!("{} = {}", key.stem(), self.plain(key, secrets));
            writeln!(page, "{line:ORIGIN_COLUMN$} # {}", self.origin(key.name)).expect("a text takes all");
        }
        page
    }

    /// Writes every value as JSON, by key, with its origin.
    pub fn to_json(&self, secrets: Secrets) -> Value {
        let entry = |key: &'static Key| {
            let (origin, place) = match self.origin(key.name) {
                Origin::Default => ("default", Value::Null),
                Origin::Derived(from) => ("derived", json!({ "key": from })),
                Origin::File(spot) => ("file", json!({ "path": spot.path, "line": spot.line, "column": spot.column })),
                Origin::Environment(variable) => ("environment", json!({ "variable": variable })),
                Origin::Flag(flag) => ("flag", json!({ "flag": flag })),
            };
            let value = self.plain(key, secrets).to_json();
            (key.name.to_string(), json!({ "value": value, "origin": origin, "place": place }))
        };
        Value::Object(keys().map(entry).collect::<Map<_, _>>())
    }

    fn plain(&self, key: &Key, secrets: Secrets) -> Plain {
        let plain = (key.get)(self.options());
        match secrets {
            Secrets::Redacted => (key.redacted)(plain),
            Secrets::Shown => plain,
        }
    }
}

/// Writes the reference of all keys as Markdown.
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    let mut section = "";
    for key in keys() {
        if key.section() != section {
            section = key.section();
            write!(page, "\n## `[{section}]`\n\n| Key | Written as | Default | What for |\n|---|---|---|---|\n")
                .expect("a text takes all");
        }
        let about = key.about.replace('[', "\\[").replace(']', "\\]").replace('|', "\\|");
        writeln!(page, "| `{}` | {} | `{}` | {about} |", key.stem(), key.kind(), key.default_value())
            .expect("a text takes all");
    }
    page
}

/// What the reference opens with.
const INTRODUCTION: &str = "\
# Configuration of a node

Settings come in layers, of which the stronger wins: defaults, the TOML file of `--config`, the environment, flags. A node
runs without a file.

- A key of the file is a section and a name: `listen` under `[http]` is `http.listen`.
- A variable is `DELIAN_` with the key in capitals and `_` for the dot: `DELIAN_HTTP_LISTEN` sets `http.listen`. One that
  begins like a section and sets no key is refused.
- `--set http.listen=127.0.0.1:9000` sets any key. `--name`, `--data`, `--listen`, `--http` and `--join` set `node.name`,
  `node.data`, `network.listen`, `http.listen` and `cluster.join`; `--dev` sets `security.mode`.
- A time has a unit, as in `200ms`, `1.5s`, `10m` or `24h`. A size is a number of bytes or has a unit, as in `64KiB`.
- In the environment and in `--set` texts have no quotes, and lists have commas: `DELIAN_CLUSTER_JOIN=10.0.0.1:7400,b:7400`.
  Lists and tables may be written as TOML, too.

`delian node --print-config` shows each value with its origin, `delian node --check-config` says whether they make sense.
";
