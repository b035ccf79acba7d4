//! Finding the programs of a database engine: which there are, of which release.

use crate::Variables;
use crate::database::install;
use model::database::Engine;
use model::process_graph::DatabaseServerSpec;
use model::{Fault, FaultKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// The oldest releases that may stand for another engine; what a manifest says is about the engine that it names.
const OLDEST_STAND_IN: &[(Engine, &str)] = &[(Engine::Mariadb, "10.5"), (Engine::Mysql, "8.0")];

/// A release as numbers: `15.14`, `10.11.19`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Release(pub(crate) Vec<u32>);

impl Release {
    /// Reads the numbers at the beginning of a text: `8.0.39-0ubuntu0`, `18beta1`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut numbers = Vec::new();
        for part in text.trim().split('.') {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            numbers.push(part.get(..digits)?.parse().ok()?);
            if digits < part.len() {
                break;
            }
        }
        Some(Self(numbers))
    }

    /// Whether it is one of a series: 15.14 is of 15.
    pub(crate) fn is_of(&self, series: &Self) -> bool {
        self.0.starts_with(&series.0)
    }

    /// What has the same form on disk: 15 of 15.14 (PostgreSQL), 10.11 of 10.11.19.
    pub(crate) fn series(&self, engine: Engine) -> Self {
        let has_two = engine.speaks_mysql() || self.0.first().is_some_and(|major| *major < 10);
        Self(self.0.iter().copied().take(if has_two { 2 } else { 1 }).collect())
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

/// The programs of an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Programs {
    /// What they are, which need not be what was wanted.
    pub(crate) engine: Engine,
    /// Their release.
    pub(crate) release: Release,
    /// The server.
    pub(crate) server: PathBuf,
}

impl Programs {
    /// Another program of the same engine: beside the server, beside it in `bin` or `scripts`, on the path.
    pub(crate) fn companion(&self, names: &[&str], variables: &Variables) -> Option<PathBuf> {
        let folder = self.server.parent().unwrap_or(Path::new("/"));
        let prefix = folder.parent().unwrap_or(Path::new("/"));
        let beside = [folder.to_owned(), prefix.join("bin"), prefix.join("scripts")];
        let is_program = |file: &PathBuf| file.is_file();
        names
            .iter()
            .find_map(|name| beside.iter().map(|folder| folder.join(name)).find(is_program))
            .or_else(|| names.iter().find_map(|name| variables.find_programs(name).into_iter().next()))
    }

    /// How it differs from what is wanted; none when it does not.
    pub(crate) fn difference(&self, spec: &DatabaseServerSpec) -> Option<String> {
        let wanted = spec.version.as_deref().and_then(Release::parse);
        let wish = || {
            spec.version
                .as_deref()
                .map_or_else(|| spec.engine.to_string(), |release| format!("{} {release}", spec.engine))
        };
        if self.engine != spec.engine {
            return Some(format!("{} {} stands in for {}", self.engine, self.release, wish()));
        }
        match wanted {
            Some(wanted) if !self.release.is_of(&wanted) => {
                Some(format!("{} {} instead of {}", self.engine, self.release, wish()))
            }
            _ => None,
        }
    }
}

/// The programs for a server: of the release that the data is of when there is data, else of the one that is wanted, else the newest.
///
/// # Errors
/// When there is none, or none that is new enough; the fault says how to install one.
pub(crate) async fn find(
    variables: &Variables,
    spec: &DatabaseServerSpec,
    data: Option<(Engine, Option<&Release>)>,
) -> Result<Programs, Fault> {
    let mut seen: Vec<Result<Programs, String>> = Vec::new();
    for engine in [Some(spec.engine), spec.stand_in].into_iter().flatten() {
        let minimum = if engine == spec.engine {
            Release::parse(&spec.minimum)
        } else {
            OLDEST_STAND_IN.iter().find(|(known, _)| *known == engine).and_then(|(_, text)| Release::parse(text))
        };
        let mut usable = Vec::new();
        for candidate in candidates(variables, engine) {
            match ask(&candidate, variables).await {
                Ok(found) if found.engine == engine => {
                    if minimum.as_ref().is_none_or(|minimum| found.release >= *minimum) {
                        usable.push(found.clone());
                    }
                    seen.push(Ok(found));
                }
                Ok(_) => {}
                Err(why) => seen.push(Err(why)),
            }
        }
        let of_data = data.filter(|(of, _)| *of == engine).and_then(|(_, release)| release);
        let wanted = spec.version.as_deref().and_then(Release::parse);
        let series = [of_data.map(|release| release.series(engine)), wanted];
        let fitting =
            series.iter().flatten().find_map(|series| usable.iter().find(|found| found.release.is_of(series)));
        if let Some(found) = fitting.or_else(|| usable.iter().max_by(|a, b| a.release.cmp(&b.release))) {
            return Ok(found.clone());
        }
    }
    Err(missing(spec, &seen, variables))
}

fn missing(spec: &DatabaseServerSpec, seen: &[Result<Programs, String>], variables: &Variables) -> Fault {
    let operation = format!("looking for the programs of {}", spec.engine);
    let found: Vec<String> = seen
        .iter()
        .map(|one| match one {
            Ok(found) => format!("{} is {} {}", found.server.display(), found.engine, found.release),
            Err(why) => why.clone(),
        })
        .collect();
    let cause = if found.is_empty() {
        format!("there is no server of {} on this machine", spec.engine)
    } else {
        format!("{} {} or newer is needed: {}", spec.engine, spec.minimum, found.join("; "))
    };
    let help = match install::for_engine(spec.engine, variables) {
        Some(installation) => {
            format!("install it with `{}`, or type `landfall up -y`, which does that", installation.command())
        }
        None => format!("install {} {} or newer, and put its server on PATH", spec.engine, spec.minimum),
    };
    Fault::new(FaultKind::NeedsPerson, operation, cause).help(help)
}

/// Every server program of an engine that may be on this machine, each once.
fn candidates(variables: &Variables, engine: Engine) -> Vec<PathBuf> {
    let names: &[&str] = match engine {
        Engine::Mysql => &["mysqld"],
        Engine::Mariadb => &["mariadbd", "mysqld"],
        Engine::Postgres => &["postgres"],
    };
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for name in names {
        let on_path = variables.find_programs(name).into_iter();
        let elsewhere = folders(variables, engine).into_iter().map(|folder| folder.join(name));
        for program in on_path.chain(elsewhere).filter(|program| program.is_file()) {
            let real = program.canonicalize().unwrap_or(program);
            if seen.insert(real.clone()) {
                found.push(real);
            }
        }
    }
    found
}

/// Where packages put servers that are on nobody's path.
fn folders(variables: &Variables, engine: Engine) -> Vec<PathBuf> {
    let root = variables.get("LANDFALL_SYSTEM_ROOT").map_or_else(|| PathBuf::from("/"), PathBuf::from);
    let mut folders: Vec<PathBuf> = match engine {
        Engine::Postgres => {
            let mut folders = numbered(&root.join("usr/lib/postgresql"), "", "bin");
            folders.extend(numbered(&root.join("usr"), "pgsql-", "bin"));
            folders.extend(numbered(&root.join("opt/homebrew/opt"), "postgresql@", "bin"));
            folders.extend(numbered(&root.join("usr/local/opt"), "postgresql@", "bin"));
            folders.extend(numbered(&root.join("home/linuxbrew/.linuxbrew/opt"), "postgresql@", "bin"));
            folders.push(root.join("usr/local/pgsql/bin"));
            folders
        }
        Engine::Mysql | Engine::Mariadb => {
            let kegs = ["opt/homebrew/opt", "usr/local/opt", "home/linuxbrew/.linuxbrew/opt"];
            let name = if engine == Engine::Mysql { "mysql" } else { "mariadb" };
            let of_kegs = kegs.iter().flat_map(|kegs| {
                let kegs = root.join(kegs);
                let mut folders = numbered(&kegs, &format!("{name}@"), "bin");
                folders.push(kegs.join(name).join("bin"));
                folders
            });
            of_kegs.chain([root.join(format!("usr/local/{name}/bin"))]).collect()
        }
    };
    folders.extend(["usr/sbin", "usr/libexec", "usr/bin", "usr/local/sbin", "usr/local/bin"].map(|at| root.join(at)));
    folders
}

/// The folders below one that are called as a release, the newest first.
fn numbered(folder: &Path, prefix: &str, below: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(Release, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((Release::parse(name.strip_prefix(prefix)?)?, entry.path().join(below)))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, folder)| folder).collect()
}

