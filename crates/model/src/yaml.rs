//! Text to a tree that remembers where everything was said.
//!
//! [`read`] reports every problem that it can see in one pass and never panics, whatever the bytes
//! are. JSON is read too, since it is YAML. The rules, where YAML leaves a choice:
//!
//! - YAML 1.2, core schema: `yes`, `no`, `on`, `off` are texts, not booleans.
//! - A number with a leading zero (`012`) is a text: half of the world reads it as ten.
//! - Numbers that JSON cannot hold exactly (`.inf`, `.nan`, integers beyond 64 bits) are texts.
//! - Keys are texts as they are written, so `8080: web` has the key `"8080"`.
//! - One document a file; no merge keys (`<<`), which left YAML with 1.2.
//! - Anchors and aliases are expanded within a budget, so that a "YAML bomb" is refused in milliseconds.

mod codes;
mod decode;
mod node;
mod parse;
mod plain;
mod source_map;
pub mod write;

pub use codes::CODES;
pub use node::{Entry, Kind, Node, Style};
pub use parse::Limits;
pub use source_map::{LineIndex, Position, SourceMap};

use crate::Findings;

/// A file that was read.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file's name as the user would write it.
    pub file: String,
    /// Its text; all ranges are byte offsets into it.
    pub text: String,
    /// The tree.
    pub root: Node,
}

/// Reads a file's bytes into a tree. Problems have [`crate::Place::Span`] places that name `file`.
///
/// Returns the tree only when it can be trusted: after a finding that is an error there is none,
/// but for duplicate keys, where the first one stands, and the like.
#[must_use]
pub fn read(file: &str, bytes: &[u8], limits: &Limits, findings: &mut Findings) -> Option<Document> {
    let text = decode::decode(file, bytes, limits, findings)?;
    let root = parse::parse(file, text, limits, findings)?;
    Some(Document { file: file.to_owned(), text: text.to_owned(), root })
}

/// The text of a file as far as it can be shown to a person, when [`read`] refused it.
#[must_use]
pub fn readable(bytes: &[u8]) -> String {
    /// As much as is ever read.
    const SHOWN: usize = 1 << 20;
    String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).into_owned()
}

#[cfg(test)]
mod tests;
