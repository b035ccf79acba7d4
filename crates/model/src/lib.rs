//! The words that every other crate speaks: manifest paths, findings, the graph of local
//! processes, probes, plans, events. Pure data; no clock, no randomness, no file, no network.
//!
//! The chain of values (see `docs/architecture.md`) is made of these types; each stage takes
//! one and returns the next, so that no stage can receive an earlier one's half-truth.

pub mod cfn;
pub mod database;
pub mod digest;
pub mod event;
pub mod fault;
pub mod finding;
pub mod manifest_path;
pub mod name;
pub mod plan;
pub mod private_access;
pub mod probe;
pub mod process_graph;
pub mod rotation;
pub mod run_state;
pub mod scalar;
pub mod secret;
pub mod text;
pub mod verification;
pub mod yaml;

pub use digest::{Digest, DigestWriter};
pub use event::{Event, RunEvent};
pub use fault::{Fault, FaultKind};
pub use finding::{Finding, FindingCode, Findings, Place, Severity};
pub use manifest_path::{ManifestPath, Segment};
pub use name::{ComponentName, DeploymentName, NodeId, PortId, ProbeId, StepId};
pub use plan::{Action, DeploymentPlan, Step};
pub use process_graph::ProcessGraph;
pub use rotation::{Rotation, Rotations};
pub use secret::Secret;
pub use text::{Atom, Text};
