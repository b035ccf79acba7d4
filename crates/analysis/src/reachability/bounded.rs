//! Three-valued knowledge: what is certain, what is possible, and because of what the two differ.

use super::intervals::SetAlgebra;
use model::cfn::Why;
use std::collections::BTreeSet;

/// Named things because of which something is not known.
pub type Whys = BTreeSet<Why>;

/// One reason.
#[must_use]
pub fn why(text: impl Into<String>) -> Whys {
    BTreeSet::from([Why(text.into())])
}

/// Whether something is so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tri {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// Not known.
    Unknown(Whys),
}

impl Tri {
    /// Whether it may be so.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        *self != Self::No
    }
}

impl From<bool> for Tri {
    fn from(truth: bool) -> Self {
        if truth { Self::Yes } else { Self::No }
    }
}

/// A set between two bounds; the certain one lies inside of the possible one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bounded<T> {
    /// What is in the set whatever is not known.
    pub certain: T,
    /// What may be in it.
    pub possible: T,
    /// Because of what they differ; empty when they do not.
    pub whys: Whys,
}

impl<T: SetAlgebra> Bounded<T> {
    /// A set that is known.
    #[must_use]
    pub fn known(set: T) -> Self {
        Self { certain: set.clone(), possible: set, whys: Whys::new() }
    }

    /// A set of which only an upper bound is known.
    #[must_use]
    pub fn at_most(set: T, whys: Whys) -> Self {
        Self { certain: T::empty(), possible: set, whys }
    }

    /// The empty set.
    #[must_use]
    pub fn none() -> Self {
        Self::known(T::empty())
    }

    /// Adds everything of another set.
    pub fn add(&mut self, other: &Self) {
        if !other.certain.is_empty() {
            self.certain = self.certain.union(&other.certain);
        }
        if !other.possible.is_empty() {
            self.possible = self.possible.union(&other.possible);
        }
        self.whys.extend(other.whys.iter().cloned());
    }
}
