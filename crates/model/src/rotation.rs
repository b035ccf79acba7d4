//! How far secrets are in being replaced by new ones.

use crate::NodeId;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Where a secret is in its life. Without a record it is the first, and the only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Which one is used, counted from 1.
    pub generation: u32,
    /// The one before, while it is still valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<u32>,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { generation: 1, previous: None }
    }
}

impl Rotation {
    /// The generations that are valid, the one that is used first.
    pub fn valid(self) -> impl Iterator<Item = u32> {
        std::iter::once(self.generation).chain(self.previous.filter(|previous| *previous != self.generation))
    }
}

/// Where secrets are in their lives, by what they are for: the `Secret` node of their first generation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rotations(IndexMap<NodeId, Rotation>);

impl Rotations {
    /// Where the secret is.
    #[must_use]
    pub fn of(&self, secret: &NodeId) -> Rotation {
        self.0.get(secret).copied().unwrap_or_default()
    }

    /// Says where the secret is.
    pub fn set(&mut self, secret: NodeId, rotation: Rotation) {
        self.0.insert(secret, rotation);
    }

    /// Those of which something is recorded.
    pub fn iter(&self) -> impl Iterator<Item = (&NodeId, Rotation)> {
        self.0.iter().map(|(secret, rotation)| (secret, *rotation))
    }
}
