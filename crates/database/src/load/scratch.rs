//! A file that defines tables, in MySQL and MariaDB: it is run in a scratch database; when all of it worked, its tables are moved over by
//! one RENAME TABLE, together with a table of the ledger that says so. Views, triggers, routines and events cannot be moved: they
//! were proved in the scratch database and are made again in the real one, which goes on where it was cut off.
//!
//! A file that needs tables that are there already (ALTER TABLE, a foreign key) cannot be run in a scratch database. It is run in the real
//! one, and the ledger counts its statements: after a failure it is said which were applied, and a mended file goes on there.

use super::mysql::{Deed, done};
use super::{File, NOTHING, words_of};
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::quote;
use crate::script::{LineColumn, Statement, without_definer};
use crate::server::Server;
use model::Digest;
use model::database::{Engine, InitialData};

/// What MySQL says of a table that is not there.
const LACKS_TABLE: [&str; 6] = ["1146", "1824", "1005", "1215", "1051", "1109"];
/// What it says of something that is there already.
const IS_THERE: [&str; 5] = ["1050", "1304", "1359", "1537", "1051"];

pub(super) async fn load(
    server: &Server,
    database: &str,
    data: &InitialData,
    file: &File<'_>,
    statements: &[(Statement<'_>, Deed)],
) -> Result<()> {
    let mut connection = server.fresh(database).await?;
    let work = Work { database, data, file, statements };
    if let Some(begun) = work.begun(&mut connection).await? {
        return work.directly(connection, begun).await;
    }
    let (scratch, mark) = (format!("landfall_load_{}", data.digest.short()), format!("moved_{}", data.digest.short()));
    let has_moved = connection.value(format!(
        "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'landfall' AND TABLE_NAME = {};",
        text(&mark)
    ));
    let has_moved = has_moved.await? == Some("1".to_owned());
    if !has_moved {
        match work.prove(server, &scratch).await {
            Ok(()) => {}
            Err(Failed::LacksTable) => {
                connection.run(format!("DROP DATABASE IF EXISTS {};", name(&scratch))).await?;
                return work.directly(connection, 0).await;
            }
            Err(Failed::For(error)) => {
                // The failure is told, not that of cleaning up.
                let _ = connection.run(format!("DROP DATABASE IF EXISTS {};", name(&scratch))).await;
                return Err(error);
            }
        }
        work.move_tables(&mut connection, &scratch, &mark).await?;
    }
    work.objects(&mut connection, has_moved).await?;
    let clean = format!("DROP DATABASE IF EXISTS {}; DROP TABLE landfall.{};", name(&scratch), name(&mark));
    connection.run(format!("{}{clean}", done(database, data))).await?;
    connection.close().await;
    Ok(())
}

struct Work<'a> {
    database: &'a str,
    data: &'a InitialData,
    file: &'a File<'a>,
    statements: &'a [(Statement<'a>, Deed)],
}

enum Failed {
    /// It needs a table that only the real database has.
    LacksTable,
    For(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::For(error)
    }
}

