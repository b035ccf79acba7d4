//! `landfall plan`: what `up` would do and why.

use crate::account;
use crate::account::cloud::{Cloud, Opened};
use crate::account::forecast::Forecast;
use crate::arguments::PlanArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{block_on, open};
use crate::surroundings::{Surroundings, readable};
use crate::views;
use engine::{Journal, Request, propose};

pub(crate) fn run(
    arguments: &PlanArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let project = match Cloud::open(&arguments.manifest, surroundings, console)? {
        Opened::Cloud(cloud) if arguments.offline => return forecast(&cloud, console),
        Opened::Cloud(cloud) => {
            let cloud = cloud.with_current_secrets(&arguments.account, surroundings, console)?;
            return account::plan::run(&cloud, arguments, surroundings, console);
        }
        Opened::Local(project) => project,
    };
    if arguments.output.is_some() || !arguments.allowed.allow_replace.is_empty() {
        let message = "a plan for this machine is made anew by `up`: --output and --allow-replace are for accounts";
        return Err(CommandError::usage(message, "leave them out, or name an environment with `target: aws`"));
    }
    let (manifest, application) = project.application(console)?;
    let target = open(&application.name, &manifest)?;
    let rotations = target.rotations().map_err(CommandError::Preflight)?;
    let graph = compiler::realise_locally(&application, &rotations);
    let state = Journal::read(&target.home().journal()).map_err(CommandError::Preflight)?;
    let request = Request {
        deployment: &application.name,
        environment: &application.environment.name,
        manifest: &application.digest,
        desired: Some(&graph),
    };
    let plan = block_on(async { propose(&request, &state, &target).await.map_err(CommandError::Preflight) })?;
    if console.json {
        return console.document(&plan);
    }
    console.text(&views::plan::text(&plan, console.verbose))?;
    if !plan.steps.is_empty() {
        for refused in target.refused_wishes(&plan).map_err(CommandError::Preflight)? {
            console.line(&format!("  note: {refused}"))?;
        }
        for difference in block_on(async { Ok(target.engine_differences(&plan).await) })? {
            console.line(&format!("  note: {difference}"))?;
        }
        let place = manifest.parent().filter(|_| arguments.manifest.file.is_none()).unwrap_or(&manifest);
        console.tell(&format!("\nType `landfall up {}` to do this.", readable(place)));
    }
    Ok(())
}

/// What can be said without asking the account, with what is proved.
fn forecast(cloud: &Cloud, console: &Console) -> Result<(), CommandError> {
    let forecast = Forecast::new(cloud);
    if console.json {
        let mut document = serde_json::to_value(&forecast).map_err(std::io::Error::from)?;
        document["proof"] = cloud.proof_json();
        return console.document(&document);
    }
    console.text(&views::forecast::text(&forecast, console.verbose))?;
    console.text(&cloud.proof_section(console.verbose))
}