/// Asks a program what it is.
async fn ask(program: &Path, variables: &Variables) -> Result<Programs, String> {
    let trouble = |why: &str| format!("{} {why}", program.display());
    let mut command = Command::new(program);
    command.arg("--version").env_clear().envs(variables.for_installers()).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(Duration::from_secs(20), command.output())
        .await
        .map_err(|_| trouble("does not answer within 20 s"))?
        .map_err(|error| trouble(&format!("cannot be run: {error}")))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let (engine, release) = read_version(&said).ok_or_else(|| trouble("does not say which release it is"))?;
    Ok(Programs { engine, release, server: program.to_owned() })
}

/// What a server says about itself.
fn read_version(said: &str) -> Option<(Engine, Release)> {
    if let Some((_, rest)) = said.split_once("(PostgreSQL) ") {
        return Some((Engine::Postgres, Release::parse(rest.split_ascii_whitespace().next()?)?));
    }
    let (_, rest) = said.split_once("Ver ")?;
    // MariaDB's copies of `mysqld` say what they are, too.
    let engine = if said.contains("MariaDB") { Engine::Mariadb } else { Engine::Mysql };
    Some((engine, Release::parse(rest.split_ascii_whitespace().next()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_say_what_they_are() {
        let read = |said: &str| read_version(said).map(|(engine, release)| format!("{engine} {release}"));
        let cases = [
            ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", "PostgreSQL 15.14"),
            ("postgres (PostgreSQL) 18beta1", "PostgreSQL 18"),
            ("mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)", "MariaDB 10.11.19"),
            ("mysqld  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)", "MariaDB 10.11.19"),
            ("mysqld  Ver 8.4.3 for Linux on x86_64 (MySQL Community Server - GPL)", "MySQL 8.4.3"),
            ("/usr/sbin/mysqld  Ver 8.0.39-0ubuntu0.22.04.1 for Linux on x86_64 ((Ubuntu))", "MySQL 8.0.39"),
        ];
        for (said, expected) in cases {
            assert_eq!(read(said).as_deref(), Some(expected), "{said}");
        }
        assert_eq!(read("something else"), None);
    }

    #[test]
    fn releases_have_series() {
        let release = |text: &str| Release::parse(text).unwrap();
        assert!(release("15.14").is_of(&release("15")) && !release("15.14").is_of(&release("1")));
        assert!(release("10.11.19") > release("10.6") && release("9.6.24") < release("12"));
        assert_eq!(release("15.14").series(Engine::Postgres), release("15"));
        assert_eq!(release("9.6.24").series(Engine::Postgres), release("9.6"));
        assert_eq!(release("10.11.19").series(Engine::Mariadb), release("10.11"));
        assert_eq!(Release::parse("x"), None);
    }
}
