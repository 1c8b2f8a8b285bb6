//! A user's desk: an empty folder with scenario files, and the command at hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Three voters, one crash, nothing wrong.
pub(crate) const GREEN: &str = "\
about = \"When the leader crashes, another takes over.\"
[cluster]
voters = 3
[run]
chaos = \"20s\"
[[step]]
at = \"5s\"
for = \"5s\"
fault = \"crash\"
target = \"leader\"
[[operation]]
at = \"15s\"
via = \"leader\"
do = \"register\"
subject = 1
[expect]
at_least = { leader_changes = 1 }
everywhere = [1]
";

/// The same, but no run can do what is asked.
pub(crate) const RED: &str = "\
about = \"A thousand elections are too many to ask for.\"
[cluster]
voters = 3
[run]
chaos = \"5s\"
[[step]]
at = \"1s\"
for = \"1s\"
fault = \"pause\"
target = \"follower\"
[expect]
at_least = { elections = 1000 }
";

pub(crate) struct Desk(PathBuf);

/// What a command came to.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Desk {
    /// An empty folder of this test alone, with `scenarios/green.toml` and `red.toml` beside it.
    pub(crate) fn new(test: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        // A folder that is not there is as empty as it should be.
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(folder.join("scenarios")).expect("the folder of the target can be written");
        let desk = Self(folder);
        desk.write("scenarios/green.toml", GREEN);
        desk.write("red.toml", RED);
        desk
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("the desk can be written");
        fs::write(path, text).expect("the desk can be written");
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    pub(crate) fn has(&self, file: &str) -> bool {
        self.0.join(file).exists()
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_delian"));
        command.current_dir(&self.0).stdin(Stdio::null()).env_remove("NO_COLOR");
        // What the shell of whoever tests has set is not what is tested.
        for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DELIAN_")) {
            command.env_remove(variable);
        }
        command
    }

    /// Runs `delian` with words parted by spaces.
    pub(crate) fn delian(&self, words: &str) -> Ended {
        let output = self.command().args(words.split_whitespace()).output().expect("the command was built");
        let text = |bytes| String::from_utf8(bytes).expect("the command prints UTF-8");
        Ended { code: output.status.code(), output: text(output.stdout), errors: text(output.stderr) }
    }
}

impl Ended {
    /// Requires an exit code.
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "output:\n{}\nerrors:\n{}", self.output, self.errors);
        self
    }

    /// Requires words on standard output.
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.output.contains(words), "`{words}` is not in:\n{}", self.output);
        self
    }

    /// Requires words on standard error.
    pub(crate) fn complains(self, words: &str) -> Self {
        assert!(self.errors.contains(words), "`{words}` is not in:\n{}", self.errors);
        self
    }

    /// Requires an empty standard output.
    pub(crate) fn says_nothing(self) -> Self {
        assert_eq!(self.output, "");
        self
    }

    /// Returns the JSON document on standard output with `number` for every number but seeds, which users choose: what
    /// a run counts may change with the code, what the document looks like may not.
    pub(crate) fn shape(&self) -> Value {
        shape(self.json())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.output).unwrap_or_else(|error| panic!("{error} in:\n{}", self.output))
    }
}

fn shape(value: Value) -> Value {
    match value {
        Value::Number(_) => Value::from("number"),
        Value::Array(items) => items.into_iter().map(shape).collect(),
        Value::Object(fields) => {
            let field = |(name, value): (String, Value)| {
                let value = if name.starts_with("seed") { value } else { shape(value) };
                (name, value)
            };
            fields.into_iter().map(field).collect()
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    }
}
