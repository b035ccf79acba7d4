//! SQL files, split into statements as the engines' own clients split them.

mod mysql;
mod postgres;
mod words;

pub(crate) use words::{names, without_definer, words};

use model::database::Engine;
use std::fmt;

/// A statement of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Statement<'a> {
    /// Its text, without the mark that ends it.
    pub(crate) text: &'a str,
    /// Where it begins in the file, in bytes.
    pub(crate) start: usize,
    /// Rows behind `COPY ... FROM stdin;`.
    pub(crate) rows: Option<&'a str>,
}

/// Why a file cannot be split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsplittable {
    pub(crate) at: usize,
    pub(crate) what: String,
}

/// Splits a file.
pub(crate) fn split(engine: Engine, text: &str) -> Result<Vec<Statement<'_>>, Unsplittable> {
    if engine.speaks_mysql() { mysql::split(text) } else { postgres::split(text) }
}

/// Line and column, both from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineColumn {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl LineColumn {
    pub(crate) fn of(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let column = before[line_start..].chars().count() + 1;
        Self { line: before.bytes().filter(|byte| *byte == b'\n').count() + 1, column }
    }
}

impl fmt::Display for LineColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A cursor over bytes; what matters in SQL is ASCII, so that a cut is never inside a character.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn sees(&self, what: &str) -> bool {
        self.rest().starts_with(what.as_bytes())
    }

    /// Moves behind the next occurrence, or to the end when there is none.
    fn skip_past(&mut self, what: &str) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        match rest.find(what) {
            Some(found) => {
                self.at += found + what.len();
                true
            }
            None => {
                self.at = self.text.len();
                false
            }
        }
    }

    /// Skips a quoted piece whose opening mark is under the cursor; a doubled mark is a mark.
    fn skip_quoted(&mut self, mark: u8, has_backslashes: bool) -> Result<(), Unsplittable> {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            if byte == b'\\' && has_backslashes {
                self.at += 1;
            } else if byte == mark {
                if self.peek() != Some(mark) {
                    return Ok(());
                }
                self.at += 1;
            }
        }
        let what = if mark == b'\'' { "a text" } else { "a quoted name or text" };
        Err(Unsplittable { at: start, what: format!("{what} begins here and never ends") })
    }

    fn skip_line(&mut self) {
        self.skip_past("\n");
    }

    /// The word under the cursor, if one begins here.
    fn word(&self) -> &'a str {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'$' || !byte.is_ascii();
        let length = self.rest().iter().take_while(|byte| is_part(byte)).count();
        self.text.get(self.at..self.at + length).unwrap_or_default()
    }
}
