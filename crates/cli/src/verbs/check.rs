//! `landfall check`: everything that can be known without network, Python or credentials.

use crate::arguments::{CheckArguments, Emit, FindingsFormat};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::project::Project;
use crate::surroundings::{Surroundings, readable};
use crate::verbs::version::VERSION;
use crate::views;
use crate::views::findings::{count, stdout_style};
use crate::views::proof::Guarantees;
use compiler::{AwsDeployment, Target, report};
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
            Emit::Processes => console.document(&compiler::realise_locally(&application, &model::Rotations::default())),
            Emit::Templates => templates(project_lowered, console),
        };
    }
    let shown = readable(&project.manifest);
    let Project { compilation, proof, lowered, .. } = project;
    let compiler::Compilation { application, findings, sources, clouds, .. } = compilation;
    if let Some(directory) = &arguments.evidence {
        let Some((report, (deployment, _))) = proof.as_ref().zip(lowered.as_ref()) else {
            return match application {
                Some(_) => Err(CommandError::usage(
                    "this environment is on this machine; its evidence is what `landfall verify --evidence` finds",
                    "name an environment with `target: aws`: -e production",
                )),
                None => Err(CommandError::Findings(findings, Box::new(sources))),
            };
        };
        let (record, page) = views::proof::write(report, deployment, &findings, &sources, directory)?;
        console.tell(&format!("Evidence: {} and {}", record.display(), page.display()));
    }
    if application.is_none() && proof.is_none() && !console.json && arguments.format.is_none() {
        return Err(CommandError::Findings(findings, Box::new(sources)));
    }
    let guarantees = match (&application, &proof) {
        (_, Some(report)) => Some(Guarantees::of_proof(report)),
        (Some(application), None) if application.environment.target == Target::Local => {
            Some(Guarantees::not_asked(application.guarantees.len(), &clouds, &arguments.manifest))
        }
        _ => None,
    };
    match arguments.format {
        _ if console.json => {
            let mut document = report::to_json(&findings, &sources);
            document["guarantees"] = serde_json::to_value(&guarantees).unwrap_or_default();
            document["proof"] = proof.as_ref().map(analysis::reachability::render::json).into();
            console.document(&document)?;
        }
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
            if let Some(report) = &proof {
                console.text(&views::proof::text(report, console.verbose))?;
            }
            if let Some(guarantees) = &guarantees {
                console.text(&guarantees.text())?;
            }
        }
    }
    let is_warned = findings.iter().any(|finding| finding.severity >= Severity::Warning);
    match application {
        None if proof.is_some() => Err(CommandError::NotProved),
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
