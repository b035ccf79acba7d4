//! The local runtime with real processes.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod cut_off;
mod database;
mod disk_full;
mod edge;
mod files;
mod ports;
mod programs;
mod python;
mod removal;
mod secrets;
mod supervisor;
mod world;

use std::path::PathBuf;

/// The supervisor of the other tests: they start this binary again with this test's name and two
/// folders, as the command starts itself. Without folders it has nothing to do.
#[test]
fn supervisor_process() {
    let last: Vec<PathBuf> = std::env::args_os().rev().take(2).map(PathBuf::from).collect();
    let [sockets, home] = last.as_slice() else { return };
    if !home.is_absolute() {
        return;
    }
    local_runtime::supervise(home, sockets).unwrap();
}
