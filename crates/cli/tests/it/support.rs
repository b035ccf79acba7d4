//! What every test of the command needs.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use testkit::{Output, TestEnvironment};

/// The program under test.
pub(crate) const LANDFALL: &str = env!("CARGO_BIN_EXE_landfall");

/// An empty machine; a command that takes longer than two minutes there hangs.
pub(crate) fn machine() -> TestEnvironment {
    TestEnvironment::new(LANDFALL).with_limit(Duration::from_secs(120))
}

/// An empty machine without programs: what runs there runs nothing else.
pub(crate) fn bare_machine() -> TestEnvironment {
    machine().with_variable("PATH", "/nonexistent")
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// Says that a test was not done. It is written past the capture of libtest, so that people see it.
pub(crate) fn skip(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
}

/// Waits until something is true.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, signal: nix::sys::signal::Signal) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("a process id"));
    // It may have ended in the meantime.
    let _ = nix::sys::signal::kill(pid, signal);
}

/// Kills a process as the kernel does when memory runs out.
pub(crate) fn kill(pid: u32) {
    signal(pid, nix::sys::signal::Signal::SIGKILL);
}

/// Every file below a folder, relative, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    fn collect(at: &Path, root: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(at).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                collect(&path, root, found);
            } else {
                found.push(path.strip_prefix(root).expect("below the root").to_path_buf());
            }
        }
    }
    let mut found = Vec::new();
    collect(folder, folder, &mut found);
    found.sort();
    found
}

/// Whether the bytes of a text lie in a file.
pub(crate) fn holds(file: &Path, text: &str) -> bool {
    std::fs::read(file).unwrap_or_default().windows(text.len()).any(|window| window == text.as_bytes())
}

/// The one JSON document that a command printed; it says its version.
#[track_caller]
pub(crate) fn document(output: &Output) -> serde_json::Value {
    let parsed: Result<serde_json::Value, _> = serde_json::from_str(&output.stdout);
    let value = parsed.unwrap_or_else(|error| panic!("not one JSON document ({error}):\n{}", output.stdout));
    assert!(value["version"].is_u64(), "no version in {value}");
    value
}

/// Asserts that a command neither broke down nor spoke of a defect of its own.
#[track_caller]
pub(crate) fn assert_civil(output: &Output) {
    let all = format!("{}{}", output.stdout, output.stderr);
    assert!(output.code.is_some_and(|code| code != 101 && code != 1), "{all}");
    assert!(!all.contains("panicked") && !all.contains("RUST_BACKTRACE"), "{all}");
}
