//! The files that findings point into, and where in them each place is.

use indexmap::IndexMap;
use model::yaml::{Position, SourceMap};
use model::{Finding, Findings, Place};
use std::ops::Range;

/// The files of a compilation.
#[derive(Debug, Clone)]
pub struct Sources {
    manifest: SourceMap,
    others: IndexMap<String, SourceMap>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The file's name.
    pub file: String,
    /// Byte offsets.
    pub range: Range<usize>,
    /// Where it begins.
    pub start: Position,
    /// Where it ends, exclusive.
    pub end: Position,
}

impl Sources {
    /// The manifest alone.
    #[must_use]
    pub fn new(manifest: SourceMap) -> Self {
        Self { manifest, others: IndexMap::new() }
    }

    /// Adds a file.
    pub fn add(&mut self, file: SourceMap) {
        self.others.insert(file.file().to_owned(), file);
    }

    /// Whether the text of a file is here.
    #[must_use]
    pub fn knows(&self, file: &str) -> bool {
        self.manifest.file() == file || self.others.contains_key(file)
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &SourceMap {
        &self.manifest
    }

    /// The text of a file.
    pub(crate) fn text(&self, file: &str) -> Option<&str> {
        self.map(file).map(SourceMap::text)
    }

    fn map(&self, file: &str) -> Option<&SourceMap> {
        if self.manifest.file() == file { Some(&self.manifest) } else { self.others.get(file) }
    }

    /// Where a place is; `None` when it is in no file. A path that is not in the manifest (a value
    /// that came from elsewhere) is shown at the nearest one above it.
    #[must_use]
    pub fn locate(&self, place: &Place) -> Option<Located> {
        let (map, range) = match place {
            Place::Outside(_) => return None,
            Place::Span { file, range } => match self.map(file) {
                Some(map) => (map, within(map.text(), range)),
                None => {
                    let start = Position { line: 1, column: 1 };
                    return Some(Located { file: file.clone(), range: 0..0, start, end: start });
                }
            },
            Place::Key(path) | Place::Value(path) => {
                let is_key = matches!(place, Place::Key(_));
                let mut path = path.clone();
                let mut found = if is_key { self.manifest.key(&path) } else { self.manifest.value(&path) };
                while found.is_none() {
                    let Some(above) = path.parent() else { break };
                    path = above;
                    found = self.manifest.key(&path);
                }
                let range = found.unwrap_or_default();
                // The manifest as a whole is shown by its first line.
                (&self.manifest, if path.segments().is_empty() { range.start..range.start } else { range })
            }
        };
        let start = map.position(range.start);
        let end = map.position(range.end);
        Some(Located { file: map.file().to_owned(), range, start, end })
    }

    /// The findings in the order of their places: flags and variables, then the manifest from top
    /// to bottom, then other files.
    #[must_use]
    pub fn sorted<'f>(&self, findings: &'f Findings) -> Vec<(&'f Finding, Option<Located>)> {
        let mut all: Vec<_> = findings.iter().map(|finding| (finding, self.locate(&finding.place))).collect();
        all.sort_by(|(one, one_at), (other, other_at)| {
            let key = |at: &Option<Located>| {
                at.as_ref().map(|at| (at.file != self.manifest.file(), at.file.clone(), at.range.start, at.range.end))
            };
            (key(one_at), one.code.code, &one.summary).cmp(&(key(other_at), other.code.code, &other.summary))
        });
        all.dedup_by(|(one, _), (other, _)| one == other);
        all
    }
}

/// A range that whoever made it may have counted in another form of the text.
fn within(text: &str, range: &Range<usize>) -> Range<usize> {
    let fit = |mut offset: usize| {
        offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    };
    let start = fit(range.start);
    start..fit(range.end).max(start)
}
