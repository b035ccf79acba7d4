//! Where evidence of failures is kept on this machine: for people, never read again by the command.

use local_runtime::write_atomically;
use model::{Fault, FaultKind};
use stacks::Evidence;
use std::fmt::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A folder for the evidence of one deployment.
pub(crate) struct EvidenceFolder {
    folder: PathBuf,
    written: Mutex<Vec<PathBuf>>,
}

impl EvidenceFolder {
    /// A folder that need not exist yet.
    pub(crate) fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), written: Mutex::default() }
    }

    /// Writes what is kept of a failed stack: a record for programs and a text for people.
    pub(crate) fn keep(&self, evidence: &Evidence) -> Result<(), Fault> {
        let fault = |error: &dyn std::fmt::Display| {
            let doing = format!("keeping the evidence of {} in {}", evidence.stack, self.folder.display());
            Fault::new(FaultKind::NeedsPerson, doing, error)
                .help("free some space, or choose another folder with --evidence DIR; AWS keeps the events for 90 days")
        };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(|error| fault(&error))?;
        let stamp: String = evidence.at.chars().filter(char::is_ascii_alphanumeric).take(15).collect();
        let stem = format!("{}-{stamp}", evidence.stack);
        let record = serde_json::to_string_pretty(evidence).map_err(|error| fault(&error))? + "\n";
        for (name, text) in [(format!("{stem}.json"), record), (format!("{stem}.txt"), text(evidence))] {
            let path = self.folder.join(name);
            write_atomically(&path, text.as_bytes(), 0o600).map_err(|error| fault(&error.cause))?;
            self.written.lock().unwrap_or_else(PoisonError::into_inner).push(path);
        }
        Ok(())
    }

    /// The folder, when something was written to it.
    pub(crate) fn used(&self) -> Option<&Path> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        (!written.is_empty()).then_some(self.folder.as_path())
    }
}

/// The evidence as text.
fn text(evidence: &Evidence) -> String {
    let mut text = format!(
        "{} ({})\n{} when this was taken, {}\n\nCauses\n",
        evidence.stack, evidence.stack_id, evidence.status, evidence.at
    );
    for cause in &evidence.causes {
        let _ = writeln!(text, "  {} {cause}", cause.logical_id);
        if let Some(help) = &cause.help {
            let _ = writeln!(text, "    do: {help}");
        }
    }
    text.push_str("\nEvents\n");
    for event in &evidence.events {
        let reason = event.reason.as_deref().unwrap_or_default();
        let _ = writeln!(text, "  {}  {:<24} {:<28} {reason}", event.at, event.status, event.logical_id);
    }
    for host in &evidence.hosts {
        let _ = writeln!(text, "\n{} of {}", host.name, host.of);
        for line in &host.lines {
            let _ = writeln!(text, "  | {line}");
        }
    }
    if !evidence.missing.is_empty() {
        let _ = writeln!(text, "\nNot to be had\n  {}", evidence.missing.join("\n  "));
    }
    text
}
