//! The engines' own tools. Passwords reach them in a file that only its owner reads and that is gone when they end; never as an argument
//! or in the environment.

use super::{create_file, file, program};
use crate::access::{Access, Address, Tls};
use crate::error::{Error, Result, refused};
use model::database::Engine;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::process::Command;

/// The name of a dump in a backup; a database's name may be no name of a file.
pub(super) fn dump_name(engine: Engine, number: usize) -> String {
    format!("{number:03}.{}", if engine.speaks_mysql() { "sql" } else { "dump" })
}

/// Dumps a database into a file, synced.
pub(super) async fn dump(programs: Option<&Path>, access: &Access, database: &str, into: &Path) -> Result<()> {
    let given = Given::new(access)?;
    let output = create_file(into)?;
    let to_be_synced = output.try_clone().map_err(|cause| file(into, cause))?;
    let mut command = if access.engine.speaks_mysql() {
        let mut command =
            mysql_program(programs, access, &["mariadb-dump", "mysqldump"], &["mysqldump", "mariadb-dump"], &given);
        command.args([
            "--single-transaction",
            "--routines",
            "--triggers",
            "--events",
            "--hex-blob",
            "--no-tablespaces",
        ]);
        command.args(["--default-character-set=utf8mb4", "--"]).arg(database);
        command
    } else {
        let mut command = Command::new(program(programs, "pg_dump"));
        // The ledger's schema stays: a restored database is another one, with nothing loaded into it by us.
        command.args([
            "--format=custom",
            "--no-owner",
            "--no-privileges",
            "--exclude-schema=landfall",
            "--no-password",
        ]);
        given.postgres(&mut command, access, database);
        command
    };
    run(command.stdin(Stdio::null()).stdout(output)).await?;
    to_be_synced.sync_all().map_err(|cause| file(into, cause))
}

/// Loads a dump of MySQL's into a database that is there and empty.
pub(super) async fn load(programs: Option<&Path>, access: &Access, database: &str, dump: &Path) -> Result<()> {
    let given = Given::new(access)?;
    let input = fs::File::open(dump).map_err(|cause| file(dump, cause))?;
    let mut command = mysql_program(programs, access, &["mariadb", "mysql"], &["mysql", "mariadb"], &given);
    command.args(["--default-character-set=utf8mb4", "--"]).arg(database).stdin(input);
    run(command.stdout(Stdio::null())).await
}

/// Loads a dump of PostgreSQL's into a database that is there and empty, as a login that acts for the group that owns it.
pub(super) async fn load_as(
    programs: Option<&Path>,
    administrator: &Access,
    (login, owner): (&Access, &str),
    database: &str,
    dump: &Path,
) -> Result<()> {
    let contents = contents(programs, dump).await?;
    for (part, is_administrators) in parts(&contents) {
        let access = if is_administrators { administrator } else { login };
        let given = Given::new(access)?;
        given.write("contents", &part)?;
        let mut command = Command::new(program(programs, "pg_restore"));
        command.args(["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", "--no-password"]);
        command.arg(format!("--use-list={}", given.path("contents").display()));
        if !is_administrators {
            command.arg(format!("--role={owner}"));
        }
        given.postgres(&mut command, access, database);
        run(command.arg(dump).stdin(Stdio::null()).stdout(Stdio::null())).await?;
    }
    Ok(())
}

/// What is in a dump of PostgreSQL, a line for each thing, in the order in which it is made.
async fn contents(programs: Option<&Path>, dump: &Path) -> Result<String> {
    let mut command = Command::new(program(programs, "pg_restore"));
    let output = output(command.arg("--list").arg(dump).stdout(Stdio::piped())).await?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

/// The parts of a dump's contents that are made one after the other, each with whether the administrator makes it: extensions, which
/// an owner often may not make. Their schemas come before them, everything else behind.
fn parts(contents: &str) -> Vec<(String, bool)> {
    let (mut schemas, mut extensions, mut others) = (String::new(), String::new(), String::new());
    for line in contents.lines().filter(|line| !line.starts_with(';')) {
        // `3; 3079 16386 EXTENSION - pg_trgm`, `4; 0 0 COMMENT - EXTENSION pg_trgm`
        let words: Vec<&str> = line.split_whitespace().skip(3).take(3).collect();
        let part = match words.as_slice() {
            ["SCHEMA", ..] => &mut schemas,
            ["EXTENSION", ..] => &mut extensions,
            ["COMMENT", "-", "EXTENSION"] => continue,
            _ => &mut others,
        };
        part.push_str(line);
        part.push('\n');
    }
    let all = [(schemas, false), (extensions, true), (others, false)];
    all.into_iter().filter(|(part, _)| !part.is_empty()).collect()
}

/// The first of the programs that is there; MariaDB's and MySQL's names stand for each other.
fn mysql_program(programs: Option<&Path>, access: &Access, maria: &[&str], mysql: &[&str], given: &Given) -> Command {
    let names = if access.engine == Engine::Mysql { mysql } else { maria };
    let paths: Vec<PathBuf> = names.iter().map(|name| program(programs, name)).collect();
    let search = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |path: &&PathBuf| match path.components().count() {
        1 => std::env::split_paths(&search).any(|folder| folder.join(path).exists()),
        _ => path.exists(),
    };
    let found = paths.iter().find(is_there).or(paths.first()).cloned().unwrap_or_default();
    let mut command = Command::new(found);
    command.arg(format!("--defaults-file={}", given.path("my.cnf").display()));
    command
}

async fn run(command: &mut Command) -> Result<()> {
    output(command).await.map(drop)
}

/// What a tool wrote to its standard output, where that is a pipe.
async fn output(command: &mut Command) -> Result<Vec<u8>> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let failed = |cause: String| Error::Tool { program: name.clone(), cause };
    if command.as_std().get_args().next().is_none() {
        return Err(failed("it was given nothing to do".to_owned()));
    }
    // A Ctrl-C at the terminal is for the command, which ends its tools itself: it goes to the whole group.
    command.process_group(0).stderr(Stdio::piped()).kill_on_drop(true);
    let child = command.spawn().map_err(|cause| failed(cause.to_string()))?;
    let output = child.wait_with_output().await.map_err(|cause| failed(cause.to_string()))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said.lines().rev().take(5).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    Err(failed(if last.is_empty() { output.status.to_string() } else { last.join("; ") }))
}

