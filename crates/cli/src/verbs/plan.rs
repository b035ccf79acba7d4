//! `landfall plan`: what `up` would do and why.

use crate::account::forecast::Forecast;
use crate::arguments::PlanArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{block_on, open};
use crate::project::{Project, require_local};
use crate::surroundings::{Surroundings, readable};
use crate::views;
use engine::{Journal, Request, propose};

pub(crate) fn run(
    arguments: &PlanArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let mut project = Project::load(&arguments.manifest, surroundings)?;
    let lowered = project.lowered.take();
    let proof = project.proof.clone();
    let (manifest, application) = project.application(console)?;
    if let Some((deployment, templates)) = &lowered
        && arguments.offline
    {
        let forecast = Forecast::new(&application, deployment, templates);
        if console.json {
            let mut document = serde_json::to_value(&forecast).map_err(std::io::Error::from)?;
            document["proof"] = proof.as_ref().map(analysis::reachability::render::json).into();
            return console.document(&document);
        }
        console.text(&views::forecast::text(&forecast, console.verbose))?;
        return proof.map_or(Ok(()), |report| console.text(&views::proof::section(&report, console.verbose)));
    }
    require_local(&application)?;
    let graph = compiler::realise_locally(&application);
    let target = open(&application.name, &manifest)?;
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
        let place = manifest.parent().filter(|_| arguments.manifest.file.is_none()).unwrap_or(&manifest);
        console.tell(&format!("\nType `landfall up {}` to do this.", readable(place)));
    }
    Ok(())
}
