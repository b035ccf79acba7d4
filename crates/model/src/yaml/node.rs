//! The tree.

use super::plain;
use crate::{ManifestPath, Segment};
use serde_json::Value;
use std::ops::Range;

/// A value with where it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it stands; of an alias the alias itself, while its parts lie at the anchor.
    pub range: Range<usize>,
    /// Its explicit tag: `!Ref`, `!!str`.
    pub tag: Option<String>,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A single value; what type it has follows from style and tag, see [`Node::to_json`].
    Scalar {
        /// The text, escapes undone.
        text: String,
        /// How it is written.
        style: Style,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping in the order in which it is written; each key once.
    Mapping(Vec<Entry>),
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes: may be a number, a boolean or null.
    Plain,
    /// In quotes or as a block: always a text.
    Quoted,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_range: Range<usize>,
    /// What is said under it.
    pub value: Node,
}

impl Node {
    /// The text of a scalar, whatever its type.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            Kind::Sequence(_) | Kind::Mapping(_) => None,
        }
    }

    /// The entries of a mapping.
    #[must_use]
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Mapping(entries) => Some(entries),
            Kind::Scalar { .. } | Kind::Sequence(_) => None,
        }
    }

    /// The items of a list.
    #[must_use]
    pub fn items(&self) -> Option<&[Self]> {
        match &self.kind {
            Kind::Sequence(items) => Some(items),
            Kind::Scalar { .. } | Kind::Mapping(_) => None,
        }
    }

    /// The entry of a mapping under a key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    /// The value of a mapping under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        Some(&self.entry(key)?.value)
    }

    /// Whether nothing was said: an empty plain scalar, `~` or `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { .. }) && self.to_json().is_null()
    }

    /// The value at a path below this one, with the range of the key that leads to it.
    #[must_use]
    pub fn at(&self, path: &ManifestPath) -> Option<(Option<&Range<usize>>, &Self)> {
        let mut found = (None, self);
        for segment in path.segments() {
            found = match segment {
                Segment::Key(key) => {
                    let entry = found.1.entry(key)?;
                    (Some(&entry.key_range), &entry.value)
                }
                Segment::Index(index) => (None, found.1.items()?.get(*index)?),
            };
        }
        Some(found)
    }

    /// The value as JSON by the core schema (see the module's rules). Tags but `!!str`, `!!int`,
    /// `!!float`, `!!bool`, `!!null` mean nothing here.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Scalar { text, style } => match (self.tag.as_deref(), style) {
                (Some("!!str" | "!"), _) => Value::String(text.clone()),
                (Some("!!int" | "!!float" | "!!bool" | "!!null"), _) | (_, Style::Plain) => plain::value(text),
                (_, Style::Quoted) => Value::String(text.clone()),
            },
            Kind::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Kind::Mapping(entries) => {
                Value::Object(entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect())
            }
        }
    }

    /// What kind of value it is, for messages: `a text`, `a list`.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match &self.kind {
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a mapping",
            Kind::Scalar { .. } => match self.to_json() {
                Value::Null => "nothing",
                Value::Bool(_) => "true or false",
                Value::Number(_) => "a number",
                _ => "a text",
            },
        }
    }
}
