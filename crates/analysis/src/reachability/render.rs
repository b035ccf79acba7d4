//! The report for people and machines: text, JSON, SARIF, SVG.

mod sarif;
mod svg;
mod text;

pub use sarif::sarif;
pub use svg::svg;
pub use text::{outline, text};

use super::report::ProofReport;

/// The report as versioned JSON.
#[must_use]
pub fn json(report: &ProofReport) -> serde_json::Value {
    serde_json::to_value(report).unwrap_or(serde_json::Value::Null)
}
