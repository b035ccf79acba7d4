//! `landfall drift`: what is not as it was deployed, what is gone, and what nobody can compare.

use crate::account::cloud::Cloud;
use crate::account::codes;
use crate::account::plan::place;
use crate::account::session::Visit;
use crate::arguments::DeploymentArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::Surroundings;
use crate::views::findings::stdout_style;
use crate::views::style::{BAD, CAUTION, DIM, GOOD, paint};
use model::{Finding, Findings};
use serde_json::json;
use stacks::drift::{DriftReport, DriftedResource};

pub(crate) fn run(
    cloud: &Cloud,
    arguments: &DeploymentArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let visit = Visit { stops_orderly: true, ..Visit::looking(cloud, &arguments.account, surroundings, console) };
    let report = visit.deployed(async |session, world| session.drift(&world).await.map_err(CommandError::Preflight))?;
    if console.json {
        console.document(&json!({
            "version": 1,
            "deployment": cloud.application.name,
            "environment": cloud.application.environment.name,
            "in_sync": report.is_in_sync(),
            "drift": report,
        }))?;
    } else {
        console.text(&text(&report, cloud))?;
    }
    if report.is_in_sync() { Ok(()) } else { Err(CommandError::Drifted) }
}

/// The report for people, ending with a line feed.
fn text(report: &DriftReport, cloud: &Cloud) -> String {
    let mut findings = Findings::new();
    for resource in &report.changed {
        let differences: Vec<String> = resource
            .differences
            .iter()
            .map(|one| format!("{} is {}, not {}", one.path, shown(&one.actual), shown(&one.expected)))
            .collect();
        let summary = format!("{} was changed: {}", name(resource), differences.join("; "));
        let help = "put it back by hand, or say the new value here and type `landfall up`";
        findings
            .push(Finding::new(&codes::RUN003, place(resource.origin.as_ref(), &resource.stack), summary).help(help));
    }
    for resource in &report.missing {
        let summary = format!("{} was removed", name(resource));
        let help = "`landfall explain RUN004` says how to get it back";
        findings
            .push(Finding::new(&codes::RUN004, place(resource.origin.as_ref(), &resource.stack), summary).help(help));
    }
    let mut text = compiler::report::to_text(&findings, &cloud.sources, stdout_style());
    for stack in &report.stacks {
        let by = if stack.by_hand {
            "somebody changed it"
        } else {
            "`landfall up` has not been there since the manifest changed"
        };
        text.push_str(&format!("{} {}: {} ({by})\n", paint(CAUTION, "!"), stack.stack, stack.what.join("; ")));
    }
    for database in &report.databases {
        for change in &database.changes {
            text.push_str(&format!("{} {}: not as wanted: {change}\n", paint(CAUTION, "!"), database.component));
        }
        for strange in &database.strange {
            text.push_str(&format!("{} {}: {strange}\n", paint(CAUTION, "!"), database.component));
        }
        if let Some(why) = &database.cannot_look {
            text.push_str(&format!("{} {}: cannot look inside: {why}\n", paint(DIM, "?"), database.component));
        }
    }
    if !report.not_checkable.is_empty() {
        text.push_str(&format!("{}\n", paint(DIM, "not checkable:")));
    }
    for resource in &report.not_checkable {
        let why = resource.reason.as_deref().unwrap_or("it cannot be compared");
        text.push_str(&format!("  {} {}\n", name(resource), paint(DIM, why)));
    }
    let (checked, all) = (report.checked, report.resources);
    let verdict = match (report.changed.len(), report.missing.len()) {
        (0, 0) if report.stacks.is_empty() => paint(GOOD, "all of these are as they were deployed"),
        (0, 0) => paint(BAD, format!("{} stacks are not as wanted", report.stacks.len())),
        (changed, missing) => paint(BAD, format!("{changed} changed, {missing} missing")),
    };
    text.push_str(&format!("Checked {checked} of {all} resources: {verdict}.\n"));
    text
}

fn name(resource: &DriftedResource) -> String {
    format!("{} ({})", resource.logical_id, resource.resource_type)
}

fn shown(value: &str) -> &str {
    if value.is_empty() { "nothing" } else { value }
}
