//! Small shapes that several kinds' specs are made of, and how their texts are read.

use crate::reference::ReferenceText;
use model::process_graph::PortWish;
use model::{Finding, FindingCode, Findings, ManifestPath, Place};
use schemars::JsonSchema;
use serde::Deserialize;

/// A text, a number or a truth value.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// A text.
    Text(String),
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
}

impl Scalar {
    /// As it would be written in a text.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
        }
    }
}

/// One, or a list of them.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// Several.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    pub(crate) fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }

    /// Each with where it stands; `at` is where the one or the list does.
    pub(crate) fn at(self, at: &ManifestPath) -> Vec<(T, ManifestPath)> {
        match self {
            Self::One(one) => vec![(one, at.clone())],
            Self::Many(many) => many.into_iter().enumerate().map(|(index, one)| (one, at.index(index))).collect(),
        }
    }
}

/// A port.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum PortSaid {
    /// This one.
    Number(#[schemars(range(min = 1, max = 65535))] u16),
    /// Any free one.
    Word(AnyPort),
}

/// No wish.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AnyPort {
    /// Any free port.
    Any,
}

impl PortSaid {
    /// What is asked of the machine. A number is taken when it is free.
    pub(crate) fn wish(self) -> PortWish {
        match self {
            Self::Number(number) => PortWish::Preferably(number),
            Self::Word(_) => PortWish::Any,
        }
    }
}

/// Reads a text that may hold references. One that cannot be read was reported when parameters
/// were replaced in it.
pub(crate) fn reference_text(text: &str) -> Option<ReferenceText> {
    ReferenceText::parse(text).ok()
}

/// Adds a finding about the value at a path.
pub(crate) fn report(
    findings: &mut Findings,
    code: &'static FindingCode,
    at: &ManifestPath,
    summary: impl Into<String>,
    help: impl Into<String>,
) {
    findings.push(Finding::new(code, Place::Value(at.clone()), summary).help(help));
}

/// Adds a finding about the key that leads to a path.
pub(crate) fn report_key(
    findings: &mut Findings,
    code: &'static FindingCode,
    at: &ManifestPath,
    summary: impl Into<String>,
    help: impl Into<String>,
) {
    findings.push(Finding::new(code, Place::Key(at.clone()), summary).help(help));
}

/// The known name that was probably meant.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|name| (strsim::damerau_levenshtein(wrong, name), name));
    let best = scored.min_by_key(|(distance, _)| *distance);
    best.filter(|(distance, _)| *distance <= 2.max(wrong.len() / 3)).map(|(_, name)| name)
}
