//! `check` from process start to end, beside what others take for a comparable stack.

use super::Report;
use super::measure::median;
use super::table::{Promise, Row};
use crate::Result;
use crate::sandbox::Sandbox;
use crate::shell::Shell;
use std::path::{Path, PathBuf};

const RUNS: usize = 21;
const PEER_RUNS: usize = 5;

pub(super) fn measure(sandbox: &Sandbox, peers: Option<&Path>, report: &mut Report) -> Result {
    let cost = median(RUNS, sandbox, || sandbox.landfall(["check", "blueprints/tabpy"]))?;
    let kept = cost.cpu_ms <= 15.0 && cost.peak_mb <= 20.0;
    let promise = Promise { text: "15 ms CPU, 20 MB".to_owned(), kept };
    let name = "landfall check blueprints/tabpy".to_owned();
    report.row(Row { group: "check", name, runs: RUNS, figures: cost.into(), promise: Some(promise) });
    let floor = median(RUNS, sandbox, || sandbox.command("true"))?;
    let name = "true (a process that does nothing)".to_owned();
    report.row(Row { group: "check", name, runs: RUNS, figures: floor.into(), promise: None });
    let Some(peers) = peers else {
        report.skip("cfn-lint and terraform validate: name a folder with cfn/s.yaml and tf/s by --peers DIR");
        return Ok(());
    };
    let peers = peers.canonicalize()?;
    peer(sandbox, "cfn-lint", &peers.join("cfn/s.yaml"), &["cfn/s.yaml"], &peers, report)?;
    if peers.join("tf/s/.terraform").is_dir() {
        peer(sandbox, "terraform", &peers.join("tf/s"), &["validate", "-no-color"], &peers.join("tf/s"), report)?;
    } else {
        report
            .skip(format!("terraform validate: {} is not initialised (terraform init)", peers.join("tf/s").display()));
    }
    Ok(())
}

fn peer(sandbox: &Sandbox, program: &str, stack: &Path, words: &[&str], folder: &Path, report: &mut Report) -> Result {
    let Some(path) = program_path(program) else {
        report.skip(format!("{program} is not installed"));
        return Ok(());
    };
    let cost = median(PEER_RUNS, sandbox, || {
        let mut command = sandbox.command(&path)?;
        // Other people's tools keep their things in the real home.
        command.envs(std::env::vars_os()).args(words).current_dir(folder);
        Ok(command)
    });
    match cost {
        Ok(cost) => {
            let name = format!(
                "{program} on a comparable stack ({})",
                stack.file_name().unwrap_or_default().to_string_lossy()
            );
            report.row(Row { group: "check", name, runs: PEER_RUNS, figures: cost.into(), promise: None });
        }
        Err(fault) => report.skip(format!("{program}: {fault}")),
    }
    Ok(())
}

/// Where a program lies; behind a pyenv shim, which would add a shell's start, the program itself.
fn program_path(program: &str) -> Option<PathBuf> {
    let found = Shell::new("sh", ["-c", &format!("command -v {program}")]).output().ok()?;
    let found = found.trim();
    if found.contains("/shims/")
        && let Ok(real) = Shell::new("pyenv", ["which", program]).output()
    {
        return Some(PathBuf::from(real.trim()));
    }
    (!found.is_empty()).then(|| PathBuf::from(found))
}
