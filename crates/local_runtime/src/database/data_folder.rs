//! What lies in a server's data folder, and who uses it.

use crate::database::programs::{Programs, Release};
use crate::processes::Process;
use model::database::Engine;
use model::{Fault, FaultKind};
use std::fs;
use std::path::{Path, PathBuf};

/// Of what a data folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) engine: Engine,
    /// Not every engine writes it down.
    pub(crate) release: Option<Release>,
}

/// Looks into a data folder.
///
/// # Errors
/// When something lies there that is no engine's data.
pub(crate) fn look(folder: &Path) -> Result<Option<Contents>, Fault> {
    if !folder.exists() {
        return Ok(None);
    }
    let release = |name: &str| Release::parse(&fs::read_to_string(folder.join(name)).ok()?);
    let has = |name: &str| folder.join(name).exists();
    if let Some(release) = release("PG_VERSION") {
        return Ok(Some(Contents { engine: Engine::Postgres, release: Some(release) }));
    }
    if has("aria_log_control") || has("mariadb_upgrade_info") {
        let release = release("mariadb_upgrade_info").or_else(|| release("mysql_upgrade_info"));
        return Ok(Some(Contents { engine: Engine::Mariadb, release }));
    }
    if has("mysql.ibd") || has("mysql") {
        return Ok(Some(Contents { engine: Engine::Mysql, release: release("mysql_upgrade_info") }));
    }
    let cause = "it is not empty, and no database engine's data folder";
    Err(Fault::new(FaultKind::NeedsPerson, format!("using the data folder {}", folder.display()), cause).help(format!(
        "move it away: mv {} {}.old",
        folder.display(),
        folder.display()
    )))
}

/// Refuses data that these programs cannot serve.
///
/// # Errors
/// When it is of another engine or of another series of releases; the fault says how to take it along.
pub(crate) fn check(contents: &Contents, programs: &Programs, folder: &Path) -> Result<(), Fault> {
    let operation = format!("using the data folder {}", folder.display());
    let away = format!("mv {} {}.old", folder.display(), folder.display());
    if contents.engine != programs.engine {
        return Err(Fault::new(
            FaultKind::NeedsPerson,
            operation,
            format!("it holds data of {}, and the server is {} {}", contents.engine, programs.engine, programs.release),
        )
        .help(format!(
            "name {} as the `engine` again; or move the data away (`{away}`) and load it as the `data` of a database",
            contents.engine
        )));
    }
    let (engine, held) = (contents.engine, contents.release.as_ref().map(|release| release.series(contents.engine)));
    let served = programs.release.series(engine);
    match held {
        Some(held) if held != served => Err(Fault::new(
            FaultKind::NeedsPerson,
            operation,
            format!("it holds data of {engine} {held}, and the server is {engine} {}", programs.release),
        )
        .help(format!(
            "install {engine} {held} beside {served}: landfall takes the programs that fit the data. Then `landfall backup`, move the \
             data away (`{away}`), take {engine} {held} off this machine, `landfall up`, and `landfall restore`"
        ))),
        _ => Ok(()),
    }
}

/// Whether a process works in a data folder: servers make it their working directory.
pub(crate) fn is_in_use(folder: &Path) -> bool {
    user_of(folder).is_some()
}

/// The first process of those that work in a data folder.
pub(crate) fn user_of(folder: &Path) -> Option<i32> {
    let Ok(folder) = folder.canonicalize() else { return None };
    let works_there =
        |process: &Process| fs::read_link(format!("/proc/{}/cwd", process.pid)).is_ok_and(|at| at == folder);
    Process::all().into_iter().filter(|process| !process.is_zombie() && works_there(process)).map(|it| it.pid).min()
}

/// Removes what a killed server left to keep others out of its data folder and off its socket. Servers look at the number of the
/// process in it alone, and refuse to start when another process has that number by now, which in a container happens soon.
pub(crate) fn remove_stale_locks(folder: &Path, socket: Option<&Path>) {
    let of_socket = socket.map(|socket| {
        let mut name = socket.as_os_str().to_owned();
        name.push(".lock");
        PathBuf::from(name)
    });
    for lock in [folder.join("postmaster.pid")].into_iter().chain(of_socket) {
        if lock.exists() && !is_in_use(folder) {
            // When it cannot be removed the server says why it does not start.
            let _ = fs::remove_file(lock);
        }
    }
}
