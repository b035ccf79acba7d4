//! A database server that makes sense.

use super::data::Table;
use super::schema::DatabaseSize;
use crate::together::RoleNamed;
use indexmap::IndexMap;
use model::ManifestPath;
use model::database::{DatabaseDeclaration, Engine, GrantLevel};
use model::process_graph::PortWish;
use model::scalar::Size;

/// A database server that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValidDatabase {
    pub(super) engine: Engine,
    /// The release, as `8.4` or `16`.
    pub(super) version: String,
    pub(super) size: DatabaseSize,
    pub(super) port: PortWish,
    pub(super) databases: IndexMap<String, DatabaseDeclaration>,
    /// By database: the tables that its data files make.
    pub(super) tables: IndexMap<String, Vec<Table>>,
    /// The roles of people that it gives something to.
    pub(super) roles: Vec<RoleNamed>,
    /// By person.
    pub(super) people: IndexMap<String, PersonGrants>,
    pub(super) backups: Backups,
    pub(super) aurora: bool,
    pub(super) zones: u8,
    pub(super) deletion_protection: bool,
    pub(super) storage: Option<Size>,
    /// The certificates of the authorities of its server, as PEM.
    pub(super) authorities: Option<String>,
    /// Its path in the manifest.
    pub(super) at: ManifestPath,
}

/// What a person may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PersonGrants {
    /// By database; the widest of what the person's roles give.
    pub(super) grants: IndexMap<String, GrantLevel>,
    /// The role of people that gives it.
    pub(super) at: ManifestPath,
}

/// How backups are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Backups {
    pub(super) keep: u8,
    /// In UTC, as `03:00`.
    pub(super) at: String,
}

impl ValidDatabase {
    /// The names of its databases.
    pub(super) fn names(&self) -> Vec<String> {
        self.databases.keys().cloned().collect()
    }

    /// The database that somebody means who names this one, or none although there is only one.
    pub(super) fn database<'d>(&'d self, named: Option<&'d str>) -> Option<&'d str> {
        match named {
            Some(name) => Some(name),
            None => self.databases.keys().next().map(String::as_str).filter(|_| self.databases.len() == 1),
        }
    }
}
