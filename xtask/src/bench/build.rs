//! What building costs: all from nothing, and the loop of somebody who edits a pure crate.

use super::Report;
use super::measure::{median, once};
use super::table::{Promise, Row};
use crate::sandbox::Sandbox;
use crate::{Result, workspace};
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

const EDITS: usize = 5;

pub(super) fn measure(sandbox: &Sandbox, report: &mut Report) -> Result {
    let fresh = sandbox.aside("target");
    let cost = once(sandbox, &cargo(&["build", "--release", "--locked", "--quiet"], Some(&fresh)))?;
    let promise = Promise::at_most(cost.cpu_ms, 600_000.0, "600 s CPU");
    let name = "cargo build --release from nothing".to_owned();
    report.row(Row { group: "build", name, runs: 1, figures: cost.into(), promise: Some(promise) });
    std::fs::remove_dir_all(fresh)?;

    for name in ["components", "compiler"] {
        let words = ["test", "--quiet", "--locked", "-p", &format!("landfall-{name}")];
        once(sandbox, &cargo(&words, None))?;
        let source = workspace::root().join(format!("crates/{name}/src/lib.rs"));
        let cost = median(EDITS, sandbox, || {
            std::fs::File::options().append(true).open(&source)?.set_modified(SystemTime::now())?;
            Ok(cargo(&words, None))
        })?;
        let promise = Promise::at_most(cost.wall_ms, 2_000.0, "2 s");
        let name = format!("crates/{name} touched, its tests done");
        report.row(Row { group: "edit", name, runs: EDITS, figures: cost.into(), promise: Some(promise) });
    }
    Ok(())
}

fn cargo(words: &[&str], target: Option<&Path>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words).current_dir(workspace::root()).envs(std::env::vars_os());
    command.envs(target.map(|target| ("CARGO_TARGET_DIR", target)));
    command
}
