//! Copies of databases by the engine's own tools, and back.
//!
//! A backup is a folder: a dump for each database, and `backup.json`, which says what is in them: digests, sizes, the rows of every
//! table, the roles, the server's version, how long it took. It is made under another name and renamed when all of it is on
//! disk, so that what bears its name is whole.

pub(crate) mod half;
mod manifest;
mod tool;

pub use half::{abandon_restore, finish_restore};
pub use manifest::{BackedUpDatabase, BackedUpRole, Backup};

use crate::access::Access;
use crate::connection::Connection;
use crate::error::{Error, Result, refused};
use crate::postgres::Loader;
use crate::quote;
use indexmap::IndexMap;
use model::DigestWriter;
use model::database::{DatabaseContent, Engine};
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

/// The name of the description inside a backup.
pub const DESCRIPTION: &str = "backup.json";

/// Copies the databases of a content into a new folder. `programs` is where the engine's tools lie; without it they are looked for on
/// the search path.
///
/// # Errors
/// When the folder is there already, a tool fails, or the disk is full: then nothing is left.
pub async fn backup(
    programs: Option<&Path>,
    access: &Access,
    content: &DatabaseContent,
    into: &Path,
) -> Result<Backup> {
    if into.exists() {
        return Err(refused(format!("{} is there already", into.display()), "name a folder that is not there"));
    }
    let name = into.file_name().and_then(|name| name.to_str()).unwrap_or("backup");
    let unfinished = into.with_file_name(format!(".{name}.unfinished"));
    // What an earlier run that was killed has left.
    let _ = fs::remove_dir_all(&unfinished);
    create_private(&unfinished)?;
    let result = fill(programs, access, content, &unfinished).await;
    let result = result.and_then(|description| {
        fs::rename(&unfinished, into).map_err(|cause| file(into, cause))?;
        sync(into.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
        Ok(description)
    });
    if result.is_err() {
        let _ = fs::remove_dir_all(&unfinished);
    }
    result
}

async fn fill(programs: Option<&Path>, access: &Access, content: &DatabaseContent, folder: &Path) -> Result<Backup> {
    let begun = Instant::now();
    let mut databases = IndexMap::new();
    for database in content.databases.keys() {
        let begun = Instant::now();
        let number = databases.len();
        let dump = tool::dump_name(access.engine, number);
        let path = folder.join(&dump);
        tool::dump(programs, access, database, &path).await?;
        // Counted after the dump: what is written meanwhile shows up as a difference, not as a loss.
        let rows = count_rows(&access.to_database(database), database).await?;
        let (digest, bytes) = digest(&path)?;
        let milliseconds = milliseconds(begun);
        databases.insert(database.clone(), BackedUpDatabase { file: dump, digest, bytes, rows, milliseconds });
    }
    let roles = content.roles.iter().map(|(name, declared)| {
        let grants = declared.grants.clone();
        (name.clone(), BackedUpRole { logins: declared.logins.keys().cloned().collect(), grants })
    });
    let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let description = Backup {
        format: 1,
        engine: access.engine,
        server: version_of(access).await?,
        at: jiff::Timestamp::from_second(i64::try_from(at).unwrap_or(0)).unwrap_or_default().to_string(),
        databases,
        roles: roles.collect(),
        milliseconds: milliseconds(begun),
    };
    let path = folder.join(DESCRIPTION);
    let json = serde_json::to_string_pretty(&description).map_err(|cause| file(&path, cause))?;
    let mut written = create_file(&path)?;
    written.write_all(json.as_bytes()).and_then(|()| written.sync_all()).map_err(|cause| file(&path, cause))?;
    sync(folder)?;
    Ok(description)
}

/// Copies one database of a backup into a new one. Its roles get their rights by the next `apply` of a content that names it.
///
/// # Errors
/// When the database is there already, the backup is damaged, or the tool fails: then the new database is taken away again.
///
/// The new database bears a mark until [`finish_restore`]; one that bears it when this begins was cut off, and is made anew.
pub async fn restore(
    programs: Option<&Path>,
    access: &Access,
    backup: &Path,
    database: &str,
    into: &str,
) -> Result<Restored> {
    let begun = Instant::now();
    let description = Backup::read(backup)?;
    let Some(copied) = description.databases.get(database) else {
        let all = description.databases.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(refused(format!("{} has no database {database}", backup.display()), format!("it has {all}")));
    };
    let path = backup.join(&copied.file);
    let (digest, bytes) = digest(&path)?;
    if (digest.as_str(), bytes) != (copied.digest.as_str(), copied.bytes) {
        return Err(file(&path, "it is not what was written: its digest is another"));
    }
    let engine = access.engine;
    if description.engine != engine {
        let what = format!("the backup is of {}, the server is {engine}", description.engine);
        return Err(refused(what, "restore it into a server of its engine"));
    }
    let mut home = Connection::open_as_administrator(access).await?;
    let (was, is) = (release(&description.server), release(&version(&mut home).await?));
    if series(engine, &was) > series(engine, &is) {
        let what = format!(
            "the backup is of release {} of {engine}, and the server is {}, which cannot read what a newer one wrote",
            dotted(&was),
            dotted(&is)
        );
        return Err(refused(what, format!("restore it into {engine} {} or newer", dotted(series(engine, &was)))));
    }
    let replaces_half = half::is_half(&mut home, engine, into).await?;
    if replaces_half {
        half::remove(&mut home, engine, into).await?;
    } else if is_there(&mut home, engine, into).await? {
        return Err(there_already(into));
    }
    let owner = match access.engine.speaks_mysql() {
        true => None,
        false => Some(owner_group(&mut home, access, into).await?),
    };
    half::create(&mut home, engine, into, owner.as_deref()).await?;
    let result = match load(programs, access, into, owner.as_deref(), &path).await {
        Ok(()) => compare(access, into, copied).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(differences) => {
            home.close().await;
            Ok(Restored {
                database: into.to_owned(),
                differences,
                replaces_half,
                tables: copied.rows.len(),
                upgraded: (series(engine, &was) != series(engine, &is)).then(|| (dotted(&was), dotted(&is))),
                milliseconds: milliseconds(begun),
            })
        }
        Err(error) => {
            // The failure is told, not that of cleaning up.
            let _ = half::remove(&mut home, engine, into).await;
            Err(error)
        }
    }
}

/// Loads a dump into a new database; in PostgreSQL with the rights of its owner group alone.
async fn load(
    programs: Option<&Path>,
    access: &Access,
    database: &str,
    owner: Option<&str>,
    dump: &Path,
) -> Result<()> {
    let Some(owner) = owner else { return tool::load(programs, access, database, dump).await };
    let loader = Loader::make(access, database).await?;
    let result = tool::load_as(programs, access, (&loader.access(), owner), database, dump).await;
    // The failure is told, not that of cleaning up.
    result.and(loader.end().await)
}

/// What is restored belongs to the group that owns the database once a content names it.
async fn owner_group(home: &mut Connection, access: &Access, database: &str) -> Result<String> {
    let group = crate::postgres::group(database, model::database::GrantLevel::Owner);
    let quoted = quote::name(access.engine, &group);
    match home.run(format!("CREATE ROLE {quoted} NOLOGIN;")).await {
        Err(error) if !error.has_code("42710") => return Err(error),
        // An administrator that is no superuser acts for it as its member.
        _ => {
            let is_superuser = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user;";
            if home.value(is_superuser).await?.as_deref() != Some("t") {
                home.run(format!("GRANT {quoted} TO CURRENT_USER;")).await?;
            }
        }
    }
    Ok(group)
}

/// What came of a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The new database.
    pub database: String,
    /// Whether what an earlier restore that was cut off had left was taken away first.
    pub replaces_half: bool,
    /// The releases of the backup and of the server, where they are of different series.
    pub upgraded: Option<(String, String)>,
    /// How many tables were counted.
    pub tables: usize,
    /// What is not as it was counted when the backup was made; nothing when all is well.
    pub differences: Vec<RowDifference>,
    /// How long it took.
    pub milliseconds: u64,
}

