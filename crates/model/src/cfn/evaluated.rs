//! What a value is once it is evaluated.

use indexmap::IndexMap;
use std::collections::BTreeSet;
use std::fmt;

/// One named thing because of which something cannot be known: `parameter VpcId has no value`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Why(pub String);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value after evaluation, with the line of the template that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluated {
    /// What it is.
    pub is: Is,
    /// Line, from 1; 0 when it came from no template.
    pub line: u32,
}

/// What a value is after evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Is {
    /// Nothing: null, `AWS::NoValue`, or not said at all.
    Absent,
    /// A text, number or boolean. Pseudo parameters such as the region stand in it as `${AWS::Region}`.
    Text(String),
    /// A list.
    List(Vec<Evaluated>),
    /// A mapping.
    Map(IndexMap<String, Evaluated>),
    /// `Ref` of a resource of the same graph.
    Resource(String),
    /// An attribute of a resource of the same graph.
    Attribute(String, String),
    /// Not to be known, because of these.
    Unknown(BTreeSet<Why>),
}

impl Evaluated {
    /// What stands for a property that was not given.
    pub const ABSENT: Self = Self { is: Is::Absent, line: 0 };

    pub(super) fn unknown(line: u32, why: impl Into<String>) -> Self {
        Self { is: Is::Unknown(BTreeSet::from([Why(why.into())])), line }
    }

    /// The value under a key; absent when this is no mapping or has no such key, unknown when this is unknown.
    #[must_use]
    pub fn get(&self, key: &str) -> &Self {
        match &self.is {
            Is::Map(entries) => entries.get(key).unwrap_or(&Self::ABSENT),
            Is::Unknown(_) => self,
            _ => &Self::ABSENT,
        }
    }

    /// Whether nothing was said.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.is == Is::Absent
    }

    /// The text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.is {
            Is::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Why it is unknown.
    #[must_use]
    pub fn why(&self) -> Option<&BTreeSet<Why>> {
        match &self.is {
            Is::Unknown(whys) => Some(whys),
            _ => None,
        }
    }

    /// The items: of a list its items, of a single value itself, of nothing none.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.is {
            Is::List(items) => items,
            Is::Absent => &[],
            _ => std::slice::from_ref(self),
        }
    }
}
