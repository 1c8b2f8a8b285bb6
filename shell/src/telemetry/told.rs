//! An event that is being described.

use std::collections::BTreeMap;
use std::fmt::Display;

use delian_core::NodeId;
use serde_json::Value;

use crate::shapes::Severity;

/// What is told of an event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) kind: &'static str,
    pub(crate) severity: Severity,
    pub(crate) text: String,
    pub(crate) node: Option<NodeId>,
    pub(crate) fields: BTreeMap<String, Value>,
}

impl Told {
    pub(crate) fn new(kind: &'static str, severity: Severity, text: impl Into<String>) -> Self {
        Self { kind, severity, text: text.into(), node: None, fields: BTreeMap::new() }
    }

    pub(crate) fn routine(kind: &'static str, text: impl Into<String>) -> Self {
        Self::new(kind, Severity::Routine, text)
    }

    pub(crate) fn info(kind: &'static str, text: impl Into<String>) -> Self {
        Self::new(kind, Severity::Info, text)
    }

    pub(crate) fn warning(kind: &'static str, text: impl Into<String>) -> Self {
        Self::new(kind, Severity::Warning, text)
    }

    pub(crate) fn error(kind: &'static str, text: impl Into<String>) -> Self {
        Self::new(kind, Severity::Error, text)
    }

    /// Says which node it is about.
    pub(crate) const fn about(mut self, node: NodeId) -> Self {
        self.node = Some(node);
        self
    }

    /// Adds a number, or what else JSON has a form for.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_string(), value.into());
        self
    }

    /// Adds what is told as a text.
    pub(crate) fn text(self, name: &str, value: impl Display) -> Self {
        self.with(name, value.to_string())
    }
}