/// A table whose rows are not as many as they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowDifference {
    /// The table.
    pub table: String,
    /// How many rows it had; none when it was not there.
    pub had: Option<u64>,
    /// How many it has; none when it is not there.
    pub has: Option<u64>,
}

/// Counts the rows of a database and compares them with those of a backup.
///
/// # Errors
/// When the backup cannot be read or the server says no.
pub async fn check(access: &Access, backup: &Path, database: &str, restored: &str) -> Result<Vec<RowDifference>> {
    let description = Backup::read(backup)?;
    let Some(copied) = description.databases.get(database) else {
        return Err(refused(format!("{} has no database {database}", backup.display()), "name one that it has"));
    };
    compare(access, restored, copied).await
}

async fn compare(access: &Access, database: &str, copied: &BackedUpDatabase) -> Result<Vec<RowDifference>> {
    let has = count_rows(&access.to_database(database), database).await?;
    let mut tables: Vec<&String> = copied.rows.keys().chain(has.keys()).collect();
    tables.sort();
    tables.dedup();
    let difference = |table: &String| {
        let (had, has) = (copied.rows.get(table).copied(), has.get(table).copied());
        (had != has).then(|| RowDifference { table: table.clone(), had, has })
    };
    Ok(tables.into_iter().filter_map(difference).collect())
}

