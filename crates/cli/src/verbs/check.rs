//! `landfall check`: everything that can be known without network, Python or credentials.

use crate::arguments::{CheckArguments, Emit, FindingsFormat};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::project::Project;
use crate::surroundings::{Surroundings, readable};
use crate::verbs::version::VERSION;
use crate::views::findings::{count, stdout_style};
use compiler::{AwsDeployment, report};
use model::Severity;
use model::cfn::TemplateSet;

pub(crate) fn run(
    arguments: &CheckArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let mut project = Project::load(&arguments.manifest, surroundings)?;
    if let Some(emit) = arguments.emit {
        let project_lowered = project.lowered.take();
        let (_, application) = project.application(console)?;
        return match emit {
            Emit::Application => console.document(&application.to_json()),
            Emit::Processes => console.document(&compiler::realise_locally(&application)),
            Emit::Templates => templates(project_lowered, console),
        };
    }
    let shown = readable(&project.manifest);
    let compiler::Compilation { application, findings, sources, .. } = project.compilation;
    let is_refuted = application.is_none() && project.proof.is_some();
    if application.is_none() && project.proof.is_none() && !console.json && arguments.format.is_none() {
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
    let is_warned = findings.iter().any(|finding| finding.severity >= Severity::Warning);
    match application {
        None if is_refuted => Err(CommandError::NotProved),
        None => Err(CommandError::Reported),
        Some(_) if arguments.strict && is_warned => Err(CommandError::Strict),
        Some(_) => Ok(()),
    }
}

/// The templates as one stream of YAML documents.
fn templates(lowered: Option<(AwsDeployment, TemplateSet)>, console: &Console) -> Result<(), CommandError> {
    let Some((_, templates)) = lowered else {
        return Err(CommandError::usage(
            "this environment is on this machine",
            "name one with `target: aws`: -e production",
        ));
    };
    for stack in &templates.stacks {
        console.text(&format!("--- # {}\n{}", stack.name, stack.text))?;
    }
    Ok(())
}
