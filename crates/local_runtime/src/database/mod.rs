//! Database servers of this machine: their programs found, a data folder made once, a certificate, and what they
//! hold kept as it is declared.

mod access;
mod administrator;
mod backups;
pub(crate) mod content;
mod data_folder;
mod facts;
mod guise;
mod initialize;
mod install;
mod programs;
mod record;
mod rehearsal;
mod server;
mod tool;

pub(crate) use access::administrator_access;
pub use backups::{BackupSource, KeptBackup, Recovery, backup_sources};
pub(crate) use content::strange;
pub(crate) use data_folder::remove_stale_locks;
pub use facts::DatabaseFacts;
pub(crate) use guise::Guise;
pub use install::Installation;
pub(crate) use record::Record;
pub use rehearsal::{Rehearsal, Tried};
pub(crate) use server::{difference, ensure, missing_engine, remove, wrong};
