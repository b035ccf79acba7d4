//! PostgreSQL: a file is one transaction with the line in the ledger, run as the owner group.

use super::{File, NOTHING, words_of};
use crate::access::Access;
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::postgres::{LOADER, Loader, group};
use crate::quote;
use crate::script::{Statement, split, words};
use crate::server::Server;
use model::database::{DataForm, Engine, GrantLevel, InitialData};

const ENGINE: Engine = Engine::Postgres;

/// Loads a file in the session of a login that may act for the owner group, and write the ledger's line, and nothing else.
pub(super) async fn load(server: &mut Server, database: &str, data: &InitialData, file: &File<'_>) -> Result<()> {
    let script = match &data.form {
        DataForm::Sql => Script::Statements(statements(file)?),
        DataForm::Csv { table } => Script::Rows(rows(file, table)?),
    };
    let loader = Loader::make(server.access(), database).await?;
    let result = match ledger(server, database, "GRANT", "TO").await {
        Ok(()) => run(&loader.access(), database, data, file, &script).await,
        Err(error) => Err(error),
    };
    let closed = ledger(server, database, "REVOKE", "FROM").await;
    result.and(closed).and(loader.end().await)
}

/// Lets the loader write down that a file was loaded, or no longer.
async fn ledger(server: &mut Server, database: &str, verb: &str, to: &str) -> Result<()> {
    let sql =
        format!("{verb} USAGE ON SCHEMA landfall {to} {LOADER}; {verb} INSERT ON landfall.applied_data {to} {LOADER};");
    server.inside(database).await?.run(sql).await
}

/// What is to be run.
enum Script<'a> {
    Statements(Vec<Statement<'a>>),
    Rows(Rows),
}

async fn run(access: &Access, database: &str, data: &InitialData, file: &File<'_>, script: &Script<'_>) -> Result<()> {
    let mut connection = Connection::open(access).await?;
    let owner = quote::name(ENGINE, &group(database, GrantLevel::Owner));
    let values = quote::list(ENGINE, [data.path.as_str(), data.digest.as_str()]);
    // Written down first: behind the file's statements nothing is run but the end of the transaction.
    let begin = format!(
        "BEGIN; SET LOCAL lock_timeout = '30s'; INSERT INTO landfall.applied_data (path, digest) VALUES ({values}); \
         SET LOCAL ROLE {owner};"
    );
    connection.run(begin).await?;
    match script {
        Script::Statements(statements) => run_all(&mut connection, statements, file).await?,
        Script::Rows(rows) => copy(&mut connection, rows, file).await?,
    }
    // Constraints that are checked at the end speak up here.
    connection.run("COMMIT;").await.map_err(|error| file.failed(file.text.len(), words_of(&error), NOTHING))?;
    connection.close().await;
    Ok(())
}

/// The statements of a file that are run.
fn statements<'a>(file: &File<'a>) -> Result<Vec<Statement<'a>>> {
    let mut statements = split(ENGINE, file.text).map_err(|found| file.unsplittable(found))?;
    statements.retain(|statement| !is_passed_over(statement.text));
    match statements.iter().find(|statement| ends_the_transaction(statement.text)) {
        None => Ok(statements),
        Some(statement) => {
            let cause = "a file is loaded whole or not at all: no statement of its own may undo it or put it off";
            Err(file.failed(statement.start, cause, NOTHING))
        }
    }
}

async fn run_all(connection: &mut Connection, statements: &[Statement<'_>], file: &File<'_>) -> Result<()> {
    for statement in statements {
        let result = match statement.rows {
            Some(rows) => connection.copy_in(statement.text, rows.as_bytes()).await.map(drop),
            None => connection.run(statement.text).await,
        };
        if let Err(error) = result {
            return Err(file.failed(place(file, statement, &error), words_of(&error), NOTHING));
        }
    }
    Ok(())
}

/// Rows as COPY takes them.
struct Rows {
    statement: String,
    text: String,
    /// The file's line of each row.
    lines: Vec<usize>,
}

fn rows(file: &File<'_>, table: &str) -> Result<Rows> {
    let read = file.csv()?;
    let columns: Vec<String> = read.columns.iter().map(|column| quote::name(ENGINE, column)).collect();
    let table: Vec<String> = table.split('.').map(|part| quote::name(ENGINE, part)).collect();
    let statement = format!("COPY {} ({}) FROM STDIN", table.join("."), columns.join(", "));
    let mut text = String::with_capacity(file.text.len());
    for record in &read.records {
        for (index, field) in record.fields.iter().enumerate() {
            if index > 0 {
                text.push('\t');
            }
            match field {
                Some(field) => text.extend(field.chars().map(Escaped).flat_map(Escaped::characters)),
                None => text.push_str("\\N"),
            }
        }
        text.push('\n');
    }
    Ok(Rows { statement, text, lines: read.records.iter().map(|record| record.line).collect() })
}

async fn copy(connection: &mut Connection, rows: &Rows, file: &File<'_>) -> Result<()> {
    let Err(error) = connection.copy_in(&rows.statement, rows.text.as_bytes()).await else { return Ok(()) };
    let line = line_of_copy(&error).and_then(|number| rows.lines.get(number.checked_sub(1)?));
    Err(file.failed_on_line(line.copied().unwrap_or(1), words_of(&error)))
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

/// Whether a statement would end the transaction otherwise than the file's end does.
fn ends_the_transaction(statement: &str) -> bool {
    let words = words(statement, 4);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["ROLLBACK", rest @ ..] => !rest.contains(&"TO"),
        ["ABORT", ..] | ["PREPARE", "TRANSACTION", ..] => true,
        _ => false,
    }
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
        // The dumps of newer tools say it, older servers do not know it; here it means nothing.
        ["SET", "TRANSACTION_TIMEOUT", ..] => true,
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
