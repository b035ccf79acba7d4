//! Running other programs in the workspace's folder.

use crate::{Result, workspace};
use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// A command that is about to run, without standard input.
pub(crate) struct Shell(pub(crate) Command);

impl Shell {
    /// A program with arguments.
    pub(crate) fn new<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = A>) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(workspace::root()).stdin(Stdio::null());
        Self(command)
    }

    /// The Cargo that runs this.
    pub(crate) fn cargo<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments)
    }

    /// Whether it can be started and says yes; its words are not shown.
    pub(crate) fn succeeds(mut self) -> bool {
        self.0.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// Runs it with its words on the terminal.
    pub(crate) fn run(mut self) -> Result {
        let status = self.0.status().map_err(|cause| format!("cannot start {}: {cause}", self.name()))?;
        if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", self.name()).into()) }
    }

    /// Runs it and returns what it printed.
    pub(crate) fn output(mut self) -> Result<String> {
        let output = self.0.output().map_err(|cause| format!("cannot start {}: {cause}", self.name()))?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{} ended with {}\n{}", self.name(), output.status, words.trim_end()).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    fn name(&self) -> String {
        let program = self.0.get_program().to_string_lossy();
        let name = program.rsplit('/').next().unwrap_or_default().to_owned();
        let words = self.0.get_args().map(|word| word.to_string_lossy().into_owned());
        std::iter::once(name).chain(words).collect::<Vec<_>>().join(" ")
    }
}
