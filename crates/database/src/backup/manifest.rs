//! `backup.json`.

use super::{DESCRIPTION, file};
use crate::error::{Result, refused};
use indexmap::IndexMap;
use model::database::{Engine, GrantLevel};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// The version of this description.
    pub format: u32,
    /// The family of the server.
    pub engine: Engine,
    /// The server's version in its own words.
    pub server: String,
    /// When it was made, in UTC.
    pub at: String,
    /// The databases.
    pub databases: IndexMap<String, BackedUpDatabase>,
    /// The roles that the manifest declared; passwords are in no backup.
    pub roles: IndexMap<String, BackedUpRole>,
    /// How long all of it took.
    pub milliseconds: u64,
}

/// A database in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUpDatabase {
    /// The dump's file in the folder.
    pub file: String,
    /// Its SHA-256 digest.
    pub digest: String,
    /// Its size.
    pub bytes: u64,
    /// The rows of every table.
    pub rows: IndexMap<String, u64>,
    /// How long it took.
    pub milliseconds: u64,
}

/// A role in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUpRole {
    /// Its logins.
    pub logins: Vec<String>,
    /// What it may, by database.
    pub grants: IndexMap<String, GrantLevel>,
}

impl Backup {
    /// Reads the description of a backup.
    ///
    /// # Errors
    /// When there is none, or one of a newer version.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(DESCRIPTION);
        let text = std::fs::read_to_string(&path).map_err(|cause| file(&path, cause))?;
        let read: Self = serde_json::from_str(&text).map_err(|cause| file(&path, cause))?;
        if read.format > 1 {
            return Err(refused(format!("{} was written by a newer version", path.display()), "use that version"));
        }
        Ok(read)
    }
}
