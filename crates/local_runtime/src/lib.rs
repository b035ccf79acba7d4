//! Deployments on this machine with real processes: files, secrets, Python environments, ports, and
//! a supervisor that outlives the command and holds the TLS edge.
//!
//! [`LocalTarget`] is what the engine plans and runs against and what the prober asks. It talks to
//! one supervisor for each deployment ([`supervise`]) over a unix socket. The crate reads neither
//! the environment nor the arguments of its process: the caller hands in [`Variables`].

mod authority;
mod certificate;
mod database;
mod disk;
mod doctor;
mod drift;
mod folders;
mod follow;
mod listeners;
mod ownership;
mod ports;
mod processes;
mod python;
mod removal;
mod rotations;
mod secrets;
mod source;
mod status;
mod supervisor;
mod target;
mod variables;

pub use authority::certificate_file as authority_certificate;
pub use database::{BackupSource, DatabaseFacts, Installation, KeptBackup, Recovery, Rehearsal, Tried, backup_sources};
pub use disk::write_atomically;
pub use doctor::{PythonFacts, ToolchainFacts, toolchain_facts};
pub use drift::Difference;
pub use folders::{Home, UserFolders};
pub use follow::{Follower, last_lines};
pub use ownership::{STATE_VERSION, deployments};
pub use removal::{Leftovers, Removal};
pub use secrets::{given_secret, random};
pub use source::{folder_digest, release};
pub use status::{FilledOutput, LogFile, OutputValue, Status, SupervisorFacts};
pub use supervisor::{EdgeState, Phase, ProgramStatus, SshServerState, SupervisorCommand, TunnelReport, supervise};
pub use target::{LocalTarget, Setup};
pub use variables::Variables;
