//! The world refused: what was being done, why it failed, what to do.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a fault means for the run; the command line maps it to an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The same call may work in a moment; the engine may repeat it.
    Transient,
    /// It will fail again until something changes.
    Permanent,
    /// A person has to do something first (install Python, free a port, free disk space).
    NeedsPerson,
    /// Not allowed: credentials or permission.
    Permission,
    /// Took too long.
    Timeout,
    /// Somebody else holds the deployment.
    Locked,
    /// The user stopped it.
    Interrupted,
    /// The state on disk was written by a newer version, or is no state of this product.
    IncompatibleState,
    /// A defect of the product itself.
    Bug,
}

/// A failed operation on the world. Serializable, since journals keep it.
///
/// Texts must never hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What it means.
    pub kind: FaultKind,
    /// What was being done, as a gerund with its object: `installing Python packages for tabpy`.
    pub operation: String,
    /// What came back, in the words of whoever said it.
    pub cause: String,
    /// What to do next, where that can be said.
    pub help: Option<String>,
    /// The last lines of the log that belongs to it, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_tail: Vec<String>,
}

impl Fault {
    /// A fault without advice or log.
    pub fn new(kind: FaultKind, operation: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self { kind, operation: operation.into(), cause: cause.to_string(), help: None, log_tail: Vec::new() }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the tail of a log.
    #[must_use]
    pub fn log_tail(mut self, lines: Vec<String>) -> Self {
        self.log_tail = lines;
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.cause)
    }
}

impl std::error::Error for Fault {}
