//! The files that are made from the code: the reference under `docs/reference/`, the bans of the
//! pure crates. What the product knows about itself comes from `landfall reference`.

mod codes;
mod commands;
mod manifest;

use crate::{Result, purity, shell::Shell, workspace};
use serde::Deserialize;
use std::path::{Path, PathBuf};

const BANNER: &str = "<!-- Made by `cargo xtask generate` from the code. Changes here are lost. -->\n\n";

/// What `landfall reference` prints.
#[derive(Debug, Deserialize)]
struct Reference {
    schema: serde_json::Value,
    codes: Vec<Code>,
    commands: Vec<CommandHelp>,
    exit_codes: Vec<ExitCode>,
}

/// A finding code.
#[derive(Debug, Deserialize)]
struct Code {
    code: String,
    severity: String,
    title: String,
    explanation: String,
}

/// A number that the command ends with.
#[derive(Debug, Deserialize)]
struct ExitCode {
    code: u8,
    meaning: String,
}

/// A verb with its help as `landfall help VERB` prints it.
#[derive(Debug, Deserialize)]
struct CommandHelp {
    name: String,
    about: String,
    help: String,
}

/// Writes every file.
pub(crate) fn write(binary: impl FnOnce() -> Result<PathBuf>) -> Result {
    // The bans first: they must be there even when the command does not build.
    purity::write()?;
    for (file, text) in reference(binary()?.as_path())? {
        let file = workspace::root().join(file);
        std::fs::create_dir_all(file.parent().ok_or("a file in no folder")?)?;
        std::fs::write(file, text)?;
    }
    Ok(())
}

/// Says which files are not what the code makes of them.
pub(crate) fn check(binary: &Path) -> Result {
    purity::check()?;
    let mut stale = Vec::new();
    let files = reference(binary)?;
    for (file, text) in &files {
        if std::fs::read_to_string(workspace::root().join(file)).ok().as_ref() != Some(text) {
            stale.push(file.display().to_string());
        }
    }
    if stale.is_empty() {
        println!("{} generated files are as the code makes them", files.len());
        return Ok(());
    }
    Err(format!("not as the code makes them: {}; type `cargo xtask generate`", stale.join(", ")).into())
}

fn reference(binary: &Path) -> Result<Vec<(PathBuf, String)>> {
    let text = Shell::new(binary, ["reference"]).output()?;
    let reference: Reference = serde_json::from_str(&text)
        .map_err(|cause| format!("`landfall reference` prints something else than the reference: {cause}"))?;
    let schema = serde_json::to_string_pretty(&reference.schema)? + "\n";
    Ok([
        ("landfall.schema.json", schema),
        ("manifest.md", format!("{BANNER}{}", manifest::page(&reference.schema))),
        ("codes.md", format!("{BANNER}{}", codes::page(&reference.codes))),
        ("commands.md", format!("{BANNER}{}", commands::page(&reference.commands, &reference.exit_codes))),
    ]
    .map(|(name, text)| (PathBuf::from("docs/reference").join(name), text))
    .into())
}
