//! The layers: a file, the environment and flags, each over the ones before it.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{Key, keys};
use super::options::Options;
use super::plain::Plain;
use super::problem::{Origin, Problem, Spot};
use super::words::nearest;

/// What the variables begin with that set keys: `DELIAN_HTTP_LISTEN` sets `http.listen`.
pub const ENVIRONMENT_PREFIX: &str = "DELIAN_";

/// The most bytes of a configuration file: thousands of times what all keys need.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Whether nodes may speak in plain text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plaintext {
    /// Never.
    #[default]
    Refused,
    /// On loopback.
    Permitted,
}

/// A flag of the command line that sets a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// What the flag is called, such as `--http` or `--set`.
    pub name: String,
    /// The key that it sets.
    pub key: String,
    /// What it is set to.
    pub value: String,
}

/// Where settings come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The file: its path and what it holds.
    pub file: Option<(String, String)>,
    /// Variables of the environment; those that do not begin with [`ENVIRONMENT_PREFIX`] are passed over.
    pub environment: Vec<(String, String)>,
    /// Flags, a later one over an earlier one.
    pub flags: Vec<Flag>,
    /// Whether nodes may speak in plain text.
    pub plaintext: Plaintext,
}

impl Sources {
    /// Takes in a file.
    ///
    /// # Errors
    ///
    /// Says why it cannot be read.
    pub fn read_file(&mut self, path: &Path) -> Result<(), String> {
        let shown = path.display().to_string();
        let bytes = fs::metadata(path).map_err(|error| format!("cannot read {shown}: {error}"))?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(format!("{shown} has {bytes} bytes, but a configuration has at most {FILE_BYTES_MAX}"));
        }
        let text = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        self.file = Some((shown, text));
        Ok(())
    }

    /// Takes in the variables of this process that set keys.
    pub fn read_environment(&mut self) {
        let lossy = |text: OsString| text.to_string_lossy().into_owned();
        let variables = env::vars_os().map(|(name, value)| (lossy(name), lossy(value)));
        self.environment = variables.filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX)).collect();
        self.environment.sort();
    }
}

/// The layers, one over the other.
#[derive(Debug, Default)]
pub(super) struct Layered {
    pub(super) options: Options,
    /// Where each key comes from that somebody set.
    pub(super) origins: BTreeMap<&'static str, Origin>,
    pub(super) problems: Vec<Problem>,
}

impl Layered {
    pub(super) fn of(sources: &Sources) -> Self {
        let mut layered = Self::default();
        if let Some((path, text)) = &sources.file {
            layered.file(path, text);
        }
        for (variable, value) in &sources.environment {
            layered.variable(variable, value);
        }
        for flag in &sources.flags {
            layered.flag(flag);
        }
        layered
    }

    pub(super) fn refuse(&mut self, origin: Origin, message: String) {
        self.problems.push(Problem { origin, message });
    }

    fn set(&mut self, key: &'static Key, plain: &Plain, origin: Origin) {
        match (key.set)(&mut self.options, plain) {
            Ok(()) => drop(self.origins.insert(key.name, origin)),
            Err(right) => {
                let verb = if right.starts_with("has ") || right.starts_with("needs ") { "" } else { "but " };
                let shown = (key.redacted)(plain.clone()).to_string();
                let value = if verb.is_empty() { String::new() } else { format!("is {}, ", shortened(&shown)) };
                self.refuse(origin, format!("{} {value}{verb}{right}", key.name));
            }
        }
    }

