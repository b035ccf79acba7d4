//! `landfall drift`: what differs from what was deployed, in an account or on this machine.

use crate::account;
use crate::account::cloud::Cloud;
use crate::arguments::DeploymentArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{Existing, block_on, find_existing};
use crate::surroundings::Surroundings;
use crate::views::style::{BAD, CAUTION, DIM, GOOD, paint};
use engine::Journal;
use local_runtime::Difference;

pub(crate) fn run(
    arguments: &DeploymentArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    match Cloud::find(arguments, surroundings, console)? {
        Some(cloud) => account::drift::run(&cloud, arguments, surroundings, console),
        None => here(&find_existing(arguments)?, console),
    }
}

fn here(existing: &Existing, console: &Console) -> Result<(), CommandError> {
    let state = Journal::read(&existing.target.home().journal()).map_err(CommandError::Preflight)?;
    let differences = block_on(async { existing.target.drift(&state.made).await.map_err(CommandError::Preflight) })?;
    let in_sync = differences.is_empty();
    if console.json {
        console.document(&serde_json::json!({
            "version": 1,
            "deployment": existing.name,
            "environment": compiler::LOCAL,
            "in_sync": in_sync,
            "drift": { "checked": state.made.len(), "differences": differences },
        }))?;
    } else {
        console.text(&text(&differences, state.made.len(), existing.name.as_str()))?;
    }
    if in_sync { Ok(()) } else { Err(CommandError::Drifted) }
}

/// The report for people, ending with a line feed.
fn text(differences: &[Difference], checked: usize, name: &str) -> String {
    let mut text = String::new();
    for difference in differences {
        let mark = if difference.mended { paint(BAD, "x") } else { paint(CAUTION, "!") };
        let origin = paint(DIM, format!("({})", difference.origin));
        text.push_str(&format!("{mark} {} {}: {} {origin}\n", difference.noun, difference.node, difference.what));
    }
    let (mended, stays): (Vec<&Difference>, Vec<&Difference>) = differences.iter().partition(|one| one.mended);
    let verdict = match (mended.len(), stays.len()) {
        (0, 0) => paint(GOOD, "all are as `up` left them"),
        (0, 1) => paint(BAD, "1 difference, which stays until a person mends it"),
        (0, stays) => paint(BAD, format!("{stays} differences, which stay until a person mends them")),
        (1, 0) => paint(BAD, "1 difference; `landfall up` mends it"),
        (mended, 0) => paint(BAD, format!("{mended} differences; `landfall up` mends them")),
        (mended, stays) => {
            let all = mended + stays;
            paint(
                BAD,
                format!("{all} differences; `landfall up` mends {mended}, {stays} stay until a person mends them"),
            )
        }
    };
    text.push_str(&format!("Checked {checked} parts of {name}: {verdict}.\n"));
    text
}
