//! The `landfall` command as it is built for tests.

use crate::Result;
use crate::shell::Shell;
use std::path::PathBuf;

/// Builds the command as the tests do and returns where it lies.
pub(crate) fn built() -> Result<PathBuf> {
    Shell::cargo(["build", "--workspace", "--all-targets", "--locked", "--quiet"]).run()?;
    Ok(target_directory()?.join("debug/landfall"))
}

/// Where Cargo puts what it builds.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let text = Shell::cargo(["metadata", "--format-version=1", "--locked", "--no-deps"]).output()?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let folder = metadata["target_directory"].as_str().ok_or("cargo metadata names no target directory")?;
    Ok(PathBuf::from(folder))
}
