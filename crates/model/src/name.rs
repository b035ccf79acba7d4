//! Names and identifiers. Each is a type of its own, so that one cannot be passed for another.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is no valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a name starts with a lower-case letter and has at most 40 of a-z, 0-9 and '-'")]
pub struct InvalidName;

fn is_name(text: &str) -> bool {
    text.len() <= 40
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text against the rule of names.
            ///
            /// # Errors
            /// When the text is no valid name.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
                let text = text.into();
                if is_name(&text) { Ok(Self(text)) } else { Err(InvalidName) }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

checked_name! {
    /// The name of a component: the key under `components` in the manifest.
    ComponentName
}
checked_name! {
    /// The name of a deployment: `name` in the manifest.
    DeploymentName
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps the text; identifiers are made by the product itself, so every text is valid.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

identifier! {
    /// A node of a [`crate::ProcessGraph`], written `component` or `component/part`, as `tabpy/file/tabpy.conf`.
    NodeId
}
identifier! {
    /// A port that a deployment listens on, written `component/port-name`.
    PortId
}
identifier! {
    /// A probe, written `component/what` or the key under `probes` in the manifest.
    ProbeId
}
identifier! {
    /// A step of a plan: the node's id and the action.
    StepId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        for good in ["a", "tabpy", "web-2", "a0"] {
            assert!(ComponentName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "2a", "a_b", "a-", "é", &"a".repeat(41)] {
            assert!(ComponentName::new(bad).is_err(), "{bad}");
        }
    }
}
