//! How far secrets are in being replaced by new ones.

use crate::NodeId;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Where a secret is in its life. Without a record it is the first, and the only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Which one is used, counted from 1.
    pub generation: u32,
    /// The one before, until the rotation is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<u32>,
    /// Whether the one before is wanted no more, though it may still be there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends: bool,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { generation: 1, previous: None, ends: false }
    }
}

impl Rotation {
    /// The one before, while it is valid too.
    #[must_use]
    pub fn valid_too(self) -> Option<u32> {
        self.previous.filter(|previous| !self.ends && *previous != self.generation)
    }

    /// The generations that are valid, the one that is used first.
    pub fn valid(self) -> impl Iterator<Item = u32> {
        std::iter::once(self.generation).chain(self.valid_too())
    }
}

/// Where secrets are in their lives, by what they are for: the `Secret` node of their first generation.
///
/// A rotation goes from one value to the next, and whoever carries it out writes each down before it is made true:
/// [`begin`](Self::begin), [`end_previous`](Self::end_previous) when the new one is proved, [`settle`](Self::settle) when the old
/// one is gone. So whoever finds one of them knows what is left to do.
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

    /// Begins to replace a secret; one that is being replaced already stays as it is. `overlaps`: the old one stays valid beside
    /// the new one. Returns whether it was begun now.
    pub fn begin(&mut self, secret: &NodeId, overlaps: bool) -> bool {
        let now = self.of(secret);
        if now.previous.is_some() {
            return false;
        }
        let next = Rotation { generation: now.generation + 1, previous: Some(now.generation), ends: !overlaps };
        self.set(secret.clone(), next);
        true
    }

    /// Whether an old secret is valid beside its new one.
    #[must_use]
    pub fn has_two_valid(&self) -> bool {
        self.0.values().any(|rotation| rotation.valid_too().is_some())
    }

    /// The new ones are proved: the old ones end. Returns those of which that is so, with the generation that stays.
    pub fn end_previous(&mut self) -> Vec<(NodeId, u32)> {
        let both = self.0.iter_mut().filter(|(_, rotation)| rotation.valid_too().is_some());
        let ended = both.map(|(secret, rotation)| {
            rotation.ends = true;
            (secret.clone(), rotation.generation)
        });
        ended.collect()
    }

    /// Everything was made as wanted: when no old secret is valid any more, the rotations are over, all at once, as they may have been
    /// begun by one command. Returns whether there were any.
    pub fn settle(&mut self) -> bool {
        let mut is_changed = false;
        if self.has_two_valid() {
            return false;
        }
        for rotation in self.0.values_mut().filter(|rotation| rotation.ends) {
            (rotation.previous, rotation.ends) = (None, false);
            is_changed = true;
        }
        is_changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_of_a_rotation_is_found_again() {
        let (login, user) = (NodeId::new("db/roles/app"), NodeId::new("app/users/ann/password"));
        let mut rotations = Rotations::default();
        assert!(rotations.begin(&login, true) && rotations.begin(&user, false));
        assert_eq!(rotations.of(&login).valid().collect::<Vec<_>>(), [2, 1]);
        assert_eq!(rotations.of(&user).valid().collect::<Vec<_>>(), [2]);
        // The same verb again goes on.
        assert!(!rotations.begin(&login, true) && !rotations.begin(&user, false) && rotations.has_two_valid());
        // None is over before all are: the same verb again begins none of them a second time.
        assert!(!rotations.settle() && !rotations.begin(&user, false));
        assert_eq!(rotations.end_previous(), [(login.clone(), 2)]);
        assert!(!rotations.has_two_valid() && rotations.end_previous().is_empty());
        assert!(!rotations.begin(&login, true), "the old login may still be there");
        assert!(rotations.settle() && !rotations.settle());
        let text = serde_json::to_string(&rotations).unwrap();
        assert_eq!(text, r#"{"db/roles/app":{"generation":2},"app/users/ann/password":{"generation":2}}"#);
        assert!(rotations.begin(&login, true));
        assert_eq!(rotations.of(&login), Rotation { generation: 3, previous: Some(2), ends: false });
    }
}
