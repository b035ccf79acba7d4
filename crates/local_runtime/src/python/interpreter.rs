//! Finding a Python that works and is new enough.

use crate::Variables;
use model::{Fault, FaultKind};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// A Python that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Interpreter {
    /// The program itself, behind all links and shims.
    pub(crate) executable: PathBuf,
    /// Major, minor, micro.
    pub(crate) version: (u32, u32, u32),
    /// `cpython` or another.
    pub(crate) implementation: String,
    /// `x86_64`, `aarch64`, ...
    pub(crate) machine: String,
    /// Whether the module `venv` with `ensurepip` is there; Debian packs it apart.
    pub(crate) has_venv: bool,
}

impl Interpreter {
    /// The version as people write it.
    pub(crate) fn version_text(&self) -> String {
        format!("{}.{}.{}", self.version.0, self.version.1, self.version.2)
    }
}

/// Versions looked for by name, newest first; `python3` itself comes before them.
const NAMES: &[&str] =
    &["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python3.9", "python3.8"];

/// Told to the interpreter: what it is, as one line of JSON.
const QUESTION: &str = "import sys, platform, json, importlib.util as u
print(json.dumps({'executable': getattr(sys, '_base_executable', None) or sys.executable, 'version': sys.version_info[:3],
 'implementation': sys.implementation.name, 'machine': platform.machine(),
 'has_venv': bool(u.find_spec('venv') and u.find_spec('ensurepip'))}))";

/// A candidate and what came of it.
pub(crate) type Tried = (PathBuf, Result<Interpreter, String>);

/// Finds the first interpreter that works and is at least `minimum` old. One that can make
/// environments goes before one that cannot.
pub(crate) async fn find(variables: &Variables, minimum: Option<&str>) -> Result<Interpreter, Fault> {
    let wanted = minimum.map(parse_version).transpose()?.unwrap_or((3, 8));
    let mut tried: Vec<Tried> = Vec::new();
    for candidate in candidates(variables) {
        let outcome = ask(&candidate, variables).await;
        if let Ok(found) = &outcome
            && (found.version.0, found.version.1) >= wanted
            && found.has_venv
        {
            return Ok(found.clone());
        }
        tried.push((candidate, outcome));
    }
    let enough = |tried: &Tried| tried.1.as_ref().is_ok_and(|found| (found.version.0, found.version.1) >= wanted);
    // Without `venv` uv still can; whether uv is there is the installer's question.
    if let Some((_, Ok(found))) = tried.iter().find(|tried| enough(tried)) {
        return Ok(found.clone());
    }
    Err(none_found(wanted, &tried))
}

/// Every interpreter on the path, each once, the ones called `python3` first.
pub(crate) fn candidates(variables: &Variables) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for name in NAMES {
        for program in variables.find_programs(name) {
            let real = program.canonicalize().unwrap_or_else(|_| program.clone());
            // Shims are one script under many names, so the name counts too.
            let is_shim = real.parent().is_some_and(|folder| folder.ends_with("shims"));
            let key = if is_shim { program.clone() } else { real };
            if !seen.contains(&key) {
                seen.push(key);
                found.push(program);
            }
        }
    }
    found
}

/// Asks a candidate what it is.
pub(crate) async fn ask(candidate: &Path, variables: &Variables) -> Result<Interpreter, String> {
    let mut command = Command::new(candidate);
    command
        .args(["-I", "-c", QUESTION])
        .env_clear()
        .envs(variables.for_installers())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(Duration::from_secs(20), command.output())
        .await
        .map_err(|_| "does not answer within 20 s".to_owned())?
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
        return Err(format!("does not work: {}", line.trim()));
    }
    let mut found: Interpreter = serde_json::from_slice(&output.stdout).map_err(|_| "is no Python 3".to_owned())?;
    // Links like `python3` may lead to another version after an upgrade.
    found.executable = found.executable.canonicalize().unwrap_or(found.executable);
    Ok(found)
}

fn parse_version(text: &str) -> Result<(u32, u32), Fault> {
    let mut numbers = text.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        (Some(Ok(major)), None) => Ok((major, 0)),
        _ => Err(Fault::new(FaultKind::Permanent, "finding Python", format!("`{text}` is no version"))
            .help("write `python.minimum` as \"3.10\", in quotes")),
    }
}

fn none_found(wanted: (u32, u32), tried: &[Tried]) -> Fault {
    let cause = if tried.is_empty() {
        "there is no python3 on PATH".to_owned()
    } else {
        let all: Vec<String> = tried
            .iter()
            .map(|(path, outcome)| match outcome {
                Ok(found) => format!("{} is {}", path.display(), found.version_text()),
                Err(why) => format!("{} {why}", path.display()),
            })
            .collect();
        format!("none is usable: {}", all.join("; "))
    };
    let (major, minor) = wanted;
    Fault::new(FaultKind::NeedsPerson, format!("finding Python {major}.{minor} or newer"), cause).help(
        "install it: `apt install python3 python3-venv` (Debian, Ubuntu), `dnf install python3` (Fedora, RHEL), \
         or `uv python install` / `pyenv install` for a newer one; then see that it is on PATH",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(parse_version("3.10").unwrap() > parse_version("3.9").unwrap());
        assert_eq!(parse_version("3").unwrap(), (3, 0));
        assert!(parse_version("three").is_err());
    }
}
