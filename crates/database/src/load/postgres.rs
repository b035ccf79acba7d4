//! PostgreSQL: a file is one transaction with the line in the ledger, run as the owner group.

use super::{File, NOTHING, words_of};
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::postgres::group;
use crate::quote;
use crate::script::{Statement, split, words};
use crate::server::Server;
use model::database::{Engine, GrantLevel, InitialData};

const ENGINE: Engine = Engine::Postgres;

pub(super) async fn sql(server: &Server, database: &str, data: &InitialData, file: &File<'_>) -> Result<()> {
    let statements = split(ENGINE, file.text).map_err(|found| file.unsplittable(found))?;
    let mut connection = begin(server, database).await?;
    for statement in statements.iter().filter(|statement| !is_passed_over(statement.text)) {
        let result = match statement.rows {
            Some(rows) => connection.copy_in(statement.text, rows.as_bytes()).await.map(drop),
            None => connection.run(statement.text).await,
        };
        if let Err(error) = result {
            return Err(file.failed(place(file, statement, &error), words_of(&error), NOTHING));
        }
    }
    finish(connection, data, file).await
}

pub(super) async fn csv(
    server: &Server,
    database: &str,
    data: &InitialData,
    file: &File<'_>,
    table: &str,
) -> Result<()> {
    let read = file.csv()?;
    let columns: Vec<String> = read.columns.iter().map(|column| quote::name(ENGINE, column)).collect();
    let table: Vec<String> = table.split('.').map(|part| quote::name(ENGINE, part)).collect();
    let statement = format!("COPY {} ({}) FROM STDIN", table.join("."), columns.join(", "));
    let mut rows = String::with_capacity(file.text.len());
    for record in &read.records {
        for (index, field) in record.fields.iter().enumerate() {
            if index > 0 {
                rows.push('\t');
            }
            match field {
                Some(field) => rows.extend(field.chars().map(Escaped).flat_map(Escaped::characters)),
                None => rows.push_str("\\N"),
            }
        }
        rows.push('\n');
    }
    let mut connection = begin(server, database).await?;
    if let Err(error) = connection.copy_in(&statement, rows.as_bytes()).await {
        let record = line_of_copy(&error).and_then(|number| read.records.get(number.checked_sub(1)?));
        let line = record.map_or(1, |record| record.line);
        return Err(file.failed_on_line(line, words_of(&error)));
    }
    finish(connection, data, file).await
}

/// A character as COPY's text format has it.
struct Escaped(char);

impl Escaped {
    fn characters(self) -> impl Iterator<Item = char> {
        let escape = match self.0 {
            '\\' => Some('\\'),
            '\n' => Some('n'),
            '\r' => Some('r'),
            '\t' => Some('t'),
            _ => None,
        };
        let pair = match escape {
            Some(letter) => [Some('\\'), Some(letter)],
            None => [Some(self.0), None],
        };
        pair.into_iter().flatten()
    }
}

async fn begin(server: &Server, database: &str) -> Result<Connection> {
    let mut connection = server.fresh(database).await?;
    let owner = quote::name(ENGINE, &group(database, GrantLevel::Owner));
    connection.run(format!("BEGIN; SET LOCAL lock_timeout = '30s'; SET LOCAL ROLE {owner};")).await?;
    Ok(connection)
}

async fn finish(mut connection: Connection, data: &InitialData, file: &File<'_>) -> Result<()> {
    let values = quote::list(ENGINE, [data.path.as_str(), data.digest.as_str()]);
    let sql = format!("RESET ROLE; INSERT INTO landfall.applied_data (path, digest) VALUES ({values}); COMMIT;");
    // Constraints that are checked at the end speak up here.
    connection.run(sql).await.map_err(|error| file.failed(file.text.len(), words_of(&error), NOTHING))?;
    connection.close().await;
    Ok(())
}

/// What a file may say and what is decided elsewhere: the file is one transaction; owner is the owner group; rights are the
/// manifest's.
fn is_passed_over(statement: &str) -> bool {
    let words = words(statement, 24);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["BEGIN" | "COMMIT" | "END" | "GRANT" | "REVOKE", ..] | ["START", "TRANSACTION", ..] => true,
        ["ALTER", "DEFAULT", "PRIVILEGES", ..] | ["COMMENT", "ON", "EXTENSION", ..] => true,
        ["SET", "SESSION", "AUTHORIZATION", ..] | ["CREATE", "SCHEMA", "PUBLIC"] => true,
        ["ALTER", rest @ ..] => rest.windows(2).any(|pair| pair == ["OWNER", "TO"]),
        _ => false,
    }
}

/// The byte that the server means, or where the statement begins.
fn place(file: &File<'_>, statement: &Statement<'_>, error: &Error) -> usize {
    if let (Some(rows), Some(line)) = (statement.rows, line_of_copy(error)) {
        let rows_start = rows.as_ptr() as usize - file.text.as_ptr() as usize;
        let before: usize = rows.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        return rows_start + before;
    }
    let Error::Server { position: Some(position), .. } = error else { return statement.start };
    let offset = statement.text.char_indices().nth(position.saturating_sub(1)).map_or(0, |(offset, _)| offset);
    statement.start + offset
}

/// `COPY teams, line 3, column founded: ...` in the server's context.
fn line_of_copy(error: &Error) -> Option<usize> {
    let Error::Server { message, .. } = error else { return None };
    let (_, context) = message.rsplit_once("COPY ")?;
    let (_, rest) = context.split_once(", line ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
