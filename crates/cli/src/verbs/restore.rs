//! `landfall restore`: a new database from a backup, checked.

use crate::account;
use crate::account::cloud::Cloud;
use crate::arguments::RestoreArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{Existing, block_on, find_existing, lease};
use crate::interrupt;
use crate::surroundings::Surroundings;
use crate::verbs::backup::source;
use crate::views;
use crate::views::style::{BAD, GOOD, duration, paint};
use engine::SystemClock;
use local_runtime::{BackupSource, KeptBackup, Recovery, Tried};
use model::database::Engine;
use model::verification::{Verdict, VerificationReport};
use model::{Fault, FaultKind};
use serde_json::json;
use std::time::Instant;

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
    let begun = Instant::now();
    let (recovery, asked) = block_on(async {
        let _lease = lease(&existing.target, "restore", arguments.wait, console).await?;
        let words = format!("\nStopping; what was made of {} is taken away.", arguments.into);
        let interrupt = interrupt::listen_saying(words)?;
        let tell = |words: &str| console.tell(&format!("  {words}"));
        let work = async {
            let restored = existing.target.restore(backup, source, database, &arguments.into, &tell).await;
            let recovery = restored.map_err(CommandError::Preflight)?;
            let rehearsal = existing.target.rehearse(graph, source, database, &arguments.into, &tell).await;
            let rehearsal = rehearsal.map_err(CommandError::Fault)?;
            let probes = rehearsal.probes();
            let options = prober::Options::new(&SystemClock);
            let report = prober::verify(&probes, &rehearsal, &options, &|_| {}).await;
            let applications = rehearsal.end().await.map_err(CommandError::Fault)?;
            existing.target.finish_restore(source, &arguments.into).await.map_err(CommandError::Fault)?;
            Ok::<_, CommandError>((recovery, Asked { applications, report }))
        };
        let outcome = tokio::select! {
            biased;
            () = interrupt.cancelled() => None,
            outcome = work => Some(outcome),
        };
        match outcome {
            Some(outcome) => outcome,
            None => Err(abandon(&existing, source, &arguments.into).await),
        }
    })?;
    let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let is_right = recovery.restored.differences.is_empty() && asked.holds();
    if console.json {
        let differences: Vec<_> = recovery
            .restored
            .differences
            .iter()
            .map(|one| json!({ "table": one.table, "had": one.had, "has": one.has }))
            .collect();
        let applications: Vec<_> = asked
            .applications
            .iter()
            .map(|one| {
                json!({ "component": one.component, "is_ready": one.trouble.is_none(), "took_ms": one.milliseconds,
                    "trouble": one.trouble.as_ref().map(|fault| &fault.cause) })
            })
            .collect();
        console.document(&json!({
            "version": 1, "deployment": existing.name, "backup": backup.id, "database": database,
            "into": recovery.restored.database, "tables": recovery.restored.tables, "differences": differences,
            "replaced_half": recovery.restored.replaces_half, "lost_roles": recovery.lost_roles, "new_roles": recovery.new_roles, "applications": applications,
            "report": asked.report, "restored_ms": recovery.restored.milliseconds, "took_ms": took, "as_it_was": is_right,
        }))?;
    } else {
        show(backup, database, &recovery, console)?;
        asked.show(database, console)?;
        console.line(&format!("  all of it took {}", duration(took)))?;
        console.tell(&format!(
            "Only the administrator sees it. Name {} under `databases` of {} and type `landfall up` to let people and programs use it.",
            recovery.restored.database, backup.component
        ));
    }
    if is_right { Ok(()) } else { Err(CommandError::VerifyFailed) }
}

/// Takes away what was made, and says so.
async fn abandon(existing: &Existing, source: BackupSource<'_>, into: &str) -> CommandError {
    match existing.target.abandon_restore(source, into).await {
        Ok(_) => CommandError::Fault(
            Fault::new(
                FaultKind::Interrupted,
                format!("restoring into {into}"),
                "it was interrupted; nothing of it is left",
            )
            .help("type the same command again"),
        ),
        Err(fault) => CommandError::Fault(
            fault.help(format!("`landfall drift` says whether {into} is there half; the same command begins anew")),
        ),
    }
}

/// What the applications and roles that use the database said to its copy.
struct Asked {
    applications: Vec<Tried>,
    report: VerificationReport,
}

impl Asked {
    fn holds(&self) -> bool {
        self.applications.iter().all(|one| one.trouble.is_none()) && self.report.nothing_failed()
    }

    fn show(&self, database: &str, console: &Console) -> Result<(), CommandError> {
        for Tried { component, milliseconds, trouble } in &self.applications {
            match trouble {
                None => {
                    let took = duration(*milliseconds);
                    console.line(&paint(
                        GOOD,
                        format!("  application: {component} was started with it, and ready after {took}"),
                    ))?;
                }
                Some(fault) => {
                    console.line(&paint(
                        BAD,
                        format!("  application: {component} does not work with it: {}", fault.cause),
                    ))?;
                    for line in &fault.log_tail {
                        console.line(&format!("    | {line}"))?;
                    }
                }
            }
        }
        if self.applications.is_empty() {
            console.line(&format!("  application: none uses {database}"))?;
        }
        let failed: Vec<_> =
            self.report.results.iter().filter(|one| matches!(one.verdict, Verdict::Failed { .. })).collect();
        if failed.is_empty() {
            let held = self.report.passed();
            console.line(&paint(GOOD, format!("  rights: all {held} claims that were asked of it hold")))?;
        }
        for one in failed {
            console.text(&views::verification::result(one, console.verbose))?;
        }
        Ok(())
    }
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
    if restored.replaces_half {
        console.line("  what a restore that was cut off had left there was removed first")?;
    }
    if let Some((was, is)) = &restored.upgraded {
        console.line(&format!("  it was made by release {was}, and the server is {is}"))?;
    }
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
    Ok(())
}
