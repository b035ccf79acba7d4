//! `cargo xtask test`: everything that must hold, from the cheapest question to the dearest.

use crate::shell::Shell;
use crate::{Result, binary, console, dependencies, generate, hygiene, layers, tools};
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::process::{ExitCode, Stdio};
use std::time::Instant;

/// How many things were asked and what came of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

impl Tally {
    const PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    const SKIPPED: Self = Self { passed: 0, failed: 0, skipped: 1 };

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Reads a line of libtest, as `test result: ok. 3 passed; 0 failed; 1 ignored; ...`.
    fn of_libtest(line: &str) -> Option<Self> {
        let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
        let mut tally = Self::default();
        for part in counts.split(';') {
            match part.trim().split_once(' ') {
                Some((number, "passed")) => tally.passed = number.parse().ok()?,
                Some((number, "failed")) => tally.failed = number.parse().ok()?,
                Some((number, "ignored")) => tally.skipped = number.parse().ok()?,
                _ => {}
            }
        }
        Some(tally)
    }
}

/// The steps and how they went.
struct Suite {
    began: Instant,
    total: Tally,
    failures: Vec<String>,
    skips: Vec<String>,
}

/// Runs every step, also after a failure, and ends with one line of counts.
pub(crate) fn run() -> Result<ExitCode> {
    let mut suite = Suite { began: Instant::now(), total: Tally::default(), failures: Vec::new(), skips: Vec::new() };
    suite.step("tools", tools::ensure);
    suite.check("repository", hygiene::check);
    suite.check("layers", layers::check);
    suite.check("dependencies", dependencies::check);
    suite.step("format", || {
        if !Shell::cargo(["fmt", "--version"]).succeeds() {
            return skip("no rustfmt here (rustup component add rustfmt)");
        }
        Shell::cargo(["fmt", "--all", "--check"]).run().map(|()| Tally::PASSED)
    });
    suite.step("lints", || {
        if !Shell::cargo(["clippy", "--version"]).succeeds() {
            return skip("no clippy here (rustup component add clippy)");
        }
        let words = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"];
        Shell::cargo(words).run().map(|()| Tally::PASSED)
    });
    suite.step("deny", || {
        if !Shell::cargo(["deny", "--version"]).succeeds() {
            return skip("no cargo-deny here; the step `dependencies` asks the same of licences and forbidden crates");
        }
        Shell::cargo(["deny", "--offline", "check", "bans", "licenses", "sources"]).run().map(|()| Tally::PASSED)
    });
    suite.step("tests", tests);
    suite.check("generated files", || generate::check(&binary::with_tests()?));
    suite.step("documents", || console::check(&binary::with_tests()?));
    Ok(suite.end())
}

/// A step that was not done, with the reason.
pub(crate) fn skip(reason: &str) -> Result<Tally> {
    println!("skipped: {reason}");
    Ok(Tally::SKIPPED)
}

impl Suite {
    /// A step that holds or does not.
    fn check(&mut self, name: &str, work: impl FnOnce() -> Result) {
        self.step(name, || work().map(|()| Tally::PASSED));
    }

    fn step(&mut self, name: &str, work: impl FnOnce() -> Result<Tally>) {
        println!("\n==> {name}");
        let began = Instant::now();
        let tally = work().unwrap_or_else(|fault| {
            eprintln!("{fault}");
            Tally { failed: 1, ..Tally::default() }
        });
        let seconds = began.elapsed().as_secs_f64();
        println!("<== {name}: {tally} ({seconds:.1} s)");
        if tally.failed > 0 {
            self.failures.push(name.to_owned());
        }
        if tally.skipped > 0 {
            self.skips.push(name.to_owned());
        }
        self.total.add(tally);
    }

    fn end(self) -> ExitCode {
        println!("\nall steps in {:.0} s", self.began.elapsed().as_secs_f64());
        if !self.skips.is_empty() {
            println!("skipped in: {}", self.skips.join(", "));
        }
        if !self.failures.is_empty() {
            println!("failed in: {}", self.failures.join(", "));
        }
        println!("{}", self.total);
        if self.total.failed == 0 && self.total.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// All unit and integration tests of all crates. Their lines are shown as they come and counted.
fn tests() -> Result<Tally> {
    let mut command = Shell::cargo(["test", "--workspace", "--locked", "--no-fail-fast"]).0;
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut tally = Tally::default();
    let mut out = std::io::stdout().lock();
    for line in BufReader::new(child.stdout.take().ok_or("no output of cargo test")?).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        writeln!(out, "{line}")?;
        if let Some(counts) = Tally::of_libtest(&line) {
            tally.add(counts);
        }
    }
    let status = child.wait()?;
    if !status.success() && tally.failed == 0 {
        return Err(format!("cargo test ended with {status} and counted no failed test: does it build?").into());
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtest_lines_are_counted() {
        let line = "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 3 filtered out; finished in 0.10s";
        assert_eq!(Tally::of_libtest(line), Some(Tally { passed: 12, failed: 1, skipped: 2 }));
        assert_eq!(Tally::of_libtest("test suite::tests::x ... ok"), None);
    }
}
