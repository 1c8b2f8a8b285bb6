//! Reading values out of a parsed TOML document, with every problem collected on the way.
//!
//! A [`Table`] remembers which keys it was asked for; what is left over at the end is unknown, and the nearest key that
//! was asked for is the suggestion. So no list of keys has to be kept beside the code that reads them.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::scenario::check::Section;
use crate::scenario::words::{Word, choice, meaning, nearest};

/// What is collected while a document is read.
pub(crate) struct Reader<'t> {
    text: &'t str,
    /// The places of keys, so that later checks can point at them.
    spans: BTreeMap<(Section, String), Range<usize>>,
    problems: Vec<(Range<usize>, String)>,
}

/// One table of the document.
pub(crate) struct Table<'t> {
    section: Section,
    /// What messages call it, such as `[cluster]`.
    title: &'static str,
    header: Range<usize>,
    content: &'t DeTable<'t>,
    asked: Vec<&'static str>,
}

/// One value of the document and the key that it belongs to.
pub(crate) struct Entry<'t> {
    pub(crate) key: &'static str,
    value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, spans: BTreeMap::new(), problems: Vec::new() }
    }

    pub(crate) fn find(&mut self, span: Range<usize>, message: String) {
        self.problems.push((span, message));
    }

    pub(crate) fn problem_count(&self) -> usize {
        self.problems.len()
    }

    /// Remembers where a key stands that no [`Table::take`] asked for.
    pub(crate) fn remember(&mut self, section: Section, key: &str, span: Range<usize>) {
        self.spans.insert((section, key.to_string()), span);
    }

    /// Returns the place of a key, or of the table where it is missing.
    pub(crate) fn place(&self, section: Section, key: &str) -> Option<Range<usize>> {
        let stem = key.split_once('.').map_or(key, |(stem, _)| stem);
        [key, stem, ""].iter().find_map(|key| self.spans.get(&(section, (*key).to_string()))).cloned()
    }

    pub(crate) fn into_problems(self) -> Vec<(Range<usize>, String)> {
        self.problems
    }

    /// Returns a value as it was written, shortened where it is long.
    fn written(&self, span: &Range<usize>) -> String {
        let line = self.text.get(span.clone()).and_then(|value| value.lines().next()).unwrap_or("");
        if line.chars().count() > 60 {
            format!("{}…", line.chars().take(60).collect::<String>())
        } else {
            line.to_string()
        }
    }
}

impl<'t> Table<'t> {
    pub(crate) fn new(
        reader: &mut Reader<'t>,
        section: Section,
        title: &'static str,
        header: Range<usize>,
        content: &'t DeTable<'t>,
    ) -> Self {
        reader.remember(section, "", header.clone());
        Self { section, title, header, content, asked: Vec::new() }
    }

    /// Returns the value of a key, if it is there.
    pub(crate) fn take(&mut self, reader: &mut Reader<'t>, key: &'static str) -> Option<Entry<'t>> {
        self.asked.push(key);
        let value = self.content.get(key)?;
        reader.remember(self.section, key, value.span());
        Some(Entry { key, value })
    }

    /// Returns the value of a key, and a problem if it is missing.
    pub(crate) fn require(&mut self, reader: &mut Reader<'t>, key: &'static str, right: &str) -> Option<Entry<'t>> {
        let entry = self.take(reader, key);
        if entry.is_none() {
            reader.find(self.header.clone(), format!("{} needs `{key}`: {right}", self.title));
        }
        entry
    }

    pub(crate) fn header(&self) -> Range<usize> {
        self.header.clone()
    }

    /// Reports every key that nobody asked for.
    pub(crate) fn finish(self, reader: &mut Reader<'t>) {
        for key in self.content.keys().filter(|key| !self.asked.contains(&key.get_ref().as_ref())) {
            let mend = match nearest(key.get_ref(), self.asked.iter().copied()) {
                Some(asked) => format!("did you mean `{asked}`?"),
                None => format!("it has {}", choice(self.asked.iter().copied())),
            };
            reader.find(key.span(), format!("{} has no `{}`: {mend}", self.title, key.get_ref()));
        }
    }
}

impl<'t> Entry<'t> {
    pub(crate) fn span(&self) -> Range<usize> {
        self.value.span()
    }

    /// Reports the value, with what would be right in a sentence that follows "but".
    pub(crate) fn refuse(&self, reader: &mut Reader<'t>, right: &str) {
        let written = reader.written(&self.span());
        reader.find(self.span(), format!("{} is {written}, but {right}", self.key));
    }