    fn file(&mut self, path: &str, text: &str) {
        let place = |range: &Range<usize>| Origin::File(Spot::locate(path, text, range));
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let message = error.message().lines().collect::<Vec<_>>().join(": ");
            self.refuse(place(&error.span().unwrap_or(0..0)), message);
        }
        // What follows a mistake in the grammar was perhaps not meant as it reads.
        if !self.problems.is_empty() {
            return;
        }
        let mut entries: Vec<_> = document.get_ref().iter().collect();
        entries.sort_by_key(|(section, _)| section.span().start);
        for (section, value) in entries {
            self.section(section.get_ref(), &section.span(), value, &place);
        }
    }

    fn section(
        &mut self,
        section: &str,
        span: &Range<usize>,
        value: &Spanned<DeValue<'_>>,
        place: &dyn Fn(&Range<usize>) -> Origin,
    ) {
        if keys().all(|key| key.section() != section) {
            let mend = match nearest(section, keys().map(Key::section)) {
                Some(known) => format!("did you mean [{known}]?"),
                None => match keys().find(|key| key.stem() == section) {
                    Some(key) => format!("`{section}` belongs in [{}]", key.section()),
                    None => "`delian node --print-config` shows what there is".to_string(),
                },
            };
            self.refuse(place(span), format!("there is no section `{section}`: {mend}"));
            return;
        }
        let DeValue::Table(table) = value.get_ref() else {
            self.refuse(
                place(&value.span()),
                format!("`{section}` is a section: write [{section}] and its keys below it"),
            );
            return;
        };
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(stem, _)| stem.span().start);
        for (stem, value) in entries {
            let name = format!("{section}.{}", stem.get_ref());
            match Key::find(&name) {
                Some(key) => self.set(key, &Plain::of(value.get_ref()), place(&value.span())),
                None => self.refuse(place(&stem.span()), unknown(&name)),
            }
        }
    }

    fn variable(&mut self, variable: &str, value: &str) {
        let Some(rest) = variable.strip_prefix(ENVIRONMENT_PREFIX) else { return };
        let origin = Origin::Environment(variable.to_string());
        if let Some(key) = keys().find(|key| key.variable() == variable) {
            self.set(key, &(key.meant)(value), origin);
            return;
        }
        // Others share the prefix: the commands that ask a node, and orchestrators that tell of services. What begins like
        // a section or nearly is a key was meant for us.
        let is_section = |key: &Key| rest.to_lowercase().starts_with(&format!("{}_", key.section()));
        let names: Vec<String> = keys().map(Key::variable).collect();
        let near = nearest(variable, names.iter().map(String::as_str));
        if keys().any(is_section) || near.is_some_and(|near| strsim::damerau_levenshtein(near, variable) <= 2) {
            let mend = near.map(|name| format!(": did you mean {name}?")).unwrap_or_default();
            self.refuse(origin, format!("no key is set by this variable{mend}"));
        }
    }

    fn flag(&mut self, flag: &Flag) {
        let origin = Origin::Flag(flag.name.clone());
        match Key::find(&flag.key) {
            Some(key) => self.set(key, &(key.meant)(&flag.value), origin),
            None => self.refuse(origin, unknown(&flag.key)),
        }
    }
}

/// How many letters of a value a message repeats.
const SHOWN_MAX: usize = 60;

fn shortened(value: &str) -> String {
    if value.chars().count() <= SHOWN_MAX {
        return value.to_string();
    }
    format!("{}…", value.chars().take(SHOWN_MAX).collect::<String>())
}

/// Says that there is no such key, and which one was meant.
fn unknown(name: &str) -> String {
    let (section, stem) = name.split_once('.').unwrap_or(("", name));
    let elsewhere = || keys().find(|key| key.stem() == stem).map(|key| key.name);
    let misspelt = |within: &str| {
        let near = nearest(stem, keys().filter(|key| key.section() == within).map(Key::stem))?;
        keys().find(|key| key.section() == within && key.stem() == near).map(|key| key.name)
    };
    let anywhere = || {
        let near = nearest(stem, keys().map(Key::stem))?;
        keys().find(|key| key.stem() == near).map(|key| key.name)
    };
    let mend = match nearest(section, keys().map(Key::section)).and_then(misspelt).or_else(elsewhere).or_else(anywhere)
    {
        Some(key) => format!("did you mean `{key}`?"),
        None => "`delian node --print-config` shows what there is".to_string(),
    };
    format!("there is no key `{name}`: {mend}")
}
