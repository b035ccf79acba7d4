//! Backups of a deployment's databases: folders in its home, the newest kept, made whole or not at all.

use crate::database::access::{access_to, wait_for};
use crate::database::content::passwords;
use crate::database::record::Record;
use crate::disk;
use crate::ports;
use crate::target::LocalTarget;
use database::{Access, Backup, Given, Observed, Restored, Server};
use model::database::Engine;
use model::process_graph::{DatabaseContentSpec, NodeSpec, ProcessGraph};
use model::{ComponentName, Fault, FaultKind};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// The beginning of a backup's name before it is whole.
const TEMPORARY: &str = ".making-";
/// The file with what a person said of it.
const NOTE: &str = "note.json";
/// The folder with what the engine's tools wrote.
const CONTENT: &str = "content";

/// A database server of a deployment with what it must hold.
#[derive(Debug, Clone, Copy)]
pub struct BackupSource<'a> {
    /// The component.
    pub component: &'a ComponentName,
    /// What it holds.
    pub spec: &'a DatabaseContentSpec,
}

/// A backup that is there.
#[derive(Debug, Clone, Serialize)]
pub struct KeptBackup {
    /// Its name: when it was made, and of what.
    pub id: String,
    /// The component.
    pub component: ComponentName,
    /// What a person said of it.
    pub about: Option<String>,
    /// Where it is.
    pub folder: PathBuf,
    /// What is in it.
    pub content: Backup,
}

impl KeptBackup {
    /// How large its dumps are.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.content.databases.values().map(|database| database.bytes).sum()
    }
}

/// A database that was made from a backup, and how the check went.
#[derive(Debug)]
pub struct Recovery {
    /// What was made, with the tables that have other rows than before.
    pub restored: Restored,
    /// Roles of the backup that the server no longer has.
    pub lost_roles: Vec<String>,
    /// Roles of the server that the backup does not know.
    pub new_roles: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Note {
    component: ComponentName,
    about: Option<String>,
}

/// The database servers of a graph.
#[must_use]
pub fn backup_sources(graph: &ProcessGraph) -> Vec<BackupSource<'_>> {
    let sources = graph.nodes.values().filter_map(|node| match &node.spec {
        NodeSpec::DatabaseContent(spec) => Some(BackupSource { component: &node.component, spec }),
        _ => None,
    });
    sources.collect()
}

impl LocalTarget {
    /// Copies the databases of a server, then removes the oldest copies beyond those that are kept. Only the holder of the lease may
    /// call it. Returns the backup and the names of those that were removed.
    ///
    /// # Errors
    /// When the server does not run, a tool fails, the disk is full or it is interrupted; nothing half-made stays.
    pub async fn back_up(
        &self,
        source: BackupSource<'_>,
        about: Option<&str>,
        interrupt: &CancellationToken,
        tell: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<(KeptBackup, Vec<String>), Fault> {
        let operation = format!("backing up {}", source.component);
        let all = self.home.backups();
        disk::private_folder(&all)?;
        sweep(&all);
        let (access, programs) = self.way_to(source.spec)?;
        let id = self.free_name(source.component);
        let rest = all.join(format!("{TEMPORARY}{id}"));
        disk::private_folder(&rest)?;
        let made = async {
            wait_for(&access, tell).await?;
            let note = Note { component: source.component.clone(), about: about.map(str::to_owned) };
            disk::write_json(&rest.join(NOTE), &note)?;
            let into = rest.join(CONTENT);
            let made = database::backup(programs.as_deref(), &access, &source.spec.content, &into).await;
            made.map_err(|error| error.into_fault(&operation))?;
            let folder = all.join(&id);
            std::fs::rename(&rest, &folder).map_err(|error| disk::io_fault("renaming to", &folder, &error))?;
            disk::sync_folder(&all).map_err(|error| disk::io_fault("syncing", &all, &error))
        };
        let made = tokio::select! {
            biased;
            () = interrupt.cancelled() => {
                Err(Fault::new(FaultKind::Interrupted, operation.clone(), "it was interrupted; nothing of it is left")
                    .help("type the same command again"))
            }
            made = made => made,
        };
        if let Err(fault) = made {
            let _ = std::fs::remove_dir_all(&rest);
            return Err(fault);
        }
        let kept = read(&all.join(&id))?;
        let mut ours = self.backups()?;
        ours.retain(|backup| backup.component == *source.component);
        let beyond = ours.len().saturating_sub(usize::try_from(source.spec.backups_kept.max(1)).unwrap_or(usize::MAX));
        let mut removed = Vec::new();
        for old in ours.into_iter().take(beyond) {
            disk::remove(&old.folder)?;
            removed.push(old.id);
        }
        Ok((kept, removed))
    }

    /// The backups that are there, the oldest first.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn backups(&self) -> Result<Vec<KeptBackup>, Fault> {
        let entries = std::fs::read_dir(self.home.backups()).into_iter().flatten().flatten();
        let whole = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
        let mut folders: Vec<PathBuf> = whole.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        folders.sort();
        folders.iter().map(|folder| read(folder)).collect()
    }

