//! The cache of Python environments: one folder for each set of interpreter and packages, built once
//! in place, complete when its marker is there.

use crate::Variables;
use crate::disk;
use crate::folders::{Home, UserFolders};
use crate::python::{install, interpreter};
use model::process_graph::PythonEnvironmentSpec;
use model::{Digest, Fault, FaultKind, NodeId};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The version of how environments are built; raise it to build them all anew.
const RECIPE: u32 = 1;

/// Written last. An environment without it was cut off while it was built.
#[derive(Serialize, Deserialize)]
struct Marker {
    python: String,
    packages: usize,
    bytes: u64,
}

fn marker(environment: &Path) -> PathBuf {
    environment.join("landfall-complete.json")
}

/// Makes sure that an environment is there, and points the deployment's link at it. Returns in
/// words what it is.
pub(crate) async fn ensure(
    folders: &UserFolders,
    home: &Home,
    node: &NodeId,
    spec: &PythonEnvironmentSpec,
    variables: &Variables,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<String, Fault> {
    progress("looking for Python");
    let interpreter = interpreter::find(variables, spec.minimum_python.as_deref()).await?;
    let cache = folders.cache.join("python");
    disk::private_folder(&cache)?;
    let digest = Digest::of(&(RECIPE, &interpreter, &spec.packages, &spec.constraints, &spec.imports));
    // A short name keeps the first lines of scripts below the 127 bytes that some kernels read.
    let environment = cache.join(digest.short());
    let lock_path = cache.join(format!(".{}.lock", digest.short()));
    let lock = disk::lock_file(&lock_path)?;
    let mut told = false;
    while lock.try_lock().is_err() {
        if !told {
            progress("waiting for another deployment that builds the same environment");
            told = true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let built = is_complete(&environment);
    if !built {
        // What a crash left.
        disk::remove(&environment)?;
        let mut unfinished = Unfinished(Some(environment.clone()));
        install::install(&environment, &interpreter, spec, variables, progress).await?;
        let (packages, bytes) = (packages(&environment), size(&environment));
        disk::write_json(&marker(&environment), &Marker { python: interpreter.version_text(), packages, bytes })?;
        unfinished.0 = None;
    }
    let link = home.python(node);
    if let Some(folder) = link.parent() {
        disk::private_folder(folder)?;
    }
    disk::point(&link, &environment)?;
    let facts: Marker = disk::read_json(&marker(&environment))?.ok_or_else(|| {
        Fault::new(FaultKind::Transient, "looking at the Python environment", "it was removed while it was made")
    })?;
    let origin = if built { "from the cache, " } else { "" };
    Ok(format!("{origin}Python {}, {} packages, {} MB", facts.python, facts.packages, facts.bytes / 1_000_000))
}

/// An environment that is removed again unless its building comes to an end: an error, Ctrl-C.
struct Unfinished(Option<PathBuf>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(environment) = &self.0 {
            let _ = disk::remove(environment);
        }
    }
}

/// What is wrong with a deployment's environment; none when it can be used.
pub(crate) fn wrong(home: &Home, node: &NodeId) -> Option<String> {
    match fs::read_link(home.python(node)) {
        Ok(environment) if is_complete(&environment) => None,
        Ok(environment) if environment.exists() => Some("the Python environment in the cache is damaged".to_owned()),
        Ok(_) => Some("the Python environment is gone from the cache".to_owned()),
        Err(_) => Some("the link to the Python environment is gone".to_owned()),
    }
}

/// The path of a program of a deployment's environment.
pub(crate) fn program(home: &Home, node: &NodeId, program: &str) -> Result<PathBuf, Fault> {
    let operation = format!("finding the program {program} of {node}");
    let environment = fs::read_link(home.python(node)).map_err(|error| {
        Fault::new(FaultKind::Permanent, &operation, error).help("run `landfall up` again; it makes what is missing")
    })?;
    if program.is_empty() || program.contains('/') || program.starts_with('.') {
        return Err(Fault::new(FaultKind::Permanent, operation, "that is no program's name"));
    }
    let path = environment.join("bin").join(program);
    if fs::metadata(&path).is_ok() {
        return Ok(path);
    }
    Err(Fault::new(FaultKind::Permanent, operation, format!("{} does not exist", path.display()))
        .help("see that one of `python.packages` brings a program of that name"))
}

/// Removes a deployment's link; the environment stays in the cache for others and for the next time.
pub(crate) fn remove(home: &Home, node: &NodeId) -> Result<(), Fault> {
    disk::remove_with_empty_parents(&home.python(node), home.root())
}

/// Built to its end, its interpreter still there (it is a link out of the cache), no package removed.
fn is_complete(environment: &Path) -> bool {
    let Ok(Some(built)) = disk::read_json::<Marker>(&marker(environment)) else { return false };
    environment.join("bin/python").metadata().is_ok_and(|facts| facts.is_file())
        && packages(environment) >= built.packages
}

/// How many packages are installed: each has a folder `NAME-VERSION.dist-info`.
fn packages(environment: &Path) -> usize {
    let folders = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    folders(&environment.join("lib"))
        .flat_map(|python| folders(&python.join("site-packages")).collect::<Vec<_>>())
        .filter(|path| path.extension().is_some_and(|extension| extension == "dist-info"))
        .count()
}

/// How many bytes an environment has.
fn size(environment: &Path) -> u64 {
    let mut bytes = 0;
    let mut folders = vec![environment.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(facts) if facts.is_dir() => folders.push(entry.path()),
                Ok(facts) => bytes += facts.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}
