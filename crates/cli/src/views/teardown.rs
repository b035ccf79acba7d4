//! A teardown for people: what goes, what is kept and what that costs, what is left.

use crate::views::style::{BAD, BOLD, CAUTION, DIM, GOOD, paint};
use analysis::cost::CostReport;
use stacks::down::{DownReport, GoingResource, Leftover, WhatGoes};

/// What would go and what would be kept, ending with a line feed.
pub(crate) fn what_goes(name: &str, region: &str, goes: &WhatGoes, kept: &CostReport, verbose: bool) -> String {
    let mut text = format!(
        "Taking down {} in {region}.\n\n  goes, in this order: {}\n",
        paint(BOLD, name),
        goes.stacks.join(", ")
    );
    let lost: Vec<&GoingResource> = goes.goes.iter().filter(|one| one.reason.is_some()).collect();
    text.push_str(&format!("  {} resources are deleted", goes.goes.len()));
    text.push_str(&match lost.len() {
        0 => "; none of them holds data\n".to_owned(),
        count => format!(", {}\n", paint(BAD, format!("{count} with what they hold:"))),
    });
    for one in &goes.goes {
        if verbose || one.reason.is_some() {
            text.push_str(&resource(one, &paint(BAD, "-")));
        }
    }
    if !goes.kept.is_empty() {
        text.push_str(&format!("  {} resources are kept:\n", goes.kept.len()));
        for one in &goes.kept {
            text.push_str(&resource(one, &paint(GOOD, "=")));
        }
        text.push_str(&format!(
            "      they cost {} {} a month, and {}\n      {}\n",
            kept.monthly,
            kept.currency,
            if kept.by_use.is_empty() { "nothing by use".to_owned() } else { kept.by_use.join(", ") },
            paint(DIM, format!("list prices of {} in {}; `--delete-kept` deletes them too", kept.as_of, kept.region)),
        ));
    }
    text.push_str(&kept_before(&goes.left_before));
    for other in &goes.not_ours {
        text.push_str(&format!("  not touched: {other}\n"));
    }
    text
}

fn resource(one: &GoingResource, sign: &str) -> String {
    let reason = one.reason.as_deref().map(|reason| paint(DIM, format!("  {reason}"))).unwrap_or_default();
    let id = one.physical_id.as_deref().unwrap_or("not made yet");
    format!("      {sign} {} ({})  {id}{reason}\n", one.logical_id, one.resource_type)
}

/// What an earlier teardown left on purpose.
pub(crate) fn kept_before(kept: &[Leftover]) -> String {
    if kept.is_empty() {
        return String::new();
    }
    let list: String = kept.iter().map(|one| format!("      {}\n", one.arn)).collect();
    format!("  there from before, in no stack; `--delete-kept` deletes them:\n{list}")
}

/// What was done, ending with a line feed.
pub(crate) fn done(name: &str, report: &DownReport) -> String {
    let mut text = format!("{} stacks of {name} deleted.\n", report.deleted.len());
    for deleted in &report.deleted_kept {
        text.push_str(&format!("  deleted: {deleted}\n"));
    }
    for kept in &report.kept {
        text.push_str(&format!("  kept: {}\n", kept.arn));
    }
    for left in &report.left {
        text.push_str(&format!("  {} {left}\n", paint(CAUTION, "!")));
    }
    text
}

/// What is still there and should not be.
pub(crate) fn left(report: &DownReport) -> String {
    let leftovers = report.leftovers.iter().map(|one| one.arn.clone());
    let all: Vec<String> = leftovers.chain(report.left.iter().cloned()).collect();
    match all.as_slice() {
        [] => "the account could not be asked for all that carries its tag".to_owned(),
        all => all.join("; "),
    }
}
