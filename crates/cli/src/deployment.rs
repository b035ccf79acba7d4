//! A deployment on this machine, opened by name or by its manifest.

use crate::arguments::DeploymentArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::project::{self, MANIFEST};
use crate::record::Record;
use crate::surroundings::{Surroundings, host};
use engine::ports::Clock as _;
use engine::{Holder, Lease, SystemClock};
use local_runtime::{LocalTarget, Setup, SupervisorCommand, UserFolders};
use model::{DeploymentName, Fault, FaultKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Opens the local side of a deployment; it need not exist yet.
pub(crate) fn open(name: &DeploymentName, manifest: &Path) -> Result<LocalTarget, CommandError> {
    let program = std::env::current_exe().map_err(|error| {
        CommandError::Preflight(Fault::new(FaultKind::Permanent, "finding the landfall program itself", error))
    })?;
    let setup = Setup {
        folders: Surroundings::folders().map_err(CommandError::Preflight)?,
        deployment: name.clone(),
        manifest: manifest.to_path_buf(),
        variables: Surroundings::runtime_variables(),
        supervisor: SupervisorCommand { program, arguments: vec!["supervise".into()] },
    };
    LocalTarget::open(setup).map_err(CommandError::Preflight)
}

/// A deployment that was brought up before.
pub(crate) struct Existing {
    pub(crate) name: DeploymentName,
    pub(crate) target: LocalTarget,
    /// What was brought up; none when no `up` has succeeded yet.
    pub(crate) record: Option<Record>,
}

impl Existing {
    /// The record, or a fault that says what to do to get one.
    pub(crate) fn finished(&self) -> Result<&Record, CommandError> {
        self.record.as_ref().ok_or_else(|| {
            let doing = format!("looking at {}", self.name);
            let fault = Fault::new(FaultKind::NeedsPerson, doing, "it was never brought up completely");
            CommandError::Preflight(fault.help("type `landfall up` with its manifest; it goes on where it stopped"))
        })
    }
}

/// Finds the deployment that the arguments mean; none when nothing of that name exists.
pub(crate) fn find(arguments: &DeploymentArguments) -> Result<Option<Existing>, CommandError> {
    if arguments.environment != compiler::LOCAL {
        let doing = format!("opening environment {}", arguments.environment);
        let fault = Fault::new(FaultKind::NeedsPerson, doing, "this version of landfall operates this machine only");
        return Err(CommandError::Preflight(fault.help("leave out `-e`")));
    }
    let folders = Surroundings::folders().map_err(CommandError::Preflight)?;
    let (name, manifest) = named(arguments.deployment.as_deref(), &folders)?;
    let home = folders.home(&name);
    if !home.root().exists() {
        return Ok(None);
    }
    let record = Record::read(&home).map_err(CommandError::Preflight)?;
    let manifest = manifest.or_else(|| record.as_ref().map(|record| record.manifest.clone()));
    let manifest = manifest.or_else(|| home.manifest()).unwrap_or_else(|| home.root().join(MANIFEST));
    let target = open(&name, &manifest)?;
    Ok(Some(Existing { name, target, record }))
}

/// As [`find`], where nothing to be found is an error.
pub(crate) fn find_existing(arguments: &DeploymentArguments) -> Result<Existing, CommandError> {
    find(arguments)?.ok_or_else(|| {
        let wanted = arguments.deployment.as_deref().unwrap_or(".");
        let doing = format!("looking for the deployment of {wanted}");
        let fault = Fault::new(FaultKind::NeedsPerson, doing, "it is not up on this machine");
        CommandError::Preflight(fault.help(format!("type `landfall up {wanted}`")))
    })
}

/// The manifest of a deployment on this machine, by the deployment's name.
pub(crate) fn manifest_of(name: &str) -> Option<PathBuf> {
    let name = DeploymentName::new(name).ok()?;
    Surroundings::folders().ok()?.home(&name).manifest()
}

/// Whether a word can only be the name of a component: it is no deployment of this machine, and leads to no manifest.
pub(crate) fn is_component(word: &str) -> bool {
    let path = Path::new(word);
    let is_manifest = path.is_file() || path.join(MANIFEST).is_file();
    let is_deployment =
        Surroundings::folders().is_ok_and(|folders| all(&folders).iter().any(|name| name.as_str() == word));
    !is_manifest && !is_deployment && model::ComponentName::new(word).is_ok()
}

fn named(wanted: Option<&str>, folders: &UserFolders) -> Result<(DeploymentName, Option<PathBuf>), CommandError> {
    let known = all(folders);
    let known_list = || {
        let names: Vec<&str> = known.iter().map(DeploymentName::as_str).collect();
        if names.is_empty() {
            "nothing is up on this machine; type `landfall up blueprints/tabpy`".to_owned()
        } else {
            format!("name one of: {}", names.join(", "))
        }
    };
    match wanted {
        Some(text) if Path::new(text).exists() => by_manifest(Path::new(text)),
        Some(text) => match DeploymentName::new(text) {
            Ok(name) if known.contains(&name) => Ok((name, None)),
            _ => Err(CommandError::usage(format!("there is no deployment and no manifest `{text}`"), known_list())),
        },
        None if Path::new(MANIFEST).exists() => by_manifest(Path::new(MANIFEST)),
        None => match known.as_slice() {
            [only] => Ok((only.clone(), None)),
            _ => Err(CommandError::usage("which deployment?", known_list())),
        },
    }
}

/// The name in a manifest. Only the name is wanted, so the manifest need not be valid otherwise.
fn by_manifest(path: &Path) -> Result<(DeploymentName, Option<PathBuf>), CommandError> {
    let manifest = project::find(Some(path))?;
    let refuse = |why: &str| {
        CommandError::usage(format!("{}: {why}", path.display()), format!("type `landfall check {}`", path.display()))
    };
    let bytes = std::fs::read(&manifest).map_err(|error| refuse(&error.to_string()))?;
    let name = compiler::deployment_name(&bytes).ok_or_else(|| refuse("it has no valid `name`"))?;
    Ok((name, Some(manifest)))
}

/// The deployments on this machine, sorted.
pub(crate) fn all(folders: &UserFolders) -> Vec<DeploymentName> {
    let entries = std::fs::read_dir(&folders.state).into_iter().flatten().flatten();
    let mut names: Vec<DeploymentName> = entries
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| DeploymentName::new(entry.file_name().into_string().ok()?).ok())
        .collect();
    names.sort();
    names
}

/// Takes the right to change a deployment, telling who is waited for.
pub(crate) async fn lease(
    target: &LocalTarget,
    verb: &str,
    wait_seconds: u64,
    console: &Console,
) -> Result<Lease, CommandError> {
    let now = SystemClock.now();
    let me = Holder { pid: std::process::id(), since: now, command: verb.to_owned(), host: host() };
    let wait = (wait_seconds > 0).then(|| Duration::from_secs(wait_seconds));
    let on_wait = |holder: Option<&Holder>| {
        let who = holder.map_or_else(|| "another landfall".to_owned(), ToString::to_string);
        console.tell(&format!("Waiting up to {wait_seconds} s for {who}."));
    };
    Lease::acquire(&target.home().lock(), &me, wait, &on_wait).await.map_err(|fault| {
        CommandError::Preflight(match fault.kind {
            FaultKind::Locked if verb != "verify" => {
                fault.help("run the command again when it has finished; `--wait SECONDS` waits for that")
            }
            _ => fault,
        })
    })
}

/// A small runtime for verbs that wait for something, with the one TLS provider in place.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    // A second call finds it in place, which is what is wanted.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| CommandError::Fault(Fault::new(FaultKind::Permanent, "starting threads", error)))?;
    runtime.block_on(work)
}
