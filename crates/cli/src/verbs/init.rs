//! `landfall init`: a manifest of one's own from a blueprint.

use crate::arguments::InitArguments;
use crate::blueprints::{self, Blueprint};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::readable;
use model::{DeploymentName, Fault, FaultKind};
use std::path::Path;

pub(crate) fn run(arguments: &InitArguments, console: &Console) -> Result<(), CommandError> {
    let Some(wanted) = &arguments.blueprint else {
        return list(console);
    };
    let blueprint = blueprints::find(wanted).ok_or_else(|| {
        let known: Vec<&str> = blueprints::ALL.iter().map(|blueprint| blueprint.name).collect();
        CommandError::usage(
            format!("there is no blueprint `{wanted}`"),
            format!("the blueprints are: {}; type `landfall init {}`", known.join(", "), known[0]),
        )
    })?;
    let directory = arguments.directory.clone().unwrap_or_else(|| blueprint.name.into());
    let name = deployment_name(arguments, &directory)?;
    write(blueprint, &name, &directory)?;
    let shown = readable(&directory);
    if console.json {
        return console.document(&serde_json::json!({ "version": 1, "directory": directory, "name": name }));
    }
    console.line(&format!("Wrote {shown}/landfall.yaml, a deployment named `{name}`.\n\nNext:"))?;
    console.line(&format!("  landfall check {shown}\n  landfall up {shown}"))
}

fn list(console: &Console) -> Result<(), CommandError> {
    if console.json {
        let all: Vec<_> = blueprints::ALL
            .iter()
            .map(|blueprint| serde_json::json!({ "name": blueprint.name, "about": blueprint.about }))
            .collect();
        return console.document(&serde_json::json!({ "version": 1, "blueprints": all }));
    }
    for blueprint in blueprints::ALL {
        console.line(&format!("{:<15} {}", blueprint.name, blueprint.about))?;
    }
    console.line("\nType `landfall init NAME [DIRECTORY]` to write one.")
}

fn deployment_name(arguments: &InitArguments, directory: &Path) -> Result<DeploymentName, CommandError> {
    let text = arguments.name.clone().unwrap_or_else(|| {
        let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf());
        absolute.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default()
    });
    DeploymentName::new(text.clone()).map_err(|error| {
        CommandError::usage(format!("`{text}` is no name for a deployment: {error}"), "give another one: --name NAME")
    })
}

fn write(blueprint: &Blueprint, name: &DeploymentName, directory: &Path) -> Result<(), CommandError> {
    let shown = readable(directory);
    let is_taken = match std::fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => directory.exists(),
    };
    if is_taken {
        return Err(CommandError::usage(
            format!("{shown} exists and is not empty; nothing was written"),
            format!("give another directory: landfall init {} DIRECTORY", blueprint.name),
        ));
    }
    let fault = |error: std::io::Error| {
        CommandError::Fault(Fault::new(FaultKind::NeedsPerson, format!("writing the blueprint to {shown}"), error))
    };
    // Written beside its place and moved there as a whole, so that no crash leaves half a blueprint.
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(fault)?;
    let draft = tempfile::Builder::new().prefix(".landfall-init-").tempdir_in(parent).map_err(fault)?;
    let tree = draft.path().join("blueprint");
    for (path, text) in blueprint.files {
        let file = tree.join(path);
        std::fs::create_dir_all(file.parent().unwrap_or(&tree)).map_err(fault)?;
        let text = if *path == "landfall.yaml" { renamed(text, name) } else { (*text).to_owned() };
        std::fs::write(&file, text).map_err(fault)?;
    }
    std::fs::rename(&tree, directory).map_err(fault)
}

/// The manifest with its `name:` line changed and everything else, comments included, as it was.
fn renamed(manifest: &str, name: &DeploymentName) -> String {
    let line = |line: &str| if line.starts_with("name:") { format!("name: {name}\n") } else { format!("{line}\n") };
    manifest.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_changes() {
        let name = DeploymentName::new("mine").unwrap();
        assert_eq!(renamed("# head\nname: tabpy # x\n  name: in\n", &name), "# head\nname: mine\n  name: in\n");
    }

    #[test]
    fn a_full_directory_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("mine.txt"), "x").unwrap();
        let name = DeploymentName::new("mine").unwrap();
        assert!(write(&blueprints::ALL[0], &name, directory.path()).is_err());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        let fresh = directory.path().join("deep/fresh");
        assert!(write(&blueprints::ALL[0], &name, &fresh).is_ok());
        assert!(std::fs::read_to_string(fresh.join("landfall.yaml")).unwrap().contains("name: mine\n"));
    }
}
