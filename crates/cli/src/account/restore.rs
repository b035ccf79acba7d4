//! `landfall restore` in an account: a new server of a snapshot, beside the one that was copied.

use crate::account::cloud::Cloud;
use crate::account::session::{Connected, Visit};
use crate::account::up::lease;
use crate::arguments::RestoreArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::Surroundings;
use crate::views::progress::print_json_line;
use crate::views::style::{BAD, CAUTION, GOOD, duration, paint};
use model::cfn::DatabasePlace;
use serde_json::json;
use stacks::account::{DbKind, DbSnapshot};
use stacks::restores::{RestoredServer, Verdict, is_identifier};
use stacks::{Session, World};

pub(crate) fn run(
    cloud: &Cloud,
    arguments: &RestoreArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let into = &arguments.into;
    let name = &cloud.deployment.name;
    if arguments.database.is_some() {
        return Err(CommandError::usage(
            "`--database` has no meaning in an account: a snapshot is of a server with all its databases",
            "leave out `--database`",
        ));
    }
    if !is_identifier(into) {
        return Err(CommandError::usage(
            format!("`{into}` cannot be a server's identifier"),
            format!(
                "use a-z, 0-9 and single hyphens, a letter first, at most 60 of them, as: --into {name}-db-restored"
            ),
        ));
    }
    if !into.starts_with(&format!("{name}-")) {
        console.tell(&format!(
            "note: the policies of `landfall export --format permissions` cover servers whose names begin with {name}-"
        ));
    }
    let account = &arguments.deployment.account;
    let visit = Visit { stops_orderly: true, ..Visit::looking(cloud, account, surroundings, console) };
    let (snapshot, restored) = visit.deployed(async |session, world| {
        let (place, snapshot) = chosen(cloud, session, &world, &arguments.backup).await?;
        let lease = session.acquire(&lease("restore", arguments.wait)).await.map_err(CommandError::Fault)?;
        let work = session.restore(place, &world, &snapshot, into);
        let restored = session.while_held(lease, work).await.map_err(CommandError::Preflight)?;
        Ok((snapshot, restored))
    })?;
    if console.json {
        let server = &restored.server;
        // The last of the lines that told how it went on.
        print_json_line(&json!({
            "version": 1, "event": "restored", "deployment": cloud.application.name,
            "environment": cloud.application.environment.name,
            "backup": snapshot.id, "into": server.id, "arn": server.arn,
            "member": restored.member.as_ref().map(|member| &member.id),
            "address": server.endpoint.as_ref().map(|endpoint| &endpoint.host),
            "port": server.endpoint.as_ref().map(|endpoint| endpoint.port),
            "administrator_secret": server.administrator_secret.as_ref().map(|secret| &secret.arn),
            "took_ms": restored.milliseconds, "checks": restored.checks, "as_it_should_be": restored.is_right(),
        }));
    } else {
        show(cloud, &snapshot, &restored, console)?;
    }
    if restored.is_right() { Ok(()) } else { Err(CommandError::VerifyFailed) }
}

/// The snapshot that is meant, and the database that it is of.
async fn chosen<'c>(
    cloud: &'c Cloud,
    session: &Session<'_, Connected<'_>>,
    world: &World,
    wanted: &str,
) -> Result<(&'c DatabasePlace, DbSnapshot), CommandError> {
    let mut all = Vec::new();
    for place in &cloud.deployment.databases {
        let snapshots = session.snapshots(place, world).await.map_err(CommandError::Preflight)?;
        all.extend(snapshots.into_iter().map(|snapshot| (place, snapshot)));
    }
    let names: Vec<String> = all.iter().map(|(_, snapshot)| snapshot.id.clone()).collect();
    let found = match wanted {
        "latest" if cloud.deployment.databases.len() > 1 => None,
        "latest" => all.into_iter().find(|(_, snapshot)| snapshot.status == "available"),
        id => all.into_iter().find(|(_, snapshot)| snapshot.id == id),
    };
    found.ok_or_else(|| {
        let help = match names.as_slice() {
            [] => format!("there is none yet; type `{}`", cloud.command("backup")),
            names => format!("the backups are: {}", names.join(", ")),
        };
        CommandError::usage(format!("no backup is called `{wanted}`"), help)
    })
}

fn show(
    cloud: &Cloud,
    snapshot: &DbSnapshot,
    restored: &RestoredServer,
    console: &Console,
) -> Result<(), CommandError> {
    let took = duration(restored.milliseconds);
    console.line(&format!("Restored {} into {} in {took}.", snapshot.id, restored.server.id))?;
    for check in &restored.checks {
        let line = format!("{}: {}", check.what, check.found);
        console.line(&match check.verdict {
            Verdict::Right => format!("  {} {line}", paint(GOOD, "✓")),
            Verdict::Wrong => format!("  {} {line}", paint(BAD, "✗")),
            Verdict::Differs => {
                format!("  {} {}: not as the manifest says now: {}", paint(CAUTION, "!"), check.what, check.found)
            }
            Verdict::NotChecked => {
                format!("  {} {}: not checked: {}", paint(CAUTION, "?"), check.what, check.found)
            }
        })?;
    }
    if let Some(endpoint) = &restored.server.endpoint {
        console.line(&format!("  answers at {}:{}, within the network only", endpoint.host, endpoint.port))?;
    }
    if let Some(secret) = &restored.server.administrator_secret {
        console.line(&format!("  administrator's password: {}", secret.arn))?;
    }
    console.tell(&next(restored, &cloud.command("drift")));
    Ok(())
}

/// How the deployment goes on with the new server, and how it is removed.
fn next(restored: &RestoredServer, drift: &str) -> String {
    let (new, old) = (&restored.server.id, &restored.original.id);
    let (modify, delete, option, renaming) = match restored.server.kind {
        DbKind::Instance => {
            ("modify-db-instance", "delete-db-instance", "--db-instance-identifier", "--new-db-instance-identifier")
        }
        DbKind::Cluster => {
            ("modify-db-cluster", "delete-db-cluster", "--db-cluster-identifier", "--new-db-cluster-identifier")
        }
    };
    let member = restored.member.as_ref().map_or_else(String::new, |member| {
        format!("\n  aws rds delete-db-instance --db-instance-identifier {} --skip-final-snapshot", member.id)
    });
    format!(
        "No program uses it yet. To let it take the place of {old}, swap the names; addresses follow names, so programs find it there:\n  \
         aws rds {modify} {option} {old} {renaming} {old}-before --apply-immediately\n  \
         aws rds {modify} {option} {new} {renaming} {old} --apply-immediately\n  \
         {drift}\n\
         To remove it (before `landfall down`, whose network it stands in):\n  \
         aws rds {modify} {option} {new} --no-deletion-protection --apply-immediately{member}\n  \
         aws rds {delete} {option} {new} --skip-final-snapshot"
    )
}
