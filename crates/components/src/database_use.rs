//! How components and databases find each other: who uses one says so, the database answers with the way.

use model::database::{Engine, GrantLevel};
use model::private_access::DatabaseLogin;
use model::text::{Atom, DatabaseFile};
use model::{ComponentName, ManifestPath, NodeId, PortId, Text};

/// Somebody other than a person uses a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseUse {
    /// Who: the role has this name too.
    pub by: ComponentName,
    /// The component of kind `database`.
    pub component: ComponentName,
    /// Which of its databases; may be absent when it has only one.
    pub database: Option<String>,
    /// What it may do there.
    pub grants: GrantLevel,
    /// How many connections it may hold.
    pub connections: Option<u32>,
    /// From which addresses it comes, as CIDR blocks; empty: wherever the network lets it.
    pub sources: Vec<String>,
    /// Where it was said.
    pub at: ManifestPath,
}

/// What is told of a component that holds databases, for rules between components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// Which family.
    pub engine: Engine,
    /// The databases in it.
    pub databases: Vec<String>,
    /// The people who have a role in it.
    pub people: Vec<RoleWanted>,
}

/// A role that there must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleWanted {
    /// Its name.
    pub name: String,
    /// Why.
    pub at: ManifestPath,
    /// Whether it is a person's.
    pub is_person: bool,
}

/// A database server on this machine, for those who lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalDatabase {
    /// Which family.
    pub engine: Engine,
    /// Where it listens.
    pub port: PortId,
    /// The `DatabaseServer` node.
    pub server: NodeId,
    /// The node of the running server.
    pub program: NodeId,
    /// The `DatabaseContent` node: whoever needs a role waits for it.
    pub content: NodeId,
    /// The databases in it.
    pub databases: Vec<String>,
}

/// How one component uses a database: where it is and with what to log in.
#[derive(Debug, Clone, PartialEq)]
pub struct DatabaseWay {
    /// Which family.
    pub engine: Engine,
    /// The `DatabaseServer` node.
    pub server: NodeId,
    /// The `DatabaseContent` node: whoever logs in waits for it.
    pub content: NodeId,
    /// Where it listens.
    pub port: PortId,
    /// The database.
    pub database: String,
    /// What the login may do there.
    pub grants: GrantLevel,
    /// The login's name; another one after each rotation.
    pub user: Text,
    /// Its password.
    pub password: Text,
}

impl DatabaseWay {
    /// The address of the server.
    #[must_use]
    pub fn host(&self) -> Text {
        Text::hole(Atom::DatabaseHost(self.server.clone()))
    }

    /// The file of the authorities that the server's certificate is checked with.
    #[must_use]
    pub fn authority(&self) -> Text {
        Text::hole(Atom::DatabaseFile(self.server.clone(), DatabaseFile::Authority))
    }

    /// The same for somebody who asks over this machine's loopback address.
    #[must_use]
    pub fn login(&self) -> DatabaseLogin {
        DatabaseLogin {
            engine: self.engine,
            server_name: None,
            database: self.database.clone(),
            user: self.user.clone(),
            password: self.password.clone(),
        }
    }
}
