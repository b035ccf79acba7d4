//! `cargo xtask fuzz`: the fuzz targets under `fuzz/`, each for some seconds, with the nightly compiler.

use crate::shell::Shell;
use crate::{Result, workspace};

/// The targets.
const TARGETS: [&str; 3] = ["yaml", "manifest", "template"];

/// What `cargo fuzz` tells the compiler, so that it need not be installed.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Ccodegen-units=1";

/// Runs them, from the manifests of the repository on. A crash leaves its input under `fuzz/artifacts/`.
pub(crate) fn run(seconds: &str) -> Result {
    seconds.parse::<u32>().map_err(|_| format!("`{seconds}` is no number of seconds"))?;
    let fuzz = workspace::root().join("fuzz");
    let seeds = fuzz.join("corpus/seeds");
    std::fs::create_dir_all(&seeds)?;
    for (number, file) in workspace::files()?.iter().enumerate() {
        if file.extension().is_some_and(|extension| extension == "yaml") {
            std::fs::copy(workspace::root().join(file), seeds.join(number.to_string()))?;
        }
    }
    std::fs::create_dir_all(fuzz.join("artifacts"))?;
    for target in TARGETS {
        let found = fuzz.join("corpus").join(target);
        std::fs::create_dir_all(&found)?;
        let mut shell =
            Shell::new("rustup", ["run", "nightly", "cargo", "run", "--release", "--quiet", "--bin", target, "--"]);
        shell.0.current_dir(&fuzz).env("RUSTFLAGS", FLAGS).env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
        // Without a word the compiler would build build scripts with the same flags.
        shell.0.env("CARGO_BUILD_TARGET", workspace::host()?);
        shell.0.arg(format!("-max_total_time={seconds}")).args([
            "-rss_limit_mb=2048",
            "-timeout=5",
            "-print_final_stats=1",
        ]);
        let words = fuzz.join("words").join(target);
        if words.exists() {
            shell.0.arg(format!("-dict={}", words.display()));
        }
        shell.0.arg(format!("-artifact_prefix={}/artifacts/{target}-", fuzz.display())).arg(found).arg(&seeds);
        shell.run()?;
    }
    Ok(())
}