impl Work<'_> {
    /// Runs all of it in the scratch database.
    async fn prove(&self, server: &Server, scratch: &str) -> Result<(), Failed> {
        let mut connection = server.fresh(self.database).await?;
        let charset = connection.rows(format!(
            "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {};",
            text(self.database)
        ));
        let charset: Vec<String> = charset.await?.into_iter().flatten().flatten().collect();
        let [charset, collation] =
            charset.try_into().unwrap_or(["utf8mb4".to_owned(), "utf8mb4_general_ci".to_owned()]);
        let quoted = name(scratch);
        connection
            .run(format!(
                "DROP DATABASE IF EXISTS {quoted}; CREATE DATABASE {quoted} CHARACTER SET {charset} COLLATE {collation}; USE {quoted};"
            ))
            .await?;
        for (statement, deed) in self.statements.iter().filter(|(_, deed)| *deed != Deed::Database) {
            let Err(error) = connection.run(runnable(statement, *deed)).await else { continue };
            let lacks = LACKS_TABLE.iter().any(|code| error.has_code(code));
            if lacks && has_tables(&mut connection, self.database).await? {
                return Err(Failed::LacksTable);
            }
            return Err(Failed::For(self.file.failed(statement.start, words_of(&error), NOTHING)));
        }
        connection.run("COMMIT; UNLOCK TABLES;").await?;
        connection.close().await;
        Ok(())
    }

    /// Moves all tables in one statement, together with a table of the ledger that says so.
    async fn move_tables(&self, connection: &mut Connection, scratch: &str, mark: &str) -> Result<()> {
        let of_scratch = text(scratch);
        let answers = connection
            .ask(format!(
                "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {of_scratch} AND TABLE_TYPE IN ('BASE TABLE', 'SEQUENCE', 'SYSTEM VERSIONED');
                 SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {of_scratch};"
            ))
            .await?;
        let [tables, triggers] = [0, 1].map(|index| {
            let rows = answers.get(index).map(|answer| answer.rows.as_slice()).unwrap_or_default();
            rows.iter().filter_map(|row| row.first().cloned().flatten()).collect::<Vec<String>>()
        });
        for trigger in triggers {
            connection.run(format!("DROP TRIGGER {}.{};", name(scratch), name(&trigger))).await?;
        }
        let pending = format!("landfall.{}", name(&format!("moving_{}", self.data.digest.short())));
        let mut moves: Vec<String> = tables
            .iter()
            .map(|table| format!("{}.{table} TO {}.{table}", name(scratch), name(self.database), table = name(table)))
            .collect();
        moves.push(format!("{pending} TO landfall.{}", name(mark)));
        let sql = format!(
            "DROP TABLE IF EXISTS {pending}; CREATE TABLE {pending} (nothing int); RENAME TABLE {};",
            moves.join(", ")
        );
        if let Err(error) = connection.run(sql).await {
            let _ = connection
                .run(format!("DROP TABLE IF EXISTS {pending}; DROP DATABASE IF EXISTS {};", name(scratch)))
                .await;
            return Err(self.file.failed(0, words_of(&error), NOTHING));
        }
        Ok(())
    }

    /// Makes views, triggers, routines and events where they belong.
    async fn objects(&self, connection: &mut Connection, is_resumed: bool) -> Result<()> {
        let is_again = |deed: &Deed| matches!(deed, Deed::Object | Deed::Session);
        if !self.statements.iter().any(|(_, deed)| *deed == Deed::Object) {
            return Ok(());
        }
        for (statement, deed) in self.statements.iter().filter(|(_, deed)| is_again(deed)) {
            let first = crate::script::words(statement.text, 1);
            if first.first().is_some_and(|word| word == "LOCK" || word == "UNLOCK") {
                continue;
            }
            let Err(error) = connection.run(runnable(statement, *deed)).await else {
                self.let_callers_answer(connection).await?;
                continue;
            };
            if is_resumed && IS_THERE.iter().any(|code| error.has_code(code)) {
                continue;
            }
            let applied =
                "its tables and rows were applied, this view, trigger or routine and what follows it were not";
            return Err(self.file.failed(statement.start, words_of(&error), applied));
        }
        Ok(())
    }

    /// Routines run with the rights of who calls them, as in PostgreSQL. Otherwise they would run with the administrator's, and one
    /// that puts a statement together from what it is given would let its callers do everything.
    async fn let_callers_answer(&self, connection: &mut Connection) -> Result<()> {
        let question = format!(
            "SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES
             WHERE ROUTINE_SCHEMA = {} AND SECURITY_TYPE = 'DEFINER' AND DEFINER = CURRENT_USER();",
            text(self.database)
        );
        for row in connection.rows(question).await? {
            let mut columns = row.into_iter().flatten();
            let (Some(kind), Some(routine)) = (columns.next(), columns.next()) else { continue };
            let routine = format!("{}.{}", name(self.database), name(&routine));
            connection.run(format!("ALTER {kind} {routine} SQL SECURITY INVOKER;")).await?;
        }
        Ok(())
    }

    /// How many statements of this file the ledger says were run in the real database; none when it was not begun there.
    async fn begun(&self, connection: &mut Connection) -> Result<Option<usize>> {
        let rows = connection
            .rows(format!(
                "SELECT statements, prefix FROM landfall.data_file WHERE database_name = {} AND path = {} AND state = 'part';",
                text(self.database),
                text(&self.data.path)
            ))
            .await?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let mut columns = row.into_iter().flatten();
        let count: usize = columns.next().and_then(|count| count.parse().ok()).unwrap_or(0);
        let prefix = columns.next().unwrap_or_default();
        if self.prefix(count) == prefix {
            return Ok(Some(count));
        }
        let applied = format!("of an earlier content of this file the first {count} statements were applied");
        Err(self.file.failed(
            0,
            "what was applied of it is no longer its beginning; leave those statements as they were, or undo them by hand and \
             delete the file's line from landfall.data_file",
            applied,
        ))
    }

    /// The digest of the first statements.
    fn prefix(&self, count: usize) -> String {
        let texts: Vec<&str> = self.statements.iter().take(count).map(|(statement, _)| statement.text).collect();
        Digest::of(&texts).as_str().to_owned()
    }

    /// Runs the file in the real database, counting.
    async fn directly(&self, mut connection: Connection, begun: usize) -> Result<()> {
        let mut applied = begun;
        for (statement, deed) in &self.statements[begun.min(self.statements.len())..] {
            // A lock would keep the ledger out.
            let is_lock = crate::script::words(statement.text, 1).iter().any(|word| word == "LOCK" || word == "UNLOCK");
            if *deed != Deed::Database
                && !is_lock
                && let Err(error) = connection.run(runnable(statement, *deed)).await
            {
                let said = match applied.checked_sub(1).and_then(|last| self.statements.get(last)) {
                    None => NOTHING.to_owned(),
                    Some((last, _)) => format!(
                        "the {applied} statements before it, up to line {}, were applied; mend the file from here on: it goes on here",
                        LineColumn::of(self.file.text, last.start + last.text.len()).line
                    ),
                };
                return Err(self.file.failed(statement.start, words_of(&error), said));
            }
            if *deed == Deed::Object {
                self.let_callers_answer(&mut connection).await?;
            }
            applied += 1;
            let values = quote::list(
                Engine::Mysql,
                [
                    self.database,
                    self.data.path.as_str(),
                    self.data.digest.as_str(),
                    "part",
                    &applied.to_string(),
                    &self.prefix(applied),
                ],
            );
            connection
                .run(format!(
                    "INSERT INTO landfall.data_file (database_name, path, digest, state, statements, prefix) VALUES ({values}) \
                     ON DUPLICATE KEY UPDATE digest = VALUES(digest), state = 'part', statements = VALUES(statements), prefix = VALUES(prefix);"
                ))
                .await?;
        }
        connection.run(done(self.database, self.data)).await?;
        connection.close().await;
        Ok(())
    }
}

/// The statement as it is run: objects without the definer of where they came from.
fn runnable(statement: &Statement<'_>, deed: Deed) -> String {
    match deed {
        Deed::Object => without_definer(statement.text),
        _ => statement.text.to_owned(),
    }
}

async fn has_tables(connection: &mut Connection, database: &str) -> Result<bool> {
    let question = format!("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {};", text(database));
    Ok(connection.value(question).await? != Some("0".to_owned()))
}

fn name(text: &str) -> String {
    quote::name(Engine::Mysql, text)
}

fn text(value: &str) -> String {
    quote::text(Engine::Mysql, value)
}
