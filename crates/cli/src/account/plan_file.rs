//! A plan in a file, with what it was made from: `up FILE` finds the manifest by it and runs exactly what was reviewed.

use crate::arguments::ManifestArguments;
use crate::command_error::CommandError;
use crate::surroundings::readable;
use local_runtime::write_atomically;
use model::{Fault, FaultKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stacks::AccountPlan;
use std::path::{Path, PathBuf};

/// The version of the file's form.
const PLAN_FILE_VERSION: u32 = 1;
/// A larger file is no plan.
const LARGEST: u64 = 64 * 1024 * 1024;

/// What the file says. Holds no secret: secrets cannot be given by `--set`.
#[derive(Serialize, Deserialize)]
struct PlanFile {
    landfall_plan: u32,
    /// Relative to the file's folder where it is below the same one, so that both can be moved together.
    manifest: PathBuf,
    environment: String,
    set: Vec<String>,
    values: Option<PathBuf>,
    /// The plan with its digest.
    reviewed: Value,
}

/// A plan that was read, and the arguments that give its manifest.
pub(crate) struct Reviewed {
    pub(crate) manifest: ManifestArguments,
    pub(crate) plan: AccountPlan,
}

/// Keeps a plan in a file.
pub(crate) fn write(
    file: &Path,
    plan: &AccountPlan,
    manifest: &Path,
    arguments: &ManifestArguments,
) -> Result<(), CommandError> {
    let fault = |error: &dyn std::fmt::Display| {
        let doing = format!("keeping the plan in {}", file.display());
        CommandError::Fault(Fault::new(FaultKind::NeedsPerson, doing, error).help("give another -o FILE"))
    };
    let place = std::path::absolute(file).map_err(|error| fault(&error))?;
    let folder = place.parent().unwrap_or(Path::new("/")).to_path_buf();
    let relative = |path: &Path| path.strip_prefix(&folder).map_or_else(|_| path.to_path_buf(), Path::to_path_buf);
    let values = arguments.values.as_ref().map(|path| std::path::absolute(path).map(|path| relative(&path)));
    let content = PlanFile {
        landfall_plan: PLAN_FILE_VERSION,
        manifest: relative(manifest),
        environment: arguments.environment.clone(),
        set: arguments.set.clone(),
        values: values.transpose().map_err(|error| fault(&error))?,
        reviewed: serde_json::from_str(&plan.to_file()).map_err(|error| fault(&error))?,
    };
    let text = serde_json::to_string_pretty(&content).map_err(|error| fault(&error))? + "\n";
    write_atomically(&place, text.as_bytes(), 0o644).map_err(|error| fault(&error.cause))
}

/// The plan that a path leads to; none when it leads to something else, as a manifest.
pub(crate) fn read(path: &Path) -> Result<Option<Reviewed>, CommandError> {
    let is_small_file = path.metadata().is_ok_and(|facts| facts.is_file() && facts.len() <= LARGEST);
    let Some(text) = is_small_file.then(|| std::fs::read_to_string(path).ok()).flatten() else { return Ok(None) };
    if !text.trim_start().starts_with('{') {
        return Ok(None);
    }
    let Ok(value) = serde_json::from_str::<Value>(&text) else { return Ok(None) };
    let Some(version) = value.get("landfall_plan") else { return Ok(None) };
    let doing = || format!("reading the plan {}", readable(path));
    let refuse = |cause: String| {
        CommandError::Preflight(
            Fault::new(FaultKind::NeedsPerson, doing(), cause).help("make a new one: `landfall plan ... -o FILE`"),
        )
    };
    if version.as_u64() != Some(u64::from(PLAN_FILE_VERSION)) {
        return Err(refuse(format!("it has version {version}, this landfall writes {PLAN_FILE_VERSION}")));
    }
    let file: PlanFile =
        serde_json::from_value(value).map_err(|error| refuse(format!("it cannot be read: {error}")))?;
    let plan = AccountPlan::from_file(&readable(path), &file.reviewed.to_string()).map_err(CommandError::Preflight)?;
    let folder = std::path::absolute(path).map_err(|error| refuse(error.to_string()))?;
    let folder = folder.parent().unwrap_or(Path::new("/"));
    let manifest = folder.join(&file.manifest);
    if !manifest.exists() {
        let fault =
            Fault::new(FaultKind::NeedsPerson, doing(), format!("its manifest {} is not there", manifest.display()));
        return Err(CommandError::Preflight(
            fault.help("put it there, or make a new plan: `landfall plan ... -o FILE`"),
        ));
    }
    let manifest = ManifestArguments {
        path: None,
        file: Some(manifest),
        environment: file.environment,
        set: file.set,
        values: file.values.map(|path| folder.join(path)),
    };
    Ok(Some(Reviewed { manifest, plan }))
}
