//! What is wrong with a manifest, said so that a person can mend it.

use crate::ManifestPath;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How bad a finding is. Only errors stop a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Note,
    /// Works, but should be changed.
    Warning,
    /// The manifest cannot be used as it is.
    Error,
}

/// The registered meaning of a stable code; `explain CODE` prints it.
///
/// Each crate lists its own codes in a sorted constant; codes are never reused.
#[derive(Debug, PartialEq, Eq)]
pub struct FindingCode {
    /// Three capital letters and three digits, as `NET003`.
    pub code: &'static str,
    /// One line that names the problem without the user's own words in it.
    pub title: &'static str,
    /// A paragraph: what is wrong, why it matters, what to do.
    pub explanation: &'static str,
    /// How bad findings of this code are.
    pub severity: Severity,
}

/// Where a finding is shown. Spans are looked up in the source map when it is printed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The key that leads to the value at this path of the manifest.
    Key(ManifestPath),
    /// The value at this path of the manifest.
    Value(ManifestPath),
    /// A byte range of a file that was read: the manifest itself while it has no tree yet,
    /// a template, a values file.
    Span {
        /// The file's name as the user would write it.
        file: String,
        /// Byte offsets.
        range: Range<usize>,
    },
    /// Not in a file: a flag, an environment variable; the text names it, as `--set users`.
    Outside(String),
}

/// One problem: its code, where, what, and what to type next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The registered code.
    pub code: &'static FindingCode,
    /// How bad it is; the code's severity unless a stage knows better.
    pub severity: Severity,
    /// Where the snippet points.
    pub place: Place,
    /// One line: what was wrong with what.
    pub summary: String,
    /// What to type next, where that can be said.
    pub help: Option<String>,
    /// Other places that belong to the story, each with a label ("first given here").
    pub related: Vec<(Place, String)>,
}

impl Finding {
    /// A finding with the severity of its code.
    pub fn new(code: &'static FindingCode, place: Place, summary: impl Into<String>) -> Self {
        Self { code, severity: code.severity, place, summary: summary.into(), help: None, related: Vec::new() }
    }

    /// Adds what to type next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds another place that belongs to the story.
    #[must_use]
    pub fn related(mut self, place: Place, label: impl Into<String>) -> Self {
        self.related.push((place, label.into()));
        self
    }
}

/// The findings of a run of the stages, in the order in which they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// No finding yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Whether any is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// How many errors there are; a stage compares this before and after a piece of work.
    #[must_use]
    pub fn error_count(&self) -> usize {
        self.0.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Extend<Finding> for Findings {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        self.0.extend(findings);
    }
}
