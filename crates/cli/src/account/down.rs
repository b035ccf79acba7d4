//! `landfall down` in an account: what goes, what is kept and what that costs, and the proof that nothing else is left.

use crate::account::cloud::Cloud;
use crate::account::session::{Connected, Visit};
use crate::account::up::{failure, lease};
use crate::arguments::DownArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::Surroundings;
use crate::views;
use crate::views::progress::print_json_line;
use crate::views::style::{GOOD, HINT, paint};
use analysis::cost::{CostReport, fixed_cost};
use model::{Fault, FaultKind};
use serde_json::json;
use stacks::Session;
use stacks::down::{DownOptions, DownReport, WhatGoes};

pub(crate) fn run(
    cloud: &Cloud,
    arguments: &DownArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let visit = Visit {
        evidence: arguments.evidence.clone(),
        stops_orderly: true,
        ..Visit::looking(cloud, &arguments.deployment.account, surroundings, console)
    };
    let delete_kept = arguments.delete_kept;
    let report = visit.run(async |session, _| {
        let goes = session.what_goes(delete_kept).await.map_err(CommandError::Preflight)?;
        if goes.stacks.is_empty() && (goes.left_before.is_empty() || !delete_kept) {
            return Ok(Err(goes));
        }
        announce(cloud, &goes, console)?;
        agree(cloud, arguments, console)?;
        take_down(session, arguments).await.map(Ok)
    })?;
    match report {
        Err(goes) => nothing_there(cloud, &goes, console),
        Ok(report) if !report.failed.is_empty() => {
            if !console.json {
                for name in &report.not_begun {
                    console.tell(&format!("  {} {name} was not begun", paint(HINT, "-")));
                }
            }
            Err(failure(&report.failed, cloud))
        }
        Ok(report) => conclude(cloud, &report, console),
    }
}

async fn take_down(
    session: &Session<'_, Connected<'_>>,
    arguments: &DownArguments,
) -> Result<DownReport, CommandError> {
    let options = DownOptions { lease: lease("down", arguments.wait), delete_kept: arguments.delete_kept };
    session.down(&options).await.map_err(CommandError::Preflight)
}

fn announce(cloud: &Cloud, goes: &WhatGoes, console: &Console) -> Result<(), CommandError> {
    let kept = cost_of_kept(cloud, goes);
    if console.json {
        print_json_line(&json!({ "version": 1, "event": "down_started", "what": goes, "kept_cost": kept }));
    } else {
        console.tell(&views::teardown::what_goes(&cloud.deployment.name, cloud.region(), goes, &kept, console.verbose));
    }
    Ok(())
}

/// What the kept resources cost each month.
fn cost_of_kept(cloud: &Cloud, goes: &WhatGoes) -> CostReport {
    let mut graph = cloud.deployment.graph.clone();
    graph.resources.retain(|id, _| goes.kept.iter().any(|kept| kept.logical_id == *id));
    fixed_cost(&graph, cloud.region())
}

/// Asks for the name on a terminal; elsewhere `--yes` must have been said.
fn agree(cloud: &Cloud, arguments: &DownArguments, console: &Console) -> Result<(), CommandError> {
    let name = &cloud.deployment.name;
    if arguments.yes {
        return Ok(());
    }
    if !console.can_ask {
        let message = format!("taking down {name} in account {} needs a yes", account(cloud));
        return Err(CommandError::usage(message, "look at the list, then add --yes"));
    }
    match console.confirm(&format!("Type {name} to take it down:"), name)? {
        true => Ok(()),
        false => Err(CommandError::usage("nothing was removed", "type the deployment's name to agree, or use --yes")),
    }
}

fn account(cloud: &Cloud) -> &str {
    cloud.application.environment.account.as_deref().unwrap_or("?")
}

fn nothing_there(cloud: &Cloud, goes: &WhatGoes, console: &Console) -> Result<(), CommandError> {
    if console.json {
        print_json_line(&json!({
            "version": 1, "event": "down_finished", "deployment": cloud.application.name,
            "environment": cloud.application.environment.name, "removed": false, "kept": goes.left_before,
        }));
        return Ok(());
    }
    let name = &cloud.deployment.name;
    console.line(&format!(
        "Nothing to take down: no stack of {name} is in account {}, {}.",
        account(cloud),
        cloud.region()
    ))?;
    console.text(&views::teardown::kept_before(&goes.left_before))?;
    for other in &goes.not_ours {
        console.line(&format!("  not touched: {other}"))?;
    }
    Ok(())
}

fn conclude(cloud: &Cloud, report: &DownReport, console: &Console) -> Result<(), CommandError> {
    let name = &cloud.deployment.name;
    if console.json {
        print_json_line(&json!({
            "version": 1,
            "event": "down_finished",
            "deployment": cloud.application.name,
            "environment": cloud.application.environment.name,
            "removed": true,
            "stacks": report.deleted,
            "kept": report.kept,
            "deleted_kept": report.deleted_kept,
            "leftovers": report.leftovers,
            "left": report.left,
            "proved": report.is_proved,
            "took_ms": u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
        }));
    } else {
        console.text(&views::teardown::done(name, report))?;
    }
    if report.leftovers.is_empty() && report.left.is_empty() && report.is_proved {
        if !console.json {
            console.line(&paint(GOOD, format!("{name} is down: by tag and by name, nothing else of it is left.")))?;
        }
        return Ok(());
    }
    let what = views::teardown::left(report);
    let fault = Fault::new(FaultKind::NeedsPerson, format!("proving that nothing of {name} is left"), what);
    let help = format!("remove what is named, or find out who uses it, and type `{}` again", cloud.command("down"));
    Err(CommandError::Fault(fault.help(help)))
}
