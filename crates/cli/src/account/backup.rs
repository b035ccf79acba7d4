//! `landfall backup` in an account: snapshots of a database's server.

use crate::account::cloud::Cloud;
use crate::account::session::Visit;
use crate::account::up::lease;
use crate::arguments::{BackupArguments, DeploymentArguments};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::Surroundings;
use crate::views::progress::print_json_line;
use crate::views::style::duration;
use crate::views::table::columns;
use model::cfn::DatabasePlace;
use serde_json::{Value, json};
use stacks::account::DbSnapshot;

pub(crate) fn make(
    cloud: &Cloud,
    arguments: &BackupArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let place = place(cloud, arguments.database.as_deref())?;
    let account = &arguments.deployment.account;
    let visit = Visit { stops_orderly: true, ..Visit::looking(cloud, account, surroundings, console) };
    let backup = visit.deployed(async |session, world| {
        let lease = session.acquire(&lease("backup", arguments.wait)).await.map_err(CommandError::Fault)?;
        let work = session.back_up(place, &world, arguments.about.as_deref());
        session.while_held(lease, work).await.map_err(CommandError::Fault)
    })?;
    let snapshot = &backup.snapshot;
    if console.json {
        // The last of the lines that told how it went on.
        print_json_line(&json!({
            "version": 1, "event": "backed_up", "deployment": cloud.application.name,
            "environment": cloud.application.environment.name, "backup": document(place, snapshot), "took_ms": backup.milliseconds, "was_begun": backup.was_begun,
            "removed": [],
        }));
        return Ok(());
    }
    console.line(&format!(
        "Backed up {} as {}: {} GiB of {} {} in {}{}.",
        place.component,
        snapshot.id,
        snapshot.gibibytes,
        snapshot.engine,
        snapshot.engine_version,
        duration(backup.milliseconds),
        if backup.was_begun { ", which an earlier run had begun" } else { "" },
    ))?;
    console.tell(&format!(
        "It stays until somebody removes it, also after `landfall down`. Type `{} --into {}-{}-restored` to see it come back.",
        cloud.command(&format!("restore {}", snapshot.id)),
        cloud.deployment.name,
        place.component,
    ));
    Ok(())
}

pub(crate) fn list(
    cloud: &Cloud,
    arguments: &DeploymentArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let visit = Visit::looking(cloud, &arguments.account, surroundings, console);
    let all = visit.deployed(async |session, world| {
        let mut all = Vec::new();
        for place in &cloud.deployment.databases {
            let snapshots = session.snapshots(place, &world).await.map_err(CommandError::Preflight)?;
            all.extend(snapshots.into_iter().map(|snapshot| (place, snapshot)));
        }
        Ok(all)
    })?;
    if console.json {
        let backups: Vec<Value> = all.iter().map(|(place, snapshot)| document(place, snapshot)).collect();
        return console.document(&json!({
            "version": 1, "deployment": cloud.application.name, "environment": cloud.application.environment.name,
            "backups": backups,
        }));
    }
    if all.is_empty() {
        let name = &cloud.deployment.name;
        return console.line(&format!("{name} has no backup; type `{}` to make one.", cloud.command("backup")));
    }
    let rows = all.iter().map(|(place, snapshot)| {
        let state = match snapshot.status.as_str() {
            "available" => "available".to_owned(),
            status => format!("{status}, {} %", snapshot.percent),
        };
        vec![
            snapshot.id.clone(),
            snapshot.at.clone().unwrap_or_else(|| "-".to_owned()),
            place.component.to_string(),
            format!("{} {}", snapshot.engine, snapshot.engine_version),
            format!("{} GiB", snapshot.gibibytes),
            snapshot.origin.clone(),
            state,
            snapshot.about().unwrap_or_default().to_owned(),
        ]
    });
    console.text(&columns(&["backup", "made at", "of", "engine", "size", "made", "state", "about"], rows))
}

/// A snapshot for programs.
fn document(place: &DatabasePlace, snapshot: &DbSnapshot) -> Value {
    json!({
        "id": snapshot.id, "component": place.component, "about": snapshot.about(), "arn": snapshot.arn,
        "server": snapshot.of, "at": snapshot.at, "engine": snapshot.engine,
        "engine_version": snapshot.engine_version, "bytes": u64::from(snapshot.gibibytes) << 30,
        "origin": snapshot.origin, "status": snapshot.status, "percent": snapshot.percent,
        "encrypted": snapshot.is_encrypted,
    })
}

/// The database that is meant: named, or the only one.
fn place<'c>(cloud: &'c Cloud, wanted: Option<&str>) -> Result<&'c DatabasePlace, CommandError> {
    let places = &cloud.deployment.databases;
    let known = || match places.as_slice() {
        [] => format!("{} has no database", cloud.deployment.name),
        places => {
            let names: Vec<&str> = places.iter().map(|place| place.component.as_str()).collect();
            format!("the databases are: {}", names.join(", "))
        }
    };
    match (wanted, places.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => Err(CommandError::usage("which database?", known())),
        (Some(name), places) => places
            .iter()
            .find(|place| place.component.as_str() == name)
            .ok_or_else(|| CommandError::usage(format!("no database component is called `{name}`"), known())),
    }
}
