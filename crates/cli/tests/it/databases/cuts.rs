//! Cutting a command off right before any moment at which it makes something last.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use super::notes::Notes;
use crate::support::{eventually, kill, signal, skip};
use nix::sys::signal::Signal;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(300);

/// What happens to the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    /// It is killed.
    Kill,
    /// It lives on, and the supervisor is killed under it.
    KillSupervisor,
}

/// A library that is loaded into commands.
pub(super) struct Cuts {
    library: PathBuf,
}

impl Cuts {
    /// Builds it; none, which is said, where there is no C compiler.
    pub(super) fn new(notes: &Notes, test: &str) -> Option<Self> {
        let library = notes.machine.path("cut.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/databases/cut.c");
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl").status();
        match built {
            Ok(status) => assert!(status.success(), "{source} does not compile"),
            Err(_) => {
                skip(test, "there is no C compiler on this machine");
                return None;
            }
        }
        Some(Self { library })
    }

    /// Runs a command that is hit at such a moment, counted from 1; none of them with nought. Returns the moments that it reached.
    pub(super) fn run(&self, notes: &Notes, arguments: &[&str], at: usize, blow: Blow) -> Vec<String> {
        let log = notes.machine.path("cut.log");
        let _ = fs::remove_file(&log);
        let mut command = notes.machine.command(arguments);
        command.env("LD_PRELOAD", &self.library).env("CUT_LOG", &log).env("CUT_BELOW", notes.home());
        command.env("CUT_AT", at.to_string()).env("CUT_PARENT", std::process::id().to_string());
        if blow == Blow::KillSupervisor {
            command.env("CUT_STOP", "1");
        }
        let said = notes.machine.path("cut.said");
        let output = fs::File::create(&said).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut child = command.spawn().unwrap();
        let mut has_hit = false;
        let status = eventually("the command that is cut off ends", PATIENCE, || {
            if blow == Blow::KillSupervisor && !has_hit && is_stopped(child.id()) {
                has_hit = true;
                kill(notes.supervisor());
                signal(child.id(), Signal::SIGCONT);
            }
            child.try_wait().unwrap()
        });
        if at == 0 {
            assert!(status.success(), "{}", fs::read_to_string(&said).unwrap());
        }
        let reached = fs::read_to_string(&log).unwrap_or_default();
        reached.lines().map(str::to_owned).collect()
    }
}

fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}
