//! The manifest's own probes.

use serde_json::Value;

/// A probe of the manifest that makes sense.
pub struct ValidProbe {
    id: String,
    said: Value,
}

impl ValidProbe {
    pub(crate) fn new(id: String, said: Value) -> Self {
        Self { id, said }
    }

    /// Its name: the key under `probes`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What was said, parameters replaced.
    #[must_use]
    pub fn said(&self) -> &Value {
        &self.said
    }
}
