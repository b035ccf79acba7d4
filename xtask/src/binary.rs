//! The `landfall` command as it is built for tests.

use crate::Result;
use crate::shell::Shell;
use std::path::PathBuf;

/// Builds the command alone and returns where it lies.
pub(crate) fn alone() -> Result<PathBuf> {
    Shell::cargo(["build", "--package", "landfall", "--locked", "--quiet"]).run()?;
    Ok(target_directory()?.join("debug/landfall"))
}

/// Builds the command together with all tests and returns where it lies. After `cargo test --workspace`
/// nothing is left to do; alone, it would be built a second time with fewer features.
pub(crate) fn with_tests() -> Result<PathBuf> {
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
