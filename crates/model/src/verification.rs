//! What the probes found: the record behind the table and the evidence file.

use crate::{ComponentName, ManifestPath, ProbeId};
use serde::{Deserialize, Serialize};

/// What one probe found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// Which probe.
    pub probe: ProbeId,
    /// The component whose promise it is.
    pub component: ComponentName,
    /// The line of the manifest.
    pub origin: ManifestPath,
    /// What had to be true.
    pub claim: String,
    /// Whether it is.
    pub verdict: Verdict,
    /// How long asking took, in milliseconds.
    pub duration_ms: u64,
}

/// Whether a claim is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// True; `seen` is what came back, in a few words.
    Passed {
        /// What came back.
        seen: String,
    },
    /// Not true.
    Failed {
        /// What should have come.
        expected: String,
        /// What came.
        seen: String,
        /// What to do.
        help: String,
    },
    /// Not true yet, and nothing here is wrong: somebody else has to do something first.
    Waiting {
        /// What came back.
        seen: String,
        /// What is waited for.
        help: String,
    },
}

/// The results of all probes of one deployment at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerificationReport {
    /// When it was started, RFC 3339.
    pub started_at: String,
    /// In the order in which they were declared.
    pub results: Vec<ProbeResult>,
}

impl VerificationReport {
    /// How many claims hold.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.results.iter().filter(|result| matches!(result.verdict, Verdict::Passed { .. })).count()
    }

    /// How many claims wait for somebody else.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.results.iter().filter(|result| matches!(result.verdict, Verdict::Waiting { .. })).count()
    }

    /// Whether no claim failed: each holds, or waits for somebody else. Less than proved.
    #[must_use]
    pub fn nothing_failed(&self) -> bool {
        !self.results.is_empty() && self.passed() + self.waiting() == self.results.len()
    }

    /// Whether every claim holds. A report without a result proves nothing, so it does not.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        !self.results.is_empty() && self.passed() == self.results.len()
    }
}
