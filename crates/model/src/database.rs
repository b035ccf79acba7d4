//! What is inside a database server, as data: databases, roles, grants, data. The component says it, the
//! crate `database` makes it so, wherever the server runs.

use crate::{Digest, NodeId};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A family of database servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// MySQL Community Server.
    Mysql,
    /// MariaDB Server.
    Mariadb,
    /// PostgreSQL.
    Postgres,
}

impl Engine {
    /// The port that clients try when none is said.
    #[must_use]
    pub fn usual_port(self) -> u16 {
        match self {
            Self::Mysql | Self::Mariadb => 3306,
            Self::Postgres => 5432,
        }
    }

    /// The scheme of its URLs.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Mysql | Self::Mariadb => "mysql",
            Self::Postgres => "postgresql",
        }
    }

    /// Whether it speaks MySQL's protocol.
    #[must_use]
    pub fn speaks_mysql(self) -> bool {
        matches!(self, Self::Mysql | Self::Mariadb)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mysql => "MySQL",
            Self::Mariadb => "MariaDB",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// All that a server must hold. What is managed and no longer named goes; what somebody else made stays and is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseContent {
    /// Which family.
    pub engine: Engine,
    /// The databases by name.
    pub databases: IndexMap<String, DatabaseDeclaration>,
    /// The roles by name: a component's or a person's.
    pub roles: IndexMap<String, RoleDeclaration>,
}

/// One database. It is never dropped: data goes only by a person's hand, or with the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseDeclaration {
    /// Extensions (PostgreSQL).
    pub extensions: Vec<String>,
    /// What is loaded into it, in order, each once.
    pub data: Vec<InitialData>,
}

/// A file that is loaded into a database once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitialData {
    /// The file, relative to the manifest's folder.
    pub path: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// What it is.
    pub form: DataForm,
}

/// What a data file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "lowercase")]
pub enum DataForm {
    /// Statements; also a plain dump of the engine's own tool.
    Sql,
    /// Rows of a table that is there already: RFC 4180, UTF-8, the first line names columns, an empty field is NULL.
    Csv {
        /// The table.
        table: String,
    },
}

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleDeclaration {
    /// The names under which it may log in, each with the node of its password. Usually one; two while a password is rotated.
    /// All have the same rights and see the same objects.
    pub logins: IndexMap<String, NodeId>,
    /// What it may do, by database.
    pub grants: IndexMap<String, GrantLevel>,
    /// How many connections it may hold, for each login.
    pub connections: Option<u32>,
    /// From where it may log in: CIDR blocks; empty means wherever the network lets it (MySQL: host patterns).
    pub sources: Vec<String>,
}

/// What a role may do in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantLevel {
    /// SELECT.
    ReadOnly,
    /// SELECT, INSERT, UPDATE, DELETE.
    ReadWrite,
    /// The above, and CREATE, ALTER, DROP of tables and their like.
    Owner,
}

impl fmt::Display for GrantLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadOnly => "read-only",
            Self::ReadWrite => "read-write",
            Self::Owner => "owner",
        })
    }
}
