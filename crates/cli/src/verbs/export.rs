//! `landfall export`: the deployment as files that outlive the tool.

use crate::arguments::{ExportArguments, ExportFormat};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::project::Project;
use crate::surroundings::{Surroundings, readable};
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
    console.line(&format!("Wrote {} files to {shown}; {shown}/README.md deploys them by hand.", files.len()))
}

fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    let fault = |error: std::io::Error| {
        CommandError::Fault(Fault::new(FaultKind::NeedsPerson, format!("writing {}", path.display()), error))
    };
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(fault)?;
    write_atomically(path, text.as_bytes(), 0o644).map_err(CommandError::Fault)
}
