//! `landfall check`: everything that can be known without network, Python or credentials.

use crate::arguments::{CheckArguments, Emit, FindingsFormat};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::project::Project;
use crate::surroundings::{Surroundings, readable};
use crate::verbs::version::VERSION;
use crate::views::findings::{count, stdout_style};
use compiler::report;

pub(crate) fn run(
    arguments: &CheckArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let project = Project::load(&arguments.manifest, surroundings)?;
    if let Some(emit) = arguments.emit {
        let (_, application) = project.application(console)?;
        return match emit {
            Emit::Application => console.document(&application.to_json()),
            Emit::Processes => console.document(&compiler::realise_locally(&application)),
        };
    }
    let shown = readable(&project.manifest);
    let compiler::Compilation { application, findings, sources, .. } = project.compilation;
    if application.is_none() && !console.json && arguments.format.is_none() {
        return Err(CommandError::Findings(findings, Box::new(sources)));
    }
    match arguments.format {
        _ if console.json => console.document(&report::to_json(&findings, &sources))?,
        Some(FindingsFormat::Sarif) => console.document(&report::to_sarif(&findings, &sources, VERSION))?,
        Some(FindingsFormat::Text) | None => {
            if !findings.is_empty() {
                console.line(&report::to_text(&findings, &sources, stdout_style()))?;
            }
            if let Some(application) = &application {
                let (parts, environment) = (application.components.len(), &application.environment.name);
                let found = if findings.is_empty() { "nothing to mend".to_owned() } else { count(&findings) };
                console.line(&format!("{shown}: {parts} components, environment {environment}: {found}"))?;
            }
        }
    }
    match application {
        None => Err(CommandError::Reported),
        Some(_) if arguments.strict && !findings.is_empty() => Err(CommandError::Strict),
        Some(_) => Ok(()),
    }
}
