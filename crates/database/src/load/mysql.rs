//! MySQL and MariaDB, whose definitions know no transaction. A file of rows only is one transaction. A file that defines tables is
//! run in a scratch database first ([`super::scratch`]).

use super::{File, NOTHING, scratch, words_of};
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::quote;
use crate::script::{Statement, names, split, words};
use crate::server::Server;
use model::database::{Engine, InitialData};

const ENGINE: Engine = Engine::Mysql;
/// Rows in one INSERT.
const BATCH: usize = 500;
/// What MySQL says of a column or table that is not there: the first line of a CSV file is about these.
const ABOUT_COLUMNS: [&str; 2] = ["1054", "1146"];
/// Databases that no data file changes.
const SERVERS_OWN: [&str; 5] = ["mysql", "sys", "information_schema", "performance_schema", "landfall"];

/// What a statement does, as far as it matters for loading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Rows.
    Rows,
    /// Settings of the session, locks.
    Session,
    /// A transaction's begin or end: the file is one already.
    Transaction,
    /// A view, trigger, routine or event, made or taken away: they cannot be moved between databases.
    Object,
    /// Tables.
    Table,
    /// The database itself: the manifest says which.
    Database,
    /// People and rights, other databases: the manifest's.
    Forbidden,
}

pub(super) fn deed(statement: &str) -> Deed {
    let words = words(statement, 16);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let names_object = |rest: &[&str]| {
        let kinds =
            ["TABLE", "TEMPORARY", "INDEX", "UNIQUE", "SEQUENCE", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT"];
        let first = rest.iter().find(|word| kinds.contains(*word));
        matches!(first, Some(&("VIEW" | "TRIGGER" | "PROCEDURE" | "FUNCTION" | "EVENT")))
    };
    match words.as_slice() {
        ["INSERT" | "REPLACE" | "UPDATE" | "DELETE" | "SELECT" | "DO" | "WITH", ..] => Deed::Rows,
        ["SET", "PASSWORD" | "GLOBAL" | "PERSIST" | "ROLE", ..] => Deed::Forbidden,
        ["SET" | "LOCK" | "UNLOCK", ..] => Deed::Session,
        ["START", "TRANSACTION", ..] | ["BEGIN" | "COMMIT", ..] => Deed::Transaction,
        ["USE", ..] | ["CREATE", "DATABASE" | "SCHEMA", ..] => Deed::Database,
        ["GRANT" | "REVOKE", ..] | ["DROP", "DATABASE" | "SCHEMA", ..] => Deed::Forbidden,
        ["CREATE" | "ALTER" | "DROP" | "RENAME", "USER" | "ROLE", ..] => Deed::Forbidden,
        ["CREATE" | "ALTER" | "DROP", rest @ ..] if names_object(rest) => Deed::Object,
        _ => Deed::Table,
    }
}

pub(super) async fn sql(server: &mut Server, database: &str, data: &InitialData, file: &File<'_>) -> Result<()> {
    let statements = split(ENGINE, file.text).map_err(|found| file.unsplittable(found))?;
    let statements: Vec<(Statement<'_>, Deed)> =
        statements.into_iter().map(|statement| (statement, deed(statement.text))).collect();
    if let Some((statement, _)) = statements.iter().find(|(_, deed)| *deed == Deed::Forbidden) {
        let cause = "people, rights and other databases are the manifest's, not a data file's";
        return Err(file.failed(statement.start, cause, NOTHING));
    }
    // As in a dump of all databases; reading them does no harm.
    let changes_own = |(statement, _): &&(Statement<'_>, Deed)| {
        let first = words(statement.text, 1);
        first.first().is_none_or(|word| word != "SELECT") && SERVERS_OWN.iter().any(|own| names(statement.text, own))
    };
    if let Some((statement, _)) = statements.iter().find(changes_own) {
        let cause = "the server's own databases are not a data file's";
        return Err(file.failed(statement.start, cause, NOTHING));
    }
    let used = |(statement, deed): &&(Statement<'_>, Deed)| {
        *deed == Deed::Database && words(statement.text, 1).first().is_some_and(|word| word == "USE")
    };
    if let Some((second, _)) = statements.iter().filter(used).nth(1) {
        let cause = "this file is for several databases; make one file for each (a dump without --databases)";
        return Err(file.failed(second.start, cause, NOTHING));
    }
    if statements
        .iter()
        .all(|(_, deed)| matches!(deed, Deed::Rows | Deed::Session | Deed::Transaction | Deed::Database))
    {
        return rows_only(server, database, data, file, &statements).await;
    }
    scratch::load(server, database, data, file, &statements).await
}

/// Writes down that a file was loaded.
pub(super) fn done(database: &str, data: &InitialData) -> String {
    let values = quote::list(ENGINE, [database, data.path.as_str(), data.digest.as_str()]);
    format!(
        "INSERT INTO landfall.data_file (database_name, path, digest, state) VALUES ({values}, 'done') \
         ON DUPLICATE KEY UPDATE digest = VALUES(digest), state = 'done', at = CURRENT_TIMESTAMP;"
    )
}

async fn rows_only(
    server: &Server,
    database: &str,
    data: &InitialData,
    file: &File<'_>,
    statements: &[(Statement<'_>, Deed)],
) -> Result<()> {
    let mut connection = server.fresh(database).await?;
    connection.run("SET autocommit = 0;").await?;
    for (statement, deed) in statements {
        // LOCK TABLES would end the transaction.
        let is_lock = words(statement.text, 1).first().is_some_and(|word| word == "LOCK" || word == "UNLOCK");
        if matches!(deed, Deed::Transaction | Deed::Database) || is_lock {
            continue;
        }
        if let Err(error) = connection.run(statement.text).await {
            let applied = undo(&mut connection, database, None).await;
            return Err(file.failed(statement.start, words_of(&error), applied));
        }
    }
    connection.run(format!("{} COMMIT;", done(database, data))).await?;
    connection.close().await;
    Ok(())
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
    let head = format!("INSERT INTO {} ({}) VALUES ", quote::name(ENGINE, table), columns.join(", "));
    let value = |field: &Option<String>| field.as_ref().map_or("NULL".to_owned(), |field| quote::text(ENGINE, field));
    let tuples: Vec<String> = read
        .records
        .iter()
        .map(|record| format!("({})", record.fields.iter().map(value).collect::<Vec<_>>().join(", ")))
        .collect();
    let mut connection = server.fresh(database).await?;
    connection.run("SET autocommit = 0;").await?;
    for (number, batch) in tuples.chunks(BATCH).enumerate() {
        connection.run("SAVEPOINT batch;").await?;
        let Err(error) = connection.run(format!("{head}{};", batch.join(", "))).await else { continue };
        // Which of them it was, the server does not always say: they are tried one by one.
        let mut guilty = (number * BATCH, error);
        if connection.run("ROLLBACK TO SAVEPOINT batch;").await.is_ok() {
            for (index, tuple) in batch.iter().enumerate() {
                if let Err(error) = connection.run(format!("{head}{tuple};")).await {
                    guilty = (number * BATCH + index, error);
                    break;
                }
            }
        }
        let applied = undo(&mut connection, database, Some(table)).await;
        let is_about_columns = ABOUT_COLUMNS.iter().any(|code| guilty.1.has_code(code));
        let record = read.records.get(guilty.0).filter(|_| !is_about_columns);
        let line = record.map_or(1, |record| record.line);
        return Err(Error::Load { place: format!("{}:{line}:1", file.path), cause: words_of(&guilty.1), applied });
    }
    connection.run(format!("{} COMMIT;", done(database, data))).await?;
    connection.close().await;
    Ok(())
}

/// Rolls back, and says what could not be: tables whose engine has no transactions keep what they got. Rows went into `table`
/// alone, when it is said.
async fn undo(connection: &mut Connection, database: &str, table: Option<&str>) -> String {
    let rolled_back = connection.run("ROLLBACK;").await;
    let only = table.map_or(String::new(), |table| format!(" AND TABLE_NAME = {}", quote::text(ENGINE, table)));
    let question = format!(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_TYPE = 'BASE TABLE' AND ENGINE <> 'InnoDB'{only};",
        quote::text(ENGINE, database)
    );
    let others = connection.rows(question).await.unwrap_or_default();
    let names: Vec<String> = others.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
    if names.is_empty() || rolled_back.is_err() {
        return NOTHING.to_owned();
    }
    format!("{NOTHING}, but for what went into tables without transactions ({})", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeds_by_first_words() {
        for (statement, wanted) in [
            ("INSERT INTO t VALUES (1)", Deed::Rows),
            ("/*!40000 ALTER TABLE `t` DISABLE KEYS */", Deed::Table),
            (
                "/*!50001 CREATE ALGORITHM=UNDEFINED */ /*!50013 DEFINER=`a`@`b` SQL SECURITY DEFINER */ /*!50001 VIEW `v` AS select 1 */",
                Deed::Object,
            ),
            ("CREATE TABLE `view` (event int)", Deed::Table),
            ("DROP VIEW IF EXISTS v", Deed::Object),
            ("CREATE DEFINER=a@b TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a = 1", Deed::Object),
            ("CREATE OR REPLACE FUNCTION f() RETURNS int RETURN 1", Deed::Object),
            ("LOCK TABLES `t` WRITE", Deed::Session),
            ("create user x", Deed::Forbidden),
            ("USE `x`", Deed::Database),
        ] {
            assert_eq!(deed(statement), wanted, "{statement}");
        }
    }
}
