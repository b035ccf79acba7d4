//! `landfall restore`: a new database from a backup, checked.

use crate::account;
use crate::account::cloud::Cloud;
use crate::arguments::RestoreArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{block_on, find_existing, lease};
use crate::surroundings::Surroundings;
use crate::verbs::backup::source;
use crate::views::style::{BAD, GOOD, duration, paint};
use local_runtime::{KeptBackup, Recovery};
use model::database::Engine;
use serde_json::json;

pub(crate) fn run(
    arguments: &RestoreArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    match Cloud::find(&arguments.deployment, surroundings, console)? {
        Some(cloud) => account::restore::run(&cloud, arguments, surroundings, console),
        None => on_this_machine(arguments, console),
    }
}

fn on_this_machine(arguments: &RestoreArguments, console: &Console) -> Result<(), CommandError> {
    let existing = find_existing(&arguments.deployment)?;
    let graph = &existing.finished()?.graph;
    let backups = existing.target.backups().map_err(CommandError::Preflight)?;
    let backup = chosen(&backups, &arguments.backup)?;
    let database = database(backup, arguments.database.as_deref())?;
    let source = source(graph, Some(backup.component.as_str()))?;
    check_name(&arguments.into, source.spec.content.engine)?;
    let recovery = block_on(async {
        let _lease = lease(&existing.target, "restore", arguments.wait, console).await?;
        let tell = |words: &str| console.tell(&format!("  {words}"));
        let restored = existing.target.restore(backup, source, database, &arguments.into, &tell).await;
        restored.map_err(CommandError::Preflight)
    })?;
    let is_right = recovery.restored.differences.is_empty();
    if console.json {
        let differences: Vec<_> = recovery
            .restored
            .differences
            .iter()
            .map(|one| json!({ "table": one.table, "had": one.had, "has": one.has }))
            .collect();
        console.document(&json!({
            "version": 1, "deployment": existing.name, "backup": backup.id, "database": database,
            "into": recovery.restored.database, "tables": recovery.restored.tables, "differences": differences,
            "lost_roles": recovery.lost_roles, "new_roles": recovery.new_roles,
            "took_ms": recovery.restored.milliseconds, "as_it_was": is_right,
        }))?;
    } else {
        show(backup, database, &recovery, console)?;
    }
    if is_right { Ok(()) } else { Err(CommandError::VerifyFailed) }
}

fn chosen<'a>(backups: &'a [KeptBackup], wanted: &str) -> Result<&'a KeptBackup, CommandError> {
    let found = match wanted {
        "latest" => backups.last(),
        id => backups.iter().find(|backup| backup.id == id),
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = backups.iter().map(|backup| backup.id.as_str()).collect();
        let help = match names.is_empty() {
            true => "there is none yet; type `landfall backup`".to_owned(),
            false => format!("the backups are: {}", names.join(", ")),
        };
        CommandError::usage(format!("no backup is called `{wanted}`"), help)
    })
}

fn database<'a>(backup: &'a KeptBackup, wanted: Option<&str>) -> Result<&'a str, CommandError> {
    let names: Vec<&str> = backup.content.databases.keys().map(String::as_str).collect();
    match (wanted, names.as_slice()) {
        (None, [only]) => Ok(only),
        (Some(wanted), names) if names.contains(&wanted) => {
            Ok(names.iter().copied().find(|name| *name == wanted).unwrap_or_default())
        }
        (None, _) => Err(CommandError::usage(
            "which database of the backup?",
            format!("name one with --database: {}", names.join(", ")),
        )),
        (Some(wanted), _) => Err(CommandError::usage(
            format!("{} has no database `{wanted}`", backup.id),
            format!("it has: {}", names.join(", ")),
        )),
    }
}

/// The name must be one that a manifest can have: nobody could be let in to the database otherwise.
fn check_name(name: &str, engine: Engine) -> Result<(), CommandError> {
    match components::database::name_problem(name, engine) {
        None if !name.starts_with("landfall") => Ok(()),
        None => Err("names that begin with `landfall` are this program's own".to_owned()),
        Some(why) => Err(why),
    }
    .map_err(|why| {
        CommandError::usage(
            format!("`{name}` cannot be a database's name: {why}"),
            "name it otherwise, as: --into teams_restored",
        )
    })
}

fn show(backup: &KeptBackup, database: &str, recovery: &Recovery, console: &Console) -> Result<(), CommandError> {
    let restored = &recovery.restored;
    let took = duration(restored.milliseconds);
    console.line(&format!("Restored {database} of {} into {} in {took}.", backup.id, restored.database))?;
    if restored.differences.is_empty() {
        let tables = restored.tables;
        console.line(&paint(GOOD, format!("  rows: the same as in the backup in all {tables} tables")))?;
    }
    for one in &restored.differences {
        let rows = |count: Option<u64>| count.map_or_else(|| "not there".to_owned(), |count| format!("{count} rows"));
        console.line(&paint(BAD, format!("  {}: {} instead of {}", one.table, rows(one.has), rows(one.had))))?;
    }
    match (recovery.lost_roles.as_slice(), recovery.new_roles.as_slice()) {
        ([], []) => console.line(&paint(GOOD, "  roles: the same as in the backup"))?,
        (lost, new) => {
            for role in lost {
                console.line(&format!("  role {role} of the backup is no longer declared"))?;
            }
            for role in new {
                console.line(&format!("  role {role} was not there when the backup was made"))?;
            }
        }
    }
    console.tell(&format!(
        "Only the administrator sees it. Name {} under `databases` of {} and type `landfall up` to let people and programs use it.",
        restored.database, backup.component
    ));
    Ok(())
}
