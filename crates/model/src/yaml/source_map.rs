//! From a path to its place in the text, and from an offset to line and column.

use super::{Document, Node};
use crate::ManifestPath;
use std::ops::Range;

/// Where everything of a manifest was said.
///
/// Built from the file as it is written; [`SourceMap::overlaid`] puts a second tree over it, in
/// which values of an environment overlay stand at the paths that they replace.
#[derive(Debug, Clone)]
pub struct SourceMap {
    file: String,
    text: String,
    lines: LineIndex,
    trees: Vec<Node>,
}

impl SourceMap {
    /// The map of a file.
    #[must_use]
    pub fn new(document: &Document) -> Self {
        Self {
            file: document.file.clone(),
            text: document.text.clone(),
            lines: LineIndex::new(&document.text),
            trees: vec![document.root.clone()],
        }
    }

    /// The map of a file that has no tree.
    #[must_use]
    pub fn of_text(file: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { file: file.into(), lines: LineIndex::new(&text), text, trees: Vec::new() }
    }

    /// Looks paths up in this tree (of ranges in the same file) before all others.
    pub fn overlaid(&mut self, tree: Node) {
        self.trees.insert(0, tree);
    }

    /// The file's name.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the key stands that leads to this value; of a list's item the item itself.
    #[must_use]
    pub fn key(&self, path: &ManifestPath) -> Option<Range<usize>> {
        let (key, node) = self.trees.iter().find_map(|tree| tree.at(path))?;
        Some(key.unwrap_or(&node.range).clone())
    }

    /// Where the value stands; its key where the value is empty.
    #[must_use]
    pub fn value(&self, path: &ManifestPath) -> Option<Range<usize>> {
        let (key, node) = self.trees.iter().find_map(|tree| tree.at(path))?;
        let range = if node.range.is_empty() { key.unwrap_or(&node.range) } else { &node.range };
        Some(range.clone())
    }

    /// The line and column of an offset.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        self.lines.position(&self.text, offset)
    }
}

/// A place as editors show it: both count from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Where the lines of a text begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineIndex(Vec<usize>);

impl LineIndex {
    /// The lines of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The line and column of an offset into that text; offsets behind its end are its end.
    #[must_use]
    pub fn position(&self, text: &str, offset: usize) -> Position {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.0.partition_point(|start| *start <= offset);
        let start = self.0[line - 1];
        Position { line, column: text[start..offset].trim_start_matches('\u{feff}').chars().count() + 1 }
    }
}
