//! Running a program of an engine to its end.

use crate::Variables;
use crate::database::Guise;
use crate::processes;
use model::{Fault, FaultKind};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::{Instant, timeout};

/// The longest time that such a program may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// A program with its arguments, and what it reads. Arguments never hold a secret; the input may.
pub(crate) struct Tool<'a> {
    pub(crate) operation: String,
    pub(crate) guise: &'a Guise,
    pub(crate) command: Vec<String>,
    pub(crate) input: &'a str,
    pub(crate) folder: &'a Path,
    pub(crate) variables: &'a Variables,
}

impl Tool<'_> {
    /// Runs it; returns all that it said.
    ///
    /// # Errors
    /// When it cannot be run, takes too long or ends with an error.
    pub(crate) async fn run(self, tell: &(dyn Fn(&str) + Send + Sync)) -> Result<String, Fault> {
        let mut words = self.guise.wrap(self.command).into_iter();
        let program = words.next().unwrap_or_default();
        let failed = |kind, cause: String| Fault::new(kind, &self.operation, cause);
        let mut command = Command::new(&program);
        command
            .args(words)
            .env_clear()
            .envs(["PATH", "TMPDIR"].iter().filter_map(|name| Some((name, self.variables.get(name)?))))
            // Messages are looked at, so they must not be translated.
            .envs([("LC_ALL", "C"), ("TZ", "UTC")])
            .env("HOME", self.folder)
            .current_dir(self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        processes::die_with_parent(&mut command);
        let mut child = command
            .spawn()
            .map_err(|error| failed(FaultKind::Permanent, format!("`{program}` cannot be run: {error}")))?;
        let stdin = child.stdin.take();
        let input = self.input.as_bytes();
        let feed = async move {
            if let Some(mut stdin) = stdin {
                // Who does not read to the end has said why.
                let _ = stdin.write_all(input).await;
            }
        };
        let begun = Instant::now();
        let work = async { tokio::join!(feed, child.wait_with_output()).1 };
        tokio::pin!(work);
        let output = loop {
            match timeout(Duration::from_secs(1), &mut work).await {
                Ok(output) => break output,
                Err(_) if begun.elapsed() > PATIENCE => {
                    let cause = format!("`{program}` has not ended after {} s", PATIENCE.as_secs());
                    return Err(failed(FaultKind::Timeout, cause));
                }
                Err(_) => tell(&format!("at work for {} s", begun.elapsed().as_secs())),
            }
        };
        let output = output.map_err(|error| failed(FaultKind::Permanent, error.to_string()))?;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            return Ok(said);
        }
        let tail: Vec<String> =
            said.lines().filter(|line| !line.trim().is_empty()).rev().take(20).map(str::to_owned).collect();
        let tail: Vec<String> = tail.into_iter().rev().collect();
        if no_space(&said) {
            let help = format!(
                "free some space on the file system of {} (`df -h` shows how full it is), then run the same command again",
                self.folder.display()
            );
            return Err(failed(FaultKind::NeedsPerson, "no space left on the device".to_owned())
                .help(help)
                .log_tail(tail));
        }
        let last = tail.last().cloned().unwrap_or_else(|| "it says nothing".to_owned());
        Err(failed(FaultKind::Permanent, format!("`{program}` ended with {}: {last}", output.status)).log_tail(tail))
    }
}

/// Whether what a program said is about a full disk.
pub(crate) fn no_space(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    ["no space left on device", "disk is full", "disk full", "errcode: 28", "error number 28"]
        .iter()
        .any(|words| said.contains(words))
}