/// The rows of every table of a database, the ledger's left out.
async fn count_rows(access: &Access, database: &str) -> Result<IndexMap<String, u64>> {
    let engine = access.engine;
    let mut connection = Connection::open_as_administrator(access).await?;
    let question = if engine.speaks_mysql() {
        format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA = {} ORDER BY 2;",
            quote::text(engine, database)
        )
    } else {
        "SELECT nspname, relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'r' \
         AND nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'landfall') ORDER BY 1, 2;"
            .to_owned()
    };
    let mut counts = IndexMap::new();
    for row in connection.rows(question).await? {
        let [Some(schema), Some(table)] = row.as_slice() else { continue };
        let quoted = format!("{}.{}", quote::name(engine, schema), quote::name(engine, table));
        let count = connection.value(format!("SELECT COUNT(*) FROM {quoted};")).await?;
        let shown =
            if engine.speaks_mysql() || schema == "public" { table.clone() } else { format!("{schema}.{table}") };
        counts.insert(shown, count.and_then(|count| count.parse().ok()).unwrap_or(0));
    }
    connection.close().await;
    Ok(counts)
}

async fn version_of(access: &Access) -> Result<String> {
    let mut connection = Connection::open_as_administrator(access).await?;
    let version = version(&mut connection).await?;
    connection.close().await;
    Ok(version)
}

async fn version(connection: &mut Connection) -> Result<String> {
    Ok(connection.value("SELECT version();").await?.unwrap_or_default())
}

/// The numbers of a release in what a server says of itself: `PostgreSQL 15.14 on ...`, `10.11.19-MariaDB`.
fn release(version: &str) -> Vec<u32> {
    let text = version.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..end].split('.').map_while(|number| number.parse().ok()).collect()
}

/// Releases with the same series read each other's dumps: 15 of 15.14 (PostgreSQL), 10.11 of 10.11.19.
fn series(engine: Engine, release: &[u32]) -> &[u32] {
    let length = if engine.speaks_mysql() { 2 } else { 1 };
    &release[..release.len().min(length)]
}

fn dotted(release: &[u32]) -> String {
    release.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

async fn is_there(home: &mut Connection, engine: Engine, database: &str) -> Result<bool> {
    let name = quote::text(engine, database);
    let question = match engine.speaks_mysql() {
        true => format!("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {name};"),
        false => format!("SELECT 1 FROM pg_database WHERE datname = {name};"),
    };
    Ok(home.value(question).await?.is_some())
}

fn there_already(database: &str) -> Error {
    refused(format!("database {database} is there already"), "restore into a database that is not there")
}

fn milliseconds(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn digest(path: &Path) -> Result<(String, u64)> {
    let mut reader = fs::File::open(path).map_err(|cause| file(path, cause))?;
    let (mut writer, mut bytes, mut chunk) = (DigestWriter::default(), 0, vec![0; 1 << 16]);
    loop {
        let read = reader.read(&mut chunk).map_err(|cause| file(path, cause))?;
        if read == 0 {
            return Ok((writer.finish().as_str().to_owned(), bytes));
        }
        writer.write_all(&chunk[..read]).map_err(|cause| file(path, cause))?;
        bytes += read as u64;
    }
}

fn create_private(folder: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|cause| file(folder, cause))
}

/// Makes a file that only this user reads, wherever it is copied to.
fn create_file(path: &Path) -> Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path).map_err(|cause| file(path, cause))
}

fn sync(folder: &Path) -> Result<()> {
    fs::File::open(folder).and_then(|opened| opened.sync_all()).map_err(|cause| file(folder, cause))
}

fn file(path: &Path, cause: impl std::fmt::Display) -> Error {
    Error::File { path: path.display().to_string(), cause: cause.to_string() }
}

/// The path of a program: in the stated folder, or by its name.
fn program(programs: Option<&Path>, name: &str) -> PathBuf {
    programs.map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
}