/// Files for one run of a tool, in a folder that only this user may enter and that goes with it.
struct Given {
    folder: PathBuf,
}

/// How the folders begin; the number of the process follows.
const FOLDER: &str = "landfall-tool-";

/// Removes what processes that were killed have left, with the passwords in it, where the system says who lives.
fn sweep() {
    if !Path::new("/proc/self").exists() {
        return;
    }
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(FOLDER)?.split('-').next()?.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new("/proc").join(process.to_string()).exists()) {
            // Another user's stays.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

static COUNT: AtomicU64 = AtomicU64::new(0);

impl Given {
    fn new(access: &Access) -> Result<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        sweep();
        let folder = std::env::temp_dir().join(format!("{FOLDER}{}-{number}", std::process::id()));
        super::create_private(&folder)?;
        let given = Self { folder };
        if let Tls::VerifyFull { authority_pem } = &access.tls {
            given.write("authority.pem", authority_pem)?;
        }
        if access.engine.speaks_mysql() {
            given.write("my.cnf", &given.defaults(access)?)?;
        } else {
            let escaped = access.password.expose().replace('\\', "\\\\").replace(':', "\\:");
            given.write("pgpass", &format!("*:*:*:*:{escaped}\n"))?;
        }
        Ok(given)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path(name);
        let mut opened = create_file(&path)?;
        opened.write_all(text.as_bytes()).map_err(|cause| file(&path, cause))
    }

    /// MySQL's settings file: who, where, and how trusted.
    fn defaults(&self, access: &Access) -> Result<String> {
        let quoted =
            |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"));
        let mut lines = vec!["[client]".to_owned(), format!("user={}", quoted(&access.user))];
        lines.push(format!("password={}", quoted(access.password.expose())));
        match &access.address {
            Address::Socket(path) => lines.push(format!("socket={}", quoted(&path.display().to_string()))),
            Address::Tcp { host, port, server_name } => {
                if server_name.as_ref().is_some_and(|name| name != host) && access.tls != Tls::Off {
                    return Err(refused(
                        "the engine's tools verify a certificate against the address that they dial",
                        "reach the server by the name on its certificate, or through its socket",
                    ));
                }
                lines.extend([format!("host={}", quoted(host)), format!("port={port}"), "protocol=tcp".to_owned()]);
            }
        }
        if access.tls != Tls::Off {
            let authority = quoted(&self.path("authority.pem").display().to_string());
            lines.push(format!("ssl-ca={authority}"));
            let verify =
                if access.engine == Engine::Mysql { "ssl-mode=VERIFY_IDENTITY" } else { "ssl-verify-server-cert" };
            // Over the socket there is no name to verify; the authority is trusted as the file's.
            if matches!(access.address, Address::Tcp { .. }) {
                lines.push(format!("loose-{verify}"));
            }
        }
        Ok(lines.join("\n") + "\n")
    }

    /// PostgreSQL's tools read where and how from the environment; the password from a file.
    fn postgres(&self, command: &mut Command, access: &Access, database: &str) {
        command.arg(format!("--username={}", access.user));
        let quoted = database.replace('\\', "\\\\").replace('\'', "\\'");
        // As a connection string, so that a name with `=` is a name.
        command.arg(format!("--dbname=dbname='{quoted}'"));
        command.env("PGPASSFILE", self.path("pgpass"));
        for variable in ["PGSSLMODE", "PGSSLROOTCERT", "PGHOSTADDR", "PGPASSWORD", "PGSERVICE", "PGOPTIONS"] {
            command.env_remove(variable);
        }
        match &access.address {
            Address::Socket(path) => {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                match (name.strip_prefix(".s.PGSQL."), path.parent()) {
                    (Some(port), Some(folder)) => command.env("PGHOST", folder).env("PGPORT", port),
                    _ => command.env("PGHOST", path).env("PGPORT", "5432"),
                };
            }
            Address::Tcp { host, port, server_name } => {
                // The name is verified, the address dialled.
                let is_address = host.parse::<std::net::IpAddr>().is_ok();
                if let Some(name) = server_name.as_ref().filter(|_| is_address) {
                    command.env("PGHOST", name).env("PGHOSTADDR", host);
                } else {
                    command.env("PGHOST", host);
                }
                command.env("PGPORT", port.to_string());
            }
        }
        if access.tls != Tls::Off {
            command.env("PGSSLMODE", "verify-full").env("PGSSLROOTCERT", self.path("authority.pem"));
        }
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_swept_away_and_what_a_living_one_uses_stays() {
        // No system gives a process so high a number.
        let [dead, living] = [u32::MAX, std::process::id()].map(|process| {
            let folder = std::env::temp_dir().join(format!("{FOLDER}{process}-of-test"));
            fs::create_dir_all(&folder).unwrap();
            folder
        });
        sweep();
        assert!(living.exists());
        assert_eq!(dead.exists(), !Path::new("/proc/self").exists());
        fs::remove_dir(&living).unwrap();
    }
}