    /// Makes a new database of a backup's and checks it: the rows of every table, and the roles.
    ///
    /// # Errors
    /// When the database is there already, the backup is damaged or another engine's, or the server does not run.
    pub async fn restore(
        &self,
        backup: &KeptBackup,
        source: BackupSource<'_>,
        database: &str,
        into: &str,
        tell: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Recovery, Fault> {
        let operation = format!("restoring {database} of {} into {into}", backup.id);
        let (access, programs) = self.way_to(source.spec)?;
        wait_for(&access, tell).await?;
        let content = backup.folder.join(CONTENT);
        let restored = database::restore(programs.as_deref(), &access, &content, database, into)
            .await
            .map_err(|error| error.into_fault(&operation))?;
        let mut server = Server::new(access);
        let observed = self.bring(&mut server, source.spec).await;
        server.close().await;
        let observed = observed.map_err(|error| error.into_fault(format!("checking {into}")))?;
        let now: Vec<String> = observed.managed().into_values().collect();
        let then = &backup.content.roles;
        let lost_roles = then.keys().filter(|role| !now.contains(role)).cloned().collect();
        let mut new_roles: Vec<String> = now.into_iter().filter(|role| !then.contains_key(role)).collect();
        new_roles.sort();
        new_roles.dedup();
        Ok(Recovery { restored, lost_roles, new_roles })
    }

    /// Says that a restored database was checked: until then it counts as half restored.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn finish_restore(&self, source: BackupSource<'_>, into: &str) -> Result<(), Fault> {
        let (access, _) = self.way_to(source.spec)?;
        let finished = database::finish_restore(&access, into).await;
        finished.map_err(|error| error.into_fault(format!("finishing {into}")))
    }

    /// Takes away what a restore that was interrupted has made, with the rights in it. Only the holder of the lease may call it.
    /// Returns whether there was something.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn abandon_restore(&self, source: BackupSource<'_>, into: &str) -> Result<bool, Fault> {
        let operation = format!("taking away what was made of {into}");
        let (access, _) = self.way_to(source.spec)?;
        let abandoned = database::abandon_restore(&access, into).await;
        let was_there = abandoned.map_err(|error| error.into_fault(&operation))?;
        self.bring_to(source.spec, &operation).await?;
        Ok(was_there)
    }

    /// Brings the server to what a content says.
    pub(super) async fn bring_to(&self, spec: &DatabaseContentSpec, operation: &str) -> Result<(), Fault> {
        let (access, _) = self.way_to(spec)?;
        let mut server = Server::new(access);
        let outcome = self.bring(&mut server, spec).await;
        server.close().await;
        outcome.map(drop).map_err(|error| error.into_fault(operation))
    }

    /// Brings the server to what is declared, and returns what was there: in a new database everybody might connect otherwise.
    async fn bring(&self, server: &mut Server, spec: &DatabaseContentSpec) -> database::Result<Observed> {
        let observed = database::observe(server, &spec.content).await?;
        let passwords = passwords(self, spec).unwrap_or_default();
        let changes = database::difference(&spec.content, &observed, &passwords)?;
        let given = Given { passwords: &passwords, folder: self.manifest_folder() };
        database::apply(server, &changes, given, &mut |_| Ok(())).await?;
        Ok(observed)
    }

    /// The administrator's access, and the folder of the engine's tools.
    fn way_to(&self, spec: &DatabaseContentSpec) -> Result<(Access, Option<PathBuf>), Fault> {
        let port = ports::claimed(&self.home)?.get(&spec.port).copied().ok_or_else(|| {
            Fault::new(FaultKind::Permanent, format!("reaching {}", spec.server), "it has no port yet")
                .help("run `landfall up` first")
        })?;
        let record = Record::read(&self.home, &spec.server)?;
        let names: &[&str] = match record.programs.engine {
            Engine::Postgres => &["pg_dump"],
            Engine::Mariadb => &["mariadb-dump"],
            Engine::Mysql => &["mysqldump"],
        };
        let tool = record.programs.companion(names, &self.setup.variables);
        let folder = tool.and_then(|tool| tool.parent().map(Path::to_owned));
        Ok((access_to(self, &spec.server, port)?, folder))
    }

    /// A name that no backup has: the time, to the second, and the component.
    fn free_name(&self, component: &ComponentName) -> String {
        let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
        let name = format!("{}-{component}", now.strftime("%Y%m%d-%H%M%S"));
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        names.find(|name| !self.home.backups().join(name).exists()).unwrap_or(name)
    }
}

fn read(folder: &Path) -> Result<KeptBackup, Fault> {
    let damaged = |cause: &str| {
        Fault::new(FaultKind::NeedsPerson, format!("reading the backup {}", folder.display()), cause)
            .help("move it away when it is of no use any more")
    };
    let note: Note = disk::read_json(&folder.join(NOTE))?.ok_or_else(|| damaged("it has no note"))?;
    let content = Backup::read(&folder.join(CONTENT)).map_err(|error| damaged(&error.to_string()))?;
    let id = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(KeptBackup { id, component: note.component, about: note.about, folder: folder.to_owned(), content })
}

/// Removes what killed runs left.
fn sweep(all: &Path) {
    for entry in std::fs::read_dir(all).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
