//! A database that is being restored bears a mark, inside itself, from the moment that it is there until it was checked: what a restore
//! that was cut off has left is known by it, and nothing else is ever taken away. The mark goes with the database, whoever drops it.

use super::there_already;
use crate::access::Access;
use crate::connection::Connection;
use crate::error::Result;
use crate::postgres::{LEVELS, LOADER, group};
use crate::quote;
use model::database::Engine;

/// In MySQL and MariaDB an empty procedure of this name, which no list of tables shows; in PostgreSQL the name under which a database is
/// made before it is marked.
pub(crate) const MARK: &str = "landfall_restoring";
/// In PostgreSQL what the comment on the database says.
pub(crate) const COMMENT: &str = "landfall: half restored";

/// Makes a database with its mark.
pub(super) async fn create(home: &mut Connection, engine: Engine, database: &str, owner: Option<&str>) -> Result<()> {
    let quoted = quote::name(engine, database);
    let made = match owner {
        None => {
            let mark = format!("CREATE PROCEDURE {quoted}.{MARK}() COMMENT {} DO 0;", quote::text(engine, COMMENT));
            // In one go, which the server ends even when the command does not live to see it.
            home.run(format!("CREATE DATABASE {quoted} CHARACTER SET utf8mb4; {mark}")).await
        }
        Some(owner) => {
            let owner = quote::name(engine, owner);
            // No transaction holds the making of a database: it gets its name when it is marked.
            home.run(format!("DROP DATABASE IF EXISTS {MARK};")).await?;
            home.run(format!("CREATE DATABASE {MARK} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8';")).await?;
            let comment = quote::text(engine, COMMENT);
            home.run(format!(
                "REVOKE CONNECT ON DATABASE {MARK} FROM PUBLIC; COMMENT ON DATABASE {MARK} IS {comment}; \
                 ALTER DATABASE {MARK} RENAME TO {quoted};"
            ))
            .await
        }
    };
    let Err(error) = made else { return Ok(()) };
    if engine == Engine::Postgres {
        // The failure is told, not that of cleaning up.
        let _ = home.run(format!("DROP DATABASE IF EXISTS {MARK};")).await;
    } else if !error.has_code("1007") {
        let _ = home.run(format!("DROP DATABASE IF EXISTS {quoted};")).await;
    }
    Err(if error.has_code("42P04") || error.has_code("1007") { there_already(database) } else { error })
}

/// Whether a database is there and bears the mark.
pub(super) async fn is_half(home: &mut Connection, engine: Engine, database: &str) -> Result<bool> {
    let [database, mark, comment] = [database, MARK, COMMENT].map(|value| quote::text(engine, value));
    let question = match engine {
        Engine::Postgres => format!(
            "SELECT count(*) FROM pg_database WHERE datname = {database} AND shobj_description(oid, 'pg_database') = {comment};"
        ),
        Engine::Mysql | Engine::Mariadb => format!(
            "SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {database} AND ROUTINE_NAME = {mark};"
        ),
    };
    Ok(home.value(question).await?.is_some_and(|count| count != "0"))
}

/// Takes a marked database away, with what still works in it: a tool outlives a command that is killed.
pub(super) async fn remove(home: &mut Connection, engine: Engine, database: &str) -> Result<()> {
    let text = quote::text(engine, database);
    if engine.speaks_mysql() {
        let sessions = format!("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = {text};");
        for id in home.rows(sessions).await?.into_iter().flatten().flatten() {
            // It may have ended by itself.
            let _ = home.run(format!("KILL {id};")).await;
        }
    } else {
        let sessions = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {text};");
        home.run(sessions).await?;
    }
    home.run(format!("DROP DATABASE {};", quote::name(engine, database))).await?;
    if engine == Engine::Postgres {
        let groups = LEVELS.map(|level| quote::name(engine, &group(database, level)));
        for role in groups.iter().map(String::as_str).chain([LOADER]) {
            // It stays when somebody needs it.
            let _ = home.run(format!("DROP ROLE IF EXISTS {role};")).await;
        }
    }
    Ok(())
}

/// Says that a restored database was checked: from here on it is one like any other.
///
/// # Errors
/// When the server says no.
pub async fn finish_restore(access: &Access, database: &str) -> Result<()> {
    let quoted = quote::name(access.engine, database);
    let mut home = Connection::open_as_administrator(access).await?;
    home.run(match access.engine {
        Engine::Postgres => format!("COMMENT ON DATABASE {quoted} IS NULL;"),
        Engine::Mysql | Engine::Mariadb => format!("DROP PROCEDURE {quoted}.{MARK};"),
    })
    .await?;
    home.close().await;
    Ok(())
}

/// Takes away what a restore that was cut off has made; no other database. Returns whether there was something.
///
/// # Errors
/// When the server says no.
pub async fn abandon_restore(access: &Access, database: &str) -> Result<bool> {
    let mut home = Connection::open_as_administrator(access).await?;
    let is_half = is_half(&mut home, access.engine, database).await?;
    if is_half {
        remove(&mut home, access.engine, database).await?;
    }
    if access.engine == Engine::Postgres {
        home.run(format!("DROP DATABASE IF EXISTS {MARK};")).await?;
    }
    home.close().await;
    Ok(is_half)
}