    /// Reads a table.
    pub(crate) fn table(&self, reader: &mut Reader<'t>, section: Section, title: &'static str) -> Option<Table<'t>> {
        if let DeValue::Table(table) = self.value.get_ref() {
            return Some(Table::new(reader, section, title, self.span(), table));
        }
        self.refuse(reader, &format!("must be a table: {title}"));
        None
    }

    /// Reads the keys of a table and their values, dotted where a table lies within.
    pub(crate) fn pairs(&self, reader: &mut Reader<'t>, example: &str) -> Vec<(String, Range<usize>, Entry<'t>)> {
        let DeValue::Table(table) = self.value.get_ref() else {
            self.refuse(reader, &format!("must be a table, such as {example}"));
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for (key, value) in table {
            let name = key.get_ref().to_string();
            let entry = Entry { key: self.key, value };
            if matches!(value.get_ref(), DeValue::Table(_)) {
                let inner = entry.pairs(reader, example);
                pairs.extend(inner.into_iter().map(|(rest, span, entry)| (format!("{name}.{rest}"), span, entry)));
            } else {
                pairs.push((name, key.span(), entry));
            }
        }
        pairs
    }

    /// Reads an array.
    pub(crate) fn array(&self, reader: &mut Reader<'t>, example: &str) -> Option<Vec<Entry<'t>>> {
        if let DeValue::Array(array) = self.value.get_ref() {
            return Some(array.iter().map(|value| Entry { key: self.key, value }).collect());
        }
        self.refuse(reader, &format!("must be a list, such as {example}"));
        None
    }

    /// Reads `true` or `false`.
    pub(crate) fn truth(&self, reader: &mut Reader<'t>) -> Option<bool> {
        if let DeValue::Boolean(truth) = self.value.get_ref() {
            return Some(*truth);
        }
        self.refuse(reader, "must be true or false");
        None
    }

    /// Returns the text of a string, and nothing for another kind of value.
    pub(crate) fn str(&self) -> Option<&'t str> {
        self.value.get_ref().as_str()
    }

    /// Reads a string with one of the readers of `words`.
    pub(crate) fn parse<T>(&self, reader: &mut Reader<'t>, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        // A value of another kind gets the error of an empty text, which says what would be right.
        match read(self.str().unwrap_or("")) {
            Ok(value) if self.str().is_some() => Some(value),
            Ok(_) => {
                self.refuse(reader, "must be in quotes");
                None
            }
            Err(right) => {
                self.refuse(reader, &right);
                None
            }
        }
    }

    /// Reads one of a list of words.
    pub(crate) fn word<T: Copy>(&self, reader: &mut Reader<'t>, words: &[Word<T>]) -> Option<T> {
        let known = || words.iter().map(|(word, _)| *word);
        self.parse(reader, |text| {
            meaning(words, text).ok_or_else(|| match nearest(text, known()) {
                Some(word) => format!("must be {}: did you mean `{word}`?", choice(known())),
                None => format!("must be {}", choice(known())),
            })
        })
    }

    /// Reads a whole number within a range.
    pub(crate) fn number<T>(&self, reader: &mut Reader<'t>, range: &RangeInclusive<T>) -> Option<T>
    where
        T: Copy + PartialOrd + std::fmt::Display + TryFrom<i128>,
    {
        let number = self.integer().and_then(|number| T::try_from(number).ok()).filter(|number| range.contains(number));
        if number.is_none() {
            let kind = if self.integer().is_some() { "" } else { "a whole number " };
            self.refuse(reader, &format!("must be {kind}from {} to {}", range.start(), range.end()));
        }
        number
    }

    /// Reads a number of bytes, with a unit or without.
    pub(crate) fn bytes(&self, reader: &mut Reader<'t>) -> Option<u64> {
        match self.integer().map(u64::try_from) {
            Some(Ok(bytes)) => Some(bytes),
            Some(Err(_)) => {
                self.refuse(reader, "must be from 0 to less than 2^64 bytes");
                None
            }
            None => self.parse(reader, crate::scenario::words::read_bytes),
        }
    }

    /// Reads a number that is not negative and has at most three decimals, in thousandths; nothing for any other value.
    pub(crate) fn thousandths(&self) -> Option<u32> {
        if let Some(integer) = self.integer() {
            return integer.checked_mul(1000).and_then(|number| u32::try_from(number).ok());
        }
        let float = self.value.get_ref().as_float()?.as_str();
        let (whole, decimals) = float.trim_start_matches('+').split_once('.')?;
        if decimals.len() > 3 || !decimals.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        format!("{whole}{decimals:0<3}").parse().ok()
    }

    fn integer(&self) -> Option<i128> {
        let integer = self.value.get_ref().as_integer()?;
        // Any integer beyond 128 bits is out of every range here, as the greatest one is.
        Some(i128::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(i128::MAX))
    }
}
