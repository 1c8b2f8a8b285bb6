//! Parameters of a query: each is known, is there once at most unless it may repeat, and says what it may be.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use hyper::http::request::Parts;

use super::fault::{Answer, Fault, Kind};

/// The parameters of a query that are not taken yet.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Fault> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|error| Fault::new(Kind::BadQuery, format!("the query cannot be read: {}", error.body_text())))?;
        Ok(Self(pairs))
    }
}

impl Parameters {
    /// Takes a parameter that may be there once.
    pub(super) fn one(&mut self, name: &str) -> Answer<Option<String>> {
        let mut values = self.all(name);
        match values.len() {
            0 => Ok(None),
            1 => Ok(values.pop()),
            count => Err(wrong(name, &format!("is there {count} times: say it once"))),
        }
    }

    /// Takes a parameter that may repeat.
    pub(super) fn all(&mut self, name: &str) -> Vec<String> {
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(key, _)| key == name);
        self.0 = left;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    /// Takes a number within bounds.
    pub(super) fn number<T>(&mut self, name: &str, within: RangeInclusive<T>) -> Answer<Option<T>>
    where
        T: FromStr + Display + PartialOrd,
    {
        let Some(text) = self.one(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|number| within.contains(number));
        number.map(Some).ok_or_else(|| {
            wrong(name, &format!("is {text:?}: use a number from {} to {}", within.start(), within.end()))
        })
    }

    /// Takes a word of a list.
    pub(super) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Answer<Option<T>> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        word(name, &text, words).map(Some)
    }

    /// Requires that nothing is left.
    pub(super) fn end(self, known: &[&str]) -> Answer<()> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) if known.is_empty() => Err(wrong(name, "is not known here: this path takes none")),
            Some((name, _)) => Err(wrong(name, &format!("is not known here: use {}", known.join(", ")))),
        }
    }
}

/// Returns what a word of a list means.
pub(super) fn word<T: Copy>(name: &str, text: &str, words: &[(&str, T)]) -> Answer<T> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| {
        let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        wrong(name, &format!("is {text:?}: use {}", allowed.join(", ")))
    })
}

/// Says what is wrong with a parameter.
pub(super) fn wrong(name: &str, what: &str) -> Fault {
    Fault::new(Kind::BadQuery, format!("the parameter {name:?} {what}"))
}
