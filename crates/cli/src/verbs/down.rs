//! `landfall down`: everything stopped and removed, and the proof that nothing is left.

use crate::account;
use crate::account::cloud::Cloud;
use crate::arguments::DownArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{Existing, block_on, find, lease};
use crate::interrupt;
use crate::surroundings::Surroundings;
use crate::verbs::up::conclude_run;
use crate::views::progress::{ProgressView, print_json_line};
use crate::views::style::{GOOD, paint};
use engine::{Journal, Options, Request, SystemClock, is_settled, propose, run as run_plan};
use local_runtime::Removal;
use model::{Digest, Fault, FaultKind};

pub(crate) fn run(
    arguments: &DownArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    if let Some(cloud) = Cloud::find(&arguments.deployment, surroundings, console)? {
        return account::down::run(&cloud, arguments, surroundings, console);
    }
    if arguments.delete_kept {
        let message =
            "--delete-kept is for accounts; on this machine everything is removed unless --keep-data says otherwise";
        return Err(CommandError::usage(message, "leave it out"));
    }
    let Some(existing) = find(&arguments.deployment)? else {
        if console.json {
            print_json_line(&serde_json::json!({ "version": 1, "event": "down_finished", "removed": false }));
            return Ok(());
        }
        return console.line("Nothing to take down: it is not up on this machine.");
    };
    if console.can_ask && !arguments.yes && !agrees(&existing, arguments, console)? {
        return Err(CommandError::usage("nothing was removed", "type the deployment's name to agree, or use --yes"));
    }
    block_on(take_down(&existing, arguments, console))
}

fn agrees(existing: &Existing, arguments: &DownArguments, console: &Console) -> Result<bool, CommandError> {
    let data = if arguments.keep_data { "but its data and secrets" } else { "with its data and secrets" };
    let name = &existing.name;
    console.confirm(&format!("This removes {name}, {data}. Type its name to go on:"), name.as_str())
}

async fn take_down(existing: &Existing, arguments: &DownArguments, console: &Console) -> Result<(), CommandError> {
    let name = &existing.name;
    let removal = Removal { keep_data: arguments.keep_data };
    let target = &existing.target.clone().removing(removal);
    let lease = lease(target, "down", arguments.wait, console).await?;
    let mut journal = Journal::open(target.home().journal()).map_err(CommandError::Preflight)?;
    let nothing = Digest::of_bytes(b"");
    let request = Request { deployment: name, environment: compiler::LOCAL, manifest: &nothing, desired: None };
    let plan = propose(&request, journal.state(), target).await.map_err(CommandError::Preflight)?;
    if !is_settled(&plan, journal.state()) {
        let view = ProgressView::new(console.json, console.quiet, console.stderr_is_terminal);
        let sink = |event: &model::RunEvent| view.show(event);
        let mut options = Options::new(&SystemClock, &sink);
        options.interrupt = interrupt::listen().map_err(CommandError::from)?;
        let report = run_plan(&plan, target, &mut journal, &options).await.map_err(CommandError::Fault)?;
        conclude_run(report.ending, report.failed)?;
    }
    target.remove(removal).await.map_err(CommandError::Fault)?;
    drop(lease);
    let left = target.leftovers(removal);
    if !left.is_empty() {
        let shown = serde_json::to_string(&left).unwrap_or_default();
        let fault = Fault::new(FaultKind::NeedsPerson, format!("proving that nothing of {name} is left"), shown);
        return Err(CommandError::Fault(
            fault.help("look at what is named, remove it, and type `landfall down` again"),
        ));
    }
    let kept = target.kept(removal);
    if console.json {
        let (kept, removed) = (kept, true);
        print_json_line(&serde_json::json!({
            "version": 1, "event": "down_finished", "deployment": name, "removed": removed, "kept": kept,
        }));
        return Ok(());
    }
    let steps = plan.steps.len();
    console
        .line(&paint(GOOD, format!("{name} is down: {steps} parts removed; no process and no file of it is left.")))?;
    for path in &kept {
        console.line(&format!("  kept as you asked: {}", path.display()))?;
    }
    console.line("  kept for other deployments: the cache of Python environments and the local authority.")
}
