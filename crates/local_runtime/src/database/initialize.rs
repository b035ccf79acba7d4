//! Making a data folder: under a temporary name, synced, renamed. Who is cut off leaves nothing that looks whole.

use crate::Variables;
use crate::database::administrator;
use crate::database::guise::Guise;
use crate::database::programs::Programs;
use crate::database::tool::Tool;
use crate::disk::{self, io_fault};
use model::database::Engine;
use model::process_graph::DATABASE_ADMINISTRATOR;
use model::{Fault, FaultKind, Secret};
use std::fs;
use std::path::{Path, PathBuf};

/// The beginning of a data folder's name before it is whole.
const TEMPORARY: &str = ".making-";

/// What a data folder is made with.
pub(super) struct Making<'a> {
    pub(super) programs: &'a Programs,
    pub(super) guise: &'a Guise,
    pub(super) password: &'a Secret,
    pub(super) variables: &'a Variables,
}

impl Making<'_> {
    /// Makes a data folder with an administrator and nobody else.
    ///
    /// # Errors
    /// When the engine's programs refuse or the disk is full; nothing stays then.
    pub(super) async fn make(&self, data: &Path, tell: &(dyn Fn(&str) + Send + Sync)) -> Result<(), Fault> {
        let parent = data.parent().unwrap_or(Path::new("/"));
        disk::private_folder(parent)?;
        sweep(parent);
        let rest = parent.join(format!("{TEMPORARY}{}", std::process::id()));
        let outcome = self.make_in(&rest, data, tell).await;
        if outcome.is_err() {
            // What stays is swept by the next run.
            let _ = fs::remove_dir_all(&rest);
        }
        outcome
    }

    async fn make_in(&self, rest: &Path, data: &Path, tell: &(dyn Fn(&str) + Send + Sync)) -> Result<(), Fault> {
        disk::private_folder(rest)?;
        let fresh = rest.join("data");
        tell("making the data folder");
        match self.programs.engine {
            Engine::Postgres => self.postgres(rest, &fresh, tell).await?,
            Engine::Mariadb => self.mariadb(&fresh, tell).await?,
            Engine::Mysql => self.mysql(rest, &fresh, tell).await?,
        }
        sync_all(&fresh).map_err(|error| io_fault("syncing", &fresh, &error))?;
        fs::rename(&fresh, data).map_err(|error| io_fault("renaming to", data, &error))?;
        let parent = data.parent().unwrap_or(Path::new("/"));
        disk::sync_folder(parent).map_err(|error| io_fault("syncing", parent, &error))?;
        disk::remove(rest)
    }

    fn tool<'a>(&'a self, command: Vec<String>, input: &'a str, folder: &'a Path) -> Tool<'a> {
        let operation = format!("making a data folder of {}", self.programs.engine);
        Tool { operation, guise: self.guise, command, input, folder, variables: self.variables }
    }

    fn companion(&self, names: &[&str]) -> Result<PathBuf, Fault> {
        self.programs.companion(names, self.variables).ok_or_else(|| {
            let cause = format!("there is no `{}` beside {}", names.join("` or `"), self.programs.server.display());
            Fault::new(FaultKind::NeedsPerson, format!("making a data folder of {}", self.programs.engine), cause)
                .help("install the engine's whole server package, not its server program alone")
        })
    }

    fn own(&self, folder: &Path) -> Result<(), Fault> {
        disk::private_folder(folder)?;
        self.guise.hand_over(folder)
    }

    async fn postgres(&self, rest: &Path, fresh: &Path, tell: &(dyn Fn(&str) + Send + Sync)) -> Result<(), Fault> {
        let initdb = self.companion(&["initdb"])?;
        self.own(fresh)?;
        let password = rest.join("password");
        let line = zeroize::Zeroizing::new(format!("{}\n", self.password.expose()));
        disk::write_atomically(&password, line.as_bytes(), 0o600)?;
        let command = vec![
            initdb.display().to_string(),
            format!("--pgdata={}", fresh.display()),
            format!("--username={DATABASE_ADMINISTRATOR}"),
            format!("--pwfile={}", password.display()),
            "--auth=scram-sha-256".to_owned(),
            "--encoding=UTF8".to_owned(),
            "--no-locale".to_owned(),
            "--data-checksums".to_owned(),
            // Everything is synced once, when it is whole.
            "--no-sync".to_owned(),
        ];
        let outcome = self.tool(command, "", rest).run(tell).await;
        disk::remove(&password)?;
        outcome.map(drop)
    }

    async fn mariadb(&self, fresh: &Path, tell: &(dyn Fn(&str) + Send + Sync)) -> Result<(), Fault> {
        let install = self.companion(&["mariadb-install-db", "mysql_install_db"])?;
        self.own(fresh)?;
        let mut command = vec![
            install.display().to_string(),
            "--no-defaults".to_owned(),
            format!("--datadir={}", fresh.display()),
            "--auth-root-authentication-method=normal".to_owned(),
            administrator::own_temporary_folder(fresh),
            "--skip-test-db".to_owned(),
        ];
        let prefix = self.programs.server.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
        if prefix != Path::new("/usr") && prefix != Path::new("/") {
            command.push(format!("--basedir={}", prefix.display()));
        }
        self.tool(command, "", fresh).run(tell).await?;
        administrator::set(self.programs, self.guise, fresh, self.password, self.variables).await
    }

    async fn mysql(&self, rest: &Path, fresh: &Path, tell: &(dyn Fn(&str) + Send + Sync)) -> Result<(), Fault> {
        self.own(fresh)?;
        let command = vec![
            self.programs.server.display().to_string(),
            "--no-defaults".to_owned(),
            "--initialize-insecure".to_owned(),
            "--secure-file-priv=NULL".to_owned(),
            administrator::own_temporary_folder(fresh),
            format!("--datadir={}", fresh.display()),
        ];
        self.tool(command, "", rest).run(tell).await?;
        administrator::set(self.programs, self.guise, fresh, self.password, self.variables).await
    }
}

/// Removes what cut-off runs left; the caller holds the deployment's lease.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Brings a folder with all that is in it to the disk.
fn sync_all(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync_all(&entry.path())?;
        } else if kind.is_file() {
            fs::File::open(entry.path())?.sync_all()?;
        }
    }
    disk::sync_folder(folder)
}
