//! What a deployment is remembered by: the graph that was last brought up and what the probes
//! found. So `verify`, `outputs` and `status` speak of what runs, whatever the manifest says now.

use local_runtime::{Home, write_atomically};
use model::verification::VerificationReport;
use model::{Digest, Fault, FaultKind, ProcessGraph};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The version of the record's JSON form.
const RECORD_VERSION: u32 = 1;

/// The record of one deployment. Holds no secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    version: u32,
    /// The manifest that it was made from.
    pub(crate) manifest: PathBuf,
    /// Its environment.
    pub(crate) environment: String,
    /// The digest of all that was said.
    pub(crate) manifest_digest: Digest,
    /// What was brought up.
    pub(crate) graph: ProcessGraph,
    /// What the probes found the last time that all of them were asked.
    pub(crate) verification: Option<VerificationReport>,
}

impl Record {
    /// The record of a graph that was brought up and not yet verified.
    pub(crate) fn new(manifest: &Path, environment: &str, manifest_digest: Digest, graph: ProcessGraph) -> Self {
        let (manifest, environment) = (manifest.to_path_buf(), environment.to_owned());
        Self { version: RECORD_VERSION, manifest, environment, manifest_digest, graph, verification: None }
    }

    /// Whether the last verification of this very graph proved it.
    pub(crate) fn is_proved(&self) -> bool {
        self.verification.as_ref().is_some_and(VerificationReport::is_proved)
    }

    /// Reads the record of a deployment, where there is one.
    ///
    /// # Errors
    /// When it cannot be read or was written by a newer version.
    pub(crate) fn read(home: &Home) -> Result<Option<Self>, Fault> {
        let path = file(home);
        let doing = || format!("reading {}", path.display());
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Fault::new(FaultKind::NeedsPerson, doing(), error)),
        };
        let version: u32 = serde_json::from_str::<serde_json::Value>(&text)
            .ok()
            .and_then(|value| value.get("version")?.as_u64()?.try_into().ok())
            .unwrap_or_default();
        if version > RECORD_VERSION {
            let cause = format!("it has version {version}; this landfall knows {RECORD_VERSION}");
            let fault = Fault::new(FaultKind::IncompatibleState, doing(), cause);
            return Err(fault.help("use the newer landfall that wrote it"));
        }
        // A record is made again by every `up`, so a damaged one is as good as none.
        Ok(serde_json::from_str(&text).ok())
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, home: &Home) -> Result<(), Fault> {
        let path = file(home);
        let text = serde_json::to_string(self)
            .map_err(|error| Fault::new(FaultKind::Bug, format!("writing {}", path.display()), error))?;
        write_atomically(&path, text.as_bytes(), 0o600)
    }
}

fn file(home: &Home) -> PathBuf {
    home.root().join("deployment.json")
}
