//! Whose a deployment's folder is: the version of its layout and the manifest that made it.

use crate::disk;
use crate::folders::{Home, UserFolders};
use model::{DeploymentName, Fault, FaultKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The version of the layout of a deployment's folder.
pub const STATE_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Owner {
    manifest: PathBuf,
}

/// The deployments of a user, with the manifest of each where it is known.
///
/// # Errors
/// When the folder of deployments cannot be read.
pub fn deployments(folders: &UserFolders) -> Result<BTreeMap<DeploymentName, Option<PathBuf>>, Fault> {
    let entries = match std::fs::read_dir(&folders.state) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(disk::io_fault("looking into", &folders.state, &error)),
    };
    let named = entries.flatten().filter_map(|entry| DeploymentName::new(entry.file_name().into_string().ok()?).ok());
    let known = |name: DeploymentName| {
        let manifest = recorded_manifest(&folders.home(&name)).ok().flatten();
        (name, manifest)
    };
    Ok(named.map(known).collect())
}

/// Refuses a folder that a newer version wrote.
pub(crate) fn check_version(home: &Home) -> Result<(), Fault> {
    let path = home.version();
    let Some(bytes) = disk::read(&path)? else { return Ok(()) };
    let text = String::from_utf8_lossy(&bytes);
    let operation = format!("reading {}", path.display());
    match text.trim().parse::<u32>() {
        Ok(version) if version <= STATE_VERSION => Ok(()),
        Ok(version) => Err(Fault::new(
            FaultKind::IncompatibleState,
            operation,
            format!(
                "the deployment was made by a newer landfall (state version {version}; this one knows {STATE_VERSION})"
            ),
        )
        .help("install the newer landfall, or take the deployment down with it first")),
        Err(_) => Err(Fault::new(FaultKind::IncompatibleState, operation, "it holds no version number").help(format!(
            "the folder {} is not landfall's or is damaged; move it away and run the same command again",
            home.root().display()
        ))),
    }
}

/// Refuses a folder that another manifest of the same name made, as long as that manifest exists.
pub(crate) fn check_owner(home: &Home, manifest: &Path) -> Result<(), Fault> {
    match recorded_manifest(home)? {
        Some(other) if other != manifest && other.exists() => {
            let name = home.root().file_name().unwrap_or_default().to_string_lossy().into_owned();
            Err(Fault::new(
                FaultKind::NeedsPerson,
                format!("opening the deployment `{name}`"),
                format!("it belongs to another manifest: {}", other.display()),
            )
            .help(format!(
                "give one of the two another `name`, or take the other one down first: `landfall down {}`",
                other.parent().unwrap_or(&other).display()
            )))
        }
        _ => Ok(()),
    }
}

/// The manifest that made a deployment.
pub(crate) fn recorded_manifest(home: &Home) -> Result<Option<PathBuf>, Fault> {
    Ok(disk::read_json::<Owner>(&home.owner())?.map(|owner| owner.manifest))
}

/// Writes version and manifest down.
pub(crate) fn record(home: &Home, manifest: &Path) -> Result<(), Fault> {
    if disk::read(&home.version())?.is_none() {
        disk::write_atomically(&home.version(), format!("{STATE_VERSION}\n").as_bytes(), 0o600)?;
    }
    if recorded_manifest(home)?.as_deref() != Some(manifest) {
        disk::write_json(&home.owner(), &Owner { manifest: manifest.to_owned() })?;
    }
    Ok(())
}
