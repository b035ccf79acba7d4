//! `landfall export`: the deployment as files that outlive the tool.

use crate::arguments::{ExportArguments, ExportFormat};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::project::Project;
use crate::surroundings::{Surroundings, readable};
use analysis::resource_types::{DeployerScope, deployer_policies};
use compiler::{Application, AwsDeployment, ExportedFile};
use local_runtime::write_atomically;
use model::{Fault, FaultKind};
use std::path::Path;

pub(crate) fn run(
    arguments: &ExportArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let mut project = Project::load(&arguments.manifest, surroundings)?;
    let lowered = project.lowered.take();
    let (_, application) = project.application(console)?;
    let Some((deployment, templates)) = lowered else {
        let name = &application.environment.name;
        return Err(CommandError::usage(
            format!("environment {name} is on this machine; templates are for an account"),
            "name an environment with `target: aws`: -e production",
        ));
    };
    let files = match arguments.format {
        ExportFormat::Cloudformation => compiler::export_cloudformation(&deployment, &templates),
        ExportFormat::Terraform => compiler::export_terraform(&deployment, &templates),
        ExportFormat::Permissions => permissions(&deployment, &application),
    };
    for file in &files {
        write(&arguments.directory.join(&file.path), &file.text)?;
    }
    let shown = readable(&arguments.directory);
    if console.json {
        let paths: Vec<&String> = files.iter().map(|file| &file.path).collect();
        return console
            .document(&serde_json::json!({ "version": 1, "directory": arguments.directory, "files": paths }));
    }
    console.line(&match arguments.format {
        ExportFormat::Permissions => format!(
            "Wrote {} to {shown}: give the deployer each as a managed policy.",
            if files.len() == 1 { "one policy".to_owned() } else { format!("{} policies", files.len()) }
        ),
        _ => format!("Wrote {} files to {shown}; {shown}/README.md deploys them by hand.", files.len()),
    })
}

/// The deployer's rights, in as many documents as AWS's limit for one asks for.
fn permissions(deployment: &AwsDeployment, application: &Application) -> Vec<ExportedFile> {
    let scope = DeployerScope {
        deployment: &deployment.name,
        application: application.name.as_str(),
        environment: application.environment.name.as_str(),
        account: application.environment.account.as_deref(),
        region: deployment.region.as_deref(),
    };
    let policies = deployer_policies(&deployment.graph, &scope);
    let files = policies
        .iter()
        .enumerate()
        .map(|(at, policy)| ExportedFile { path: format!("deployer-{}.json", at + 1), text: format!("{policy:#}\n") });
    files.collect()
}

fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    let fault = |error: std::io::Error| {
        CommandError::Fault(Fault::new(FaultKind::NeedsPerson, format!("writing {}", path.display()), error))
    };
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(fault)?;
    write_atomically(path, text.as_bytes(), 0o644).map_err(CommandError::Fault)
}
