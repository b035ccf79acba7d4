//! Findings for people and for machines: text with the lines that they are about, JSON, SARIF.

mod json;
mod sarif;
mod sources;
mod text;

pub use json::{JSON_VERSION, to_json};
pub use sarif::to_sarif;
pub use sources::{Located, Sources};
pub use text::{Style, to_text};
