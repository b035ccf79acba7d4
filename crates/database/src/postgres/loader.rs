//! Who runs what others wrote: files of data, and backups. Statements in them come to the rights of the session that they run in,
//! whatever role it acts for (`RESET ROLE`). So it is a login that is there for one run, and may act for one owner group.

use super::{group, name, text};
use crate::access::Access;
use crate::connection::Connection;
use crate::error::Result;
use crate::verifier::{self, Scram};
use model::Secret;
use model::database::GrantLevel;

/// Its name.
pub(crate) const LOADER: &str = "landfall_loader";

/// A login for one run in one database.
pub(crate) struct Loader {
    administrator: Access,
    database: String,
    password: Secret,
}

impl Loader {
    /// Makes the login. What an earlier run left of it is taken up.
    pub(crate) async fn make(administrator: &Access, database: &str) -> Result<Self> {
        let password = Secret::new(verifier::hex(&verifier::random::<24>()));
        let stored = text(&Scram::new(password.expose(), verifier::random()).to_string());
        let mut home = Connection::open_as_administrator(administrator).await?;
        match home.run(format!("CREATE ROLE {LOADER} NOLOGIN;")).await {
            Err(error) if !error.has_code("42710") => return Err(error),
            _ => {}
        }
        // Without INHERIT it has nothing of the group but by acting for it: what it makes is the group's.
        home.run(format!(
            "ALTER ROLE {LOADER} LOGIN NOINHERIT PASSWORD {stored}; GRANT {} TO {LOADER}; GRANT CONNECT ON DATABASE {} TO {LOADER};",
            name(&group(database, GrantLevel::Owner)),
            name(database),
        ))
        .await?;
        home.close().await;
        Ok(Self { administrator: administrator.clone(), database: database.to_owned(), password })
    }

    /// With what it logs in.
    pub(crate) fn access(&self) -> Access {
        let access = self.administrator.to_database(&self.database);
        Access { user: LOADER.to_owned(), password: self.password.clone(), ..access }
    }

    /// Takes the login away, with its sessions.
    pub(crate) async fn end(self) -> Result<()> {
        let mut home = Connection::open_as_administrator(&self.administrator).await?;
        home.run(format!(
            "ALTER ROLE {LOADER} NOLOGIN PASSWORD NULL; REVOKE {} FROM {LOADER}; REVOKE CONNECT ON DATABASE {} FROM {LOADER};",
            name(&group(&self.database, GrantLevel::Owner)),
            name(&self.database),
        ))
        .await?;
        // A run that was cut off may have left it rights in another database: it stays without login until that is loaded into.
        let gone = home.run(format!("DROP ROLE {LOADER};")).await;
        home.close().await;
        gone.or_else(|error| if error.has_code("2BP01") { Ok(()) } else { Err(error) })
    }
}
