//! The pure crates and what is forbidden in them.
//!
//! Clippy reads the nearest `clippy.toml` alone, so each pure crate has a whole one. They are all
//! the same, and this is where their text is kept: `cargo xtask generate` lays them.

use crate::{Result, workspace};
use std::path::PathBuf;

/// The crates that must give the same answer to the same question, always.
pub(crate) const CRATES: [&str; 5] = ["analysis", "compiler", "components", "model", "template"];

const BANS: &str = include_str!("purity.toml");

/// The files and what must stand in them.
pub(crate) fn files() -> Result<Vec<(PathBuf, String)>> {
    let ours = std::fs::read_to_string(workspace::root().join("clippy.toml"))?;
    let text = format!("{ours}\n{BANS}");
    Ok(CRATES.map(|name| (PathBuf::from(format!("crates/{name}/clippy.toml")), text.clone())).into())
}

/// Lays them.
pub(crate) fn write() -> Result {
    for (file, text) in files()? {
        std::fs::write(workspace::root().join(file), text)?;
    }
    Ok(())
}

/// Whether each pure crate has its bans, unchanged.
pub(crate) fn check() -> Result {
    for (file, text) in files()? {
        let found = std::fs::read_to_string(workspace::root().join(&file)).unwrap_or_default();
        if found != text {
            return Err(format!("{} is not what it should be: type `cargo xtask generate`", file.display()).into());
        }
    }
    println!("the bans lie in {}", CRATES.join(", "));
    Ok(())
}
