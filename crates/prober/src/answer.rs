//! What a question brought.

/// Whether a claim holds, with what came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It does.
    Holds {
        /// What came back, in a few words.
        seen: String,
    },
    /// It does not.
    Fails {
        /// What should have come.
        expected: String,
        /// What came.
        seen: String,
    },
    /// Not yet; somebody else has to do something first.
    Waits {
        /// What came back.
        seen: String,
    },
}

impl Answer {
    pub(crate) fn holds(seen: impl Into<String>) -> Self {
        Self::Holds { seen: seen.into() }
    }

    pub(crate) fn fails(expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self::Fails { expected: expected.into(), seen: seen.into() }
    }

    pub(crate) fn is_good(&self) -> bool {
        matches!(self, Self::Holds { .. })
    }
}
