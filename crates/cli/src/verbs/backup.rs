//! `landfall backup`: copies of the databases of a deployment.

use crate::account;
use crate::account::cloud::Cloud;
use crate::arguments::{BackupArguments, BackupVerb, DeploymentArguments};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{block_on, find_existing, lease};
use crate::interrupt;
use crate::surroundings::Surroundings;
use crate::views::style::duration;
use crate::views::table::columns;
use local_runtime::{BackupSource, KeptBackup, backup_sources};
use model::ProcessGraph;
use serde_json::json;

pub(crate) fn run(
    arguments: &BackupArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    match &arguments.verb {
        Some(BackupVerb::Ls(arguments)) => match Cloud::find(arguments, surroundings, console)? {
            Some(cloud) => account::backup::list(&cloud, arguments, surroundings, console),
            None => list(arguments, console),
        },
        None => match Cloud::find(&arguments.deployment, surroundings, console)? {
            Some(cloud) => account::backup::make(&cloud, arguments, surroundings, console),
            None => make(arguments, console),
        },
    }
}

fn make(arguments: &BackupArguments, console: &Console) -> Result<(), CommandError> {
    let existing = find_existing(&arguments.deployment)?;
    let graph = &existing.finished()?.graph;
    let source = source(graph, arguments.database.as_deref())?;
    let (backup, removed) = block_on(async {
        let _lease = lease(&existing.target, "backup", arguments.wait, console).await?;
        let interrupt = interrupt::listen_saying("\nStopping; what was made of the backup is removed.".to_owned())?;
        let tell = |words: &str| console.tell(&format!("  {words}"));
        existing
            .target
            .back_up(source, arguments.about.as_deref(), &interrupt, &tell)
            .await
            .map_err(CommandError::Fault)
    })?;
    if console.json {
        return console.document(&json!({
            "version": 1, "deployment": existing.name, "backup": document(&backup), "removed": removed,
        }));
    }
    let databases: Vec<&str> = backup.content.databases.keys().map(String::as_str).collect();
    console.line(&format!(
        "Backed up {} ({}) as {}: {} in {}.",
        backup.component,
        databases.join(", "),
        backup.id,
        size(backup.bytes()),
        duration(backup.content.milliseconds),
    ))?;
    for old in removed {
        console
            .line(&format!("  removed {old}: {} backups of {} are kept", source.spec.backups_kept, backup.component))?;
    }
    let first = databases.first().copied().unwrap_or("db");
    console.tell(&format!(
        "Type `landfall restore {} --into {first}_restored {}` to see it come back.",
        backup.id, existing.name
    ));
    Ok(())
}

fn list(arguments: &DeploymentArguments, console: &Console) -> Result<(), CommandError> {
    let existing = find_existing(arguments)?;
    let backups = existing.target.backups().map_err(CommandError::Preflight)?;
    if console.json {
        let backups: Vec<_> = backups.iter().map(document).collect();
        return console.document(&json!({ "version": 1, "deployment": existing.name, "backups": backups }));
    }
    if backups.is_empty() {
        return console.line(&format!("{} has no backup; type `landfall backup` to make one.", existing.name));
    }
    let rows = backups.iter().map(|backup| {
        let databases: Vec<&str> = backup.content.databases.keys().map(String::as_str).collect();
        let rows: u64 = backup.content.databases.values().flat_map(|database| database.rows.values()).sum();
        vec![
            backup.id.clone(),
            backup.content.at.clone(),
            databases.join(", "),
            rows.to_string(),
            size(backup.bytes()),
            duration(backup.content.milliseconds),
            backup.about.clone().unwrap_or_default(),
        ]
    });
    console.text(&columns(&["backup", "made at", "databases", "rows", "size", "took", "about"], rows))
}

fn document(backup: &KeptBackup) -> serde_json::Value {
    json!({
        "id": backup.id, "component": backup.component, "about": backup.about, "folder": backup.folder,
        "bytes": backup.bytes(), "content": backup.content,
    })
}

/// The database server that is meant: named, or the only one.
pub(crate) fn source<'a>(graph: &'a ProcessGraph, wanted: Option<&str>) -> Result<BackupSource<'a>, CommandError> {
    let sources = backup_sources(graph);
    let names: Vec<&str> = sources.iter().map(|source| source.component.as_str()).collect();
    let known = || match names.is_empty() {
        true => "the deployment has no database".to_owned(),
        false => format!("the databases are: {}", names.join(", ")),
    };
    match wanted {
        Some(name) => sources
            .iter()
            .find(|source| source.component.as_str() == name)
            .copied()
            .ok_or_else(|| CommandError::usage(format!("no database component is called `{name}`"), known())),
        None => match sources.as_slice() {
            [only] => Ok(*only),
            _ => Err(CommandError::usage("which database?", known())),
        },
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
    }
}
