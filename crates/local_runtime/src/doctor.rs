//! What this machine brings for deployments: facts for `doctor`.

use crate::Variables;
use crate::authority;
use crate::folders::UserFolders;
use crate::python::interpreter;
use serde::Serialize;
use std::path::PathBuf;

/// A Python that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PythonFacts {
    /// The program that was tried.
    pub program: PathBuf,
    /// Its version, or why it cannot be used.
    pub version: Result<String, String>,
    /// Whether it can make environments (the modules `venv` and `ensurepip`).
    pub has_venv: bool,
}

/// What this machine brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolchainFacts {
    /// Every Python on the path.
    pub pythons: Vec<PythonFacts>,
    /// uv, where it is there.
    pub uv: Option<PathBuf>,
    /// The authority's certificate, where it was made already.
    pub authority: Option<PathBuf>,
    /// Bytes that are free where environments are built.
    pub free_cache_bytes: Option<u64>,
    /// The names of the proxy variables that are set.
    pub proxies: Vec<String>,
}

/// Looks at what this machine brings. Changes nothing.
pub async fn toolchain_facts(folders: &UserFolders, variables: &Variables) -> ToolchainFacts {
    let mut pythons = Vec::new();
    for program in interpreter::candidates(variables) {
        let found = interpreter::ask(&program, variables).await;
        let has_venv = found.as_ref().is_ok_and(|found| found.has_venv);
        pythons.push(PythonFacts { program, version: found.map(|found| found.version_text()), has_venv });
    }
    let place = folders.cache.ancestors().find(|folder| folder.exists());
    let free = place.and_then(|folder| nix::sys::statvfs::statvfs(folder).ok());
    let proxies = ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "no_proxy", "NO_PROXY"];
    ToolchainFacts {
        pythons,
        uv: variables.find_programs("uv").into_iter().next(),
        authority: Some(authority::certificate_file(folders)).filter(|path| path.exists()),
        free_cache_bytes: free.map(|facts| facts.blocks_available() * facts.fragment_size()),
        proxies: proxies.into_iter().filter(|name| variables.get(name).is_some()).map(str::to_owned).collect(),
    }
}
