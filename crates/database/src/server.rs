//! A server: one way in, as many connections as databases are looked into.

use crate::access::Access;
use crate::connection::Connection;
use crate::error::Result;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The database that keeps what this product knows of a server, and, inside PostgreSQL's databases, the schema.
pub const LEDGER: &str = "landfall";

/// A server that is looked at and changed. Connections are opened when they are needed and kept.
#[derive(Debug)]
pub struct Server {
    access: Access,
    open: BTreeMap<String, Connection>,
}

impl Server {
    /// Nothing is connected yet; `access` is the administrator's.
    #[must_use]
    pub fn new(access: Access) -> Self {
        Self { access, open: BTreeMap::new() }
    }

    /// The administrator's access.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The connection that sees the server as a whole: PostgreSQL's to the ledger's database when it is there.
    pub(crate) async fn home(&mut self) -> Result<&mut Connection> {
        if self.access.engine.speaks_mysql() {
            return self.keep(String::new(), self.access.clone()).await;
        }
        let is_there = match self.open.contains_key(LEDGER) {
            true => true,
            false => match Connection::open_as_administrator(&self.access.to_database(LEDGER)).await {
                Ok(connection) => {
                    self.open.insert(LEDGER.to_owned(), connection);
                    true
                }
                Err(error) if error.has_code("3D000") => false,
                Err(error) => return Err(error),
            },
        };
        if is_there {
            return self.keep(LEDGER.to_owned(), self.access.to_database(LEDGER)).await;
        }
        self.keep(String::new(), self.access.clone()).await
    }

    /// A connection to one database. MySQL's sees all of them.
    pub(crate) async fn inside(&mut self, database: &str) -> Result<&mut Connection> {
        if self.access.engine.speaks_mysql() {
            return self.home().await;
        }
        self.keep(database.to_owned(), self.access.to_database(database)).await
    }

    /// A connection of one's own, whose settings nobody else inherits.
    pub(crate) async fn fresh(&self, database: &str) -> Result<Connection> {
        Connection::open_as_administrator(&self.access.to_database(database)).await
    }

    async fn keep(&mut self, key: String, access: Access) -> Result<&mut Connection> {
        match self.open.entry(key) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(Connection::open_as_administrator(&access).await?)),
        }
    }

    /// Takes the open connections of these databases out, opening what is lacking, all at once.
    pub(crate) async fn take(&mut self, databases: &[String]) -> Result<Vec<(String, Connection)>> {
        let mut work = Vec::new();
        for database in databases {
            let kept = self.open.remove(database);
            let access = self.access.to_database(database);
            let name = database.clone();
            work.push(async move {
                match kept {
                    Some(connection) => Ok((name, connection)),
                    None => Ok((name, Connection::open_as_administrator(&access).await?)),
                }
            });
        }
        futures_util::future::try_join_all(work).await
    }

    /// Puts a connection back that was taken.
    pub(crate) fn put(&mut self, database: String, connection: Connection) {
        self.open.insert(database, connection);
    }

    /// Says goodbye everywhere.
    pub async fn close(mut self) {
        while let Some((_, connection)) = self.open.pop_first() {
            connection.close().await;
        }
    }
}
