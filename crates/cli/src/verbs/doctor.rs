//! `landfall doctor`: is everything there that deployments need?

use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{all, block_on};
use crate::surroundings::Surroundings;
use crate::verbs::version::VERSION;
use crate::views::style::{BAD, CAUTION, GOOD, HINT, paint};
use local_runtime::{UserFolders, authority_certificate, toolchain_facts};
use serde_json::json;

/// Less than this on the cache's disk is worth a word: TabPy's environment alone takes 700 MB.
const LITTLE_SPACE: u64 = 2 << 30;

pub(crate) fn run(console: &Console) -> Result<(), CommandError> {
    let folders = Surroundings::folders().map_err(CommandError::Preflight)?;
    let variables = Surroundings::runtime_variables();
    let facts = block_on(async { Ok(toolchain_facts(&folders, &variables).await) })?;
    let deployments = all(&folders);
    if console.json {
        return console.document(&json!({
            "version": 1,
            "landfall": VERSION,
            "folders": { "state": folders.state, "cache": folders.cache, "data": folders.data },
            "toolchain": facts,
            "deployments": deployments,
        }));
    }
    console.line(&format!("landfall {VERSION}\n"))?;
    let usable: Vec<_> = facts.pythons.iter().filter(|python| python.version.is_ok()).collect();
    for python in &usable {
        let version = python.version.as_ref().map_or("", String::as_str);
        let venv = if python.has_venv { "" } else { ", without the venv module" };
        console.line(&good(&format!("Python {version} at {}{venv}", python.program.display())))?;
    }
    let has_uv = facts.uv.is_some();
    match &facts.uv {
        Some(uv) => console.line(&good(&format!("uv at {}: environments are built with it", uv.display())))?,
        None => console.line(&note("uv is not on the path; venv and pip are used, which takes longer"))?,
    }
    if !usable.iter().any(|python| python.has_venv || has_uv) {
        console
            .line(&bad("no Python that can make environments", "apt install python3 python3-venv, or install uv"))?;
    }
    match facts.free_cache_bytes {
        Some(bytes) if bytes < LITTLE_SPACE => {
            let gibibytes = bytes as f64 / f64::from(1 << 30);
            console.line(&bad(&format!("{gibibytes:.1} GiB free for environments"), "free some space"))?;
        }
        Some(bytes) => console.line(&good(&format!("{} GiB free for environments", bytes >> 30)))?,
        None => {}
    }
    if !facts.proxies.is_empty() {
        console.line(&note(&format!("proxy settings are passed to pip and uv: {}", facts.proxies.join(", "))))?;
    }
    authority(&folders, facts.authority.is_some(), console)?;
    console.line(&note(&format!("{} deployments in {}", deployments.len(), folders.state.display())))
}

/// How to trust the local authority is told, never done.
fn authority(folders: &UserFolders, exists: bool, console: &Console) -> Result<(), CommandError> {
    let certificate = authority_certificate(folders);
    if !exists {
        return console.line(&note("no local authority yet; the first `up` with an edge makes one"));
    }
    console.line(&good(&format!("local authority: {}", certificate.display())))?;
    console.line(&format!(
        "    {} curl --cacert {}\n    {} sudo cp {} /usr/local/share/ca-certificates/landfall.crt && sudo update-ca-certificates",
        paint(HINT, "for one command:"),
        certificate.display(),
        paint(HINT, "for this machine:"),
        certificate.display(),
    ))
}

fn good(text: &str) -> String {
    format!("  {} {text}", paint(GOOD, "✓"))
}

fn note(text: &str) -> String {
    format!("  {} {text}", paint(CAUTION, "·"))
}

fn bad(text: &str, help: &str) -> String {
    format!("  {} {text}\n    {} {help}", paint(BAD, "✗"), paint(HINT, "do:"))
}
