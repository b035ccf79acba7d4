//! Where in the manifest something was said.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One step down from a mapping (a key) or a list (an index).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Segment {
    /// The key of a mapping.
    Key(String),
    /// The position in a list, from 0.
    Index(usize),
}

/// A path from the manifest's root to a value, printed as `components.web.routes./` or `users[1]`.
///
/// Values keep paths, never spans: the line and column are looked up when a person is shown one.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ManifestPath(Vec<Segment>);

impl ManifestPath {
    /// The manifest as a whole.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The value under a key of this mapping.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        let mut path = self.clone();
        path.0.push(Segment::Key(key.into()));
        path
    }

    /// The value at a position of this list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut path = self.clone();
        path.0.push(Segment::Index(index));
        path
    }

    /// The path of the mapping or list that holds this value.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, rest) = self.0.split_last()?;
        Some(Self(rest.to_vec()))
    }

    /// The steps from the root.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }
}

impl FromIterator<Segment> for ManifestPath {
    fn from_iter<I: IntoIterator<Item = Segment>>(segments: I) -> Self {
        Self(segments.into_iter().collect())
    }
}

impl fmt::Display for ManifestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("(the manifest)");
        }
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if position == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_people_write_paths() {
        let path = ManifestPath::root().key("components").key("app").key("users").index(1);
        assert_eq!(path.to_string(), "components.app.users[1]");
        assert_eq!(path.parent().unwrap().to_string(), "components.app.users");
        assert_eq!(ManifestPath::root().to_string(), "(the manifest)");
    }
}
