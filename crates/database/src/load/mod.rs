//! Data files: each is loaded once, whole or not at all; where that cannot be, it is said what was applied.

mod mysql;
mod postgres;
mod scratch;

use crate::csv;
use crate::error::{Error, Result};
use crate::script::{LineColumn, Unsplittable};
use crate::server::Server;
use model::Digest;
use model::database::{DataForm, InitialData};
use std::path::Path;

const NOTHING: &str = "nothing of it was applied";

/// A file as text, with the name that people know.
struct File<'a> {
    path: &'a str,
    text: &'a str,
}

impl File<'_> {
    fn place(&self, at: usize) -> String {
        format!("{}:{}", self.path, LineColumn::of(self.text, at))
    }

    /// A failure at a byte.
    fn failed(&self, at: usize, cause: impl std::fmt::Display, applied: impl Into<String>) -> Error {
        Error::Load { place: self.place(at), cause: cause.to_string(), applied: applied.into() }
    }

    fn failed_on_line(&self, line: usize, cause: impl std::fmt::Display) -> Error {
        let place = format!("{}:{line}:1", self.path);
        Error::Load { place, cause: cause.to_string(), applied: NOTHING.to_owned() }
    }

    fn unsplittable(&self, found: Unsplittable) -> Error {
        self.failed(found.at, found.what, NOTHING)
    }

    fn csv(&self) -> Result<csv::Table> {
        csv::read(self.text).map_err(|wrong| self.failed_on_line(wrong.line, wrong.what))
    }
}

/// Loads a file into a database and writes down that it did.
pub(crate) async fn load(server: &mut Server, database: &str, data: &InitialData, folder: &Path) -> Result<()> {
    let path = folder.join(&data.path);
    let bytes = tokio::fs::read(&path).await;
    let bytes = bytes.map_err(|cause| Error::File { path: path.display().to_string(), cause: cause.to_string() })?;
    if Digest::of_bytes(&bytes) != data.digest {
        let cause = "it has changed since the manifest was read".to_owned();
        return Err(Error::File { path: path.display().to_string(), cause });
    }
    let text = std::str::from_utf8(&bytes).map_err(|wrong| {
        let line = bytes[..wrong.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        let place = format!("{}:{line}:1", data.path);
        Error::Load { place, cause: "this is not UTF-8".to_owned(), applied: NOTHING.to_owned() }
    })?;
    let file = File { path: &data.path, text: text.strip_prefix('\u{feff}').unwrap_or(text) };
    if !server.access().engine.speaks_mysql() {
        return postgres::load(server, database, data, &file).await;
    }
    match &data.form {
        DataForm::Sql => mysql::sql(server, database, data, &file).await,
        DataForm::Csv { table } => mysql::csv(server, database, data, &file, table).await,
    }
}

/// The server's words about a statement.
fn words_of(error: &Error) -> String {
    match error {
        Error::Server { code, message, .. } | Error::Denied { code, message } => format!("{message} ({code})"),
        other => other.to_string(),
    }
}
